//! Render's API description, and where the API is known to depart from it.

use std::collections::BTreeSet;

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// The description, cut down to the simulated routes by `tests/data/trim.py`.
pub const DESCRIPTION: &str = include_str!("../data/render-openapi.json");

/// A place where the API does what the description does not say. `docs/simulator.md` lists them for readers.
#[derive(Debug, Clone, Copy)]
pub enum Departure {
    /// The value may be null.
    Nullable(&'static str),
    /// The object has one more property.
    Property(&'static str, &'static str),
    /// The object lacks a property that is required.
    Missing(&'static str, &'static str),
    /// The routes, as method and path, answer a status that they do not declare and that others do.
    Status(&'static [(&'static str, &'static str)], &'static str),
    /// The property is one of several shapes, most of which hold for one another's values. Which one is told by the
    /// `type` beside it: here as the type and the shape's place among the alternatives.
    ChosenByType(&'static str, &'static str, &'static [(&'static str, usize)]),
}

use Departure::{ChosenByType, Missing, Nullable, Property, Status};

const SERVICE: &str = "/components/schemas/service";
const ERROR: &str = "/components/schemas/error";
const EVENT: &str = "/components/schemas/serviceEventWithCursor/properties/event";

/// Every departure that is known.
pub const DEPARTURES: [Departure; 16] = [
    Nullable("/components/schemas/deploy/properties/commit"),
    Nullable("/components/schemas/deploy/properties/finishedAt"),
    Nullable("/components/schemas/webServiceDetails/properties/ipAllowList"),
    Nullable("/components/schemas/staticSiteDetails/properties/ipAllowList"),
    Nullable("/components/schemas/postgres/properties/ipAllowList"),
    Nullable("/components/schemas/postgresDetail/properties/ipAllowList"),
    Nullable("/components/schemas/webhookWithCursor/properties/webhook/properties/eventFilter"),
    Nullable(
        "/components/schemas/components_schemas_webhookWithCursor_properties_webhook/properties/eventFilter",
    ),
    // Required, yet not among the properties.
    Missing("/components/schemas/postgresDetail", "project"),
    Property(SERVICE, "autoDeployTrigger"),
    Property(ERROR, "error"),
    // Required, yet not among the properties.
    Property("/components/schemas/serviceEventWithCursor", "cursor"),
    Status(
        &[
            ("get", "/owners"),
            ("get", "/services"),
            ("get", "/services/{serviceId}/deploys"),
            ("get", "/services/{serviceId}/env-vars"),
        ],
        "400",
    ),
    Status(
        &[
            ("get", "/services/{serviceId}/instances"),
            ("get", "/services/{serviceId}/events"),
            ("post", "/services/{serviceId}/deploys/{deployId}/cancel"),
            ("post", "/services/{serviceId}/rollback"),
            ("get", "/postgres"),
            ("get", "/postgres/{postgresId}"),
            ("get", "/postgres/{postgresId}/connection-info"),
            ("get", "/postgres/{postgresId}/recovery"),
            ("get", "/maintenance"),
            ("get", "/webhooks"),
            ("post", "/webhooks"),
            ("get", "/webhooks/{webhookId}"),
            ("patch", "/webhooks/{webhookId}"),
            ("delete", "/webhooks/{webhookId}"),
            ("get", "/webhooks/{webhookId}/events"),
        ],
        "406",
    ),
    ChosenByType(
        SERVICE,
        "serviceDetails",
        &[
            ("static_site", 0),
            ("web_service", 1),
            ("private_service", 2),
            ("background_worker", 3),
            ("cron_job", 4),
        ],
    ),
    ChosenByType(
        EVENT,
        "details",
        &[
            ("build_ended", 4),
            ("build_started", 5),
            ("deploy_ended", 9),
            ("deploy_started", 10),
            ("instance_count_changed", 17),
            ("maintenance_mode_enabled", 19),
            ("maintenance_mode_uri_updated", 20),
            ("pre_deploy_ended", 25),
            ("pre_deploy_started", 26),
            ("server_restarted", 30),
            ("service_resumed", 31),
            ("service_suspended", 32),
        ],
    ),
];

/// The description, ready to hold answers against.
pub struct Description {
    pub(super) document: Value,
    closed: bool,
}

impl Description {
    /// The description with these departures. If closed, an object has the described properties and no others; the
    /// description itself leaves every object open.
    pub fn with(departures: &[Departure], closed: bool) -> Self {
        let mut document: Value = serde_json::from_str(DESCRIPTION).unwrap();
        for departure in departures {
            departure.apply(&mut document);
        }
        into_json_schema(&mut document, closed);
        for departure in departures {
            departure.choose_by_type(&mut document);
        }
        Self { document, closed }
    }

