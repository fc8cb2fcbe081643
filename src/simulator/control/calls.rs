//! Calls of Render's API: who may make them, how they go wrong, and what came of them.

use std::{collections::BTreeMap, time::Duration};

use super::{Control, ControlError};
use crate::simulator::{
    api::Route,
    budget::{Bucket, Limit},
    faults::Fault,
    holds::Held,
    journal::RecordedRequest,
    ledger::LedgerEntry,
    requests::NewKey,
};

impl Control {
    /// Accepts an API key, or changes what it reaches.
    pub fn accept_key(&self, new: &NewKey) -> Result<(), ControlError> {
        self.change(|world, now| world.accept_key(new, now))
    }

    /// No longer accepts an API key.
    pub fn withdraw_key(&self, key: &str) -> Result<(), ControlError> {
        self.change(|world, now| world.withdraw_key(key, now))
    }

    /// Sets how often each key may call, and starts counting anew.
    pub fn set_limit(&self, bucket: Bucket, limit: Limit) -> Result<(), ControlError> {
        self.change(|world, now| world.set_limit(bucket, limit, now))
    }

    /// How many calls were answered with 429 since the start or a reset, because a window was used up. What a fault answers
    /// does not count.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.shared.world().budgets.refused()
    }

    /// Sets a fault; the answer is the number to remove it by.
    pub fn add_fault(&self, fault: Fault) -> Result<u64, ControlError> {
        self.change(|world, _| world.faults.add(fault))
    }

    /// Removes a fault.
    pub fn remove_fault(&self, id: u64) -> Result<(), ControlError> {
        self.change(|world, _| world.faults.remove(id))
    }

    /// Removes every fault.
    pub fn clear_faults(&self) {
        self.shared.world().faults.clear();
    }

    /// From now on, reads of deploys, instances and events show what changes only after this time, at most 24 h. What has
    /// changed until now stays to be seen. No time ends it.
    pub fn set_lag(&self, behind: Duration) -> Result<(), ControlError> {
        self.change(|world, _| world.set_lag(behind))
    }

    /// The calls that [`Effect::HoldBefore`](crate::simulator::Effect) and `HoldAfter`
    /// hold now, oldest first.
    #[must_use]
    pub fn held(&self) -> Vec<Held> {
        self.shared.world().holds.held()
    }

    /// Waits until a call is held; the oldest one. It has no limit of its own.
    pub async fn until_held(&self) -> Held {
        loop {
            self.shared.holding().await;
            if let Some(held) = self.held().into_iter().next() {
                return held;
            }
        }
    }

    /// Lets a held call go on. When this returns, what it asked for is done; its answer is sent if somebody still waits.
    pub fn release(&self, held: u64) -> Result<(), ControlError> {
        self.change(|world, now| world.release(held, now))
    }

    /// Drops a held call: it has no effect from here on, and its connection is closed without an answer.
    pub fn discard(&self, held: u64) -> Result<(), ControlError> {
        self.change(|world, _| world.holds.discard(held))
    }

    /// How often each route was called since the start, a reset or [`Control::forget_calls`]. Calls that were answered
    /// with an error or not at all count as well.
    #[must_use]
    pub fn calls(&self) -> BTreeMap<Route, u64> {
        self.shared.world().calls.clone()
    }

    /// How often one route was called.
    #[must_use]
    pub fn calls_of(&self, route: Route) -> u64 {
        self.calls().get(&route).copied().unwrap_or_default()
    }

    /// Counts calls from 0 again, and forgets [`Control::requests`].
    pub fn forget_calls(&self) {
        let mut world = self.shared.world();
        world.calls.clear();
        world.journal.clear();
    }

    /// The calls of Render's API since the start, a reset or [`Control::forget_calls`], oldest first; the newest 10,000 of
    /// them, answered or not. No key is in them.
    #[must_use]
    pub fn requests(&self) -> Vec<RecordedRequest> {
        self.shared.world().journal.requests()
    }

    /// The changes since the start or a reset, oldest first; the newest 10,000 of them.
    #[must_use]
    pub fn ledger(&self) -> Vec<LedgerEntry> {
        self.shared.world().ledger.entries()
    }

    /// The changes that calls of Render's API made, as [`Control::ledger`] has them.
    #[must_use]
    pub fn mutations(&self) -> Vec<LedgerEntry> {
        let mut entries = self.ledger();
        entries.retain(|entry| entry.method.is_some());
        entries
    }
}
