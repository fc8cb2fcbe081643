//! Redis servers, real ones and such as misbehave.

use std::{fs, time::Duration};

use plumbline::{
    api::RedisCheck,
    checks::{
        redis::RedisProbe,
        verdict::{FindingReason, Measurement, Verdict},
    },
};
use secrecy::SecretString;

use super::{assert_says, measure, measure_within, network, network_trusting, says};
use crate::support::{
    eventually::eventually,
    hostile::Authority,
    redis::{PASSWORD, Redis, Stub, stub},
    services::free_port,
};

fn probe_with(yaml: &str, password: &str) -> RedisProbe {
    let check: RedisCheck = serde_yaml::from_str(yaml).unwrap();
    RedisProbe::new(&check, &|_| Some(SecretString::from(password))).unwrap()
}

async fn check(yaml: &str) -> Measurement {
    measure(&probe_with(yaml, PASSWORD), &network().session()).await
}

async fn check_stub(behaviour: Stub, more: &str) -> Measurement {
    let port = stub(behaviour).await;
    check(&format!("host: 127.0.0.1\nport: {port}\n{more}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_type_are_counted_over_one_connection() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    for words in [
        &["RPUSH", "list", "a", "b"][..],
        &["SADD", "set", "a", "b"],
        &["ZADD", "sorted", "1", "a", "2", "b"],
        &["HSET", "hash", "a", "1", "b", "2"],
        &["XADD", "stream", "*", "a", "1"],
        &["XADD", "stream", "*", "a", "1"],
        &["SET", "string", "ab"],
    ] {
        redis.ask::<redis::Value>(words).await;
    }
    let keys: Vec<String> = ["list", "set", "sorted", "hash", "stream", "string"]
        .map(|key| format!("{{key: {key}, length: {{operator: Equals, value: 2}}}}"))
        .to_vec();
    let connections = async || {
        let info: String = redis.ask(&["INFO", "stats"]).await;
        let line = info
            .lines()
            .find(|it| it.starts_with("total_connections"))
            .unwrap();
        line.split(':')
            .nth(1)
            .unwrap()
            .trim()
            .parse::<u64>()
            .unwrap()
    };
    let before = connections().await;
    let fields = redis.fields();
    let measured = check(&format!("{fields}database: 0\nkeys: [{}]", keys.join(", "))).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    let phases = measured.phases;
    assert!(phases.connect.is_some() && phases.authenticate.is_some() && phases.query.is_some());
    assert_eq!(connections().await, before + 1);
    let other = check(&format!("{fields}database: 1\nkeys: [{{key: list}}]")).await;
    let message = format!("127.0.0.1:{}: key list is missing", redis.port());
    assert_eq!(
        says(&other),
        (Verdict::Fail, FindingReason::UnexpectedValue, &*message)
    );
    let beyond = check(&format!("{fields}database: 99")).await;
    assert_says(&beyond, Verdict::Unknown, FindingReason::NoData);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_that_are_refused_leave_it_unknown_and_are_not_shown() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    // The connection of the test stays logged in.
    redis
        .ask::<()>(&["CONFIG", "SET", "requirepass", "another"])
        .await;
    let anonymous = check(&format!("host: 127.0.0.1\nport: {}", redis.port())).await;
    let wrong = "canary-4f1d";
    let probe = probe_with(&redis.fields(), wrong);
    let refused = measure(&probe, &network().session()).await;
    let right = check(&redis.fields()).await;
    assert_says(&right, Verdict::Pass, FindingReason::Passed);
    for measured in [&anonymous, &refused] {
        assert_says(
            measured,
            Verdict::Unknown,
            FindingReason::CredentialsRefused,
        );
        assert!(!measured.finding.message.contains(wrong));
    }
    assert!(!format!("{probe:?}").contains(wrong));
    redis
        .ask::<()>(&["ACL", "SETUSER", "plumbline", "-info"])
        .await;
    let may_not = check(&format!("{}maxMemoryPercent: 80", redis.fields())).await;
    assert_says(
        &may_not,
        Verdict::Unknown,
        FindingReason::CredentialsRefused,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_is_held_against_maxmemory() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let yaml = format!("{}maxMemoryPercent: 80", redis.fields());
    let unbound = check(&yaml).await;
    assert_says(&unbound, Verdict::Unknown, FindingReason::NoData);
    redis
        .ask::<()>(&["CONFIG", "SET", "maxmemory", "1gb"])
        .await;
    assert_says(&check(&yaml).await, Verdict::Pass, FindingReason::Passed);
    let value = "x".repeat(4 << 20);
    redis.ask::<()>(&["SET", "large", &value]).await;
    redis
        .ask::<()>(&["CONFIG", "SET", "maxmemory", "5mb"])
        .await;
    assert_says(
        &check(&yaml).await,
        Verdict::Fail,
        FindingReason::UnexpectedValue,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_of_a_replication_tells_its_part() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    let as_primary = format!(
        "{}replication: {{role: Primary, minReplicas: 1}}",
        redis.fields()
    );
    let lonely = check(&as_primary).await;
    assert_says(&lonely, Verdict::Fail, FindingReason::UnexpectedValue);
    let replica = redis.replica().await;
    eventually("the primary to count its replica", || async {
        let finding = check(&as_primary).await;
        (finding.finding.verdict == Verdict::Pass)
            .then_some(())
            .ok_or(finding)
    })
    .await;
    let as_replica = format!(
        "{}replication: {{role: Replica, maxLag: 1h}}",
        replica.fields()
    );
    assert_says(
        &check(&as_primary).await,
        Verdict::Pass,
        FindingReason::Passed,
    );
    assert_says(
        &check(&as_replica).await,
        Verdict::Pass,
        FindingReason::Passed,
    );
    let port = free_port().to_string();
    replica.ask::<()>(&["REPLICAOF", "127.0.0.1", &port]).await;
    let cut_off = check(&as_replica).await;
    assert_says(&cut_off, Verdict::Fail, FindingReason::UnexpectedValue);
    assert!(cut_off.finding.message.ends_with("is down, expected up"));
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_needs_a_certificate_that_names_the_host() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let (certificate, key) = authority.write_good_for("localhost", folder.path());
    let port = free_port().to_string();
    let arguments = [
        "--tls-port",
        &port,
        "--tls-cert-file",
        &certificate,
        "--tls-key-file",
        &key,
        "--tls-auth-clients",
        "no",
    ];
    let Some(_redis) = Redis::start(&arguments).await else {
        return;
    };
    let session = network_trusting(&authority).session();
    let of = |host: &str| probe_with(&format!("host: {host}\nport: {port}\ntls: true"), "");
    let named = measure(&of("localhost"), &session).await;
    assert_says(&named, Verdict::Pass, FindingReason::Passed);
    assert!(named.phases.tls.is_some());
    let unnamed = measure(&of("127.0.0.1"), &session).await;
    assert_says(&unnamed, Verdict::Unknown, FindingReason::TlsFailed);
    let plain = check(&format!("host: 127.0.0.1\nport: {port}")).await;
    assert_eq!(
        plain.finding.verdict,
        Verdict::Fail,
        "{}",
        plain.finding.message
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stands_still_times_out() {
    let Some(redis) = Redis::start(&[]).await else {
        return;
    };
    redis.service().signal("STOP");
    let probe = probe_with(&redis.fields(), PASSWORD);
    let limit = Duration::from_millis(300);
    let measured = measure_within(limit, &probe, &network().session()).await;
    assert_says(&measured, Verdict::Fail, FindingReason::TimedOut);
    redis.service().signal("CONT");
    assert_says(
        &check(&redis.fields()).await,
        Verdict::Pass,
        FindingReason::Passed,
    );
}

#[tokio::test]
async fn what_is_no_redis_is_a_protocol_error_and_is_not_quoted() {
    let nested = "*1\r\n".repeat(100_000);
    let wide = "*4096\r\n".repeat(1000);
    for answer in [
        "HTTP/1.1 400 canary\r\n\r\n",
        "SSH-2.0-canary\r\n",
        "+canary\r\n",
        ":7\r\n",
        "$6\r\ncanary\r\n",
        "$x\r\n",
        "*-2\r\n",
        "%-1\r\n",
        "%9223372036854775807\r\n",
        "*9223372036854775807\r\n:x\r\n",
        "|9223372036854775807\r\n:x\r\n",
        ">1\r\n:1\r\n",
        "-ERR canary\r\n",
        "-canary canary\r\n",
        "\0\0\0\0",
        &nested,
        &wide,
    ] {
        let measured = check_stub(Stub::SaysThenCloses(answer.into()), "").await;
        let (verdict, reason, message) = says(&measured);
        let start = &answer[..answer.len().min(40)];
        assert_eq!(verdict, Verdict::Fail, "{start:?}: {message}");
        let expected = [FindingReason::ProtocolError, FindingReason::ConnectionReset];
        assert!(expected.contains(&reason), "{start:?}: {message}");
        assert!(!message.contains("canary"), "{start:?}: {message}");
    }
}

#[tokio::test]
async fn an_answer_without_end_is_cut_and_memory_stays_within_bounds() {
    for (first, then) in [
        ("", "+OK\r\n"),
        ("+", "aaaaaaaa"),
        ("$536870912\r\n", "aaaaaaaa"),
        ("*1000000000\r\n", "_\r\n_\r\n_\r\n"),
        ("+PONG\r\n*1000000000\r\n", ":1\r\n:1\r\n"),
    ] {
        let before = resident();
        let stub = Stub::Endless(first.into(), then.repeat(4096).into());
        let measured = check_stub(stub, "keys: [{key: a}]").await;
        let (verdict, reason, message) = says(&measured);
        assert_eq!(verdict, Verdict::Fail, "{first:?} {then:?}: {message}");
        assert_eq!(
            reason,
            FindingReason::ProtocolError,
            "{first:?} {then:?}: {message}"
        );
        assert!(resident() < before + (64 << 20), "{first:?} {then:?}");
    }
}

#[tokio::test]
async fn silence_and_a_closed_connection_are_told_apart() {
    let port = stub(Stub::Silent).await;
    let probe = probe_with(&format!("host: 127.0.0.1\nport: {port}"), "");
    let limit = Duration::from_millis(100);
    let silent = measure_within(limit, &probe, &network().session()).await;
    assert_says(&silent, Verdict::Fail, FindingReason::TimedOut);
    for start in ["", "+PO", "+PONG\r\n", "$-1", "*3\r\n:1\r\n"] {
        let stub = Stub::SaysThenCloses(start.into());
        let measured = check_stub(stub, "keys: [{key: a}]").await;
        assert_says(&measured, Verdict::Fail, FindingReason::ConnectionReset);
    }
    let stub = Stub::Says("+PONG\r\n+no".into());
    let half = check_stub(stub, "").await;
    assert_says(&half, Verdict::Pass, FindingReason::Passed);
    let refused = check(&format!("host: 127.0.0.1\nport: {}", free_port())).await;
    assert_says(&refused, Verdict::Fail, FindingReason::ConnectionRefused);
    for (answer, verdict) in [
        ("-LOADING Redis is loading\r\n", Verdict::Fail),
        ("-DENIED protected mode\r\n", Verdict::Unknown),
        ("-NOAUTH Authentication required.\r\n", Verdict::Unknown),
    ] {
        let measured = check_stub(Stub::Says(answer.into()), "").await;
        assert_eq!(measured.finding.verdict, verdict, "{answer}");
    }
}

#[test]
fn a_server_that_cannot_be_asked_is_refused_without_showing_a_secret() {
    for yaml in [
        "host: a b",
        "host: ''",
        "host: user@cache",
        "host: cache\nport: 0",
        "host: cache\nuser: me",
        "host: cache\nkeys: [{key: ''}]",
        "host: cache\nmaxMemoryPercent: 101",
        "host: cache\nreplication: {role: Replica, minReplicas: 1}",
        "host: cache\npassword: {secretKeyRef: {name: cache, key: password}}",
    ] {
        let check: RedisCheck = serde_yaml::from_str(yaml).unwrap();
        let error = RedisProbe::new(&check, &|_| None).unwrap_err();
        assert!(error.field.starts_with("redis."), "{error}");
    }
}

/// The part of this process that is in memory, in bytes.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
