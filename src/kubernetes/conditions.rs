//! Conditions by the Kubernetes API conventions: `lastTransitionTime` moves only with `status`.

use k8s_openapi::jiff::Timestamp;

use crate::{
    api::{Condition, ConditionStatus, ConditionType, Reason},
    checks::verdict::printable,
};

/// The longest message of a condition, in bytes.
const MAX_MESSAGE_BYTES: usize = 1024;

/// The conditions of one status in the making.
#[derive(Debug)]
pub struct Conditions<'a> {
    previous: &'a [Condition],
    observed_generation: i64,
    now: Timestamp,
    set: Vec<Condition>,
}

impl<'a> Conditions<'a> {
    /// Conditions that follow `previous` and speak of the generation `observed_generation`.
    #[must_use]
    pub fn following(previous: &'a [Condition], observed_generation: i64, now: Timestamp) -> Self {
        Self {
            previous,
            observed_generation,
            now,
            set: Vec::new(),
        }
    }

    /// Adds a condition. Those that are not added are absent from the new status.
    pub fn set(
        &mut self,
        type_: ConditionType,
        status: ConditionStatus,
        reason: Reason,
        message: &str,
    ) {
        let last_transition_time = find(self.previous, type_)
            .filter(|previous| previous.status == status)
            .map_or(self.now, |previous| previous.last_transition_time);
        self.set.push(Condition {
            type_,
            status,
            observed_generation: self.observed_generation,
            last_transition_time,
            reason,
            message: printable(message, MAX_MESSAGE_BYTES),
        });
    }

    /// The finished list, in the order in which it was set.
    #[must_use]
    pub fn finish(self) -> Vec<Condition> {
        self.set
    }
}

/// The condition of type `type_`.
#[must_use]
pub fn find(conditions: &[Condition], type_: ConditionType) -> Option<&Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}
