//! One seed, from the beginning to the end.
//!
//! ```text
//!   before there were streams  ->  work, outages, idle days, and worse, in any order  ->  peace  ->  check
//! ```

use super::executor::Tasks;
use super::reader::Reader;
use super::rng::Rng;
use super::world::{Counts, Defect, Shared};
use super::writers::Writers;
use crate::sequencer::{Options, Sequencer};

const MINUTE_MS: u64 = 60 * 1_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
/// How long peace may take until all is placed.
const PEACE_MS: u64 = 60 * HOUR_MS;

/// Tells the story of a seed and returns what has happened in it.
///
/// # Panics
/// If anything is not as it is promised.
pub(super) fn tell(seed: u64, defect: Option<Defect>) -> Counts {
    let mut story = Story::new(seed, defect);
    for _ in 0..story.rng.below(8) {
        story.append(false);
    }
    story.world.world().shards.open(None, super::world::BEGIN_MS);
    for _ in 0..2 + story.rng.below(4) {
        match story.rng.below(20) {
            0..10 => story.work(),
            10..13 => story.outage(),
            13..16 => story.idle(),
            16 => story.lose_a_shard(),
            _ => story.switch_streams(),
        }
    }
    story.peace();
    story.world.counts()
}

struct Story {
    rng: Rng,
    world: Shared,
    tasks: Tasks,
    sequencers: Vec<u64>,
    writers: Writers,
    reader: Reader,
    options: Options,
}

impl Story {
    fn new(seed: u64, defect: Option<Defect>) -> Self {
        let mut rng = Rng(seed.wrapping_mul(2));
        let world = Shared::new(seed.wrapping_mul(2) + 1, defect);
        world.world().faults = [0, 10, 50][rng.index(3)];
        world.world().shard_ms = HOUR_MS * [4, 40][rng.index(2)];
        let writers = Writers::new(&mut rng);
        let poll_ms = MINUTE_MS * (1 + rng.below(60));
        let page_entries_max = [2, 10, 500][rng.index(3)];
        let options = Options { poll_ms, retry_ms_max: HOUR_MS, page_entries_max };
        let (tasks, sequencers, reader) = (Tasks::default(), Vec::new(), Reader::default());
        Self { rng, world, tasks, sequencers, writers, reader, options }
    }

    fn append(&mut self, streams_on: bool) {
        self.writers.append(&mut self.world.world(), streams_on);
    }

    /// Lets time pass; whoever reads the log sees nothing change.
    fn pass(&mut self, ms: u64) {
        let until = self.world.time.now() + ms;
        self.tasks.run_until(&self.world.time, until);
        let world = self.world.world();
        assert_eq!(world.stopped, Vec::<String>::new(), "a sequencer has given up");
        self.reader.read(&world);
    }

    fn start(&mut self) {
        let (world, options) = (self.world.clone(), self.options);
        let sequencer = self.tasks.spawn(async move {
            let mut sequencer = Sequencer::new(world.clone(), options);
            let Err(error) = sequencer.run(|_| {}).await;
            world.world().stopped.push(error.to_string());
        });
        self.sequencers.push(sequencer);
    }

    /// Somebody else has read some records and has them placed, as a Lambda function does.
    fn offer(&mut self) {
        let (world, options) = (self.world.clone(), self.options);
        let mut pieces: Vec<_> = world.world().events.values().cloned().collect();
        while pieces.len() > 5 {
            pieces.swap_remove(self.rng.index(pieces.len()));
        }
        self.tasks.spawn(async move {
            let mut sequencer = Sequencer::new(world.clone(), options);
            match sequencer.place(pieces).await {
                Ok(()) => world.world().counts.count("offers"),
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        });
    }

    fn kill(&mut self) {
        if !self.sequencers.is_empty() {
            self.world.world().counts.count("kills");
            let sequencer = self.sequencers.swap_remove(self.rng.index(self.sequencers.len()));
            self.tasks.kill(sequencer);
        }
    }

    /// Commits, with sequencers that come and go.
    fn work(&mut self) {
        for _ in 0..4 + self.rng.below(10) {
            match self.rng.below(10) {
                0..2 if self.sequencers.len() < 3 => self.start(),
                2 => self.kill(),
                3 if self.rng.chance(200) => self.offer(),
                4 if self.rng.chance(5) => {
                    self.world.world().counts.count("bursts");
                    (0..150).for_each(|_| self.append(true));
                }
                5 if self.rng.chance(300) => {
                    let mut world = self.world.world();
                    world.counts.count("splits");
                    let now = world.now();
                    let rng = &mut self.rng;
                    world.shards.split(now, rng);
                }
                _ => {
                    for _ in 0..1 + self.rng.skewed(8) {
                        self.append(true);
                    }
                }
            }
            let ms = self.rng.skewed(4 * HOUR_MS);
            self.pass(ms);
        }
    }

    /// Nobody sequences for hours or days; now and then somebody only sleeps.
    fn outage(&mut self) {
        self.world.world().counts.count("outages");
        while self.sequencers.len() > usize::from(self.rng.chance(100)) {
            self.kill();
        }
        for _ in 0..1 + self.rng.below(4) {
            let hours = [1, 10, 22, 26][self.rng.index(4)];
            self.append(true);
            self.pass(hours * HOUR_MS);
        }
        if self.rng.chance(500) {
            self.pass(72 * HOUR_MS);
        }
    }

    /// Sequencers run and nothing happens, for longer than streams remember.
    fn idle(&mut self) {
        self.world.world().counts.count("idle days");
        while self.sequencers.len() > 1 + self.rng.index(2) {
            self.kill();
        }
        self.pass(30 * HOUR_MS);
    }

    /// One shard can't be read for longer than it keeps its records; the others can.
    fn lose_a_shard(&mut self) {
        {
            let mut world = self.world.world();
            world.counts.count("shards out of reach");
            let until = world.now() + HOUR_MS * [5, 26, 40][self.rng.index(3)];
            let now = world.now();
            world.shards.split(now, &mut self.rng);
            let shards = world.shards.describe(now);
            let shard = shards[self.rng.index(shards.len())].id.clone();
            world.unreachable = Some((shard, until));
        }
        self.start();
        for _ in 0..5 {
            (0..4).for_each(|_| self.append(true));
            self.pass(7 * HOUR_MS);
        }
        self.kill();
    }

    /// The stream forgets everything at once.
    fn switch_streams(&mut self) {
        self.append(true);
        if self.rng.chance(500) {
            let ms = self.rng.skewed(HOUR_MS);
            self.pass(ms);
        }
        self.world.world().switch_streams();
        // Whoever notices does not live long.
        for _ in 0..self.rng.below(6) {
            self.append(true);
            self.start();
            let ms = self.rng.skewed(30 * MINUTE_MS);
            self.pass(ms);
            self.kill();
        }
    }

    /// No more faults: all is placed before long, and then nothing happens any more.
    fn peace(&mut self) {
        self.world.world().faults = 0;
        self.world.world().unreachable = None;
        while self.sequencers.len() > self.rng.index(2) {
            self.kill();
        }
        self.start();
        let end = self.world.time.now() + PEACE_MS;
        while self.world.time.now() < end {
            self.pass(HOUR_MS);
            let world = self.world.world();
            if world.is_quiet() && self.reader.count() == world.events.len() {
                break;
            }
        }
        self.pass(3 * HOUR_MS);
        self.reader.check(&self.world.world());
    }
}
