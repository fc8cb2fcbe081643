//! What a check of another kind says to a PostgreSQL server: statements of its author's own.

use sqlx::{Error, PgConnection};
use tokio::time::Instant;

use super::{
    super::failure::{Stage, finding},
    ask,
};
use crate::checks::{net::Target, verdict::Finding};

/// Times are written with their offset, whatever the server's settings.
const WRITE_TIMES: &str = "SET LOCAL datestyle = 'ISO'; SET LOCAL timezone = 'UTC'";

const NOW: &str = "SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000)::bigint";

/// A connection to a server that has let us in.
pub(in crate::checks) struct Talk<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) target: &'a Target,
}

impl Talk<'_> {
    /// Begins a transaction that cannot write, in which nothing takes longer than until `deadline`.
    pub(in crate::checks) async fn begin(&mut self, deadline: Instant) -> Result<(), Finding> {
        let begun = async {
            ask::begin(self.connection, deadline).await?;
            self.run(WRITE_TIMES).await
        };
        let begun = begun.await;
        begun.map_err(|error| self.fault(error, Stage::Look))
    }

    /// Ends a transaction, whatever its state, and keeps nothing of it.
    pub(in crate::checks) async fn end(&mut self) -> Result<(), Finding> {
        let ended = self.run("ROLLBACK").await;
        ended.map_err(|error| self.fault(error, Stage::Look))
    }

    /// The server's clock, in milliseconds since 1970.
    pub(in crate::checks) async fn now(&mut self) -> Result<i64, Finding> {
        let now = ask::first(self.connection, NOW, None).await;
        let now = now.map_err(|error| self.fault(error, Stage::Look))?;
        let now = now.flatten().and_then(|now| now.parse().ok());
        now.ok_or_else(|| self.fault(Error::RowNotFound, Stage::Look))
    }

    /// The first column of the first row as a text; `None` without a row, or when it is null. `bound` is what `$1` stands for.
    pub(in crate::checks) async fn read(
        &mut self,
        statement: &str,
        bound: Option<&str>,
    ) -> Result<Option<String>, Finding> {
        let answer = ask::first(self.connection, statement, bound).await;
        let answer = answer.map_err(|error| self.fault(error, Stage::Question))?;
        Ok(answer.flatten())
    }

    /// Runs a statement that may write, alone in a transaction: so that its timeout is no setting of the session, which a pooler
    /// would hand to somebody else.
    pub(in crate::checks) async fn change(
        &mut self,
        statement: &str,
        bound: &str,
        deadline: Instant,
    ) -> Result<(), Finding> {
        let changed = async {
            ask::begin_as(self.connection, "READ WRITE", deadline).await?;
            ask::execute(self.connection, statement, bound).await?;
            self.run("COMMIT").await
        };
        let changed = changed.await;
        if changed.is_err() {
            // What it says changes nothing: the statement's own error is told.
            let _ = self.run("ROLLBACK").await;
        }
        changed.map_err(|error| self.fault(error, Stage::Change))
    }

    async fn run(&mut self, statement: &'static str) -> Result<(), Error> {
        let ran = sqlx::raw_sql(statement).execute(&mut *self.connection);
        ran.await.map(drop)
    }

    fn fault(&self, error: Error, stage: Stage) -> Finding {
        finding(error, self.target, stage)
    }
}
