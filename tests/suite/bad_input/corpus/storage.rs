//! Storages that cannot be reached, and places that no check may write to.

use serde_json::{Value, json};

use super::super::row::{Row, refuse};

const CHECK: &str = "spec.checks[1]";

/// Every row.
pub fn rows() -> Vec<Row> {
    let check = |storage: Value| json!({"name": "port", "storage": storage});
    let folder = |path: &str| check(json!({"local": {"path": path}}));
    let bucket = |field: &str, value: &str| {
        let key = json!({"secretKeyRef": {"name": "a", "key": "k"}});
        let mut bucket = json!({"region": "auto", "bucket": "files", "accessKeyId": key, "secretAccessKey": key});
        bucket[field] = value.into();
        check(json!({"s3": bucket}))
    };
    let path = "spec.checks[1].storage.local.path";
    let mut rows: Vec<Row> = ["data", "/data/../etc", "/..", "/./data", "", "/a\nb"]
        .map(|text| refuse("S33", CHECK, folder(text)).naming(path))
        .into();
    rows.extend([
        refuse(
            "S33",
            CHECK,
            check(json!({"local": {"path": "/data"}, "prefix": "../"})),
        )
        .naming("spec.checks[1].storage.prefix"),
        refuse("S33", CHECK, check(json!({})))
            .naming("spec.checks[1].storage")
            .saying("exactly one of s3, local must be set"),
        refuse(
            "S33",
            CHECK,
            check(json!({"local": {"path": "/data"}, "cycle": false})),
        )
        .naming("spec.checks[1].storage")
        .saying("something else to measure"),
        refuse(
            "S33",
            CHECK,
            check(json!({"local": {"path": "/data"}, "list": {}})),
        )
        .naming("spec.checks[1].storage")
        .saying("of s3 only"),
        refuse(
            "S11",
            CHECK,
            bucket("endpoint", "http://user:password@example.com"),
        )
        .naming("spec.checks[1].storage.s3.endpoint"),
        refuse("S11", CHECK, bucket("endpoint", "http://example.com/path"))
            .naming("spec.checks[1].storage.s3.endpoint"),
        refuse("S33", CHECK, bucket("bucket", "../files"))
            .naming("spec.checks[1].storage.s3.bucket"),
        refuse("S33", CHECK, bucket("region", "eu/1")).naming("spec.checks[1].storage.s3.region"),
    ]);
    rows
}
