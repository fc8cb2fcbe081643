//! The controller is killed at every mutation that it sends, to the API server and to Render, and nothing is lost or done twice.
//!
//! Each workload is run once to number its mutations. Then, for each of them and each point (before it is sent, after it was
//! carried out and before its answer, after its answer), it is run again; the controller is killed there and started anew, and
//! what comes of it is held against the run that nothing has happened to. `make test-faults` runs all of it, `make test` a
//! sample.

pub mod workload;

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, stream};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::Value;

use self::workload::{User, Workload};
use crate::support::{
    intercept::{Journal, Point},
    scenario::Scenario,
};

/// Runs at one time: they wait for most of it.
const CONCURRENCY: usize = 8;

/// How long after the end of its story a run may take to say what has come of it.
const SETTLES_WITHIN: Duration = Duration::from_secs(20);

/// Points of each workload in a sample.
const SAMPLE: usize = 5;

/// What every sample and every second crash is drawn by.
const SEED: u64 = 20_261_125;

const POINTS: [Point; 3] = [
    Point::BeforeSend,
    Point::AfterSendBeforeReply,
    Point::AfterReply,
];

/// Where the controller is killed: at a mutation, by its number, and once more so many mutations later.
#[derive(Clone, Copy, Debug)]
struct Crash {
    number: usize,
    point: Point,
    again: Option<(usize, Point)>,
}

/// How a run ended.
struct Ended {
    outcome: Value,
    /// Words of the events of the validation, with how often each was told.
    events: BTreeMap<String, usize>,
    mutations: usize,
    /// Whether the run came to the crash.
    crashed: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_is_killed_at_any_mutation_loses_nothing_and_does_nothing_twice() {
    let whole = std::env::var_os("PLUMBLINE_ALL_CRASHES").is_some();
    if !whole {
        eprintln!("a sample of the crashes; `make test-faults` runs all of them");
    }
    let began = Instant::now();
    let references: Vec<(Workload, Ended)> = stream::iter(Workload::ALL)
        .map(|workload| async move { (workload, run(workload, None, None).await) })
        .buffered(CONCURRENCY)
        .collect()
        .await;
    let mut random = StdRng::seed_from_u64(SEED);
    let mut crashes = Vec::new();
    for (place, (workload, reference)) in references.iter().enumerate() {
        eprintln!(
            "{workload:?}: {} mutations: {}",
            reference.mutations, reference.outcome
        );
        let all: Vec<Crash> = (1..=reference.mutations)
            .flat_map(|number| POINTS.map(|point| (number, point)))
            .map(|(number, point)| Crash {
                number,
                point,
                again: random.random_bool(0.2).then(|| {
                    (
                        random.random_range(1..4),
                        *POINTS.choose(&mut random).unwrap(),
                    )
                }),
            })
            .collect();
        let chosen: Vec<Crash> = if whole {
            all
        } else {
            all.sample(&mut random, SAMPLE).copied().collect()
        };
        crashes.extend(chosen.into_iter().map(|crash| (place, *workload, crash)));
    }
    let count = crashes.len();
    let references = &references;
    let broken: Vec<String> = stream::iter(crashes)
        .map(|(place, workload, crash)| async move {
            let expected = &references[place].1.outcome;
            let ended = AssertUnwindSafe(run(workload, Some(crash), Some(expected)))
                .catch_unwind()
                .await;
            let problem = match &ended {
                Ok(ended) => {
                    if !ended.crashed {
                        eprintln!("{workload:?}: the run ended before {crash:?}");
                    }
                    differences(&references[place].1, ended)
                }
                Err(_) => Some("it did not come to its end; see above".to_owned()),
            };
            problem.map(|told| format!("{workload:?}, killed at {crash:?}:\n{told}"))
        })
        .buffer_unordered(CONCURRENCY)
        .filter_map(futures::future::ready)
        .collect()
        .await;
    eprintln!("{count} crashes in {:?}", began.elapsed());
    assert!(
        broken.is_empty(),
        "{} of {count}:\n{}",
        broken.len(),
        broken.join("\n\n")
    );
}

/// Runs a workload to its end; what was seen.
async fn run(workload: Workload, crash: Option<Crash>, expected: Option<&Value>) -> Ended {
    let journal = Journal::new();
    let mut scenario = Scenario::start_intercepted("controller: {sendWithin: 1s}", &journal).await;
    let user = User {
        client: scenario.client.clone(),
        namespace: scenario.namespace.clone(),
        render: scenario.render(),
        app: format!("http://{}/app", scenario.simulator.address),
    };
    let crashed = {
        let story = user.run(workload);
        let killer = kill(&mut scenario, &journal, crash);
        tokio::pin!(story, killer);
        tokio::select! {
            // What follows the end may be killed as well.
            () = &mut story => {
                let after = tokio::time::timeout(Duration::from_secs(3), &mut killer);
                after.await.unwrap_or(false)
            }
            crashed = &mut killer => {
                story.await;
                crashed
            }
        }
    };
    scenario.until_still(Duration::from_secs(3)).await;
    // A check may have yet to run once more.
    let mut outcome = user.outcome(workload).await;
    let begun = Instant::now();
    while expected.is_some_and(|expected| *expected != outcome) && begun.elapsed() < SETTLES_WITHIN
    {
        tokio::time::sleep(Duration::from_millis(250)).await;
        outcome = user.outcome(workload).await;
    }
    let mut events = BTreeMap::new();
    for event in scenario.events() {
        if event["regarding"]["kind"] == "DeploymentValidation" {
            *events
                .entry(format!("{} {}", event["reason"], event["note"]))
                .or_default() += 1;
        }
    }
    let mutations = journal.count();
    scenario.finish().await;
    Ended {
        outcome,
        events,
        mutations,
        crashed,
    }
}

/// Kills the controller at the crash and starts it anew; never ends without a crash to come.
async fn kill(scenario: &mut Scenario, journal: &Journal, crash: Option<Crash>) -> bool {
    let Some(crash) = crash else {
        return std::future::pending().await;
    };
    let held = journal.arm(crash.number, crash.point).await;
    scenario.controller.kill();
    let again = crash
        .again
        .map(|(later, point)| journal.arm(journal.count() + later, point));
    drop(held);
    let namespace = scenario.namespace.clone();
    scenario.controller.relaunch(&namespace);
    if let Some(reached) = again {
        // It may be quiet before as many have followed.
        if let Ok(held) = tokio::time::timeout(Duration::from_secs(20), reached).await {
            scenario.controller.kill();
            drop(held);
            scenario.controller.relaunch(&namespace);
        }
    }
    true
}

/// What is otherwise than in the run that nothing has happened to.
fn differences(reference: &Ended, ended: &Ended) -> Option<String> {
    let mut told = Vec::new();
    if reference.outcome != ended.outcome {
        told.push(format!(
            "expected {}\n   found {}",
            reference.outcome, ended.outcome
        ));
    }
    // An event is told after its write: a process that dies in between takes it along, and nobody tells it twice.
    for (event, count) in &ended.events {
        if *count > 1
            && reference
                .events
                .get(event)
                .is_none_or(|usual| count > usual)
        {
            told.push(format!("told {count} times: {event}"));
        }
    }
    (!told.is_empty()).then(|| told.join("\n"))
}
