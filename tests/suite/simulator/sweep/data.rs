//! What belongs to services and beside them, read and changed.

use std::time::Duration;

use plumbline::simulator::{
    DatabaseStatus, MaintenanceState, NewDatabase, NewLine, NewMaintenance, RecoveryStatus, Route,
};
use serde_json::{Value, json};

use super::Sweep;
use crate::support::eventually::eventually;

impl Sweep {
    pub(super) async fn change_variables(&mut self) {
        let service = self.services[2].clone();
        let all = format!("/services/{service}/env-vars");
        let one = format!("{all}/LEVEL");
        self.get(Route::ListVariables, &all).await;
        for body in [
            json!([{"key": "LEVEL", "value": "info"}, {"key": "SALT", "generateValue": true}]),
            json!([{"key": "LEVEL", "value": "info"}, {"key": "LEVEL", "value": "debug"}]),
        ] {
            self.change(Route::ReplaceVariables, &all, body).await;
        }
        for body in [
            json!({"value": "debug"}),
            json!({"generateValue": true}),
            json!({"generateValue": false}),
        ] {
            self.change(Route::PutVariable, &one, body).await;
            self.get(Route::GetVariable, &one).await;
            self.get(Route::ListVariables, &all).await;
        }
        self.ask(Route::ListVariables, &all, "limit=1").await;
        for _ in 0..2 {
            self.change(Route::DeleteVariable, &one, Value::Null).await;
            self.get(Route::GetVariable, &one).await;
        }
    }

    pub(super) async fn see_databases(&mut self) {
        let new = NewDatabase {
            name: "main".to_owned(),
            ..NewDatabase::default()
        };
        let database = self.api.control().create_database(&new).unwrap().id;
        self.database.clone_from(&database);
        let path = format!("/postgres/{database}");
        let recovery = format!("{path}/recovery");
        let year = "2026-01-01T00:00:00Z";
        for query in [
            "name=main,other&region=oregon&suspended=not_suspended&includeReplicas=false",
            &format!("createdAfter={year}&updatedAfter={year}&limit=1"),
            &format!("createdBefore={year}&updatedBefore={year}&environmentId=evm-none"),
        ] {
            self.ask(Route::ListDatabases, "/postgres", query).await;
        }
        self.get(Route::GetConnection, &format!("{path}/connection-info"))
            .await;
        self.api.clock.advance(Duration::from_hours(1));
        let to = self.api.control().service("renamed").unwrap().created_at;
        let to = to.max(self.api.control().database("main").unwrap().created_at);
        for status in [
            RecoveryStatus::NotAvailable,
            RecoveryStatus::BackupNotReady,
            RecoveryStatus::Available,
        ] {
            self.api.control().set_recovery("main", status).unwrap();
            self.get(Route::GetRecovery, &recovery).await;
            for name in ["copy", "main"] {
                let body = json!({"restoreTime": to, "restoreName": name, "datadogSite": "US1"});
                self.change(Route::Recover, &recovery, body).await;
            }
        }
        for status in [
            DatabaseStatus::Creating,
            DatabaseStatus::Available,
            DatabaseStatus::Unavailable,
            DatabaseStatus::ConfigRestart,
            DatabaseStatus::Suspended,
            DatabaseStatus::MaintenanceScheduled,
            DatabaseStatus::MaintenanceInProgress,
            DatabaseStatus::RecoveryFailed,
            DatabaseStatus::RecoveryInProgress,
            DatabaseStatus::Unknown,
            DatabaseStatus::UpdatingInstance,
        ] {
            let control = self.api.control();
            control.set_database_status("main", status).unwrap();
            self.get(Route::GetDatabase, &path).await;
            self.get(Route::ListDatabases, "/postgres").await;
        }
    }

