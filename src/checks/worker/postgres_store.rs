//! Heartbeat and queue in tables of PostgreSQL, by statements of the author's own.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::{
    BETWEEN_LOOKS,
    judgement::{Backlog, Heartbeat, Observation, Thresholds, Trip, overdue},
    moment::Moment,
    round_trip::{FOR_TIDYING, mark},
};
use crate::{
    api,
    checks::{
        compile::Secrets,
        invalid::InvalidCheck,
        net::{Target, dial::Dialer, progress::Progress},
        sql::{
            expectation::reading,
            observation::Times,
            postgres::{self, Conversation, talk::Talk},
            server::Server,
        },
        verdict::Finding,
    },
};

/// Pause between two looks for the answer.
const PAUSE: Duration = Duration::from_millis(100);

/// A server, and what it is asked.
#[derive(Debug)]
pub(super) struct PostgresStore {
    server: Server,
    heartbeat: Option<Query>,
    depth: Option<Query>,
    oldest: Option<Query>,
    dead_letters: Option<Query>,
    trip: Option<SqlTrip>,
}

/// A statement, and the field that it stands in.
#[derive(Debug)]
struct Query {
    field: &'static str,
    statement: String,
}

/// A job of the check's own.
#[derive(Debug)]
struct SqlTrip {
    enqueue: Query,
    done: Query,
    cleanup: Query,
    left: Option<Query>,
    within: Duration,
}

/// What one look shows.
#[derive(Debug, Default)]
struct Look {
    heartbeat: Option<Heartbeat>,
    queue: Option<Backlog>,
    /// The time of the oldest job, as it was given.
    front: Option<String>,
}

impl Query {
    fn reading(field: &'static str, statement: &str) -> Result<Self, InvalidCheck> {
        let statement = reading(statement, &format!("worker.postgres.{field}"))?;
        Ok(Self { field, statement })
    }

    /// One that reads, and is about the mark.
    fn of_mark(field: &'static str, statement: &str) -> Result<Self, InvalidCheck> {
        Self::changing(field, statement)?;
        Self::reading(field, statement)
    }

    fn changing(field: &'static str, statement: &str) -> Result<Self, InvalidCheck> {
        if statement.contains('\0') || !statement.contains("$1") {
            let problem = "does not hold $1, or has a NUL character";
            return Err(InvalidCheck::new(
                format!("worker.postgres.{field}"),
                problem,
            ));
        }
        Ok(Self {
            field,
            statement: statement.to_owned(),
        })
    }

    /// `finding` of what came of it, with the field.
    fn named(&self, mut finding: Finding) -> Finding {
        finding.message = format!("{}: {}", self.field, finding.message);
        finding
    }

    /// The answer, inside a transaction that reads.
    async fn read(&self, talk: &mut Talk<'_>) -> Result<Option<String>, Finding> {
        let answer = talk.read(&self.statement, None).await;
        answer.map_err(|finding| self.named(finding))
    }

    /// Runs it, with the mark.
    async fn change(
        &self,
        talk: &mut Talk<'_>,
        marker: &str,
        deadline: Instant,
    ) -> Result<(), Finding> {
        let changed = talk.change(&self.statement, marker, deadline).await;
        changed.map_err(|finding| self.named(finding))
    }

    /// Whether a question about the mark is answered with yes.
    async fn holds(
        &self,
        talk: &mut Talk<'_>,
        marker: &str,
        deadline: Instant,
    ) -> Result<bool, Finding> {
        talk.begin(deadline).await?;
        let answer = talk.read(&self.statement, Some(marker)).await;
        let answer = answer.map_err(|finding| self.named(finding))?;
        talk.end().await?;
        Ok(answer.is_some_and(|text| !matches!(text.as_str(), "false" | "0")))
    }
}

impl PostgresStore {
    pub(super) fn new(
        postgres: &api::WorkerPostgres,
        secrets: Secrets<'_>,
    ) -> Result<Self, InvalidCheck> {
        let (heartbeat, queue) = (postgres.heartbeat.as_ref(), postgres.queue.as_ref());
        if heartbeat.is_none() && queue.is_none() && postgres.round_trip.is_none() {
            let problem = "at least one of heartbeat, queue, roundTrip must be set";
            return Err(InvalidCheck::new("worker.postgres", problem));
        }
        let oldest = queue.and_then(|it| it.oldest_query.as_ref());
        if oldest.is_none() && queue.is_some_and(|it| it.max_age.is_some()) {
            let problem = "needs oldestQuery";
            return Err(InvalidCheck::new("worker.postgres.queue.maxAge", problem));
        }
        let dead = queue.and_then(|it| it.dead_letters.as_ref());
        let query = |field, statement: Option<&String>| {
            let query = statement.map(|statement| Query::reading(field, statement));
            query.transpose()
        };
        Ok(Self {
            server: Server::of(&postgres.server, "worker.postgres", secrets)?,
            heartbeat: query("heartbeat.query", heartbeat.map(|it| &it.query))?,
            depth: query("queue.depthQuery", queue.map(|it| &it.depth_query))?,
            oldest: query("queue.oldestQuery", oldest)?,
            dead_letters: query("queue.deadLetters.query", dead.map(|it| &it.query))?,
            trip: postgres.round_trip.as_ref().map(SqlTrip::new).transpose()?,
        })
    }

    pub(super) const fn target(&self) -> &Target {
        &self.server.target
    }

    /// Adds to `observation` what the tables tell of the worker.
    pub(super) async fn observe(
        &self,
        thresholds: &Thresholds,
        dialer: &Dialer,
        (progress, times): (&Progress, &Times),
        observation: &mut Observation,
    ) -> Result<(), Finding> {
        let visit = Visit {
            store: self,
            thresholds,
            observation,
            deadline: progress.deadline(),
        };
        postgres::hold(&self.server, visit, dialer, progress, times).await
    }

