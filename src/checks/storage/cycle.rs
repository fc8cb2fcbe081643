//! One run against a bucket: what is there, how it is configured, and a marker that is put, read and deleted.

use std::time::Duration;

use http::Method;
use tokio::time::Instant;

use super::{
    bucket::{Bucket, Question},
    judgement::{self, Asked, Listing, Seen},
    marker::Marker,
    reply::{Refusal, Reply},
    setting::Setting,
};
use crate::{
    api::{StorageBucket, StorageCheck},
    checks::{
        compile::Secrets,
        invalid::InvalidCheck,
        net::{Session, Target},
        verdict::{FindingReason, Measurement, Phases},
    },
};

const LONGEST_LISTED_PREFIX: usize = 512 * 4;
const MOST_LISTED: u16 = 500;

/// Markers of other runs that may stand among the objects of a listing.
const MARKERS: u16 = 100;

/// The longest time that is kept for taking the marker away, which is at most a third of all.
const FOR_DELETING: Duration = Duration::from_secs(5);

/// A bucket, and what is asked of it.
pub(super) struct BucketCheck {
    bucket: Bucket,
    prefix: String,
    cycle: bool,
    listing: Option<Listing>,
    settings: Vec<Setting>,
}

impl BucketCheck {
    pub(super) fn new(
        check: &StorageCheck,
        bucket: &StorageBucket,
        secrets: Secrets<'_>,
    ) -> Result<Self, InvalidCheck> {
        let listing = match &check.list {
            None => None,
            Some(list) => {
                let prefix = list.prefix.clone().unwrap_or_default();
                if prefix.len() > LONGEST_LISTED_PREFIX || prefix.chars().any(char::is_control) {
                    let problem = "is too long, or holds a control character";
                    return Err(InvalidCheck::new("storage.list.prefix", problem));
                }
                if list.min_objects > MOST_LISTED {
                    return Err(InvalidCheck::new("storage.list.minObjects", "is above 500"));
                }
                Some(Listing {
                    prefix,
                    min_objects: usize::from(list.min_objects),
                    asked: list.min_objects + MARKERS,
                })
            }
        };
        let settings = check.expect.map(Setting::all).unwrap_or_default();
        if !check.cycle && listing.is_none() && settings.is_empty() {
            let problem = "without cycle there must be something else to measure";
            return Err(InvalidCheck::new("storage.cycle", problem));
        }
        Ok(Self {
            bucket: Bucket::new(bucket, secrets)?,
            prefix: check.prefix.clone(),
            cycle: check.cycle,
            listing,
            settings,
        })
    }

    pub(super) const fn target(&self) -> &Target {
        self.bucket.target()
    }

    pub(super) async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let mut phases = None;
        let mut run = Run {
            bucket: &self.bucket,
            session,
            phases: &mut phases,
        };
        let marker = Marker::new(&self.prefix);
        let seen = self.look(&mut run, &marker, deadline).await;
        let finding = judgement::judge(&seen, &marker, &self.prefix, self.target());
        Measurement::of(finding, phases.unwrap_or_default())
    }

    async fn look(&self, run: &mut Run<'_>, marker: &Marker, deadline: Instant) -> Seen {
        let mut seen = Seen::default();
        let all = deadline.saturating_duration_since(Instant::now());
        let early = if self.cycle {
            deadline - FOR_DELETING.min(all / 3)
        } else {
            deadline
        };
        if let Some(listing) = &self.listing {
            let asked = run.list(listing, early).await;
            let is_over = asked.is_err();
            seen.listed = Some((listing.clone(), asked));
            if is_over {
                return seen;
            }
        }
        for &setting in &self.settings {
            let asked = run
                .ask(Method::GET, "", &[(setting.query(), "")], "", early)
                .await;
            let is_over = asked.is_err();
            seen.settings.push((setting, asked));
            if is_over {
                return seen;
            }
        }
        if self.cycle {
            // Put, get and delete share a connection: it is new for the put, and the other two may be sent twice.
            let own = run.session.network().session();
            let mut run = Run {
                bucket: run.bucket,
                session: &own,
                phases: &mut *run.phases,
            };
            run.cycle(&mut seen, marker, early, deadline).await;
        }
        seen
    }
}

