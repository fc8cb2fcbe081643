//! How a record changes as its attempt goes on.

use std::time::Duration;

use super::{
    platform::outage,
    samples::{plan, record, rollouts},
};
use crate::{
    api::{RollbackState, RollbackStatus, StepState},
    platforms::{LiveDeploy, MutationError, RefusedBecause, Release},
    rollback::{
        ledger::Attempt,
        record::{Ending, Intent, accepted, concluded, held, reference, unexpected},
        samples::at,
    },
};

use StepState::{
    Accepted, Done, Issued, NotIssued, Pending, Refused, Skipped, Superseded, Unavailable,
};

/// A record whose first call was asked for at noon.
fn issued(steps: &[StepState]) -> Attempt {
    let mut attempt = record(steps);
    attempt.status.state = Some(RollbackState::Issued);
    attempt.status.issued_at = Some(at("12:00"));
    attempt
}

fn states(status: &RollbackStatus) -> Vec<StepState> {
    status.steps.iter().map(|step| step.state).collect()
}

/// Something else was live before the call.
fn overtaken(why: &str) -> Ending {
    Ending {
        step: NotIssued,
        ..Ending::superseded(why)
    }
}

fn conclude(attempt: &Attempt, place: usize, ending: &Ending) -> RollbackStatus {
    concluded(attempt, &plan(attempt), place, ending, at("12:05"))
}

#[test]
fn every_way_in_which_a_platform_says_no_has_its_ending() {
    let refused = |refused| MutationError::Refused {
        refused,
        source: outage(),
    };
    let wait = Duration::from_secs(30);
    for (error, state, step) in [
        (
            refused(RefusedBecause::Busy),
            RollbackState::NotIssued,
            Refused,
        ),
        (
            refused(RefusedBecause::RateLimited { wait }),
            RollbackState::NotIssued,
            Refused,
        ),
        (
            refused(RefusedBecause::Credentials),
            RollbackState::Rejected,
            Refused,
        ),
        (
            refused(RefusedBecause::Payment),
            RollbackState::Rejected,
            Refused,
        ),
        (
            refused(RefusedBecause::Gone),
            RollbackState::Rejected,
            Unavailable,
        ),
        (
            refused(RefusedBecause::Invalid),
            RollbackState::Rejected,
            Unavailable,
        ),
        (
            MutationError::NotSent(outage()),
            RollbackState::NotIssued,
            NotIssued,
        ),
    ] {
        let ending = Ending::by(&error);
        assert_eq!((ending.state, ending.step), (state, step), "{error}");
        let status = conclude(&issued(&[Issued]), 0, &ending);
        assert_eq!((status.state, states(&status)), (Some(state), vec![step]));
        assert_eq!(status.issued_at, None, "nothing was touched: {error}");
        assert_eq!(status.finished_at, Some(at("12:05")));
    }
}

#[test]
fn an_attempt_that_was_carried_out_in_part_has_failed_and_says_what_is_back_and_what_is_not() {
    let attempt = issued(&[Done, Issued, Pending]);
    for ending in [
        Ending::not_issued("too late"),
        Ending::by(&MutationError::NotSent(outage())),
        Ending::by(&MutationError::Refused {
            refused: RefusedBecause::Gone,
            source: outage(),
        }),
        Ending::failed("it broke"),
    ] {
        let status = conclude(&attempt, 1, &ending);
        assert_eq!(status.state, Some(RollbackState::Failed), "{ending:?}");
        assert_eq!(states(&status), [Done, ending.step, Skipped]);
        assert_eq!(status.issued_at, Some(at("12:00")));
        assert!(
            status.message.starts_with(&ending.why),
            "{}",
            status.message
        );
        for word in ["api: back", "jobs: not begun"] {
            assert!(status.message.contains(word), "{}", status.message);
        }
    }
    let status = conclude(&attempt, 1, &Ending::not_issued("too late"));
    let told = "too late (api: back, worker: not asked for, jobs: not begun)";
    assert_eq!(status.message, told);
}

#[test]
fn the_first_step_that_ends_ends_all_that_come_after_it() {
    // As in a record that was lost, where every step is taken for asked.
    let attempt = issued(&[Issued, Issued, Issued]);
    let status = conclude(&attempt, 0, &Ending::not_issued("not asked"));
    assert_eq!(states(&status), [NotIssued, Skipped, Skipped]);
    assert_eq!(status.state, Some(RollbackState::NotIssued));
    assert_eq!(status.issued_at, None);
}

#[test]
fn the_time_of_the_call_is_taken_back_exactly_when_nothing_was_touched() {
    for (steps, place, ending, kept) in [
        (&[Issued][..], 0, Ending::not_issued("no"), false),
        (&[Issued], 0, overtaken("no"), false),
        (&[Issued], 0, Ending::superseded("no"), true),
        (&[Accepted], 0, Ending::failed("no"), true),
        (&[Done, Issued], 1, Ending::not_issued("no"), true),
        (&[Done, Issued], 1, overtaken("no"), true),
    ] {
        let status = conclude(&issued(steps), place, &ending);
        assert_eq!(status.issued_at.is_some(), kept, "{steps:?} {ending:?}");
    }
}

