//! Checks of what anybody sees of an address, at addresses and paths that cannot be meant so.

use serde_json::{Value, json};

use super::super::row::{Row, refuse, reject};

const CHECK: &str = "spec.checks[1]";

/// Every row.
pub fn rows() -> Vec<Row> {
    let security = |mut fields: Value| {
        if fields.get("url").is_none() {
            fields["url"] = "https://a".into();
        }
        json!({"name": "port", "security": fields})
    };
    let field = |name: &'static str, value: Value| security(json!({name: value}));
    let mut rows = Vec::new();
    for url in [
        "a",
        "ftp://a",
        "https://u:p@a",
        "https://a/#x",
        "https://a:0",
        "https://a b",
    ] {
        rows.push(
            refuse("S11", CHECK, field("url", url.into())).naming("spec.checks[1].security.url"),
        );
    }
    for url in ["https://a", "http://u:p@a", "http://a/#x", ""] {
        rows.push(
            refuse("S11", CHECK, field("httpUrl", url.into()))
                .naming("spec.checks[1].security.httpUrl"),
        );
    }
    for path in [
        "/", "a", "", "/a b", "/a?b", "/a#b", "/a\nb", "/\u{e9}", "/%2e",
    ] {
        rows.push(
            refuse("S33", CHECK, field("exposedPaths", json!([path])))
                .naming("spec.checks[1].security.exposedPaths[0]"),
        );
    }
    let long = "x".repeat(257);
    rows.extend([
        refuse(
            "S33",
            CHECK,
            security(json!({"url": "http://a", "httpUrl": "http://a"})),
        )
        .naming("spec.checks[1].security")
        .saying("httpUrl goes with a url of https"),
        refuse("S3", CHECK, field("exposedPaths", json!([])))
            .naming("spec.checks[1].security.exposedPaths"),
        refuse("S3", CHECK, field("exposedPaths", json!(vec!["/a"; 17])))
            .naming("spec.checks[1].security.exposedPaths"),
        refuse("S3", CHECK, field("exposedPaths", json!(["/a", "/a"])))
            .naming("spec.checks[1].security.exposedPaths[1]"),
        refuse(
            "S4",
            CHECK,
            field("exposedPaths", json!([format!("/{long}")])),
        )
        .naming("spec.checks[1].security.exposedPaths[0]"),
        reject(
            "S33",
            CHECK,
            field("exposedPaths", json!(["/a/../b"])),
            "InvalidSpec",
            "checks[port].security.exposedPaths[0]",
        ),
        refuse("S33", CHECK, field("ignore", json!(["HstsMising"])))
            .naming("spec.checks[1].security.ignore[0]"),
        refuse("S3", CHECK, field("ignore", json!([]))).naming("spec.checks[1].security.ignore"),
        refuse(
            "S3",
            CHECK,
            field("ignore", json!(["HstsMissing", "HstsMissing"])),
        )
        .naming("spec.checks[1].security.ignore[1]"),
        refuse("S33", CHECK, field("minSeverity", "high".into()))
            .naming("spec.checks[1].security.minSeverity"),
        refuse("S33", CHECK, field("minTlsVersion", "1.1".into()))
            .naming("spec.checks[1].security.minTlsVersion"),
        refuse("S19", CHECK, field("minHstsDays", 0.into()))
            .naming("spec.checks[1].security.minHstsDays"),
        refuse("S19", CHECK, field("minHstsDays", 3651.into()))
            .naming("spec.checks[1].security.minHstsDays"),
    ]);
    rows
}
