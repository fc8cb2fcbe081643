//! One attempt, everything it works with, and the processes that take it on.

use std::{cell::RefCell, pin::Pin, sync::Arc, time::Duration};

use serde_json::json;
use tokio::time::{Instant, advance};

use super::{
    clock,
    people::{Checks, Sentry},
    platform::Platform,
    points::{Points, step},
    records::Records,
};
use crate::{
    api::{
        PlannedStep, RollbackPlan, RollbackSpec, RollbackState, RollbackStatus, ServiceDeploy,
        StepState, StepStatus,
    },
    rollback::{
        Again, Executor, Moment, Surroundings,
        ledger::{Attempt, AttemptName, LedgerError},
        samples::at,
    },
};

/// The process that has recorded the attempt.
pub const RECORDER: &str = "one";

/// How long after its intent a process makes its call, at the latest.
pub const SEND_WITHIN: Duration = Duration::from_secs(30);

/// After so long an attempt has to have ended.
const LIMIT: Duration = Duration::from_hours(1);

/// A process.
pub struct Process {
    pub executor: Executor,
    pub clock: fn() -> Moment,
}

impl Process {
    /// The one that has recorded the attempt.
    pub fn first() -> Self {
        Self::new(RECORDER, clock::first)
    }

    /// One that takes over, or rivals.
    pub fn second() -> Self {
        Self::new("two", clock::second)
    }

    pub fn new(claimant: &str, clock: fn() -> Moment) -> Self {
        Self {
            executor: Executor::new(claimant.to_owned(), SEND_WITHIN),
            clock,
        }
    }
}

/// How often the checks run.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// How a process came to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The attempt has ended.
    Ended,
    /// The pass was dropped where it was told to.
    Dropped,
    /// The record is gone.
    Gone,
    /// It went on for too long.
    Tired,
}

/// What happens at a point.
enum Interruption<'a> {
    Drop,
    Happening(&'a dyn Fn(&World)),
    Stall(Duration),
}

/// What happens after a while.
type Happening = Box<dyn FnOnce(&World)>;

pub type Pass<'a> = Pin<Box<dyn Future<Output = Result<(Attempt, Again), LedgerError>> + 'a>>;

/// One attempt, and everything around it.
pub struct World {
    pub points: Arc<Points>,
    pub records: Records,
    pub platform: Arc<Platform>,
    pub gate: Sentry,
    pub checks: Checks,
    began: Instant,
    happenings: RefCell<Vec<(Duration, Happening)>>,
}

