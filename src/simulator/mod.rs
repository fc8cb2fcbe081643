//! Render's API, simulated: on a loopback port, with a state that a person or a test changes, and that misbehaves on
//! request.
//!
//! | module | subject |
//! |---|---|
//! | `server` | the socket: start, serve, stop |
//! | `api` | Render's routes |
//! | `control`, `control_routes` | what is changed and seen beside them: a handle, and the same over HTTP |
//! | `model`, `world`, `operations` | what exists, and how it is changed |
//! | `rollout`, `events` | how a deploy moves, and what is told about it |
//! | `query`, `paging`, `wire`, `answer` | Render's ways of writing |
//! | `budget`, `keys` | who may call, and how often |
//! | `faults`, `distortion` | what goes wrong |
//! | `ledger` | what was changed, by whom |
//! | `clock`, `identity`, `seed`, `requests` | time, names, the first state, what can be asked for |
//! | `target` | apart from Render: a service to check that answers as it is told to |

mod answer;
mod api;
mod budget;
mod clock;
mod control;
mod control_routes;
mod distortion;
mod events;
mod faults;
mod identity;
mod keys;
mod ledger;
mod model;
mod operations;
mod paging;
mod query;
mod requests;
mod rollout;
mod seed;
mod server;
mod target;
mod wire;
mod world;

pub use api::Route;
pub use budget::{Bucket, Limit};
pub use clock::{Clock, ManualClock, SystemClock};
pub use control::{Control, ControlError};
pub use faults::{Effect, Fault};
pub use ledger::LedgerEntry;
pub use model::{
    Commit, Deploy, DeployStatus, Image, Overlap, Service, ServiceType, Suspender, Trigger,
    Workspace,
};
pub use requests::{NewDeploy, NewKey, NewService, NewWorkspace, Phase};
pub use rollout::Pace;
pub use seed::{Seed, SeedError, SeedService};
pub use server::{Options, Running, Simulator, SimulatorError};
pub use target::Target;
