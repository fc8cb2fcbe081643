//! The ledger of attempts as `Rollback` objects.

use std::{
    fmt::{self, Write as _},
    future::Future,
};

use futures::{FutureExt, future::BoxFuture};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, Preconditions},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::client::{FIELD_MANAGER, REQUEST_TIMEOUT};
use crate::{
    api::{DeploymentValidation, Rollback, RollbackSpec, RollbackStatus},
    rollback::ledger::{Attempt, AttemptLedger, AttemptName, Attempts, Created, LedgerError},
};

/// The label with the uid of the validation.
const VALIDATION: &str = "plumbline.dev/validation-uid";

/// The label with the name of the policy.
const POLICY: &str = "plumbline.dev/policy";

/// The longest value of a label.
const MAX_LABEL_BYTES: usize = 63;

/// Bytes of the digest in place of a longer one.
const LABEL_BYTES: usize = 16;

/// Records in one page of a list, and the most pages.
const PAGE: u32 = 500;
const MAX_PAGES: usize = 20;

/// Makes the status that is written from the one that is meant.
type Completion = fn(&Attempt, RollbackStatus) -> RollbackStatus;

/// `Rollback` objects, read and written live.
#[derive(Clone)]
pub struct RollbackLedger {
    client: Client,
    complete: Completion,
}

impl fmt::Debug for RollbackLedger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RollbackLedger")
    }
}

impl RollbackLedger {
    /// A ledger that completes each status by `complete` before it is written.
    #[must_use]
    pub fn new(client: Client, complete: Completion) -> Self {
        Self { client, complete }
    }

    fn objects(&self, namespace: &str) -> Api<Rollback> {
        Api::namespaced(self.client.clone(), namespace)
    }
}

/// A `Rollback` as the ledger has it.
#[must_use]
pub fn attempt_of(object: &Rollback) -> Attempt {
    Attempt {
        name: AttemptName {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        },
        uid: object.uid().unwrap_or_default(),
        version: object.resource_version().unwrap_or_default(),
        generation: object.metadata.generation.unwrap_or_default(),
        created: object
            .creation_timestamp()
            .map(|time| time.0)
            .unwrap_or_default(),
        spec: object.spec.clone(),
        status: object.status.clone().unwrap_or_default(),
    }
}

impl AttemptLedger for RollbackLedger {
    fn create<'a>(
        &'a self,
        name: &'a AttemptName,
        spec: &'a RollbackSpec,
    ) -> BoxFuture<'a, Result<Created, LedgerError>> {
        async move {
            let object = object(name, spec);
            let objects = self.objects(&name.namespace);
            let parameters = PostParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PostParams::default()
            };
            match within(name, objects.create(&parameters, &object)).await {
                Ok(created) => Ok(Created::New(attempt_of(&created))),
                Err(LedgerError::Conflict(_)) => match self.read(name).await? {
                    Some(existing) => Ok(Created::Existing(existing)),
                    None => Err(LedgerError::Gone(name.clone())),
                },
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn read<'a>(
        &'a self,
        name: &'a AttemptName,
    ) -> BoxFuture<'a, Result<Option<Attempt>, LedgerError>> {
        async move {
            let objects = self.objects(&name.namespace);
            let object = within(name, objects.get_opt(&name.name)).await?;
            Ok(object.map(|object| attempt_of(&object)))
        }
        .boxed()
    }

    fn advance<'a>(
        &'a self,
        attempt: &'a Attempt,
        status: RollbackStatus,
    ) -> BoxFuture<'a, Result<Attempt, LedgerError>> {
        async move {
            let status = (self.complete)(attempt, status);
            let patch = json!({
                "apiVersion": Rollback::api_version(&()),
                "kind": Rollback::kind(&()),
                "metadata": {
                    "name": attempt.name.name,
                    "uid": attempt.uid,
                    "resourceVersion": attempt.version,
                },
                "status": status,
            });
            let objects = self.objects(&attempt.name.namespace);
            let parameters = PatchParams::apply(FIELD_MANAGER).force();
            let patch = Patch::Apply(&patch);
            let written = objects.patch_status(&attempt.name.name, &parameters, &patch);
            Ok(attempt_of(&within(&attempt.name, written).await?))
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        namespace: &'a str,
        which: Attempts<'a>,
    ) -> BoxFuture<'a, Result<Vec<Attempt>, LedgerError>> {
        async move {
            let selector = match which {
                Attempts::OfValidation(uid) => format!("{VALIDATION}={}", label(uid)),
                Attempts::OfPolicy(policy) => format!("{POLICY}={}", label(policy)),
            };
            let asked = AttemptName {
                namespace: namespace.to_owned(),
                name: selector.clone(),
            };
            let objects = self.objects(namespace);
            let mut parameters = ListParams::default().labels(&selector).limit(PAGE);
            let mut attempts = Vec::new();
            for _ in 0..MAX_PAGES {
                let page = within(&asked, objects.list(&parameters)).await?;
                attempts.extend(page.items.iter().map(attempt_of));
                parameters.continue_token =
                    page.metadata.continue_.filter(|token| !token.is_empty());
                if parameters.continue_token.is_none() {
                    break;
                }
            }
            attempts.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
            Ok(attempts)
        }
        .boxed()
    }

    fn remove<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<(), LedgerError>> {
        async move {
            let parameters = DeleteParams {
                preconditions: Some(Preconditions {
                    uid: Some(attempt.uid.clone()),
                    resource_version: Some(attempt.version.clone()),
                }),
                ..DeleteParams::default()
            };
            let objects = self.objects(&attempt.name.namespace);
            within(
                &attempt.name,
                objects.delete(&attempt.name.name, &parameters),
            )
            .await?;
            Ok(())
        }
        .boxed()
    }
}

