//! A platform in memory that answers, and fails to answer, as it is told.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt, future::BoxFuture};
use jiff::Timestamp;
use tokio::time::Instant;

use super::{
    clock,
    fleet::{Fate, Fleet, Service, release},
    points::{Point, Points},
};
use crate::platforms::{
    Accepted, Attempt, Circumstances, MutationError, Operations, Outage, PlatformError,
    RefusedBecause, Release, Revision, Rollout,
};

/// How a call to roll back is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// With the new rollout.
    Told,
    /// It is taken, and no id told.
    Taken,
    /// It is carried out, and no answer comes.
    Lost,
    /// No answer comes, and it is carried out after so many seconds.
    Late(u64),
    /// No answer comes, and it is not carried out.
    Unheard,
    /// The platform says no.
    Refused(RefusedBecause),
    /// Nothing leaves the process.
    NotSent,
}

/// A call to roll back that has left the process.
#[derive(Clone, Debug)]
pub struct Call {
    pub service: String,
    /// When it left.
    pub at: Timestamp,
    /// How many points were reached before.
    pub point: usize,
}

/// The platform.
#[derive(Debug)]
pub struct Platform {
    points: Arc<Points>,
    state: Mutex<State>,
}

#[derive(Debug)]
pub struct State {
    pub fleet: Fleet,
    /// How far reads lag behind.
    pub lag: Duration,
    /// How far reads of what is live lag behind that.
    pub live_lag: Duration,
    /// How the next calls to roll back are answered; `Told` when none is left.
    pub answers: VecDeque<Answer>,
    /// How the next calls to stop automatic deploys are answered, among `Told`, `Lost`, `Unheard`, `Refused` and `NotSent`.
    pub stops: VecDeque<Answer>,
    /// What becomes of the next rollouts.
    pub fates: VecDeque<Fate>,
    /// How many of the next reads fail.
    pub failing_reads: usize,
    /// What the next reads answer in place of what is there.
    pub refusal: Option<PlatformError>,
    pub calls: Vec<Call>,
    /// Services whose automatic deploys were asked to be stopped.
    pub stopped: Vec<String>,
}

impl Platform {
    pub const WINDOW: Duration = Duration::from_mins(1);
    pub const SENDS_WITHIN: Duration = Duration::from_secs(20);
    pub const POLL_INTERVAL: Duration = Duration::from_secs(30);

    pub fn new(points: Arc<Points>, names: &[&'static str]) -> Self {
        Self {
            points,
            state: Mutex::new(State {
                fleet: Fleet::new(names),
                lag: Duration::ZERO,
                live_lag: Duration::ZERO,
                answers: VecDeque::new(),
                stops: VecDeque::new(),
                fates: VecDeque::new(),
                failing_reads: 0,
                refusal: None,
                calls: Vec::new(),
                stopped: Vec::new(),
            }),
        }
    }

    /// The platform as it is now.
    pub fn now(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.fleet.tick();
        state
    }

    /// Whether the service runs the goal, since a call to roll back has brought it about.
    pub fn is_back(&self, service: &str) -> bool {
        let state = self.now();
        let service = state.fleet.service(service);
        let mut rollouts = service.rollouts.iter();
        let live = rollouts.find(|it| Some(it.rollout.id.as_str()) == service.live());
        live.is_some_and(|live| live.ours && live.rollout.version.as_deref() == Some("v1"))
    }

    async fn read<T>(&self, read: impl FnOnce(&mut State) -> T) -> Result<T, PlatformError> {
        self.points.reach(Point::Read).await;
        let mut state = self.now();
        if let Some(refusal) = &state.refusal {
            return Err(refusal.clone());
        }
        if state.failing_reads > 0 {
            state.failing_reads -= 1;
            return Err(outage());
        }
        Ok(read(&mut state))
    }
}

impl State {
    fn seen(&self, service: &str) -> &Service {
        let mut seen = self.fleet.seen(self.lag).iter();
        seen.find(|it| it.name == service).expect(service)
    }

    fn take_effect(&mut self, service: &str, to: &str) -> Rollout {
        let fate = self.fates.pop_front().unwrap_or(Fate::Live(20));
        self.fleet.roll_back(service, to, fate)
    }

