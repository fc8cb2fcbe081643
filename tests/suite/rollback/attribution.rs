//! A release is rolled back for what it has done, and for nothing else.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};

use super::support::{BETTER, GOOD, SETTINGS, World, message, said};
use crate::support::{
    hostile::{Lookup, NameServer},
    scenario::{Scenario, http_check},
    target::Target,
};

impl World {
    /// Waits until the failure is held against something else than the release, for this reason; nothing is done about it.
    async fn until_not_blamed(&self, told: &str) {
        let what = format!("the release not to be blamed: {told}");
        let object = self
            .until(&what, |object| {
                said(object, "RolledBack") == "False EnvironmentFault"
                    && message(object, "RolledBack").contains(told)
            })
            .await;
        assert_eq!(said(&object, "Ready"), "False ChecksFailed");
        assert_eq!(said(&object, "Stalled"), "True ChecksFailed");
        assert!(self.records().await.is_empty());
        assert!(self.mutations().is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_begins_after_the_window_is_not_the_releases_fault_unless_the_policy_says_so()
 {
    // Whatever goes live has been so for longer than the window.
    let scenario = Scenario::start_behind(SETTINGS, Duration::from_secs(65)).await;
    let world = World::on(scenario, GOOD).await;
    world
        .apply_policy(json!({"trigger": {"window": "1m"}}))
        .await;
    let good = world.good_release().await;
    world.ship_bad("api");
    world
        .until_not_blamed("more than trigger.window 1m after")
        .await;
    world
        .apply_policy(json!({"trigger": {"window": "1m", "onlyAfterDeploy": false}}))
        .await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), [good]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_service_that_fails_alone_or_first_is_not_the_releases_fault() {
    let scenario = Scenario::start_with(SETTINGS).await;
    let world = World::of(scenario, &[("api", GOOD)]).await;
    let payments = Target::start().await;
    let mut external = http_check("payments", &payments.url());
    external["area"] = json!("external");
    external["failureThreshold"] = json!(1);
    world.apply_policy(json!({})).await;
    let checks = json!({"checks": [world.check("api", "health"), external]});
    world.apply_with(&["api"], checks).await;
    let good = world.good_release().await;
    let better = world.app.ship("api", BETTER);
    payments.answer(503, &json!({}));
    world
        .until_not_blamed("no critical check of trigger.areas")
        .await;
    world.ship_bad("api");
    world
        .until_not_blamed("an external service failed first")
        .await;
    payments.answer(200, &json!({"status": "ok"}));
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(
        world.rolled_back_to(),
        [good],
        "{better} was never validated"
    );
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_that_never_passed_on_the_good_release_as_it_is_now_says_nothing_against_the_next()
{
    let world = World::start().await;
    let named = json!({"verification": {"checks": ["api-health"]}});
    world.apply_policy(named).await;
    let good = world.good_release().await;
    // It fails on every release, and is new.
    let broken = Target::start().await;
    broken.answer(503, &json!({}));
    let mut new = http_check("new", &broken.url());
    new["failureThreshold"] = json!(1);
    let checks = |checks: Value| json!({"checks": checks});
    let both = checks(json!([world.check("api", "health"), new]));
    world.app.ship("api", BETTER);
    world.apply_with(&["api"], both).await;
    world.until_not_blamed("nothing that fails on").await;

    // One that has passed there, and expects something else since.
    let mut edited = world.check("api", "health");
    edited["http"]["expect"]["json"][0]["value"] = json!("splendid");
    world.apply_with(&["api"], checks(json!([edited]))).await;
    world.until_not_blamed("api-health").await;

    // As it was it counts, whatever else fails that never passed.
    let other = checks(json!([world.check("api", "health"), new]));
    world.apply_with(&["api"], other).await;
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), [good]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_told_is_never_a_reason() {
    let resolves = Arc::new(AtomicBool::new(true));
    let script = resolves.clone();
    let name_server = NameServer::start(move |_, _| {
        if script.load(Ordering::SeqCst) {
            Lookup::Addresses(vec![Ipv4Addr::LOCALHOST.into()])
        } else {
            Lookup::Failure
        }
    })
    .await;
    let settings = format!(
        "{SETTINGS}\n\
         network: {{egress: {{allow: ['127.0.0.1/32']}}, dns: {{servers: ['{}']}}}}",
        name_server.address()
    );
    let scenario = Scenario::start_with(&settings).await;
    scenario.put_secret("visitor", &[("token", "t0k3n")]).await;
    let world = World::of(scenario, &[("api", GOOD)]).await;
    let url = format!("http://shop.example:{}/api/health", world.app.port());
    let token = json!({"secretKeyRef": {"name": "visitor", "key": "token"}});
    let mut check = world.check("api", "health");
    check["http"]["url"] = json!(url);
    check["http"]["headers"] = json!([{"name": "authorization", "valueFrom": token}]);
    world.apply_policy(json!({})).await;
    world.apply_with(&["api"], json!({"checks": [check]})).await;
    world.good_release().await;

    world.app.answers(BETTER, 401);
    world.app.ship("api", BETTER);
    world.until_not_told("CredentialsRefused").await;
    resolves.store(false, Ordering::SeqCst);
    world.ship_bad("api");
    world.until_not_told("ResolverFailed").await;
    assert!(world.records().await.is_empty());
    assert!(world.mutations().is_empty());

    resolves.store(true, Ordering::SeqCst);
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rollbacks(), 1);
    world.finish().await;
}

impl World {
    async fn until_not_told(&self, reason: &str) {
        let what = format!("the check not to tell: {reason}");
        let object = self
            .until(&what, |object| {
                object["status"]["checks"][0]["reason"] == reason
                    && said(object, "Ready") == "Unknown Inconclusive"
            })
            .await;
        assert_eq!(said(&object, "RolledBack"), "False NotRequired");
        assert_eq!(said(&object, "Stalled"), "");
    }
}
