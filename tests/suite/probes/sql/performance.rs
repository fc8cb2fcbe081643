//! How fast databases answer one statement, asked a number of times.

use std::time::Duration;

use plumbline::checks::{
    net::Network,
    verdict::{FindingReason, Verdict},
};

use super::{
    super::{assert_says, network},
    ask, mysql, postgres, sqlite, trusting,
};
use crate::support::{mariadb::MariaDb, postgres::Postgres};

/// Holds a statement that takes 50 ms at the least, six times, against bounds above and below that. `check` adds its fields to
/// an address.
async fn spread_is_judged(network: &Network, statement: &str, check: impl Fn(&str) -> String) {
    let of = |most: &str| {
        check(&format!(
            "query: {{statement: {statement:?}, operator: Exists}}, \
             performance: {{samples: 5, warmup: 1, maxP50: {most}}}"
        ))
    };
    let passing = ask(network, &of("5m")).await;
    assert_says(&passing, Verdict::Pass, FindingReason::Passed);
    let told = "everything expected was seen; p50 ";
    assert!(
        passing.finding.message.starts_with(told)
            && passing.finding.message.ends_with(" of 5 answers"),
        "{}",
        passing.finding.message
    );
    let failing = ask(network, &of("1ms")).await;
    assert_says(&failing, Verdict::Fail, FindingReason::TooSlow);
    let message = &failing.finding.message;
    assert!(
        message.starts_with("p50 ") && message.ends_with(", over 1ms"),
        "{message}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn of_postgres_percentiles_are_judged_and_are_no_part_of_the_phase_query() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let network = trusting(server.authority());
    let check = |more: &str| postgres::check(&server, more);
    spread_is_judged(
        &network,
        "SELECT 1 FROM (SELECT pg_catalog.pg_sleep(0.05)) s",
        check,
    )
    .await;
    let sampled = check(
        "query: {statement: 'SELECT 1 FROM (SELECT pg_catalog.pg_sleep(0.05)) s', operator: Exists}, \
         performance: {samples: 40, warmup: 0, maxP50: 5m}",
    );
    let query = ask(&network, &sampled).await.phases.query.unwrap();
    assert!(query < Duration::from_secs(2), "{query:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_mariadb_percentiles_are_judged() {
    let Some(server) = MariaDb::start().await else {
        return;
    };
    let network = trusting(server.authority());
    let check = |more: &str| mysql::check(&server, more);
    spread_is_judged(&network, "SELECT SLEEP(0.05)", check).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sqlite_percentiles_are_judged() {
    let (folder, _connection) = sqlite::database().await;
    let check = |more: &str| sqlite::check(&folder, more);
    let counting = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) SELECT count(*) FROM n";
    spread_is_judged(&sqlite::permitted(), counting, check).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_query_the_way_to_the_server_and_back_is_measured() {
    let Some(server) = Postgres::start().await else {
        return;
    };
    let sampled = postgres::with_tls(&server, "Disable", "performance: {maxP99: 5m}");
    let measured = ask(&network(), &sampled).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    let message = measured.finding.message;
    assert!(message.ends_with(" of 20 answers"), "{message}");
}
