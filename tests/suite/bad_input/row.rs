//! One row of a table of bad inputs, and the run of a whole table against the API server and the controller.

use std::time::Duration;

use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject},
    client::Body,
};
use plumbline::api::{DeploymentValidation, Rollback, RollbackPolicy};
use serde_json::{Value, json};

use crate::support::{
    eventually::within,
    scenario::{Scenario, condition},
};

/// What the objects of a table are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Validation,
    Policy,
    Rollback,
}

impl Kind {
    /// How the API server knows them.
    pub fn resource(self) -> ApiResource {
        fn erased<K: Resource<DynamicType = ()>>() -> ApiResource {
            ApiResource::erase::<K>(&())
        }
        match self {
            Self::Validation => erased::<DeploymentValidation>(),
            Self::Policy => erased::<RollbackPolicy>(),
            Self::Rollback => erased::<Rollback>(),
        }
    }

    /// The objects of this kind in the scenario's namespace, untyped.
    pub fn objects(self, scenario: &Scenario) -> Api<DynamicObject> {
        let (client, namespace) = (scenario.client.clone(), &scenario.namespace);
        Api::namespaced_with(client, namespace, &self.resource())
    }

    /// An object of this kind.
    pub fn object(self, name: &str, spec: &Value) -> Value {
        let ApiResource {
            api_version, kind, ..
        } = self.resource();
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, "spec": spec})
    }

    /// What Ready says of one that can be acted on.
    fn ready(self) -> &'static str {
        match self {
            Self::Validation => "Validated",
            Self::Policy => "Accepted",
            Self::Rollback => "RollbackVerified",
        }
    }
}

/// What is changed in an otherwise good object, and what must come of it.
pub struct Row {
    id: &'static str,
    field: &'static str,
    value: Value,
    expected: Expected,
}

enum Expected {
    /// 422; one of the causes names the field, and says this.
    Refused {
        field: &'static str,
        saying: &'static str,
    },
    /// Another status of the 400s, which says this.
    Unreadable { status: u16, saying: &'static str },
    /// Admitted; then Ready, and Accepted where there is one, are False with the reason, saying this, and Stalled is True.
    Rejected {
        reason: &'static str,
        saying: &'static str,
    },
    /// Admitted and validated: it only looks bad.
    Works,
}

/// The API server refuses `value` in `field`, and names it.
pub fn refuse(id: &'static str, field: &'static str, value: impl Into<Value>) -> Row {
    let expected = Expected::Refused { field, saying: "" };
    row(id, field, value, expected)
}

/// The API server cannot read an object with `value` in `field`, and says why.
pub fn unreadable(
    id: &'static str,
    field: &'static str,
    value: impl Into<Value>,
    status: u16,
    saying: &'static str,
) -> Row {
    row(id, field, value, Expected::Unreadable { status, saying })
}

/// The controller does not accept `value` in `field`, for `reason` and saying why.
pub fn reject(
    id: &'static str,
    field: &'static str,
    value: impl Into<Value>,
    reason: &'static str,
    saying: &'static str,
) -> Row {
    row(id, field, value, Expected::Rejected { reason, saying })
}

/// `value` in `field` looks bad, and works.
pub fn works(id: &'static str, field: &'static str, value: impl Into<Value>) -> Row {
    row(id, field, value, Expected::Works)
}

fn row(id: &'static str, field: &'static str, value: impl Into<Value>, expected: Expected) -> Row {
    Row {
        id,
        field,
        value: value.into(),
        expected,
    }
}

/// JSON text that stands in the object as it is, such as a number that no program would write.
pub fn literal(text: &str) -> Value {
    json!(format!("\0{text}\0"))
}

impl Row {
    /// What must be named is another field than the changed one: the one around it that carries the rule, or one in it.
    pub fn naming(mut self, named: &'static str) -> Self {
        if let Expected::Refused { field, .. } = &mut self.expected {
            *field = named;
        }
        self
    }

    /// The words that the refusal must hold.
    pub fn saying(mut self, words: &'static str) -> Self {
        if let Expected::Refused { saying, .. } = &mut self.expected {
            *saying = words;
        }
        self
    }

    /// The object with the row's change, as JSON text.
    fn text(&self, kind: Kind, name: &str, spec: &Value) -> String {
        let mut object = kind.object(name, spec);
        set(&mut object, self.field, self.value.clone());
        let text = object.to_string();
        let marked = text.split_once("\"\\u0000").and_then(|(before, rest)| {
            let (literal, after) = rest.split_once("\\u0000\"")?;
            let literal: String = serde_json::from_str(&format!("\"{literal}\"")).unwrap();
            Some(format!("{before}{literal}{after}"))
        });
        marked.unwrap_or(text)
    }

