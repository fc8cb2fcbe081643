//! A ledger of one attempt, in memory, that fails as it is told.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{FutureExt, future::BoxFuture};

use super::points::{Point, Points};
use crate::{
    api::{RollbackSpec, RollbackStatus},
    rollback::ledger::{Attempt, AttemptLedger, AttemptName, Attempts, Created, LedgerError},
};

/// How a write goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// Somebody else has written something that does not matter.
    Conflict,
    /// No answer comes, and it was written.
    InDoubtWritten,
    /// No answer comes, and it was not written.
    InDoubtLost,
    /// No answer comes, and it is written just before the ledger is spoken to for the n-th time after it.
    InDoubtLater(usize),
    /// The record was deleted.
    Gone,
    /// The ledger refuses.
    Failed,
}

/// One attempt, on record.
#[derive(Debug)]
pub struct Records {
    points: Arc<Points>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    attempt: Option<Attempt>,
    writes: usize,
    faults: BTreeMap<usize, WriteFault>,
    /// Written later: after how many operations, on which version, and what.
    later: Option<(usize, String, RollbackStatus)>,
    /// Every status that stood in the record; `None` where somebody took it away.
    history: Vec<Option<RollbackStatus>>,
}

impl Records {
    pub fn new(points: Arc<Points>, attempt: Attempt) -> Self {
        Self {
            points,
            state: Mutex::new(State {
                attempt: Some(attempt),
                writes: 0,
                faults: BTreeMap::new(),
                later: None,
                history: Vec::new(),
            }),
        }
    }

    /// The write with this number, from 1, goes wrong.
    pub fn fail(&self, write: usize, fault: WriteFault) {
        self.state().faults.insert(write, fault);
    }

    /// The record as it is.
    pub fn now(&self) -> Option<Attempt> {
        self.state().attempt.clone()
    }

    /// The status as it is.
    pub fn status(&self) -> RollbackStatus {
        self.now().expect("a record").status
    }

    /// How many writes were asked for.
    pub fn writes(&self) -> usize {
        self.state().writes
    }

    /// The statuses that the record has had, up to now.
    pub fn history(&self) -> Vec<Option<RollbackStatus>> {
        self.state().history.clone()
    }

    /// Somebody takes the status away.
    pub fn wipe(&self) {
        let mut state = self.state();
        state.change(|attempt| attempt.status = RollbackStatus::default());
        state.history.push(None);
    }

    /// Somebody puts this status in place of the one that there is.
    pub fn restore(&self, status: RollbackStatus) {
        let mut state = self.state();
        state.change(|attempt| attempt.status = status);
        state.history.push(None);
    }

    /// A person approves, or thinks better of it.
    pub fn approve(&self, approved: bool) {
        self.state().change(|attempt| {
            attempt.generation += 1;
            attempt.spec.approved = approved;
        });
    }

    /// The record is deleted.
    pub fn delete(&self) {
        self.state().attempt = None;
    }

    /// Which final state has changed, although nobody took the status away.
    pub fn fault(&self) -> Option<String> {
        let history = self.history();
        history.windows(2).find_map(|pair| {
            let before = pair[0].as_ref()?.state?;
            let after = pair[1].as_ref()?.state;
            (before.is_final() && after != Some(before))
                .then(|| format!("{before:?} became {after:?}"))
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn change(&mut self, change: impl FnOnce(&mut Attempt)) {
        if let Some(attempt) = &mut self.attempt {
            change(attempt);
            attempt.version = next(&attempt.version);
        }
    }

    /// What was on its way arrives.
    fn speak(&mut self) {
        match self.later.take() {
            Some((0 | 1, version, status)) => {
                let _ = self.write(&version, &status);
            }
            Some((left, version, status)) => self.later = Some((left - 1, version, status)),
            None => {}
        }
    }

    /// Writes, unless the record has another version. What changes nothing is no change, as in Kubernetes.
    fn write(&mut self, version: &str, status: &RollbackStatus) -> Option<Attempt> {
        let attempt = self.attempt.as_mut()?;
        if attempt.version != version {
            return None;
        }
        let stored = serde_json::to_value(status).unwrap();
        let stored: RollbackStatus = serde_json::from_value(stored).unwrap();
        if attempt.status != stored {
            attempt.status = stored.clone();
            attempt.version = next(version);
            self.history.push(Some(stored));
        }
        self.attempt.clone()
    }
}

fn next(version: &str) -> String {
    (version.parse::<u64>().unwrap() + 1).to_string()
}

impl AttemptLedger for Records {
    fn create<'a>(
        &'a self,
        name: &'a AttemptName,
        _: &'a RollbackSpec,
    ) -> BoxFuture<'a, Result<Created, LedgerError>> {
        async move { Err(LedgerError::failed(name, "nothing is created here")) }.boxed()
    }

    fn read<'a>(
        &'a self,
        _: &'a AttemptName,
    ) -> BoxFuture<'a, Result<Option<Attempt>, LedgerError>> {
        async move {
            self.points.reach(Point::Read).await;
            let mut state = self.state();
            state.speak();
            Ok(state.attempt.clone())
        }
        .boxed()
    }

    fn advance<'a>(
        &'a self,
        attempt: &'a Attempt,
        status: RollbackStatus,
    ) -> BoxFuture<'a, Result<Attempt, LedgerError>> {
        async move {
            self.points.reach(Point::BeforeWrite).await;
            let answer = {
                let mut state = self.state();
                state.speak();
                state.writes += 1;
                let number = state.writes;
                let in_doubt = || {
                    let lost: io::Error = io::ErrorKind::TimedOut.into();
                    LedgerError::in_doubt(&attempt.name, Some(lost.into()))
                };
                let name = &attempt.name;
                match state.faults.remove(&number) {
                    None => match state.attempt.as_ref().map(|found| found.uid == attempt.uid) {
                        None | Some(false) => Err(LedgerError::Gone(name.clone())),
                        Some(true) => state
                            .write(&attempt.version, &status)
                            .ok_or_else(|| LedgerError::Conflict(name.clone())),
                    },
                    Some(WriteFault::Conflict) => {
                        state.change(|_| {});
                        Err(LedgerError::Conflict(name.clone()))
                    }
                    Some(WriteFault::InDoubtWritten) => {
                        state.write(&attempt.version, &status);
                        Err(in_doubt())
                    }
                    Some(WriteFault::InDoubtLost) => Err(in_doubt()),
                    Some(WriteFault::InDoubtLater(after)) => {
                        state.later = Some((after, attempt.version.clone(), status));
                        Err(in_doubt())
                    }
                    Some(WriteFault::Gone) => {
                        state.attempt = None;
                        Err(LedgerError::Gone(name.clone()))
                    }
                    Some(WriteFault::Failed) => Err(LedgerError::failed(name, "refused")),
                }
            };
            self.points.reach(Point::AfterWrite).await;
            answer
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        _: &'a str,
        _: Attempts<'a>,
    ) -> BoxFuture<'a, Result<Vec<Attempt>, LedgerError>> {
        async move { Ok(self.now().into_iter().collect()) }.boxed()
    }

    fn remove<'a>(&'a self, attempt: &'a Attempt) -> BoxFuture<'a, Result<(), LedgerError>> {
        async move {
            Err(LedgerError::failed(
                &attempt.name,
                "nothing is removed here",
            ))
        }
        .boxed()
    }
}