    fn roll_back(&mut self, service: &str, to: &str) -> Result<Accepted, MutationError> {
        let told = |rollout| {
            Ok(Accepted {
                rollout: Some(rollout),
            })
        };
        match self.answers.pop_front().unwrap_or(Answer::Told) {
            Answer::Told => told(self.take_effect(service, to)),
            Answer::Taken => {
                self.take_effect(service, to);
                Ok(Accepted { rollout: None })
            }
            Answer::Lost => {
                self.take_effect(service, to);
                Err(MutationError::Unknown(outage()))
            }
            Answer::Late(seconds) => {
                self.fleet.roll_back_later(seconds, service, to);
                Err(MutationError::Unknown(outage()))
            }
            Answer::Unheard => Err(MutationError::Unknown(outage())),
            Answer::Refused(refused) => Err(MutationError::Refused {
                refused,
                source: outage(),
            }),
            Answer::NotSent => Err(MutationError::NotSent(outage())),
        }
    }

    fn stop(&mut self, service: &str) -> Result<(), MutationError> {
        let mut take_effect = || {
            let change = |service: &mut Service| service.automatic_deploys = Some(false);
            self.fleet.change(service, change);
        };
        match self.stops.pop_front().unwrap_or(Answer::Told) {
            Answer::Refused(refused) => Err(MutationError::Refused {
                refused,
                source: outage(),
            }),
            Answer::NotSent => Err(MutationError::NotSent(outage())),
            Answer::Unheard => Err(MutationError::Unknown(outage())),
            Answer::Lost => {
                take_effect();
                Err(MutationError::Unknown(outage()))
            }
            // Taken, and not carried out.
            Answer::Taken => Ok(()),
            _ => {
                take_effect();
                Ok(())
            }
        }
    }
}

pub fn outage() -> PlatformError {
    PlatformError::Unavailable {
        attempt: Attempt::new("POST /services/{serviceId}/rollback", "api"),
        source: Outage::TimedOut,
    }
}

fn nothing_live() -> PlatformError {
    PlatformError::NoLiveDeploy(Attempt::new("GET /services/{serviceId}/deploys", "api"))
}

impl Operations for Platform {
    fn release(&self, _: Instant) -> BoxFuture<'_, Result<Release, PlatformError>> {
        async move {
            let read = |state: &mut State| release(state.fleet.seen(state.lag + state.live_lag));
            self.read(read).await?.ok_or_else(nothing_live)
        }
        .boxed()
    }

    fn rollouts<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<Vec<Rollout>, PlatformError>> {
        let read = move |state: &mut State| {
            let seen = state.seen(service).rollouts.iter();
            seen.map(|it| it.rollout.clone()).collect()
        };
        self.read(read).boxed()
    }

    fn rollout<'a>(
        &'a self,
        service: &'a str,
        id: &'a str,
    ) -> BoxFuture<'a, Result<Option<Rollout>, PlatformError>> {
        let read = move |state: &mut State| {
            let mut seen = state.seen(service).rollouts.iter();
            let found = seen.find(|it| it.rollout.id == id)?;
            Some(found.rollout.clone())
        };
        self.read(read).boxed()
    }

    fn circumstances<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<Circumstances, PlatformError>> {
        let read = move |state: &mut State| {
            let seen = state.seen(service);
            Circumstances {
                suspended: seen.suspended.clone(),
                automatic_deploys: seen.automatic_deploys,
                caveats: Vec::new(),
            }
        };
        self.read(read).boxed()
    }

    fn stop_automatic_deploys<'a>(
        &'a self,
        service: &'a str,
    ) -> BoxFuture<'a, Result<(), MutationError>> {
        async move {
            self.points.reach(Point::BeforeChange).await;
            let answer = {
                let mut state = self.now();
                state.stopped.push(service.to_owned());
                state.stop(service)
            };
            self.points.reach(Point::AfterChange).await;
            answer
        }
        .boxed()
    }

    fn roll_back<'a>(
        &'a self,
        service: &'a str,
        to: &'a str,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>> {
        async move {
            let (begun, point) = (Instant::now(), self.points.count());
            self.points.reach(Point::BeforeChange).await;
            if begun.elapsed() > Self::SENDS_WITHIN {
                return Err(MutationError::NotSent(outage()));
            }
            let answer = {
                let mut state = self.now();
                let call = Call {
                    service: service.to_owned(),
                    at: clock::now(),
                    point,
                };
                if state.answers.front() != Some(&Answer::NotSent) {
                    state.calls.push(call);
                }
                state.roll_back(service, to)
            };
            self.points.reach(Point::AfterChange).await;
            answer
        }
        .boxed()
    }

    fn deploy<'a>(
        &'a self,
        _: &'a str,
        _: &'a Revision,
    ) -> BoxFuture<'a, Result<Accepted, MutationError>> {
        async move { Err(MutationError::NotSent(outage())) }.boxed()
    }

    fn sends_within(&self) -> Duration {
        Self::SENDS_WITHIN
    }

    fn consistency_window(&self) -> Duration {
        Self::WINDOW
    }

    fn poll_interval(&self) -> Duration {
        Self::POLL_INTERVAL
    }
}
