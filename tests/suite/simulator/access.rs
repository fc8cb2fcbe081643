//! Who may call, and what is seen.

use http::{Method, StatusCode};
use plumbline::simulator::{NewKey, NewService, NewWorkspace};
use serde_json::json;

use super::calls::{Api, KEY};

#[tokio::test]
async fn a_call_without_a_known_key_is_unauthorized() {
    let api = Api::start().await;
    let withdrawn = NewKey {
        key: "rnd_withdrawn".to_owned(),
        workspaces: None,
    };
    api.control().accept_key(&withdrawn).unwrap();
    api.control().withdraw_key("rnd_withdrawn").unwrap();
    let basic = format!("Basic {KEY}");
    let refused = [
        vec![],
        vec![("authorization", "Bearer rnd_unknown")],
        vec![("authorization", "Bearer rnd_withdrawn")],
        vec![("authorization", basic.as_str())],
        vec![("authorization", KEY)],
    ];
    for headers in refused {
        for path in ["/v1/services", "/v1/services/srv-none", "/v1/nothing"] {
            let answer = api.send(Method::GET, path, &headers, "").await.unwrap();
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{headers:?}");
            assert_eq!(answer.json(), json!({"message": "Unauthorized"}));
        }
    }
    api.end().await;
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_with_a_message_alone() {
    let api = Api::start().await;
    let (service, other) = (api.service("api"), api.service("other"));
    let foreign = api.live(&other);
    let missing = [
        "/services/srv-none".to_owned(),
        // A name is no identifier.
        "/services/api".to_owned(),
        "/services/srv-none/deploys".to_owned(),
        format!("/services/{service}/deploys/{foreign}"),
        "/owners/tea-none".to_owned(),
        "/nothing".to_owned(),
    ];
    for path in missing {
        let answer = api.get(&path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        let body = answer.json();
        let fields: Vec<_> = body.as_object().unwrap().keys().collect();
        assert_eq!(fields, ["message"], "{path}");
    }
    api.end().await;
}

#[tokio::test]
async fn what_a_key_does_not_reach_is_as_if_it_were_not_there() {
    let api = Api::start().await;
    let control = api.control();
    let mut created = Vec::new();
    for name in ["near", "far"] {
        let workspace = NewWorkspace {
            name: name.to_owned(),
            ..NewWorkspace::default()
        };
        let workspace = control.create_workspace(&workspace).unwrap();
        let service = NewService {
            name: format!("api of {name}"),
            owner: Some(workspace.id.clone()),
            ..NewService::default()
        };
        let service = control.create_service(&service).unwrap();
        created.push((workspace.id, service.id));
    }
    let key = NewKey {
        key: KEY.to_owned(),
        workspaces: Some(vec!["near".to_owned()]),
    };
    control.accept_key(&key).unwrap();
    let [(near, near_service), (far, far_service)] = created.try_into().unwrap();
    assert_eq!(api.get("/owners").await.ids("owner"), [near]);
    assert_eq!(api.get("/services").await.ids("service"), [near_service]);
    let hidden = [
        format!("/owners/{far}"),
        format!("/services/{far_service}"),
        format!("/services/{far_service}/deploys"),
    ];
    for path in hidden {
        assert_eq!(api.get(&path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let filtered = api.get(&format!("/services?ownerId={far}")).await;
    assert_eq!(filtered.json(), json!([]));
    api.end().await;
}

#[tokio::test]
async fn identifiers_and_headers_have_render_s_shapes() {
    let api = Api::start().await;
    let service = api.service("api");
    let deploy = api.live(&service);
    let owner = api.control().service(&service).unwrap().owner_id;
    let instances = api.get(&format!("/services/{service}/instances")).await;
    let instance = instances.json()[0]["id"].as_str().unwrap().to_owned();
    let shapes = [
        (service, "^srv-[0-9a-z]{20}$"),
        (deploy, "^dep-[0-9a-z]{20}$"),
        (owner, "^tea-[0-9a-z]{20}$"),
        (instance, "^srv-[0-9a-z]{20}-[0-9a-z]{5}$"),
    ];
    for (id, shape) in shapes {
        assert!(regex::Regex::new(shape).unwrap().is_match(&id), "{id}");
    }
    let (one, other) = (api.get("/owners").await, api.get("/owners/none").await);
    assert_ne!(
        one.header("render-request-id"),
        other.header("render-request-id")
    );
    for answer in [one, other] {
        assert_eq!(
            answer.header("content-type"),
            "application/json; charset=utf-8"
        );
    }
    api.end().await;
}

#[tokio::test]
async fn keys_are_nowhere_to_be_read() {
    let api = Api::start().await;
    api.control().withdraw_key(KEY).unwrap();
    let key = NewKey {
        key: KEY.to_owned(),
        workspaces: None,
    };
    api.control().accept_key(&key).unwrap();
    let written = [
        format!("{key:?}"),
        format!("{:?}", api.running),
        api.control().state().to_string(),
        serde_json::to_string(&api.control().ledger()).unwrap(),
    ];
    for text in written {
        assert!(!text.contains(KEY), "{text}");
    }
    api.end().await;
}
