//! What becomes of attempts.

use jiff::SignedDuration;

use super::*;
use crate::{
    api::{
        RollbackCause, RollbackPlan, RollbackSpec, RollbackStatus, StepState, StepStatus,
        ValidationReference,
    },
    rollback::naming,
};

/// The longest that an attempt may wait before the platform is asked.
const ISSUE_WITHIN: i64 = 1200;

impl World {
    pub(super) fn record(&mut self, proposal: &Proposal) {
        let key = naming::key(VALIDATION.uid, &proposal.failed_release, proposal.attempt);
        let now = self.moment().now;
        self.numbers
            .insert((proposal.failed_release.clone(), proposal.attempt));
        self.failed.insert(proposal.failed_release.clone());
        self.failed.insert(proposal.from.release.clone());
        self.recorded = self.passed;
        self.records.push(Stored {
            name: naming::name(VALIDATION.name, &key),
            created: now,
            spec: RollbackSpec {
                validation_ref: ValidationReference {
                    name: VALIDATION.name.to_owned(),
                    uid: Some(VALIDATION.uid.to_owned()),
                },
                policy_ref: None,
                trigger: RollbackCause::Automatic,
                reason: None,
                from: proposal.from.clone(),
                to: Some(proposal.goal.clone()),
                approved: false,
                plan: Some(RollbackPlan {
                    generation: 1,
                    attempt: proposal.attempt,
                    failed_release: proposal.failed_release.clone(),
                    failed_checks: proposal.failed_checks.clone(),
                    key,
                    claimant: "model".to_owned(),
                    issue_before: now + SignedDuration::from_secs(ISSUE_WITHIN),
                    timeout: self.policy.timeout,
                    verification_checks: Vec::new(),
                    verification_timeout: self.policy.verification.timeout,
                    approval_required: proposal.approval_required,
                    requested_by: None,
                    steps: proposal.steps.clone(),
                }),
            },
            status: RollbackStatus::default(),
        });
    }

    /// The open attempt, taken out.
    fn take_open(&mut self) -> Option<Stored> {
        let last = self.records.last()?;
        let open = last.status.state.is_none_or(|state| !state.is_final());
        if open { self.records.pop() } else { None }
    }

    pub(super) fn end(&mut self, end: End) {
        let Some(mut record) = self.take_open() else {
            return;
        };
        let now = self.moment().now;
        let touched = record.status.issued_at.is_some();
        let gone = !touched && record.spec.from.release != self.live.id;
        let late = !touched && self.passed - self.recorded > ISSUE_WITHIN;
        let end = match end {
            End::Untouched(_) | End::Lost if touched => End::Live(RollbackState::Failed),
            _ if gone => End::Untouched(RollbackState::Superseded),
            _ if late => End::Untouched(RollbackState::NotIssued),
            end => end,
        };
        let steps = record.spec.plan.as_ref().unwrap().steps.len();
        match end {
            End::Untouched(state) => record.status.state = Some(state),
            End::Broken(done) => {
                self.carry_out(&mut record, done.min(steps - 1));
                record.status.state = Some(RollbackState::Failed);
            }
            End::Live(state) => {
                self.carry_out(&mut record, steps);
                record.status.live_at = Some(now);
                record.status.state = Some(state);
            }
            End::Lost => {
                self.carry_out(&mut record, steps);
                record.status.state = Some(RollbackState::OutcomeUnknown);
                self.records.push(record);
                return;
            }
        }
        record.status.finished_at = Some(now);
        self.ended = self.passed;
        if record.status.state == Some(RollbackState::Failed) {
            self.failed.insert(self.live.id.clone());
            record.status.result = Some(ReleaseReference {
                release: self.live.id.clone(),
                services: deploys(&self.live),
            });
        }
        self.records.push(record);
    }

    /// Asks the platform once; an attempt whose outcome is not known was carried out before.
    fn carry_out(&mut self, record: &mut Stored, done: usize) {
        if record.status.issued_at.is_some() {
            return;
        }
        record.status.issued_at = Some(self.moment().now);
        self.ask();
        let mut deploys: Vec<String> = self
            .live
            .services
            .iter()
            .map(|service| service.deploy_id.clone())
            .collect();
        let steps = record.spec.plan.as_ref().unwrap().steps.clone();
        for (place, step) in steps.iter().enumerate() {
            let operation = self.new_deploy();
            let state = if place < done {
                let service = SERVICES.iter().position(|known| known.name == step.service);
                deploys[service.unwrap()].clone_from(&operation);
                StepState::Done
            } else {
                StepState::Failed
            };
            record.status.steps.push(StepStatus {
                claimant: None,
                service: step.service.clone(),
                state,
                newest_before: None,
                operation_id: Some(operation),
                started_at: None,
                finished_at: None,
                message: String::new(),
            });
        }
        self.go_live(&deploys);
    }

    /// Somebody asks the platform for something: there is never more than the budget in any stretch of time.
    fn ask(&mut self) {
        self.asked.push(self.passed);
        let budget = self.policy.guard.budget;
        assert!(
            self.asked_of_late() <= usize::from(budget.max),
            "{:?}",
            self.asked
        );
    }

    fn asked_of_late(&self) -> usize {
        let per = i64::try_from(self.policy.guard.budget.per.get().as_secs()).unwrap();
        let counts = |time: &&i64| self.passed - **time < per;
        self.asked.iter().filter(counts).count()
    }

    pub(super) fn other(&mut self) {
        let open = self.records.iter().filter(|record| {
            let state = record.status.state;
            record.status.issued_at.is_none() && state.is_none_or(|state| !state.is_final())
        });
        let taken = self.asked_of_late() + open.count();
        if taken < usize::from(self.policy.guard.budget.max) {
            self.others.push(self.moment().now);
            self.ask();
        }
    }

    /// A record that says that everything is well with what is live, or that it was rolled back ever so often.
    pub(super) fn forge(&mut self) {
        let from: Vec<_> = self.live.services.iter().collect();
        let from: Vec<_> = from
            .iter()
            .map(|service| format!("{}={}", service.name, service.deploy_id))
            .collect();
        let done = format!(
            "{{state: Verified, steps: [{{service: api, state: Done, operationId: {}}}]}}",
            self.live.services[0].deploy_id
        );
        for status in ["{}", &done] {
            let mut forged =
                Stored::new(&self.live.id, 1, &from.join(" "), "api=x worker=y", status);
            forged.spec.validation_ref.uid = Some("another".to_owned());
            self.forged.push(forged.clone());
            forged.spec.validation_ref.uid = Some(VALIDATION.uid.to_owned());
            forged.name.push('0');
            self.forged.push(forged);
        }
    }
}
