//! A conversation of the client library with a server, over the one connection that the dialer has opened for it.

use std::{panic::AssertUnwindSafe, path::Path};

use futures::FutureExt;
use tokio::time::timeout_at;

use super::{observation::Times, server::Server};
use crate::checks::{
    net::{
        Connection, Target,
        progress::Progress,
        relay::{Carried, Relay, Watch},
    },
    verdict::{Finding, FindingReason},
};

/// What the library is given, and what it must keep to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) server: &'a Server,
    pub(super) progress: &'a Progress,
    pub(super) times: &'a Times,
}

impl Line<'_> {
    /// What `converse` sees, which connects to the address that it is given, with `suffix` behind it.
    pub(super) async fn hold<Conversation, Seen>(
        self,
        connection: Connection,
        suffix: &str,
        watch: impl Watch,
        converse: impl FnOnce(&Path) -> Conversation,
    ) -> Result<Seen, Finding>
    where
        Conversation: Future<Output = Result<Seen, Finding>> + Send,
    {
        let target = &self.server.target;
        let relay = Relay::new(connection, suffix).map_err(|_| {
            Finding::unknown(
                FindingReason::OutOfResources,
                format!("no connection to {target}: this process cannot open a socket"),
            )
        })?;
        // The library reads some messages past their end, and panics. Nothing of the conversation is looked at afterwards.
        let conversation = AssertUnwindSafe(converse(relay.address())).catch_unwind();
        let in_time = timeout_at(self.progress.deadline(), conversation);
        let (outcome, carried) = relay.beside(watch, in_time).await;
        if let Some(Carried::Stopped) = carried {
            return Err(Finding::fail(
                FindingReason::ProtocolError,
                format!("{target} sent more than a check reads, or another protocol"),
            ));
        }
        match outcome {
            Ok(Ok(seen)) => seen,
            // It may as well be the library that does not know a good server's words.
            Ok(Err(_)) => Err(Finding::unknown(
                FindingReason::ProtocolError,
                format!("{target} sent a message that the client library cannot read"),
            )),
            Err(_) => Err(silent(target, self.times)),
        }
    }
}

/// The server was reached, and said nothing more until the time was up.
fn silent(target: &Target, times: &Times) -> Finding {
    let doing = if times.is_authenticated() {
        "answering the questions"
    } else {
        "letting the check in"
    };
    Finding::fail(
        FindingReason::TimedOut,
        format!("{target} timed out {doing}"),
    )
}
