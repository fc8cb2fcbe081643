//! What holds over any history. The seed is the same in every run.

use std::{cell::RefCell, collections::BTreeMap};

use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    sample::select,
    test_runner::{Config, TestRng, TestRunner},
};

use super::{
    model::{End, Event, World},
    *,
};

/// Histories that are tried, and the most episodes of one.
const HISTORIES: u32 = 300;
const EPISODES: usize = 50;

const POLICIES: [&str; 4] = [
    "{mode: Automatic, guard: {cooldown: 5m, budget: {max: 2, per: 1h}}}",
    "{mode: Automatic, maxAttempts: 10, delay: 30s, guard: {cooldown: 0s, budget: {max: 20, per: 1h}}}",
    "{mode: Manual, maxAttempts: 2, trigger: {onlyAfterDeploy: false}, guard: {budget: {max: 5, per: 10m}}}",
    "{mode: Automatic, trigger: {window: 5m, areas: [api, external]}, guard: {cooldown: 1h}}",
];

fn runner() -> TestRunner {
    let config = Config {
        cases: HISTORIES,
        failure_persistence: None,
        ..Config::default()
    };
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    TestRunner::new_with_rng(config, rng)
}

fn event() -> impl Strategy<Value = Event> {
    let state = || {
        select(vec![
            CheckState::Passing,
            CheckState::Passing,
            CheckState::Failing,
            CheckState::Failed,
            CheckState::Failed,
            CheckState::Unknown,
            CheckState::Skipped,
        ])
    };
    prop_oneof![
        6 => select(vec![5, 30, 150, 600, 4000]).prop_map(Event::Pass),
        2 => (1_u8..4).prop_map(Event::Release),
        3 => [state(), state(), state()].prop_map(Event::Checks),
        8 => end().prop_map(Event::End),
        1 => select(vec![0, 100, 5000, 50_000]).prop_map(Event::Restart),
        1 => any::<bool>().prop_map(Event::Stale),
        1 => any::<bool>().prop_map(Event::Brake),
        1 => Just(Event::Other),
        1 => Just(Event::Forge),
    ]
}

/// What often comes together, so that histories say something.
fn episode() -> impl Strategy<Value = Vec<Event>> {
    let whole = |state| Event::Checks([state, state, CheckState::Passing]);
    let well = Event::Stale(false);
    let good = vec![well.clone(), whole(CheckState::Passing), Event::Pass(150)];
    let bad = vec![
        well,
        Event::Brake(false),
        whole(CheckState::Failed),
        Event::Pass(30),
    ];
    let released = |services, then: &[Event]| {
        let mut events = vec![Event::Release(services)];
        events.extend_from_slice(then);
        events
    };
    let mut in_vain = Vec::new();
    for _ in 0..3 {
        in_vain.push(Event::End(End::Broken(0)));
        in_vain.extend_from_slice(&bad);
    }
    let (next_good, next_bad, fails_again) = (good.clone(), bad.clone(), bad.clone());
    prop_oneof![
        20 => event().prop_map(|event| vec![event]),
        1 => Just(vec![Event::LoseStatus]),
        3 => Just(good),
        3 => Just(bad),
        2 => Just(in_vain),
        4 => (1_u8..4).prop_map(move |services| released(services, &next_good)),
        4 => (1_u8..4).prop_map(move |services| released(services, &next_bad)),
        6 => end().prop_map(move |end| {
            let mut events = vec![Event::End(end)];
            events.extend_from_slice(&fails_again);
            events
        }),
    ]
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        select(vec![
            RollbackState::NotIssued,
            RollbackState::Rejected,
            RollbackState::Superseded,
        ])
        .prop_map(End::Untouched),
        (0_usize..2).prop_map(End::Broken),
        select(vec![
            RollbackState::Verified,
            RollbackState::Failed,
            RollbackState::Failed
        ])
        .prop_map(End::Live),
        Just(End::Lost),
    ]
}

/// Lives through random histories, with `judge` at the end of each.
fn over_any_history(judge: impl Fn(World)) {
    let histories = (select(POLICIES.to_vec()), vec(episode(), 1..EPISODES));
    let lived = runner().run(&histories, |(policy, events)| {
        let mut world = World::new(policy);
        for event in events.iter().flatten() {
            world.live_through(event);
        }
        judge(world);
        Ok(())
    });
    if let Err(broken) = lived {
        panic!("{broken}");
    }
}

#[test]
fn the_promises_hold_over_any_history() {
    // The world holds every rollback against them.
    let seen = RefCell::new(BTreeMap::new());
    over_any_history(|world| {
        let mut seen = seen.borrow_mut();
        for answer in &world.answers {
            let word = match answer {
                Decision::RollBack(proposal) if proposal.attempt == 1 => "first".to_owned(),
                Decision::RollBack(_) => "later".to_owned(),
                Decision::Nothing { reason, .. } | Decision::Wait { reason, .. } => {
                    reason.to_string()
                }
            };
            *seen.entry(word).or_insert(0) += 1;
        }
    });
    let seen = seen.into_inner();
    for word in [
        "first",
        "later",
        "IntentRecorded",
        "OutcomeUnknown",
        "RollbackVerified",
        "RollbackFailed",
        "NotRequired",
        "Inconclusive",
        "ObservationStale",
        "EnvironmentFault",
        "BrakeEngaged",
        "NoKnownGood",
        "CoolingOff",
        "Superseded",
        "BudgetSpent",
        "AttemptsExhausted",
    ] {
        let times = seen.get(word).copied().unwrap_or_default();
        assert!(times >= 10, "the histories say nothing of {word}: {seen:?}");
    }
}

#[test]
fn every_wait_ends_when_time_alone_passes() {
    over_any_history(|mut world| world.wait_out());
}
