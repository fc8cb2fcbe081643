//! An HTTP proxy that understands what passes: between the controller and the API server, and between the controller and
//! the simulated Render. Everything that no rule is about passes as it is.
//!
//! [`Interceptor`] is the proxy. [`Rule`]s say what is done to requests ([`Action`]) and to the events of watches
//! ([`FrameAction`]). A [`Journal`], shared by several interceptors, numbers every mutation; [`Journal::arm`] awaits one at a
//! [`Point`], to kill the process that sent it there.
//!
//! Losing the answer to the second write of a status, and telling nothing of any Secret meanwhile:
//!
//! ```ignore
//! let journal = Journal::new();
//! let api = Interceptor::before_api_server(plane, &journal).await;
//! let lost = api.rule(
//!     RequestRule::new(Action::DropAfter).path(|path| path.ends_with("/status")).nth(2),
//! );
//! let frozen = api.freeze(|path| path.ends_with("/secrets"));
//! ```
//!
//! Enumerating crashes: one run to count the mutations, then one run for each of them and for each point.
//!
//! ```ignore
//! for number in 1..=mutations_of_the_reference_run {
//!     for point in [Point::BeforeSend, Point::AfterSendBeforeReply, Point::AfterReply] {
//!         // What comes by the clock would shift the numbers from run to run.
//!         let journal = Journal::of(|request| !request.path.contains("/leases"));
//!         let api = Interceptor::before_api_server(plane, &journal).await;
//!         let render = Interceptor::before(&simulator.base_url(), &journal).await;
//!         let reached = journal.arm(number, point);
//!         let options = Options {
//!             namespace: &namespace,
//!             settings: settings_with(&render.url()),
//!             server: Some(api.url()),
//!             authority: Some(api.certificate_authority()),
//!         };
//!         let mut controller = Controller::launch(plane, &options);
//!         // What the user does, without waiting for its effects: past the point there are none.
//!         begin_the_workload().await;
//!         let held = reached.await;
//!         // From the arrival of the mutation on, no later one has passed. Kill, then drop, then start again.
//!         controller.kill();
//!         drop(held);
//!         controller.relaunch(&namespace);
//!         until_quiet().await;
//!         compare(&reference, &journal.mutations(), simulator.control().ledger());
//!     }
//! }
//! ```
//!
//! A second crash, during the recovery, is armed while the process is dead: `journal.arm(journal.count() + further, point)`.
//!
//! | module | subject |
//! |---|---|
//! | `server` | the interceptor: its connections, and what a test tells it |
//! | `exchange` | one request, from its arrival to its reply |
//! | `request` | what is known of a request; which ones change anything |
//! | `rule` | actions, and what they are done to |
//! | `held` | what waits for the test's word |
//! | `journal`, `crash` | the numbers of mutations; points, and the standstill at one |
//! | `frames`, `freezer` | the events of watches; watches that tell nothing |
//! | `reply`, `delivery` | the body of a reply, and when it has been written |
//! | `upstream` | the server behind |

mod crash;
mod delivery;
mod exchange;
mod frames;
mod freezer;
mod held;
mod journal;
mod reply;
mod request;
mod rule;
mod server;
mod upstream;

#[expect(unused_imports, reason = "each test module takes what it needs")]
pub use self::{
    crash::Point,
    frames::Frame,
    freezer::Frozen,
    held::Held,
    journal::{Journal, Mutation},
    request::{Request, is_mutation},
    rule::{Action, Answer, Applied, FrameAction, FrameRule, RequestRule, Rule},
    server::Interceptor,
};

/// The connection is closed in place of going on.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed on purpose")]
struct Closed;
