//! Services and deploys, changed in every way.

use std::time::Duration;

use plumbline::simulator::{DeployStatus, Route};
use serde_json::{Value, json};

use super::Sweep;

impl Sweep {
    pub(super) async fn change_services(&mut self) {
        for service in self.services.clone() {
            let path = format!("/services/{service}");
            let owner = self.api.control().service(&service).unwrap().owner_id;
            let image = json!({"ownerId": owner, "imagePath": "docker.io/library/nginx:2"});
            let mode = json!({"enabled": true, "uri": "https://example.com/back-soon"});
            for body in [
                json!({"autoDeploy": "no"}),
                json!({"autoDeploy": "yes", "name": format!("renamed {service}")}),
                json!({"branch": "next", "rootDir": "server"}),
                json!({ "image": image }),
                json!({"serviceDetails": {"maintenanceMode": mode, "healthCheckPath": "/up"}}),
                json!({"name": "renamed"}),
            ] {
                self.change(Route::PatchService, &path, body).await;
                self.read(&service).await;
            }
            for instances in [2, 0] {
                let body = json!({ "numInstances": instances });
                self.change(Route::ScaleService, &format!("{path}/scale"), body)
                    .await;
            }
            for (route, end) in [
                (Route::RestartService, "restart"),
                (Route::SuspendService, "suspend"),
                (Route::RestartService, "restart"),
                (Route::ResumeService, "resume"),
            ] {
                self.change(route, &format!("{path}/{end}"), Value::Null)
                    .await;
                self.read(&service).await;
            }
            self.api.clock.advance(Duration::from_mins(1));
        }
    }

    pub(super) async fn change_deploys(&mut self) {
        for service in self.services.clone() {
            let path = format!("/services/{service}/deploys");
            let target = self.api.live(&service);
            let image = "docker.io/library/nginx:3";
            for body in [
                json!({"deployMode": "deploy_only"}),
                json!({"clearCache": "clear"}),
                json!({"commitId": "c0ffee"}),
                json!({ "imageUrl": image }),
            ] {
                self.change(Route::StartDeploy, &path, body).await;
                self.api.clock.advance(Duration::from_mins(1));
            }
            let newest = self.api.live(&service);
            let failed = self.api.live(&service);
            let control = self.api.control();
            control
                .set_deploy_status(&failed, DeployStatus::UpdateFailed)
                .unwrap();
            control.expire_artifact(&newest).unwrap();
            let rollback = format!("/services/{service}/rollback");
            for target in [&target, &newest, &failed] {
                let body = json!({ "deployId": target });
                self.change(Route::RollBack, &rollback, body).await;
                self.read(&service).await;
            }
            self.change(Route::StartDeploy, &path, json!({})).await;
            let waiting = self.api.control().deploys(&service).unwrap()[0].id.clone();
            for _ in 0..2 {
                let cancel = format!("{path}/{waiting}/cancel");
                self.change(Route::CancelDeploy, &cancel, Value::Null).await;
            }
            self.api.clock.advance(Duration::from_mins(1));
            self.read(&service).await;
        }
    }
}
