use super::*;

#[expect(clippy::unnecessary_wraps, reason = "an answer as it is asked for")]
fn reply(status: u16, code: &str) -> Asked {
    let body = format!("<Error><Code>{code}</Code><Message>canary</Message></Error>");
    Ok(Reply::new(status, Some(body.into_bytes())))
}

#[expect(clippy::unnecessary_wraps, reason = "an answer as it is asked for")]
fn done(content: &str) -> Asked {
    Ok(Reply::new(200, Some(content.as_bytes().to_vec())))
}

fn marker() -> Marker {
    Marker {
        name: ".plumbline/1".to_owned(),
        content: "content".to_owned(),
    }
}

fn judged(seen: &Seen) -> (Verdict, FindingReason, String) {
    let target = Target::new("s3.example.com", 443).unwrap();
    let finding = judge(seen, &marker(), ".plumbline/", &target);
    assert!(!finding.message.contains("canary"), "{}", finding.message);
    (finding.verdict, finding.reason, finding.message)
}

fn whole_cycle() -> Seen {
    Seen {
        put: Some(done("")),
        got: Some(done("content")),
        deleted: Some(Ok(Reply::new(204, None))),
        ..Seen::default()
    }
}

#[test]
fn a_marker_that_comes_back_and_goes_is_a_pass() {
    let (verdict, _, message) = judged(&whole_cycle());
    assert_eq!(verdict, Verdict::Pass);
    assert_eq!(message, "a marker was put, read back and deleted");
    let hidden = Seen {
        version_stays: true,
        ..whole_cycle()
    };
    let (verdict, _, message) = judged(&hidden);
    assert_eq!(verdict, Verdict::Pass);
    assert!(
        message.contains("a version of marker .plumbline/1 stays"),
        "{message}"
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn a_put_that_is_refused_fails_only_where_the_credentials_are_good() {
    use FindingReason::{CredentialsRefused, InvalidQuery, NoData, UnexpectedStatus};
    let denied = || reply(403, "AccessDenied");
    let empty = "<ListBucketResult></ListBucketResult>";
    let listing = Listing {
        prefix: String::new(),
        min_objects: 0,
        asked: 100,
    };
    for (put, got, listed, verdict, reason) in [
        (
            denied(),
            denied(),
            None,
            Verdict::Unknown,
            CredentialsRefused,
        ),
        (
            denied(),
            reply(404, "NoSuchKey"),
            None,
            Verdict::Fail,
            UnexpectedStatus,
        ),
        (
            denied(),
            denied(),
            Some(done(empty)),
            Verdict::Fail,
            UnexpectedStatus,
        ),
        (
            denied(),
            denied(),
            Some(denied()),
            Verdict::Unknown,
            CredentialsRefused,
        ),
        (
            denied(),
            reply(404, ""),
            None,
            Verdict::Unknown,
            CredentialsRefused,
        ),
        (
            reply(403, "InvalidAccessKeyId"),
            denied(),
            None,
            Verdict::Unknown,
            CredentialsRefused,
        ),
        (
            reply(403, "SignatureDoesNotMatch"),
            denied(),
            Some(done(empty)),
            Verdict::Unknown,
            CredentialsRefused,
        ),
        (
            reply(403, "RequestTimeTooSkewed"),
            denied(),
            None,
            Verdict::Unknown,
            CredentialsRefused,
        ),
        (
            reply(401, ""),
            denied(),
            None,
            Verdict::Unknown,
            CredentialsRefused,
        ),
        (
            reply(301, "PermanentRedirect"),
            denied(),
            None,
            Verdict::Unknown,
            InvalidQuery,
        ),
        (
            reply(503, "SlowDown"),
            denied(),
            None,
            Verdict::Unknown,
            NoData,
        ),
        (
            reply(404, "NoSuchBucket"),
            denied(),
            None,
            Verdict::Fail,
            UnexpectedStatus,
        ),
        (
            reply(507, ""),
            denied(),
            None,
            Verdict::Fail,
            UnexpectedStatus,
        ),
        (
            reply(403, "QuotaExceeded"),
            denied(),
            None,
            Verdict::Fail,
            UnexpectedStatus,
        ),
        (
            reply(500, ""),
            denied(),
            None,
            Verdict::Fail,
            UnexpectedStatus,
        ),
    ] {
        let seen = Seen {
            put: Some(put),
            got: Some(got),
            listed: listed.map(|asked| (listing.clone(), asked)),
            ..Seen::default()
        };
        let (found, why, message) = judged(&seen);
        assert_eq!((found, why), (verdict, reason), "{message}");
    }
}

#[test]
fn what_comes_back_must_be_what_was_put() {
    for (got, reason) in [
        (done("content "), FindingReason::UnexpectedBody),
        (done(""), FindingReason::UnexpectedBody),
        (Ok(Reply::new(200, None)), FindingReason::UnexpectedBody),
        (reply(404, "NoSuchKey"), FindingReason::UnexpectedStatus),
        (reply(500, "InternalError"), FindingReason::UnexpectedStatus),
    ] {
        let (verdict, why, message) = judged(&Seen {
            got: Some(got),
            ..whole_cycle()
        });
        assert_eq!((verdict, why), (Verdict::Fail, reason), "{message}");
    }
    let unreadable = Seen {
        got: Some(reply(403, "AccessDenied")),
        ..whole_cycle()
    };
    assert_eq!(judged(&unreadable).1, FindingReason::CredentialsRefused);
}

#[test]
fn a_marker_that_stays_is_told_whatever_else_is() {
    let timed_out = Finding::fail(FindingReason::TimedOut, "timed out");
    let denied = Seen {
        deleted: Some(reply(403, "AccessDenied")),
        ..whole_cycle()
    };
    let (verdict, reason, message) = judged(&denied);
    assert_eq!(
        (verdict, reason),
        (Verdict::Fail, FindingReason::UnexpectedStatus)
    );
    assert!(
        message.ends_with("; marker .plumbline/1 is left behind"),
        "{message}"
    );
    let hanging = Seen {
        put: Some(Err(timed_out.clone())),
        deleted: Some(Err(timed_out)),
        ..Seen::default()
    };
    let (verdict, reason, message) = judged(&hanging);
    assert_eq!((verdict, reason), (Verdict::Fail, FindingReason::TimedOut));
    assert_eq!(message, "timed out; marker .plumbline/1 may be left behind");
    let gone = Seen {
        deleted: Some(reply(404, "NoSuchKey")),
        ..whole_cycle()
    };
    assert_eq!(judged(&gone).0, Verdict::Pass);
}

#[test]
fn objects_are_counted_without_the_markers() {
    let contents: String = ["a", ".plumbline/2", "b"]
        .map(|key| format!("<Contents><Key>{key}</Key><Size>1</Size></Contents>"))
        .concat();
    let whole =
        format!("<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>");
    let cut = whole.replace("false", "true");
    for (body, fewest, verdict, reason) in [
        (whole.as_str(), 2, Verdict::Pass, FindingReason::Passed),
        (
            whole.as_str(),
            3,
            Verdict::Fail,
            FindingReason::UnexpectedValue,
        ),
        (cut.as_str(), 2, Verdict::Pass, FindingReason::Passed),
        (cut.as_str(), 3, Verdict::Unknown, FindingReason::NoData),
        ("<html/>", 0, Verdict::Fail, FindingReason::UnexpectedBody),
        ("", 0, Verdict::Fail, FindingReason::UnexpectedBody),
    ] {
        let listing = Listing {
            prefix: String::new(),
            min_objects: fewest,
            asked: 100,
        };
        let seen = Seen {
            listed: Some((listing, done(body))),
            ..Seen::default()
        };
        let (found, why, message) = judged(&seen);
        assert_eq!((found, why), (verdict, reason), "{message}");
    }
    let listing = Listing {
        prefix: String::new(),
        min_objects: 0,
        asked: 100,
    };
    let long = Seen {
        listed: Some((listing, Ok(Reply::new(200, None)))),
        ..Seen::default()
    };
    assert_eq!(judged(&long).1, FindingReason::NoData);
}

#[test]
fn what_is_certain_is_said_before_what_is_unclear() {
    let setting = Setting::Lifecycle(true);
    let seen = Seen {
        settings: vec![(setting, reply(501, "NotImplemented"))],
        ..whole_cycle()
    };
    assert_eq!(judged(&seen).0, Verdict::Unknown);
    let seen = Seen {
        got: Some(done("astray")),
        ..seen
    };
    assert_eq!(judged(&seen).1, FindingReason::UnexpectedBody);
}
