//! What a service's event list tells about a deploy that moved.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{
    model::{Deploy, DeployStatus, Event, Trigger},
    world::World,
};

/// The newest events that are kept, over all services.
const CAPACITY: usize = 10_000;

impl World {
    /// Adds an event and drops the oldest one above the capacity.
    pub(super) fn tell(
        &mut self,
        service: &str,
        r#type: &'static str,
        details: Value,
        at: Timestamp,
    ) {
        if self.events.len() == CAPACITY {
            self.events.pop_front();
        }
        // Sorting by time tells the order, also of what happens at once.
        let at = self.events.back().map_or(at, |newest| {
            let next = newest.timestamp.checked_add(SignedDuration::from_micros(1));
            at.max(next.unwrap_or(at))
        });
        let id = self.identities.next("evt");
        let event = Event {
            id,
            service_id: service.to_owned(),
            timestamp: at,
            r#type,
            details,
        };
        self.announce(&event);
        self.events.push_back(event);
    }

    /// Adds what Render would say about a deploy that went from one status to the next.
    pub(super) fn tell_of_move(&mut self, former: &Deploy, current: &Deploy, at: Timestamp) {
        let service = current.service_id.as_str();
        if former.started_at.is_none() && current.started_at.is_some() {
            let first = self
                .deploys
                .iter()
                .all(|deploy| deploy.service_id != current.service_id || deploy.id == current.id);
            let details = json!({"deployId": current.id, "trigger": trigger(current, first)});
            self.tell(service, "deploy_started", details, at);
        }
        if former.status != current.status {
            if let Some((r#type, details)) = phase_ended(former, current) {
                self.tell(service, r#type, details, at);
            }
            if let Some((r#type, details)) = phase_started(current) {
                self.tell(service, r#type, details, at);
            }
        }
        let ends = current.status.is_ended() && !former.status.is_ended();
        if ends {
            let outcome = outcome(current.status);
            let details = json!({
                "deployId": current.id,
                "deployStatus": outcome,
                "reason": reason(current),
                "status": number(outcome),
            });
            self.tell(service, "deploy_ended", details, at);
        }
    }
}

fn phase_started(deploy: &Deploy) -> Option<(&'static str, Value)> {
    match deploy.status {
        DeployStatus::BuildInProgress => Some((
            "build_started",
            json!({"buildId": deploy.build_id, "trigger": trigger(deploy, false)}),
        )),
        DeployStatus::PreDeployInProgress => Some((
            "pre_deploy_started",
            json!({"deployId": deploy.id, "deployCommandExecutionId": command(deploy)}),
        )),
        _ => None,
    }
}

fn phase_ended(former: &Deploy, current: &Deploy) -> Option<(&'static str, Value)> {
    let outcome = match current.status {
        DeployStatus::BuildFailed | DeployStatus::PreDeployFailed => "failed",
        DeployStatus::Canceled => "canceled",
        _ => "succeeded",
    };
    match former.status {
        DeployStatus::BuildInProgress => Some((
            "build_ended",
            json!({
                "buildId": current.build_id,
                "buildStatus": outcome,
                "reason": reason(current),
                "status": number(outcome),
            }),
        )),
        DeployStatus::PreDeployInProgress => Some((
            "pre_deploy_ended",
            json!({
                "deployId": current.id,
                "deployCommandExecutionId": command(current),
                "preDeployStatus": outcome,
                "reason": reason(current),
                "status": number(outcome),
            }),
        )),
        _ => None,
    }
}

fn trigger(deploy: &Deploy, first: bool) -> Value {
    let mut trigger = json!({
        "firstBuild": first,
        "envUpdated": deploy.trigger == Trigger::ServiceUpdated,
        "manual": matches!(deploy.trigger, Trigger::Manual | Trigger::Api),
        "deployedByRender": deploy.trigger == Trigger::DeployedByRender,
        "clearCache": false,
        "rollback": deploy.trigger == Trigger::Rollback,
    });
    if let Some(target) = &deploy.rollback_target {
        trigger["rollbackTargetDeployId"] = json!(target);
    }
    if let (Trigger::NewCommit, Some(commit)) = (deploy.trigger, &deploy.commit) {
        trigger["newCommit"] = json!(commit.id);
    }
    trigger
}

fn reason(deploy: &Deploy) -> Value {
    match (deploy.status, &deploy.superseded_by) {
        (DeployStatus::Canceled, Some(newer)) => json!({"newDeploy": {"id": newer}}),
        (DeployStatus::BuildFailed, _) => json!({"buildFailed": {"id": deploy.build_id}}),
        (DeployStatus::PreDeployFailed | DeployStatus::UpdateFailed, _) => {
            json!({"failure": {"evicted": false, "nonZeroExit": 1}})
        }
        _ => json!({}),
    }
}

fn outcome(status: DeployStatus) -> &'static str {
    match status {
        DeployStatus::Live | DeployStatus::Deactivated => "succeeded",
        DeployStatus::Canceled => "canceled",
        _ => "failed",
    }
}

/// The deprecated twin of an outcome. The description requires it and nowhere says what the numbers mean.
fn number(outcome: &str) -> u8 {
    match outcome {
        "succeeded" => 2,
        "failed" => 3,
        _ => 4,
    }
}

fn command(deploy: &Deploy) -> String {
    deploy.id.replacen("dep-", "dce-", 1)
}
