//! The monitor's own side: one task that keeps every object's entry, starts what is due and takes in how it ends.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use tokio::{
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::{Instant, sleep_until},
};

use super::{
    Command, MonitorMetrics, Snapshot, Subject,
    entry::{Entry, InFlight, Now},
    run::{self, RunEnd, RunOrder},
    schedule::Schedule,
};
use crate::{
    checks::engine::Engine,
    clock,
    platforms::{PlatformError, Release},
};

#[derive(Debug)]
enum Ended {
    Run {
        uid: String,
        number: u64,
        due: Vec<usize>,
        end: RunEnd,
    },
    Poll {
        uid: String,
        generation: i64,
        result: Result<Release, PlatformError>,
    },
}

/// The monitor's own side.
#[derive(Debug)]
pub struct Actor {
    engine: Engine,
    metrics: MonitorMetrics,
    wakes: mpsc::UnboundedSender<Subject>,
    commands: mpsc::Receiver<Command>,
    snapshots: HashMap<String, Arc<Snapshot>>,
    entries: HashMap<String, Entry>,
    alarms: BinaryHeap<Reverse<(Instant, String)>>,
    tasks: JoinSet<Ended>,
    origin: Instant,
    runs: u64,
}

impl Actor {
    pub(super) fn new(
        engine: Engine,
        metrics: MonitorMetrics,
        wakes: mpsc::UnboundedSender<Subject>,
        commands: mpsc::Receiver<Command>,
    ) -> Self {
        Self {
            engine,
            metrics,
            wakes,
            commands,
            snapshots: HashMap::new(),
            entries: HashMap::new(),
            alarms: BinaryHeap::new(),
            tasks: JoinSet::new(),
            origin: Instant::now(),
            runs: 0,
        }
    }

