//! What a list of rollouts says of a call whose answer is not on record, and of one that is about to be made.

use std::time::Duration;

use super::samples::{issued, rollouts, seconds, step};
use crate::rollback::{
    Moment,
    samples::at,
    settle::{Obstacle, Settlement, obstacle, settle},
};

/// How long after its intent a call may take to show.
const SHOWN_WITHIN: Duration = seconds(90);

/// What `settle` says at this time of an attempt that was recorded at noon, in two words.
fn settled(newest_before: Option<&str>, list: &str, now: &str) -> String {
    let moment = Moment {
        now: at(now),
        started: at("11:00"),
    };
    let settlement = settle(
        &step(),
        &issued(newest_before),
        at("12:00"),
        &rollouts(list),
        SHOWN_WITHIN,
        moment,
    );
    match settlement {
        Settlement::Adopted(rollout) => format!("adopted {}", rollout.id),
        Settlement::Superseded(rollout) => format!("superseded {}", rollout.id),
        Settlement::Absent => "absent".to_owned(),
        Settlement::Open(left) => format!("open {}", left.as_secs()),
        Settlement::Contradictory(_) => "contradictory".to_owned(),
    }
}

/// What it says at once, and when nothing can show any more.
fn assert_settled(cases: &[(&str, Option<&str>, &str, &str, &str)]) {
    for (story, newest_before, list, early, late) in cases {
        let found = settled(*newest_before, list, "12:00");
        assert_eq!(found, *early, "{story}, early");
        let found = settled(*newest_before, list, "12:01:31");
        assert_eq!(found, *late, "{story}, late");
    }
}

/// What was there before: the goal, a return to it of another day, and what failed.
const BEFORE: &str =
    "3 deploy v2 live 11:50, 2 return v1 replaced 11:00, 1 deploy v1 replaced 10:00";
const BEFORE_REPLACED: &str =
    "3 deploy v2 replaced 11:50, 2 return v1 replaced 11:00, 1 deploy v1 replaced 10:00";

#[test]
fn a_call_is_absent_only_once_it_can_neither_leave_nor_show_any_more() {
    let newest = Some("api-3");
    // Times are whole seconds, and so may have passed a second less than it seems.
    assert_eq!(settled(newest, BEFORE, "12:00"), "open 91");
    assert_eq!(settled(newest, BEFORE, "12:01:30"), "open 1");
    assert_eq!(settled(newest, BEFORE, "12:01:31"), "absent");
}

#[test]
fn an_intent_of_the_future_is_waited_for_from_the_beginning_of_the_process() {
    assert_eq!(settled(Some("api-3"), BEFORE, "11:01:30"), "open 1");
    assert_eq!(settled(Some("api-3"), BEFORE, "11:01:31"), "absent");
}

#[test]
fn a_return_that_is_newer_than_the_newest_on_record_is_adopted_in_every_phase() {
    for phase in [
        "waiting", "going", "live", "replaced", "failed", "canceled", "unknown",
    ] {
        let list = format!("4 return v1 {phase} 12:01, {BEFORE}");
        assert_settled(&[(
            phase,
            Some("api-3"),
            &list,
            "adopted api-4",
            "adopted api-4",
        )]);
    }
}

#[test]
fn the_place_in_the_list_tells_what_is_newer_and_not_the_time() {
    let after = |list: &str| format!("{list}, {BEFORE}");
    assert_settled(&[
        (
            "a clock that is behind, but not before what is older",
            Some("api-3"),
            &after("4 return v1 going 11:50"),
            "adopted api-4",
            "adopted api-4",
        ),
        (
            "no time",
            Some("api-3"),
            &after("4 return v1 failed -"),
            "adopted api-4",
            "adopted api-4",
        ),
        (
            "a time to come does not make an old one new",
            Some("api-3"),
            "3 deploy v2 live 11:50, 2 return v1 replaced 13:00, 1 deploy v1 replaced 10:00",
            "open 91",
            "absent",
        ),
    ]);
}

#[test]
fn an_attempt_adopts_nothing_that_an_earlier_one_has_left() {
    let left = format!("4 return v1 failed 11:55, {BEFORE}");
    assert_settled(&[
        ("on record", Some("api-4"), &left, "open 91", "absent"),
        (
            "lost, and older than the attempt",
            None,
            &left,
            "open 91",
            "absent",
        ),
        (
            "lost, and no time told",
            None,
            &format!("4 return v1 failed -, {BEFORE}"),
            "open 91",
            "absent",
        ),
        (
            "its own beside it",
            Some("api-4"),
            &format!("5 return v1 failed 12:01, {left}"),
            "adopted api-5",
            "adopted api-5",
        ),
        (
            "lost, and its own beside it",
            None,
            &format!("5 return v1 failed 12:01, {left}"),
            "adopted api-5",
            "adopted api-5",
        ),
        (
            "lost, and begun in the second of the record",
            None,
            &format!("5 return v1 canceled 12:00, {left}"),
            "open 91",
            "absent",
        ),
        (
            "lost, and still under way whatever its time",
            None,
            &format!("5 return v1 going 11:56, {left}"),
            "adopted api-5",
            "adopted api-5",
        ),
    ]);
}

