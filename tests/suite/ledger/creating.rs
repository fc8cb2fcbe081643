//! Creation is a compare-and-swap: whoever succeeds owns the attempt.

use futures::future::join_all;
use plumbline::{
    api::RollbackState,
    rollback::ledger::{AttemptLedger, Created},
};

use super::bench::{Bench, spec, status, told};

const ROUNDS: usize = 50;

over_both! {
    of_racing_creators_exactly_one_owns_the_attempt,
    a_new_attempt_is_on_record_as_given_and_untouched,
    a_taken_name_gives_what_is_on_record_and_changes_nothing,
    an_attempt_that_names_no_validation_is_refused,
}

async fn of_racing_creators_exactly_one_owns_the_attempt<B: Bench>(bench: &B) {
    let racers = [
        bench.another().await,
        bench.another().await,
        bench.another().await,
    ];
    for round in 0..ROUNDS {
        let name = bench.name(&format!("attempt-{round}"));
        let created = join_all(racers.iter().zip(["one", "two", "three"]).map(
            async |(racer, claimant)| {
                let mut spec = spec("u-1", "careful");
                claimant.clone_into(&mut spec.plan.as_mut().unwrap().claimant);
                (claimant, racer.create(&name, &spec).await.unwrap())
            },
        ))
        .await;
        let on_record = bench.read(&name).await.unwrap();
        let owner = &on_record.spec.plan.as_ref().unwrap().claimant;
        for (claimant, created) in created {
            let expected = if claimant == owner {
                Created::New(on_record.clone())
            } else {
                Created::Existing(on_record.clone())
            };
            assert_eq!(created, expected, "round {round}, {claimant}");
        }
    }
}

async fn a_new_attempt_is_on_record_as_given_and_untouched<B: Bench>(bench: &B) {
    assert_eq!(bench.read(&bench.name("web-1")).await, None);
    let attempt = bench.recorded("web-1").await;
    assert_eq!(attempt.name, bench.name("web-1"));
    assert_eq!(attempt.spec, spec("u-1", "careful"));
    assert_eq!(
        (attempt.generation, attempt.status.observed_generation),
        (1, -1)
    );
    assert_eq!(attempt.status.state, None);
    assert!(!attempt.uid.is_empty() && !attempt.version.is_empty());
    assert_eq!(bench.read(&attempt.name).await, Some(attempt));
}

async fn a_taken_name_gives_what_is_on_record_and_changes_nothing<B: Bench>(bench: &B) {
    let attempt = bench.recorded("web-1").await;
    let advanced = status(RollbackState::Issued, "asked");
    let attempt = bench.ledger().advance(&attempt, advanced).await.unwrap();
    let created = bench
        .ledger()
        .create(&attempt.name, &spec("u-2", "other"))
        .await;
    assert_eq!(created.unwrap(), Created::Existing(attempt.clone()));
    assert_eq!(bench.read(&attempt.name).await, Some(attempt));
}

async fn an_attempt_that_names_no_validation_is_refused<B: Bench>(bench: &B) {
    let mut spec = spec("u-1", "careful");
    spec.validation_ref.uid = None;
    let name = bench.name("web-1");
    assert_eq!(told(&bench.ledger().create(&name, &spec).await), "failed");
    assert_eq!(bench.read(&name).await, None);
}
