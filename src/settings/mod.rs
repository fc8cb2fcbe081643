//! The administrator's settings.
