//! The one dialer: every socket of every check is opened here.

/// The connections of one run.
#[derive(Debug)]
pub struct Session;
