//! A list has everything that was asked for, oldest first, and nothing else.

use std::collections::BTreeSet;

use futures::{StreamExt, stream};
use plumbline::rollback::ledger::{AttemptLedger, Attempts, Created};

use super::bench::{Bench, spec};

over_both! {
    attempts_are_found_by_validation_and_by_policy_and_no_others,
    names_as_long_as_kubernetes_allows_are_told_apart,
    a_list_of_several_pages_is_whole_and_in_order,
}

async fn record<B: Bench>(bench: &B, name: &str, validation: &str, policy: &str) {
    let name = bench.name(name);
    let created = bench
        .ledger()
        .create(&name, &spec(validation, policy))
        .await;
    assert!(matches!(created.unwrap(), Created::New(_)));
}

async fn names<B: Bench>(bench: &B, which: Attempts<'_>) -> Vec<String> {
    let listed = bench.ledger().list(bench.namespace(), which).await.unwrap();
    for attempt in &listed {
        assert_eq!(bench.read(&attempt.name).await.as_ref(), Some(attempt));
    }
    listed
        .into_iter()
        .map(|attempt| attempt.name.name)
        .collect()
}

async fn attempts_are_found_by_validation_and_by_policy_and_no_others<B: Bench>(bench: &B) {
    record(bench, "a", "u-1", "careful").await;
    record(bench, "b", "u-1", "bold").await;
    record(bench, "c", "u-2", "careful").await;
    assert_eq!(
        names(bench, Attempts::OfValidation("u-1")).await,
        ["a", "b"]
    );
    assert_eq!(names(bench, Attempts::OfValidation("u-2")).await, ["c"]);
    assert_eq!(
        names(bench, Attempts::OfPolicy("careful")).await,
        ["a", "c"]
    );
    assert_eq!(names(bench, Attempts::OfPolicy("bold")).await, ["b"]);
    for nothing in [Attempts::OfValidation("u"), Attempts::OfPolicy("u-1")] {
        assert_eq!(names(bench, nothing).await, [""; 0]);
    }
    let elsewhere = bench
        .ledger()
        .list("another", Attempts::OfValidation("u-1"));
    assert_eq!(elsewhere.await.unwrap(), []);
}

async fn names_as_long_as_kubernetes_allows_are_told_apart<B: Bench>(bench: &B) {
    let long = |last: char| format!("{}{last}", "x".repeat(252));
    for last in ['a', 'b'] {
        record(bench, &long(last), "u-1", &long(last)).await;
    }
    for last in ['a', 'b'] {
        let (name, policy) = (long(last), long(last));
        assert_eq!(names(bench, Attempts::OfPolicy(&policy)).await, [name]);
    }
    let both = [long('a'), long('b')];
    assert_eq!(names(bench, Attempts::OfValidation("u-1")).await, both);
}

async fn a_list_of_several_pages_is_whole_and_in_order<B: Bench>(bench: &B) {
    let wanted: BTreeSet<String> = (0..230).map(|number| format!("attempt-{number}")).collect();
    stream::iter(&wanted)
        .for_each_concurrent(8, |name| record(bench, name, "u-1", "careful"))
        .await;
    let listed = bench
        .ledger()
        .list(bench.namespace(), Attempts::OfPolicy("careful"));
    let listed = listed.await.unwrap();
    assert!(listed.is_sorted_by_key(|attempt| (attempt.created, attempt.name.clone())));
    let names: BTreeSet<String> = listed.iter().map(|one| one.name.name.clone()).collect();
    assert_eq!((listed.len(), names), (wanted.len(), wanted));
}
