//! What the status of a validation says of rollbacks: the condition `RolledBack`, and what it means for `Ready`. Pure.

use crate::{
    api::{ConditionStatus, Reason, RollbackState, RollbackSummary},
    checks::board::Health,
    rollback::{decision::Decision, ledger::Attempt},
};

/// What the status says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Status of `RolledBack`.
    pub status: ConditionStatus,
    /// Its reason.
    pub reason: Reason,
    /// Its message.
    pub message: String,
    /// What follows from it for `Ready`.
    pub bearing: Bearing,
    /// The attempt that the live release is about.
    pub summary: Option<RollbackSummary>,
}

/// What a rollback means for `Ready`, `Reconciling` and `Stalled`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bearing {
    /// Nothing: the verdict speaks for itself.
    None,
    /// One is on its way: Ready is not True, and Reconciling has this reason.
    UnderWay(Reason),
    /// One follows later by itself.
    Later,
    /// None follows by itself: a failed verdict is Stalled for this reason.
    NoneFollows(Reason),
    /// Ready is False for the first reason and Stalled for the second, whatever the verdict on what is live.
    Ended(Reason, Reason),
}

/// What is known of the attempts about the live release.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latest<'a> {
    /// The newest attempt.
    pub attempt: Option<&'a Attempt>,
    /// Whether what is live is what it has brought about.
    pub is_live: bool,
    /// Whether it was decided for the present generation of the validation.
    pub is_current: bool,
    /// The newest attempt of all, where what is live now has superseded it.
    pub superseded: Option<&'a Attempt>,
}

/// What the status says, by what was decided and what is on record.
#[must_use]
pub fn standing(decision: &Decision, latest: Latest<'_>, health: &Health) -> Standing {
    use ConditionStatus::{False, True, Unknown};
    let summary = latest.attempt.and_then(summary);
    let state = latest.attempt.map(|attempt| {
        attempt
            .status
            .state
            .unwrap_or(RollbackState::IntentRecorded)
    });
    let told = latest.attempt.map_or("", |attempt| &attempt.status.message);
    let name = latest.attempt.map_or("", |attempt| &attempt.name.name);
    let of_record = |status, reason, words: &str, bearing| Standing {
        status,
        reason,
        message: if told.is_empty() {
            format!("Rollback {name}: {words}")
        } else {
            format!("Rollback {name}: {told}")
        },
        bearing,
        summary: summary.clone(),
    };
    match state {
        Some(RollbackState::AwaitingApproval) => of_record(
            False,
            Reason::AwaitingApproval,
            "a person has to approve it",
            Bearing::NoneFollows(Reason::ChecksFailed),
        ),
        Some(RollbackState::IntentRecorded) => of_record(
            Unknown,
            Reason::IntentRecorded,
            "on record; nothing was asked of the platform",
            Bearing::UnderWay(Reason::RollingBack),
        ),
        Some(RollbackState::Issued) => of_record(
            Unknown,
            Reason::Issued,
            "the platform was asked",
            Bearing::UnderWay(Reason::RollingBack),
        ),
        Some(RollbackState::Verifying) => of_record(
            Unknown,
            Reason::Verifying,
            "everything is live; the checks have yet to pass on it",
            Bearing::UnderWay(Reason::Verifying),
        ),
        Some(RollbackState::OutcomeUnknown) => of_record(
            Unknown,
            Reason::OutcomeUnknown,
            "it cannot be told how it ended on the platform",
            Bearing::Ended(Reason::OutcomeUnknown, Reason::OutcomeUnknown),
        ),
        Some(RollbackState::Verified) if latest.is_live && latest.is_current => of_record(
            True,
            Reason::RollbackVerified,
            "the checks pass on what was brought back",
            Bearing::Ended(Reason::RolledBack, Reason::RolledBack),
        ),
        Some(RollbackState::Failed) if *health == Health::Failed => {
            let decided = decided(decision, health, summary);
            match decided.bearing {
                Bearing::NoneFollows(why) => Standing {
                    bearing: Bearing::Ended(Reason::RollbackFailed, why),
                    ..decided
                },
                _ => decided,
            }
        }
        _ => match (decision, latest.superseded) {
            (Decision::Nothing { .. }, Some(attempt)) if *health != Health::Failed => Standing {
                status: False,
                reason: Reason::Superseded,
                message: attempt.status.message.clone(),
                bearing: Bearing::None,
                summary,
            },
            _ => decided(decision, health, summary),
        },
    }
}

fn decided(decision: &Decision, health: &Health, summary: Option<RollbackSummary>) -> Standing {
    let (status, reason, message, bearing) = match decision {
        Decision::Nothing { reason, message } => (
            ConditionStatus::False,
            nothing(*reason, health),
            message.clone(),
            match reason {
                Reason::NotRequired => Bearing::None,
                Reason::NoKnownGood | Reason::AttemptsExhausted | Reason::BrakeEngaged => {
                    Bearing::NoneFollows(*reason)
                }
                _ => Bearing::NoneFollows(Reason::ChecksFailed),
            },
        ),
        Decision::Wait {
            reason, message, ..
        } => (
            ConditionStatus::False,
            *reason,
            message.clone(),
            match reason {
                Reason::BrakeEngaged => Bearing::NoneFollows(Reason::BrakeEngaged),
                Reason::NotRequired => Bearing::None,
                _ => Bearing::Later,
            },
        ),
        Decision::RollBack(_) => (
            ConditionStatus::Unknown,
            Reason::IntentRecorded,
            "the rollback is being put on record".to_owned(),
            Bearing::UnderWay(Reason::RollingBack),
        ),
    };
    Standing {
        status,
        reason,
        message,
        bearing,
        summary,
    }
}

/// What `RolledBack` says where nothing is done for `reason`: none of the reasons of `Healthy` is one of its own.
fn nothing(reason: Reason, health: &Health) -> Reason {
    match reason {
        Reason::Running | Reason::Inconclusive | Reason::ObservationStale | Reason::Suspended => {
            Reason::NotRequired
        }
        // Since then the spec was edited. What was brought back was seen to pass, so that it is not what fails now.
        Reason::RollbackVerified if *health == Health::Failed => Reason::EnvironmentFault,
        Reason::RollbackVerified => Reason::NotRequired,
        other => other,
    }
}

fn summary(attempt: &Attempt) -> Option<RollbackSummary> {
    Some(RollbackSummary {
        name: attempt.name.name.clone(),
        state: attempt
            .status
            .state
            .unwrap_or(RollbackState::IntentRecorded),
        attempt: attempt.spec.plan.as_ref()?.attempt,
    })
}
