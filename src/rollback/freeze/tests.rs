use super::*;
use crate::rollback::{
    moment::Moment,
    samples::{at, moment, read},
};

/// 5 March 2026 is a Thursday.
fn until(windows: &str, now: &str) -> Result<Option<Timestamp>, InvalidFreeze> {
    frozen_until(&read::<Vec<FreezeWindow>>(windows), moment(now))
}

#[test]
fn a_window_is_open_from_its_beginning_to_its_end() {
    let window = "[{cron: '30 12 * * 4', duration: 1h}]";
    for (now, expected) in [
        ("12:29:59", None),
        ("12:30", Some(at("13:30"))),
        ("13:29:59", Some(at("13:30"))),
        ("13:30", None),
    ] {
        assert_eq!(until(window, now).unwrap(), expected, "{now}");
    }
}

#[test]
fn a_window_of_days_that_began_before_today_is_open() {
    let tomorrow = "2026-03-06T22:00:00Z".parse().unwrap();
    let window = "[{cron: '0 22 * * FRI', duration: 168h}]";
    assert_eq!(until(window, "12:00").unwrap(), Some(tomorrow));
}

#[test]
fn a_window_that_begins_again_before_it_was_over_goes_on() {
    let window = "[{cron: '0 * * * *', duration: 90m}]";
    assert_eq!(until(window, "12:10").unwrap(), Some(at("13:30")));
    assert_eq!(until(window, "13:00").unwrap(), Some(at("14:30")));
}

#[test]
fn the_window_that_ends_last_decides() {
    let windows = "[{cron: '0 12 * * *', duration: 2h}, {cron: '0 11 * * *', duration: 2h}, {cron: '0 20 * * *', duration: 2h}]";
    assert_eq!(until(windows, "12:30").unwrap(), Some(at("14:00")));
    assert_eq!(until("[]", "12:30").unwrap(), None);
}

#[test]
fn what_is_no_cron_expression_is_named_with_its_place() {
    for cron in [
        "61 * * * *",
        "0 0 * * 1-",
        "* * * *",
        "0 0 0 * * *",
        "0 22 * * FRY",
        "*/0 * * * *",
    ] {
        let windows =
            format!("[{{cron: '0 0 * * *', duration: 1h}}, {{cron: '{cron}', duration: 1h}}]");
        let error = until(&windows, "12:00").unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("guard.freeze[1].cron: {cron:?} is not a cron expression of five fields")
        );
    }
}

#[test]
fn a_day_that_does_not_exist_is_refused_within_bounds() {
    let windows = "[{cron: '0 0 30 2 *', duration: 1h}]";
    let error = until(windows, "12:00").unwrap_err();
    assert_eq!(
        error.to_string(),
        "guard.freeze[0].cron: \"0 0 30 2 *\" never comes"
    );
}

#[test]
fn the_ends_of_time_are_no_panic() {
    let windows: Vec<FreezeWindow> = read("[{cron: '* * * * *', duration: 168h}]");
    for now in [Timestamp::MIN, Timestamp::MAX] {
        let _ = frozen_until(&windows, Moment { now, started: now });
    }
}
