//! What a decision takes: as many checks, services and records as there can be.

use std::{hint::black_box, time::Instant};

use k8s_openapi::jiff::{SignedDuration, Timestamp};
use plumbline::{
    api::{
        Check, CheckStatus, GoodRelease, ObservedRelease, RollbackPolicySpec, RollbackSpec,
        RollbackStatus, Tier,
    },
    checks::board::Health,
    rollback::{
        Attempt, AttemptRecord, CheckDigests, Decision, Goods, Inputs, Moment, Past, Validation,
        decide, decision::Schemas, naming, plan::Service,
    },
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{
    Broken,
    table::{Table, microseconds, note, quantile},
};

const CHECKS: usize = 50;
const SERVICES: usize = 20;
const RECORDS: usize = 200;

/// Attempts for one failed release.
const ATTEMPTS: usize = 5;

/// Batches, and runs in each: the clock is read twice in a batch.
const BATCHES: usize = 200;
const RUNS: u32 = 200;

const VALIDATION: Validation<'static> = Validation {
    name: "accessa-production",
    uid: "9f0c2b9e-6a63-4c0e-9d0f-5d4a3f1c2b7e",
};

/// Measures the two decisions that take the longest: the one that goes through all rules, and the one for which every
/// record counts.
pub fn measure() -> Result<(), Broken> {
    note("decision: the two longest");
    let mut table = Table::new("A decision");
    let facts = Facts::new("2h")?;
    let taken = facts.timed(|decision| matches!(decision, Decision::RollBack(_)))?;
    table.hold("decide: roll back", taken, 50e-6, microseconds);
    let held = Facts::new("168h")?;
    let taken = held.timed(|decision| matches!(decision, Decision::Wait { .. }))?;
    table.hold("decide: cooling off", taken, 50e-6, microseconds);
    table.tell("reading the records", microseconds(facts.reading()));
    table.tell("digests of the checks", microseconds(facts.digesting()));
    table.print()
}

struct Facts {
    policy: RollbackPolicySpec,
    spec: Vec<Check>,
    digests: CheckDigests,
    board: Vec<CheckStatus>,
    live: ObservedRelease,
    goods: Vec<GoodRelease>,
    names: Vec<String>,
    records: Vec<(String, RollbackSpec, RollbackStatus)>,
    moment: Moment,
}

impl Facts {
    /// Twenty services of which all differ, fifty checks that have failed, and two hundred records of other failures, the
    /// newest of them three hours old.
    fn new(cooldown: &str) -> Result<Self, Broken> {
        let now = Timestamp::from_second(1_800_000_000)?;
        let names: Vec<String> = (0..SERVICES)
            .map(|place| format!("service-{place}"))
            .collect();
        let spec: Vec<Check> = read(checks())?;
        let digests = CheckDigests::of(&spec);
        let board: Vec<CheckStatus> = read(board(now))?;
        let passed: Vec<String> = digests
            .standing(&board)
            .iter()
            .map(|check| check.digest.to_owned())
            .collect();
        let good = |number: usize| {
            json!({
                "release": format!("rel-good-{number}"), "validatedAt": before(now, 600),
                "services": deploys(&names, &format!("good-{number}")), "checks": passed,
            })
        };
        let live = json!({
            "id": "rel-live", "since": before(now, 300),
            "services": deploys(&names, "live"),
        });
        let mut records = Vec::new();
        for number in 0..RECORDS {
            records.push(record(&names, number, now)?);
        }
        Ok(Self {
            policy: read(json!({
                "mode": "Automatic", "guard": {"cooldown": cooldown, "budget": {"per": "1h"}},
            }))?,
            goods: read((0..6).map(good).collect())?,
            live: read(live)?,
            moment: Moment {
                now,
                started: before(now, 86_400),
            },
            spec,
            digests,
            board,
            names,
            records,
        })
    }

