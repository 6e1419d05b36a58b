//! The placer on tables that are hard to put in order, and on corrupt ones.

use std::collections::BTreeMap;

use factlog::{EventType, Timestamp};

use super::*;

/// An events table, and how often it was asked.
#[derive(Default)]
struct Table {
    pieces: BTreeMap<Goal, PieceHead>,
    asked: u64,
}

impl Table {
    fn piece(&mut self, stream: &str, first: u64, parts: &[(&str, u64)]) {
        let part = |&(stream, first): &(&str, u64)| Part {
            stream: stream.parse().unwrap(),
            first: Version::new(first),
            count: 1,
        };
        let piece = PieceHead {
            stream: stream.parse().unwrap(),
            first: Version::new(first),
            types: vec![EventType::new("Changed").unwrap()],
            recorded: Timestamp::default(),
            parts: parts.iter().map(part).collect(),
        };
        self.pieces.insert((piece.stream.clone(), piece.first), piece);
    }

    fn commit(&mut self, parts: &[(&str, u64)]) {
        for (stream, first) in parts {
            self.piece(stream, *first, parts);
        }
    }

    /// Brings a stream to a version, and says in what order commits were placed.
    fn bring(&mut self, placer: &mut Placer, stream: &str, to: u64) -> Result<Vec<String>> {
        let stream = stream.parse().unwrap();
        while let Err(need) = placer.bring(&stream, Version::new(to)) {
            self.asked += 1;
            assert!(self.asked < 100_000, "it goes on for ever");
            match need {
                Need::Marks(streams) => {
                    streams.iter().for_each(|stream| placer.marks.keep(stream, Version::FIRST));
                }
                Need::Pieces(spans) => {
                    for Span { stream, from, to } in spans {
                        let span = (stream.clone(), from)..=(stream, to);
                        let found = self.pieces.range(span).next();
                        let Some((_, piece)) = found else {
                            return Err(Error::corrupt("a piece is missing"));
                        };
                        placer.keep(piece.clone())?;
                    }
                }
                Need::Doubt(error) => return Err(error),
            }
        }
        let placed = placer.planned.drain(..).map(|planned| {
            let names =
                planned.pieces.iter().map(|piece| format!("{}@{}", piece.stream, piece.first));
            names.collect::<Vec<_>>().join("+")
        });
        Ok(placed.collect())
    }
}

#[test]
fn what_comes_first_is_placed_first_and_commits_are_placed_whole() {
    let mut table = Table::default();
    table.piece("a", 1, &[]);
    table.commit(&[("c", 2), ("a", 2)]);
    table.piece("a", 3, &[]);
    table.commit(&[("c", 1), ("b", 2)]);
    table.piece("b", 1, &[]);
    let placed = table.bring(&mut Placer::default(), "a", 4).unwrap();
    assert_eq!(placed, ["a@1", "b@1", "c@1+b@2", "c@2+a@2", "a@3"]);
}

#[test]
fn a_chain_longer_than_what_is_remembered_is_placed_from_its_far_end() {
    // Each commit takes a stream's second version together with the next stream's first.
    let streams: Vec<String> = (0..3 * CHAIN_MAX).map(|n| format!("s-{n}")).collect();
    let mut table = Table::default();
    for pair in streams.windows(2) {
        table.commit(&[(&pair[0], 1), (&pair[1], 2)]);
    }
    table.piece(streams.last().unwrap(), 1, &[]);
    let mut placer = Placer::default();
    let placed = table.bring(&mut placer, "s-0", 2).unwrap();
    assert_eq!(placed.len(), streams.len());
    assert_eq!(placed.last().unwrap(), "s-0@1+s-1@2");
    assert_eq!(placer.pieces_count, 0, "what is placed is forgotten");
}

#[test]
fn a_circle_of_any_length_is_corrupt() {
    for length in [1, 2, 3, 7, 2 * CHAIN_MAX] {
        let streams: Vec<String> = (0..length).map(|n| format!("s-{n}")).collect();
        let mut table = Table::default();
        table.commit(&[("start", 1), ("s-0", 2)]);
        for (number, stream) in streams.iter().enumerate() {
            table.commit(&[(stream, 1), (&streams[(number + 1) % length], 2)]);
        }
        let error = table.bring(&mut Placer::default(), "start", 2).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("stream s-") && text.contains("version 2"), "{length}: {error}");
    }
}

#[test]
fn parts_that_contradict_each_other_are_corrupt_and_named() {
    let mut other_parts = Table::default();
    other_parts.piece("a", 1, &[("a", 1), ("b", 1)]);
    other_parts.piece("b", 1, &[("b", 1), ("c", 1)]);
    let mut alone = Table::default();
    alone.piece("a", 1, &[("a", 1), ("b", 1)]);
    alone.piece("b", 1, &[]);
    let mut not_its_own = Table::default();
    not_its_own.piece("a", 1, &[("b", 1), ("c", 1)]);
    for (table, says) in
        [(other_parts, "stream b at version 1"), (alone, "stream b"), (not_its_own, "stream a")]
    {
        let mut table = table;
        let error = table.bring(&mut Placer::default(), "a", 2).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
}

#[test]
fn a_part_that_is_placed_without_the_others_is_corrupt() {
    let mut table = Table::default();
    table.commit(&[("a", 1), ("b", 1)]);
    let mut placer = Placer::default();
    placer.marks.keep(&"b".parse().unwrap(), Version::new(2));
    let error = table.bring(&mut placer, "a", 2).unwrap_err();
    assert!(error.to_string().contains("stream b at version 1 is placed without"), "{error}");
}

#[test]
fn memory_is_bounded_while_a_long_hole_is_filled() {
    let mut table = Table::default();
    (1..=50_000).for_each(|version| table.piece("a", version, &[]));
    let mut placer = Placer::default();
    // Pieces that nobody asks for any more.
    for version in 1..=30_000 {
        placer.keep(table.pieces[&("a".parse().unwrap(), Version::new(version))].clone()).unwrap();
    }
    placer.marks.keep(&"a".parse().unwrap(), Version::new(40_000));
    table.bring(&mut placer, "a", 40_002).unwrap();
    assert_eq!(placer.pieces_count, 0);
}