fn object(name: &AttemptName, spec: &RollbackSpec) -> Rollback {
    let mut object = Rollback::new(&name.name, spec.clone());
    object.metadata = ObjectMeta {
        name: Some(name.name.clone()),
        namespace: Some(name.namespace.clone()),
        ..ObjectMeta::default()
    };
    if let Some(uid) = &spec.validation_ref.uid {
        object
            .labels_mut()
            .insert(VALIDATION.to_owned(), label(uid));
        object.owner_references_mut().push(OwnerReference {
            api_version: DeploymentValidation::api_version(&()).into_owned(),
            kind: DeploymentValidation::kind(&()).into_owned(),
            name: spec.validation_ref.name.clone(),
            uid: uid.clone(),
            controller: Some(true),
            block_owner_deletion: None,
        });
    }
    if let Some(policy) = &spec.policy_ref {
        object
            .labels_mut()
            .insert(POLICY.to_owned(), label(&policy.name));
    }
    object
}

/// The text as the value of a label: itself, or a digest when it is too long for one.
fn label(text: &str) -> String {
    if text.len() <= MAX_LABEL_BYTES {
        return text.to_owned();
    }
    let mut digest = String::with_capacity(2 * LABEL_BYTES);
    for byte in Sha256::digest(text).iter().take(LABEL_BYTES) {
        // Writing to a text does not fail.
        let _ = write!(digest, "{byte:02x}");
    }
    digest
}

async fn within<T>(
    name: &AttemptName,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, LedgerError> {
    let in_doubt = |source| LedgerError::InDoubt {
        name: name.clone(),
        source,
    };
    match timeout(REQUEST_TIMEOUT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(kube::Error::Api(status))) if status.code == 409 => {
            Err(LedgerError::Conflict(name.clone()))
        }
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => {
            Err(LedgerError::Gone(name.clone()))
        }
        Ok(Err(error @ kube::Error::Api(_))) if is_refusal(&error) => Err(LedgerError::Failed {
            name: name.clone(),
            source: Box::new(error),
        }),
        Ok(Err(error)) => Err(in_doubt(Some(Box::new(error)))),
        Err(_) => Err(in_doubt(None)),
    }
}

/// Whether the API server says that it has not carried out the request.
fn is_refusal(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if (400..500).contains(&status.code))
}
