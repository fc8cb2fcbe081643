//! Every integration test, in one binary: linking is what costs on a small machine.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod platforms;
mod simulator;
