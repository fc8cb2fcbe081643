//! Which records of a validation nobody needs any more.

use std::{sync::Arc, time::Duration};

use crate::{
    api::{HistoryLimits, RollbackState},
    rollback::{Moment, ledger::Attempt},
};

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
    let found = record.spec.from.services.iter().map(|deploy| &deploy.deploy_id);
    let brought = record
        .status
        .steps
        .iter()
        .filter_map(|step| step.operation_id.as_ref());
    found.chain(brought).any(|id| live.contains(id))
}
