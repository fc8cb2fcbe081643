//! What outlives a process that has no cluster to keep it: one `SQLite` file, through sqlx.
//!
//! | module | subject |
//! |---|---|
//! | `file` | opens the file, and brings its schema up to date |
//! | `attempts` | the ledger of attempts |

mod attempts;
mod file;

pub use attempts::SqliteLedger;
pub use file::StoreError;
