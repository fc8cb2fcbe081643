//! Asks for everything, in every state.

use std::time::Duration;

use plumbline::simulator::{
    Bucket, DeployStatus, Limit, NewCrash, NewDeploy, NewService, Phase, Route, ServiceType,
    Suspender, Trigger,
};
use serde_json::Value;

mod changes;
mod data;
mod refusals;

use super::calls::{Api, KEY};
use crate::support::requests::validate_request;

/// An answer and what was asked.
pub struct Seen {
    pub route: Route,
    pub status: u16,
    /// Null if there was none.
    pub body: Value,
}

/// Every answer to everything that can be asked, in every state that the platform can be in without a fault.
pub struct Sweep {
    api: Api,
    services: Vec<String>,
    database: String,
    webhook: String,
    seen: Vec<Seen>,
}

impl Sweep {
    pub async fn run() -> Vec<Seen> {
        let mut sweep = Self {
            api: Api::start().await,
            services: Vec::new(),
            database: String::new(),
            webhook: String::new(),
            seen: Vec::new(),
        };
        sweep.limit(100_000);
        sweep.create_services();
        sweep.read_everything().await;
        sweep.walk_through_statuses().await;
        sweep.pass_through_every_phase().await;
        sweep.suspend_and_resume().await;
        sweep.change_services().await;
        sweep.change_deploys().await;
        sweep.change_variables().await;
        sweep.see_databases().await;
        sweep.see_logs().await;
        sweep.see_maintenance().await;
        sweep.change_webhooks().await;
        sweep.filter().await;
        sweep.be_refused().await;
        sweep.exceed_the_limit().await;
        sweep.api.end().await;
        sweep.seen
    }

    /// Lets this many calls of each kind through.
    fn limit(&self, calls: u32) {
        let limit = Limit {
            calls,
            window_seconds: 60,
        };
        for bucket in [
            Bucket::Reads,
            Bucket::Deploys,
            Bucket::Creations,
            Bucket::Logs,
            Bucket::Writes,
        ] {
            self.api.control().set_limit(bucket, limit).unwrap();
        }
    }

