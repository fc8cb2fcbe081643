//! The Render simulator keeps to Render's API description, and misbehaves as it is told.

mod access;
mod calls;
mod control;
mod described;
mod description;
mod faults;
mod limits;
mod paging;
mod rollout;
mod sweep;
