//! What is wrong in a `RollbackPolicy`.

use serde_json::{Value, json};

use super::{
    super::row::{Row, literal, refuse, reject, unreadable, works},
    no_durations, no_numbers,
};

const CRON: &str = "spec.guard.freeze[0].cron";
const CRON_IN_SPEC: &str = "guard.freeze[0].cron";
const STEPS: &str = "spec.strategies.application";

/// A policy in which every row changes one field; without the change, it is good.
pub fn good_spec() -> Value {
    json!({
        "mode": "Automatic", "timeout": "5m", "maxAttempts": 3, "delay": "10s",
        "trigger": {"onlyAfterDeploy": true, "window": "1h", "areas": ["api"]},
        "strategies": {"application": [{"platform": {"to": "LastKnownGood", "tier": "application"}}]},
        "verification": {"checks": ["health"], "timeout": "5m"},
        "guard": {
            "schema": "Refuse", "schemaUnknown": "Ignore", "cooldown": "10m",
            "budget": {"max": 3, "per": "24h"},
            "freeze": [{"cron": "0 22 * * 5", "duration": "10h"}],
        },
        "approval": {"required": ["database"]},
    })
}

/// Every row.
pub fn rows() -> Vec<Row> {
    let parts = [
        durations(),
        numbers(),
        lists_and_names(),
        freeze_windows(),
        strategies(),
        shapes(),
        object_names(),
    ];
    parts.into_iter().flatten().collect()
}

fn durations() -> Vec<Row> {
    let fields = [
        "spec.timeout",
        "spec.delay",
        "spec.trigger.window",
        "spec.verification.timeout",
        "spec.guard.cooldown",
        "spec.guard.budget.per",
        "spec.guard.freeze[0].duration",
    ];
    let mut rows: Vec<Row> = fields.into_iter().flat_map(no_durations).collect();
    let bounds = [
        (
            "spec.timeout",
            ["9s", "0s", "3h1ms"],
            "timeout must be between 10s and 3h",
        ),
        (
            "spec.delay",
            ["61m", "1h1ms", "99999h"],
            "delay must be between 0s and 1h",
        ),
        (
            "spec.trigger.window",
            ["59s", "0s", "721h"],
            "window must be between 1m and 720h",
        ),
        (
            "spec.verification.timeout",
            ["9s", "0s", "4h"],
            "timeout must be between 10s and 3h",
        ),
        (
            "spec.guard.cooldown",
            ["169h", "168h1s", "99999h"],
            "cooldown must be between 0s and 168h",
        ),
        (
            "spec.guard.budget.per",
            ["0s", "59s", "721h"],
            "per must be between 1m and 720h",
        ),
        (
            "spec.guard.freeze[0].duration",
            ["0s", "59s", "169h"],
            "duration must be between 1m and 168h",
        ),
    ];
    for (field, values, saying) in bounds {
        rows.extend(values.map(|value| refuse("S1", field, value).saying(saying)));
    }
    rows.extend([
        works("S26", "spec.guard.cooldown", "0s"),
        works("S1", "spec.delay", "0h0m0s0ms"),
        works("S1", "spec.timeout", "0h0m10000ms"),
    ]);
    rows
}

fn numbers() -> Vec<Row> {
    let fields = ["spec.maxAttempts", "spec.guard.budget.max"];
    let mut rows: Vec<Row> = fields.into_iter().flat_map(no_numbers).collect();
    rows.extend([
        refuse("S26", "spec.maxAttempts", 0).saying("greater than or equal to 1"),
        refuse("S26", "spec.maxAttempts", 11).saying("less than or equal to 10"),
        refuse("S26", "spec.maxAttempts", 1_000_000_000).saying("less than or equal to 10"),
        refuse("S26", "spec.guard.budget.max", 0).saying("greater than or equal to 1"),
        refuse("S26", "spec.guard.budget.max", 101).saying("less than or equal to 100"),
        works("S20", "spec.maxAttempts", literal("3.0")),
    ]);
    rows
}

