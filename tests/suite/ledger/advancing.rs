//! A record changes only as it was read, and only in what the change is about.

use futures::future::join_all;
use plumbline::{
    api::RollbackState,
    rollback::ledger::{Attempt, AttemptLedger, Attempts},
};

use super::bench::{Bench, status, told};

const ROUNDS: usize = 30;

over_both! {
    an_advance_changes_the_status_and_nothing_else,
    an_advance_replaces_the_whole_status,
    an_advance_of_what_has_changed_is_a_conflict_and_changes_nothing,
    of_racing_advances_exactly_one_is_written,
    a_record_of_the_same_name_is_never_taken_for_one_that_was_removed,
    what_is_gone_is_told_and_stays_gone,
    nothing_of_the_spec_changes_but_the_approval_which_counts_as_a_generation,
    what_was_written_is_seen_by_everybody_at_once,
    an_attempt_is_removed_only_as_it_was_read,
}

async fn an_advance_changes_the_status_and_nothing_else<B: Bench>(bench: &B) {
    let before = bench.recorded("web-1").await;
    let wanted = status(RollbackState::IntentRecorded, "about to ask");
    let after = bench
        .ledger()
        .advance(&before, wanted.clone())
        .await
        .unwrap();
    assert_ne!(after.version, before.version);
    let expected = Attempt {
        version: after.version.clone(),
        status: wanted,
        ..before
    };
    assert_eq!(after, expected);
    assert_eq!(bench.read(&after.name).await, Some(after));
}

async fn an_advance_replaces_the_whole_status<B: Bench>(bench: &B) {
    let attempt = bench.recorded("web-1").await;
    let fuller = status(RollbackState::Issued, "asked");
    let attempt = bench.ledger().advance(&attempt, fuller).await.unwrap();
    let mut emptier = status(RollbackState::Failed, "");
    emptier.issued_at = None;
    let attempt = bench
        .ledger()
        .advance(&attempt, emptier.clone())
        .await
        .unwrap();
    assert_eq!(attempt.status, emptier);
    assert_eq!(bench.read(&attempt.name).await, Some(attempt));
}

async fn an_advance_of_what_has_changed_is_a_conflict_and_changes_nothing<B: Bench>(bench: &B) {
    let stale = bench.recorded("web-1").await;
    let issued = status(RollbackState::Issued, "asked");
    let current = bench
        .ledger()
        .advance(&stale, issued.clone())
        .await
        .unwrap();
    for wanted in [issued, status(RollbackState::Failed, "not asked")] {
        assert_eq!(
            told(&bench.ledger().advance(&stale, wanted).await),
            "conflict"
        );
        assert_eq!(bench.read(&stale.name).await.as_ref(), Some(&current));
    }
}

async fn of_racing_advances_exactly_one_is_written<B: Bench>(bench: &B) {
    let racers = [
        bench.another().await,
        bench.another().await,
        bench.another().await,
    ];
    let mut attempt = bench.recorded("web-1").await;
    for round in 0..ROUNDS {
        let ended = join_all(racers.iter().enumerate().map(async |(number, racer)| {
            let wanted = status(
                RollbackState::Issued,
                &format!("round {round}, racer {number}"),
            );
            racer.advance(&attempt, wanted).await
        }))
        .await;
        let words: Vec<&str> = ended.iter().map(told).collect();
        let won = ended
            .into_iter()
            .find_map(Result::ok)
            .expect("one of them wins");
        let lost = words.iter().filter(|word| **word == "conflict").count();
        assert_eq!(lost, racers.len() - 1, "round {round}: {words:?}");
        assert_eq!(bench.read(&attempt.name).await.as_ref(), Some(&won));
        attempt = won;
    }
}

async fn a_record_of_the_same_name_is_never_taken_for_one_that_was_removed<B: Bench>(bench: &B) {
    let removed = bench.recorded("web-1").await;
    bench.ledger().remove(&removed).await.unwrap();
    let current = bench.recorded("web-1").await;
    assert_ne!(removed.uid, current.uid);
    let wanted = status(RollbackState::Verified, "another one's");
    let ledger = bench.ledger();
    assert_eq!(told(&ledger.advance(&removed, wanted).await), "conflict");
    assert_eq!(told(&ledger.remove(&removed).await), "conflict");
    // Its uid alone tells.
    let disguised = Attempt {
        version: current.version.clone(),
        ..removed
    };
    assert_eq!(told(&ledger.remove(&disguised).await), "conflict");
    assert_eq!(bench.read(&current.name).await, Some(current));
}

async fn what_is_gone_is_told_and_stays_gone<B: Bench>(bench: &B) {
    let attempt = bench.recorded("web-1").await;
    bench.ledger().remove(&attempt).await.unwrap();
    let wanted = status(RollbackState::Verified, "too late");
    assert_eq!(
        told(&bench.ledger().advance(&attempt, wanted).await),
        "gone"
    );
    assert_eq!(told(&bench.ledger().remove(&attempt).await), "gone");
    assert_eq!(bench.read(&attempt.name).await, None);
    let listed = bench
        .ledger()
        .list(bench.namespace(), Attempts::OfValidation("u-1"));
    assert_eq!(listed.await.unwrap(), []);
}

async fn nothing_of_the_spec_changes_but_the_approval_which_counts_as_a_generation<B: Bench>(
    bench: &B,
) {
    let waiting = bench.recorded("web-1").await;
    let mut before = waiting.clone();
    for (approved, generation) in [(true, 2), (true, 2), (false, 3), (true, 4)] {
        bench.approve(&waiting.name, approved).await;
        let after = bench.read(&waiting.name).await.unwrap();
        assert_eq!(
            after.version != before.version,
            after.generation != before.generation
        );
        let mut expected = Attempt {
            version: after.version.clone(),
            generation,
            ..before
        };
        expected.spec.approved = approved;
        assert_eq!(after, expected);
        before = after;
    }
    let wanted = status(RollbackState::Issued, "not approved when it was read");
    assert_eq!(
        told(&bench.ledger().advance(&waiting, wanted.clone()).await),
        "conflict"
    );
    let advanced = bench.ledger().advance(&before, wanted).await.unwrap();
    assert_eq!(
        (advanced.spec, advanced.generation),
        (before.spec, before.generation)
    );
}

async fn what_was_written_is_seen_by_everybody_at_once<B: Bench>(bench: &B) {
    let others = [bench.another().await, bench.another().await];
    let mut attempt = bench.recorded("web-1").await;
    for round in 0..ROUNDS {
        for other in &others {
            let seen = other.read(&attempt.name).await.unwrap();
            assert_eq!(seen.as_ref(), Some(&attempt));
            let listed = other.list(bench.namespace(), Attempts::OfPolicy("careful"));
            assert_eq!(listed.await.unwrap(), [attempt.clone()]);
        }
        let wanted = status(RollbackState::Verifying, &format!("round {round}"));
        attempt = bench.ledger().advance(&attempt, wanted).await.unwrap();
    }
}

async fn an_attempt_is_removed_only_as_it_was_read<B: Bench>(bench: &B) {
    let stale = bench.recorded("web-1").await;
    let wanted = status(RollbackState::Issued, "asked");
    let current = bench.ledger().advance(&stale, wanted).await.unwrap();
    assert_eq!(told(&bench.ledger().remove(&stale).await), "conflict");
    assert_eq!(bench.read(&stale.name).await.as_ref(), Some(&current));
    bench.ledger().remove(&current).await.unwrap();
    assert_eq!(bench.read(&stale.name).await, None);
}
