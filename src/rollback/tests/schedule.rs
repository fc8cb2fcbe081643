//! Two processes that both work on one attempt, and take turns as a schedule says.

use tokio::time::Instant;

use super::{
    points::{Point, step},
    world::{Pass, Process, World},
};

/// After so many points nobody gets anywhere any more.
const MAX_POINTS: usize = 10_000;

/// Who works when. A turn takes a process to the moment before or after its next effect; who does not have it stands still,
/// whatever it is in the middle of, while the other one works, rests, and works again.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Whether the process that has recorded the attempt begins.
    pub recorder_begins: bool,
    /// After how many turns the other one has its turn. The last one goes on until it has nothing to do any more.
    pub changes: Vec<usize>,
    /// After how many turns somebody takes the status away.
    pub wipe: Option<usize>,
}

/// A process, and what it is in the middle of.
struct Actor<'a> {
    process: &'a Process,
    pass: Option<Pass<'a>>,
    rests_until: Instant,
    has_ended: bool,
}

impl<'a> Actor<'a> {
    fn new(process: &'a Process) -> Self {
        Self {
            process,
            pass: None,
            rests_until: Instant::now(),
            has_ended: false,
        }
    }

    async fn turn(&mut self, world: &'a World) {
        while !self.has_ended {
            if self.pass.is_none() {
                let rest = self.rests_until.saturating_duration_since(Instant::now());
                world.elapse(rest).await;
                self.pass = world.pass(self.process);
            }
            let Some(pass) = &mut self.pass else {
                self.has_ended = true;
                return;
            };
            if let Some(ended) = step(pass).await {
                self.pass = None;
                self.has_ended = world.has_ended();
                self.rests_until = Instant::now() + world.rest(&ended);
            } else if world.points.last() != Some(Point::Read) {
                return;
            }
            assert!(
                world.points.count() < MAX_POINTS,
                "{:?}",
                world.records.status()
            );
        }
    }
}

/// Lets both processes work until neither has anything to do, and gives how many turns it took.
pub async fn take_turns(world: &World, processes: [&Process; 2], schedule: &Schedule) -> usize {
    let mut actors = processes.map(Actor::new);
    let mut working = usize::from(!schedule.recorder_begins);
    for turn in 1.. {
        if actors.iter().all(|actor| actor.has_ended) {
            return turn;
        }
        if actors[working].has_ended {
            working = 1 - working;
        }
        actors[working].turn(world).await;
        if schedule.wipe == Some(turn) {
            world.records.wipe();
            for actor in &mut actors {
                actor.has_ended = false;
            }
        }
        if schedule.changes.contains(&turn) {
            working = 1 - working;
        }
    }
    unreachable!("a world ends before the numbers do")
}
