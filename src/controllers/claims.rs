//! Which of several validations may have a service rolled back: the oldest of those that name it and a policy. An index that is
//! fed with objects, and tells whose standing that has changed; it asks nobody.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use super::wakes::Place;
use crate::api::{DeploymentValidation, ObservedRelease, ObservedService};

/// The claims of all validations, by uid.
#[derive(Debug, Default)]
pub struct Claims(Mutex<Index>);

/// An older validation that has claimed a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// The service, as the spec of the younger one names it.
    pub service: String,
    /// The older one.
    pub holder: Place,
}

impl Rival {
    /// Why a validation in `namespace` may not have the service rolled back. Names nothing of another namespace: who may read
    /// this one may know nothing of that one.
    #[must_use]
    pub fn message(&self, namespace: &str) -> String {
        let Self { service, holder } = self;
        let whose = if holder.namespace == namespace {
            format!("DeploymentValidation {}", holder.name)
        } else {
            "a DeploymentValidation in another namespace".to_owned()
        };
        format!(
            "target: service {service} is also one of {whose}, which is older and names a rollback policy too: only one may have it rolled back"
        )
    }
}

impl Claims {
    /// Takes in what the watch has told. Which services its names stand for is known from what was seen before, or else from its
    /// status. Gives the other validations whose standing has changed.
    pub fn watched(&self, object: &DeploymentValidation) -> Vec<Place> {
        let uid = object.uid().unwrap_or_default();
        let mut index = self.index();
        let known = index.claims.get(&uid);
        let services = known.map_or_else(
            || {
                let status = object.status.as_ref();
                let release = status.and_then(|status| status.observed_release.as_ref());
                release.map(services).unwrap_or_default()
            },
            |known| known.services.clone(),
        );
        index.put(&uid, Claim::of(object, services))
    }

    /// Takes in that `release` was seen live. Gives the other validations whose standing has changed.
    pub fn seen(
        &self,
        object: &DeploymentValidation,
        release: Option<&ObservedRelease>,
    ) -> Vec<Place> {
        let services = release.map(services).unwrap_or_default();
        let uid = object.uid().unwrap_or_default();
        self.index().put(&uid, Claim::of(object, services))
    }

    /// The validation `uid` is gone. Gives those whose standing has changed.
    pub fn forget(&self, uid: &str) -> Vec<Place> {
        self.index().put(uid, None)
    }

    /// No other validations exist than those among `uids`. Gives those whose standing has changed.
    pub fn retain(&self, uids: &HashSet<String>) -> Vec<Place> {
        let mut index = self.index();
        let known = index.claims.keys();
        let gone: Vec<String> = known.filter(|uid| !uids.contains(*uid)).cloned().collect();
        gone.iter().flat_map(|uid| index.put(uid, None)).collect()
    }

    /// What keeps the validation `uid` from having its services rolled back.
    #[must_use]
    pub fn rival(&self, uid: &str) -> Option<Rival> {
        self.index().claims.get(uid)?.rival.clone()
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The services of a release whose ids are known: names by ids.
fn services(release: &ObservedRelease) -> BTreeMap<String, String> {
    let known =
        |service: &ObservedService| Some((service.service_id.clone()?, service.name.clone()));
    release.services.iter().filter_map(known).collect()
}

/// What decides which of two is the older one: names where both were created within one second.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    created: Timestamp,
    namespace: String,
    name: String,
}

#[derive(Debug)]
struct Claim {
    age: Age,
    /// The names that the spec gives the services, by their ids.
    services: BTreeMap<String, String>,
    rival: Option<Rival>,
}

impl Claim {
    /// What `object` claims of `services`; `None` when it could not have any of them rolled back.
    fn of(object: &DeploymentValidation, services: BTreeMap<String, String>) -> Option<Self> {
        let spec = &object.spec;
        let acts = !spec.suspend
            && spec.rollback_policy_ref.is_some()
            && object.metadata.deletion_timestamp.is_none();
        let render = spec.target.render.as_ref().filter(|_| acts)?;
        let is_named = |name: &String| render.services.iter().any(|named| named.name == *name);
        let services: BTreeMap<_, _> = services
            .into_iter()
            .filter(|(_, name)| is_named(name))
            .collect();
        let created = object.creation_timestamp();
        (!services.is_empty()).then(|| Self {
            age: Age {
                created: created.map_or(Timestamp::MAX, |created| created.0),
                namespace: object.namespace().unwrap_or_default(),
                name: object.name_any(),
            },
            services,
            rival: None,
        })
    }