    fn judge_answer(&self, answer: &Answer) -> Result<(), String> {
        let Answer {
            status,
            warnings,
            body,
        } = answer;
        let held = match &self.expected {
            Expected::Refused { field, saying } => {
                let causes = body["details"]["causes"].as_array();
                *status == 422
                    && causes.into_iter().flatten().any(|cause| {
                        cause["field"] == *field
                            && cause["message"].as_str().unwrap_or("").contains(saying)
                    })
            }
            Expected::Unreadable {
                status: expected,
                saying,
            } => status == expected && body.to_string().contains(saying),
            Expected::Rejected { .. } | Expected::Works => *status == 201,
        };
        if held && warnings.is_empty() {
            return Ok(());
        }
        let told: String = body.to_string().chars().take(1500).collect();
        Err(format!("{self}: {status}, warnings {warnings:?}, {told}"))
    }

    fn judge_object(&self, kind: Kind, object: &Value) -> Result<(), String> {
        let said = |type_: &str, status: &str, reason: &str| {
            let condition = condition(object, type_);
            condition["status"] == status && condition["reason"] == reason
        };
        let held = match &self.expected {
            Expected::Rejected { reason, saying } => {
                let message = condition(object, "Ready")["message"].as_str();
                said("Ready", "False", reason)
                    && (kind == Kind::Rollback || said("Accepted", "False", reason))
                    && said("Stalled", "True", reason)
                    && message.is_some_and(|message| message.contains(saying))
            }
            Expected::Works => said("Ready", "True", kind.ready()),
            Expected::Refused { .. } | Expected::Unreadable { .. } => true,
        };
        if held {
            Ok(())
        } else {
            Err(format!("{self}: {}", object["status"]["conditions"]))
        }
    }

    /// Whether it changes a check of this kind, or puts one in place of another.
    pub fn is_about(&self, kind: &str) -> bool {
        let changed = self.field.split(['.', '[']).any(|step| step == kind);
        changed || self.value.get(kind).is_some()
    }

    fn admitted(&self) -> bool {
        matches!(self.expected, Expected::Rejected { .. } | Expected::Works)
    }
}

impl std::fmt::Display for Row {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value: String = self.value.to_string().chars().take(100).collect();
        write!(formatter, "{} {} = {value}", self.id, self.field)
    }
}

/// Puts `value` at `path`, written as the API server writes fields: `spec.checks[0].http.url`.
fn set(object: &mut Value, path: &str, value: Value) {
    let mut place = object;
    for step in path.split(['.', '[']) {
        place = match step.strip_suffix(']') {
            Some(index) => &mut place[index.parse::<usize>().unwrap()],
            None => &mut place[step],
        };
    }
    *place = value;
}

/// Applies every row to `spec`, each in an object of its own, and holds what comes of it against what must.
pub async fn hold(scenario: &Scenario, kind: Kind, spec: &Value, rows: &[Row]) {
    let mut broken = Vec::new();
    for (number, row) in rows.iter().enumerate() {
        let text = row.text(kind, &name(number), spec);
        let (client, namespace) = (&scenario.client, &scenario.namespace);
        let answer = create(client, namespace, kind, "Strict", text).await;
        broken.extend(row.judge_answer(&answer).err());
    }
    assert!(
        broken.is_empty(),
        "{}:\n{}",
        broken.len(),
        broken.join("\n")
    );
    within(Duration::from_mins(2), "every row to be judged", || async {
        let mut waiting = Vec::new();
        for (number, row) in rows.iter().enumerate().filter(|(_, row)| row.admitted()) {
            let object = kind.objects(scenario).get(&name(number)).await.unwrap();
            let object = serde_json::to_value(object).unwrap();
            waiting.extend(row.judge_object(kind, &object).err());
        }
        if waiting.is_empty() {
            Ok(())
        } else {
            let log = scenario.controller.log();
            let tail: Vec<_> = log.lines().rev().take(30).map(str::to_owned).collect();
            Err((waiting, tail))
        }
    })
    .await;
}

fn name(number: usize) -> String {
    format!("row-{number}")
}

/// What the API server answered.
pub struct Answer {
    pub status: u16,
    pub warnings: Vec<String>,
    pub body: Value,
}

/// Creates an object from `text` as kubectl does: the API server looks at unknown and doubled fields by `validation`.
pub async fn create(
    client: &Client,
    namespace: &str,
    kind: Kind,
    validation: &str,
    text: String,
) -> Answer {
    let plural = kind.resource().plural;
    let path = format!(
        "/apis/plumbline.dev/v1alpha1/namespaces/{namespace}/{plural}?fieldValidation={validation}"
    );
    let request = http::Request::post(path)
        .header("content-type", "application/json")
        .body(Body::from(text.into_bytes()))
        .unwrap();
    let response = client.send(request).await.unwrap();
    let warnings = response.headers().get_all("warning").iter();
    let warnings = warnings
        .map(|warning| warning.to_str().unwrap().to_owned())
        .collect();
    Answer {
        status: response.status().as_u16(),
        warnings,
        body: serde_json::from_slice(&response.into_body().collect_bytes().await.unwrap())
            .unwrap_or_default(),
    }
}
