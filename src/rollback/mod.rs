//! The core of a rollback: what is known to be good, whether to go back, and how. Pure: no cluster, no network, no clock.
//!
//! | file | subject |
//! |---|---|
//! | [`moment`] | the time, for ages and waits that survive a clock that is set |
//! | [`naming`] | the key and the name of an attempt |
//! | [`incident`] | the attempts that are on record, and which failure the live release belongs to |
//! | [`known_good`] | when a release becomes good, which ones can be gone back to, and when one is good no more |
//! | [`attribution`] | whether a failure is the release's fault |
//! | [`brake`] | nothing is rolled back while much fails at once |
//! | [`freeze`] | times at which nothing is rolled back by itself |
//! | [`schema`] | whether the code to go back to can bear the database's schema |
//! | [`plan`] | what is done, service by service |
//! | [`decision`] | all of this in order: nothing, wait, or roll back |

pub mod attribution;
pub mod brake;
pub mod decision;
mod digest;
pub mod freeze;
pub mod incident;
pub mod known_good;
pub mod moment;
pub mod naming;
pub mod plan;
#[cfg(test)]
mod samples;
pub mod schema;

pub use decision::{Decision, Inputs, Proposal, decide};
pub use incident::{Attempt, AttemptRecord, Attempts, Incident, Past, Quarantine, Validation};
pub use known_good::{CheckDigests, CheckStanding, Goods, check_digest};
pub use moment::Moment;
