//! The ledger of attempts as `Rollback` objects.
//!
//! Every request is sent once, and asks the API server for its newest: the client must not retry
//! ([`connect`](super::client::connect) makes such a one), since the second answer would speak of the first's deed.

use std::{error::Error, fmt, future::Future};

use futures::future::BoxFuture;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::OwnerReference, jiff::Timestamp};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, PostParams, Preconditions},
    core::{ObjectMeta, response::reason},
};
use serde_json::json;
use sha2::{Digest, Sha256};
use tokio::time::timeout;

use super::{
    apply::apply_status,
    client::{FIELD_MANAGER, REQUEST_TIMEOUT},
};
use crate::{
    api::{DeploymentValidation, Rollback, RollbackSpec, RollbackStatus},
    rollback::ledger::{
        Attempt, AttemptLedger, AttemptName, Attempts, Created, LedgerError, MAX_LISTED, Refusal,
    },
};

/// The label that names the uid of an attempt's validation.
pub const VALIDATION_LABEL: &str = "plumbline.dev/validation-uid";

/// The label that names an attempt's policy.
pub const POLICY_LABEL: &str = "plumbline.dev/policy";

/// The most characters that the value of a label may have.
const MAX_LABEL: usize = 63;

/// Objects asked for at once.
const PAGE: u32 = 100;

/// How often a status is tried to be written while others write metadata. Ten such writes a second leave a tenth of one to each.
const MAX_TRIES: usize = 10;

/// Fills in what follows from the rest of a status that is about to be written for an attempt: the conditions.
pub type Complete = fn(&Attempt, RollbackStatus) -> RollbackStatus;

/// The ledger in a cluster.
#[derive(Clone)]
pub struct RollbackLedger {
    client: Client,
    complete: Complete,
}

/// An object that is no attempt.
#[derive(Debug, thiserror::Error)]
enum Undecodable {
    /// Another version of the schema.
    #[error("the object cannot be read as a Rollback")]
    Shape(#[source] Box<dyn Error + Send + Sync>),
    /// What the API server gives every object is not there.
    #[error("the object has no uid or no resourceVersion")]
    Identity,
}

impl RollbackLedger {
    /// Keeps the attempts through `client`, and gives each status to `complete` before it is written.
    #[must_use]
    pub fn new(client: Client, complete: Complete) -> Self {
        Self { client, complete }
    }

    /// Untyped, so that an object that does not decode can be named.
    fn objects(&self, namespace: &str) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<Rollback>(&());
        Api::namespaced_with(self.client.clone(), namespace, &resource)
    }

    async fn put(&self, name: &AttemptName, spec: &RollbackSpec) -> Result<Created, LedgerError> {
        let record = record(name, spec)?;
        let objects: Api<Rollback> = Api::namespaced(self.client.clone(), &name.namespace);
        let parameters = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        match timeout(REQUEST_TIMEOUT, objects.create(&parameters, &record)).await {
            Ok(Ok(created)) => whole(&created)
                .map(Created::New)
                .map_err(|problem| LedgerError::in_doubt(name, Some(problem.into()))),
            Ok(Err(error)) if says(&error, reason::ALREADY_EXISTS) => {
                let found = self.find(name).await?;
                let found = found.ok_or_else(|| LedgerError::Gone(name.clone()))?;
                Ok(Created::Existing(found))
            }
            // A namespace that does not exist, or a quota that somebody else is changing: neither is about the record.
            Ok(Err(error)) if is_refusal(&error) => Err(LedgerError::failed(name, error)),
            Ok(Err(error)) => Err(LedgerError::in_doubt(name, Some(error.into()))),
            Err(_) => Err(LedgerError::in_doubt(name, None)),
        }
    }

