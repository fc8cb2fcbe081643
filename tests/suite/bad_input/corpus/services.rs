//! Checks of services that others run, and of metrics, which cannot be meant so.

use serde_json::{Value, json};

use super::super::row::{Row, refuse};

const CHECK: &str = "spec.checks[1]";

/// Every row.
pub fn rows() -> Vec<Row> {
    let key = json!({"secretKeyRef": {"name": "a", "key": "k"}});
    let external = |external: Value| json!({"name": "port", "external": external});
    vec![
        refuse("S33", CHECK, external(json!({"preset": "OpenAI"}))),
        refuse("S33", CHECK, external(json!({"preset": "openai"})))
            .naming("spec.checks[1].external")
            .saying("this preset needs apiKey"),
        refuse("S33", CHECK, external(json!({"preset": "s3"})))
            .naming("spec.checks[1].external")
            .saying("this preset needs url"),
        refuse(
            "S21",
            CHECK,
            external(json!({"preset": "s3", "url": "http://a", "apiKey": key})),
        )
        .saying("preset s3 asks without a key"),
        refuse(
            "S33",
            CHECK,
            external(json!({"preset": "generic", "url": "http://a", "apiKey": key})),
        )
        .saying("keyHeader goes with apiKey"),
        refuse(
            "S33",
            CHECK,
            external(json!({
                "preset": "generic", "url": "http://a", "apiKey": key, "keyHeader": "Host",
            })),
        )
        .saying("this header frames the message"),
        refuse(
            "S33",
            CHECK,
            external(json!({"preset": "openai", "url": "http://a/?x", "apiKey": key})),
        )
        .saying("url may have a query with preset generic only"),
        refuse(
            "S33",
            CHECK,
            external(json!({"preset": "generic", "url": "http://u:p@a"})),
        )
        .naming("spec.checks[1].external.url"),
    ]
}
