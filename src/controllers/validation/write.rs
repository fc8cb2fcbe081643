//! Last stage: writes the status, if it says anything new, and tells of a transition.

use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Resource, ResourceExt,
    api::{Patch, PatchParams},
    core::ObjectMeta,
};
use serde_json::json;
use tokio::time::timeout;

use crate::{
    api::{
        Condition, ConditionStatus, ConditionType, DeploymentValidation,
        DeploymentValidationStatus, Reason,
    },
    controllers::{context::Context, outcome::Retryable, written::Known},
    kubernetes::{
        client::{FIELD_MANAGER, REQUEST_TIMEOUT},
        conditions::find,
        events::{EventType, Transition},
    },
    telemetry::chain,
};

/// What a write needs to know of its object, which may be one that does not decode.
#[derive(Debug)]
pub struct Address<'a> {
    /// Metadata of the object.
    pub metadata: &'a ObjectMeta,
}

/// Writes `status` when it differs from `previous`, and publishes one event when Ready has moved.
pub async fn update_status(
    address: &Address<'_>,
    previous: &Known,
    status: DeploymentValidationStatus,
    context: &Context,
) -> Result<(), Retryable> {
    let Known {
        status: previous,
        resource_version,
    } = previous;
    if *previous == status {
        return Ok(());
    }
    let uid = address.metadata.uid.as_deref().unwrap_or_default();
    let name = address.metadata.name.clone().unwrap_or_default();
    let namespace = address.metadata.namespace.clone().unwrap_or_default();
    let failed = |source: Option<kube::Error>| Retryable::WriteStatus {
        namespace: namespace.clone(),
        name: name.clone(),
        source: source.map(Box::new),
    };
    // With the version, a status that somebody else has written meanwhile gets a conflict in place of one that does not follow it,
    // and so does an object that was created again under the same name.
    let mut metadata = json!({"name": name, "uid": uid});
    if let Some(version) = resource_version
        && context.written.may_insist(uid)
    {
        metadata["resourceVersion"] = json!(version);
    }
    let patch = json!({
        "apiVersion": DeploymentValidation::api_version(&()),
        "kind": DeploymentValidation::kind(&()),
        "metadata": metadata,
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
        Ok(Err(error)) if is_conflict(&error) => {
            context.written.contested(uid);
            return Err(Retryable::Contested { namespace, name });
        }
        Ok(Err(error)) => {
            if !is_refusal(&error) {
                context.written.doubt(uid);
            }
            return Err(failed(Some(error)));
        }
        Err(_) => {
            context.written.doubt(uid);
            return Err(failed(None));
        }
    };
    let told = [transition(previous, &status), rollback(previous, &status)];
    for transition in told.into_iter().flatten() {
        publish(context, &written, transition).await;
    }
    context.written.won(uid, &status);
    context.written.note(
        uid,
        Known {
            status,
            resource_version: written.metadata.resource_version,
        },
    );
    Ok(())
}

/// Whether the API server says that the object has changed since it was read.
fn is_conflict(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// Whether the API server says that it has not carried out the request.
fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if (400..500).contains(&status.code))
}

/// One event for each transition of Ready: to another status or reason, or to another release.
fn transition(
    previous: &DeploymentValidationStatus,
    status: &DeploymentValidationStatus,
) -> Option<Transition> {
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
    Some(Transition {
        type_: match ready.status {
            ConditionStatus::False => EventType::Warning,
            ConditionStatus::True | ConditionStatus::Unknown => EventType::Normal,
        },
        reason: ready.reason.to_string(),
        note: ready.message.clone(),
        action: "Validate",
    })
}

/// One event for each transition of `RolledBack` that Ready does not tell of: to what is done about a failure, or why nothing is.
fn rollback(
    previous: &DeploymentValidationStatus,
    status: &DeploymentValidationStatus,
) -> Option<Transition> {
    let rolled_back = find(&status.conditions, ConditionType::RolledBack)?;
    let before = find(&previous.conditions, ConditionType::RolledBack);
    let moved = before.is_none_or(|before| before.reason != rolled_back.reason);
    let type_ = match rolled_back.reason {
        Reason::IntentRecorded | Reason::Issued => EventType::Normal,
        Reason::AwaitingApproval
        | Reason::DryRun
        | Reason::NoKnownGood
        | Reason::AttemptsExhausted
        | Reason::RollbackRejected
        | Reason::RollbackFailed
        | Reason::CoolingOff
        | Reason::BudgetSpent
        | Reason::BrakeEngaged
        | Reason::EnvironmentFault
        | Reason::SchemaGuard
        | Reason::OutcomeUnknown => EventType::Warning,
        _ => return None,
    };
    moved.then(|| Transition {
        type_,
        reason: rolled_back.reason.to_string(),
        note: rolled_back.message.clone(),
        action: "RollBack",
    })
}

/// Events are for people: a lost one changes nothing, and must not hold up anything.
async fn publish(
    context: &Context,
    object: &kube::core::PartialObjectMeta<DeploymentValidation>,
    transition: Transition,
) {
    let mut reference = object.object_ref(&());
    reference.api_version = Some(DeploymentValidation::api_version(&()).into_owned());
    reference.kind = Some(DeploymentValidation::kind(&()).into_owned());
    let reason = transition.reason.clone();
    let publish = context
        .events
        .publish(transition, reference, Timestamp::now());
    let problem = match timeout(REQUEST_TIMEOUT, publish).await {
        Ok(Ok(())) => return,
        Ok(Err(error)) => chain(&error),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::warn!(
        namespace = object.namespace(),
        name = object.name_any(),
        reason,
        problem,
        "could not publish an event"
    );
}
