//! The schemas of databases, as the newest counted run of each check that reads one has told.

use std::{collections::BTreeMap, sync::Arc};

use crate::checks::{
    engine::Run,
    schema::{LiveSchema, SchemaFingerprint},
    suite::Suite,
};

/// What each check that reads a schema has told, by its position in the suite: `None` when it could not tell.
#[derive(Debug, Default)]
pub struct Schemas(BTreeMap<usize, Option<Arc<SchemaFingerprint>>>);

impl Schemas {
    /// Takes in a counted run.
    pub fn record(&mut self, suite: &Suite, run: &Run) {
        for execution in &run.executions {
            if suite.checks()[execution.place].probe.reads_schema() {
                self.0.insert(execution.place, execution.schema.clone());
            }
        }
    }

    /// All of them as one: each table behind the name of the check that has seen it.
    #[must_use]
    pub fn live(&self, suite: &Suite) -> LiveSchema {
        let mut whole = SchemaFingerprint::default();
        let mut is_read = false;
        for (place, check) in suite.checks().iter().enumerate() {
            if !check.probe.reads_schema() {
                continue;
            }
            is_read = true;
            match self.0.get(&place) {
                None => return LiveSchema::Awaited,
                Some(None) => return LiveSchema::Unknown,
                Some(Some(schema)) => {
                    for (table, columns) in &schema.tables {
                        let name = format!("{}/{table}", check.name);
                        whole.tables.insert(name, columns.clone());
                    }
                }
            }
        }
        if is_read {
            LiveSchema::Known(Arc::new(whole))
        } else {
            LiveSchema::Unknown
        }
    }
}