    async fn find(&self, name: &AttemptName) -> Result<Option<Attempt>, LedgerError> {
        let objects = self.objects(&name.namespace);
        let found = asked(name, async {
            match objects.get(&name.name).await {
                Err(error) if says(&error, reason::NOT_FOUND) => Ok(None),
                found => found.map(Some),
            }
        });
        let found = found.await?.map(decoded).transpose();
        found.map_err(|problem| LedgerError::unreadable(name, problem))
    }

    /// Who writes metadata and nothing else changes the version as well, and must not hold an attempt up however often it does: the
    /// status is written over what such a one has left.
    async fn replace_status(
        &self,
        attempt: &Attempt,
        status: RollbackStatus,
    ) -> Result<Attempt, LedgerError> {
        let mut read = attempt.clone();
        for _ in 0..MAX_TRIES {
            match self.swap_status(&read, status.clone()).await {
                Err(LedgerError::Conflict(_)) => {}
                ended => return ended,
            }
            match self.find(&attempt.name).await {
                Ok(Some(found)) if says_the_same(&found, attempt) => read = found,
                // Nothing was written, and somebody else may have.
                _ => break,
            }
        }
        Err(LedgerError::Conflict(attempt.name.clone()))
    }

    async fn swap_status(
        &self,
        attempt: &Attempt,
        status: RollbackStatus,
    ) -> Result<Attempt, LedgerError> {
        let name = &attempt.name;
        // The API server compares the version alone, which no two records share in the life of a cluster; that it is the
        // same record is seen when it answers.
        let patch = json!({
            "apiVersion": Rollback::api_version(&()),
            "kind": Rollback::kind(&()),
            "metadata": {"name": name.name, "uid": attempt.uid, "resourceVersion": attempt.version},
            "status": (self.complete)(attempt, status),
        });
        let applied = apply_status::<Rollback>(&self.client, &name.namespace, &name.name, &patch);
        let written = written(name, applied).await?;
        let advanced = decoded(written)
            .map_err(|problem| LedgerError::in_doubt(name, Some(problem.into())))?;
        if advanced.uid != attempt.uid {
            return Err(LedgerError::Gone(name.clone()));
        }
        Ok(advanced)
    }

    async fn listed(
        &self,
        namespace: &str,
        which: &Attempts<'_>,
    ) -> Result<Vec<Attempt>, LedgerError> {
        let name = which.asked_for_in(namespace);
        let objects = self.objects(namespace);
        let mut page = ListParams::default().labels(&selector(which)).limit(PAGE);
        let mut found = Vec::new();
        for _ in 0..=MAX_LISTED / PAGE as usize {
            let listed = asked(&name, objects.list(&page)).await?;
            found.extend(listed.items);
            page.continue_token = listed.metadata.continue_.filter(|token| !token.is_empty());
            if found.len() > MAX_LISTED {
                break;
            }
            if page.continue_token.is_none() {
                return sorted(namespace, which, found);
            }
        }
        Err(LedgerError::failed(&name, Refusal::TooMany))
    }

    async fn take_off(&self, attempt: &Attempt) -> Result<(), LedgerError> {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: Some(attempt.uid.clone()),
                resource_version: Some(attempt.version.clone()),
            }),
            ..DeleteParams::default()
        };
        let objects = self.objects(&attempt.name.namespace);
        let deleted = objects.delete(&attempt.name.name, &parameters);
        written(&attempt.name, deleted).await.map(|_| ())
    }
}

impl fmt::Debug for RollbackLedger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RollbackLedger")
            .finish_non_exhaustive()
    }
}

impl AttemptLedger for RollbackLedger {
    fn create<'a>(
        &'a self,
        name: &'a AttemptName,
        spec: &'a RollbackSpec,
    ) -> BoxFuture<'a, Result<Created, LedgerError>> {
        Box::pin(self.put(name, spec))
    }

    fn read<'a>(
        &'a self,
        name: &'a AttemptName,
    ) -> BoxFuture<'a, Result<Option<Attempt>, LedgerError>> {
        Box::pin(self.find(name))
    }

    fn advance<'a>(
        &'a self,
        attempt: &'a Attempt,
        status: RollbackStatus,
    ) -> BoxFuture<'a, Result<Attempt, LedgerError>> {
        Box::pin(self.replace_status(attempt, status))
    }

    fn list<'a>(
        &'a self,
        namespace: &'a str,
        which: Attempts<'a>,
    ) -> BoxFuture<'a, Result<Vec<Attempt>, LedgerError>> {
        Box::pin(async move { self.listed(namespace, &which).await })
    }

    fn remove<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<(), LedgerError>> {
        Box::pin(self.take_off(attempt))
    }
}

