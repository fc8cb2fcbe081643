//! What is wrong in a `Rollback`: in a person's request, and in a record that somebody else writes.

use serde_json::{Value, json};

use super::{
    super::row::{Row, literal, refuse, reject, unreadable},
    no_durations, no_numbers,
};

const REJECTED: &str = "RollbackRejected";
const UNCHANGED_FIELDS: [&str; 2] = ["spec.from.release", "spec.to.release"];

/// What a request is about.
pub struct Ground<'a> {
    /// The live release of the validation `shop`.
    pub live: &'a str,
    /// A release that was validated before.
    pub good: &'a str,
    /// The live deploy of a service that another validation has.
    pub foreign: &'a str,
}

/// A request in which every row changes one field; without the change, it is good.
pub fn good_spec(ground: &Ground<'_>) -> Value {
    json!({
        "validationRef": {"name": "shop"}, "policyRef": {"name": "shop"}, "reason": "customers report empty carts",
        "from": {"release": ground.live}, "to": {"release": ground.good},
    })
}

/// Every row for a request.
pub fn requests(ground: &Ground<'_>) -> Vec<Row> {
    let parts = [
        texts(),
        references(),
        releases(ground),
        shapes(),
        object_names(),
        vec![unreadable(
            "S28",
            "spec.plan",
            plan(),
            422,
            "a plan needs to and validationRef.uid",
        )],
    ];
    parts.into_iter().flatten().collect()
}

/// Texts that are no identity of a release or a deploy.
fn misspelled() -> [String; 14] {
    [
        String::new(),
        "x".repeat(129),
        "x".repeat(5 * 1024),
        "dep-1/../../owners".to_owned(),
        "dep/1".to_owned(),
        "dep-1?limit=1".to_owned(),
        "dep-%2e%2e".to_owned(),
        "..".to_owned(),
        "dep-1\r\nX-Evil: 1".to_owned(),
        "dep-1\n".to_owned(),
        "dep\0".to_owned(),
        "\u{202e}1-ped".to_owned(),
        "dép-1".to_owned(),
        "dep 1".to_owned(),
    ]
}

fn texts() -> Vec<Row> {
    let mut rows = Vec::new();
    for field in UNCHANGED_FIELDS {
        rows.extend(misspelled().map(|text| refuse("S25", field, text)));
        rows.extend([json!(1), json!(true), json!({})].map(|value| refuse("S33", field, value)));
    }
    let pin = |service: &str, deploy: &str| json!({"release": "pin", "services": [{"name": service, "deployId": deploy}]});
    rows.extend(misspelled().map(|text| {
        refuse("S25", "spec.to", pin("api", &text)).naming("spec.to.services[0].deployId")
    }));
    rows.extend(["", "a/b", "..", "a\nb", "💥", "-a"].map(|name| {
        refuse("S25", "spec.to", pin(name, "dep-1")).naming("spec.to.services[0].name")
    }));
    rows.push(refuse("S4", "spec.reason", "x".repeat(1025)));
    rows
}

fn references() -> Vec<Row> {
    let fields = ["spec.validationRef.name", "spec.policyRef.name"];
    let mut rows = Vec::new();
    for field in fields {
        let names = [
            "",
            "kube-system/shop",
            "a/b",
            "..",
            "Shop",
            "a_b",
            "shop\n",
            "💥",
        ];
        rows.extend(names.map(|name| refuse("S21", field, name)));
        rows.push(refuse("S21", field, "a".repeat(254)));
        rows.push(refuse("S21", field, Value::Null));
    }
    rows.extend([
        refuse("S21", "spec.validationRef", json!({})).naming("spec.validationRef.name"),
        refuse("S21", "spec.policyRef", json!({})).naming("spec.policyRef.name"),
        refuse("S21", "spec.validationRef.uid", ""),
        refuse("S21", "spec.validationRef.uid", "x".repeat(65)),
        unreadable(
            "S23",
            "spec.validationRef.namespace",
            "kube-system",
            400,
            "spec.validationRef.namespace",
        ),
        unreadable(
            "S23",
            "spec.policyRef.namespace",
            "kube-system",
            400,
            "spec.policyRef.namespace",
        ),
        reject(
            "S21",
            "spec.validationRef.name",
            "nobody",
            REJECTED,
            "validationRef: validation nobody does not exist in this namespace",
        ),
        reject(
            "S21",
            "spec.validationRef.uid",
            "0b5e1c52-0000-0000-0000-000000000000",
            REJECTED,
            "validationRef.uid: validation shop is another one",
        ),
        reject(
            "S21",
            "spec.policyRef.name",
            "nobody",
            REJECTED,
            "policyRef: policy nobody does not exist",
        ),
    ]);
    rows
}

fn releases(ground: &Ground<'_>) -> Vec<Row> {
    let pin = |service: &str, deploy: &str| json!({"release": "pin", "services": [{"name": service, "deployId": deploy}]});
    let both = json!({"release": "pin", "services": [
        {"name": "api", "deployId": ground.good}, {"name": "nobody", "deployId": ground.good},
    ]});
    let twice = json!({"release": "pin", "services": [
        {"name": "api", "deployId": ground.good}, {"name": "api", "deployId": ground.good},
    ]});
    vec![
        refuse("S25", "spec.to.release", ground.live)
            .naming("spec")
            .saying("to.release must be another release than from.release"),
        refuse("S25", "spec.to", twice).naming("spec.to.services[1]"),
        reject(
            "S25",
            "spec.from.release",
            "dep-nobody",
            "Superseded",
            "from.release: ",
        ),
        reject(
            "S25",
            "spec.to.release",
            "dep-nobody",
            REJECTED,
            "to.release: dep-nobody is not among",
        ),
        reject(
            "S25",
            "spec.to.release",
            ground.foreign,
            REJECTED,
            "to.release: ",
        ),
        reject(
            "S25",
            "spec.to",
            pin("api", ground.foreign),
            REJECTED,
            "is not there any more",
        ),
        reject(
            "S25",
            "spec.to",
            pin("api", "srv-owners"),
            REJECTED,
            "is not there any more",
        ),
        reject(
            "S25",
            "spec.to",
            pin("web", ground.good),
            REJECTED,
            "to.services: validation shop has no service web",
        ),
        reject(
            "S25",
            "spec.to",
            both,
            REJECTED,
            "to.services: validation shop has no service nobody",
        ),
    ]
}

