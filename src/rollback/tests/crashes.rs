//! A process that ends at any point, whatever it was about to do or had just done, and another one that goes on.

use super::{
    faults::Faults,
    workloads::{WORKLOADS, Workload},
    world::{Process, Stop, World},
};
use crate::api::{RollbackState, StepState};

/// Who goes on after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Successor {
    /// A new process, under another name.
    Another,
    /// The same one: only its pass was dropped.
    Same,
}

/// What an attempt comes to.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    state: Option<RollbackState>,
    steps: Vec<StepState>,
    back: Vec<bool>,
    /// How many rollouts were brought about.
    effects: usize,
}

impl Outcome {
    fn of(world: &World, workload: &Workload) -> Self {
        let services = workload.services();
        Self {
            state: world.state(),
            steps: world.steps(),
            back: services
                .iter()
                .map(|name| world.platform.is_back(name))
                .collect(),
            effects: world.effects(),
        }
    }

    /// Whether an interrupted run may come to this, where an uninterrupted one comes to `reference`: to the same, or to less
    /// when less was asked for. The answer of a platform that says no may be lost.
    fn may_stand_for(&self, reference: &Self) -> bool {
        if self.state == reference.state && self.unheard() == reference.unheard() {
            return self.back == reference.back && self.effects == reference.effects;
        }
        let nothing = [RollbackState::NotIssued, RollbackState::Superseded];
        let nothing = |state: Option<RollbackState>| state.is_some_and(|it| nothing.contains(&it));
        let less = self.effects < reference.effects || nothing(reference.state);
        let partly = self.steps.contains(&StepState::Done);
        match self.state {
            Some(RollbackState::Failed) => partly && less,
            state => nothing(state) && less && self.effects == 0,
        }
    }

    fn unheard(&self) -> Vec<StepState> {
        let unheard = |step: &StepState| match step {
            StepState::Refused | StepState::Unavailable => StepState::NotIssued,
            other => *other,
        };
        self.steps.iter().map(unheard).collect()
    }
}

/// The uninterrupted run, and how many points it has.
async fn reference(workload: &Workload) -> (Outcome, usize) {
    let world = workload.begin();
    let stop = world.run(&Process::first()).await;
    assert_eq!(stop, Stop::Ended, "{}", workload.name);
    (Outcome::of(&world, workload), world.points.count())
}

/// What is wrong with the end of an interrupted run.
fn fault(world: &World, stop: Stop, workload: &Workload, reference: &Outcome) -> Option<String> {
    if stop != Stop::Ended {
        return Some(format!("{stop:?}: {:?}", world.records.status()));
    }
    world.fault().or_else(|| {
        let outcome = Outcome::of(world, workload);
        let fits = outcome.may_stand_for(reference);
        (!fits).then(|| format!("{outcome:?}, not {reference:?}"))
    })
}

#[tokio::test(start_paused = true)]
async fn every_life_ends_as_it_should_when_nothing_interrupts_it() {
    let mut faults = Faults::default();
    for workload in WORKLOADS {
        let world = workload.begin();
        let stop = world.run(&Process::first()).await;
        let ends = (stop, world.state()) == (Stop::Ended, Some(workload.ends));
        let fault = (!ends).then(|| format!("{stop:?}: {:?}", world.records.status()));
        faults.add(workload.name, fault.or_else(|| world.fault()));
    }
    faults.assert_none();
}

#[tokio::test(start_paused = true)]
async fn a_crash_at_any_point_makes_no_second_call_and_loses_nothing() {
    let mut faults = Faults::default();
    for workload in WORKLOADS {
        let (reference, points) = reference(workload).await;
        for point in 1..=points {
            for successor in [Successor::Another, Successor::Same] {
                let world = workload.begin();
                let (first, second) = (Process::first(), Process::second());
                assert_eq!(world.crash(&first, point).await, Stop::Dropped);
                let last = world.points.last();
                let story = format!("{}, {last:?} {point}, {successor:?}", workload.name);
                let stop = match successor {
                    Successor::Another => world.run(&second).await,
                    Successor::Same => world.run(&first).await,
                };
                faults.add(&story, fault(&world, stop, workload, &reference));
            }
        }
    }
    faults.assert_none();
}

#[tokio::test(start_paused = true)]
async fn a_status_that_is_taken_away_at_any_point_makes_no_second_call() {
    let mut faults = Faults::default();
    for workload in WORKLOADS {
        let (reference, points) = reference(workload).await;
        for point in 1..=points {
            for successor in [Successor::Another, Successor::Same] {
                let world = workload.begin();
                let (first, second) = (Process::first(), Process::second());
                let stop = match successor {
                    Successor::Another => {
                        world.crash(&first, point).await;
                        world.records.wipe();
                        world.run(&second).await
                    }
                    Successor::Same => {
                        world
                            .disturb(&first, point, |world| world.records.wipe())
                            .await
                    }
                };
                let story = format!("{}, {point}, {successor:?}", workload.name);
                faults.add(&story, fault(&world, stop, workload, &reference));
            }
        }
    }
    faults.assert_none();
}
