//! The `worker` check: whether what works off a queue is down, up but processes nothing, behind, or has nothing to do.

mod judgement;
mod moment;
mod postgres_store;
mod redis_store;
mod round_trip;

use std::{fmt, time::Duration};

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep};

use self::{
    judgement::{HeartbeatLimit, Observation, QueueLimits, Thresholds, overdue},
    postgres_store::PostgresStore,
    redis_store::Places,
    round_trip::RoundTrip,
};
use super::{
    compile::Secrets,
    http::HttpProbe,
    invalid::InvalidCheck,
    net::{Session, Target, progress::Progress},
    redis::client::{Client, Server},
    sql::observation::Times,
    suite::Probe,
    verdict::{Finding, Measurement, Phases},
};
use crate::api;

/// Time between two looks at a queue whose oldest job has waited for too long.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// Looks at a worker from all sides that are named.
pub struct WorkerProbe {
    health: Option<HttpProbe>,
    store: Option<Store>,
    thresholds: Thresholds,
}

/// Where heartbeat and queue are.
enum Store {
    Redis {
        server: Server,
        places: Places,
        trip: Option<RoundTrip>,
    },
    Postgres(PostgresStore),
}

impl WorkerProbe {
    /// Compiles the check. `secrets` gives the values that Secrets hold. No error shows one.
    pub fn new(check: &api::WorkerCheck, secrets: Secrets<'_>) -> Result<Self, InvalidCheck> {
        let needs_store = check.heartbeat.is_some() || check.queue.is_some();
        if check.health.is_none() && !needs_store && check.postgres.is_none() {
            let problem = "at least one of health, heartbeat, queue, postgres must be set";
            return Err(InvalidCheck::new("worker", problem));
        }
        if needs_store != check.store.is_some() {
            let problem = "is needed by heartbeat and queue, and by nothing else";
            return Err(InvalidCheck::new("worker.store", problem));
        }
        if check.health.as_ref().is_some_and(|it| !it.steps.is_empty()) {
            let problem = "are not taken here: a worker's health is one request";
            return Err(InvalidCheck::new("worker.health.steps", problem));
        }
        if check.postgres.is_some() && (needs_store || check.round_trip.is_some()) {
            let problem = "excludes store, heartbeat, queue and roundTrip beside it";
            return Err(InvalidCheck::new("worker.postgres", problem));
        }
        if let Some(queue) = &check.queue {
            refuse_impossible(queue)?;
        }
        let health = check.health.as_ref().map(|health| {
            HttpProbe::new(health, secrets).map_err(|InvalidCheck { field, problem }| {
                let within = field.strip_prefix("http.").unwrap_or(&field);
                InvalidCheck::new(format!("worker.health.{within}"), problem)
            })
        });
        let store = match (&check.store, &check.postgres) {
            (Some(store), _) => Some(Store::new(store, check, secrets)?),
            (None, Some(postgres)) => Some(Store::Postgres(PostgresStore::new(postgres, secrets)?)),
            (None, None) => None,
        };
        Ok(Self {
            health: health.transpose()?,
            store,
            thresholds: thresholds(check),
        })
    }

    async fn run(&self, session: &Session, deadline: Instant) -> Measurement {
        let mut observation = Observation::default();
        let mut phases = Phases::default();
        if let Some(health) = &self.health {
            let measured = health.measure(session, deadline).await;
            phases = measured.phases;
            observation.health = Some(measured.finding);
        }
        let Some(store) = &self.store else {
            return Measurement::of(self.thresholds.judge(&observation), phases);
        };
        let progress = Progress::until(deadline);
        let times = Times::default();
        let observed = store
            .observe(
                &self.thresholds,
                session,
                (&progress, &times),
                &mut observation,
            )
            .await;
        let finding = match observed {
            Ok(()) => self.thresholds.judge(&observation),
            // That the worker is down is known without its store.
            Err(finding) => match self.thresholds.down(&observation) {
                Some(_) => self.thresholds.judge(&observation),
                None => finding,
            },
        };
        Measurement::of(observation.told(finding), times.beside(progress.phases()))
    }
}

fn thresholds(check: &api::WorkerCheck) -> Thresholds {
    match &check.postgres {
        Some(postgres) => Thresholds {
            heartbeat: postgres.heartbeat.as_ref().map(HeartbeatLimit::from),
            queue: postgres.queue.as_ref().map(QueueLimits::from),
        },
        None => Thresholds {
            heartbeat: check.heartbeat.as_ref().map(HeartbeatLimit::from),
            queue: check.queue.as_ref().map(QueueLimits::from),
        },
    }
}

