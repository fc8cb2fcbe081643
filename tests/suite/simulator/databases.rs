//! Databases and their recovery.

use std::time::Duration;

use http::StatusCode;
use plumbline::simulator::{
    DatabaseStatus, MaintenanceState, NewDatabase, NewKey, NewMaintenance, RecoveryStatus,
};
use serde_json::{Value, json};

use super::calls::{Answer, Api, KEY};

/// A database that is a day old.
struct Scene {
    api: Api,
    database: String,
}

impl Scene {
    async fn new() -> Self {
        let api = Api::start().await;
        let new = NewDatabase {
            name: "main".to_owned(),
            ..NewDatabase::default()
        };
        let database = api.control().create_database(&new).unwrap().id;
        api.clock.advance(Duration::from_hours(24));
        Self { api, database }
    }

    async fn recover(&self, body: &Value) -> Answer {
        let path = format!("/postgres/{}/recovery", self.database);
        self.api.post(&path, body).await
    }

    async fn status(&self, database: &str) -> Value {
        let path = format!("/postgres/{database}");
        self.api.get(&path).await.json()["status"].clone()
    }
}

#[tokio::test]
async fn a_recovery_makes_a_new_database_and_leaves_the_old_one_alone() {
    let scene = Scene::new().await;
    let body = json!({"restoreTime": "2026-01-01T12:00:00Z", "restoreName": "mended"});
    let answer = scene.recover(&body).await;
    assert_eq!(answer.status, StatusCode::OK);
    let made = answer.json();
    let id = made["id"].as_str().unwrap();
    assert!(
        regex::Regex::new("^dpg-[0-9a-z]{20}-a$")
            .unwrap()
            .is_match(id),
        "{id}"
    );
    assert_ne!(id, scene.database);
    assert_eq!(made["name"], "mended");
    assert_eq!(made["status"], "recovery_in_progress");
    assert_eq!(scene.status(&scene.database).await, "available");
    scene.api.clock.advance(Duration::from_secs(299));
    assert_eq!(scene.status(id).await, "recovery_in_progress");
    scene.api.clock.advance(Duration::from_secs(1));
    assert_eq!(scene.status(id).await, "available");
    let listed = scene.api.get("/postgres").await.ids("postgres");
    assert_eq!(listed, [id, scene.database.as_str()]);
    let info = async |database: &str| {
        let path = format!("/postgres/{database}/connection-info");
        scene.api.get(&path).await.json()
    };
    let (old, new) = (info(&scene.database).await, info(id).await);
    assert_ne!(
        old["externalConnectionString"],
        new["externalConnectionString"]
    );
    assert_ne!(old["password"], new["password"]);
    let entries = scene.api.control().mutations();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].action, "recover database");
    assert_eq!(entries[0].after["recoveredFrom"][0], json!(scene.database));
    scene.api.end().await;
}

