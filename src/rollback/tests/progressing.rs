//! What follows for an attempt, by its record alone: every state it can be in, for every process that may look at it.

use super::{
    samples::{plan, record, seconds},
    world::RECORDER,
};
use crate::{
    api::{RollbackState, StepState},
    rollback::{
        Moment,
        ledger::Attempt,
        progress::{Next, Observer, has_touched, next},
        samples::{at, moment},
    },
};

const STATES: [RollbackState; 12] = [
    RollbackState::AwaitingApproval,
    RollbackState::IntentRecorded,
    RollbackState::Issued,
    RollbackState::Verifying,
    RollbackState::OutcomeUnknown,
    RollbackState::InProgress,
    RollbackState::Verified,
    RollbackState::Failed,
    RollbackState::Rejected,
    RollbackState::NotIssued,
    RollbackState::Superseded,
    RollbackState::DryRun,
];

/// The process that has recorded the attempt, the same once it has tried to begin it, and two others.
const OBSERVERS: [Observer<'static>; 4] = [
    observer(RECORDER, false),
    observer(RECORDER, true),
    observer("two", false),
    observer("two", true),
];

const fn observer(claimant: &'static str, has_tried: bool) -> Observer<'static> {
    Observer {
        claimant,
        has_tried,
        patience: seconds(30),
    }
}

fn follows_at(attempt: &Attempt, observer: Observer<'_>, moment: Moment) -> Next {
    next(attempt, &plan(attempt), observer, moment)
}

/// What follows for all observers, who agree, before the attempt has lapsed.
fn follows(attempt: &Attempt) -> Next {
    let found = OBSERVERS.map(|observer| follows_at(attempt, observer, moment("12:01")));
    assert!(
        found.iter().all(|next| *next == found[0]),
        "{found:?} {attempt:?}"
    );
    found[0].clone()
}

/// A record that was given no status yet.
fn untouched() -> Attempt {
    let mut attempt = record(&[StepState::Pending]);
    attempt.status.steps.clear();
    attempt
}

/// A record in this state, with steps in these.
fn standing(state: RollbackState, steps: &[StepState]) -> Attempt {
    let mut attempt = record(steps);
    attempt.status.state = Some(state);
    attempt
}

#[test]
fn a_record_without_a_status_is_begun_only_by_who_recorded_it_and_has_not_tried_to() {
    let attempt = untouched();
    let found = OBSERVERS.map(|observer| follows_at(&attempt, observer, moment("12:01")));
    assert_eq!(
        found,
        [Next::Begin(0), Next::Doubt, Next::Doubt, Next::Doubt]
    );
}

#[test]
fn who_has_just_recorded_an_attempt_is_left_the_time_to_begin_it() {
    let attempt = untouched();
    let other = |time: &str| follows_at(&attempt, OBSERVERS[2], moment(time));
    let leave = |left| Next::Leave {
        left: seconds(left),
    };
    // Times are whole seconds, and so may have passed a second less than it seems.
    assert_eq!(other("12:00"), leave(31));
    assert_eq!(other("12:00:10"), leave(21));
    assert_eq!(other("12:00:30"), leave(1));
    assert_eq!(other("12:00:31"), Next::Doubt);
    let itself = |place: usize| follows_at(&attempt, OBSERVERS[place], moment("12:00"));
    assert_eq!([itself(0), itself(1)], [Next::Begin(0), Next::Doubt]);
}

#[test]
fn an_attempt_that_another_process_recorded_in_the_future_is_not_left_alone_for_ever() {
    let mut attempt = untouched();
    attempt.created = at("18:00");
    let other = |time: &str| {
        let moment = Moment {
            now: at(time),
            started: at("12:00"),
        };
        follows_at(&attempt, OBSERVERS[2], moment)
    };
    let left = seconds(21);
    assert_eq!(other("12:00:10"), Next::Leave { left });
    assert_eq!(other("12:00:31"), Next::Doubt);
}

#[test]
fn what_has_ended_is_left_alone_and_nothing_else_is() {
    for state in STATES {
        let attempt = standing(state, &[StepState::Pending]);
        assert_eq!(
            follows(&attempt) == Next::Nothing,
            state.is_final(),
            "{state:?}"
        );
    }
}

#[test]
fn a_step_goes_on_from_where_it_stands_whoever_looks() {
    use StepState::{
        Accepted, Done, Failed, Issued, NotIssued, Pending, Refused, Skipped, Superseded,
    };
    for state in [
        RollbackState::AwaitingApproval,
        RollbackState::IntentRecorded,
        RollbackState::Issued,
        RollbackState::OutcomeUnknown,
        RollbackState::InProgress,
    ] {
        for (steps, expected) in [
            (&[Pending, Pending][..], Next::Begin(0)),
            (&[Issued, Pending], Next::Settle(0)),
            (&[Accepted, Pending], Next::Follow(0)),
            (&[Done, Pending], Next::Begin(1)),
            (&[Done, Issued], Next::Settle(1)),
            (&[Done, Accepted], Next::Follow(1)),
            (&[Done, Done], Next::Arrive),
            (&[Issued, Issued], Next::Settle(0)),
            (&[Failed, Pending], Next::Doubt),
            (&[Refused, Pending], Next::Doubt),
            (&[NotIssued, Pending], Next::Doubt),
            (&[Superseded, Pending], Next::Doubt),
            (&[Skipped, Pending], Next::Doubt),
            (&[Done, Failed], Next::Doubt),
        ] {
            assert_eq!(
                follows(&standing(state, steps)),
                expected,
                "{state:?} {steps:?}"
            );
        }
    }
    assert_eq!(
        follows(&standing(RollbackState::Verifying, &[Done, Done])),
        Next::Verify
    );
}

#[test]
fn steps_that_are_not_the_plans_are_in_doubt_for_everybody() {
    let more = record(&[StepState::Pending; 3]).status.steps;
    for state in [
        RollbackState::AwaitingApproval,
        RollbackState::IntentRecorded,
        RollbackState::Issued,
        RollbackState::OutcomeUnknown,
    ] {
        for step in [StepState::Pending, StepState::Done] {
            let mut attempt = standing(state, &[step, step]);
            attempt.status.steps.swap(0, 1);
            assert_eq!(
                follows(&attempt),
                Next::Doubt,
                "{state:?}: in another order"
            );
            attempt.status.steps.remove(0);
            assert_eq!(follows(&attempt), Next::Doubt, "{state:?}: too few");
            attempt.status.steps.clear();
            assert_eq!(follows(&attempt), Next::Doubt, "{state:?}: none");
            attempt.status.steps.clone_from(&more);
            assert_eq!(follows(&attempt), Next::Doubt, "{state:?}: too many");
        }
    }
}

#[test]
fn nothing_is_begun_without_the_approval_that_is_asked_for() {
    for (steps, place) in [
        (&[StepState::Pending, StepState::Pending], 0),
        (&[StepState::Done, StepState::Pending], 1),
    ] {
        let mut attempt = standing(RollbackState::Issued, steps);
        attempt.spec.plan.as_mut().unwrap().approval_required = true;
        let left = std::time::Duration::from_mins(14);
        assert_eq!(follows(&attempt), Next::AwaitApproval { left });
        attempt.spec.approved = true;
        assert_eq!(follows(&attempt), Next::Begin(place));
    }
}

#[test]
fn what_was_asked_is_followed_to_its_end_without_approval() {
    for (step, expected) in [
        (StepState::Issued, Next::Settle(0)),
        (StepState::Accepted, Next::Follow(0)),
        (StepState::Done, Next::Arrive),
    ] {
        let mut attempt = standing(RollbackState::Issued, &[step]);
        attempt.spec.plan.as_mut().unwrap().approval_required = true;
        assert_eq!(follows(&attempt), expected);
    }
}

#[test]
fn nothing_is_begun_after_its_time_and_what_was_begun_goes_on() {
    let after = |steps: &[StepState], time| {
        let mut attempt = standing(RollbackState::Issued, steps);
        attempt.spec.plan.as_mut().unwrap().approval_required = true;
        follows_at(&attempt, OBSERVERS[2], moment(time))
    };
    let left = std::time::Duration::ZERO;
    let waits = Next::AwaitApproval { left };
    assert_eq!(after(&[StepState::Pending], "12:15"), waits);
    assert_eq!(after(&[StepState::Pending], "12:15:01"), Next::Lapse);
    assert_eq!(
        after(&[StepState::Done, StepState::Pending], "12:15:01"),
        Next::Lapse
    );
    assert_eq!(after(&[StepState::Issued], "12:15:01"), Next::Settle(0));
    assert_eq!(after(&[StepState::Accepted], "12:15:01"), Next::Follow(0));
    assert_eq!(after(&[StepState::Done], "12:15:01"), Next::Arrive);
}

#[test]
fn an_attempt_has_touched_the_platform_unless_each_step_was_not_asked_for_or_refused() {
    use StepState::{
        Accepted, Done, Failed, Issued, NotIssued, Pending, Refused, Skipped, Superseded,
    };
    for state in [Issued, Accepted, Done, Failed, Superseded] {
        assert!(
            has_touched(&record(&[state, Skipped]).status.steps),
            "{state:?}"
        );
    }
    for state in [Pending, Refused, NotIssued, Skipped] {
        assert!(
            !has_touched(&record(&[state, Skipped]).status.steps),
            "{state:?}"
        );
    }
}