/// What the schema refuses, for whoever reads a check without it.
fn refuse_impossible(queue: &api::WorkerQueue) -> Result<(), InvalidCheck> {
    use api::WorkerQueueType::{List, Stream};
    let refuse = |field: &str, problem: &str| {
        Err(InvalidCheck::new(format!("worker.queue.{field}"), problem))
    };
    if queue.queue_type != Stream && queue.group.is_some() {
        return refuse("group", "is of type Stream only");
    }
    if queue.queue_type != List && queue.enqueued_at.is_some() {
        return refuse("enqueuedAt", "is of type List only");
    }
    if queue.queue_type == List && queue.max_age.is_some() && queue.enqueued_at.is_none() {
        return refuse("maxAge", "of type List needs enqueuedAt");
    }
    Ok(())
}

impl Store {
    fn new(
        store: &api::WorkerStore,
        check: &api::WorkerCheck,
        secrets: Secrets<'_>,
    ) -> Result<Self, InvalidCheck> {
        let Some(redis) = &store.redis else {
            let problem = "exactly one of redis must be set";
            return Err(InvalidCheck::new("worker.store", problem));
        };
        let trip = match (&check.round_trip, &check.queue) {
            (Some(trip), Some(queue)) => Some(RoundTrip::new(trip, queue)?),
            (Some(_), None) => {
                return Err(InvalidCheck::new("worker.roundTrip", "needs a queue"));
            }
            (None, _) => None,
        };
        Ok(Self::Redis {
            server: Server::new(redis, "worker.store.redis", secrets)?,
            places: Places {
                heartbeat: check.heartbeat.clone(),
                queue: check.queue.clone(),
            },
            trip,
        })
    }

    const fn target(&self) -> &Target {
        match self {
            Self::Postgres(store) => store.target(),
            Self::Redis { server, .. } => server.target(),
        }
    }

    /// Adds to `observation` what the store knows of the worker.
    async fn observe(
        &self,
        thresholds: &Thresholds,
        session: &Session,
        (progress, times): (&Progress, &Times),
        observation: &mut Observation,
    ) -> Result<(), Finding> {
        match self {
            Self::Postgres(store) => {
                let dialer = session.network().dialer();
                store
                    .observe(thresholds, dialer, (progress, times), observation)
                    .await
            }
            Self::Redis {
                server,
                places,
                trip,
            } => {
                let (mut client, driver) = server.connect(session, progress).await?;
                let exchange = async {
                    server.enter(&mut client).await?;
                    let deadline = progress.deadline();
                    look_twice(places, thresholds, &mut client, deadline, observation).await?;
                    // A worker that is down would find the job when it comes back.
                    if let Some(trip) = trip
                        && thresholds.down(observation).is_none()
                    {
                        observation.trip = Some(trip.run(&mut client, deadline).await?);
                    }
                    Ok(())
                };
                driver.during(server.target(), progress, exchange).await
            }
        }
    }
}

/// Looks at heartbeat and queue; when the oldest job has waited for too long, again, to see whether anything moves.
async fn look_twice(
    places: &Places,
    thresholds: &Thresholds,
    client: &mut Client,
    deadline: Instant,
    observation: &mut Observation,
) -> Result<(), Finding> {
    let first = places.look(client).await?;
    observation.heartbeat = first.heartbeat;
    observation.queue.clone_from(&first.queue);
    let (Some(queue), Some(backlog)) = (&thresholds.queue, &mut observation.queue) else {
        return Ok(());
    };
    let time_is_left = Instant::now() + 2 * BETWEEN_LOOKS < deadline;
    if overdue(queue, backlog).is_some() && time_is_left {
        sleep(BETWEEN_LOOKS).await;
        let second = places.look(client).await?;
        backlog.moved = Some(first.moved(&second));
    }
    Ok(())
}

impl Probe for WorkerProbe {
    fn measure<'a>(
        &'a self,
        session: &'a Session,
        deadline: Instant,
    ) -> BoxFuture<'a, Measurement> {
        Box::pin(self.run(session, deadline))
    }

    fn targets(&self) -> Vec<&Target> {
        let store = self.store.as_ref().map(Store::target);
        let health = self.health.iter().flat_map(Probe::targets);
        store.into_iter().chain(health).collect()
    }
}

impl fmt::Debug for WorkerProbe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("WorkerProbe")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}
