//! What is done to requests and to frames of watches, and to which of them.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use serde_json::json;

use super::{frames::Frame, request::Request};

/// What is done to a request.
#[derive(Clone, Debug)]
pub enum Action {
    /// It is forwarded after this time, even when the peer has given it up by then.
    Delay(Duration),
    /// The connection is closed, and nothing forwarded.
    DropBefore,
    /// It is forwarded and answered upstream; then the connection is closed in place of the reply.
    DropAfter,
    /// It is answered so, and not forwarded.
    Answer(Answer),
    /// It is forwarded twice, the second time after the first was answered, and the second answer is given.
    Duplicate,
    /// Nothing happens to it any more, and nothing is forwarded; until its peer or the interceptor has gone.
    HangBefore,
    /// It is forwarded and answered upstream, and the reply never comes.
    HangAfter,
    /// It is kept for [`held`](super::Interceptor::held), and nothing forwarded until it is released.
    HoldBefore,
    /// It is forwarded and answered upstream, and the reply kept for [`held`](super::Interceptor::held).
    HoldAfter,
}

/// An answer in place of the upstream's.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

impl Answer {
    /// An error as the API server tells it.
    pub fn refusal(status: u16, reason: &str) -> Self {
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": format!("refused by the test: {reason}"), "reason": reason, "code": status,
        });
        Self {
            status,
            headers: vec![("content-type", "application/json".to_owned())],
            body: body.to_string(),
        }
    }
}

/// What is done to one event of a watch.
#[derive(Clone, Copy, Debug)]
pub enum FrameAction {
    /// It is kept for [`held`](super::Interceptor::held), and those after it wait; when it is dropped there, they go on.
    Hold,
    /// It never arrives.
    Drop,
    /// It arrives twice.
    Duplicate,
    /// It arrives after the next one, or before the watch ends.
    Reorder,
    /// Its first half arrives, and then the connection is closed.
    Truncate,
}

type Test<Subject> = Box<dyn Fn(&Subject) -> bool + Send + Sync>;

/// An action, and to which subjects it is done: to all that pass every test, unless [`nth`](Rule::nth) or
/// [`times`](Rule::times) say less.
pub struct Rule<Subject, Action> {
    tests: Vec<Test<Subject>>,
    action: Action,
    first: usize,
    times: usize,
    matched: usize,
    applied: Arc<AtomicUsize>,
}

/// A rule of requests.
pub type RequestRule = Rule<Request, Action>;

/// A rule of the events of watches.
pub type FrameRule = Rule<Frame, FrameAction>;

impl<Subject, Action> Rule<Subject, Action> {
    /// Done to every one, until the other methods narrow it.
    pub fn new(action: Action) -> Self {
        Self {
            tests: Vec::new(),
            action,
            first: 1,
            times: usize::MAX,
            matched: 0,
            applied: Arc::default(),
        }
    }

    /// Only to those for which `test` says yes.
    pub fn when(mut self, test: impl Fn(&Subject) -> bool + Send + Sync + 'static) -> Self {
        self.tests.push(Box::new(test));
        self
    }

    /// Only to the `place`-th match, counted from 1; with [`times`](Self::times) after it, from that one on.
    pub fn nth(mut self, place: usize) -> Self {
        self.first = place;
        self.times = 1;
        self
    }

    /// At most so many times.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }
}

impl RequestRule {
    /// Only to requests with one of these methods.
    pub fn methods(self, methods: &'static [&'static str]) -> Self {
        self.when(|request| methods.contains(&request.method.as_str()))
    }

    /// Only to requests whose path, without the query, passes `test`.
    pub fn path(self, test: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        self.when(move |request| test(&request.path))
    }

    /// Only to mutation `number` of the journal.
    pub fn mutation(self, number: usize) -> Self {
        self.when(move |request| request.number == Some(number))
    }
}

/// Says how often a rule was applied.
#[derive(Clone, Debug)]
pub struct Applied(Arc<AtomicUsize>);

impl Applied {
    pub fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Rules in the order in which they were added.
pub(super) struct Rules<Subject, Action>(Mutex<Vec<Rule<Subject, Action>>>);

impl<Subject, Action> Default for Rules<Subject, Action> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Subject, Action: Clone> Rules<Subject, Action> {
    pub fn add(&self, rule: Rule<Subject, Action>) -> Applied {
        let applied = Applied(rule.applied.clone());
        self.0.lock().unwrap().push(rule);
        applied
    }

    pub fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// What is done to `subject`: the action of the first rule whose turn it is. A match counts for every rule.
    pub fn decide(&self, subject: &Subject) -> Option<Action> {
        let mut decided = None;
        for rule in self.0.lock().unwrap().iter_mut() {
            if !rule.tests.iter().all(|test| test(subject)) {
                continue;
            }
            rule.matched += 1;
            let turn = rule.first..rule.first.saturating_add(rule.times);
            if decided.is_none() && turn.contains(&rule.matched) {
                rule.applied.fetch_add(1, Ordering::SeqCst);
                decided = Some(rule.action.clone());
            }
        }
        decided
    }
}
