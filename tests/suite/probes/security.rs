//! The `security` check against servers with each fault, and without.
