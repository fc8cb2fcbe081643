//! Objects that were stored under another schema and do not decode now: each is left alone, and says so in its own status as far
//! as the API server lets it.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Resource, ResourceExt,
    api::{ApiResource, DynamicObject},
    core::error_boundary::InvalidObject,
    runtime::controller::Action,
};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::context::{Context, Missing};
use crate::{
    api::{Condition, ConditionStatus, ConditionType, Reason},
    kubernetes::{apply::apply_status, client::REQUEST_TIMEOUT, conditions::Conditions},
    telemetry::chain,
};

/// The pause before another try to say it, spread over its upper half. The API server takes no status of an object in which a
/// field has another type than its schema's, and a repair comes with an event of its own.
const PAUSE: Duration = Duration::from_mins(1);

/// What the status of an object that does not decode says.
#[derive(Clone, Copy, Debug)]
pub struct Words {
    /// Conditions that are False by it.
    pub denied: &'static [ConditionType],
    /// Conditions that are Unknown by it.
    pub doubted: &'static [ConditionType],
    /// Conditions that keep what they said, and are Unknown where they said nothing.
    pub kept: &'static [ConditionType],
    /// Whether a status is one that nothing is added to.
    pub is_final: fn(&Value) -> bool,
}

/// Lets the `K` that `invalid` stands for say that it does not decode. Nothing else of its status changes: it may be the only
/// record of what was done.
pub async fn tell<K>(invalid: &InvalidObject, words: Words, context: &Context) -> Action
where
    K: Resource<DynamicType = ()>,
{
    let metadata = &invalid.metadata;
    let namespace = metadata.namespace.clone().unwrap_or_default();
    let name = metadata.name.clone().unwrap_or_default();
    tracing::warn!(
        kind = %K::kind(&()),
        namespace,
        name,
        error = crate::checks::verdict::printable(&invalid.error, 256),
        "an object does not fit its schema, and is left alone"
    );
    let told = say::<K>(invalid, words, context);
    match timeout(REQUEST_TIMEOUT * 2, told).await {
        Ok(Ok(())) => return Action::await_change(),
        Ok(Err(error)) => tracing::debug!(
            namespace,
            name,
            error = chain(&error),
            "an object that does not fit its schema cannot say so"
        ),
        Err(_) => tracing::debug!(
            namespace,
            name,
            "an object that does not fit its schema cannot say so: no answer in time"
        ),
    }
    Action::requeue(PAUSE.mul_f64(rand::random_range(0.5..1.0)))
}

async fn say<K>(invalid: &InvalidObject, words: Words, context: &Context) -> kube::Result<()>
where
    K: Resource<DynamicType = ()>,
{
    let namespace = invalid.metadata.namespace.clone().unwrap_or_default();
    let name = invalid.metadata.name.clone().unwrap_or_default();
    let resource = ApiResource::erase::<K>(&());
    let objects: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), &namespace, &resource);
    let Some(stored) = objects.get_opt(&name).await? else {
        return Ok(());
    };
    let is_same = stored.metadata.uid == invalid.metadata.uid;
    let status = stored.data.get("status").unwrap_or(&Value::Null);
    let generation = stored.metadata.generation.unwrap_or_default();
    let why = format!("the object {}", Missing::undecodable(invalid));
    let Some(said) = said(status, words, generation, &why, (context.clock)()) else {
        return Ok(());
    };
    if !is_same || said == *status {
        return Ok(());
    }
    // What somebody else writes meanwhile is not undone.
    let patch = json!({
        "apiVersion": K::api_version(&()),
        "kind": K::kind(&()),
        "metadata": {
            "name": name, "uid": invalid.metadata.uid, "resourceVersion": stored.resource_version(),
        },
        "status": said,
    });
    let written = apply_status::<K>(&context.client, &namespace, &name, &patch).await;
    context.metrics.status_written();
    written.map(|_| ())
}

/// `status` with the conditions that say `why`; `None` where nothing is to be added.
fn said(status: &Value, words: Words, generation: i64, why: &str, now: Timestamp) -> Option<Value> {
    use ConditionStatus::{False, True, Unknown};
    if (words.is_final)(status) {
        return None;
    }
    let previous: Vec<Condition> = status["conditions"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|condition| serde_json::from_value(condition.clone()).ok())
        .collect();
    let mut conditions = Conditions::following(&previous, generation, now);
    for type_ in words.denied {
        conditions.set(*type_, False, Reason::InvalidSpec, why);
    }
    for type_ in words.doubted {
        conditions.set(*type_, Unknown, Reason::InvalidSpec, why);
    }
    for type_ in words.kept {
        match previous.iter().find(|known| known.type_ == *type_) {
            Some(known) => conditions.set(*type_, known.status, known.reason, &known.message),
            None => conditions.set(*type_, Unknown, Reason::InvalidSpec, why),
        }
    }
    conditions.set(ConditionType::Stalled, True, Reason::InvalidSpec, why);
    let mut said = match status {
        Value::Object(_) => status.clone(),
        _ => json!({}),
    };
    said["observedGeneration"] = json!(generation);
    said["conditions"] = json!(conditions.finish());
    Some(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: Words = Words {
        denied: &[ConditionType::Ready],
        doubted: &[ConditionType::Succeeded],
        kept: &[ConditionType::Issued, ConditionType::Verified],
        is_final: |status| status["state"] == "Verified",
    };

    fn says(status: &Value) -> Option<Value> {
        said(status, WORDS, 3, "why", Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn a_record_that_does_not_decode_loses_nothing_of_what_was_done() {
        let issued = json!({
            "type": "Issued", "status": "True", "reason": "Issued", "message": "asked", "observedGeneration": 2,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        let step = json!({"service": "api", "state": "Paused", "operationId": "dep-1"});
        let status = json!({"observedGeneration": 2, "state": "Issued", "steps": [step], "conditions": [issued]});
        let said = says(&status).unwrap();
        assert_eq!(said["steps"], status["steps"]);
        assert_eq!(said["state"], "Issued");
        assert_eq!(said["observedGeneration"], 3);
        let words: Vec<String> = said["conditions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| format!("{} {} {}", it["type"], it["status"], it["reason"]).replace('"', ""))
            .collect();
        assert_eq!(
            words,
            [
                "Ready False InvalidSpec",
                "Succeeded Unknown InvalidSpec",
                "Issued True Issued",
                "Verified Unknown InvalidSpec",
                "Stalled True InvalidSpec",
            ]
        );
        let again = super::said(&said, WORDS, 3, "why", Timestamp::MAX).unwrap();
        assert_eq!(again, said, "it is said once");
    }

    #[test]
    fn what_has_ended_is_left_as_it_is() {
        assert_eq!(says(&json!({"state": "Verified"})), None);
        assert!(says(&Value::Null).is_some());
        assert!(says(&json!("a text")).is_some());
    }
}
