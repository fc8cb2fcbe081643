//! What belongs to services and beside them, read and changed.

use std::time::Duration;

use plumbline::simulator::{
    DatabaseStatus, MaintenanceState, NewDatabase, NewLine, NewMaintenance, RecoveryStatus, Route,
};
use serde_json::{Value, json};

use super::Sweep;

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
}
