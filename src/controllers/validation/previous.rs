//! The status that a reconcile starts from.

use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject},
    core::ObjectMeta,
};
use tokio::time::timeout;

use crate::{
    api::{DeploymentValidation, DeploymentValidationStatus},
    controllers::{context::Context, outcome::Retryable},
    kubernetes::client::REQUEST_TIMEOUT,
};

/// The newest status of `object` that is known. After a write without an answer, which may have been carried out, the API
/// server is asked: by the watch's word alone it would be written again, with another time in it.
pub async fn previous(
    object: &DeploymentValidation,
    context: &Context,
) -> Result<DeploymentValidationStatus, Retryable> {
    let uid = object.uid().unwrap_or_default();
    if context.written.is_in_doubt(&uid)
        && let Some((status, resource_version)) = stored(&object.metadata, context).await?
    {
        context
            .written
            .note(&uid, resource_version.as_deref(), status);
    }
    let resource_version = object.resource_version();
    Ok(context
        .written
        .newest(&uid, resource_version.as_deref(), object.status.as_ref()))
}

/// The status that the API server has, as far as it decodes, and the object's resource version; `None` when the object is
/// gone.
pub async fn stored(
    metadata: &ObjectMeta,
    context: &Context,
) -> Result<Option<(DeploymentValidationStatus, Option<String>)>, Retryable> {
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
        (status, object.metadata.resource_version)
    }))
}
