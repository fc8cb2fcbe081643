//! Render's API, simulated.
