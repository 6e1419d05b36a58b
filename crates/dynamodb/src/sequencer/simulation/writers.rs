//! Commits of every kind: of one stream and of several, of one piece and of many.

use factlog::{EventType, StreamName, Version};

use super::rng::Rng;
use super::shards::timestamp;
use super::world::World;
use crate::commit::{Part, PieceHead};

/// How commits lie in the events table.
#[derive(Clone, Copy, Debug)]
pub(super) enum Packing {
    /// An item for each event.
    Castore,
    /// An item for each part, now and then two.
    Native,
}

#[derive(Debug)]
pub(super) struct Writers {
    streams: Vec<StreamName>,
    packing: Packing,
}

impl Writers {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let streams = (0..2 + rng.below(7)).map(|number| {
            StreamName::new(format!("{}-{number}", ["order", "stock"][rng.index(2)])).unwrap()
        });
        let streams = streams.collect();
        let packing = if rng.chance(500) { Packing::Castore } else { Packing::Native };
        Self { streams, packing }
    }

    /// One of them appends, to one stream or to several.
    pub(super) fn append(&self, world: &mut World, streams_on: bool) {
        let several = if world.rng.chance(300) { 1 + world.rng.index(4) } else { 1 };
        let mut streams = self.streams.clone();
        if world.rng.chance(200) {
            // Nothing that comes later shows that this one is missing.
            let once = format!("once-{}", world.commits.len());
            streams = vec![StreamName::new(once).unwrap()];
        }
        let mut parts = Vec::new();
        for _ in 0..several.min(streams.len()) {
            let stream = streams.swap_remove(world.rng.index(streams.len()));
            let first = next_version(world, &stream);
            parts.push(Part {
                stream,
                first,
                count: 1 + u32::try_from(world.rng.skewed(8)).unwrap(),
            });
        }
        let pieces = self.pieces(&parts, world);
        if pieces.len() > 1 {
            world.counts.count("commits of several pieces");
        }
        world.append(pieces, streams_on);
    }

    fn pieces(&self, parts: &[Part], world: &mut World) -> Vec<PieceHead> {
        // Clocks of writers differ.
        let recorded = timestamp(world.now() + world.rng.skewed(10_000));
        let mut pieces = Vec::new();
        for part in parts {
            let (mut first, end) = (part.first, part.last().next());
            while first < end {
                let left = end.number() - first.number();
                let count = match self.packing {
                    Packing::Castore => 1,
                    Packing::Native if world.rng.chance(100) => 1 + world.rng.below(left),
                    Packing::Native => left,
                };
                let types = (0..count).map(|_| event_type(&mut world.rng)).collect();
                let (stream, parts) = (part.stream.clone(), parts.to_vec());
                pieces.push(PieceHead { stream, first, types, recorded, parts });
                first = first.plus(count);
            }
        }
        if let [only] = &mut pieces[..] {
            only.parts.clear();
        }
        pieces
    }
}

fn next_version(world: &World, stream: &StreamName) -> Version {
    let all = (stream.clone(), Version::ZERO)..=(stream.clone(), Version::MAX);
    let last = world.events.range(all).next_back();
    last.map_or(Version::FIRST, |(_, piece)| piece.next())
}

fn event_type(rng: &mut Rng) -> EventType {
    EventType::new(["Opened", "Changed", "Closed"][rng.index(3)]).unwrap()
}