/// The attempt that `rollback` is the record of, as the API server gave it.
#[must_use]
pub fn attempt_of(rollback: &Rollback) -> Attempt {
    let metadata = &rollback.metadata;
    let created = metadata.creation_timestamp.as_ref();
    Attempt {
        name: AttemptName {
            namespace: rollback.namespace().unwrap_or_default(),
            name: rollback.name_any(),
        },
        uid: metadata.uid.clone().unwrap_or_default(),
        version: metadata.resource_version.clone().unwrap_or_default(),
        generation: metadata.generation.unwrap_or_default(),
        created: created.map_or(Timestamp::UNIX_EPOCH, |time| time.0),
        spec: rollback.spec.clone(),
        status: rollback.status.clone().unwrap_or_default(),
    }
}

/// `text` as the value of a label: itself where that is allowed, and else a digest of it.
#[must_use]
pub fn label_value(text: &str) -> String {
    let ends = |text: &str| {
        let end = |end: Option<char>| end.is_some_and(|end| end.is_ascii_alphanumeric());
        end(text.chars().next()) && end(text.chars().next_back())
    };
    let inner = |other: char| other.is_ascii_alphanumeric() || matches!(other, '-' | '_' | '.');
    if text.len() <= MAX_LABEL && ends(text) && text.chars().all(inner) {
        return text.to_owned();
    }
    let digest = format!("{:x}", Sha256::digest(text));
    format!("sha256-{}", &digest[..56])
}

/// Selects the attempts that are asked for, and those whose label has the same value by chance or by somebody's hand.
fn selector(which: &Attempts<'_>) -> String {
    let (label, text) = match which {
        Attempts::OfValidation(uid) => (VALIDATION_LABEL, uid),
        Attempts::OfPolicy(name) => (POLICY_LABEL, name),
    };
    format!("{label}={}", label_value(text))
}

/// The object of a new attempt: found by its labels, and removed with its validation.
fn record(name: &AttemptName, spec: &RollbackSpec) -> Result<Rollback, LedgerError> {
    let Some(uid) = &spec.validation_ref.uid else {
        return Err(LedgerError::failed(name, Refusal::NoValidation));
    };
    let policy = spec.policy_ref.as_ref();
    let labels = [
        Some((VALIDATION_LABEL.to_owned(), label_value(uid))),
        policy.map(|policy| (POLICY_LABEL.to_owned(), label_value(&policy.name))),
    ];
    let owner = OwnerReference {
        api_version: DeploymentValidation::api_version(&()).into_owned(),
        kind: DeploymentValidation::kind(&()).into_owned(),
        name: spec.validation_ref.name.clone(),
        uid: uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(false),
    };
    Ok(Rollback {
        metadata: ObjectMeta {
            name: Some(name.name.clone()),
            namespace: Some(name.namespace.clone()),
            labels: Some(labels.into_iter().flatten().collect()),
            owner_references: Some(vec![owner]),
            ..ObjectMeta::default()
        },
        spec: spec.clone(),
        status: None,
    })
}

/// Whether nothing of a record has changed but its version and what nobody here reads.
fn says_the_same(found: &Attempt, read: &Attempt) -> bool {
    let unversioned = Attempt {
        version: read.version.clone(),
        ..found.clone()
    };
    unversioned == *read
}

