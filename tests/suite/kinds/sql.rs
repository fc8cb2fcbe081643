//! The sample of kind `sql` against a real PostgreSQL.

use serde_json::json;

use super::{Sample, fails, validates};
use crate::support::{
    postgres::{PASSWORD, Postgres},
    scenario::Scenario,
};

const SCHEMA: &str = "
CREATE TABLE plans (name text);
CREATE TABLE users (id bigint, email text);
CREATE TABLE schema_migrations (version text);
INSERT INTO plans VALUES ('free');
INSERT INTO schema_migrations VALUES ('20240101000000');
GRANT SELECT ON ALL TABLES IN SCHEMA public TO plumbline;";

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twin_fails() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    server.run(SCHEMA).await;
    let scenario = Scenario::start().await;
    scenario
        .put_secret("database", &[("password", PASSWORD)])
        .await;
    let sample = Sample::of("sql")
        .with("database.example.com", "127.0.0.1")
        .with("5432", &server.port().to_string())
        .with("database: app", "database: postgres")
        // The controller does not trust the authority of the test.
        .with("VerifyFull", "Require");
    let mut twin = sample.spec();
    validates(&scenario, "sql", sample.spec()).await;
    twin["checks"][0]["sql"]["tables"] = json!([{"name": "invoices"}]);
    fails(&scenario, "twin", twin, "database", "UnexpectedValue").await;
    scenario.finish().await;
}
