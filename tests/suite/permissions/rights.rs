//! The rights of the role are those that the controller uses: a life of a validation with a rollback in it leaves none
//! unused, and is denied nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use plumbline::{
    api::{Rollback, RollbackPolicy, RollbackState, RollbackStatus},
    controllers::rollback::with_conditions,
    kubernetes::attempts::attempt_of,
    rollback::naming,
};
use serde_json::{Value, json};

use super::{Right, USER, asked, denied, requests, right};
use crate::support::{
    app::App,
    control_plane::ControlPlane,
    eventually::{eventually, within},
    intercept::{Action, Applied, Journal, RequestRule},
    scenario::{API_KEY, Scenario, render_spec},
};

/// The commits of what is shipped.
const GOOD: &str = "600d600d600d600d600d600d600d600d600d600d";
const BAD: &str = "bad0bad0bad0bad0bad0bad0bad0bad0bad0bad0";

/// Every right that the `ClusterRole` of the base grants.
fn granted(plane: &ControlPlane) -> BTreeSet<Right> {
    let role = plane
        .kubectl(&["get", "clusterrole", "plumbline", "-o", "json"], None)
        .unwrap();
    let role: Value = serde_json::from_str(&role).unwrap();
    let texts = |value: &Value| -> Vec<String> {
        serde_json::from_value(value.clone()).expect("a list of texts")
    };
    let mut rights = BTreeSet::new();
    for rule in role["rules"].as_array().unwrap() {
        for group in texts(&rule["apiGroups"]) {
            for resource in texts(&rule["resources"]) {
                for verb in texts(&rule["verbs"]) {
                    rights.insert(right(&group, &resource, &verb));
                }
            }
        }
    }
    rights
}

/// Lets the API server store objects that do not fit the schema, as one of an older version would not.
fn loosen_the_schema(plane: &ControlPlane) {
    let name = "deploymentvalidations.plumbline.dev";
    let crd = plane
        .kubectl(&["get", "crd", name, "-o", "json"], None)
        .unwrap();
    let mut crd: Value = serde_json::from_str(&crd).unwrap();
    let schema = &mut crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"];
    *schema = json!({
        "type": "object", "x-kubernetes-preserve-unknown-fields": true,
        // Selectable, and so it has to be described.
        "properties": {"environment": {"type": "string"}},
    });
    plane
        .kubectl(&["replace", "-f", "-"], Some(&crd.to_string()))
        .unwrap();
}

/// The answer to the first status that is written of a Rollback is lost, so that the record has to be read.
fn lose_an_answer(scenario: &Scenario) -> Applied {
    let lost = RequestRule::new(Action::DropAfter)
        .methods(&["PATCH"])
        .path(|path| path.contains("/rollbacks/") && path.ends_with("/status"));
    let api = &scenario.intercepted.as_ref().unwrap().api;
    api.rule(lost.nth(1))
}

async fn apply_policy(scenario: &Scenario) {
    let policies: Api<RollbackPolicy> =
        Api::namespaced(scenario.client.clone(), &scenario.namespace);
    let policy = json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "RollbackPolicy",
        "metadata": {"name": "shop"},
        "spec": {"mode": "Automatic", "guard": {"cooldown": "0s", "budget": {"per": "1m"}}},
    });
    let parameters = PatchParams::apply("test-user").force();
    policies
        .patch("shop", &parameters, &Patch::Apply(&policy))
        .await
        .unwrap();
}