fn decoded(object: DynamicObject) -> Result<Attempt, Undecodable> {
    let rollback: Result<Rollback, _> = object.try_parse();
    whole(&rollback.map_err(|problem| Undecodable::Shape(problem.into()))?)
}

/// The attempt of an object that has what makes a compare-and-swap.
fn whole(rollback: &Rollback) -> Result<Attempt, Undecodable> {
    let attempt = attempt_of(rollback);
    if attempt.uid.is_empty() || attempt.version.is_empty() {
        return Err(Undecodable::Identity);
    }
    Ok(attempt)
}

/// Whether one of `owners` is the validation that an attempt names, as every record of a controller has it.
#[must_use]
pub fn is_owned(owners: &[OwnerReference], spec: &RollbackSpec) -> bool {
    let uid = spec.validation_ref.uid.as_deref();
    owners
        .iter()
        .any(|owner| owner.controller == Some(true) && Some(owner.uid.as_str()) == uid)
}

/// Whether an object with these `owners` may be one of the records that are asked for, as far as that can be told of one that
/// does not decode.
fn may_be_record(owners: &[OwnerReference], which: &Attempts<'_>) -> bool {
    owners
        .iter()
        .filter(|owner| owner.controller == Some(true))
        .any(|owner| match which {
            Attempts::OfValidation(uid) => owner.uid == *uid,
            Attempts::OfPolicy(_) => true,
        })
}

/// The attempts that are asked for, oldest first.
fn sorted(
    namespace: &str,
    which: &Attempts<'_>,
    found: Vec<DynamicObject>,
) -> Result<Vec<Attempt>, LedgerError> {
    let mut attempts = Vec::with_capacity(found.len());
    for object in found {
        let name = AttemptName {
            namespace: namespace.to_owned(),
            name: object.name_any(),
        };
        let owners = object.owner_references().to_vec();
        if !may_be_record(&owners, which) {
            continue;
        }
        let attempt = decoded(object).map_err(|problem| LedgerError::unreadable(&name, problem))?;
        if which.include(&attempt.spec) && is_owned(&owners, &attempt.spec) {
            attempts.push(attempt);
        }
    }
    attempts.sort_by(|one, other| (one.created, &one.name).cmp(&(other.created, &other.name)));
    Ok(attempts)
}

/// Waits for the answer to a request that reads.
async fn asked<T>(
    name: &AttemptName,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, LedgerError> {
    match timeout(REQUEST_TIMEOUT, request).await {
        Ok(answer) => answer.map_err(|error| LedgerError::failed(name, error)),
        Err(_) => Err(LedgerError::failed(name, Refusal::NoAnswer)),
    }
}

/// Waits for the answer to a request that changes a record as it was read; sure that it has changed nothing only when the
/// API server says so.
async fn written<T>(
    name: &AttemptName,
    request: impl Future<Output = kube::Result<T>>,
) -> Result<T, LedgerError> {
    match timeout(REQUEST_TIMEOUT, request).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if says(&error, reason::NOT_FOUND) => Err(LedgerError::Gone(name.clone())),
        Ok(Err(error)) if says(&error, reason::CONFLICT) => {
            Err(LedgerError::Conflict(name.clone()))
        }
        Ok(Err(error)) if is_refusal(&error) => Err(LedgerError::failed(name, error)),
        Ok(Err(error)) => Err(LedgerError::in_doubt(name, Some(error.into()))),
        Err(_) => Err(LedgerError::in_doubt(name, None)),
    }
}

/// Whether the API server gives this reason. The number alone is not enough: 404 is also the answer while the kind is not
/// served, or of something in between, and says nothing about a record then.
fn says(error: &kube::Error, reason: &str) -> bool {
    matches!(error, kube::Error::Api(status) if status.reason == reason)
}

/// Whether the request was refused, or never sent. A 408 may come from something in between, which has seen the request and
/// not its answer.
fn is_refusal(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => (400..500).contains(&status.code) && status.code != 408,
        kube::Error::BuildRequest(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
