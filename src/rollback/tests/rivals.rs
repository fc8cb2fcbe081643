//! Two processes that both take the attempt for theirs to carry out.

use super::{
    faults::Faults,
    schedule::{Schedule, take_turns},
    workloads::{WORKLOADS, Workload},
    world::Process,
};

/// Runs a life by a schedule, and gives how many turns that took.
async fn run(workload: &Workload, schedule: &Schedule, faults: &mut Faults) -> usize {
    let world = workload.begin();
    let (first, second) = (Process::first(), Process::second());
    let turns = take_turns(&world, [&first, &second], schedule).await;
    faults.add(&format!("{}, {schedule:?}", workload.name), world.fault());
    turns
}

#[tokio::test(start_paused = true)]
async fn two_processes_that_change_places_twice_make_one_call() {
    let mut faults = Faults::default();
    for workload in WORKLOADS {
        for recorder_begins in [true, false] {
            let schedule = |changes| Schedule {
                recorder_begins,
                changes,
                wipe: None,
            };
            let turns = run(workload, &schedule(Vec::new()), &mut faults).await;
            for first in 1..turns {
                for second in first + 1..turns {
                    run(workload, &schedule(vec![first, second]), &mut faults).await;
                }
            }
        }
    }
    faults.assert_none();
}

#[tokio::test(start_paused = true)]
async fn two_processes_make_one_call_when_the_status_is_taken_away_as_they_change_places() {
    let mut faults = Faults::default();
    for workload in WORKLOADS {
        for recorder_begins in [true, false] {
            let schedule = |changes, wipe| Schedule {
                recorder_begins,
                changes,
                wipe,
            };
            let turns = run(workload, &schedule(Vec::new(), None), &mut faults).await;
            for first in 1..turns {
                for second in first + 1..first + 12 {
                    for wipe in [first, second] {
                        run(
                            workload,
                            &schedule(vec![first, second], Some(wipe)),
                            &mut faults,
                        )
                        .await;
                    }
                }
            }
        }
    }
    faults.assert_none();
}
