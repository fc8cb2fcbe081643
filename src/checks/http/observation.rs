//! What one request brought.

use std::time::Duration;

use http::HeaderMap;

use super::body::Body;
use crate::checks::verdict::Phases;

/// What one request brought.
pub(in crate::checks) struct Observation {
    pub(in crate::checks) status: u16,
    pub(in crate::checks) headers: HeaderMap,
    pub(in crate::checks) body: Body,
    /// From the start of the first request to the end of the last body.
    pub(in crate::checks) elapsed: Duration,
    /// What the last request took.
    pub(in crate::checks) phases: Phases,
    /// The certificate that the answer came under.
    pub(in crate::checks) certificate: Certificate,
    /// When the answer was there, in seconds since 1970.
    pub(in crate::checks) now: i64,
}

/// The certificate that an answer came under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::checks) enum Certificate {
    /// The answer came without TLS.
    None,
    /// One that ends then, in seconds since 1970; `None` when that cannot be read.
    Until(Option<i64>),
}