#[test]
fn what_is_overtaken_is_superseded_even_where_a_part_was_carried_out() {
    let status = conclude(&issued(&[Done, Issued]), 1, &overtaken("api-9 is live"));
    assert_eq!(status.state, Some(RollbackState::Superseded));
    assert_eq!(states(&status), [Done, NotIssued]);
    assert!(status.message.contains("api: back"), "{}", status.message);
    let status = conclude(
        &issued(&[Accepted]),
        0,
        &Ending::superseded("api-9 is live"),
    );
    assert_eq!(states(&status), [Superseded]);
    assert_eq!(status.message, "api-9 is live");
}

#[test]
fn an_intent_says_who_when_and_what_was_the_newest() {
    let mut attempt = record(&[Pending, Pending]);
    attempt.status.steps.clear();
    let intent = Intent {
        place: 0,
        claimant: "one",
        newest: "api-3".to_owned(),
        now: at("12:01"),
    };
    let status = intent.written_to(&attempt, &plan(&attempt));
    assert_eq!(status.state, Some(RollbackState::Issued));
    assert_eq!(states(&status), [Issued, Pending]);
    assert_eq!(status.issued_at, Some(at("12:01")));
    let step = &status.steps[0];
    assert_eq!(step.claimant.as_deref(), Some("one"));
    assert_eq!(step.newest_before.as_deref(), Some("api-3"));
    assert_eq!(step.started_at, Some(at("12:01")));

    assert!(intent.stands_in(&status));
    let stands = |change: fn(&mut Intent<'_>)| {
        let mut other = intent.clone();
        change(&mut other);
        other.stands_in(&status)
    };
    assert!(
        !stands(|intent| intent.claimant = "two"),
        "another process'"
    );
    assert!(!stands(|intent| intent.now = at("12:02")), "another time's");
    assert!(!stands(|intent| intent.place = 1), "another step's");
    assert!(!intent.stands_in(&attempt.status), "none");
    let confirmed = intent.confirmed_in(status.clone());
    assert_ne!(confirmed, status, "a write that changes nothing is none");
    assert!(intent.stands_in(&confirmed));
}

#[test]
fn the_second_intent_leaves_the_time_of_the_first_call() {
    let attempt = issued(&[Done, Pending]);
    let intent = Intent {
        place: 1,
        claimant: "two",
        newest: "worker-3".to_owned(),
        now: at("12:03"),
    };
    let status = intent.written_to(&attempt, &plan(&attempt));
    assert_eq!(states(&status), [Done, Issued]);
    assert_eq!(status.issued_at, Some(at("12:00")));
}

#[test]
fn an_attempt_is_held_without_a_claim_that_anything_was_asked() {
    let mut attempt = record(&[Pending]);
    attempt.status.steps.clear();
    let status = held(&attempt, &plan(&attempt), "wait\nand see");
    assert_eq!(status.state, Some(RollbackState::IntentRecorded));
    assert_eq!(states(&status), [Pending]);
    assert_eq!(
        (status.issued_at, status.message.as_str()),
        (None, "wait and see")
    );
    let status = held(
        &issued(&[Done, Pending]),
        &plan(&record(&[Done, Pending])),
        "wait",
    );
    assert_eq!(status.state, Some(RollbackState::Issued));
    assert_eq!(states(&status), [Done, Pending]);
}

#[test]
fn a_message_is_cut_to_what_the_schema_takes() {
    let long = "é".repeat(2_000);
    let status = conclude(
        &issued(&[Issued, Pending]),
        0,
        &Ending::failed(long.as_str()),
    );
    assert!(status.message.len() <= 1_024 && status.steps[0].message.len() <= 512);
    let status = held(&issued(&[Pending]), &plan(&record(&[Pending])), &long);
    assert!(status.message.len() <= 1_024);
}

#[test]
fn what_a_step_brings_about_is_on_record_by_its_id() {
    let attempt = record(&[Pending, Pending]);
    let rollout = rollouts("4 return v1 going 12:01").remove(0);
    let status = accepted(&attempt, &plan(&attempt), 0, &rollout, at("12:01"));
    assert_eq!(states(&status), [Accepted, Pending]);
    assert_eq!(status.steps[0].operation_id.as_deref(), Some("api-4"));
    assert_eq!(status.issued_at, Some(at("12:01")));
}

/// What is unexpected in a release of these deploys, if anything is.
fn surprise(attempt: &Attempt, deploys: &[&str]) -> Option<String> {
    let live = deploys.iter().map(|id| LiveDeploy {
        name: id.split('-').next().unwrap().to_owned(),
        service_id: None,
        deploy_id: (*id).to_owned(),
        version: None,
        live_since: None,
    });
    let release = Release::of(live.collect());
    assert_eq!(reference(&release).release, release.id);
    unexpected(attempt, &plan(attempt), &release).map(|other| other.to_string())
}

#[test]
fn what_has_to_be_live_is_what_failed_until_a_step_is_done() {
    let attempt = issued(&[Done, Accepted]);
    assert_eq!(surprise(&attempt, &["api-4", "worker-3"]), None);
    assert_eq!(surprise(&attempt, &["worker-3", "api-4"]), None);
    for (deploys, expected) in [
        (
            &["api-3", "worker-3"][..],
            "api: deploy api-3 is live, not api-4",
        ),
        (
            &["api-4", "worker-4"],
            "worker: deploy worker-4 is live, not worker-3",
        ),
        (&["api-4"], "worker: deploy none is live, not worker-3"),
        (
            &["api-4", "worker-3", "jobs-1"],
            "jobs: deploy jobs-1 is live, not one of its own",
        ),
    ] {
        assert_eq!(surprise(&attempt, deploys).as_deref(), Some(expected));
    }
}
