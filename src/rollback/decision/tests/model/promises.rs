//! What a rollback is held against.

use super::*;

impl World {
    pub(super) fn hold_against_the_promises(&self, proposal: &Proposal) {
        assert_eq!(self.health(), Health::Failed, "from what is not known");
        assert!(!self.stale && !self.braked);
        let open = |record: &Stored| record.status.state.is_none_or(|state| !state.is_final());
        assert!(!self.records.iter().any(open), "a second open attempt");
        let goal = &proposal.goal.release;
        assert!(
            self.seen_passing.contains(goal),
            "{goal} was never seen passing"
        );
        assert!(!self.failed.contains(goal), "{goal} has failed");
        assert_ne!(*goal, self.live.id);
        assert_ne!(*goal, proposal.failed_release);
        let number = (proposal.failed_release.clone(), proposal.attempt);
        assert!(
            !self.numbers.contains(&number),
            "{number:?} was there before"
        );
        assert!(!proposal.steps.is_empty());
        for step in &proposal.steps {
            let mut live = self.live.services.iter();
            let live = live.find(|live| live.name == step.service).unwrap();
            assert_eq!(step.from, live.deploy_id);
            assert_ne!(step.from, step.to);
            let mut good = proposal.goal.services.iter();
            assert!(good.any(|good| good.name == step.service && good.deploy_id == step.to));
        }
        let same = self.records.iter().filter(|record| {
            record.spec.plan.as_ref().unwrap().failed_release == proposal.failed_release
        });
        let (touched, not): (Vec<_>, Vec<_>) =
            same.partition(|record| record.status.issued_at.is_some());
        assert!(touched.len() < usize::from(self.policy.max_attempts));
        assert!(not.len() < 10);
        let delay = i64::try_from(self.policy.delay.get().as_secs()).unwrap();
        let first = touched.is_empty() && not.is_empty();
        assert!(
            first || self.passed - self.ended >= delay,
            "too soon after the attempt before"
        );
    }
}
