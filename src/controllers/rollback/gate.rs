//! Whether an attempt is still wanted, read live from the API server before the intent is recorded, and between that and the call.

use std::fmt;

use futures::{FutureExt, future::BoxFuture};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::{
    api::{DeploymentValidation, RollbackCause, RollbackMode, RollbackPolicy},
    checks::reference::Reference,
    clock,
    controllers::{claims::Claims, fleet::Fleet},
    kubernetes::client::REQUEST_TIMEOUT,
    rollback::{
        Gate, GateError, Permission,
        brake::{BrakeSettings, engaged},
        ledger::Attempt,
    },
};

/// Reads validation and policy live.
pub struct LiveGate<'a> {
    /// The API server.
    pub client: kube::Client,
    /// How all validations are, for the brake.
    pub fleet: &'a Fleet,
    /// Which of them may have which services rolled back.
    pub claims: &'a Claims,
    /// Places that are known to answer: while none does, a verdict may be about us.
    pub reference: Reference,
}

/// The API server did not say.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("could not read {kind} {name}")]
    Failed {
        kind: String,
        name: String,
        source: kube::Error,
    },
    #[error("could not read {kind} {name}: no answer in time")]
    TimedOut { kind: String, name: String },
}

impl Gate for LiveGate<'_> {
    fn permits<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<Permission, GateError>> {
        async move {
            let namespace = &attempt.name.namespace;
            let validation: Option<DeploymentValidation> = self
                .read(namespace, &attempt.spec.validation_ref.name)
                .await?;
            if let Some(why) = unwanted(attempt, validation.as_ref()) {
                return Ok(Permission::Denied(why));
            }
            let uid = attempt.spec.validation_ref.uid.as_deref();
            if let Some(rival) = uid.and_then(|uid| self.claims.rival(uid)) {
                return Ok(Permission::Denied(rival.message(namespace)));
            }
            if let Some(reference) = &attempt.spec.policy_ref {
                let policy: Option<RollbackPolicy> = self.read(namespace, &reference.name).await?;
                if let Some(why) = disallowed(attempt, policy.as_ref()) {
                    return Ok(Permission::Denied(why));
                }
            }
            let automatic = attempt.spec.trigger == RollbackCause::Automatic;
            if automatic && !self.reference.is_reachable().await {
                let why = "no reference place answers: the failure may be on this side";
                return Ok(Permission::Withheld(why.to_owned()));
            }
            let brake = engaged(
                self.fleet.turned_bad(),
                &BrakeSettings::default(),
                clock::moment(),
            );
            if let Some(brake) = brake.filter(|_| automatic) {
                return Ok(Permission::Withheld(brake.to_string()));
            }
            Ok(Permission::Granted)
        }
        .boxed()
    }
}

impl LiveGate<'_> {
    async fn read<K>(&self, namespace: &str, name: &str) -> Result<Option<K>, GateError>
    where
        K: Resource<DynamicType = (), Scope = kube::core::NamespaceResourceScope>
            + Clone
            + DeserializeOwned
            + fmt::Debug,
    {
        let objects: Api<K> = Api::namespaced(self.client.clone(), namespace);
        let (kind, name) = (K::kind(&()).into_owned(), name.to_owned());
        match timeout(REQUEST_TIMEOUT, objects.get_opt(&name)).await {
            Ok(Ok(object)) => Ok(object),
            Ok(Err(source)) => Err(GateError(Box::new(ReadError::Failed {
                kind,
                name,
                source,
            }))),
            Err(_) => Err(GateError(Box::new(ReadError::TimedOut { kind, name }))),
        }
    }
}

/// Why the validation does not want the attempt any more.
fn unwanted(attempt: &Attempt, validation: Option<&DeploymentValidation>) -> Option<String> {
    let name = &attempt.spec.validation_ref.name;
    let validation = match validation {
        Some(validation) if validation.metadata.uid == attempt.spec.validation_ref.uid => {
            validation
        }
        _ => return Some(format!("validation {name} is gone")),
    };
    if validation.metadata.deletion_timestamp.is_some() {
        return Some(format!("validation {name} is being deleted"));
    }
    if validation.spec.suspend {
        return Some(format!("validation {name} is suspended"));
    }
    let decided_for = attempt.spec.plan.as_ref().map(|plan| plan.generation);
    if validation.metadata.generation != decided_for {
        return Some(format!("the spec of validation {name} was edited since"));
    }
    let automatic = attempt.spec.trigger == RollbackCause::Automatic;
    if automatic && validation.spec.rollback_policy_ref != attempt.spec.policy_ref {
        return Some(format!("validation {name} names another policy"));
    }
    None
}

/// Why the policy does not allow the attempt any more.
fn disallowed(attempt: &Attempt, policy: Option<&RollbackPolicy>) -> Option<String> {
    let name = attempt
        .spec
        .policy_ref
        .as_ref()
        .map_or("", |reference| &reference.name);
    let Some(policy) = policy else {
        return Some(format!("policy {name} is gone"));
    };
    let automatic = attempt.spec.trigger == RollbackCause::Automatic;
    match policy.spec.mode {
        RollbackMode::DryRun => Some(format!("the mode of policy {name} is DryRun")),
        RollbackMode::Manual if automatic && !attempt.spec.approved => Some(format!(
            "the mode of policy {name} is Manual, and nobody has approved it"
        )),
        RollbackMode::Manual | RollbackMode::Automatic => None,
    }
}
