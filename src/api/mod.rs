//! The resources as users write them: types only, with the schema that the API server enforces.
//!
//! Group `plumbline.dev`, version `v1alpha1`. The files under `crds/` are generated from these types by
//! `plumbline crd`, and the doc comments on fields are what `kubectl explain` prints.

mod bounds;
mod check;
mod conditions;
mod crd;
mod duration;
mod reference;
mod status;
mod target;
mod validation;

pub use check::{
    Area, Check, DnsCheck, DnsRecordType, HeaderExpectation, HttpCheck, HttpExpectation,
    HttpHeader, HttpMethod, JsonExpectation, JsonOperator, Redirects, SecretValueSource, Severity,
    Stage, TcpCheck, TlsCheck, TlsVersion,
};
pub use conditions::{Condition, ConditionStatus, ConditionType, Reason};
pub use crd::custom_resource_definitions;
pub use duration::{Duration, InvalidDuration};
pub use reference::SecretKeyReference;
pub use status::{
    CheckState, CheckStatus, DeploymentValidationStatus, HistoryEntry, HistoryVerdict,
    LastKnownGood, ObservedRelease, ObservedService,
};
pub use target::{ExternalTarget, RenderService, RenderTarget, Target};
pub use validation::{DeploymentValidation, DeploymentValidationSpec, HistoryLimits};

/// The API group of every kind.
pub const GROUP: &str = "plumbline.dev";

/// The annotation whose value, any token, asks for a run now. Status echoes it in `lastHandledReconcileAt`.
pub const REQUESTED_AT: &str = "plumbline.dev/requestedAt";
