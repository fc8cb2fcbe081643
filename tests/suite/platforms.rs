//! Reading what is on Render, and changing it: against the simulator where it can play the part, else against answers that
//! no sane platform gives.

mod changing;
mod circumstances;
mod connections;
mod failures;
mod finding;
mod hostile;
mod limits;
mod outcomes;
mod permitted;
mod render;
mod rollouts;
mod secrecy;
mod sharing;
mod stub;
mod turns;
mod viewing;
