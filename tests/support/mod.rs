//! What the tests share: a real control plane, the controller as a subprocess, targets, a recorder of every status.

pub mod app;
#[allow(dead_code, reason = "measurements take what tests do not")]
pub mod checks;
pub mod control_plane;
pub mod controller;
pub mod crowd;
pub mod description;
pub mod documents;
pub mod eventually;
pub mod grpc;
pub mod hostile;
pub mod intercept;
pub mod jobs;
pub mod mariadb;
pub mod postgres;
pub mod prometheus;
pub mod proxy;
pub mod readers;
pub mod recorder;
pub mod redis;
pub mod requests;
pub mod rules;
pub mod scenario;
pub mod services;
pub mod storage;
pub mod target;
pub mod wall_clock;
pub mod world;
