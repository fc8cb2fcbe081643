//! The controller is killed at every mutation that it sends, to the API server and to Render, and nothing is lost or done twice.
//!
//! Each workload is run once to number its mutations. Then, for each of them and each point (before it is sent, after it was
//! carried out and before its answer, after its answer), it is run again; the controller is killed there and started anew, and
//! what comes of it is held against the run that nothing has happened to. `make test-faults` runs all of it, `make test` a
//! sample.

mod clock;
mod disturbed;
mod leaders;
mod oracle;
mod records;
mod stops;
mod watches;
pub mod workload;

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, stream};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::Value;

use self::{
    oracle::Oracle,
    workload::{User, Workload},
};
use crate::support::{
    intercept::{Journal, Point},
    scenario::{Scenario, condition},
};

/// Runs at one time: they wait for most of it.
const CONCURRENCY: usize = 8;

/// How long after the end of its story a run may take to say what has come of it: a check may have yet to run once more.
const SETTLES_WITHIN: Duration = Duration::from_secs(20);

/// Crashes of each workload in a sample beside one at each point.
const SAMPLE: usize = 2;

/// How many of a hundred crashes may be missed: where a run has fewer mutations than the one that was counted, the last of them never
/// come.
const MISSED: usize = 10;

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
    /// What the validation said of its rollback, one after the other.
    said: Vec<String>,
    /// What was done and may not be.
    misdeeds: Vec<String>,
    /// Attempts that ended before what they were about to ask was asked.
    cut_short: usize,
    /// Times that the controller was killed.
    deaths: usize,
    took: Duration,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_is_killed_at_any_mutation_loses_nothing_and_does_nothing_twice() {
    let wanted = std::env::var("PLUMBLINE_CRASHES")
        .ok()
        .filter(|names| !names.is_empty());
    let whole = wanted.is_some();
    if !whole {
        eprintln!("a sample of the crashes; `make test-faults` runs all of them");
    }
    let began = Instant::now();
    let references: Vec<(Workload, Ended)> = stream::iter(workloads(wanted.as_deref()))
        .map(|workload| async move { (workload, run(workload, None, None).await) })
        .buffered(CONCURRENCY)
        .collect()
        .await;
    let mut random = StdRng::seed_from_u64(SEED);
    let mut crashes = Vec::new();
    for (workload, reference) in &references {
        let broken = &reference.misdeeds;
        assert!(broken.is_empty(), "{workload:?}: {}", broken.join("\n"));
        let chosen = crashes_of(reference, whole, &mut random);
        crashes.extend(
            chosen
                .into_iter()
                .map(|crash| (*workload, reference, crash)),
        );
    }
    let ended: Vec<(Workload, Crash, Result<Ended, String>)> = stream::iter(crashes)
        .map(|(workload, reference, crash)| async move {
            let ended = AssertUnwindSafe(run(workload, Some(crash), Some(&reference.outcome)))
                .catch_unwind()
                .await;
            let judged = ended
                .map_err(|_| "it did not come to its end; see above".to_owned())
                .and_then(|ended| judge(reference, ended));
            (workload, crash, judged)
        })
        .buffer_unordered(CONCURRENCY)
        .collect()
        .await;
    for (workload, reference) in &references {
        eprintln!("{}", told(*workload, reference, &ended));
    }
    eprintln!("{} crashes in {:?}", ended.len(), began.elapsed());
    let broken: Vec<String> = ended
        .iter()
        .filter_map(|(workload, crash, judged)| {
            let problem = judged.as_ref().err()?;
            Some(format!("{workload:?}, killed at {crash:?}:\n{problem}"))
        })
        .collect();
    let count = ended.len();
    assert!(
        broken.is_empty(),
        "{} of {count}:\n{}",
        broken.len(),
        broken.join("\n\n")
    );
    let missed = ended
        .iter()
        .filter(|(_, _, judged)| judged.as_ref().is_ok_and(|it| it.deaths == 0));
    let missed = missed.count();
    assert!(
        missed * 100 <= count * MISSED,
        "{missed} of {count} crashes were never come to"
    );
}

/// Those that are named, or all of them.
fn workloads(wanted: Option<&str>) -> Vec<Workload> {
    let is_wanted = |workload: &Workload| match wanted {
        None | Some("all") => true,
        Some(names) => names.split(',').any(|name| name == format!("{workload:?}")),
    };
    let workloads: Vec<Workload> = Workload::ALL.into_iter().filter(is_wanted).collect();
    assert!(
        !workloads.is_empty(),
        "PLUMBLINE_CRASHES is all, or one or more of {:?}",
        Workload::ALL
    );
    workloads
}

/// All crashes of a workload, every fifth of them with a second one soon after; or a sample that has one at each point.
fn crashes_of(reference: &Ended, whole: bool, random: &mut StdRng) -> Vec<Crash> {
    let mut all = Vec::new();
    for number in 1..=reference.mutations {
        for point in POINTS {
            let again = random.random_bool(0.2).then(|| {
                let point = *POINTS.choose(random).unwrap();
                (random.random_range(1..4), point)
            });
            all.push(Crash {
                number,
                point,
                again,
            });
        }
    }
    if whole {
        return all;
    }
    let at = |point| move |crash: &&Crash| crash.point == point;
    let mut chosen: Vec<Crash> = all.sample(random, SAMPLE).copied().collect();
    for point in POINTS {
        let of_point: Vec<&Crash> = all.iter().filter(at(point)).collect();
        chosen.extend(of_point.choose(random).map(|crash| **crash));
    }
    chosen
}

