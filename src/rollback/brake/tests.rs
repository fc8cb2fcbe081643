use super::*;
use crate::rollback::samples::{at, moment};

/// `bad` of `watched` validations turned bad, one a second from 12:00:01 on.
fn bad(bad: usize, watched: usize) -> Vec<Option<Timestamp>> {
    let time = |place: usize| at(&format!("12:00:{:02}", place + 1));
    let times = (0..watched).map(|place| (place < bad).then(|| time(place)));
    times.collect()
}

fn engaged_at(turned_bad: Vec<Option<Timestamp>>, now: &str) -> Option<Engaged> {
    engaged(turned_bad, &BrakeSettings::default(), moment(now))
}

#[test]
fn it_takes_more_than_a_fifth_and_at_least_five() {
    for (count, watched, expected) in [
        (5, 24, true),
        (5, 25, false),
        (6, 25, true),
        (4, 4, false),
        (5, 5, true),
        (0, 0, false),
        (10, 50, false),
        (11, 50, true),
    ] {
        let found = engaged_at(bad(count, watched), "12:01");
        assert_eq!(found.is_some(), expected, "{count} of {watched}");
    }
}

#[test]
fn it_says_how_many_turned_bad_and_when_it_is_released() {
    let found = engaged_at(bad(6, 20), "12:01").unwrap();
    assert_eq!((found.turned_bad, found.watched), (6, 20));
    assert_eq!(found.until, at("12:15:06"));
}

#[test]
fn it_holds_while_they_stay_bad_and_for_its_time_only() {
    assert!(engaged_at(bad(6, 20), "12:15:05").is_some());
    assert!(engaged_at(bad(6, 20), "12:15:06").is_none());
    assert!(
        engaged_at(bad(4, 20), "12:01").is_none(),
        "two have recovered"
    );
}

#[test]
fn those_that_turned_bad_in_other_windows_do_not_add_up() {
    let mut turned_bad: Vec<_> = ["12:00", "12:02", "12:04", "12:06", "12:08"]
        .into_iter()
        .map(|time| Some(at(time)))
        .collect();
    assert!(engaged_at(turned_bad.clone(), "12:09").is_none());
    turned_bad.extend(["12:03", "12:05"].map(|time| Some(at(time))));
    assert_eq!(engaged_at(turned_bad, "12:09").unwrap().turned_bad, 5);
}

#[test]
fn the_last_burst_decides() {
    let mut turned_bad = bad(6, 18);
    turned_bad.extend(["12:10", "12:11", "12:12", "12:13", "12:14"].map(|time| Some(at(time))));
    let found = engaged_at(turned_bad, "12:20").unwrap();
    assert_eq!((found.turned_bad, found.until), (5, at("12:29")));
}

#[test]
fn times_of_the_future_count_from_the_start_of_the_process() {
    let turned_bad = vec![Some(at("18:00")); 6];
    let moment = |now| Moment {
        now: at(now),
        started: at("12:00"),
    };
    let found = |now| engaged(turned_bad.clone(), &BrakeSettings::default(), moment(now));
    assert_eq!(found("12:10").unwrap().until, at("12:15"));
    assert_eq!(found("12:15"), None);
}