    /// Works until every [`super::Monitor`] handle is gone.
    pub async fn run(mut self) {
        loop {
            let alarm = self.alarms.peek().map(|Reverse((at, _))| *at);
            let sleep = async {
                match alarm {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                command = self.commands.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok(ended) => self.take_in(ended),
                    Err(broken) if broken.is_cancelled() => {}
                    Err(broken) => {
                        tracing::error!(error = %broken, "a run or a look at the platform broke; it is made again");
                        self.make_again();
                    }
                },
                () = sleep => self.ring(),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        let now = now();
        match command {
            Command::Assign {
                subject,
                assignment,
                memory,
                reply,
            } => {
                let uid = subject.uid.clone();
                if let Some(entry) = self.entries.get_mut(&uid) {
                    entry.reassign(assignment, now);
                } else {
                    let schedule = Schedule::new(self.origin, &uid);
                    let entry = Entry::new(subject, assignment, memory, schedule, now);
                    self.entries.insert(uid.clone(), entry);
                }
                self.attend(&uid, now);
                if let Some(snapshot) = self.publish(&uid) {
                    // The caller is gone only while the process ends.
                    let _ = reply.send(snapshot);
                }
            }
            Command::Look { uid, reply } => {
                // The caller is gone only while the process ends.
                let _ = reply.send(self.publish(&uid));
            }
            Command::Refresh { uid } => {
                if let Some(entry) = self.entries.get_mut(&uid) {
                    entry.poll_soon(now.instant);
                    self.attend(&uid, now);
                }
            }
            Command::Forget { uid } => self.forget(&uid),
            Command::Retain { uids } => {
                let gone: Vec<String> = self
                    .entries
                    .keys()
                    .filter(|uid| !uids.contains(*uid))
                    .cloned()
                    .collect();
                for uid in gone {
                    self.forget(&uid);
                }
            }
        }
        self.metrics.watched(self.entries.len());
    }

    fn forget(&mut self, uid: &str) {
        if let Some(mut entry) = self.entries.remove(uid) {
            entry.give_up();
        }
        self.snapshots.remove(uid);
    }

    fn take_in(&mut self, ended: Ended) {
        let now = now();
        match ended {
            Ended::Run {
                uid,
                number,
                due,
                end,
            } => {
                let Some(entry) = self.entries.get_mut(&uid) else {
                    return;
                };
                if entry
                    .running
                    .as_ref()
                    .is_none_or(|running| running.number != number)
                {
                    return;
                }
                let requested = entry.running.take().and_then(|running| running.requested);
                self.metrics.ended(&entry.assignment.suite, &end);
                entry.end_run(end, requested, &due, now);
                self.attend(&uid, now);
                self.announce(&uid);
            }
            Ended::Poll {
                uid,
                generation,
                result,
            } => {
                let Some(entry) = self.entries.get_mut(&uid) else {
                    return;
                };
                if entry.assignment.generation != generation {
                    return;
                }
                entry.end_poll(result, now);
                self.attend(&uid, now);
                self.announce(&uid);
            }
        }
    }

    /// Plans anew what a task that broke has left behind: its end is not told by anybody.
    fn make_again(&mut self) {
        let now = now();
        let left: Vec<String> = self
            .entries
            .iter_mut()
            .filter_map(|(uid, entry)| entry.make_again(now.instant).then(|| uid.clone()))
            .collect();
        for uid in left {
            self.attend(&uid, now);
        }
    }

    fn ring(&mut self) {
        let now = now();
        while let Some(Reverse((at, _))) = self.alarms.peek() {
            if *at > now.instant {
                break;
            }
            if let Some(Reverse((_, uid))) = self.alarms.pop() {
                self.attend(&uid, now);
                self.announce(&uid);
            }
        }
    }

    /// Starts what is due for one object, and sets its next alarm.
    fn attend(&mut self, uid: &str, now: Now) {
        let Some(entry) = self.entries.get_mut(uid) else {
            return;
        };
        entry.check_age(now.instant);
        let due = entry.due_at(now.instant);
        if entry.running.is_none() && !due.is_empty() {
            self.runs += 1;
            let late = due
                .iter()
                .map(|&place| now.instant - entry.due[place])
                .max();
            self.metrics.started(late.unwrap_or_default());
            let abort = start_run(&mut self.tasks, &self.engine, entry, due, self.runs);
            entry.running = Some(InFlight {
                number: self.runs,
                abort,
                requested: entry.assignment.requested.clone(),
            });
        }
        if entry.poll_due.is_some_and(|at| at <= now.instant) {
            entry.poll_due = None;
            start_poll(&mut self.tasks, entry);
        }
        if let Some(at) = entry.wakes_at() {
            self.alarms.push(Reverse((at, uid.to_owned())));
        }
    }

    /// Wakes the controller when the object's snapshot has changed.
    fn announce(&mut self, uid: &str) {
        let known = self.snapshots.get(uid).cloned();
        let Some(snapshot) = self.publish(uid) else {
            return;
        };
        if known.is_some_and(|known| Arc::ptr_eq(&known, &snapshot)) {
            return;
        }
        if let Some(entry) = self.entries.get(uid) {
            // The controller's stream is gone only while the process ends.
            let _ = self.wakes.send(entry.subject.clone());
        }
    }

    /// The object's snapshot: the same one as before when a status made of it would be the same.
    fn publish(&mut self, uid: &str) -> Option<Arc<Snapshot>> {
        let snapshot = self.entries.get(uid)?.snapshot();
        let known = self
            .snapshots
            .get(uid)
            .filter(|known| known.shows_the_same(&snapshot));
        if let Some(known) = known {
            return Some(known.clone());
        }
        let snapshot = Arc::new(snapshot);
        self.snapshots.insert(uid.to_owned(), snapshot.clone());
        Some(snapshot)
    }
}

fn start_run(
    tasks: &mut JoinSet<Ended>,
    engine: &Engine,
    entry: &mut Entry,
    due: Vec<usize>,
    number: u64,
) -> AbortHandle {
    let session = if engine.keeps_connections() {
        entry
            .session
            .get_or_insert_with(|| engine.session())
            .clone()
    } else {
        engine.session()
    };
    let order = RunOrder {
        assignment: entry.assignment.clone(),
        due: due.clone(),
        board: entry.board().clone(),
        expected: entry.release().cloned(),
        session,
    };
    let uid = entry.subject.uid.clone();
    let run = run::run(engine.clone(), order);
    tasks.spawn(run.map(move |end| Ended::Run {
        uid,
        number,
        due,
        end,
    }))
}

fn start_poll(tasks: &mut JoinSet<Ended>, entry: &mut Entry) {
    let Some(releases) = entry.assignment.releases.clone() else {
        return;
    };
    let uid = entry.subject.uid.clone();
    let generation = entry.assignment.generation;
    let recent = if std::mem::take(&mut entry.poll_afresh) {
        Duration::ZERO
    } else {
        releases.poll_interval() / 2
    };
    tasks.spawn(async move {
        let tolerated = Instant::now().checked_sub(recent);
        let result = releases
            .observe(tolerated.unwrap_or_else(Instant::now))
            .await;
        Ended::Poll {
            uid,
            generation,
            result,
        }
    });
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        time: clock::now(),
    }
}