#[test]
fn of_two_returns_the_older_one_is_the_attempts_own() {
    let list = format!("5 return v1 live 12:02, 4 return v1 replaced 12:01, {BEFORE_REPLACED}");
    assert_settled(&[
        (
            "both to the goal",
            Some("api-3"),
            &list,
            "adopted api-4",
            "adopted api-4",
        ),
        (
            "one to the goal",
            Some("api-3"),
            &list.replace("4 return v1", "4 return v0"),
            "adopted api-5",
            "adopted api-5",
        ),
    ]);
}

#[test]
fn what_a_return_was_built_from_need_not_be_told() {
    let list = format!("4 return - going 12:01, {BEFORE}");
    assert_settled(&[(
        "no version",
        Some("api-3"),
        &list,
        "adopted api-4",
        "adopted api-4",
    )]);
}

#[test]
fn a_return_to_something_else_is_not_the_attempts_own() {
    let list = format!("4 return v9 going 12:01, {BEFORE}");
    let live = format!("4 return v9 live 12:01, {BEFORE_REPLACED}");
    assert_settled(&[
        ("going", Some("api-3"), &list, "open 91", "absent"),
        (
            "no return, but built from the same",
            Some("api-3"),
            &format!("4 deploy v1 going 12:01, {BEFORE}"),
            "open 91",
            "absent",
        ),
        ("live", Some("api-3"), &live, "open 91", "superseded api-4"),
    ]);
}

#[test]
fn something_else_that_is_live_supersedes_only_when_no_call_can_show_any_more() {
    let list = format!("4 deploy v3 live 12:01, {BEFORE_REPLACED}");
    let failed = format!("4 deploy v3 failed 12:01, {BEFORE}");
    assert_settled(&[
        (
            "newer than the intent",
            Some("api-3"),
            &list,
            "open 91",
            "superseded api-4",
        ),
        ("lost", None, &list, "open 91", "superseded api-4"),
        ("not live", Some("api-3"), &failed, "open 91", "absent"),
        (
            "beside the attempt's own",
            Some("api-3"),
            &format!("5 deploy v3 live 12:02, 4 return v1 canceled 12:01, {BEFORE_REPLACED}"),
            "adopted api-4",
            "adopted api-4",
        ),
    ]);
}

#[test]
fn a_list_that_cannot_be_the_whole_truth_settles_nothing() {
    let newest = Some("api-3");
    let own = "4 return v1 going 12:01";
    for (story, newest_before, list) in [
        ("empty", newest, String::new()),
        (
            "without the newest on record",
            Some("api-9"),
            format!("{own}, {BEFORE}"),
        ),
        (
            "without what failed",
            newest,
            format!("{own}, 1 deploy v1 live 10:00"),
        ),
        (
            "without what failed, below the newest on record",
            Some("api-4"),
            format!("5 {}, 4 deploy v3 failed 11:55", &own[2..]),
        ),
        (
            "without what failed, lost",
            None,
            format!("{own}, 1 deploy v1 live 10:00"),
        ),
    ] {
        assert_settled(&[(
            story,
            newest_before,
            &list,
            "contradictory",
            "contradictory",
        )]);
    }
}

/// What `obstacle` says, in two words.
fn in_the_way(list: &str) -> String {
    match obstacle(&step(), &rollouts(list)) {
        Obstacle::None { newest } => format!("none, {newest}"),
        Obstacle::UnderWay(rollout) => format!("under way, {}", rollout.id),
        Obstacle::Other(rollout) => format!("other, {}", rollout.id),
        Obstacle::Contradictory(_) => "contradictory".to_owned(),
    }
}

#[test]
fn a_call_passes_only_where_nothing_newer_is_under_way() {
    for (list, expected) in [
        ("", "none, api-3"),
        ("4 deploy v3 failed 11:55", "none, api-4"),
        (
            "5 return v1 failed 11:56, 4 deploy v3 canceled 11:55",
            "none, api-5",
        ),
        ("4 return v1 going 11:55", "under way, api-4"),
        ("4 return v1 waiting -", "under way, api-4"),
        ("4 return - unknown 11:55", "under way, api-4"),
        (
            "5 return v1 going 11:56, 4 return v1 waiting 11:55",
            "under way, api-4",
        ),
        ("4 return v9 going 11:55", "other, api-4"),
        ("4 deploy v1 going 11:55", "other, api-4"),
        ("4 deploy v3 unknown 11:55", "other, api-4"),
        (
            "5 deploy v4 going 11:56, 4 return v1 live 11:55",
            "other, api-5",
        ),
        // What is live is read by itself, just before the call.
        ("4 deploy v3 live 11:55", "none, api-4"),
    ] {
        let list = if list.is_empty() {
            BEFORE.to_owned()
        } else {
            format!("{list}, {BEFORE}")
        };
        assert_eq!(in_the_way(&list), expected, "{list}");
    }
    assert_eq!(in_the_way(""), "contradictory");
    assert_eq!(
        in_the_way("2 return v1 live 11:00, 1 deploy v1 replaced 10:00"),
        "contradictory"
    );
}