/// One line on what the crashes of a workload came to.
fn told(
    workload: Workload,
    reference: &Ended,
    ended: &[(Workload, Crash, Result<Ended, String>)],
) -> String {
    let own = ended.iter().filter(|(of, _, _)| *of == workload);
    let runs: Vec<&Ended> = own
        .clone()
        .filter_map(|(_, _, judged)| judged.as_ref().ok())
        .collect();
    let reached = runs.iter().filter(|run| run.deaths > 0).count();
    let twice = runs.iter().filter(|run| run.deaths > 1).count();
    let took: Duration = runs.iter().map(|run| run.took).sum();
    let runs_that_ended = u32::try_from(runs.len()).unwrap().max(1);
    format!(
        "{workload:?}: {} mutations; {} crashes, {reached} of them come to, {twice} followed by another; {:?} for each",
        reference.mutations,
        own.count(),
        took / runs_that_ended
    )
}

/// Runs a workload to its end; what was seen.
async fn run(workload: Workload, crash: Option<Crash>, expected: Option<&Value>) -> Ended {
    let began = Instant::now();
    let journal = Journal::new();
    let mut scenario = Scenario::start_intercepted("controller: {sendWithin: 1s}", &journal).await;
    let oracle = Oracle::watch(&scenario, &journal);
    let user = User {
        client: scenario.client.clone(),
        namespace: scenario.namespace.clone(),
        render: scenario.render(),
        app: format!("http://{}/app", scenario.simulator.address),
    };
    let mut deaths = Vec::new();
    {
        let story = user.run(workload);
        let killer = kill(&mut scenario, &journal, crash, &mut deaths);
        tokio::pin!(story, killer);
        tokio::select! {
            // What follows the end may be killed as well.
            () = &mut story => {
                let _ = tokio::time::timeout(Duration::from_secs(3), &mut killer).await;
            }
            () = &mut killer => story.await,
        }
    }
    // It may have been started again a moment ago.
    scenario.controller.until_ready().await;
    user.until_judged().await;
    scenario.until_still(Duration::from_secs(3)).await;
    let outcome = user.until_outcome(workload, expected, SETTLES_WITHIN).await;
    let mut events = BTreeMap::new();
    for event in scenario.events() {
        if event["regarding"]["kind"] == "DeploymentValidation" {
            let told = format!("{} {}", word(&event, "reason"), word(&event, "note"));
            *events.entry(told).or_default() += 1;
        }
    }
    let ended = Ended {
        outcome,
        events,
        mutations: journal.count(),
        said: said(&scenario),
        misdeeds: oracle.misdeeds(&deaths),
        cut_short: user.cut_short().await,
        deaths: deaths.len(),
        took: began.elapsed(),
    };
    scenario.finish().await;
    ended
}

fn word<'a>(told: &'a Value, key: &str) -> &'a str {
    told[key].as_str().unwrap_or_default()
}

fn said(scenario: &Scenario) -> Vec<String> {
    let words = |object: &Value| {
        let told = condition(object, "RolledBack");
        format!("{} {}", word(told, "reason"), word(told, "message"))
    };
    let versions = scenario.recorder.versions();
    let validations = versions
        .iter()
        .filter(|object| object["kind"] == "DeploymentValidation");
    let mut said: Vec<String> = validations.map(words).collect();
    said.dedup();
    said
}

/// Kills the controller at the crash and starts it anew; never ends without a crash to come. Adds to `deaths` how many mutations
/// had arrived at each.
async fn kill(
    scenario: &mut Scenario,
    journal: &Journal,
    crash: Option<Crash>,
    deaths: &mut Vec<usize>,
) {
    let Some(crash) = crash else {
        return std::future::pending().await;
    };
    let held = journal.arm(crash.number, crash.point).await;
    scenario.controller.kill();
    deaths.push(journal.count());
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
            deaths.push(journal.count());
            drop(held);
            scenario.controller.relaunch(&namespace);
        }
    }
}

/// The run, when nothing in it is otherwise than in the one that nothing has happened to.
fn judge(reference: &Ended, ended: Ended) -> Result<Ended, String> {
    let mut told = ended.misdeeds.clone();
    if reference.outcome != ended.outcome {
        told.push(format!(
            "expected {}\n   found {}",
            reference.outcome, ended.outcome
        ));
    }
    // Each death can cost one attempt, and nothing else does.
    if ended.cut_short > reference.cut_short + ended.deaths {
        told.push(format!("{} attempts were cut short", ended.cut_short));
    }
    // An event is told after its write: a process that dies in between takes it along, and nobody tells it twice. What was held
    // up and taken back may be said again, and then is told again.
    for (event, count) in &ended.events {
        let usual = reference.events.get(event).copied().unwrap_or(1);
        let said = ended.said.iter().filter(|said| *said == event).count();
        if *count > usual.max(said) {
            told.push(format!(
                "told {count} times: {event}; it said {:#?}",
                ended.said
            ));
        }
    }
    if told.is_empty() {
        Ok(ended)
    } else {
        Err(told.join("\n"))
    }
}
