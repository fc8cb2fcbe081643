use super::*;
use crate::checks::verdict::Verdict;

fn judge(yaml: &str, lengths: &[Option<u64>], info: &str) -> Finding {
    let check: api::RedisCheck =
        serde_yaml::from_str(&format!("host: cache.example.com\n{yaml}")).unwrap();
    let observation = Observation {
        lengths: lengths.to_vec(),
        info: Info::parse(info),
    };
    let target = Target::new("cache.example.com", 6379).unwrap();
    Expectation::new(&check)
        .unwrap()
        .judge(&observation, &target)
}

#[track_caller]
fn assert_message(finding: &Finding, verdict: Verdict, message: &str) {
    assert_eq!(finding.verdict, verdict, "{}", finding.message);
    assert!(finding.message.ends_with(message), "{}", finding.message);
}

#[test]
fn a_key_must_be_there_and_a_missing_one_has_length_zero() {
    let exists = "keys: [{key: settings}]";
    assert_message(
        &judge(exists, &[Some(3)], ""),
        Verdict::Pass,
        "keys as expected",
    );
    let missing = judge(exists, &[None], "");
    assert_message(&missing, Verdict::Fail, ": key settings is missing");
    let length = "keys: [{key: jobs, length: {operator: AtLeast, value: 1}}]";
    let empty = judge(length, &[None], "");
    assert_message(&empty, Verdict::Fail, ": length of jobs is 0 < 1");
}

#[test]
fn every_operator_holds_on_its_own_side() {
    for (operator, below, equal, above) in [
        ("Equals", false, true, false),
        ("NotEquals", true, false, true),
        ("LessThan", true, false, false),
        ("AtMost", true, true, false),
        ("GreaterThan", false, false, true),
        ("AtLeast", false, true, true),
    ] {
        for (length, holds) in [(4, below), (5, equal), (6, above)] {
            let yaml = format!("keys: [{{key: jobs, length: {{operator: {operator}, value: 5}}}}]");
            let finding = judge(&yaml, &[Some(length)], "");
            assert_eq!(
                finding.verdict == Verdict::Pass,
                holds,
                "{length} {operator} 5"
            );
        }
    }
}

#[test]
fn memory_is_judged_against_maxmemory_and_unknown_without_one() {
    let yaml = "maxMemoryPercent: 80";
    let said = |used: u64, most: u64| format!("used_memory:{used}\r\nmaxmemory:{most}\r\n");
    assert_eq!(judge(yaml, &[], &said(80, 100)).verdict, Verdict::Pass);
    let over = judge(yaml, &[], &said(801, 1000));
    assert_message(&over, Verdict::Fail, ": memory is 80.1% of maxmemory > 80%");
    assert_eq!(
        judge(yaml, &[], &said(u64::MAX, u64::MAX)).verdict,
        Verdict::Fail
    );
    let unbound = judge(yaml, &[], &said(80, 0));
    assert_message(&unbound, Verdict::Unknown, ": maxmemory is not set");
    assert_eq!(judge(yaml, &[], "").reason, FindingReason::NoData);
}

#[test]
fn a_replica_needs_its_link_and_hears_of_its_primary() {
    let yaml = "replication: {role: Replica, maxLag: 15s}";
    let said = |link: &str, ago: &str| {
        format!("role:slave\nmaster_link_status:{link}\nmaster_last_io_seconds_ago:{ago}\n")
    };
    assert_eq!(judge(yaml, &[], &said("up", "15")).verdict, Verdict::Pass);
    let late = judge(yaml, &[], &said("up", "16"));
    assert_message(
        &late,
        Verdict::Fail,
        ": heard of its primary 16.00s ago > 15s",
    );
    let down = judge(yaml, &[], &said("down", "-1"));
    assert_message(&down, Verdict::Fail, "is down, expected up");
    assert_eq!(
        judge(yaml, &[], &said("up", "-1")).verdict,
        Verdict::Unknown
    );
    let promoted = judge(yaml, &[], "role:master\n");
    assert_message(
        &promoted,
        Verdict::Fail,
        ": role is Primary, expected Replica",
    );
    assert_eq!(judge(yaml, &[], "").reason, FindingReason::NoData);
}

#[test]
fn a_primary_counts_the_replicas_that_it_heard_of() {
    let yaml = "replication: {role: Primary, minReplicas: 2, maxLag: 5s}";
    let said = "role:master\nslave0:state=online,lag=5\nslave1:state=online,lag=6\n";
    let one = judge(yaml, &[], said);
    assert_message(&one, Verdict::Fail, ": replicas online are 1 < 2");
    let patient = "replication: {role: Primary, minReplicas: 2}";
    assert_eq!(judge(patient, &[], said).verdict, Verdict::Pass);
}

#[test]
fn a_certain_fault_is_said_before_one_that_leaves_it_open() {
    let yaml = "maxMemoryPercent: 80\nkeys: [{key: a}]";
    let finding = judge(yaml, &[None], "used_memory:1\nmaxmemory:0\n");
    assert_message(&finding, Verdict::Fail, ": key a is missing");
}
