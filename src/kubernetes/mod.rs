//! What every controller shares of Kubernetes.
