use super::*;
use crate::checks::verdict::Verdict;

fn expectation(yaml: &str) -> Expectation {
    let check = format!("{{engine: postgres, {yaml}}}");
    Expectation::new(&serde_yaml::from_str(&check).unwrap()).unwrap()
}

fn judge(yaml: &str, seen: &Observation) -> Finding {
    expectation(yaml).judge(seen, &Phases::default())
}

fn catalog(yaml: &str) -> Observation {
    Observation {
        catalog: Some(Catalog {
            all: serde_yaml::from_str(yaml).unwrap(),
            ..Catalog::default()
        }),
        ..Observation::default()
    }
}

fn says(finding: &Finding) -> (Verdict, FindingReason, &str) {
    (finding.verdict, finding.reason, &finding.message)
}

#[test]
fn the_first_value_is_compared_as_a_number_or_a_text() {
    let seen = |answer| Observation {
        answer: Some(answer),
        ..Observation::default()
    };
    let text = |text: &str| seen(Answer::of_text(Some(text.to_owned())));
    let least = "query: {statement: 'select 1', operator: AtLeast, value: '10'}";
    assert_eq!(judge(least, &text("10")).verdict, Verdict::Pass);
    assert_eq!(
        says(&judge(least, &text("9.5"))),
        (
            Verdict::Fail,
            FindingReason::UnexpectedValue,
            "the query's value 9.5 < 10"
        )
    );
    assert_eq!(
        says(&judge(least, &text("hunter2"))),
        (
            Verdict::Fail,
            FindingReason::UnexpectedValue,
            "the query's value is a string, and no number"
        )
    );
    let same = "query: {statement: 'select 1', value: 'true'}";
    assert_eq!(judge(same, &text("true")).verdict, Verdict::Pass);
    assert_eq!(judge(same, &text("false")).verdict, Verdict::Fail);
    for nothing in [Answer::NoRow, Answer::Unreadable("GEOMETRY".to_owned())] {
        let finding = judge(least, &seen(nothing));
        assert_eq!(
            (finding.verdict, finding.reason),
            (Verdict::Unknown, FindingReason::NoData)
        );
    }
}

#[test]
fn a_missing_table_and_a_missing_column_are_named() {
    let wanted = "tables: [{name: users, columns: [id, plan, age]}, {name: orders}]";
    let finding = judge(wanted, &catalog("{users: {id: 'bigint='}}"));
    assert_eq!(
        says(&finding),
        (
            Verdict::Fail,
            FindingReason::UnexpectedValue,
            "table users has no column plan, age; table orders is missing"
        )
    );
    let all = "{users: {id: int, plan: int, age: int}, shop.orders: {}}";
    assert_eq!(judge(wanted, &catalog(all)).verdict, Verdict::Pass);
}

#[test]
fn what_was_not_read_to_its_end_is_not_called_missing() {
    let mut seen = catalog("{users: {id: int}}");
    seen.catalog.as_mut().unwrap().is_cut = true;
    let finding = judge("tables: [{name: orders}]", &seen);
    assert_eq!(finding.verdict, Verdict::Unknown);
    assert_eq!(seen.catalog.unwrap().fingerprint(), None);
}

#[test]
fn sessions_that_cannot_be_seen_are_no_pass() {
    let wanted = "activity: {maxTransactionAge: 1m}";
    let seen = |longest_transaction, hidden_sessions| Observation {
        activity: Some(Activity {
            longest_transaction,
            hidden_sessions,
            ..Activity::default()
        }),
        ..Observation::default()
    };
    assert_eq!(judge(wanted, &seen(59.0, 0)).verdict, Verdict::Pass);
    assert_eq!(judge(wanted, &seen(59.0, 1)).verdict, Verdict::Unknown);
    assert_eq!(
        says(&judge(wanted, &seen(90.5, 1))),
        (
            Verdict::Fail,
            FindingReason::UnexpectedValue,
            "a transaction is open for 90.50s, over 1m"
        )
    );
    assert_eq!(judge(wanted, &seen(f64::NAN, 0)).verdict, Verdict::Fail);
}

