//! Specs of policies and rollbacks made of anything: none of them ends a process, whatever schema let it be stored.

use k8s_openapi::jiff::Timestamp;
use plumbline::{
    api::{FreezeWindow, Rollback, RollbackPolicy, RollbackPolicySpec, RollbackStatus},
    controllers::{
        policy::{Facts, compute, problem},
        rollback::with_conditions,
    },
    kubernetes::attempts::{attempt_of, label_value},
    rollback::{Moment, budgeted_at, freeze::frozen_until, is_proven, naming},
};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};

use super::corpus::{policies, rollbacks};

fn moment() -> Moment {
    Moment {
        now: "2026-03-01T00:00:00Z".parse().unwrap(),
        started: Timestamp::UNIX_EPOCH,
    }
}

/// A value of any shape; the most are near to what some field wants.
fn anything() -> impl Strategy<Value = Value> {
    let words = select(vec![
        "",
        "5m",
        "0s",
        "99999h",
        "9999999m9999999m9999999m9999999m",
        "168h",
        "-5s",
        "Automatic",
        "DryRun",
        "api",
        "database",
        "LastKnownGood",
        "infrastructure",
        "Refuse",
        "* * * * *",
        "0 0 30 2 *",
        "61 * * * *",
        "2099-01-01T00:00:00Z",
        "+262142-12-31T23:59:59Z",
        "9999-12-31T23:59:60Z",
        "Issued",
        "Paused",
        "dep-1",
        "../x",
        "a\nb",
        "\u{202e}",
        "💥",
    ]);
    let leaf = prop_oneof![
        6 => words.prop_map(Value::from),
        2 => any::<String>().prop_map(Value::from),
        2 => prop_oneof![any::<i64>().prop_map(Value::from), (-2..400_i64).prop_map(Value::from)],
        1 => any::<u64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => any::<bool>().prop_map(Value::from),
        1 => Just(Value::Null),
    ];
    let keys = select(vec![
        "mode", "platform", "tier", "cron", "duration", "name", "release", "services", "deployId",
        "state", "service", "x",
    ]);
    leaf.prop_recursive(3, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((keys.clone(), inner), 0..4).prop_map(|members| {
                let members = members
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value));
                Value::Object(members.collect())
            }),
        ]
    })
}

/// `sound` with up to three of its values, however deep, replaced or taken away.
fn damaged(sound: Value) -> impl Strategy<Value = Value> {
    let mut places = Vec::new();
    find_places(&sound, String::new(), &mut places);
    let change = (select(places), proptest::option::weighted(0.8, anything()));
    proptest::collection::vec(change, 0..4).prop_map(move |changes| {
        let mut value = sound.clone();
        for (place, change) in changes {
            replace(&mut value, &place, change);
        }
        value
    })
}

fn find_places(value: &Value, at: String, places: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (key, member) in members {
                find_places(member, format!("{at}/{key}"), places);
            }
        }
        Value::Array(items) => {
            for (place, item) in items.iter().enumerate() {
                find_places(item, format!("{at}/{place}"), places);
            }
        }
        _ => {}
    }
    places.push(at);
}

/// What an earlier change has taken away is not there to be changed.
fn replace(value: &mut Value, place: &str, change: Option<Value>) {
    match (change, place.rsplit_once('/')) {
        (None, Some((parent, key))) => {
            if let Some(Value::Object(members)) = value.pointer_mut(parent) {
                members.remove(key);
            }
        }
        (change, _) => {
            if let Some(found) = value.pointer_mut(place) {
                *found = change.unwrap_or_default();
            }
        }
    }
}

fn object(kind: &str, spec: &Value, status: &Value) -> Value {
    json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": kind, "spec": spec, "status": status,
        "metadata": {"name": "shop", "namespace": "test", "uid": "u", "resourceVersion": "1", "generation": 1},
    })
}

