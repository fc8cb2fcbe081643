//! What runs the services.
