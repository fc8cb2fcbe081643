//! Brings a failed release back to the last one that was validated, once, and proves that it is back.
//!
//! Detect, confirm, decide, record the intent, act, settle, verify. Everything up to the record is pure; everything after it
//! can be taken up again from the record alone.
//!
//! | module | subject |
//! |---|---|
//! | `ledger` | what is on record of each attempt |
//! | `progress` | what follows for an attempt, by its record alone |
//! | `record` | how a record changes |
//! | `executor` | from the record to the call, and the only file that asks a platform to change anything |
//! | `follow`, `settle` | what became of a call, by reading the platform |
//! | `verify` | what the checks say of what was brought back |
//! | `surroundings` | what an attempt works with and goes by |
//! | `moment` | the present, for rules that outlive a process |

mod executor;
mod follow;
pub mod ledger;
mod moment;
mod progress;
mod record;
mod settle;
mod surroundings;
pub mod verify;

pub use executor::{Again, Change, Executor};
pub use moment::Moment;
pub use record::{budgeted_at, reference};
pub use surroundings::{Evidence, Gate, GateError, Permission, Surroundings, Witness};
