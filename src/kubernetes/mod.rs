//! What every controller shares of Kubernetes.

pub mod apply;
pub mod attempts;
pub mod client;
pub mod conditions;
pub mod events;
pub mod secrets;