fn lists_and_names() -> Vec<Row> {
    let checks = "spec.verification.checks";
    let names = [
        "x".repeat(5 * 1024),
        "x".repeat(64),
        "💥".to_owned(),
        "a\nb".to_owned(),
        "a\n".to_owned(),
        "../etc".to_owned(),
        "\u{202e}txt".to_owned(),
        "Health".to_owned(),
        "a-".to_owned(),
        String::new(),
    ];
    let numbered = |count: usize| (0..count).map(|number| json!(format!("c{number}")));
    let windows = |count: usize| vec![json!({"cron": "0 22 * * 5", "duration": "1h"}); count];
    let mut rows: Vec<Row> = names
        .into_iter()
        .map(|name| refuse("S4", checks, json!([name])).naming("spec.verification.checks[0]"))
        .collect();
    rows.extend([
        refuse("S3", checks, numbered(51).collect::<Vec<Value>>()),
        refuse("S3", checks, numbered(10_000).collect::<Vec<Value>>()),
        refuse("S3", checks, json!(["health", "health"])).naming("spec.verification.checks[1]"),
        refuse("S3", "spec.trigger.areas", json!([])),
        refuse("S3", "spec.trigger.areas", json!(["api", "api"])).naming("spec.trigger.areas[1]"),
        refuse("S3", "spec.trigger.areas", json!(["payments"])).naming("spec.trigger.areas[0]"),
        refuse("S3", "spec.trigger.areas", json!(["API"])).naming("spec.trigger.areas[0]"),
        refuse(
            "S3",
            "spec.approval.required",
            json!(["database", "database"]),
        )
        .naming("spec.approval.required[1]"),
        refuse("S3", "spec.approval.required", json!(["everything"]))
            .naming("spec.approval.required[0]"),
        refuse("S3", "spec.guard.freeze", windows(11)),
    ]);
    rows
}

fn freeze_windows() -> Vec<Row> {
    let refused = [
        "",
        "@daily",
        "0 22 * *",
        "0 22 * * 5 2027",
        "* * * * * *",
        "TZ=Europe/Berlin 0 22 * * 5",
        "0 22 * * 5\n",
        "0\t22\t*\t*\t5",
        "٠ 22 * * 5",
        "0 22 * * 💥",
    ];
    let mut rows: Vec<Row> = refused.map(|cron| refuse("S16", CRON, cron)).into();
    rows.push(refuse("S16", CRON, "0 ".repeat(100)));
    let not_cron = "is not a cron expression of five fields";
    for cron in [
        "61 * * * *",
        "0 24 * * *",
        "0 22 * * 9",
        "0 22 * 13 *",
        "0 22 32 * *",
        "5-1 * * * *",
        "*/0 * * * *",
        "a b c d e",
        "99999999999999999999 * * * *",
        "0 22 * * FRIDAY",
        "-1 * * * *",
        "? ? ? ? ????",
        "##### # # # #",
    ] {
        rows.push(reject("S16", CRON, cron, "InvalidSpec", not_cron));
    }
    rows.extend([
        reject("S16", CRON, "0 0 30 2 *", "InvalidSpec", "never comes"),
        reject("S16", CRON, ", , , , ,", "InvalidSpec", CRON_IN_SPEC),
        reject(
            "S16",
            CRON,
            "0 0 31 2,4,6,9,11 *",
            "InvalidSpec",
            CRON_IN_SPEC,
        ),
        unreadable(
            "S33",
            "spec.guard.freeze[0].timeZone",
            "Mars/Olympus",
            400,
            "unknown field \\\"spec.guard.freeze[0].timeZone\\\"",
        ),
        refuse("S33", "spec.guard.freeze[0]", json!({"cron": "0 22 * * 5"}))
            .naming("spec.guard.freeze[0].duration"),
        refuse("S33", "spec.guard.freeze[0]", json!({"duration": "1h"})).naming(CRON),
        works("S16", CRON, "*/15 8-18 * * MON-FRI"),
        works("S16", CRON, "0 0 29 2 *"),
        works("S16", CRON, "* * * * *"),
    ]);
    rows
}