fn status() -> Value {
    json!({
        "observedGeneration": 1, "state": "Issued", "issuedAt": "2026-01-01T00:00:00Z", "message": "asked",
        "steps": [{"service": "api", "state": "Issued", "claimant": "me", "startedAt": "2026-01-01T00:00:00Z"}],
        "conditions": [{
            "type": "Ready", "status": "Unknown", "reason": "Issued", "message": "asked", "observedGeneration": 1,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }],
        "result": {"release": "dep-3", "services": [{"name": "api", "deployId": "dep-3"}]},
        "usedBy": {"count": 1, "names": ["shop"]}, "budget": {"spent": 1}, "lastRollback": {"name": "x", "outcome": "Failed"},
    })
}

/// All that is made of a policy without a look around.
fn judge(policy: &RollbackPolicy, records: &[Rollback]) {
    let facts = Facts {
        generation: 1,
        users: vec!["shop".to_owned()],
        records: records.iter().map(|it| attempt_of(it).into()).collect(),
        moment: moment(),
    };
    let previous = policy.status.clone().unwrap_or_default();
    let (said, _) = compute(&policy.spec, &previous, &facts);
    let (again, _) = compute(&policy.spec, &said, &facts);
    assert_eq!(again, said, "a status that was written is written once");
    let ready = said
        .conditions
        .iter()
        .any(|it| it.reason.as_str() == "Accepted");
    assert_eq!(ready, problem(&policy.spec, moment()).is_none());
    let written = serde_json::to_value(&policy.spec).unwrap();
    let read: RollbackPolicySpec = serde_json::from_value(written).unwrap();
    assert_eq!(read, policy.spec);
}

/// All that is made of a record without a look around.
fn look_at(rollback: &Rollback) {
    let attempt = attempt_of(rollback);
    assert!(
        !is_proven(&attempt),
        "anything passes for the controller's own"
    );
    let _ = budgeted_at(&attempt);
    let validation = &attempt.spec.validation_ref;
    assert!(naming::name(&validation.name, "0123456789abcdef").len() <= 253);
    assert!(label_value(&validation.name).len() <= 63);
    let said = with_conditions(&attempt, attempt.status.clone(), moment().now);
    let written = serde_json::to_value(&said).unwrap();
    let read: RollbackStatus = serde_json::from_value(written).unwrap();
    assert_eq!(read, said);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_policy_of_any_shape_is_unreadable_or_judged(
        spec in prop_oneof![9 => damaged(policies::good_spec()), 1 => anything()],
        status in prop_oneof![9 => damaged(status()), 1 => anything()],
        record in damaged(rollbacks::record_spec()),
    ) {
        let policy = serde_json::from_value::<RollbackPolicy>(object("RollbackPolicy", &spec, &status));
        let record = serde_json::from_value::<Rollback>(object("Rollback", &record, &status));
        if let Ok(policy) = policy {
            let records: Vec<Rollback> = record.into_iter().collect();
            judge(&policy, &records);
        }
    }

    #[test]
    fn a_rollback_of_any_shape_is_unreadable_or_nobodys(
        spec in prop_oneof![9 => damaged(rollbacks::record_spec()), 1 => anything()],
        status in prop_oneof![9 => damaged(status()), 1 => anything()],
    ) {
        let rollback = serde_json::from_value::<Rollback>(object("Rollback", &spec, &status));
        if let Ok(rollback) = rollback {
            look_at(&rollback);
        }
    }

    #[test]
    fn a_freeze_window_of_any_text_is_heeded_or_told(
        cron in prop_oneof![
            3 => "[-0-9A-Za-z*,/#?]{1,6}( [-0-9A-Za-z*,/#?]{1,6}){4}",
            3 => "([0-9]{1,2}|\\*|[0-9]{1,2}-[0-9]{1,2}|\\*/[0-9]{1,2}|L|[0-9]W|[0-7]#[0-9])( ([0-9]{1,2}|\\*|[0-9]-[0-9]{1,2}|\\*/[0-9]{1,2}|L|[0-9]W|[0-7]#[0-9])){4}",
            1 => any::<String>(),
        ],
        duration in 0..604_800_u64,
    ) {
        let window = FreezeWindow { cron, duration: std::time::Duration::from_secs(duration).into() };
        match frozen_until(&[window], moment()) {
            Ok(until) => prop_assert!(until.is_none_or(|until| until > moment().now)),
            Err(invalid) => prop_assert!(invalid.to_string().starts_with("guard.freeze[0].cron")),
        }
    }
}
