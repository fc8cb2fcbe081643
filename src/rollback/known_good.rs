//! When a release becomes good, which ones can be gone back to, and when one is good no more.

mod checks;
mod schemas;

use std::time::Duration;

use jiff::Timestamp;

pub use self::{
    checks::{CheckDigests, CheckStanding, check_digest},
    schemas::schemas,
};
use super::{incident::Quarantine, moment::Moment};
use crate::{
    api::{DeploymentValidationStatus, GoodRelease, ObservedRelease, ServiceDeploy},
    checks::schema::SchemaFingerprint,
};

/// How many good releases are kept beside the newest.
const MAX_CANDIDATES: usize = 5;

/// How far the live release is on its way to being good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Soak {
    /// Every critical check has passed on it, without a break, for long enough.
    Over,
    /// It will be over at this time, if nothing fails.
    Until(Timestamp),
    /// It has not begun: a critical check does not pass, or could not tell of late, or there is none.
    NotBegun,
}

/// How far the live release is. `stale`: the newest observation is too old for the checks to say anything.
#[must_use]
pub fn soak(checks: &[CheckStanding<'_>], stale: bool, soak: Duration, moment: Moment) -> Soak {
    let mut critical = checks.iter().filter(|check| check.is_critical()).peekable();
    if stale || critical.peek().is_none() || !critical.clone().all(CheckStanding::passes) {
        return Soak::NotBegun;
    }
    // The last of all waits: a time that lies in the future has its own beginning.
    critical
        .filter_map(|check| moment.until(check.status.since, soak))
        .max()
        .map_or(Soak::Over, Soak::Until)
}

/// Makes the live release the last known good one when its soak is over, and takes those that are `quarantined` away.
/// `schema` is the live one, as far as it is known: the good release is kept with it. Gives when the soak will be over. To be asked only while the verdict on the live release is Passing.
pub fn advance(
    status: &mut DeploymentValidationStatus,
    live: &ObservedRelease,
    checks: &[CheckStanding<'_>],
    schema: Option<&SchemaFingerprint>,
    progress: Soak,
    quarantine: &Quarantine<'_>,
    now: Timestamp,
) -> Option<Timestamp> {
    revoke(status, quarantine);
    if quarantine.holds(&live.id) {
        return None;
    }
    let known = status
        .last_known_good
        .as_mut()
        .filter(|good| good.release == live.id);
    match (progress, known) {
        (Soak::Over, Some(good)) => refresh(good, live, checks),
        (Soak::Over, None) => promote(status, live, checks, now),
        (Soak::Until(end), _) => return Some(end),
        (Soak::NotBegun, _) => return None,
    }
    if let (Some(schema), Some(good)) = (schema, &mut status.last_known_good) {
        schemas::keep(good, &mut status.schemas, schema);
    }
    schemas::prune(status);
    None
}

/// Takes the releases that are `quarantined` away; the newest candidate takes the place of the last known good one.
pub fn revoke(status: &mut DeploymentValidationStatus, quarantine: &Quarantine<'_>) {
    status
        .candidates
        .retain(|good| !quarantine.holds(&good.release));
    let revoked = status
        .last_known_good
        .as_ref()
        .is_some_and(|good| quarantine.holds(&good.release));
    if revoked {
        let next = (!status.candidates.is_empty()).then(|| status.candidates.remove(0));
        status.last_known_good = next;
    }
    schemas::prune(status);
}

fn promote(
    status: &mut DeploymentValidationStatus,
    live: &ObservedRelease,
    checks: &[CheckStanding<'_>],
    now: Timestamp,
) {
    let good = GoodRelease {
        release: live.id.clone(),
        validated_at: now,
        services: deploys(live),
        checks: passing(checks, &[]),
        unavailable: None,
        schema: None,
    };
    if let Some(former) = status.last_known_good.replace(good) {
        status
            .candidates
            .retain(|candidate| candidate.release != former.release);
        status.candidates.insert(0, former);
    }
    status
        .candidates
        .retain(|candidate| candidate.release != live.id);
    status.candidates.truncate(MAX_CANDIDATES);
}

/// A check that was changed, or is new, has passed on the good release too once it has passed there for the whole soak.
fn refresh(good: &mut GoodRelease, live: &ObservedRelease, checks: &[CheckStanding<'_>]) {
    good.checks = passing(checks, &good.checks);
    good.services = deploys(live);
}

/// Digests of the checks that pass, or have passed before.
fn passing(checks: &[CheckStanding<'_>], before: &[String]) -> Vec<String> {
    let passed = |check: &&CheckStanding<'_>| {
        check.passes() || before.iter().any(|digest| digest == check.digest)
    };
    let mut digests: Vec<String> = checks
        .iter()
        .filter(passed)
        .map(|check| check.digest.to_owned())
        .collect();
    // The order of the checks says nothing, and an unchanged status is not written.
    digests.sort_unstable();
    digests
}

/// The deploys of a release.
pub(super) fn deploys(live: &ObservedRelease) -> Vec<ServiceDeploy> {
    let deploy = |service: &crate::api::ObservedService| ServiceDeploy {
        name: service.name.clone(),
        deploy_id: service.deploy_id.clone(),
        version: service.version.clone(),
    };
    live.services.iter().map(deploy).collect()
}

/// The good releases of a validation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Goods<'a> {
    /// The newest.
    pub last_known_good: Option<&'a GoodRelease>,
    /// Those before it, newest first.
    pub candidates: &'a [GoodRelease],
}

impl<'a> Goods<'a> {
    /// Those that a status names.
    #[must_use]
    pub fn of(status: &'a DeploymentValidationStatus) -> Self {
        Self {
            last_known_good: status.last_known_good.as_ref(),
            candidates: &status.candidates,
        }
    }

    /// All of them, newest first.
    pub fn iter(&self) -> impl Iterator<Item = &'a GoodRelease> + use<'a> {
        self.last_known_good.into_iter().chain(self.candidates)
    }
}

/// The good releases that can be gone back to from the release `live`, newest first: seen to be there, not quarantined,
/// and not live.
pub fn goals<'a>(
    goods: Goods<'a>,
    live: &str,
    quarantine: &Quarantine<'_>,
) -> impl Iterator<Item = &'a GoodRelease> {
    goods.iter().filter(move |good| {
        good.release != live
            && !quarantine.holds(&good.release)
            && good.unavailable.is_none()
            && !good.services.is_empty()
    })
}

#[cfg(test)]
mod tests;
