use super::*;

fn thresholds(yaml: &str) -> Thresholds {
    let check: api::WorkerCheck = serde_yaml::from_str(yaml).unwrap();
    Thresholds {
        heartbeat: check.heartbeat.as_ref().map(HeartbeatLimit::from),
        queue: check.queue.as_ref().map(QueueLimits::from),
    }
}

fn whole() -> Thresholds {
    thresholds(
        "heartbeat: {key: beat, maxAge: 1m}
queue: {key: jobs, enqueuedAt: at, maxAge: 5m, maxDepth: 100, deadLetters: {key: dead}}",
    )
}

fn seconds(seconds: u64) -> Moment {
    Moment::Ago(Duration::from_secs(seconds))
}

/// A worker that is up, whose oldest job has waited for so many seconds.
fn up(depth: u64, waited: u64) -> Observation {
    Observation {
        health: Some(Finding::pass("status 200")),
        heartbeat: Some(Heartbeat::At(seconds(2))),
        queue: Some(Backlog {
            depth: Some(depth),
            oldest: (depth > 0).then(|| seconds(waited)),
            dead_letters: Some(0),
            moved: None,
        }),
        trip: None,
        left_behind: None,
    }
}

#[track_caller]
fn assert_says(finding: &Finding, verdict: Verdict, reason: FindingReason, message: &str) {
    assert_eq!(
        (finding.verdict, finding.reason, finding.message.as_str()),
        (verdict, reason, message)
    );
}

fn judge(change: impl FnOnce(&mut Observation)) -> Finding {
    let mut observation = up(3, 10);
    change(&mut observation);
    whole().judge(&observation)
}

#[test]
fn working_and_idle_are_told_apart_and_both_pass() {
    let working = whole().judge(&up(3, 10));
    let message = "up, 3 waiting, the oldest for 10.00s";
    assert_says(&working, Verdict::Pass, FindingReason::Passed, message);
    let idle = whole().judge(&up(0, 0));
    let message = "up, and has nothing to do";
    assert_says(&idle, Verdict::Pass, FindingReason::Passed, message);
    let tried = judge(|it| it.trip = Some(Trip::Done(Duration::from_millis(20))));
    let message = "up, did a job in 20ms, 3 waiting, the oldest for 10.00s";
    assert_says(&tried, Verdict::Pass, FindingReason::Passed, message);
}

#[test]
fn a_worker_without_a_sign_of_life_is_down_whatever_waits() {
    let health = Finding::fail(FindingReason::ConnectionRefused, "refused");
    let refused = judge(|it| it.health = Some(health));
    let message = "the worker is down: refused";
    assert_says(
        &refused,
        Verdict::Fail,
        FindingReason::ConnectionRefused,
        message,
    );
    let stale = judge(|it| {
        *it = up(3, 3600);
        it.heartbeat = Some(Heartbeat::At(seconds(61)));
    });
    let message = "the worker is down: heartbeat beat is 61.00s old > 1m";
    assert_says(
        &stale,
        Verdict::Fail,
        FindingReason::UnexpectedValue,
        message,
    );
    let missing = judge(|it| it.heartbeat = Some(Heartbeat::Missing));
    let message = "the worker is down: heartbeat beat is missing";
    assert_says(
        &missing,
        Verdict::Fail,
        FindingReason::UnexpectedValue,
        message,
    );
}

#[test]
fn up_but_processing_nothing_is_a_word_of_its_own() {
    let reason = FindingReason::NotProcessing;
    let not_done = judge(|it| it.trip = Some(Trip::NotDone(Duration::from_secs(5))));
    let message = "the worker is up, but processes nothing: \
        a job of the check's own was not done within 5.00s";
    assert_says(&not_done, Verdict::Fail, reason, message);
    let still = |it: &mut Observation| {
        *it = up(3, 301);
        it.queue.as_mut().unwrap().moved = Some(false);
    };
    let message = "the worker is up, but processes nothing: \
        nothing was taken from jobs, whose oldest job has waited 301.00s > 5m";
    assert_says(&judge(still), Verdict::Fail, reason, message);
    let nobody = judge(|it| {
        still(it);
        (it.health, it.heartbeat) = (None, None);
    });
    assert_eq!(nobody.reason, reason);
    assert!(
        nobody.message.starts_with("nothing is processed: "),
        "{}",
        nobody.message
    );
}

#[test]
fn a_worker_that_is_behind_fails_by_value_operator_and_threshold() {
    for (moved, waited) in [(Some(true), 301), (None, 301)] {
        let behind = judge(|it| {
            *it = up(101, waited);
            it.queue.as_mut().unwrap().moved = moved;
        });
        let message = "the oldest job of jobs has waited 301.00s > 5m; \
            jobs waiting in jobs are 101 > 100";
        assert_says(
            &behind,
            Verdict::Fail,
            FindingReason::UnexpectedValue,
            message,
        );
    }
    let dead = judge(|it| it.queue.as_mut().unwrap().dead_letters = Some(1));
    let message = "dead letters are 1 > 0";
    assert_says(
        &dead,
        Verdict::Fail,
        FindingReason::UnexpectedValue,
        message,
    );
}

#[test]
fn what_cannot_be_read_is_unknown_and_never_a_pass() {
    let reason = FindingReason::NoData;
    for finding in [
        judge(|it| it.heartbeat = Some(Heartbeat::At(Moment::Unreadable))),
        judge(|it| it.heartbeat = Some(Heartbeat::At(Moment::Ahead))),
        judge(|it| it.queue.as_mut().unwrap().oldest = Some(Moment::Unreadable)),
        judge(|it| it.queue.as_mut().unwrap().depth = None),
        judge(|it| it.trip = Some(Trip::CutShort(Duration::from_secs(1)))),
        judge(|it| it.health = Some(Finding::unknown(reason, "cannot resolve"))),
    ] {
        assert_eq!(
            (finding.verdict, finding.reason),
            (Verdict::Unknown, reason)
        );
    }
    let certain = judge(|it| {
        it.health = Some(Finding::unknown(reason, "cannot resolve"));
        it.queue.as_mut().unwrap().dead_letters = Some(7);
    });
    assert_eq!(certain.verdict, Verdict::Fail, "what is certain goes first");
}

#[test]
fn what_is_left_behind_is_a_fault_however_the_worker_fares() {
    let mut observation = up(3, 10);
    observation.left_behind = Some("something is left".to_owned());
    let passed = observation.told(whole().judge(&observation));
    assert_eq!(
        (passed.verdict, passed.reason),
        (Verdict::Fail, FindingReason::UnexpectedValue)
    );
    observation.trip = Some(Trip::NotDone(Duration::from_secs(5)));
    let not_done = observation.told(whole().judge(&observation));
    assert_eq!(not_done.reason, FindingReason::NotProcessing);
    assert!(not_done.message.starts_with("something is left; "));
}