fn strategies() -> Vec<Row> {
    let once = "a tier is named once, and a step without one comes last";
    let all = || json!({"platform": {}});
    let tier = |tier: &str| json!({"platform": {"tier": tier}});
    let mut rows = vec![
        refuse("S3", STEPS, vec![all(), all()]).saying(once),
        refuse("S3", STEPS, vec![tier("application"), tier("application")]).saying(once),
        refuse("S3", STEPS, vec![all(), tier("application")]).saying(once),
        refuse(
            "S3",
            STEPS,
            vec![tier("infrastructure"), all(), tier("application")],
        )
        .saying(once),
        refuse("S3", STEPS, vec![all(); 5]),
        works(
            "S3",
            STEPS,
            vec![tier("infrastructure"), tier("application"), all()],
        ),
        works("S3", STEPS, json!([])),
        refuse("S33", STEPS, json!([{}]))
            .naming("spec.strategies.application[0]")
            .saying("exactly one of platform must be set"),
        refuse("S33", STEPS, vec![all(), json!({})]).naming("spec.strategies.application[1]"),
        refuse("S33", STEPS, json!([{"platform": {"to": "Previous"}}]))
            .naming("spec.strategies.application[0].platform.to"),
        refuse("S33", STEPS, json!([{"platform": {"tier": "gold"}}]))
            .naming("spec.strategies.application[0].platform.tier"),
        refuse("S33", STEPS, json!([{"platform": null}])).naming("spec.strategies.application[0]"),
        unreadable(
            "S33",
            STEPS,
            json!([{"git": {}}]),
            400,
            "application[0].git",
        ),
        unreadable(
            "S33",
            "spec.strategies.payments",
            json!([]),
            400,
            "payments",
        ),
    ];
    for class in [
        "spec.strategies.infrastructure",
        "spec.strategies.database",
        "spec.strategies.monitoring",
        "spec.strategies.complete",
    ] {
        rows.push(refuse("S3", class, vec![all(), all()]).saying(once));
    }
    rows
}

fn shapes() -> Vec<Row> {
    vec![
        refuse("S33", "spec", Value::Null),
        refuse("S33", "spec", json!([])),
        refuse("S33", "spec", json!({})).naming("spec.mode"),
        refuse("S33", "spec.mode", Value::Null),
        refuse("S33", "spec.mode", "automatic"),
        refuse("S33", "spec.mode", "Off"),
        refuse("S33", "spec.mode", true),
        refuse("S33", "spec.trigger", json!([])),
        refuse("S33", "spec.trigger.onlyAfterDeploy", "yes"),
        refuse("S33", "spec.guard.schema", "refuse"),
        refuse("S33", "spec.guard.schemaUnknown", Value::from(0)),
        refuse("S33", "spec.guard.budget", 3),
        unreadable(
            "S33",
            "spec.guard.freeze",
            json!({"cron": "0 22 * * 5", "duration": "1h"}),
            400,
            "spec.guard.freeze.cron",
        ),
        refuse("S33", "spec.verification.checks", "health"),
        refuse("S33", "spec.approval.required", "database"),
        unreadable(
            "S33",
            "spec.maxAttemps",
            3,
            400,
            "unknown field \\\"spec.maxAttemps\\\"",
        ),
        unreadable(
            "S33",
            "spec.guard.budget.maximum",
            3,
            400,
            "spec.guard.budget.maximum",
        ),
        unreadable(
            "S33",
            "spec.mode",
            literal("\"DryRun\", \"mode\": \"Automatic\""),
            400,
            "duplicate field \\\"spec.mode\\\"",
        ),
        unreadable(
            "S33",
            "apiVersion",
            "plumbline.dev/v1",
            400,
            "cannot be handled as",
        ),
        works("S33", "spec.timeout", Value::Null),
        works("S33", "spec.trigger", json!({})),
    ]
}

fn object_names() -> Vec<Row> {
    ["Shop", "a/b", "..", "a_b", "💥", "a\nb", "-a"]
        .map(|name| refuse("S32", "metadata.name", name))
        .into_iter()
        .chain([refuse("S32", "metadata.name", "a".repeat(254))])
        .collect()
}
