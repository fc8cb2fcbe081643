//! Runs suites on schedule.
