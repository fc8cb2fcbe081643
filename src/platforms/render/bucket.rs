//! The budgets of calls that change something, apart from each other as Render counts them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::time::Instant;

use super::budget::Budget;

/// Changes and deploys of one service in a minute, until an answer tells.
const DEPLOYS_A_MINUTE: u32 = 10;

/// All other changes with one key in a minute, until an answer tells.
const OTHERS_A_MINUTE: u32 = 30;

/// What a change is counted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bucket<'a> {
    /// The changes and deploys of one service.
    Deploys {
        /// Its id.
        service: &'a str,
    },
    /// All other changes.
    Others,
}

/// The budgets of one key.
#[derive(Debug)]
pub(super) struct Buckets {
    deploys: Mutex<HashMap<String, Arc<Budget>>>,
    others: Arc<Budget>,
}

impl Default for Buckets {
    fn default() -> Self {
        Self {
            deploys: Mutex::default(),
            others: Arc::new(Budget::assuming(OTHERS_A_MINUTE)),
        }
    }
}

impl Buckets {
    /// The budget of a bucket.
    pub(super) fn budget(&self, bucket: Bucket<'_>) -> Arc<Budget> {
        let Bucket::Deploys { service } = bucket else {
            return Arc::clone(&self.others);
        };
        let mut deploys = self.deploys.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = deploys.get(service) {
            return Arc::clone(budget);
        }
        let now = Instant::now();
        deploys.retain(|_, budget| Arc::strong_count(budget) > 1 || budget.is_in_use(now));
        let budget = Arc::new(Budget::assuming(DEPLOYS_A_MINUTE));
        deploys.insert(service.to_owned(), Arc::clone(&budget));
        budget
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    /// How many calls may go now.
    async fn left(buckets: &Buckets, bucket: Bucket<'_>) -> u32 {
        let budget = buckets.budget(bucket);
        let mut left = 0;
        while let Ok(leave) = budget.leave(Instant::now()).await {
            leave.answered(None);
            left += 1;
        }
        left
    }

    #[tokio::test(start_paused = true)]
    async fn each_service_has_its_deploys_and_the_key_its_other_changes() {
        let buckets = Buckets::default();
        for _ in 0..2 {
            assert_eq!(
                left(&buckets, Bucket::Deploys { service: "srv-1" }).await,
                10
            );
            assert_eq!(
                left(&buckets, Bucket::Deploys { service: "srv-1" }).await,
                0
            );
            assert_eq!(
                left(&buckets, Bucket::Deploys { service: "srv-2" }).await,
                10
            );
            assert_eq!(left(&buckets, Bucket::Others).await, 30);
            tokio::time::advance(MINUTE).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_one_bucket_back() {
        let buckets = Buckets::default();
        let (one, other) = (
            Bucket::Deploys { service: "srv-1" },
            Bucket::Deploys { service: "srv-2" },
        );
        buckets.budget(one).pause_until(Instant::now() + MINUTE);
        assert_eq!(left(&buckets, one).await, 0);
        assert_eq!(left(&buckets, other).await, 10);
        assert_eq!(left(&buckets, Bucket::Others).await, 30);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_used_for_a_window_is_forgotten_and_what_is_held_back_is_not() {
        let buckets = Buckets::default();
        for service in ["srv-1", "srv-2"] {
            left(&buckets, Bucket::Deploys { service }).await;
        }
        let held_back = buckets.budget(Bucket::Deploys { service: "srv-2" });
        held_back.pause_until(Instant::now() + MINUTE * 3);
        drop(held_back);
        tokio::time::advance(MINUTE * 2).await;
        buckets.budget(Bucket::Deploys { service: "srv-3" });
        let deploys = buckets.deploys.lock().unwrap();
        let mut services: Vec<&str> = deploys.keys().map(String::as_str).collect();
        services.sort_unstable();
        assert_eq!(services, ["srv-2", "srv-3"]);
    }
}
