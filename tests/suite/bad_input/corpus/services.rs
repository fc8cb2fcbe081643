//! Checks of services that others run, and of metrics, which cannot be meant so.

use serde_json::{Value, json};

use super::super::row::{Row, refuse};

const CHECK: &str = "spec.checks[1]";

/// Every row.
pub fn rows() -> Vec<Row> {
    let key = json!({"secretKeyRef": {"name": "a", "key": "k"}});
    let external = |external: Value| json!({"name": "port", "external": external});
    let metrics = |mut metrics: Value| {
        metrics["url"] = "http://a".into();
        json!({"name": "port", "metrics": metrics})
    };
    vec![
        refuse("S33", CHECK, external(json!({"preset": "OpenAI"})))
            .naming("spec.checks[1].external.preset"),
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
        .naming("spec.checks[1].external")
        .saying("preset s3 asks without a key"),
        refuse(
            "S33",
            CHECK,
            external(json!({"preset": "generic", "url": "http://a", "apiKey": key})),
        )
        .naming("spec.checks[1].external")
        .saying("keyHeader goes with apiKey"),
        refuse(
            "S33",
            CHECK,
            external(json!({
                "preset": "generic", "url": "http://a", "apiKey": key, "keyHeader": "Host",
            })),
        )
        .naming("spec.checks[1].external")
        .saying("this header frames the message"),
        refuse(
            "S33",
            CHECK,
            external(json!({"preset": "openai", "url": "http://a/?x", "apiKey": key})),
        )
        .naming("spec.checks[1].external")
        .saying("url may have a query with preset generic only"),
        refuse(
            "S33",
            CHECK,
            external(json!({"preset": "generic", "url": "http://u:p@a"})),
        )
        .naming("spec.checks[1].external.url"),
        refuse("S3", CHECK, metrics(json!({"series": []}))).naming("spec.checks[1].metrics.series"),
        refuse(
            "S3",
            CHECK,
            metrics(json!({"series": vec![json!({"name": "a"}); 33]})),
        )
        .naming("spec.checks[1].metrics.series"),
        refuse("S4", CHECK, metrics(json!({"series": [{"name": "a\nb"}]})))
            .naming("spec.checks[1].metrics.series[0].name"),
        refuse(
            "S33",
            CHECK,
            metrics(json!({"series": [{"name": "a", "operator": "Equals"}]})),
        )
        .naming("spec.checks[1].metrics.series[0]")
        .saying("operator goes with value"),
        refuse(
            "S33",
            CHECK,
            metrics(json!({"series": [{"name": "a"}], "ageOf": {"name": "b"}})),
        )
        .naming("spec.checks[1].metrics")
        .saying("ageOf needs maxAge"),
        refuse(
            "S1",
            CHECK,
            metrics(json!({"series": [{"name": "a", "within": "25h"}]})),
        )
        .naming("spec.checks[1].metrics.series[0].within")
        .saying("within must be between 1s and 24h"),
        refuse(
            "S19",
            CHECK,
            metrics(json!({"series": [{"name": "a", "minSeries": 0}]})),
        )
        .naming("spec.checks[1].metrics.series[0].minSeries"),
        refuse(
            "S33",
            CHECK,
            metrics(json!({"series": [{"name": "a", "labels": {"b": "x".repeat(257)}}]})),
        )
        .naming("spec.checks[1].metrics.series[0].labels.b"),
    ]
}
