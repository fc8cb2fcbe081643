//! Writes that go wrong, copies that are old, and records that are not what they were.

use super::{
    clock,
    faults::Faults,
    fleet::Fate,
    points::{Point, step},
    records::WriteFault,
    samples::seconds,
    workloads::WORKLOADS,
    world::{Process, Stop, World},
};
use crate::{
    api::{RollbackState, RollbackStatus},
    rollback::ledger::LedgerError,
};

const FAULTS: [WriteFault; 9] = [
    WriteFault::Conflict,
    WriteFault::Failed,
    WriteFault::Gone,
    WriteFault::InDoubtWritten,
    WriteFault::InDoubtLost,
    WriteFault::InDoubtLater(1),
    WriteFault::InDoubtLater(2),
    WriteFault::InDoubtLater(3),
    WriteFault::InDoubtLater(4),
];

#[tokio::test(start_paused = true)]
async fn a_write_that_goes_wrong_makes_no_second_call() {
    let mut faults = Faults::default();
    for workload in WORKLOADS {
        let world = workload.begin();
        world.run(&Process::first()).await;
        for write in 1..=world.records.writes() {
            for fault in FAULTS {
                for next in [
                    None,
                    Some(WriteFault::Conflict),
                    Some(WriteFault::InDoubtLost),
                ] {
                    let world = workload.begin();
                    world.records.fail(write, fault);
                    if let Some(next) = next {
                        world.records.fail(write + 1, next);
                    }
                    let stop = world.run(&Process::first()).await;
                    let gone = fault == WriteFault::Gone;
                    let ended = stop == if gone { Stop::Gone } else { Stop::Ended };
                    let story = format!("{}, {write}, {fault:?}, {next:?}", workload.name);
                    let open = (!ended).then(|| format!("{stop:?}"));
                    faults.add(&story, world.fault().or(open));
                }
            }
        }
    }
    faults.assert_none();
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_is_in_doubt_is_written_once_more_before_the_call() {
    for (fault, writes) in [
        (WriteFault::InDoubtWritten, 2),
        (WriteFault::InDoubtLost, 2),
        (WriteFault::InDoubtLater(1), 2),
    ] {
        let world = World::new(&["api"]);
        world.records.fail(1, fault);
        let first = Process::first();
        let mut pass = world.pass(&first).unwrap();
        while world.calls("api") == 0 {
            assert!(step(&mut pass).await.is_none(), "{fault:?}");
        }
        assert_eq!(world.records.writes(), writes, "{fault:?}");
        drop(pass);
        assert_eq!(world.run(&first).await, Stop::Ended);
        assert_eq!(
            (world.state(), world.fault()),
            (Some(RollbackState::Verified), None)
        );
    }
    // It comes in between, and the one that makes sure finds another version.
    let world = World::new(&["api"]);
    world.records.fail(1, WriteFault::InDoubtLater(2));
    let error = world.once(&Process::first()).await.unwrap_err();
    assert!(matches!(error, LedgerError::Conflict(_)), "{error:?}");
    assert_eq!(world.calls("api"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_intent_that_somebody_else_has_overtaken_is_followed_by_no_call() {
    for fault in [WriteFault::Conflict, WriteFault::Failed, WriteFault::Gone] {
        let world = World::new(&["api"]);
        world.records.fail(1, fault);
        world.once(&Process::first()).await.unwrap_err();
        assert_eq!(world.calls("api"), 0, "{fault:?}");
    }
    // In doubt, and another process has written since.
    let world = World::new(&["api"]);
    world.records.fail(1, WriteFault::InDoubtLost);
    let first = Process::first();
    let mut pass = world.pass(&first).unwrap();
    while world.points.last() != Some(Point::AfterWrite) {
        assert!(step(&mut pass).await.is_none());
    }
    // By then the first one has had its time.
    world.elapse(seconds(40)).await;
    let second = Process::second();
    let mut other = world.pass(&second).unwrap();
    while world.records.now().unwrap().version == "1" {
        assert!(step(&mut other).await.is_none());
    }
    let error = pass.await.unwrap_err();
    assert!(matches!(error, LedgerError::InDoubt { .. }), "{error:?}");
    assert_eq!(world.calls("api"), 0);
}

#[tokio::test(start_paused = true)]
async fn an_old_copy_of_the_record_makes_no_second_call_whatever_becomes_of_its_writes() {
    let mut faults = Faults::default();
    for fault in FAULTS.map(Some).into_iter().chain([None]) {
        for point in 1..=30 {
            let world = World::new(&["api"]);
            let first = Process::first();
            let old = world.records.now().unwrap();
            world.crash(&first, point).await;
            if let Some(fault) = fault {
                world.records.fail(world.records.writes() + 1, fault);
            }
            let pass = first.executor.pass(old, world.surroundings(&first));
            let _: Result<_, LedgerError> = pass.await;
            world.run(&first).await;
            faults.add(&format!("{point}, {fault:?}"), world.fault());
        }
    }
    faults.assert_none();
}

#[tokio::test(start_paused = true)]
async fn two_passes_of_one_process_make_one_call() {
    for point in 1..=20 {
        let world = World::new(&["api"]);
        let first = Process::first();
        let mut one = world.pass(&first).unwrap();
        let mut other = world.pass(&first).unwrap();
        for _ in 0..point {
            if step(&mut one).await.is_some() {
                one = world.pass(&first).unwrap();
            }
        }
        world
            .records
            .fail(world.records.writes() + 1, WriteFault::InDoubtLost);
        while step(&mut other).await.is_none() {}
        while step(&mut one).await.is_none() {}
        drop((one, other));
        world.run(&first).await;
        assert_eq!(world.fault(), None, "{point}");
    }
}

/// The first process holds the attempt, and the second one begins it, up to its call or beyond.
async fn taken_over(fate: Fate) -> (World, Process) {
    let world = World::new(&["api"]);
    world.platform.now().fates.push_back(fate);
    world.platform.now().failing_reads = 1;
    let first = Process::first();
    let (attempt, _) = world.once(&first).await.unwrap();
    assert_eq!(attempt.status.state, Some(RollbackState::IntentRecorded));
    world.once(&Process::second()).await.unwrap();
    assert_eq!(world.calls("api"), 1);
    (world, first)
}

#[tokio::test(start_paused = true)]
async fn who_has_only_held_an_attempt_does_not_begin_it_once_its_status_is_lost() {
    for fate in [Fate::Fails(2), Fate::Live(2), Fate::Never] {
        let (world, first) = taken_over(fate).await;
        world.elapse(seconds(40)).await;
        world.records.wipe();
        world.run(&first).await;
        assert_eq!(world.fault(), None, "{fate:?}");
        assert_eq!(world.calls("api"), 1, "{fate:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_that_does_not_fit_the_plan_is_settled_by_the_platform() {
    let cut: [fn(&mut RollbackStatus); 3] = [
        |status| status.steps.clear(),
        |status| status.steps.truncate(1),
        |status| status.state = None,
    ];
    let mut faults = Faults::default();
    for cut in cut {
        for point in 5..45 {
            let world = World::new(&["api", "worker"]);
            world.crash(&Process::first(), point).await;
            let mut status = world.records.status();
            cut(&mut status);
            world.records.restore(status);
            let stop = world.run(&Process::second()).await;
            faults.add(&format!("{point}, {stop:?}"), world.fault());
        }
    }
    faults.assert_none();
}

#[tokio::test(start_paused = true)]
async fn a_successor_whose_clock_is_wrong_makes_no_second_call_and_comes_to_an_end() {
    let mut faults = Faults::default();
    for workload in WORKLOADS {
        for ahead in [3_600, 600, -600, -3_600] {
            for point in 1..=40 {
                let world = workload.begin();
                let first = Process::first();
                if world.crash(&first, point).await == Stop::Ended {
                    break;
                }
                clock::restart_second(ahead);
                let stop = world.run(&Process::second()).await;
                let story = format!("{}, {point}, {ahead} s", workload.name);
                let open = (stop != Stop::Ended).then(|| format!("{stop:?}"));
                // One that is ahead takes too little time for enough, and may miss what shows late.
                let fault = if ahead > 0 {
                    world.asked_twice()
                } else {
                    world.fault()
                };
                faults.add(&story, fault.or(open));
            }
        }
    }
    faults.assert_none();
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_deleted_is_followed_by_nothing() {
    for point in 1..=30 {
        let world = World::new(&["api"]);
        let stop = world
            .disturb(&Process::first(), point, |world| world.records.delete())
            .await;
        assert!(matches!(stop, Stop::Gone | Stop::Ended), "{point}");
        assert!(world.calls("api") <= 1, "{point}");
    }
}
