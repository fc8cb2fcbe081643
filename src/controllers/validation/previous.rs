//! The status that a reconcile starts from.

use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject},
    core::ObjectMeta,
};
use tokio::time::timeout;

use crate::{
    api::DeploymentValidation,
    controllers::{context::Context, outcome::Retryable, written::Known},
    kubernetes::client::REQUEST_TIMEOUT,
};

/// The newest status of `object` that is known. After a write without an answer, which may have been carried out, or one that
/// somebody else's came before, the API server is asked: by the watch's word alone it would be written again, with another time
/// in it.
pub async fn previous(
    object: &DeploymentValidation,
    context: &Context,
) -> Result<Known, Retryable> {
    let uid = object.uid().unwrap_or_default();
    if context.written.is_in_doubt(&uid)
        && let Some(stored) = stored(&object.metadata, context).await?
    {
        let generation = object.metadata.generation;
        let observed = Some(stored.known.status.observed_generation);
        if generation < stored.generation && generation < observed {
            return Err(Retryable::Behind {
                namespace: object.namespace().unwrap_or_default(),
                name: object.name_any(),
            });
        }
        context.written.note(&uid, stored.known);
    }
    let status = object.status.clone().unwrap_or_default();
    let watched = Known::new(status, object.resource_version());
    Ok(context.written.newest(&uid, watched))
}

/// An object as the API server has it.
#[derive(Debug, Default)]
pub struct Stored {
    /// Its status, as far as that decodes.
    pub known: Known,
    /// Generation of its spec.
    generation: Option<i64>,
}

/// What the API server has of the object; `None` when it is gone.
pub async fn stored(metadata: &ObjectMeta, context: &Context) -> Result<Option<Stored>, Retryable> {
    let name = metadata.name.clone().unwrap_or_default();
    let namespace = metadata.namespace.clone().unwrap_or_default();
    let resource = ApiResource::erase::<DeploymentValidation>(&());
    let objects: Api<DynamicObject> =
        Api::namespaced_with(context.client.clone(), &namespace, &resource);
    let failed = |source: Option<kube::Error>| Retryable::ReadStatus {
        namespace: namespace.clone(),
        name: name.clone(),
        source: source.map(Box::new),
    };
    let object = match timeout(REQUEST_TIMEOUT, objects.get_opt(&name)).await {
        Ok(Ok(object)) => object,
        Ok(Err(error)) => return Err(failed(Some(error))),
        Err(_) => return Err(failed(None)),
    };
    let same = |object: &DynamicObject| object.metadata.uid == metadata.uid;
    Ok(object.filter(same).map(|object| {
        let status = object.data.get("status").cloned().unwrap_or_default();
        let status = serde_json::from_value(status).unwrap_or_default();
        Stored {
            known: Known::new(status, object.metadata.resource_version),
            generation: object.metadata.generation,
        }
    }))
}