/// What one run asks over.
struct Run<'a> {
    bucket: &'a Bucket,
    session: &'a Session,
    /// Those of the first question.
    phases: &'a mut Option<Phases>,
}

impl Run<'_> {
    async fn ask(
        &mut self,
        method: Method,
        key: &str,
        query: &[(&str, &str)],
        content: &str,
        deadline: Instant,
    ) -> Asked {
        let question = Question {
            method,
            key,
            query,
            content,
        };
        let mut phases = Phases::default();
        let asked = self
            .bucket
            .ask(self.session, deadline, question, &mut phases)
            .await;
        self.phases.get_or_insert(phases);
        asked
    }

    async fn list(&mut self, listing: &Listing, deadline: Instant) -> Asked {
        let most = listing.asked.to_string();
        let mut query = vec![("list-type", "2"), ("max-keys", most.as_str())];
        if !listing.prefix.is_empty() {
            query.push(("prefix", &listing.prefix));
        }
        self.ask(Method::GET, "", &query, "", deadline).await
    }

    /// Puts the marker, reads it back, and takes it away, whatever came of the steps before.
    async fn cycle(&mut self, seen: &mut Seen, marker: &Marker, early: Instant, deadline: Instant) {
        let Marker { name, content } = marker;
        let put = self.ask(Method::PUT, name, &[], content, early).await;
        let is_worth_a_look = match &put {
            // Whether anything is answered tells a storage that refuses writes from one that does not know us.
            Ok(reply) => reply.is_done() || reply.refusal() == Refusal::Denied,
            Err(_) => false,
        };
        if is_worth_a_look {
            seen.got = Some(self.ask(Method::GET, name, &[], "", early).await);
        }
        if may_be_there(&put) {
            let version = put.as_ref().ok().and_then(|reply| reply.version.as_deref());
            if let Some(version) = version {
                let query = [("versionId", version)];
                let deleted = self.ask(Method::DELETE, name, &query, "", deadline).await;
                let is_denied = deleted
                    .as_ref()
                    .is_ok_and(|reply| reply.refusal() == Refusal::Denied && !reply.is_done());
                seen.version_stays = is_denied;
                seen.deleted = Some(deleted);
            }
            if version.is_none() || seen.version_stays {
                seen.deleted = Some(self.ask(Method::DELETE, name, &[], "", deadline).await);
            }
        }
        seen.put = Some(put);
    }
}

/// Whether the marker may be there after this answer to its put.
fn may_be_there(put: &Asked) -> bool {
    match put {
        Ok(Reply { status, .. }) => !(300..500).contains(status),
        Err(finding) => !matches!(
            finding.reason,
            FindingReason::ConnectionRefused
                | FindingReason::NameNotFound
                | FindingReason::ResolverFailed
                | FindingReason::Unreachable
                | FindingReason::TargetNotAllowed
                | FindingReason::TlsFailed
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verdict::Finding;

    #[test]
    fn a_marker_is_looked_for_unless_it_was_certainly_not_put() {
        for (status, expected) in [
            (200, true),
            (500, true),
            (503, true),
            (403, false),
            (307, false),
        ] {
            assert_eq!(
                may_be_there(&Ok(Reply::new(status, None))),
                expected,
                "{status}"
            );
        }
        for (reason, expected) in [
            (FindingReason::TimedOut, true),
            (FindingReason::ConnectionReset, true),
            (FindingReason::ProtocolError, true),
            (FindingReason::ConnectionRefused, false),
            (FindingReason::TargetNotAllowed, false),
        ] {
            assert_eq!(
                may_be_there(&Err(Finding::fail(reason, ""))),
                expected,
                "{reason}"
            );
        }
    }
}
