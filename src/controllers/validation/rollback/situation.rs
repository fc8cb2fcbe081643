//! All that is known when it is decided. Pure, but for what it is given.

use std::sync::Arc;

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::{
    api::{
        CheckState, ConditionStatus, ConditionType, DeploymentValidation,
        DeploymentValidationStatus, ObservedRelease, Reason, RollbackPolicySpec, Severity,
    },
    checks::{board::Health, schema::LiveSchema},
    controllers::fleet::Fleet,
    kubernetes::conditions::find,
    monitor::Snapshot,
    rollback::{
        AttemptRecord, CheckDigests, Decision, Goods, Inputs, Moment, Past, Validation,
        brake::{BrakeSettings, Engaged, engaged},
        decide,
        decision::Schemas,
        freeze::frozen_until,
        known_good,
        ledger::Attempt,
        plan::Service,
    },
};

/// All that is known of one validation when it is decided.
pub struct Situation<'a> {
    /// The validation.
    pub object: &'a DeploymentValidation,
    /// Its status so far.
    pub previous: &'a DeploymentValidationStatus,
    /// What the monitor knows.
    pub snapshot: &'a Snapshot,
    /// What is live.
    pub live: Option<&'a ObservedRelease>,
    /// What makes each check the one that it is.
    pub digests: &'a CheckDigests,
    /// Now.
    pub moment: Moment,
}

impl Situation<'_> {
    /// The verdict, as far as a status has named the release that it is about.
    pub fn health(&self) -> Health {
        let named = self.previous.observed_release.as_ref();
        let is_named = self.live.map(|live| &live.id) == named.map(|named| &named.id);
        if is_named {
            self.snapshot.board.health(&self.snapshot.suite, None)
        } else {
            Health::Running
        }
    }

    /// When a critical check began to fail; `None` while none does. On a new release one does so before it has a verdict.
    pub fn turned_bad(&self) -> Option<Timestamp> {
        let suite = self.snapshot.suite.checks().iter();
        suite
            .zip(self.snapshot.board.checks())
            .filter(|(check, status)| {
                let fails = match status.state {
                    CheckState::Failing | CheckState::Failed => true,
                    CheckState::Unknown => status.failures > 0,
                    CheckState::Passing | CheckState::Skipped => false,
                };
                check.severity == Severity::Critical && fails
            })
            .map(|(_, status)| status.since)
            .min()
    }

    /// Since when spec and references, the credentials among them, can be acted on.
    fn accepted_since(&self) -> Option<Timestamp> {
        let accepted = find(&self.previous.conditions, ConditionType::Accepted)?;
        (accepted.status == ConditionStatus::True).then_some(accepted.last_transition_time)
    }

    /// The brake, while it is engaged.
    pub fn brake(&self, fleet: &Fleet) -> Option<Engaged> {
        engaged(fleet.turned_bad(), &BrakeSettings::default(), self.moment)
    }

    /// What `records` tell; `None` while nothing is known to be live.
    pub fn past<'b>(&'b self, records: &'b [Arc<Attempt>]) -> Option<Past<'b>> {
        let name = self.object.name_any();
        let uid = self.object.uid().unwrap_or_default();
        let validation = Validation {
            name: &name,
            uid: &uid,
        };
        Some(Past::of(validation, as_records(records), self.live?))
    }

    /// What to do by `policy`.
    pub fn decide(
        &self,
        policy: Option<&RollbackPolicySpec>,
        records: &[Arc<Attempt>],
        spent: &[Timestamp],
        brake: Option<&Engaged>,
    ) -> Decision {
        let (Some(live), Some(past)) = (self.live, self.past(records)) else {
            return Decision::Nothing {
                reason: if policy.is_some() {
                    Reason::NotRequired
                } else {
                    Reason::RollbackDisabled
                },
                message: match policy {
                    Some(_) => "no release is known to be live".to_owned(),
                    None => {
                        "spec.rollbackPolicyRef names no policy: nothing is rolled back".to_owned()
                    }
                },
            };
        };
        let checks = self.digests.standing(self.snapshot.board.checks());
        let services = services(self.object);
        let frozen = policy.map(|policy| frozen_until(&policy.guard.freeze, self.moment));
        let live_schema = self.snapshot.schema.known();
        let known = live_schema.map(|_| known_good::schemas(self.previous));
        let known = known.unwrap_or_default();
        let good_schemas: Vec<_> = known.iter().map(|(id, schema)| (*id, schema)).collect();
        decide(&Inputs {
            suspended: self.object.spec.suspend,
            policy,
            health: &self.health(),
            // What is not read yet may forbid what the checks ask for.
            stale: self.snapshot.stale || self.snapshot.schema == LiveSchema::Awaited,
            checks: &checks,
            live,
            services: &services,
            goods: Goods::of(self.previous),
            past: &past,
            spent,
            brake,
            // A window that cannot be read makes its policy one that is not acted on at all.
            frozen_until: frozen.and_then(Result::ok).flatten(),
            schemas: Schemas {
                live: live_schema,
                good: &good_schemas,
            },
            refusals_since: self.accepted_since(),
            moment: self.moment,
        })
    }
}

/// The services of a validation's target, with their tiers.
#[must_use]
pub fn services(object: &DeploymentValidation) -> Vec<Service<'_>> {
    let render = object.spec.target.render.iter();
    render
        .flat_map(|render| &render.services)
        .map(|service| Service {
            name: &service.name,
            tier: service.tier,
        })
        .collect()
}

/// Records as the pure rules read them.
pub fn as_records(records: &[Arc<Attempt>]) -> impl Iterator<Item = AttemptRecord<'_>> {
    records.iter().map(|record| AttemptRecord {
        name: &record.name.name,
        created: record.created,
        spec: &record.spec,
        status: &record.status,
    })
}
