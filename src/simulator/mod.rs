//! Render's API, simulated: on a loopback port, with a state that a person or a test changes, and that misbehaves on
//! request.
//!
//! | module | subject |
//! |---|---|
//! | `server` | the socket: start, serve, stop |
//! | `api` | Render's routes |
//! | `control` | what is changed and seen beside them: a handle, and the same over HTTP |
//! | `model`, `world` | what exists |
//! | `operations`, `deploying`, `service_changes`, `environment` | how it is changed |
//! | `databases`, `maintenance`, `logs` | what is beside services |
//! | `webhooks`, `event_types` | who is told of what happens |
//! | `rollout`, `events` | how a deploy moves, and what is told about it |
//! | `query`, `paging`, `wire`, `answer` | Render's ways of writing |
//! | `budget`, `keys` | who may call, and how often |
//! | `faults`, `effect`, `distortion` | what goes wrong |
//! | `holds`, `lag` | calls that wait until they are let go, and reads that are behind |
//! | `ledger`, `journal` | what was changed, by whom; what was asked for |
//! | `clock`, `identity`, `seed`, `requests` | time, names, the first state, what can be asked for |
//! | `app` | what the services serve, by the deploy that is live |

mod answer;
mod api;
mod app;
mod budget;
mod clock;
mod control;
mod databases;
mod deploying;
mod distortion;
mod effect;
mod environment;
mod event_types;
mod events;
mod faults;
mod holds;
mod identity;
mod journal;
mod keys;
mod lag;
mod ledger;
mod logs;
mod maintenance;
mod model;
mod operations;
mod paging;
mod query;
mod requests;
mod rollout;
mod seed;
mod server;
mod service_changes;
mod webhooks;
mod wire;
mod world;

pub use api::Route;
pub use app::Behaviour;
pub use budget::{Bucket, Limit};
pub use clock::{Clock, ManualClock, SystemClock};
pub use control::{Control, ControlError};
pub use databases::{Database, DatabaseStatus, NewDatabase, RecoveryStatus};
pub use effect::Effect;
pub use faults::Fault;
pub use holds::{Held, HeldAt};
pub use journal::RecordedRequest;
pub use ledger::LedgerEntry;
pub use logs::NewLine;
pub use maintenance::{MaintenanceRun, MaintenanceState, NewMaintenance};
pub use model::{
    Commit, Deploy, DeployStatus, Disk, Image, MaintenanceMode, Overlap, Service, ServiceType,
    Suspender, Trigger, Workspace,
};
pub use requests::{
    NewCommit, NewCrash, NewDeploy, NewDisk, NewKey, NewService, NewWorkspace, Phase,
};
pub use rollout::Pace;
pub use seed::{Seed, SeedError, SeedService};
pub use server::{Options, Running, Simulator, SimulatorError};
