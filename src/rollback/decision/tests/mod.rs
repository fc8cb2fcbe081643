//! What is decided: rule by rule, in their order, and over random histories.

mod gates;
mod model;
mod order;
mod outcome;
mod properties;
mod rules;

use std::time::Duration;

use super::*;
use crate::{
    api::{GoodRelease, RollbackPolicySpec, Tier},
    rollback::{
        Past,
        samples::{Checks, Stored, VALIDATION, at, good, live, moment, read},
    },
};

/// Everything that a decision rests on. As [`Case::new`] gives it, dep-2 is rolled back to dep-1 at 12:06.
struct Case {
    suspended: bool,
    policy: Option<String>,
    health: Health,
    stale: bool,
    checks: Checks,
    live: ObservedRelease,
    services: Vec<Service<'static>>,
    goods: Vec<GoodRelease>,
    records: Vec<Stored>,
    spent: Vec<Timestamp>,
    brake: Option<Engaged>,
    frozen_until: Option<Timestamp>,
    live_schema: Option<SchemaFingerprint>,
    good_schemas: Vec<(&'static str, SchemaFingerprint)>,
    moment: Moment,
}

const FAILED: &str = "[{name: health, state: Failed, message: 'status 503, expected 200-299', since: '12:05'}, {name: queue, area: worker}]";

impl Case {
    fn new() -> Self {
        let checks = Checks::new(FAILED);
        Self {
            suspended: false,
            policy: Some("mode: Automatic".to_owned()),
            health: Health::Failed,
            stale: false,
            live: live("api=dep-2", "12:00"),
            services: vec![Service {
                name: "api",
                tier: Tier::Application,
            }],
            goods: vec![good("api=dep-1", "11:00", &checks.digests())],
            checks,
            records: Vec::new(),
            spent: Vec::new(),
            brake: None,
            frozen_until: None,
            live_schema: None,
            good_schemas: Vec::new(),
            moment: moment("12:06"),
        }
    }

    /// With this policy, whose mode is Automatic unless it says another.
    fn policy(mut self, yaml: &str) -> Self {
        self.policy = Some(if yaml.contains("mode:") {
            yaml.to_owned()
        } else {
            format!("mode: Automatic\n{yaml}")
        });
        self
    }

    /// With this release before those that are good already: the older one.
    fn older(mut self, services: &str) -> Self {
        let digests = self.checks.digests();
        self.goods.push(good(services, "10:00", &digests));
        self
    }

    /// With the record of an attempt for dep-2 from one deploy to another.
    fn attempt(self, number: u8, from: &str, to: &str, status: &str) -> Self {
        let (from, to) = (format!("api={from}"), format!("api={to}"));
        self.record(Stored::new("dep-2", number, &from, &to, status))
    }

    fn record(mut self, record: Stored) -> Self {
        self.records.push(record);
        self
    }

    fn at(mut self, now: &str) -> Self {
        self.moment = moment(now);
        self
    }

    fn decide(&self) -> Decision {
        let policy: Option<RollbackPolicySpec> = self.policy.as_deref().map(read);
        let checks = self.checks.standing();
        let records = self.records.iter().map(Stored::record);
        let past = Past::of(VALIDATION, records, &self.live);
        let good_schemas: Vec<_> = self
            .good_schemas
            .iter()
            .map(|(release, schema)| (*release, schema))
            .collect();
        decide(&Inputs {
            suspended: self.suspended,
            policy: policy.as_ref(),
            health: &self.health,
            stale: self.stale,
            checks: &checks,
            live: &self.live,
            services: &self.services,
            goods: Goods {
                last_known_good: self.goods.first(),
                candidates: self.goods.get(1..).unwrap_or_default(),
            },
            past: &past,
            spent: &self.spent,
            brake: self.brake.as_ref(),
            frozen_until: self.frozen_until,
            schemas: Schemas {
                live: self.live_schema.as_ref(),
                good: &good_schemas,
            },
            refusals_since: None,
            moment: self.moment,
        })
    }

    fn proposal(&self) -> Proposal {
        match self.decide() {
            Decision::RollBack(proposal) => *proposal,
            other => panic!("{other:?}"),
        }
    }

    /// Reason and message of nothing to do.
    fn nothing(&self) -> (Reason, String) {
        match self.decide() {
            Decision::Nothing { reason, message } => (reason, message),
            other => panic!("{other:?}"),
        }
    }

    /// End, reason and message of a wait.
    fn wait(&self) -> (Option<Timestamp>, Reason, String) {
        match self.decide() {
            Decision::Wait {
                until,
                reason,
                message,
            } => (until, reason, message),
            other => panic!("{other:?}"),
        }
    }
}

/// A brake that is engaged.
fn braked() -> Engaged {
    Engaged {
        turned_bad: 6,
        watched: 20,
        window: Duration::from_mins(5),
        until: at("12:20"),
    }
}

/// A schema with one table of one column.
fn schema(column: &str) -> SchemaFingerprint {
    read(&format!("{{users: {{{column}: text?}}}}"))
}

/// dep-3 is what the first attempt for dep-2 brought back of dep-1.
fn brought_back(state: &str) -> Case {
    let status = format!(
        "{{state: {state}, issuedAt: '12:02', liveAt: '12:03', finishedAt: '12:04', \
         steps: [{{service: api, state: Done, operationId: dep-3}}], result: {{release: dep-3}}}}"
    );
    let case = Case {
        live: live("api=dep-3", "12:03"),
        ..Case::new()
    };
    case.attempt(1, "dep-2", "dep-1", &status)
}

/// A finished rollback of dep-0, by its state.
fn other_failure(attempt: u8, status: &str) -> Stored {
    Stored::new("dep-0", attempt, "api=dep-0", "api=dep-00", status)
}
