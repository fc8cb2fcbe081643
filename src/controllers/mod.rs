//! One folder per kind, with its stages.
