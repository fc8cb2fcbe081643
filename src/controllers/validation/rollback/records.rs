//! Which records of a validation nobody needs any more.

use std::{sync::Arc, time::Duration};

use super::{policy::Policy, situation::Situation};
use crate::{
    api::{HistoryLimits, RollbackState},
    controllers::context::Context,
    rollback::{Moment, ledger::Attempt},
    telemetry::chain,
};

/// The most records that are deleted at one time.
const MAX_DELETIONS: usize = 10;

/// How long a record is remembered without a policy that says so.
const REMEMBERED: Duration = Duration::from_hours(24);

/// Deletes the records that nobody needs any more. One that cannot be deleted now is the next look's.
pub async fn prune(
    situation: &Situation<'_>,
    records: &[Arc<Attempt>],
    policy: &Policy,
    context: &Context,
) {
    let live: Vec<String> = situation
        .live
        .iter()
        .flat_map(|live| &live.services)
        .map(|service| service.deploy_id.clone())
        .collect();
    let remembered = policy.spec().map_or(REMEMBERED, |policy| {
        let guard = &policy.guard;
        guard.cooldown.max(guard.budget.per).get()
    });
    let limits = situation.object.spec.history;
    let gone = dispensable(records, &live, limits, remembered, situation.moment);
    for record in gone.iter().take(MAX_DELETIONS) {
        match context.ledger.remove(record).await {
            Ok(()) => context.records.delete(&record.name, &record.uid),
            Err(error) => tracing::debug!(
                rollback = %record.name,
                error = chain(&error),
                "an old record could not be deleted; it is tried again"
            ),
        }
    }
}

/// The records, oldest first, that can go: those that have ended, are not about `live`, the deploys that are live now, have
/// ended longer than `remembered` ago, and are beyond the newest ones that `limits` keep.
#[must_use]
pub fn dispensable(
    records: &[Arc<Attempt>],
    live: &[String],
    limits: HistoryLimits,
    remembered: Duration,
    moment: Moment,
) -> Vec<Arc<Attempt>> {
    let mut left = limits;
    let mut dispensable: Vec<Arc<Attempt>> = records
        .iter()
        .rev()
        .filter(|record| {
            let Some(state) = record.status.state.filter(|state| state.is_final()) else {
                return false;
            };
            let left = match state {
                RollbackState::Verified => &mut left.successful,
                _ => &mut left.failed,
            };
            let within_limits = *left > 0;
            *left = left.saturating_sub(1);
            let ended = record.status.finished_at.unwrap_or(record.created);
            !within_limits && !is_about(record, live) && moment.since(ended) > remembered
        })
        .cloned()
        .collect();
    dispensable.reverse();
    dispensable
}

/// Whether anything that the record found or brought about is live.
fn is_about(record: &Attempt, live: &[String]) -> bool {
    let found = record
        .spec
        .from
        .services
        .iter()
        .map(|deploy| &deploy.deploy_id);
    let brought = record
        .status
        .steps
        .iter()
        .filter_map(|step| step.operation_id.as_ref());
    found.chain(brought).any(|id| live.contains(id))
}
