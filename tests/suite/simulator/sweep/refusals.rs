//! What is refused.

use plumbline::simulator::Route;
use serde_json::Value;

use super::Sweep;
use crate::simulator::calls::KEY;

impl Sweep {
    pub(super) async fn be_refused(&mut self) {
        let service = self.services[0].clone();
        let missing = [
            (Route::GetOwner, "/owners/tea-none".to_owned()),
            (Route::GetService, "/services/srv-none".to_owned()),
            (
                Route::ListInstances,
                "/services/srv-none/instances".to_owned(),
            ),
            (Route::ListDeploys, "/services/srv-none/deploys".to_owned()),
            (
                Route::GetDeploy,
                format!("/services/{service}/deploys/dep-none"),
            ),
            (Route::ListEvents, "/services/srv-none/events".to_owned()),
            (Route::PatchService, "/services/srv-none".to_owned()),
            (
                Route::SuspendService,
                "/services/srv-none/suspend".to_owned(),
            ),
            (Route::ResumeService, "/services/srv-none/resume".to_owned()),
            (
                Route::RestartService,
                "/services/srv-none/restart".to_owned(),
            ),
            (Route::ScaleService, "/services/srv-none/scale".to_owned()),
            (Route::StartDeploy, "/services/srv-none/deploys".to_owned()),
            (
                Route::CancelDeploy,
                format!("/services/{service}/deploys/dep-none/cancel"),
            ),
            (Route::RollBack, "/services/srv-none/rollback".to_owned()),
            (Route::RollBack, format!("/services/{service}/rollback")),
            (Route::GetDatabase, "/postgres/dpg-none-a".to_owned()),
            (
                Route::Recover,
                format!("/postgres/{}/recovery", self.database),
            ),
        ];
        for (route, path) in missing {
            self.get(route, &path).await;
        }
        let paged = [
            (Route::ListOwners, "/owners".to_owned()),
            (Route::ListServices, "/services".to_owned()),
            (Route::ListDatabases, "/postgres".to_owned()),
            (Route::ListWebhooks, "/webhooks".to_owned()),
            (Route::ListDeploys, format!("/services/{service}/deploys")),
            (Route::ListEvents, format!("/services/{service}/events")),
            (
                Route::ListVariables,
                format!("/services/{service}/env-vars"),
            ),
        ];
        for (route, path) in paged {
            self.get(route, &format!("{path}?limit=0")).await;
            self.ask(route, &path, "cursor=not one of ours").await;
        }
        let authorization = format!("Bearer {KEY}");
        for (route, path) in self.every_path() {
            self.send(route, &path, &[], &Value::Null).await;
            let html = [
                ("authorization", authorization.as_str()),
                ("accept", "text/html"),
            ];
            self.send(route, &path, &html, &Value::Null).await;
        }
    }

    pub(super) async fn exceed_the_limit(&mut self) {
        self.limit(0);
        for (route, path) in self.every_path() {
            self.get(route, &path).await;
        }
    }

    fn every_path(&self) -> Vec<(Route, String)> {
        let service = &self.services[0];
        let owner = self.api.control().service(service).unwrap().owner_id;
        let deploy = &self.api.control().deploys(service).unwrap()[0].id;
        let concrete = |route: Route| {
            let path = route.path().trim_start_matches("/v1");
            path.replace("{ownerId}", &owner)
                .replace("{serviceId}", service)
                .replace("{deployId}", deploy)
                .replace("{envVarKey}", "LEVEL")
                .replace("{postgresId}", &self.database)
                .replace("{webhookId}", &self.webhook)
        };
        Route::ALL.map(|route| (route, concrete(route))).to_vec()
    }
}
