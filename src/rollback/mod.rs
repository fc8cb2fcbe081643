//! Brings a failed release back to the last one that was validated, once, and proves that it is back.
//!
//! Detect, confirm, decide, record the intent, act, settle, verify. Everything up to the record is pure; everything after it
//! can be taken up again from the record alone.
//!
//! | module | subject |
//! |---|---|
//! | [`known_good`] | when a release becomes good, which ones can be gone back to, and when one is good no more |
//! | [`incident`] | the attempts that are on record, and which failure the live release belongs to |
//! | [`attribution`] | whether a failure is the release's fault |
//! | [`brake`], [`freeze`] | nothing is rolled back while much fails at once, or at certain times |
//! | [`schema`] | whether the code to go back to can bear the database's schema |
//! | [`plan`] | what is done, service by service |
//! | [`decision`] | all of this in order: nothing, wait, or roll back |
//! | [`naming`] | the key and the name of an attempt |
//! | `digest` | short names for long things |
//! | [`ledger`] | what is on record of each attempt |
//! | `progress` | what follows for an attempt, by its record alone |
//! | `record` | how a record changes |
//! | `executor` | from the record to the call, and the only file that asks a platform to change anything |
//! | `follow`, `settle` | what became of a call, by reading the platform |
//! | [`verify`] | what the checks say of what was brought back |
//! | `surroundings` | what an attempt works with and goes by |
//! | [`moment`] | the time, for ages and waits that survive a clock that is set |

pub mod attribution;
pub mod brake;
pub mod decision;
mod digest;
mod executor;
mod follow;
pub mod freeze;
pub mod incident;
pub mod known_good;
pub mod ledger;
pub mod moment;
pub mod naming;
pub mod plan;
mod progress;
mod record;
#[cfg(test)]
mod samples;
pub mod schema;
mod settle;
mod surroundings;
#[cfg(test)]
mod tests;
pub mod verify;

pub use decision::{Decision, Inputs, Proposal, decide};
pub use executor::{Again, Change, Executor};
pub use incident::{Attempt, AttemptRecord, Attempts, Incident, Past, Quarantine, Validation};
pub use known_good::{CheckDigests, CheckStanding, Goods, check_digest};
pub use moment::Moment;
pub use record::{budgeted_at, is_proven, reference};
pub use surroundings::{Evidence, Gate, GateError, Permission, Surroundings, Witness};