    fn create_services(&mut self) {
        let types = [
            ServiceType::StaticSite,
            ServiceType::WebService,
            ServiceType::PrivateService,
            ServiceType::BackgroundWorker,
            ServiceType::CronJob,
        ];
        for r#type in types {
            for image in [None, Some("docker.io/library/nginx:1".to_owned())] {
                let new = NewService {
                    name: format!("{type:?} {image:?}"),
                    r#type,
                    image,
                    ..NewService::default()
                };
                let service = self.api.control().create_service(&new).unwrap();
                self.services.push(service.id);
            }
        }
    }

    async fn walk_through_statuses(&mut self) {
        let statuses = [
            DeployStatus::Created,
            DeployStatus::Queued,
            DeployStatus::BuildInProgress,
            DeployStatus::BuildFailed,
            DeployStatus::PreDeployInProgress,
            DeployStatus::PreDeployFailed,
            DeployStatus::UpdateInProgress,
            DeployStatus::UpdateFailed,
            DeployStatus::Canceled,
            DeployStatus::Live,
            DeployStatus::Deactivated,
        ];
        for service in self.services.clone() {
            let deploy = self.api.live(&service);
            for status in statuses {
                let control = self.api.control();
                control.set_deploy_status(&deploy, status).unwrap();
                self.get(
                    Route::GetDeploy,
                    &format!("/services/{service}/deploys/{deploy}"),
                )
                .await;
            }
            self.api.live(&service);
        }
        self.read_everything().await;
    }

    async fn pass_through_every_phase(&mut self) {
        let triggers = [
            Trigger::Api,
            Trigger::BlueprintSync,
            Trigger::DeployHook,
            Trigger::DeployedByRender,
            Trigger::Manual,
            Trigger::Other,
            Trigger::NewCommit,
            Trigger::Rollback,
            Trigger::ServiceUpdated,
        ];
        let phases = [
            DeployStatus::BuildInProgress,
            DeployStatus::PreDeployInProgress,
            DeployStatus::UpdateInProgress,
            DeployStatus::Live,
        ];
        let service = self.services[2].clone();
        for trigger in triggers {
            let new = NewDeploy {
                trigger,
                phases: phases
                    .map(|status| Phase {
                        status,
                        seconds: 1.0,
                    })
                    .to_vec(),
                ..NewDeploy::default()
            };
            self.api.control().start_deploy(&service, &new).unwrap();
            self.read(&service).await;
        }
        for _ in 0..2 * phases.len() {
            self.read(&service).await;
            self.api.clock.advance(Duration::from_secs(1));
        }
        self.read(&service).await;
    }

    async fn suspend_and_resume(&mut self) {
        let service = self.services[2].clone();
        let suspenders = [
            Suspender::Admin,
            Suspender::Billing,
            Suspender::User,
            Suspender::ParentService,
            Suspender::StuckCrashlooping,
            Suspender::HipaaEnablement,
            Suspender::Unknown,
        ];
        for suspender in suspenders {
            self.api.control().suspend(&service, suspender).unwrap();
            self.read(&service).await;
        }
        self.api.control().resume(&service).unwrap();
        self.read(&service).await;
    }

    async fn filter(&mut self) {
        let year = "2026-01-01T00:00:00Z";
        let services = [
            "name=WebService None,nothing&type=web_service,cron_job&region=oregon,ohio",
            "suspended=not_suspended&env=node,image&includePreviews=false&limit=3",
            "environmentId=evm-none",
            &format!("createdAfter={year}&updatedAfter={year}"),
            &format!("createdBefore={year}&updatedBefore={year}"),
        ];
        for query in services {
            self.ask(Route::ListServices, "/services", query).await;
        }
        let owner = self.api.control().service(&self.services[0]).unwrap();
        let query = format!("ownerId={},tea-none", owner.owner_id);
        self.ask(Route::ListServices, "/services", &query).await;
        for query in [
            "name=Example&name=other",
            "email=nobody@workspace.example",
            "limit=1",
        ] {
            self.ask(Route::ListOwners, "/owners", query).await;
        }
        let service = self.services[2].clone();
        let deploys = [
            "status=live&status=deactivated&limit=100",
            &format!("createdAfter={year}&updatedAfter={year}&finishedAfter={year}"),
            &format!("createdBefore={year}&updatedBefore={year}&finishedBefore={year}"),
        ];
        for query in deploys {
            let path = format!("/services/{service}/deploys");
            self.ask(Route::ListDeploys, &path, query).await;
        }
        let query = format!("type=deploy_ended&startTime={year}&endTime={year}&limit=5");
        let path = format!("/services/{service}/events");
        self.ask(Route::ListEvents, &path, &query).await;
    }

    async fn read_everything(&mut self) {
        for memory_limit in [None, Some("512Mi".to_owned())] {
            let crash = NewCrash { memory_limit };
            // Some have nothing that runs.
            let _ = self.api.control().crash(&self.services[0], &crash);
        }
        self.get(Route::ListOwners, "/owners").await;
        self.get(Route::ListServices, "/services").await;
        let owner = self.api.control().service(&self.services[0]).unwrap();
        self.get(Route::GetOwner, &format!("/owners/{}", owner.owner_id))
            .await;
        for service in self.services.clone() {
            self.read(&service).await;
        }
    }

    async fn read(&mut self, service: &str) {
        let of_service = [
            (Route::GetService, ""),
            (Route::ListInstances, "/instances"),
            (Route::ListDeploys, "/deploys"),
            (Route::ListEvents, "/events"),
        ];
        for (route, end) in of_service {
            self.get(route, &format!("/services/{service}{end}")).await;
        }
    }

    /// Asks with a query that the description knows.
    async fn ask(&mut self, route: Route, path: &str, query: &str) {
        let query = query.replace(' ', "%20");
        validate_request("GET", &format!("/v1{path}"), &query, None).unwrap();
        self.get(route, &format!("{path}?{query}")).await;
    }

    async fn get(&mut self, route: Route, path: &str) {
        self.call(route, path, &Value::Null).await;
    }

    /// Asks for a change with a body that the description knows; the answer's status.
    async fn change(&mut self, route: Route, path: &str, body: Value) -> u16 {
        let method = route.method();
        let sent = (!body.is_null()).then_some(&body);
        validate_request(method.as_str(), &format!("/v1{path}"), "", sent).unwrap();
        self.call(route, path, &body).await
    }

    async fn call(&mut self, route: Route, path: &str, body: &Value) -> u16 {
        let authorization = format!("Bearer {KEY}");
        let headers = [
            ("authorization", authorization.as_str()),
            ("accept", "application/json"),
            ("content-type", "application/json"),
        ];
        self.send(route, path, &headers, body).await
    }

    async fn send(
        &mut self,
        route: Route,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> u16 {
        let before = self.api.control().calls_of(route);
        let path = format!("/v1{path}");
        let text = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let answer = self
            .api
            .send(route.method(), &path, headers, &text)
            .await
            .unwrap();
        let after = self.api.control().calls_of(route);
        assert_eq!(after, before + 1, "{path} is no call of {route:?}");
        let status = answer.status.as_u16();
        self.seen.push(Seen {
            route,
            status,
            body: if answer.text.is_empty() {
                Value::Null
            } else {
                answer.json()
            },
        });
        status
    }
}
