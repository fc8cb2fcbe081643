//! What the monitor saw of what a rollback has brought about.

use futures::{FutureExt, future::BoxFuture};

use crate::{
    api::ReleaseReference,
    monitor::{Monitor, Snapshot},
    rollback::{Evidence, Witness, ledger::Attempt, verify},
};

/// Asks the monitor.
pub struct MonitorWitness {
    /// Runs the checks.
    pub monitor: Monitor,
}

impl Witness for MonitorWitness {
    fn evidence<'a>(
        &'a self,
        attempt: &'a Attempt,
        result: &'a ReleaseReference,
    ) -> BoxFuture<'a, Evidence> {
        async move {
            let uid = attempt.spec.validation_ref.uid.as_deref().unwrap_or("");
            let Some(snapshot) = self.monitor.look(uid).await else {
                return Evidence::Pending("nothing is checked".to_owned());
            };
            let live = snapshot.release.as_ref().map(|seen| &seen.release);
            match live {
                Some(live) if live.id == result.release => judge(attempt, &snapshot),
                Some(live) if !is_of(attempt, live) => {
                    self.monitor.refresh(uid).await;
                    Evidence::OtherRelease(live.id.clone())
                }
                // The monitor has yet to see it.
                Some(_) | None => {
                    self.monitor.refresh(uid).await;
                    Evidence::Pending(format!("{} has yet to be seen", result.release))
                }
            }
        }
        .boxed()
    }
}

fn judge(attempt: &Attempt, snapshot: &Snapshot) -> Evidence {
    if let Some(trouble) = snapshot.trouble_message() {
        return Evidence::Pending(trouble);
    }
    if snapshot.stale {
        return Evidence::Pending("no run has counted for too long".to_owned());
    }
    let names = attempt
        .spec
        .plan
        .as_ref()
        .map_or(&[][..], |plan| &plan.verification_checks);
    verify::evidence(&snapshot.suite, &snapshot.board, names)
}

/// Whether `live` is what the attempt has found, or something between that and what it brings about.
fn is_of(attempt: &Attempt, live: &crate::platforms::Release) -> bool {
    live.services.iter().all(|service| {
        let found = attempt.spec.from.services.iter();
        let brought = attempt.status.steps.iter();
        found
            .clone()
            .any(|deploy| deploy.name == service.name && deploy.deploy_id == service.deploy_id)
            || brought
                .clone()
                .any(|step| step.operation_id.as_deref() == Some(&service.deploy_id))
    })
}
