//! The check engine. A check is data, a probe that measures, and a pure judgement from observation to verdict.
//!
//! Nothing here knows Kubernetes: controller and command line run the same suites.

pub mod board;
mod certificate;
pub mod compile;
pub mod dns;
pub mod engine;
pub mod external;
pub mod grpc;
pub mod health;
pub mod http;
pub mod invalid;
pub mod logs;
pub mod metrics;
pub mod net;
mod pattern;
pub mod performance;
pub mod platform;
pub mod prometheus;
pub mod redis;
pub mod reference;
pub mod schema;
#[cfg(test)]
pub mod scripted;
pub mod secret;
pub mod security;
pub mod sql;
pub mod storage;
pub mod suite;
pub mod tcp;
pub mod threshold;
pub mod tls;
pub mod verdict;
pub mod worker;
