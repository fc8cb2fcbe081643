//! Render's API description, and where the API is known to depart from it.

use std::collections::BTreeSet;

use jsonschema::{Draft, Validator};
use serde_json::{Map, Value, json};

/// The description, cut down to the simulated routes by `tests/data/trim.py`.
const DESCRIPTION: &str = include_str!("../../data/render-openapi.json");

/// A place where the API does what the description does not say. `docs/simulator.md` lists them for readers.
#[derive(Debug, Clone, Copy)]
pub enum Departure {
    /// The value may be null.
    Nullable(&'static str),
    /// The object has one more property.
    Property(&'static str, &'static str),
    /// The routes answer a status that they do not declare and that others do.
    Status(&'static [&'static str], &'static str),
    /// The property is one of several shapes, most of which hold for one another's values. Which one is told by the
    /// `type` beside it: here as the type and the shape's place among the alternatives.
    ChosenByType(&'static str, &'static str, &'static [(&'static str, usize)]),
}

use Departure::{ChosenByType, Nullable, Property, Status};

const SERVICE: &str = "/components/schemas/service";
const ERROR: &str = "/components/schemas/error";
const EVENT: &str = "/components/schemas/serviceEventWithCursor/properties/event";

/// Every departure that is known.
pub const DEPARTURES: [Departure; 11] = [
    Nullable("/components/schemas/deploy/properties/commit"),
    Nullable("/components/schemas/deploy/properties/finishedAt"),
    Nullable("/components/schemas/webServiceDetails/properties/ipAllowList"),
    Nullable("/components/schemas/staticSiteDetails/properties/ipAllowList"),
    Property(SERVICE, "autoDeployTrigger"),
    Property(ERROR, "error"),
    // Required, yet not among the properties.
    Property("/components/schemas/serviceEventWithCursor", "cursor"),
    Status(
        &["/owners", "/services", "/services/{serviceId}/deploys"],
        "400",
    ),
    Status(
        &[
            "/services/{serviceId}/instances",
            "/services/{serviceId}/events",
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
            ("pre_deploy_ended", 25),
            ("pre_deploy_started", 26),
            ("service_resumed", 31),
            ("service_suspended", 32),
        ],
    ),
];

/// The description, ready to hold answers against.
pub struct Description {
    document: Value,
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

    /// Whether the route takes a query parameter of this name.
    pub fn takes(&self, path: &str, parameter: &str) -> bool {
        let parameters = self.document["paths"][path]["get"]["parameters"]
            .as_array()
            .unwrap();
        parameters.iter().any(|own| {
            let own = self.followed(own);
            own["name"] == parameter && own["in"] == "query"
        })
    }

    /// What is wrong with these answers to a GET; empty if nothing is.
    pub fn faults_of(&self, path: &str, status: u16, bodies: &[&Value]) -> Vec<String> {
        let responses = &self.document["paths"][path]["get"]["responses"];
        let Some(response) = responses.get(status.to_string()) else {
            return vec![format!(
                "GET {path} answered {status}, which is not described"
            )];
        };
        let schema = &self.followed(response)["content"]["application/json"]["schema"];
        assert!(
            !schema.is_null(),
            "GET {path} {status} has no described body"
        );
        let root = json!({"components": self.document["components"], "allOf": [schema]});
        let validator = validator(&root);
        let objects = if self.closed { "closed" } else { "open" };
        let errors = bodies.iter().flat_map(|body| validator.iter_errors(body));
        errors
            .map(|error| {
                let place = error.instance_path();
                format!("GET {path} {status} ({objects} objects): {error} at {place}")
            })
            .collect()
    }

    fn followed<'own>(&'own self, node: &'own Value) -> &'own Value {
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
            Status(paths, status) => {
                for path in paths {
                    let responses = &mut document["paths"][path]["get"]["responses"];
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
            } else if closed && fields.get("type") == Some(&json!("object")) {
                fields.entry("additionalProperties").or_insert(json!(false));
            }
        }
        _ => {}
    }
}

fn validator(schema: &Value) -> Validator {
    jsonschema::options()
        .with_draft(Draft::Draft7)
        .should_validate_formats(true)
        .build(schema)
        .unwrap()
}

/// The tests of everything else stand on this one.
#[test]
fn description_refuses_what_it_does_not_describe() {
    let description = Description::with(&DEPARTURES, true);
    let deploys = "/services/{serviceId}/deploys";
    let wrong = [
        (200, json!([{"deploy": {"id": 7}, "cursor": "c"}])),
        (
            200,
            json!([{"deploy": {"id": "dep-1", "status": "reticulating"}}]),
        ),
        (
            200,
            json!([{"deploy": {"id": "dep-1", "createdAt": "yesterday"}}]),
        ),
        (200, json!([{"deploy": {"id": "dep-1", "colour": "green"}}])),
        (200, json!({"message": "no"})),
        (404, json!({"message": 404})),
        (418, json!({"message": "a teapot"})),
    ];
    for (status, body) in wrong {
        assert!(
            !description.faults_of(deploys, status, &[&body]).is_empty(),
            "{status} {body} passed"
        );
    }
    let right =
        json!([{"deploy": {"id": "dep-1", "status": "live", "commit": null}, "cursor": "c"}]);
    assert_eq!(description.faults_of(deploys, 200, &[&right]), [""; 0]);
}

#[test]
fn types_are_matched_with_the_shapes_that_carry_their_names() {
    let document: Value = serde_json::from_str(DESCRIPTION).unwrap();
    for departure in DEPARTURES {
        let ChosenByType(pointer, property, shapes) = departure else {
            continue;
        };
        let owner = document.pointer(pointer).unwrap();
        for (name, place) in shapes {
            let shape = &owner["properties"][property]["oneOf"][place];
            let title = shape["title"].as_str().or(shape["$ref"].as_str()).unwrap();
            let letters = |text: &str| {
                let letters = text.chars().filter(char::is_ascii_alphabetic);
                letters.collect::<String>().to_lowercase()
            };
            assert!(
                letters(title).contains(&letters(name)),
                "{name} is matched with {title}"
            );
        }
    }
}
