//! A gate and a witness that say what they are told to.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use tokio::time::Instant;

use super::{
    fleet::release,
    platform::Platform,
    points::{Point, Points},
};
use crate::{
    api::ReleaseReference,
    rollback::{Evidence, Gate, GateError, Permission, Witness, ledger::Attempt, reference},
};

/// A gate.
#[derive(Debug)]
pub struct Sentry {
    points: Arc<Points>,
    /// What it says next, `None` being an error; then `lasting`.
    pub next: Mutex<VecDeque<Option<Permission>>>,
    pub lasting: Mutex<Permission>,
    /// After how many points it was asked, and whether it said yes.
    pub said: Mutex<Vec<(usize, bool)>>,
}

impl Sentry {
    pub fn new(points: Arc<Points>) -> Self {
        Self {
            points,
            next: Mutex::default(),
            lasting: Mutex::new(Permission::Granted),
            said: Mutex::default(),
        }
    }
}

impl Gate for Sentry {
    fn permits<'a>(&'a self, _: &'a Attempt) -> BoxFuture<'a, Result<Permission, GateError>> {
        async move {
            self.points.reach(Point::Read).await;
            let next = self.next.lock().unwrap().pop_front();
            let answer = next.unwrap_or_else(|| Some(self.lasting.lock().unwrap().clone()));
            let granted = answer == Some(Permission::Granted);
            let asked = (self.points.count(), granted);
            self.said.lock().unwrap().push(asked);
            answer.ok_or_else(|| GateError("the API server does not answer".into()))
        }
        .boxed()
    }
}

/// The checks.
#[derive(Debug)]
pub struct Checks {
    points: Arc<Points>,
    platform: Arc<Platform>,
    /// How long they take.
    pub takes: Mutex<Duration>,
    /// Whether they pass then.
    pub pass: Mutex<bool>,
    /// Until how long after they were first asked they look at another release.
    pub lags_until: Mutex<Option<Duration>>,
    asked: Mutex<Option<Instant>>,
    /// What they have passed on, as it truly was live.
    pub passed_on: Mutex<Vec<ReleaseReference>>,
}

impl Checks {
    pub fn new(points: Arc<Points>, platform: Arc<Platform>) -> Self {
        Self {
            points,
            platform,
            takes: Mutex::new(Duration::from_secs(10)),
            pass: Mutex::new(true),
            lags_until: Mutex::default(),
            asked: Mutex::default(),
            passed_on: Mutex::default(),
        }
    }
}

impl Witness for Checks {
    fn evidence<'a>(
        &'a self,
        _: &'a Attempt,
        result: &'a ReleaseReference,
    ) -> BoxFuture<'a, Evidence> {
        async move {
            self.points.reach(Point::Read).await;
            let live = release(self.platform.now().fleet.services());
            let asked = *self.asked.lock().unwrap().get_or_insert_with(Instant::now);
            let lags_until = *self.lags_until.lock().unwrap();
            match live {
                Some(_) if lags_until.is_some_and(|until| asked.elapsed() < until) => {
                    Evidence::OtherRelease("rel-before".to_owned())
                }
                None => Evidence::Pending("nothing is live".to_owned()),
                Some(live) if live.id != result.release => Evidence::OtherRelease(live.id),
                Some(_) if asked.elapsed() < *self.takes.lock().unwrap() => {
                    Evidence::Pending("not enough yet".to_owned())
                }
                Some(live) if *self.pass.lock().unwrap() => {
                    self.passed_on.lock().unwrap().push(reference(&live));
                    Evidence::Passed
                }
                Some(_) => Evidence::Failed("health: status 503".to_owned()),
            }
        }
        .boxed()
    }
}
