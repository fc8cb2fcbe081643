//! How far a replica of MariaDB is behind.

use plumbline::checks::{
    net::Network,
    verdict::{FindingReason, Verdict},
};

use super::{super::assert_says, ask, mysql::check, trusting};
use crate::support::{eventually::eventually, mariadb::MariaDb};

/// Waits until the check says so.
async fn says(network: &Network, check: &str, verdict: Verdict, words: &str) {
    eventually("the check says how far the replica is behind", async || {
        let measured = ask(network, check).await;
        let finding = &measured.finding;
        (finding.verdict == verdict && finding.message.contains(words))
            .then_some(())
            .ok_or(measured)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_follows_passes_and_one_that_is_late_or_has_stopped_fails() {
    let (Some(primary), Some(replica)) = tokio::join!(MariaDb::start_as(1), MariaDb::start_as(2))
    else {
        return;
    };
    let network = trusting(replica.authority());
    let check = check(&replica, "activity: {maxReplicationLag: 1s}");
    let hidden = ask(&network, &check).await;
    assert_says(&hidden, Verdict::Unknown, FindingReason::NoData);
    replica
        .run("GRANT REPLICA MONITOR ON *.* TO plumbline")
        .await;
    says(&network, &check, Verdict::Unknown, "there is no replica").await;

    primary
        .run("CREATE USER follower IDENTIFIED BY 'follows'; GRANT REPLICATION SLAVE ON *.* TO follower; RESET MASTER")
        .await;
    replica
        .run(&format!(
            "CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {}, MASTER_USER = 'follower', \
             MASTER_PASSWORD = 'follows', MASTER_SSL = 0; START REPLICA",
            primary.port()
        ))
        .await;
    says(&network, &check, Verdict::Pass, "everything expected").await;

    replica
        .run("STOP REPLICA; CHANGE MASTER TO MASTER_DELAY = 3600; START REPLICA")
        .await;
    primary
        .run("CREATE TABLE app.late (id int); INSERT INTO app.late VALUES (1)")
        .await;
    says(&network, &check, Verdict::Fail, "behind, over 1s").await;
    replica.run("STOP REPLICA").await;
    says(&network, &check, Verdict::Fail, "replication has stopped").await;
}
