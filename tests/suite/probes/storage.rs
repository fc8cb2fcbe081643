//! The `storage` check against versitygw, which verifies every signature; against servers that misbehave; and against folders.

use std::{fs, path::Path, time::Duration};

use plumbline::{
    api::StorageCheck,
    checks::{
        net::{NetworkSettings, settings::LocalFiles},
        storage::StorageProbe,
        verdict::{
            FindingReason::{self, *},
            Measurement,
            Verdict::{self, *},
        },
    },
};
use secrecy::SecretString;

use super::{assert_says, measure, measure_within, network, network_with, says};
use crate::support::{
    hostile::{Behaviour, Server},
    storage::{GUEST, GUEST_SECRET, OWNER, SECRET, Storage, fields},
};

fn compile(yaml: &str, id: &str, secret: &str) -> Result<StorageProbe, String> {
    let check: StorageCheck =
        serde_yaml::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"));
    let value = |reference: &plumbline::api::SecretKeyReference| {
        let value = if reference.key == "id" { id } else { secret };
        Some(SecretString::from(value))
    };
    StorageProbe::new(&check, &value).map_err(|error| error.to_string())
}

async fn ask_as(id: &str, secret: &str, yaml: &str) -> Measurement {
    let probe = compile(yaml, id, secret).unwrap();
    let measured = measure(&probe, &network().session()).await;
    assert!(!format!("{probe:?}{}", measured.finding.message).contains("canary"));
    measured
}

async fn ask(yaml: &str) -> Measurement {
    ask_as(OWNER, SECRET, yaml).await
}

#[tokio::test]
async fn a_marker_comes_back_and_nothing_of_it_stays() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    let yaml = fields(&storage.url(), "files");
    let measured = ask(&yaml).await;
    let message = "a marker was put, read back and deleted";
    assert_eq!(says(&measured), (Pass, Passed, message));
    assert!(measured.phases.connect.is_some() && measured.phases.first_byte.is_some());
    assert_eq!(storage.left("files").await, 0);

    storage.create("versioned").await;
    storage.keep_versions("versioned").await;
    let yaml = fields(&storage.url(), "versioned");
    assert_says(&ask(&yaml).await, Pass, Passed);
    assert_eq!(storage.left("versioned").await, 0);
}

#[tokio::test]
async fn a_bucket_is_listed_and_its_configuration_is_told_or_unknown() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    for name in [
        "files/a",
        "files/in%20voices/1%2B1",
        "files/in%20voices/2",
        "files/.plumbline/old",
    ] {
        storage.put(name, "x").await;
    }
    storage.create("versioned").await;
    storage.keep_versions("versioned").await;
    for (bucket, rest, verdict, reason) in [
        ("files", "list: {}", Pass, Passed),
        ("files", "list: {minObjects: 3}", Pass, Passed),
        ("files", "list: {minObjects: 4}", Fail, UnexpectedValue),
        (
            "files",
            "list: {prefix: 'in voices/', minObjects: 2}",
            Pass,
            Passed,
        ),
        (
            "files",
            "list: {prefix: 'in voices/1+', minObjects: 1}",
            Pass,
            Passed,
        ),
        (
            "files",
            "list: {prefix: 'ü~/*', minObjects: 1}",
            Fail,
            UnexpectedValue,
        ),
        ("files", "expect: {versioning: Disabled}", Pass, Passed),
        (
            "files",
            "expect: {versioning: Enabled}",
            Fail,
            UnexpectedValue,
        ),
        ("versioned", "expect: {versioning: Enabled}", Pass, Passed),
        ("files", "expect: {encryption: Any}", Unknown, NoData),
        (
            "files",
            "expect: {publicAccessBlocked: false}",
            Unknown,
            NoData,
        ),
        ("files", "expect: {lifecycle: false}", Unknown, NoData),
        ("missing", "list: {}", Fail, UnexpectedStatus),
        (
            "missing",
            "expect: {versioning: Enabled}",
            Fail,
            UnexpectedStatus,
        ),
    ] {
        let yaml = format!("{}cycle: false\n{rest}", fields(&storage.url(), bucket));
        let measured = ask(&yaml).await;
        let found = (measured.finding.verdict, measured.finding.reason);
        assert_eq!(
            found,
            (verdict, reason),
            "{bucket} {rest}: {}",
            measured.finding.message
        );
    }
    assert_says(
        &ask(&fields(&storage.url(), "missing")).await,
        Fail,
        UnexpectedStatus,
    );
    assert_eq!(storage.left("files").await, 4);
}

