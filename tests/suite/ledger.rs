//! What the ledger of attempts promises, held against both of its implementations: a `SQLite` file in a temporary folder, and
//! `Rollback` objects on a real API server.

/// Makes a test of each rule for each implementation.
macro_rules! over_both {
    ($($rule:ident),* $(,)?) => {
        mod sqlite_file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                let bench = <crate::ledger::bench::File as crate::ledger::bench::Bench>::start().await;
                super::$rule(&bench).await;
            })*
        }

        mod rollback_objects {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $rule() {
                let bench = <crate::ledger::bench::Cluster as crate::ledger::bench::Bench>::start().await;
                super::$rule(&bench).await;
            })*
        }
    };
}

mod advancing;
mod bench;
mod cluster;
mod creating;
mod faithful;
mod file;
mod generated;
mod interrupted;
mod listing;
mod processes;
