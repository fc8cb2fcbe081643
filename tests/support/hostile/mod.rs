//! Targets that misbehave on request, in this process and on free loopback ports. Each ends when it is dropped.
//!
//! [`Server`] speaks HTTP well or badly, plain or under TLS, and keeps a ledger of what reached it. [`Authority`] makes its
//! certificates. [`NameServer`] answers DNS as scripted. [`Peer`] speaks no protocol at all.

mod answer;
mod authority;
mod behaviour;
mod name_server;
mod peer;
mod server;

#[expect(unused_imports, reason = "each test module takes what it needs")]
pub use self::{
    authority::{Authority, Certificate, Versions},
    behaviour::Behaviour,
    name_server::{Lookup, NameServer},
    peer::{Conduct, Peer},
    server::{Recorded, Server},
};