#[tokio::test]
async fn a_storage_that_refuses_writes_fails_and_one_that_does_not_know_us_is_unknown() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    let yaml = fields(&storage.url(), "files");
    storage.invite("files", &["s3:GetObject"]).await;
    let guest = ask_as(GUEST, GUEST_SECRET, &yaml).await;
    assert_says(&guest, Fail, UnexpectedStatus);
    assert!(
        guest.finding.message.contains("refuses its writes"),
        "{}",
        guest.finding.message
    );
    for (actions, rest, verdict, reason) in [
        (&["s3:ListBucket"][..], "list: {}", Fail, UnexpectedStatus),
        (&["s3:GetBucketVersioning"], "", Unknown, CredentialsRefused),
        (
            &["s3:GetBucketVersioning"],
            "list: {}",
            Unknown,
            CredentialsRefused,
        ),
        (
            &["s3:PutObject", "s3:DeleteObject"],
            "",
            Unknown,
            CredentialsRefused,
        ),
        (
            &["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
            "",
            Pass,
            Passed,
        ),
        (
            &["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
            "expect: {versioning: Disabled}",
            Unknown,
            CredentialsRefused,
        ),
    ] {
        storage.allow("files", actions).await;
        let measured = ask_as(GUEST, GUEST_SECRET, &format!("{yaml}{rest}")).await;
        let found = (measured.finding.verdict, measured.finding.reason);
        assert_eq!(
            found,
            (verdict, reason),
            "{actions:?} {rest}: {}",
            measured.finding.message
        );
        assert_eq!(storage.left("files").await, 0, "{actions:?}");
    }
    for (id, secret) in [(OWNER, "canary-wrong"), ("canary-nobody", SECRET)] {
        let measured = ask_as(id, secret, &yaml).await;
        assert_says(&measured, Unknown, CredentialsRefused);
    }
    let elsewhere = yaml.replace("eu-central-1", "us-east-1");
    assert_says(&ask(&elsewhere).await, Unknown, InvalidQuery);
}

#[tokio::test]
async fn a_marker_that_may_not_be_deleted_is_told() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    let yaml = fields(&storage.url(), "files");
    storage
        .invite("files", &["s3:PutObject", "s3:GetObject"])
        .await;
    let measured = ask_as(GUEST, GUEST_SECRET, &yaml).await;
    assert_says(&measured, Fail, UnexpectedStatus);
    let message = &measured.finding.message;
    assert!(
        message.contains("; marker .plumbline/") && message.ends_with(" is left behind"),
        "{message}"
    );
    assert_eq!(storage.left("files").await, 1);

    storage.create("versioned").await;
    storage.keep_versions("versioned").await;
    storage
        .allow(
            "versioned",
            &["s3:PutObject", "s3:GetObject", "s3:DeleteObject"],
        )
        .await;
    let yaml = fields(&storage.url(), "versioned");
    let measured = ask_as(GUEST, GUEST_SECRET, &yaml).await;
    assert_says(&measured, Pass, Passed);
    let message = &measured.finding.message;
    assert!(message.contains("a version of marker"), "{message}");
}

#[tokio::test]
async fn the_delete_is_tried_after_a_put_that_got_no_answer() {
    let server = Server::start(Behaviour::Hang).await;
    let probe = compile(&fields(&server.url(""), "files"), OWNER, SECRET).unwrap();
    let measured = measure_within(Duration::from_secs(1), &probe, &network().session()).await;
    assert_says(&measured, Fail, TimedOut);
    let message = &measured.finding.message;
    assert!(message.ends_with(" may be left behind"), "{message}");
    let heads: Vec<_> = server.requests().iter().map(|it| it.head.clone()).collect();
    assert_eq!(heads.len(), 2, "{heads:?}");
    let (put, delete) = (&heads[0], &heads[1]);
    let key = put.split(' ').nth(1).unwrap();
    assert!(put.starts_with("PUT /files/.plumbline/"), "{put}");
    assert!(
        delete.starts_with(&format!("DELETE {key} HTTP/1.1")),
        "{delete}"
    );
    assert!(!put.contains(SECRET) && !delete.contains(SECRET));
}

