//! Every integration test, in one binary: linking is what costs on a small machine.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod conformance;
mod crashes;
mod documentation;
mod every_kind;
mod faults;
mod health;
mod house;
mod intercept;
mod kinds;
mod ledger;
mod manifests;
mod permissions;
mod platforms;
mod probes;
mod rollback;
mod simulator;
mod validation;