    pub(super) async fn see_logs(&mut self) {
        let service = self.services[2].clone();
        let owner = self.api.control().service(&service).unwrap().owner_id;
        let line = |level: &str, instance: Option<String>| NewLine {
            message: format!("a line of level {level}"),
            level: Some(level.to_owned()),
            instance,
            ..NewLine::default()
        };
        let lines = [
            line("info", None),
            line("error", Some(format!("{service}-abcde"))),
        ];
        self.api.control().add_lines(&service, &lines).unwrap();
        let one = format!("ownerId={owner}&resource={service}");
        for query in [
            one.clone(),
            format!("{one}&direction=forward&limit=1&level=error&level=info"),
            format!("{one}&text=*line*&type=app&host=example.com"),
            format!("{one}&startTime=2026-01-02T00:00:00Z&endTime=2026-01-01T00:00:00Z"),
        ] {
            self.ask(Route::ListLogs, "/logs", &query).await;
        }
        for query in [
            format!("ownerId={owner}"),
            format!("ownerId={owner}&resource=srv-none"),
        ] {
            self.get(Route::ListLogs, &format!("/logs?{query}")).await;
        }
    }

    pub(super) async fn see_maintenance(&mut self) {
        let database = format!("/postgres/{}", self.database);
        for state in [
            MaintenanceState::Scheduled,
            MaintenanceState::InProgress,
            MaintenanceState::UserFixRequired,
            MaintenanceState::Cancelled,
            MaintenanceState::Succeeded,
            MaintenanceState::Failed,
        ] {
            let new = NewMaintenance {
                resource: "main".to_owned(),
                r#type: None,
                scheduled_at: None,
                state,
            };
            self.api.control().schedule_maintenance(&new).unwrap();
            self.get(Route::ListMaintenance, "/maintenance").await;
            self.get(Route::GetDatabase, &database).await;
        }
        let query = format!(
            "resourceId={},srv-none&state=failed&state=scheduled",
            self.database
        );
        self.ask(Route::ListMaintenance, "/maintenance", &query)
            .await;
        self.get(Route::ListMaintenance, "/maintenance?state=over")
            .await;
    }

    pub(super) async fn change_webhooks(&mut self) {
        let service = self.services[2].clone();
        let owner = self.api.control().service(&service).unwrap().owner_id;
        // Nobody listens on this port.
        let url = "http://127.0.0.1:9/hook";
        for filter in [json!([]), json!(["deploy_started", "deploy_ended"])] {
            let body = json!({
                "ownerId": owner, "name": "hook", "url": url, "enabled": true,
                "eventFilter": filter,
            });
            self.change(Route::CreateWebhook, "/webhooks", body).await;
        }
        let body = json!({
            "ownerId": owner, "name": "hook", "url": "https://example.com", "enabled": true,
            "eventFilter": [],
        });
        self.change(Route::CreateWebhook, "/webhooks", body).await;
        self.get(Route::ListWebhooks, "/webhooks").await;
        let query = format!("ownerId={owner},tea-none&limit=1");
        self.ask(Route::ListWebhooks, "/webhooks", &query).await;
        let list = self.seen.last().unwrap().body.clone();
        let id = list[0]["webhook"]["id"].as_str().unwrap();
        id.clone_into(&mut self.webhook);
        let path = format!("/webhooks/{}", self.webhook);
        self.api.live(&service);
        let events = format!("{path}/events");
        eventually("attempts", async || {
            let attempts = self.api.get(&events).await.json();
            if attempts.as_array().unwrap().len() == 2 {
                Ok(())
            } else {
                Err(attempts)
            }
        })
        .await;
        self.get(Route::ListWebhookEvents, &events).await;
        let query = "sentAfter=2026-01-01T00:00:00Z&sentBefore=2030-01-01T00:00:00Z&limit=1";
        self.ask(Route::ListWebhookEvents, &events, query).await;
        for body in [
            json!({"enabled": false, "name": "quiet"}),
            json!({"eventFilter": [], "url": "http://127.0.0.1:10/hook"}),
            json!({"url": "https://example.com"}),
        ] {
            self.change(Route::PatchWebhook, &path, body).await;
            self.get(Route::GetWebhook, &path).await;
        }
        for _ in 0..2 {
            self.change(Route::DeleteWebhook, &path, Value::Null).await;
            self.get(Route::GetWebhook, &path).await;
        }
    }
}
