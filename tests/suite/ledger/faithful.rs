//! What was written is what is read, whatever it is.

use std::sync::atomic::{AtomicUsize, Ordering};

use plumbline::{
    api::{RollbackSpec, RollbackStatus},
    rollback::ledger::{AttemptLedger, Attempts, Created},
};
use proptest::test_runner::{Config, TestRunner};
use tokio::{runtime::Handle, task::block_in_place};

use super::{
    bench::Bench,
    generated::{spec, status},
};

over_both! {
    what_was_written_is_what_is_read,
}

const CASES: u32 = 48;

async fn what_was_written_is_what_is_read<B: Bench>(bench: &B) {
    let mut runner = TestRunner::new(Config {
        cases: CASES,
        max_shrink_iters: 300,
        failure_persistence: None,
        ..Config::default()
    });
    let number = AtomicUsize::new(0);
    let ran = runner.run(&(spec(), status(), status()), |(spec, first, second)| {
        let name = format!("attempt-{}", number.fetch_add(1, Ordering::Relaxed));
        let case = write_and_read(bench, &name, &spec, [first, second]);
        block_in_place(|| Handle::current().block_on(case));
        Ok(())
    });
    ran.unwrap_or_else(|failure| panic!("{failure}"));
}

async fn write_and_read<B: Bench>(
    bench: &B,
    name: &str,
    spec: &RollbackSpec,
    statuses: [RollbackStatus; 2],
) {
    let ledger = bench.ledger();
    let name = bench.name(name);
    let created = ledger.create(&name, spec).await.unwrap();
    let Created::New(mut attempt) = created else {
        panic!("{name} was there already");
    };
    assert_eq!(attempt.spec, *spec);
    assert_eq!(bench.read(&name).await.as_ref(), Some(&attempt));
    for status in statuses {
        attempt = ledger.advance(&attempt, status.clone()).await.unwrap();
        assert_eq!((&attempt.status, &attempt.spec), (&status, spec));
        assert_eq!(bench.read(&name).await.as_ref(), Some(&attempt));
    }
    let mut approved = spec.clone();
    approved.approved = !approved.approved;
    bench.approve(&name, approved.approved).await;
    assert_eq!(bench.read(&name).await.unwrap().spec, approved);
    let uid = spec.validation_ref.uid.as_deref().unwrap();
    let listed = ledger.list(bench.namespace(), Attempts::OfValidation(uid));
    let listed = listed.await.unwrap();
    assert!(listed.iter().any(|listed| listed.name == name));
}
