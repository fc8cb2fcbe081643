//! Last stage: writes the status, if it says anything new, and tells of a transition.

use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::ObjectMeta,
    runtime::events::{Event, EventType},
};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    api::{
        Condition, ConditionStatus, ConditionType, DeploymentValidation, DeploymentValidationStatus,
    },
    checks::verdict::printable,
    controllers::{context::Context, outcome::Retryable},
    kubernetes::{client::REQUEST_TIMEOUT, conditions::find},
};

/// Who writes: the owner of the fields in `metadata.managedFields`.
const FIELD_MANAGER: &str = "plumbline";

/// The longest action that the API server takes in an event, in bytes.
const MAX_ACTION_BYTES: usize = 128;

/// What a write needs to know of its object, which may be one that does not decode.
#[derive(Debug)]
pub struct Address<'a> {
    /// Metadata of the object.
    pub metadata: &'a ObjectMeta,
}

/// Writes `status` when it differs from `previous`, and publishes one event when Ready has moved.
pub async fn update_status(
    address: &Address<'_>,
    previous: &DeploymentValidationStatus,
    status: DeploymentValidationStatus,
    context: &Context,
) -> Result<(), Retryable> {
    if *previous == status {
        return Ok(());
    }
    let name = address.metadata.name.clone().unwrap_or_default();
    let namespace = address.metadata.namespace.clone().unwrap_or_default();
    let failed = |source: Option<kube::Error>| Retryable::WriteStatus {
        namespace: namespace.clone(),
        name: name.clone(),
        source: source.map(Box::new),
    };
    // With the uid, an object that was deleted and created again under the same name gets a conflict in place of a
    // status that is not its own.
    let patch = json!({
        "apiVersion": DeploymentValidation::api_version(&()),
        "kind": DeploymentValidation::kind(&()),
        "metadata": {"name": name, "uid": address.metadata.uid},
        "status": status,
    });
    // The metadata of the answer is enough, and an object that does not decode can be written too.
    let objects: Api<kube::core::PartialObjectMeta<DeploymentValidation>> =
        Api::namespaced(context.client.clone(), &namespace);
    let parameters = PatchParams::apply(FIELD_MANAGER).force();
    let written = timeout(
        REQUEST_TIMEOUT,
        objects.patch_status(&name, &parameters, &Patch::Apply(&patch)),
    )
    .await;
    context.metrics.status_written();
    let written = match written {
        Ok(Ok(written)) => written,
        Ok(Err(error)) => return Err(failed(Some(error))),
        Err(_) => return Err(failed(None)),
    };
    if let Some(event) = transition(previous, &status) {
        publish(context, &written, &event).await;
    }
    let uid = address.metadata.uid.as_deref().unwrap_or_default();
    context
        .written
        .note(uid, written.metadata.resource_version.as_deref(), status);
    Ok(())
}

/// One event for each transition of Ready: to another status or reason, or to another release.
fn transition(
    previous: &DeploymentValidationStatus,
    status: &DeploymentValidationStatus,
) -> Option<Event> {
    let ready = find(&status.conditions, ConditionType::Ready)?;
    let said = |condition: &Condition| (condition.status, condition.reason);
    let before = find(&previous.conditions, ConditionType::Ready).map(said);
    let release = |status: &DeploymentValidationStatus| {
        status
            .observed_release
            .as_ref()
            .map(|release| release.id.clone())
    };
    // The first release of all comes to be known during the first run: that is no news of its own.
    let same_release = release(previous).is_none() || release(previous) == release(status);
    if before == Some(said(ready)) && same_release {
        return None;
    }
    Some(Event {
        type_: match ready.status {
            ConditionStatus::False => EventType::Warning,
            ConditionStatus::True | ConditionStatus::Unknown => EventType::Normal,
        },
        reason: ready.reason.to_string(),
        note: Some(ready.message.clone()),
        action: action(release(status)),
        secondary: None,
    })
}

/// What the controller was at. It names the release, since the recorder takes an event with the same action and reason for
/// a repetition and keeps the note of the first.
fn action(release: Option<String>) -> String {
    let mut action = "Validate".to_owned();
    if let Some(release) = release {
        action.push(' ');
        action.push_str(&release);
    }
    printable(&action, MAX_ACTION_BYTES)
}

/// Events are for people: a lost one changes nothing, and must not hold up anything.
async fn publish(
    context: &Context,
    object: &kube::core::PartialObjectMeta<DeploymentValidation>,
    event: &Event,
) {
    let mut reference = object.object_ref(&());
    reference.api_version = Some(DeploymentValidation::api_version(&()).into_owned());
    reference.kind = Some(DeploymentValidation::kind(&()).into_owned());
    let published = timeout(REQUEST_TIMEOUT, context.events.publish(event, &reference)).await;
    let problem = match published {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(
        namespace = reference.namespace,
        name = object.name_any(),
        reason = event.reason,
        problem,
        "could not publish an event"
    );
}