    /// Looks once, in a transaction of its own that cannot write.
    async fn look(&self, talk: &mut Talk<'_>, deadline: Instant) -> Result<Look, Finding> {
        talk.begin(deadline).await?;
        let now = talk.now().await?;
        let mut look = Look::default();
        if let Some(query) = &self.heartbeat {
            let time = query.read(talk).await?;
            look.heartbeat = Some(time.map_or(Heartbeat::Missing, |it| {
                Heartbeat::At(Moment::read(&it, now))
            }));
        }
        if let Some(query) = &self.depth {
            let mut backlog = Backlog {
                depth: number(query.read(talk).await?),
                ..Backlog::default()
            };
            if let Some(query) = &self.oldest {
                look.front = query.read(talk).await?;
                let front = look.front.as_ref();
                backlog.oldest = front.map(|it| Moment::read(it, now));
            }
            if let Some(query) = &self.dead_letters {
                let count = number(query.read(talk).await?);
                backlog.dead_letters = Some(count.ok_or_else(|| no_number(query))?);
            }
            look.queue = Some(backlog);
        }
        talk.end().await?;
        Ok(look)
    }
}

fn number(text: Option<String>) -> Option<u64> {
    text?.parse().ok()
}

fn no_number(query: &Query) -> Finding {
    use crate::checks::verdict::FindingReason::NoData;
    Finding::unknown(NoData, format!("{} gives no count", query.field))
}

/// One run's talk with the server.
struct Visit<'a> {
    store: &'a PostgresStore,
    thresholds: &'a Thresholds,
    observation: &'a mut Observation,
    deadline: Instant,
}

impl Conversation for Visit<'_> {
    type Seen = ();

    async fn hold(self, talk: &mut Talk<'_>) -> Result<(), Finding> {
        let (store, observation, deadline) = (self.store, self.observation, self.deadline);
        let first = store.look(talk, deadline).await?;
        observation.heartbeat = first.heartbeat;
        observation.queue.clone_from(&first.queue);
        if let (Some(queue), Some(backlog)) = (&self.thresholds.queue, &mut observation.queue)
            && overdue(queue, backlog).is_some()
            && Instant::now() + 2 * BETWEEN_LOOKS < deadline
        {
            sleep(BETWEEN_LOOKS).await;
            let second = store.look(talk, deadline).await?;
            let depth = |look: &Look| look.queue.as_ref().and_then(|it| it.depth);
            let fewer = depth(&second) < depth(&first);
            backlog.moved = Some(first.front != second.front || fewer);
        }
        // A worker that is down would find the job when it comes back.
        if let Some(trip) = &store.trip
            && self.thresholds.down(observation).is_none()
        {
            trip.run(talk, deadline, observation).await?;
        }
        Ok(())
    }
}

impl SqlTrip {
    fn new(trip: &api::WorkerSqlRoundTrip) -> Result<Self, InvalidCheck> {
        let left = trip.left.as_ref();
        let left = left.map(|left| Query::of_mark("roundTrip.left", left));
        Ok(Self {
            enqueue: Query::changing("roundTrip.enqueue", &trip.enqueue)?,
            done: Query::of_mark("roundTrip.done", &trip.done)?,
            cleanup: Query::changing("roundTrip.cleanup", &trip.cleanup)?,
            left: left.transpose()?,
            within: trip.within.get(),
        })
    }

    /// Puts a job in, waits until it is done, and takes it away, however it ended.
    async fn run(
        &self,
        talk: &mut Talk<'_>,
        deadline: Instant,
        observation: &mut Observation,
    ) -> Result<(), Finding> {
        let began = Instant::now();
        let last = deadline.checked_sub(FOR_TIDYING).unwrap_or(began);
        let until = last.min(began + self.within);
        if until <= began {
            observation.trip = Some(Trip::CutShort(Duration::ZERO));
            return Ok(());
        }
        let marker = mark();
        self.enqueue.change(talk, &marker, until).await?;
        let done = self.wait(talk, &marker, until).await;
        let tidied = self.tidy_up(talk, &marker, deadline).await;
        observation.left_behind = tidied.err();
        observation.trip = Some(match done? {
            Some(moment) => Trip::Done(moment - began),
            None if until < began + self.within => Trip::CutShort(until - began),
            None => Trip::NotDone(self.within),
        });
        Ok(())
    }

    async fn wait(
        &self,
        talk: &mut Talk<'_>,
        marker: &str,
        until: Instant,
    ) -> Result<Option<Instant>, Finding> {
        loop {
            // A look that has begun in time may end, within half of what is kept for tidying up.
            let latest = until + FOR_TIDYING / 2;
            if self.done.holds(talk, marker, latest).await? {
                return Ok(Some(Instant::now()));
            }
            if Instant::now() + PAUSE > until {
                return Ok(None);
            }
            sleep(PAUSE).await;
        }
    }

    /// The error says what is left.
    async fn tidy_up(
        &self,
        talk: &mut Talk<'_>,
        marker: &str,
        deadline: Instant,
    ) -> Result<(), String> {
        // A look that failed has left its transaction open, or broken.
        let tidied = async {
            talk.end().await?;
            self.cleanup.change(talk, marker, deadline).await?;
            match &self.left {
                Some(left) => left.holds(talk, marker, deadline).await,
                None => Ok(false),
            }
        };
        match tidied.await {
            Ok(false) => Ok(()),
            Ok(true) => Err("the cleanup leaves something of the check's own job".to_owned()),
            Err(finding) => {
                let message = finding.message;
                Err(format!(
                    "the check's own job may not be taken away: {message}"
                ))
            }
        }
    }
}