#[test]
fn activity_is_held_against_its_thresholds() {
    let activity = Activity {
        connections: 81,
        connection_limit: 100,
        blocked_sessions: Some(2),
        replication: Replication::Behind(31.0),
        ..Activity::default()
    };
    for (wanted, message) in [
        (
            "maxConnectionsPercent: 80",
            "81 of 100 connections are used, over 80%",
        ),
        (
            "maxBlockedSessions: 1",
            "2 sessions wait for a lock, over 1",
        ),
        (
            "maxReplicationLag: 30s",
            "a replica is 31.00s behind, over 30s",
        ),
    ] {
        let seen = Observation {
            activity: Some(activity.clone()),
            ..Observation::default()
        };
        let finding = judge(&format!("activity: {{{wanted}}}"), &seen);
        assert_eq!(
            says(&finding),
            (Verdict::Fail, FindingReason::UnexpectedValue, message)
        );
    }
    let enough =
        "activity: {maxConnectionsPercent: 81, maxBlockedSessions: 2, maxReplicationLag: 31s}";
    let seen = |replication| Observation {
        activity: Some(Activity {
            replication,
            ..activity.clone()
        }),
        ..Observation::default()
    };
    assert_eq!(
        judge(enough, &seen(Replication::Behind(31.0))).verdict,
        Verdict::Pass
    );
    for replication in [Replication::None, Replication::Hidden] {
        assert_eq!(judge(enough, &seen(replication)).verdict, Verdict::Unknown);
    }
    assert_eq!(
        says(&judge(enough, &seen(Replication::Stopped))),
        (
            Verdict::Fail,
            FindingReason::UnexpectedValue,
            "replication has stopped"
        )
    );
}

#[test]
fn of_several_replicas_the_worst_counts() {
    use Replication::{Behind, Hidden, None, Stopped};
    for (one, other, worst) in [
        (None, Behind(1.0), Behind(1.0)),
        (Behind(2.0), Behind(1.0), Behind(2.0)),
        (Behind(2.0), Hidden, Hidden),
        (Stopped, Hidden, Stopped),
        (Behind(2.0), Stopped, Stopped),
    ] {
        assert_eq!(one.worse(other), worst);
        assert_eq!(other.worse(one), worst);
    }
}

#[test]
fn a_phase_over_its_latency_is_too_slow() {
    let phases = Phases {
        dns: Some(Duration::from_millis(60)),
        connect: Some(Duration::from_millis(50)),
        authenticate: Some(Duration::from_millis(5)),
        query: Some(Duration::from_millis(1)),
        ..Phases::default()
    };
    let wanted = expectation("maxLatency: {connect: 100ms, authenticate: 5ms}");
    assert_eq!(
        says(&wanted.judge(&Observation::default(), &phases)),
        (
            Verdict::Fail,
            FindingReason::TooSlow,
            "connected in 110ms, over 100ms"
        )
    );
}

#[test]
fn a_statement_that_does_not_begin_to_read_is_refused() {
    let refused = |statement: &str| {
        let query = serde_json::json!({"statement": statement, "operator": "Exists"});
        let check = serde_json::json!({"engine": "postgres", "query": query});
        Expectation::new(&serde_json::from_value(check).unwrap()).is_err()
    };
    for statement in [
        "DELETE FROM t",
        "",
        "selectx",
        "COPY t TO PROGRAM 'sh'",
        "-- x\nDROP TABLE t",
    ] {
        assert!(refused(statement), "{statement}");
    }
    for statement in ["  SELECT 1;", "with x as (select 1) table x", "VALUES(1)"] {
        assert!(!refused(statement), "{statement}");
    }
}

#[test]
fn every_statement_that_the_schema_admits_is_taken_and_none_that_begins_otherwise() {
    let words = regex::Regex::new("(?i)^(select|with|values|table)([^a-z]|$)").unwrap();
    crate::fuzz::hold_text("sql_statement", |text| match reading(text, "field") {
        Ok(statement) => {
            assert!(words.is_match(&statement), "{text:?}");
            assert!(
                !statement.ends_with(';') && !statement.contains('\0'),
                "{text:?}"
            );
            assert_eq!(
                reading(&statement, "field"),
                Ok(statement.clone()),
                "{text:?}"
            );
        }
        Err(_) => assert!(
            !words.is_match(text.trim()) || text.contains('\0'),
            "{text:?}"
        ),
    });
}