fn shapes() -> Vec<Row> {
    vec![
        refuse("S33", "spec", Value::Null),
        refuse("S33", "spec", json!([])),
        refuse("S33", "spec", json!({})).naming("spec.from"),
        refuse("S33", "spec.from", Value::Null),
        refuse("S33", "spec.from", json!({})).naming("spec.from.release"),
        refuse("S33", "spec.from", "dep-1"),
        refuse("S33", "spec.to", json!([])),
        refuse("S33", "spec.to.services", json!({})),
        refuse("S33", "spec.validationRef", "shop"),
        refuse("S33", "spec.approved", "yes"),
        refuse("S33", "spec.trigger", "auto"),
        refuse("S28", "spec.trigger", "Automatic")
            .naming("spec")
            .saying("Automatic is the controller's own"),
        unreadable(
            "S33",
            "spec.form",
            json!({"release": "dep-1"}),
            400,
            "unknown field \\\"spec.form\\\"",
        ),
        unreadable(
            "S33",
            "spec.from.releas",
            "x",
            400,
            "unknown field \\\"spec.from.releas\\\"",
        ),
        unreadable(
            "S33",
            "spec.approved",
            literal("true, \"approved\": false"),
            400,
            "duplicate field \\\"spec.approved\\\"",
        ),
        unreadable(
            "S33",
            "apiVersion",
            "plumbline.dev/v1",
            400,
            "cannot be handled as",
        ),
    ]
}

fn object_names() -> Vec<Row> {
    let mut rows = ["Shop", "a/b", "..", "a_b", "💥", "a\nb", "-a"]
        .map(|name| refuse("S32", "metadata.name", name))
        .into_iter()
        .collect::<Vec<Row>>();
    rows.push(refuse("S32", "metadata.name", "a".repeat(254)));
    rows
}

/// A plan as the controller writes it.
fn plan() -> Value {
    json!({
        "attempt": 1, "failedRelease": "dep-1", "failedChecks": ["api-health"], "key": "k", "claimant": "me",
        "generation": 1, "issueBefore": "2099-01-01T00:00:00Z", "timeout": "5m", "verificationTimeout": "5m",
        "verificationChecks": ["api-health"], "requestedBy": {"name": "me", "uid": "u"},
        "steps": [{"service": "api", "from": "dep-1", "to": "dep-2", "version": "v"}],
    })
}

/// A record, forged as well as its schema asks for.
pub fn record_spec() -> Value {
    json!({
        "validationRef": {"name": "shop", "uid": "u"}, "trigger": "Automatic",
        "from": {"release": "dep-1"}, "to": {"release": "dep-2"}, "plan": plan(),
    })
}

/// Every row for a record.
pub fn records() -> Vec<Row> {
    let mut rows: Vec<Row> = ["spec.plan.timeout", "spec.plan.verificationTimeout"]
        .into_iter()
        .flat_map(no_durations)
        .chain(no_numbers("spec.plan.attempt"))
        .collect();
    let step =
        |service: &str, from: &str, to: &str| json!({"service": service, "from": from, "to": to});
    let one = || step("api", "dep-1", "dep-2");
    rows.extend([
        refuse("S26", "spec.plan.attempt", 0),
        refuse("S26", "spec.plan.attempt", 101),
        refuse("S20", "spec.plan.generation", -1),
        refuse("S33", "spec.plan.issueBefore", "tomorrow"),
        refuse("S33", "spec.plan.issueBefore", 5),
        refuse("S33", "spec.plan.key", ""),
        refuse("S33", "spec.plan.key", "x".repeat(65)),
        refuse("S33", "spec.plan.claimant", ""),
        refuse("S33", "spec.plan.failedRelease", ""),
        refuse("S3", "spec.plan.failedChecks", vec!["health"; 2])
            .naming("spec.plan.failedChecks[1]"),
        refuse("S3", "spec.plan.steps", json!([])),
        refuse("S3", "spec.plan.steps", vec![one(), one()]).naming("spec.plan.steps[1]"),
        refuse(
            "S3",
            "spec.plan.steps",
            (0..21)
                .map(|n| step(&format!("s{n}"), "a", "b"))
                .collect::<Vec<_>>(),
        ),
        refuse("S25", "spec.plan.steps", vec![step("", "dep-1", "dep-2")])
            .naming("spec.plan.steps[0].service"),
        refuse("S25", "spec.plan.steps", vec![step("api", "", "dep-2")])
            .naming("spec.plan.steps[0].from"),
        refuse("S25", "spec.plan.steps", vec![step("api", "dep-1", "")])
            .naming("spec.plan.steps[0].to"),
        refuse("S33", "spec.plan", json!({})).naming("spec.plan.steps"),
        refuse("S33", "spec.to", Value::Null)
            .naming("spec")
            .saying("a plan needs to"),
        // What is written as the schema asks for is refused as well.
        unreadable(
            "S28",
            "spec.approved",
            true,
            403,
            "spec.plan is written by the controller",
        ),
    ]);
    rows
}