#[tokio::test]
async fn a_server_that_is_no_storage_fails_within_its_bounds() {
    let full = "<Error><Code>XMinioStorageFull</Code><Message>canary</Message></Error>";
    let cases: [(Behaviour, Verdict, FindingReason); 9] = [
        (Behaviour::Drip(Duration::from_millis(50)), Fail, TimedOut),
        (Behaviour::CloseInBody, Fail, ConnectionReset),
        (Behaviour::ResetInBody, Fail, ConnectionReset),
        (
            Behaviour::Raw(b"SSH-2.0-x\r\n".to_vec()),
            Fail,
            ProtocolError,
        ),
        (
            Behaviour::Json(503, "canary".to_owned()),
            Fail,
            UnexpectedStatus,
        ),
        (
            Behaviour::Json(507, full.to_owned()),
            Fail,
            UnexpectedStatus,
        ),
        // Whoever answers everything with 200 has not kept what was put.
        (Behaviour::Ok, Fail, UnexpectedBody),
        (Behaviour::Echo, Fail, UnexpectedBody),
        (Behaviour::Endless, Fail, UnexpectedBody),
    ];
    for (behaviour, verdict, reason) in cases {
        let shown = format!("{behaviour:?}");
        let server = Server::start(behaviour).await;
        let probe = compile(&fields(&server.url(""), "files"), OWNER, SECRET).unwrap();
        let limit = Duration::from_secs(2);
        let measured = measure_within(limit, &probe, &network().session()).await;
        let found = (measured.finding.verdict, measured.finding.reason);
        assert_eq!(
            found,
            (verdict, reason),
            "{shown}: {}",
            measured.finding.message
        );
        assert!(!measured.finding.message.contains("canary"), "{shown}");
    }
}

#[tokio::test]
async fn a_configuration_as_amazon_tells_it_is_held_to_what_is_expected() {
    let block = |last: &str| {
        format!(
            "<PublicAccessBlockConfiguration xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls>\
             <BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>{last}</RestrictPublicBuckets>\
             </PublicAccessBlockConfiguration>"
        )
    };
    for (status, body, verdict, reason) in [
        (200, block("true"), Pass, Passed),
        (200, block("false"), Fail, UnexpectedValue),
        (
            404,
            "<Error><Code>NoSuchPublicAccessBlockConfiguration</Code></Error>".to_owned(),
            Fail,
            UnexpectedValue,
        ),
        (
            403,
            "<Error><Code>AccessDenied</Code></Error>".to_owned(),
            Unknown,
            CredentialsRefused,
        ),
        (200, "a".repeat(2 << 20), Unknown, NoData),
        (200, "<a>".repeat(300_000), Unknown, NoData),
    ] {
        let server = Server::start(Behaviour::Json(status, body)).await;
        let yaml = format!(
            "{}cycle: false\nexpect: {{publicAccessBlocked: true}}",
            fields(&server.url(""), "files")
        );
        let measured = ask(&yaml).await;
        assert_says(&measured, verdict, reason);
        let head = &server.requests()[0].head;
        assert!(
            head.starts_with("GET /files/?publicAccessBlock= HTTP/1.1"),
            "{head}"
        );
        assert!(
            head.to_ascii_lowercase()
                .contains("\r\nauthorization: aws4-hmac-sha256 credential="),
            "{head}"
        );
    }
}

#[tokio::test]
async fn no_bucket_is_reached_past_the_egress_rule() {
    let network =
        plumbline::checks::net::Network::new(&NetworkSettings::default(), Vec::new()).unwrap();
    let probe = compile(&fields("http://127.0.0.1:9", "files"), OWNER, SECRET).unwrap();
    let measured = measure(&probe, &network.session()).await;
    assert_says(&measured, Unknown, TargetNotAllowed);
}

