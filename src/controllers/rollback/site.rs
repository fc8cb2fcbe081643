//! The platform that an attempt is about, with the credentials of its validation.

use std::sync::Arc;

use kube::Api;
use tokio::time::timeout;

use crate::{
    api::DeploymentValidation,
    controllers::context::Context,
    kubernetes::client::REQUEST_TIMEOUT,
    platforms::{Operations, Target},
    rollback::ledger::Attempt,
    telemetry::chain,
};

/// Why there is nothing to work with.
pub enum Unreachable {
    /// The validation is gone, or is another one of the same name.
    Gone,
    /// It cannot be had now; why, for people.
    For(String),
}

/// The services of the validation that `attempt` is about.
pub async fn operations(
    attempt: &Attempt,
    context: &Context,
) -> Result<Arc<dyn Operations>, Unreachable> {
    let name = &attempt.spec.validation_ref.name;
    let validation = context
        .validation(&attempt.name.namespace, name)
        .map_err(|_| Unreachable::Gone)?;
    if validation.metadata.uid != attempt.spec.validation_ref.uid {
        return Err(Unreachable::Gone);
    }
    of_validation(&validation, &attempt.name.namespace, context).await
}

/// Whether the API server has no such validation as `attempt` is about; `None` when it does not say.
pub async fn is_gone(attempt: &Attempt, context: &Context) -> Option<bool> {
    let objects: Api<DeploymentValidation> =
        Api::namespaced(context.client.clone(), &attempt.name.namespace);
    let name = &attempt.spec.validation_ref.name;
    let found = timeout(REQUEST_TIMEOUT, objects.get_metadata_opt(name)).await;
    let found = found.ok()?.ok()?;
    let uid = found.and_then(|found| found.metadata.uid);
    Some(uid != attempt.spec.validation_ref.uid)
}

/// The services of `validation`.
pub async fn of_validation(
    validation: &DeploymentValidation,
    namespace: &str,
    context: &Context,
) -> Result<Arc<dyn Operations>, Unreachable> {
    let spec = &validation.spec.target;
    let key = match Target::credentials(spec) {
        Some(reference) => Some(
            context
                .secrets
                .value(namespace, reference)
                .await
                .map_err(|error| Unreachable::For(chain(&error)))?,
        ),
        None => None,
    };
    let target = Target::new(spec, |_| key)
        .ok_or_else(|| Unreachable::For("the target is none that is known".to_owned()))?;
    let operator = context
        .platforms
        .operator(&target)
        .ok_or_else(|| Unreachable::For("the target has no platform".to_owned()))?;
    Ok(Arc::new(operator))
}