/// The record of an attempt that ended long ago, as the controller has written it; its name.
async fn old_record(scenario: &Scenario, validation: &Value) -> String {
    let uid = validation["metadata"]["uid"].as_str().unwrap();
    let key = naming::key(uid, "dep-long-gone", 1);
    let name = naming::name("web", &key);
    let record = json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "Rollback",
        "metadata": {
            "name": name, "labels": {"plumbline.dev/validation-uid": uid},
            "ownerReferences": [{
                "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation",
                "name": "web", "uid": uid, "controller": true,
            }],
        },
        "spec": {
            "trigger": "Automatic", "validationRef": {"name": "web", "uid": uid},
            "from": {"release": "dep-long-gone"}, "to": {"release": "dep-before"},
            "plan": {
                "attempt": 1, "failedRelease": "dep-long-gone", "key": key, "claimant": "before",
                "issueBefore": "2026-01-01T00:00:00Z", "timeout": "5m", "verificationTimeout": "5m",
                "steps": [{"service": "api", "from": "dep-long-gone", "to": "dep-before"}],
            },
        },
    });
    let controller = scenario.plane.client_as(USER).await;
    let records: Api<Rollback> = Api::namespaced(controller, &scenario.namespace);
    let record = serde_json::from_value(record).unwrap();
    let record = records.create(&PostParams::default(), &record).await;
    let long_ago = "2026-01-01T00:00:00Z".parse().unwrap();
    let status = RollbackStatus {
        state: Some(RollbackState::Failed),
        issued_at: Some(long_ago),
        finished_at: Some(long_ago),
        ..RollbackStatus::default()
    };
    let status = with_conditions(&attempt_of(&record.unwrap()), status, long_ago);
    let status = Patch::Merge(json!({"status": status}));
    records
        .patch_status(&name, &PatchParams::default(), &status)
        .await
        .unwrap();
    name
}

/// A release that is validated, one that fails, and the way back; an old record goes meanwhile.
async fn roll_back(scenario: &mut Scenario) {
    let app = App::start(scenario.render()).await;
    app.breaks(BAD);
    app.ship("api", GOOD);
    let mut spec = render_spec(&app.page("api", "health"));
    spec["rollbackPolicyRef"] = json!({"name": "shop"});
    spec["history"] = json!({"successful": 0, "failed": 0});
    spec["checks"][0]["failureThreshold"] = json!(1);
    // What it finds at its start, it does not take for an attempt that was just begun.
    scenario.controller.kill();
    apply_policy(scenario).await;
    scenario.apply("web", spec).await;
    let old = old_record(scenario, &scenario.get("web").await).await;
    let lost = lose_an_answer(scenario);
    let namespace = scenario.namespace.clone();
    scenario.controller.restart(&namespace).await;

    scenario.until_known_good("web").await;
    app.ship("api", BAD);
    scenario
        .until("web", "RolledBack", "True", "RollbackVerified")
        .await;
    assert_eq!(lost.count(), 1, "an answer was lost");
    let records: Api<Rollback> = Api::namespaced(scenario.client.clone(), &scenario.namespace);
    eventually("the old record to be gone", || async {
        match records.get_opt(&old).await.unwrap() {
            None => Ok(()),
            Some(record) => Err(record.status),
        }
    })
    .await;
}

async fn store_a_misfit(scenario: &Scenario) {
    loosen_the_schema(scenario.plane);
    eventually("the schema to be loosened", || async {
        let misfit = json!({
            "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation",
            "metadata": {"name": "misfit"}, "spec": {"interval": "often"},
        });
        scenario
            .objects()
            .patch(
                "misfit",
                &PatchParams::apply("test-user").force(),
                &Patch::Apply(&misfit),
            )
            .await
            .map_err(|error| error.to_string())
    })
    .await;
    scenario.until_ready("misfit", "False", "InvalidSpec").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_right_of_the_role_is_used_and_no_other_is_missed() {
    let plane: &ControlPlane = Box::leak(Box::new(ControlPlane::start()));
    let mut scenario = Scenario::start_intercepted_on(plane, "", &Journal::new()).await;
    roll_back(&mut scenario).await;
    store_a_misfit(&scenario).await;
    scenario.leaks_nothing(&[API_KEY]).await;

    // A watch is logged when it ends.
    scenario.controller.kill();
    let granted = granted(plane);
    within(
        Duration::from_secs(20),
        "every right to be used",
        || async {
            let used: BTreeSet<Right> = requests(plane).iter().map(asked).collect();
            let unused: Vec<Right> = granted.difference(&used).cloned().collect();
            if unused.is_empty() {
                Ok(())
            } else {
                Err(unused)
            }
        },
    )
    .await;
    let requests = requests(plane);
    assert_eq!(denied(&requests), Vec::<String>::new());
    let mut others: BTreeMap<Right, usize> = BTreeMap::new();
    for event in &requests {
        let asked = asked(event);
        if !granted.contains(&asked) {
            *others.entry(asked).or_default() += 1;
        }
    }
    assert_eq!(others, BTreeMap::new(), "another role grants these as well");
    scenario.finish().await;
    plane.command("kill", "kube-apiserver");
    plane.command("kill", "etcd");
}
