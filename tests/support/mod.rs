//! What the tests share: a real control plane, the controller as a subprocess, a recorder of every status.

pub mod controller;
pub mod control_plane;
pub mod eventually;
pub mod hostile;
pub mod readers;
pub mod recorder;
pub mod rules;
pub mod scenario;
pub mod target;