    /// The routes as method and path.
    pub fn routes(&self) -> BTreeSet<(String, String)> {
        let paths = self.document["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, item)| {
                let methods = item.as_object().unwrap().keys();
                methods.map(move |method| (method.to_uppercase(), path.clone()))
            })
            .collect()
    }

    /// The values of an enumeration in the components.
    pub fn enumeration(&self, pointer: &str) -> BTreeSet<String> {
        let values = self.document.pointer(pointer).unwrap();
        let names = values["enum"].as_array().unwrap().iter();
        names
            .map(|name| name.as_str().unwrap().to_owned())
            .collect()
    }

    /// What is wrong with these answers to a route's calls; empty if nothing is. An answer without a body is null.
    pub fn faults_of(
        &self,
        method: &str,
        path: &str,
        status: u16,
        bodies: &[&Value],
    ) -> Vec<String> {
        let operation = &self.document["paths"][path][method.to_lowercase()];
        let Some(response) = operation["responses"].get(status.to_string()) else {
            return vec![format!(
                "{method} {path} answered {status}, which is not described"
            )];
        };
        let schema = &self.followed(response)["content"]["application/json"]["schema"];
        if schema.is_null() {
            let surplus = bodies.iter().filter(|body| !body.is_null());
            return surplus
                .map(|body| format!("{method} {path} {status} has no described body: {body}"))
                .collect();
        }
        let validator = self.validator(schema);
        let objects = if self.closed { "closed" } else { "open" };
        let errors = bodies.iter().flat_map(|body| validator.iter_errors(body));
        errors
            .map(|error| {
                let place = error.instance_path();
                format!("{method} {path} {status} ({objects} objects): {error} at {place}")
            })
            .collect()
    }

    /// A validator of one of the document's own schemas.
    pub(super) fn validator(&self, schema: &Value) -> Validator {
        let root = json!({"components": self.document["components"], "allOf": [schema]});
        jsonschema::options()
            .with_draft(Draft::Draft7)
            .should_validate_formats(true)
            .build(&root)
            .unwrap()
    }

    /// What a node is, or what it refers to.
    pub(super) fn followed<'own>(&'own self, node: &'own Value) -> &'own Value {
        match node["$ref"].as_str() {
            Some(reference) => self
                .document
                .pointer(reference.trim_start_matches('#'))
                .unwrap(),
            None => node,
        }
    }
}

impl Departure {
    fn apply(self, document: &mut Value) {
        match self {
            Nullable(pointer) => {
                let schema = document.pointer_mut(pointer).unwrap();
                schema["nullable"] = json!(true);
            }
            Property(pointer, name) => {
                let schema = document.pointer_mut(pointer).unwrap();
                assert!(
                    schema["properties"].get(name).is_none(),
                    "{name} is described"
                );
                schema["properties"][name] = json!({"type": "string"});
            }
            Missing(pointer, name) => {
                let schema = document.pointer_mut(pointer).unwrap();
                let required = schema["required"].as_array_mut().unwrap();
                let before = required.len();
                required.retain(|own| own != name);
                assert_eq!(required.len() + 1, before, "{name} is not required");
            }
            Status(paths, status) => {
                for (method, path) in paths {
                    let responses = &mut document["paths"][path][method]["responses"];
                    assert!(
                        responses.get(status).is_none(),
                        "{path} {status} is described"
                    );
                    let schema = json!({"$ref": "#/components/schemas/error"});
                    responses[status] =
                        json!({"content": {"application/json": {"schema": schema}}});
                }
            }
            ChosenByType(..) => {}
        }
    }

    /// After the rest, since a chosen shape is an addition to an object that is closed by then.
    fn choose_by_type(self, document: &mut Value) {
        let ChosenByType(pointer, property, shapes) = self else {
            return;
        };
        let owner = document.pointer_mut(pointer).unwrap();
        let alternatives = owner["properties"][property]["oneOf"].take();
        owner["properties"][property] = json!({});
        let rules = shapes.iter().map(|(name, place)| {
            json!({
                "if": {"properties": {"type": {"const": name}}},
                "then": {"properties": {property: alternatives[*place]}},
            })
        });
        owner["allOf"] = rules.collect();
    }
}

/// `OpenAPI` 3.0 is JSON Schema of an early draft, but for `nullable`.
fn into_json_schema(node: &mut Value, closed: bool) {
    match node {
        Value::Array(items) => {
            for item in items {
                into_json_schema(item, closed);
            }
        }
        Value::Object(fields) => {
            for field in fields.values_mut() {
                into_json_schema(field, closed);
            }
            if fields.remove("nullable") == Some(json!(true)) {
                let schema = Value::Object(std::mem::take(fields));
                *fields = Map::from_iter([("anyOf".to_owned(), json!([schema, {"type": "null"}]))]);
            } else if closed
                && fields.get("type") == Some(&json!("object"))
                // Its properties are those of its shapes, which are closed themselves.
                && !["oneOf", "anyOf", "allOf"].iter().any(|name| fields.contains_key(*name))
            {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
        }
        _ => {}
    }
}
