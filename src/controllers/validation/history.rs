//! What status remembers of the past: verdicts by release. Pure.

use k8s_openapi::jiff::Timestamp;

use crate::{
    api::{
        Condition, ConditionStatus, ConditionType, DeploymentValidationStatus, HistoryEntry,
        HistoryLimits, HistoryVerdict,
    },
    kubernetes::conditions::find,
};

/// Adds the verdict of `status` to its history when it is not the one that `previous` already had, merged with an earlier
/// entry of the same release and verdict, and keeps as many of each as `limits` say.
pub fn remember(
    status: &mut DeploymentValidationStatus,
    previous: &DeploymentValidationStatus,
    limits: HistoryLimits,
    now: Timestamp,
) {
    let Some(verdict) = verdict(&status.conditions) else {
        return;
    };
    let release = release(status);
    let known =
        self::verdict(&previous.conditions) == Some(verdict) && self::release(previous) == release;
    if !known {
        let earlier = status
            .history
            .iter()
            .position(|entry| entry.release == release && entry.verdict == verdict)
            .map(|place| status.history.remove(place));
        let (count, first) = earlier.map_or((1, now), |entry| {
            (entry.count.saturating_add(1), entry.first)
        });
        let entry = HistoryEntry {
            release,
            verdict,
            count,
            first,
            last: now,
        };
        status.history.insert(0, entry);
    }
    let mut left = limits;
    status.history.retain(|entry| {
        let left = match entry.verdict {
            HistoryVerdict::Passed => &mut left.successful,
            HistoryVerdict::Failed => &mut left.failed,
        };
        let kept = *left > 0;
        *left = left.saturating_sub(1);
        kept
    });
}

fn verdict(conditions: &[Condition]) -> Option<HistoryVerdict> {
    match find(conditions, ConditionType::Healthy)?.status {
        ConditionStatus::True => Some(HistoryVerdict::Passed),
        ConditionStatus::False => Some(HistoryVerdict::Failed),
        ConditionStatus::Unknown => None,
    }
}

fn release(status: &DeploymentValidationStatus) -> Option<String> {
    status
        .observed_release
        .as_ref()
        .map(|release| release.id.clone())
}
