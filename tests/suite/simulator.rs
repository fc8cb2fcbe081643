//! The Render simulator keeps to Render's API description.
