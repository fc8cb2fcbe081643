//! Plumbline holds a deployment against its plumb line: it validates what runs in an environment, keeps watching it,
//! and says what it sees in status conditions.
//!
//! The map of the crate, from the core outwards:
//!
//! | module | subject |
//! |---|---|
//! | [`api`] | the resources as users write them: types only |
//! | [`checks`] | a check is data, a probe that measures, and a judgement; one file per kind, one dialer for all |
//! | [`platforms`] | what runs the services: the adapter trait, its registry, one folder per platform |
//! | [`rollback`] | what is known to be good, and whether and how to go back to it |
//! | [`monitor`] | runs suites on schedule, keeps the board of states, wakes the controllers |
//! | [`rollback`] | from the failed verdict to the proof that the last good release is back |
//! | [`store`] | what outlives a process that has no cluster: a `SQLite` file |
//! | [`controllers`] | one folder per kind: a reconcile is its stages |
//! | [`kubernetes`] | what every controller shares: client, conditions, events, secrets, the ledger of attempts |
//! | [`server`] | liveness, readiness, metrics |
//! | [`clock`] | the wall clock |
//! | [`settings`] | the administrator's settings file |
//! | [`simulator`] | Render's API on a loopback port, with state that misbehaves on request |
//! | [`cli`] | one file per subcommand; they hold no rules |

pub mod api;
pub mod checks;
pub mod cli;
pub mod clock;
pub mod controllers;
#[cfg(test)]
mod fuzz;
pub mod kubernetes;
pub mod monitor;
pub mod platforms;
pub mod rollback;
pub mod server;
pub mod settings;
pub mod simulator;
pub mod store;
pub mod telemetry;
