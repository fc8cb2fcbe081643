//! The schema guard, on a real PostgreSQL: the code to go back to must be able to bear the schema as it is now.

use serde_json::json;

use super::support::{GOOD, World, message, said};
use crate::support::postgres::{PASSWORD, Postgres};

/// A validation of a service and of its database, whose schema is read.
async fn with_database() -> Option<(World, Postgres)> {
    let server = Postgres::start().await?;
    server
        .run("CREATE TABLE users (id bigint PRIMARY KEY, email text); GRANT SELECT ON users TO plumbline;")
        .await;
    let scenario = crate::support::scenario::Scenario::start_with(super::support::SETTINGS).await;
    scenario
        .put_secret("database", &[("password", PASSWORD)])
        .await;
    let world = World::of(scenario, &[("api", GOOD)]).await;
    world.apply_policy(json!({})).await;
    let database = json!({
        "name": "database", "area": "database", "failureThreshold": 1,
        "sql": {
            "engine": "postgres", "host": "127.0.0.1", "port": server.port(), "database": "postgres",
            "user": "plumbline", "password": {"secretKeyRef": {"name": "database", "key": "password"}},
            "tls": "Require", "fingerprint": true,
        },
    });
    let checks = json!({"checks": [world.check("api", "health"), database]});
    world.apply_with(&["api"], checks).await;
    Some((world, server))
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_added_to_a_schema_is_no_matter_and_a_column_that_the_good_release_needs_bars_the_way_back()
 {
    let Some((mut world, server)) = with_database().await else {
        return;
    };
    let good = world.good_release().await;
    server
        .run("ALTER TABLE users ADD COLUMN plan text; CREATE TABLE plans (name text);")
        .await;
    world.ship_bad("api");
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), std::slice::from_ref(&good));
    let brought_back = world.good_release().await;

    server.run("ALTER TABLE users DROP COLUMN email;").await;
    let bad = world.ship_bad("api");
    let object = world.until_rolled_back("False", "SchemaGuard").await;
    let why = message(&object, "RolledBack");
    assert!(why.contains("column database/users.email is gone"), "{why}");
    assert_eq!(said(&object, "Ready"), "False ChecksFailed");

    // A process that has yet to read the schema does not go back either.
    let namespace = world.scenario.namespace.clone();
    world.scenario.controller.restart(&namespace).await;
    world
        .scenario
        .until_still(std::time::Duration::from_secs(6))
        .await;
    let object = world.until("the guard to hold", |_| true).await;
    assert_eq!(said(&object, "RolledBack"), "False SchemaGuard");
    assert_eq!(object["status"]["observedRelease"]["id"], json!(bad));
    assert_eq!(world.rollbacks(), 1);

    server.run("ALTER TABLE users ADD COLUMN email text;").await;
    world.until_verified(2).await;
    assert_eq!(world.rolled_back_to(), [good, brought_back]);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_that_cannot_be_read_is_what_the_policy_says_it_is() {
    let Some((world, server)) = with_database().await else {
        return;
    };
    world
        .apply_policy(json!({"guard": {"schemaUnknown": "Refuse"}}))
        .await;
    let good = world.good_release().await;
    server.run("ALTER ROLE plumbline NOLOGIN;").await;
    world.ship_bad("api");
    let object = world.until_rolled_back("False", "SchemaGuard").await;
    let why = message(&object, "RolledBack");
    assert!(why.contains("the live schema is not known"), "{why}");
    server.run("ALTER ROLE plumbline LOGIN;").await;
    world.until_rolled_back("True", "RollbackVerified").await;
    assert_eq!(world.rolled_back_to(), [good]);
    world.finish().await;
}