async fn look(path: &Path, rest: &str) -> Measurement {
    let yaml = format!("local: {{path: '{}'{rest}}}", path.display());
    let probe = compile(&yaml, "", "").unwrap();
    let mut settings = NetworkSettings::default();
    settings.egress.files = LocalFiles::Allow;
    measure(&probe, &network_with(settings).session()).await
}

#[tokio::test]
async fn a_folder_takes_a_marker_and_has_room() {
    let folder = tempfile::tempdir().unwrap();
    assert_says(
        &look(folder.path(), ", minFreeBytes: 1").await,
        Pass,
        Passed,
    );
    let markers = fs::read_dir(folder.path().join(".plumbline")).unwrap();
    assert_eq!(markers.count(), 0);
    let most = u64::MAX >> 1;
    let measured = look(folder.path(), &format!(", minFreeBytes: {most}")).await;
    assert_says(&measured, Fail, UnexpectedValue);
    assert_says(
        &look(&folder.path().join("missing"), "").await,
        Fail,
        UnexpectedValue,
    );
    let file = folder.path().join("file");
    fs::write(&file, "").unwrap();
    assert_says(&look(&file, "").await, Fail, UnexpectedValue);
    // Nothing can be made in there by anybody.
    assert_eq!(look(Path::new("/proc"), "").await.finding.verdict, Fail);
}

#[tokio::test]
async fn a_folder_is_left_alone_where_checks_may_open_no_files() {
    let mut settings = NetworkSettings::default();
    settings.egress.files = LocalFiles::Deny;
    let folder = tempfile::tempdir().unwrap();
    let probe = compile(
        &format!("local: {{path: '{}'}}", folder.path().display()),
        "",
        "",
    )
    .unwrap();
    let measured = measure(&probe, &network_with(settings).session()).await;
    assert_says(&measured, Unknown, TargetNotAllowed);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_measured_is_refused_with_its_field() {
    let bucket = fields("http://a", "files");
    for (yaml, field) in [
        ("{}", ""),
        ("{local: {path: data}}", ".local.path"),
        ("{local: {path: /data/../etc}}", ".local.path"),
        ("{local: {path: /data}, prefix: ../}", ".prefix"),
        ("{local: {path: /data}, prefix: /etc/}", ".prefix"),
        ("{local: {path: /data}, cycle: false}", ".cycle"),
        ("{local: {path: /data}, list: {}}", ""),
        (&format!("{bucket}local: {{path: /data}}"), ""),
        (&format!("{bucket}cycle: false"), ".cycle"),
        (&format!("{bucket}prefix: 'a?b'"), ".prefix"),
        (
            &format!("{bucket}list: {{minObjects: 501}}"),
            ".list.minObjects",
        ),
        (&bucket.replace("http://a", "http://a/b"), ".s3.endpoint"),
        (&bucket.replace("http://a", "ftp://a"), ".s3.endpoint"),
        (
            &bucket.replace("bucket: files", "bucket: a/b"),
            ".s3.bucket",
        ),
        (&bucket.replace("eu-central-1", "eu/central"), ".s3.region"),
    ] {
        let error = compile(yaml, OWNER, SECRET).unwrap_err();
        assert!(
            error.starts_with(&format!("storage{field}: ")),
            "{yaml}: {error}"
        );
    }
    for (id, secret, field) in [
        ("", SECRET, "accessKeyId"),
        ("canary\r\nx: y", SECRET, "accessKeyId"),
        (OWNER, "canary x", "secretAccessKey"),
    ] {
        let error = compile(&bucket, id, secret).unwrap_err();
        assert!(
            error.starts_with(&format!("storage.s3.{field}: ")),
            "{error}"
        );
        assert!(!error.contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_stands_still_fails_and_one_that_goes_on_passes() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    let probe = compile(&fields(&storage.url(), "files"), OWNER, SECRET).unwrap();
    storage.service().signal("STOP");
    let measured = measure_within(Duration::from_secs(1), &probe, &network().session()).await;
    assert_says(&measured, Fail, TimedOut);
    storage.service().signal("CONT");
    let measured = measure(&probe, &network().session()).await;
    assert_says(&measured, Pass, Passed);
}