    fn place(&self) -> Place {
        Place::new(&self.age.namespace, &self.age.name)
    }
}

#[derive(Debug, Default)]
struct Index {
    claims: HashMap<String, Claim>,
    claimants: HashMap<String, HashSet<String>>,
}

impl Index {
    /// Has the validation `uid` claim this and nothing else. Gives the others whose standing has changed.
    fn put(&mut self, uid: &str, claim: Option<Claim>) -> Vec<Place> {
        let same = match (self.claims.get(uid), &claim) {
            (Some(known), Some(claim)) => {
                known.services == claim.services && known.age == claim.age
            }
            (known, claim) => known.is_none() && claim.is_none(),
        };
        if same {
            return Vec::new();
        }
        let mut concerned = self.connected(uid);
        self.remove(uid);
        if let Some(claim) = claim {
            for service in claim.services.keys() {
                let claimants = self.claimants.entry(service.clone()).or_default();
                claimants.insert(uid.to_owned());
            }
            self.claims.insert(uid.to_owned(), claim);
            concerned.extend(self.connected(uid));
        }
        self.judge(concerned, uid)
    }

    fn remove(&mut self, uid: &str) {
        let Some(claim) = self.claims.remove(uid) else {
            return;
        };
        for service in claim.services.keys() {
            if let Some(claimants) = self.claimants.get_mut(service) {
                claimants.remove(uid);
                if claimants.is_empty() {
                    self.claimants.remove(service);
                }
            }
        }
    }

    /// All that share a service with the validation `uid`, or with one that does, and so on; itself among them.
    fn connected(&self, uid: &str) -> HashSet<String> {
        let mut found = HashSet::new();
        let mut open = vec![uid.to_owned()];
        while let Some(uid) = open.pop() {
            let Some(claim) = self.claims.get(&uid) else {
                continue;
            };
            if !found.insert(uid) {
                continue;
            }
            let sharing = claim.services.keys();
            let sharing = sharing.filter_map(|service| self.claimants.get(service));
            let others = sharing.flatten().filter(|other| !found.contains(*other));
            open.extend(others.cloned());
        }
        found
    }

    /// Gives each service to the oldest that claims it, of those that get all of theirs: one that may not act stands in nobody's
    /// way. Tells whose standing that has changed, but for the validation `uid` itself.
    fn judge(&mut self, concerned: HashSet<String>, uid: &str) -> Vec<Place> {
        let mut by_age: Vec<(Age, String)> = concerned
            .into_iter()
            .filter_map(|uid| Some((self.claims.get(&uid)?.age.clone(), uid)))
            .collect();
        by_age.sort_unstable();
        let mut holders: HashMap<String, Place> = HashMap::new();
        let mut changed = Vec::new();
        for (_, of) in by_age {
            let Some(claim) = self.claims.get_mut(&of) else {
                continue;
            };
            let mut held = claim.services.iter();
            let rival = held.find_map(|(id, name)| {
                Some(Rival {
                    service: name.clone(),
                    holder: holders.get(id)?.clone(),
                })
            });
            if rival.is_none() {
                let won = claim.services.keys();
                holders.extend(won.map(|id| (id.clone(), claim.place())));
            }
            if claim.rival != rival {
                claim.rival = rival;
                if of != uid {
                    changed.push(claim.place());
                }
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests;