#[tokio::test]
async fn what_cannot_be_recovered_is_refused() {
    let scene = Scene::new().await;
    let control = scene.api.control();
    let good = "2026-01-01T12:00:00Z";
    for body in [
        json!({"restoreTime": "2025-12-31T23:59:59Z"}),
        json!({"restoreTime": "2026-01-01T23:50:01Z"}),
        json!({"restoreTime": "2026-01-03T00:00:00Z"}),
        json!({"restoreTime": "yesterday"}),
        json!({"restoreTime": good, "plan": "free"}),
        json!({"restoreTime": good, "plan": "enormous"}),
        json!({"restoreTime": good, "restoreName": "main"}),
        json!({"restoreTime": good, "environmentId": "evm-none"}),
        json!({"restoreTime": good, "force": true}),
        json!({}),
        Value::Null,
    ] {
        let answer = scene.recover(&body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
    }
    for status in [RecoveryStatus::NotAvailable, RecoveryStatus::BackupNotReady] {
        control.set_recovery("main", status).unwrap();
        let answer = scene.recover(&json!({ "restoreTime": good })).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    assert_eq!(control.databases().len(), 1);
    assert_eq!(control.mutations(), []);
    scene.api.end().await;
}

#[tokio::test]
async fn a_recovery_tells_how_far_it_reaches_and_a_free_database_has_none() {
    let scene = Scene::new().await;
    let recovery = async |database: &str| {
        let path = format!("/postgres/{database}/recovery");
        scene.api.get(&path).await.json()
    };
    let told = recovery(&scene.database).await;
    assert_eq!(told["recoveryStatus"], "AVAILABLE");
    let created = scene.api.control().database("main").unwrap().created_at;
    assert_eq!(told["startsAt"], json!(created));
    scene.api.clock.advance(Duration::from_hours(24 * 7));
    let told = recovery(&scene.database).await;
    assert_eq!(told["startsAt"], "2026-01-02T00:00:00Z");
    let free = NewDatabase {
        name: "free".to_owned(),
        plan: Some("free".to_owned()),
        ..NewDatabase::default()
    };
    let free = scene.api.control().create_database(&free).unwrap().id;
    assert_eq!(
        recovery(&free).await,
        json!({"recoveryStatus": "NOT_AVAILABLE"})
    );
    scene.api.end().await;
}

#[tokio::test]
async fn a_recovery_can_fail() {
    let scene = Scene::new().await;
    let body = json!({"restoreTime": "2026-01-01T12:00:00Z"});
    let id = scene.recover(&body).await.json()["id"].clone();
    let id = id.as_str().unwrap();
    let control = scene.api.control();
    control
        .set_database_status(id, DatabaseStatus::RecoveryFailed)
        .unwrap();
    scene.api.clock.advance(Duration::from_hours(1));
    assert_eq!(scene.status(id).await, "recovery_failed");
    scene.api.end().await;
}

#[tokio::test]
async fn a_test_names_the_database_that_a_connection_leads_to() {
    let scene = Scene::new().await;
    let real = "postgresql://user:secret@127.0.0.1:5432/real";
    scene.api.control().set_connection("main", real).unwrap();
    let path = format!("/postgres/{}/connection-info", scene.database);
    let info = scene.api.get(&path).await.json();
    assert_eq!(info["externalConnectionString"], real);
    assert_eq!(info["internalConnectionString"], real);
    let ledger = serde_json::to_string(&scene.api.control().ledger()).unwrap();
    assert!(!ledger.contains("secret"), "{ledger}");
    scene.api.end().await;
}

#[tokio::test]
async fn databases_and_their_maintenance_are_seen_by_keys_that_reach_them() {
    let scene = Scene::new().await;
    let control = scene.api.control();
    let new = NewMaintenance {
        resource: "main".to_owned(),
        r#type: None,
        scheduled_at: None,
        state: MaintenanceState::Scheduled,
    };
    let run = control.schedule_maintenance(&new).unwrap();
    let path = format!("/postgres/{}", scene.database);
    let seen = scene.api.get(&path).await.json();
    assert_eq!(seen["maintenance"]["id"], json!(run.id));
    let count = async |query: &str| {
        let list = scene.api.get(&format!("/maintenance?{query}")).await.json();
        list.as_array().unwrap().len()
    };
    assert_eq!(count("").await, 1);
    assert_eq!(count("state=scheduled&state=failed").await, 1);
    assert_eq!(count("resourceId=srv-none").await, 0);
    let succeeded = MaintenanceState::Succeeded;
    control.set_maintenance_state(&run.id, succeeded).unwrap();
    assert_eq!(count("state=scheduled").await, 0);
    assert_eq!(scene.api.get(&path).await.json().get("maintenance"), None);
    let narrow = NewKey {
        key: KEY.to_owned(),
        workspaces: Some(Vec::new()),
    };
    control.accept_key(&narrow).unwrap();
    assert_eq!(count("").await, 0);
    assert_eq!(scene.api.get("/postgres").await.json(), json!([]));
    assert_eq!(scene.api.get(&path).await.status, StatusCode::NOT_FOUND);
    scene.api.end().await;
}
