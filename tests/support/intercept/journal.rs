//! Every mutation that arrived at the interceptors of a test, in one order.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use http::Method;
use serde_json::Value;
use tokio::{
    sync::{oneshot, watch},
    time::timeout,
};

use super::{
    Closed,
    crash::{self, Crash, Point, Standstill},
    held::Held,
    request::{Request, is_mutation},
};

/// Mutations of one journal.
const MOST: usize = 100_000;

/// Longest time that the arrival of a mutation is waited for.
const ARMED: Duration = Duration::from_mins(5);

/// One mutation.
#[derive(Clone, Debug)]
pub struct Mutation {
    /// Its place, from 1.
    pub number: usize,
    pub method: Method,
    /// Path, without the query.
    pub path: String,
    /// The body: JSON when it is, a string when it is other text, null when there is none.
    pub body: Value,
    /// How many times it was forwarded.
    pub forwarded: usize,
    /// Status of the last answer to it, if there was one: the upstream's, or a rule's.
    pub status: Option<u16>,
}

/// The journal. Clones are the same one, to be shared by several interceptors.
#[derive(Clone)]
pub struct Journal(Arc<Inner>);

struct Inner {
    counts: Box<dyn Fn(&Request) -> bool + Send + Sync>,
    book: Mutex<Book>,
    standstill: watch::Sender<Standstill>,
}

#[derive(Default)]
struct Book {
    mutations: Vec<Mutation>,
    armed: Vec<Armed>,
}

struct Armed {
    number: usize,
    point: Point,
    tell: oneshot::Sender<Held>,
}

impl Journal {
    /// One that records every mutation.
    pub fn new() -> Self {
        Self::of(|_| true)
    }

    /// One that records the mutations for which `counts` says yes: without those that come by the clock, such as the
    /// renewal of a lease, two runs have the same numbers. What it does not record passes even a standstill.
    pub fn of(counts: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(Inner {
            counts: Box::new(move |request| is_mutation(request) && counts(request)),
            book: Mutex::default(),
            standstill: watch::Sender::default(),
        }))
    }

    /// Every mutation so far, in the order of their arrival.
    pub fn mutations(&self) -> Vec<Mutation> {
        self.book().mutations.clone()
    }

    /// Mutation `number`, counted from 1, if there was one.
    pub fn mutation(&self, number: usize) -> Option<Mutation> {
        self.book().mutations.get(number.checked_sub(1)?).cloned()
    }

    /// How many there were.
    pub fn count(&self) -> usize {
        self.book().mutations.len()
    }

    /// Gives mutation `number` once it is at `point`. It is awaited from this call on, polled or not; dropping the future
    /// calls it off. From the arrival of the mutation on, no later one passes any interceptor of this journal.
    ///
    /// Releasing it lets everything go on. Dropping it is the end of the process: every connection that is open now is
    /// closed, and what waits on them, the mutation itself at [`Point::BeforeSend`], is never forwarded. What is sent on
    /// new connections passes, and the numbers go on. So kill the process first, then drop.
    ///
    /// Panics when the mutation arrived before this call, when it ends before the point (its connection is lost, or a rule
    /// dropped it), and when it does not come within 5 minutes.
    pub fn arm(&self, number: usize, point: Point) -> impl Future<Output = Held> + Send + use<> {
        let (tell, told) = oneshot::channel();
        let mut book = self.book();
        assert!(
            number > book.mutations.len(),
            "mutation {number} has passed"
        );
        book.armed.push(Armed {
            number,
            point,
            tell,
        });
        drop(book);
        let journal = self.clone();
        async move {
            let told = timeout(ARMED, told).await.unwrap_or_else(|_| {
                panic!(
                    "mutation {number} did not come; so far: {:#?}",
                    journal.summary()
                )
            });
            told.unwrap_or_else(|_| {
                panic!(
                    "mutation {number} was never at {point:?}; so far: {:#?}",
                    journal.summary()
                )
            })
        }
    }

    /// One line for every mutation, as `3 PATCH /api/v1/namespaces/default/configmaps/web 200`.
    pub fn summary(&self) -> Vec<String> {
        let told = |mutation: &Mutation| {
            let Mutation {
                number,
                method,
                path,
                status,
                ..
            } = mutation;
            let status =
                status.map_or_else(|| "unanswered".to_owned(), |status| status.to_string());
            format!("{number} {method} {path} {status}")
        };
        self.book().mutations.iter().map(told).collect()
    }

    /// Records the request if it is counted, and gives it its number.
    pub(super) fn arrive(&self, request: &mut Request) -> Option<Crash> {
        if !(self.0.counts)(request) {
            return None;
        }
        let mut book = self.book();
        let number = book.mutations.len() + 1;
        assert!(number <= MOST, "more mutations than any test makes");
        request.number = Some(number);
        book.mutations.push(Mutation {
            number,
            method: request.method.clone(),
            path: request.path.clone(),
            body: request.body.clone(),
            forwarded: 0,
            status: None,
        });
        let place = book
            .armed
            .iter()
            .position(|armed| armed.number == number && !armed.tell.is_closed())?;
        let Armed { point, tell, .. } = book.armed.swap_remove(place);
        Some(Crash::new(number, point, tell, self.0.standstill.clone()))
    }

    /// Waits until the request may pass, on a connection of the life `life`.
    pub(super) async fn pass(&self, request: &Request, life: usize) -> Result<(), Closed> {
        match request.number {
            None => Ok(()),
            Some(number) => crash::pass(&self.0.standstill, number, life).await,
        }
    }

    pub(super) fn sent(&self, number: Option<usize>) {
        self.note(number, |mutation| mutation.forwarded += 1);
    }

    pub(super) fn answered(&self, number: Option<usize>, status: u16) {
        self.note(number, |mutation| mutation.status = Some(status));
    }

    fn note(&self, number: Option<usize>, change: impl FnOnce(&mut Mutation)) {
        if let Some(number) = number {
            change(&mut self.book().mutations[number - 1]);
        }
    }

    /// The life of a connection that is accepted now.
    pub(super) fn life(&self) -> usize {
        self.0.standstill.borrow().crashes
    }

    /// Waits until the process that had connections of the life `life` was killed.
    pub(super) async fn crashed(&self, life: usize) {
        let mut standstill = self.0.standstill.subscribe();
        let crashed = standstill.wait_for(|standstill| standstill.crashes > life);
        // The sender lives as long as this journal.
        let _ = crashed.await;
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap()
    }
}