    fn records(&self) -> impl Iterator<Item = AttemptRecord<'_>> {
        let record = |(name, spec, status)| AttemptRecord {
            name,
            created: self.moment.started,
            spec,
            status,
        };
        self.records
            .iter()
            .map(|(name, spec, status)| (name.as_str(), spec, status))
            .map(record)
    }

    /// Seconds that a decision takes, which must be as `expected`.
    fn timed(&self, expected: impl Fn(&Decision) -> bool) -> Result<f64, Broken> {
        let services: Vec<_> = self.names.iter().map(|name| service(name)).collect();
        let checks = self.digests.standing(&self.board);
        let past = Past::of(VALIDATION, self.records(), &self.live);
        let spent: Vec<_> = past.attempts.iter().filter_map(Attempt::spends).collect();
        let inputs = Inputs {
            suspended: false,
            policy: Some(&self.policy),
            health: &Health::Failed,
            stale: false,
            checks: &checks,
            live: &self.live,
            services: &services,
            goods: Goods {
                last_known_good: self.goods.first(),
                candidates: &self.goods[1..],
            },
            past: &past,
            spent: &spent,
            brake: None,
            frozen_until: None,
            schemas: Schemas::default(),
            refusals_since: None,
            moment: self.moment,
        };
        let decision = decide(&inputs);
        if past.attempts.iter().count() != RECORDS || !expected(&decision) {
            return Err(format!("another decision: {decision:?}").into());
        }
        Ok(median(|| decide(black_box(&inputs))))
    }

    /// Seconds that it takes to prove the records and to find the incident.
    fn reading(&self) -> f64 {
        median(|| Past::of(VALIDATION, self.records(), black_box(&self.live)))
    }

    /// Seconds that the digests of a generation take.
    fn digesting(&self) -> f64 {
        median(|| CheckDigests::of(black_box(&self.spec)))
    }
}

/// The median over batches of what one run takes, in seconds: what else the machine does shows in few of them.
fn median<T>(run: impl Fn() -> T) -> f64 {
    let mut taken: Vec<f64> = (0..BATCHES)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..RUNS {
                black_box(run());
            }
            begun.elapsed().as_secs_f64() / f64::from(RUNS)
        })
        .collect();
    taken.sort_by(f64::total_cmp);
    quantile(&taken, 0.5)
}

fn read<T: DeserializeOwned>(value: Value) -> Result<T, Broken> {
    Ok(serde_json::from_value(value)?)
}

fn before(now: Timestamp, seconds: i64) -> Timestamp {
    now - SignedDuration::from_secs(seconds)
}

fn service(name: &str) -> Service<'_> {
    Service {
        name,
        tier: Tier::Application,
    }
}

fn checks() -> Value {
    let check = |place: usize| {
        json!({
            "name": format!("check-{place}"),
            "http": {"url": format!("https://api.example.com/health/{place}")},
        })
    };
    (0..CHECKS).map(check).collect()
}

fn board(now: Timestamp) -> Value {
    let status = |place: usize| {
        json!({
            "name": format!("check-{place}"), "area": "api", "stage": "application",
            "state": "Failed", "reason": "UnexpectedStatus", "since": before(now, 60),
            "message": "status 503, expected 200-299",
        })
    };
    (0..CHECKS).map(status).collect()
}

fn deploys(names: &[String], kind: &str) -> Value {
    let deploy = |name: &String| json!({"name": name, "deployId": format!("dep-{kind}-{name}")});
    names.iter().map(deploy).collect()
}

/// The record of an attempt that worked, with a step for each service.
fn record(
    names: &[String],
    number: usize,
    now: Timestamp,
) -> Result<(String, RollbackSpec, RollbackStatus), Broken> {
    let failed = format!("rel-failed-{}", number / ATTEMPTS);
    let attempt = u8::try_from(number % ATTEMPTS + 1)?;
    let key = naming::key(VALIDATION.uid, &failed, attempt);
    let step = |name: &String| json!({"service": name, "from": "dep-a", "to": "dep-b"});
    let done = |name: &String| json!({"service": name, "state": "Done", "operationId": format!("dep-{number}-{name}")});
    let steps: Value = names.iter().map(step).collect();
    let spec = json!({
        "validationRef": {"name": VALIDATION.name, "uid": VALIDATION.uid},
        "from": {"release": failed, "services": deploys(names, &format!("failed-{number}"))},
        "to": {"release": "rel-good", "services": deploys(names, "good")},
        "plan": {
            "attempt": attempt, "failedRelease": failed, "key": key, "claimant": "measure",
            "issueBefore": now, "timeout": "5m", "verificationTimeout": "5m", "steps": steps,
        },
    });
    let ended = before(now, 10_800);
    let status = json!({
        "state": "Failed", "issuedAt": ended, "liveAt": ended, "finishedAt": ended,
        "steps": names.iter().map(done).collect::<Value>(),
    });
    let name = naming::name(VALIDATION.name, &key);
    Ok((name, read(spec)?, read(status)?))
}
