//! The description and what is held against it.

use serde_json::{Value, json};

use crate::support::{
    description::{DEPARTURES, DESCRIPTION, Departure::ChosenByType, Description},
    requests::validate_request,
};

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
            !description
                .faults_of("GET", deploys, status, &[&body])
                .is_empty(),
            "{status} {body} passed"
        );
    }
    let right =
        json!([{"deploy": {"id": "dep-1", "status": "live", "commit": null}, "cursor": "c"}]);
    assert_eq!(
        description.faults_of("GET", deploys, 200, &[&right]),
        [""; 0]
    );
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

#[test]
fn requests_are_held_against_the_description() {
    let service = "/v1/services/srv-1";
    let rollback = format!("{service}/rollback");
    let deploys = format!("{service}/deploys");
    let right = [
        (
            "GET",
            deploys.as_str(),
            "status=live&status=queued&limit=1",
            None,
        ),
        (
            "GET",
            "/v1/services",
            "type=web_service,cron_job&includePreviews=false",
            None,
        ),
        ("POST", &rollback, "", Some(json!({"deployId": "dep-1"}))),
        ("POST", &deploys, "", Some(json!({}))),
        ("PATCH", service, "", Some(json!({"autoDeploy": "no"}))),
        (
            "PATCH",
            service,
            "",
            Some(json!({"serviceDetails": {"maintenanceMode": {"enabled": true, "uri": ""}}})),
        ),
        ("POST", "/v1/services/srv-1/suspend", "", None),
    ];
    for (method, path, query, body) in right {
        let outcome = validate_request(method, path, query, body.as_ref());
        assert_eq!(outcome, Ok(()), "{method} {path}?{query} {body:?}");
    }
    let wrong = [
        ("GET", "/services", "", None),
        ("GET", "/v1/nothing", "", None),
        ("DELETE", deploys.as_str(), "", None),
        ("GET", &deploys, "status=live,queued", None),
        ("GET", &deploys, "state=live", None),
        ("GET", &deploys, "limit=101", None),
        ("GET", &deploys, "limit=ten", None),
        ("GET", &deploys, "limit=1&limit=2", None),
        (
            "GET",
            "/v1/services",
            "type=web_service&type=cron_job",
            None,
        ),
        ("GET", "/v1/services", "createdAfter=yesterday", None),
        ("POST", &rollback, "", None),
        ("POST", &rollback, "", Some(json!({}))),
        ("POST", &rollback, "", Some(json!({"deployId": 7}))),
        (
            "POST",
            &rollback,
            "",
            Some(json!({"deployId": "dep-1", "force": true})),
        ),
        ("POST", &deploys, "", Some(json!({"clearCache": true}))),
        ("PATCH", service, "", Some(json!({"autoDeploy": false}))),
        (
            "PATCH",
            service,
            "",
            Some(json!({"suspended": "suspended"})),
        ),
        ("POST", "/v1/services/srv-1/suspend", "", Some(json!({}))),
    ];
    for (method, path, query, body) in wrong {
        let outcome = validate_request(method, path, query, body.as_ref());
        assert!(outcome.is_err(), "{method} {path}?{query} {body:?} passed");
    }
}
