//! One folder per kind, with its stages.

pub mod context;
pub mod metrics;
pub mod outcome;
pub mod validation;
