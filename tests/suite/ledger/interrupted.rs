//! A call that is given up has written all or nothing, whenever that happens.

use std::{
    future::Future,
    pin::{Pin, pin},
    task::{Context, Poll},
};

use plumbline::{
    api::RollbackState,
    rollback::ledger::{AttemptLedger, Attempts},
};

use super::bench::{Bench, spec, status};

over_both! {
    a_call_that_is_dropped_has_written_all_or_nothing,
}

/// More often than any call is polled.
const MAX_POLLS: usize = 60;

/// A future that is given up: `None` once it was polled `polls` times.
struct GivenUp<'a, F> {
    future: Pin<&'a mut F>,
    polls: usize,
}

impl<F: Future> Future for GivenUp<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        let polled = self.future.as_mut().poll(context).map(Some);
        if polled.is_pending() && self.polls == 0 {
            return Poll::Ready(None);
        }
        polled
    }
}

async fn given_up_after<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let future = pin!(future);
    GivenUp { future, polls }.await
}

async fn a_call_that_is_dropped_has_written_all_or_nothing<B: Bench>(bench: &B) {
    let spec = spec("u-1", "careful");
    let wanted = status(RollbackState::Issued, &"long ".repeat(200));
    let mut given_up = 0;
    for polls in 0..MAX_POLLS {
        // A connection of its own, so that nothing is left for the next one to wait for.
        let ledger = bench.another().await;
        let name = bench.name(&format!("created-{polls}"));
        let created = given_up_after(polls, ledger.create(&name, &spec)).await;
        if let Some(found) = bench.read(&name).await {
            assert_eq!(found.spec, spec);
        }
        let before = bench.recorded(&format!("advanced-{polls}")).await;
        let advanced = given_up_after(polls, ledger.advance(&before, wanted.clone())).await;
        let found = bench.read(&before.name).await.unwrap();
        assert!(
            [&before.status, &wanted].contains(&&found.status),
            "{found:?}"
        );
        assert_eq!(
            found.status == before.status,
            found.version == before.version
        );
        given_up += usize::from(created.is_none()) + usize::from(advanced.is_none());
        if created.is_some() && advanced.is_some() {
            break;
        }
    }
    assert!(given_up > 2, "nothing was ever given up in the middle");
    // Whatever still was on its way has arrived, or not; all of it can be read.
    let listed = bench
        .ledger()
        .list(bench.namespace(), Attempts::OfPolicy("careful"));
    listed.await.unwrap();
}
