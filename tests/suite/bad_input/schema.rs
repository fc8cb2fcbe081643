//! Another schema for one kind, for as long as something is stored that the real one refuses.

use std::path::Path;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, api::PostParams};
use serde_json::json;

use super::row::Kind;
use crate::support::{eventually::eventually, scenario::Scenario};

/// The schema of an imagined older version, which took everything.
pub async fn loosen(scenario: &Scenario, kind: Kind) {
    let definitions: Api<CustomResourceDefinition> = Api::all(scenario.client.clone());
    let name = format!("{}.plumbline.dev", kind.resource().plural);
    let mut definition = definitions.get(&name).await.unwrap();
    let version = &mut definition.spec.versions[0];
    version.selectable_fields = None;
    version.schema.as_mut().unwrap().open_api_v3_schema = serde_json::from_value(json!({
        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
    }))
    .unwrap();
    definitions
        .replace(&name, &PostParams::default(), &definition)
        .await
        .unwrap();
    until_enforced(scenario, kind, false).await;
}

/// The schema as it is.
pub async fn tighten(scenario: &Scenario, kind: Kind) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("crds");
    let folder = folder.to_str().unwrap();
    let apply = ["apply", "--server-side", "--force-conflicts", "-k", folder];
    scenario.plane.kubectl(&apply, None).unwrap();
    until_enforced(scenario, kind, true).await;
}

async fn until_enforced(scenario: &Scenario, kind: Kind, strict: bool) {
    let object = kind.object("try", &json!(5));
    let parameters = PostParams {
        dry_run: true,
        field_manager: None,
    };
    eventually("the schema to be in force", || async {
        let object = serde_json::from_value(object.clone()).unwrap();
        let created = kind.objects(scenario).create(&parameters, &object).await;
        if created.is_err() == strict {
            Ok(())
        } else {
            Err(created.is_err())
        }
    })
    .await;
}
