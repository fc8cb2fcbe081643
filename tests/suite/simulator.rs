//! The Render simulator keeps to Render's API description, and misbehaves as it is told.

mod access;
mod calls;
mod control;
mod control_data;
mod databases;
mod deploys;
mod described;
mod description;
mod faults;
mod limits;
mod logs;
mod outcomes;
mod paging;
mod pushes;
mod rollback;
mod rollout;
mod settings;
mod sweep;
mod variables;
mod webhooks;