impl World {
    /// An attempt to bring these services back, on record and untouched.
    pub fn new(services: &[&'static str]) -> Self {
        Self::of(services, |_| {})
    }

    /// The same, for a plan that differs.
    pub fn of(services: &[&'static str], differ: impl FnOnce(&mut RollbackSpec)) -> Self {
        clock::begin();
        let points = Arc::new(Points::default());
        let platform = Arc::new(Platform::new(points.clone(), services));
        let mut attempt = attempt(services);
        attempt.created = at("11:59:58");
        differ(&mut attempt.spec);
        Self {
            records: Records::new(points.clone(), attempt),
            gate: Sentry::new(points.clone()),
            checks: Checks::new(points.clone(), platform.clone()),
            points,
            platform,
            began: Instant::now(),
            happenings: RefCell::default(),
        }
    }

    /// Something happens so many seconds after the beginning.
    pub fn after(&self, seconds: u64, happening: impl FnOnce(&Self) + 'static) {
        let happening: (Duration, Happening) = (Duration::from_secs(seconds), Box::new(happening));
        let mut happenings = self.happenings.borrow_mut();
        happenings.push(happening);
        happenings.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    }

    /// Time passes.
    pub async fn elapse(&self, duration: Duration) {
        let until = Instant::now() + duration;
        loop {
            let next = {
                let mut happenings = self.happenings.borrow_mut();
                let due = |(at, _): &mut (Duration, Happening)| self.began + *at <= until;
                happenings.pop_if(due)
            };
            let Some((at, happening)) = next else {
                break;
            };
            advance((self.began + at).saturating_duration_since(Instant::now())).await;
            happening(self);
        }
        advance(until - Instant::now()).await;
    }

    pub fn surroundings(&self, process: &Process) -> Surroundings<'_> {
        Surroundings {
            ledger: &self.records,
            operations: self.platform.as_ref(),
            gate: &self.gate,
            witness: &self.checks,
            clock: process.clock,
        }
    }

    /// A pass over the record as it is.
    pub fn pass<'a>(&'a self, process: &'a Process) -> Option<Pass<'a>> {
        let attempt = self.records.now()?;
        Some(Box::pin(
            process.executor.pass(attempt, self.surroundings(process)),
        ))
    }

    /// One pass to its end.
    pub async fn once(&self, process: &Process) -> Result<(Attempt, Again), LedgerError> {
        self.pass(process).expect("a record").await
    }

    /// Passes until the attempt has ended.
    pub async fn run(&self, process: &Process) -> Stop {
        self.run_until(process, usize::MAX, Interruption::Drop)
            .await
    }

    /// Passes until so many points were reached, where the process goes on no more.
    pub async fn crash(&self, process: &Process, point: usize) -> Stop {
        self.run_until(process, point, Interruption::Drop).await
    }

    /// Passes until the attempt has ended. Something happens when so many points were reached.
    pub async fn disturb(&self, process: &Process, point: usize, what: impl Fn(&Self)) -> Stop {
        let interruption = Interruption::Happening(&what);
        self.run_until(process, point, interruption).await
    }

    /// Passes until the attempt has ended. The process stands still for a while when so many points were reached.
    pub async fn stall(&self, process: &Process, point: usize, pause: Duration) -> Stop {
        let interruption = Interruption::Stall(pause);
        self.run_until(process, point, interruption).await
    }

    async fn run_until(
        &self,
        process: &Process,
        point: usize,
        interruption: Interruption<'_>,
    ) -> Stop {
        let began = Instant::now();
        while began.elapsed() < LIMIT {
            let Some(mut pass) = self.pass(process) else {
                return Stop::Gone;
            };
            let ended = loop {
                if let Some(ended) = step(&mut pass).await {
                    break ended;
                }
                if self.points.count() != point {
                    continue;
                }
                match interruption {
                    Interruption::Drop => return Stop::Dropped,
                    Interruption::Happening(happening) => happening(self),
                    Interruption::Stall(pause) => self.elapse(pause).await,
                }
            };
            drop(pass);
            if matches!(ended, Ok((_, Again::Never))) && self.has_ended() {
                return Stop::Ended;
            }
            self.elapse(self.rest(&ended)).await;
        }
        Stop::Tired
    }

    /// How long a process rests before its next pass. While checks run, each run wakes it.
    pub fn rest(&self, ended: &Result<(Attempt, Again), LedgerError>) -> Duration {
        let verifying = self.state() == Some(RollbackState::Verifying);
        match ended {
            Ok((_, Again::Now)) => Duration::ZERO,
            Ok((_, Again::After(pause))) if verifying => (*pause).min(CHECK_INTERVAL),
            Ok((_, Again::After(pause))) => *pause,
            // It was written meanwhile.
            Ok((_, Again::Never)) | Err(_) => Duration::from_secs(1),
        }
    }

    pub fn has_ended(&self) -> bool {
        self.state().is_some_and(RollbackState::is_final)
    }

    /// Where the attempt stands.
    pub fn state(&self) -> Option<RollbackState> {
        self.records.now()?.status.state
    }

    /// Where its steps stand.
    pub fn steps(&self) -> Vec<StepState> {
        let steps = self.records.status().steps;
        steps.iter().map(|step| step.state).collect()
    }

    /// How many calls to roll back a service have left.
    pub fn calls(&self, service: &str) -> usize {
        let state = self.platform.now();
        let calls = state.calls.iter();
        calls.filter(|call| call.service == service).count()
    }

    /// How many rollouts the calls have brought about.
    pub fn effects(&self) -> usize {
        let state = self.platform.now();
        let services = state.fleet.services().iter();
        let rollouts = services.flat_map(|service| &service.rollouts);
        rollouts.filter(|deployed| deployed.ours).count()
    }

    /// The service that was asked to go back twice.
    pub fn asked_twice(&self) -> Option<String> {
        let plan = self.records.now()?.spec.plan?;
        let twice = |planned: &&PlannedStep| self.calls(&planned.service) > 1;
        let planned = plan.steps.iter().find(twice)?;
        Some(format!("{} was asked twice", planned.service))
    }

    /// What is wrong with what happened: a service was asked to go back twice, a final state has changed, an end is open, what
    /// a call has brought about is not on record, or success is claimed without proof.
    pub fn fault(&self) -> Option<String> {
        let attempt = self.records.now()?;
        let plan = attempt.spec.plan.as_ref()?;
        if let Some(fault) = self.asked_twice().or_else(|| self.records.fault()) {
            return Some(fault);
        }
        let status = &attempt.status;
        if !status.state.is_some_and(RollbackState::is_final) {
            return None;
        }
        let open =
            |step: &&StepStatus| matches!(step.state, StepState::Issued | StepState::Accepted);
        if let Some(step) = status.steps.iter().find(open) {
            return Some(format!("{} has an open end", step.service));
        }
        self.unaccounted(plan, status).or_else(|| {
            let verified = status.state == Some(RollbackState::Verified);
            (verified && !self.is_proven(plan, status)).then(|| "verified without proof".to_owned())
        })
    }

    /// What a call has brought about, and is not on record.
    fn unaccounted(&self, plan: &RollbackPlan, status: &RollbackStatus) -> Option<String> {
        let state = self.platform.now();
        plan.steps.iter().enumerate().find_map(|(place, planned)| {
            let rollouts = &state.fleet.service(&planned.service).rollouts;
            let ours = rollouts.iter().find(|deployed| deployed.ours)?;
            let known = status
                .steps
                .get(place)
                .and_then(|step| step.operation_id.as_deref());
            let id = ours.rollout.id.as_str();
            (known != Some(id)).then(|| format!("{id} is not on record"))
        })
    }

    /// Whether the checks have passed on the result while it was live, and every planned service is back in it.
    fn is_proven(&self, plan: &RollbackPlan, status: &RollbackStatus) -> bool {
        let Some(result) = &status.result else {
            return false;
        };
        let passed = self.checks.passed_on.lock().unwrap().contains(result);
        let state = self.platform.now();
        let is_back = |planned: &PlannedStep| {
            let live = result.services.iter().find(|it| it.name == planned.service);
            let rollouts = &state.fleet.service(&planned.service).rollouts;
            let brought =
                |live: &ServiceDeploy| rollouts.iter().find(|it| it.rollout.id == live.deploy_id);
            live.and_then(brought).is_some_and(|brought| {
                brought.rollout.version == planned.version && brought.rollout.phase.has_served()
            })
        };
        let done = status
            .steps
            .iter()
            .all(|step| step.state == StepState::Done);
        passed && done && plan.steps.iter().all(is_back)
    }
}

/// The record of an attempt that nobody has begun.
pub fn attempt(services: &[&str]) -> Attempt {
    let live = |number: u8| {
        let deploy = |name: &&str| json!({"name": name, "deployId": format!("{name}-{number}")});
        services.iter().map(deploy).collect::<Vec<_>>()
    };
    let step = |name: &&str| {
        json!({
            "service": name, "from": format!("{name}-3"), "to": format!("{name}-1"),
            "version": "v1", "disableAutoDeploy": true,
        })
    };
    let steps: Vec<_> = services.iter().map(step).collect();
    let spec = json!({
        "validationRef": {"name": "accessa", "uid": "0b5f"},
        "trigger": "Automatic",
        "from": {"release": "rel-bad", "services": live(3)},
        "to": {"release": "rel-good", "services": live(1)},
        "plan": {
            "attempt": 1, "failedRelease": "rel-bad", "key": "cafe", "claimant": RECORDER,
            "issueBefore": at("12:15"), "timeout": "5m", "verificationTimeout": "5m",
            "steps": steps,
        },
    });
    Attempt {
        name: AttemptName {
            namespace: "default".to_owned(),
            name: "accessa-rb-cafe".to_owned(),
        },
        uid: "77aa".to_owned(),
        version: "1".to_owned(),
        generation: 1,
        created: at("12:00"),
        spec: serde_json::from_value(spec).unwrap(),
        status: serde_json::from_str("{}").unwrap(),
    }
}
