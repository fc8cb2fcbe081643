//! Whether the last known good release could be gone back to now: asked at least hourly, so that what cannot be undone is said
//! before it is needed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kube::ResourceExt;
use tokio::time::{Instant, timeout};

use crate::{
    api::{DeploymentValidation, GoodRelease},
    controllers::{context::Context, rollback::site},
    platforms::{Operations, PlatformError},
    telemetry::chain,
};

/// How long what was found holds.
const INTERVAL: Duration = Duration::from_mins(50);

/// How long after one that failed it is made again.
const RETRY: Duration = Duration::from_mins(1);

/// Longest time of one.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How many good releases are asked for: the one to go back to, and the one after it.
const MAX_RELEASES: usize = 2;

/// The most caveats that are kept.
const MAX_CAVEATS: usize = 8;

/// What was found of each validation.
#[derive(Debug, Default)]
pub struct Rehearsals(Mutex<HashMap<String, Rehearsed>>);

#[derive(Clone, Debug)]
struct Rehearsed {
    releases: Vec<String>,
    due: Instant,
    findings: Option<Arc<Findings>>,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Why a release cannot be gone back to, by its id.
    pub unavailable: BTreeMap<String, String>,
    /// What a rollback would not bring back, or may fail by.
    pub caveats: Vec<String>,
}

impl Rehearsals {
    /// Forgets what was found of the validation `uid`.
    pub fn forget(&self, uid: &str) {
        self.all().remove(uid);
    }

    /// Forgets every validation for which `keep` is false.
    pub fn retain(&self, keep: impl Fn(&str) -> bool) {
        self.all().retain(|uid, _| keep(uid));
    }

    /// What is known of going back to `goods`, newest first, and when it has to be asked again; asks when it is time.
    pub async fn of(
        &self,
        object: &DeploymentValidation,
        goods: &[GoodRelease],
        context: &Context,
    ) -> (Option<Arc<Findings>>, Duration) {
        let uid = object.uid().unwrap_or_default();
        let goods = &goods[..goods.len().min(MAX_RELEASES)];
        let releases: Vec<String> = goods.iter().map(|good| good.release.clone()).collect();
        if releases.is_empty() {
            self.forget(&uid);
            return (Some(Arc::default()), INTERVAL);
        }
        let known = self.all().get(&uid).cloned();
        let now = Instant::now();
        if let Some(known) = &known
            && known.releases == releases
            && known.due > now
        {
            return (known.findings.clone(), known.due - now);
        }
        let asked = timeout(TIMEOUT, ask(object, goods, context)).await;
        let (findings, holds) = match asked {
            Ok(Ok(findings)) => (Some(Arc::new(findings)), INTERVAL),
            Ok(Err(why)) => {
                tracing::debug!(
                    uid,
                    why,
                    "could not tell whether a rollback would be possible"
                );
                (known.and_then(|known| known.findings), RETRY)
            }
            Err(_) => (known.and_then(|known| known.findings), RETRY),
        };
        let holds = holds.mul_f64(rand::random_range(1.0..1.2));
        let rehearsed = Rehearsed {
            releases,
            due: now + holds,
            findings: findings.clone(),
        };
        self.all().insert(uid, rehearsed);
        (findings, holds)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<String, Rehearsed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn ask(
    object: &DeploymentValidation,
    goods: &[GoodRelease],
    context: &Context,
) -> Result<Findings, String> {
    let namespace = object.namespace().unwrap_or_default();
    let operations = site::of_validation(object, &namespace, context)
        .await
        .map_err(|unreachable| match unreachable {
            site::Unreachable::Gone => String::new(),
            site::Unreachable::For(why) => why,
        })?;
    let told = |error: PlatformError| chain(&error);
    let mut findings = Findings::default();
    for good in goods {
        if let Some(why) = missing(operations.as_ref(), good).await.map_err(told)? {
            findings.unavailable.insert(good.release.clone(), why);
        }
    }
    for service in &goods[0].services {
        let circumstances = operations
            .circumstances(&service.name)
            .await
            .map_err(told)?;
        let named = circumstances
            .caveats
            .iter()
            .map(|caveat| format!("{}: {caveat}", service.name));
        findings.caveats.extend(named);
    }
    findings.caveats.truncate(MAX_CAVEATS);
    Ok(findings)
}

/// Why `good` cannot be gone back to.
async fn missing(
    operations: &dyn Operations,
    good: &GoodRelease,
) -> Result<Option<String>, PlatformError> {
    for service in &good.services {
        let rollout = operations
            .rollout(&service.name, &service.deploy_id)
            .await?;
        let (name, id) = (&service.name, &service.deploy_id);
        match rollout {
            None => return Ok(Some(format!("{name}: deploy {id} is not there any more"))),
            Some(rollout) if !rollout.phase.has_served() => {
                return Ok(Some(format!("{name}: deploy {id} cannot be returned to")));
            }
            Some(_) => {}
        }
    }
    Ok(None)
}
