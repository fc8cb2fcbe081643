//! Whether a target still speaks an old version of TLS. No library of ours can: the hello is written here, and of the answer as
//! much is read as names a version (RFC 2246, RFC 4346, RFC 5246).

mod answer;
mod hello;

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::{Instant, timeout_at},
};

use self::{
    answer::{Answer, LONGEST_ANSWER, read},
    hello::hello,
};
use super::judgement::{Weakness, cannot_tell};
use crate::{
    api::{SecurityCode, TlsVersion},
    checks::{
        net::{Connection, Session, Target, progress::Progress},
        verdict::{Finding, FindingReason},
    },
};

/// How long the answer to one hello is waited for.
const LONGEST_WAIT: Duration = Duration::from_secs(3);

/// A version that may be below the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OldVersion {
    /// Never offered: some take it for less than what is.
    Ssl30,
    Tls10,
    Tls11,
    Tls12,
}

impl OldVersion {
    /// Those below `floor`, from the newest on.
    pub(super) const fn below(floor: TlsVersion) -> &'static [Self] {
        match floor {
            TlsVersion::V1_2 => &[Self::Tls11, Self::Tls10],
            TlsVersion::V1_3 => &[Self::Tls12, Self::Tls11, Self::Tls10],
        }
    }

    const fn number(self) -> [u8; 2] {
        match self {
            Self::Ssl30 => [3, 0],
            Self::Tls10 => [3, 1],
            Self::Tls11 => [3, 2],
            Self::Tls12 => [3, 3],
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Ssl30 => "SSL 3.0",
            Self::Tls10 => "TLS 1.0",
            Self::Tls11 => "TLS 1.1",
            Self::Tls12 => "TLS 1.2",
        }
    }
}

/// Offers `versions` one after the other, each as the newest, until `target` takes one.
pub(super) async fn spoken(
    session: &Session,
    target: &Target,
    versions: &[OldVersion],
    deadline: Instant,
) -> Result<Vec<Weakness>, Finding> {
    for &version in versions {
        let what = format!("whether {} is accepted", version.as_str());
        let progress = Progress::until(deadline);
        let dialled = session.network().dialer().open(target, None, &progress);
        let mut connection = dialled
            .await
            .map_err(|error| cannot_tell(&what, &error.finding()))?;
        let until = deadline.min(Instant::now() + LONGEST_WAIT);
        let answer = timeout_at(until, offer(&mut connection, version, target)).await;
        match answer {
            Ok(Answer::Refused) => {}
            Ok(Answer::Accepted(version)) => {
                let code = SecurityCode::OldTlsAccepted;
                return Ok(vec![Weakness::new(code, version.as_str())]);
            }
            Ok(Answer::Unclear) => {
                let message = format!("cannot tell {what}: {target} answers something else");
                return Err(Finding::unknown(FindingReason::NoData, message));
            }
            Err(_) => {
                let message = format!("cannot tell {what}: {target} is silent");
                return Err(Finding::unknown(FindingReason::NoData, message));
            }
        }
    }
    Ok(Vec::new())
}

async fn offer(connection: &mut Connection, version: OldVersion, target: &Target) -> Answer {
    let mut said = Vec::with_capacity(LONGEST_ANSWER);
    let conversation = converse(connection, version, target, &mut said).await;
    match conversation {
        Ok(Some(answer)) => answer,
        // The end of a connection that said nothing, and a reset, which may come before what was said is read.
        Ok(None) | Err(_) if said.is_empty() => Answer::Refused,
        Ok(None) | Err(_) => Answer::Unclear,
    }
}

/// The answer to a hello, as soon as it is known; `None` when the connection ends before.
async fn converse(
    connection: &mut Connection,
    version: OldVersion,
    target: &Target,
    said: &mut Vec<u8>,
) -> io::Result<Option<Answer>> {
    let hello = hello(version, target.server_name());
    connection.write_all(&hello).await?;
    connection.flush().await?;
    loop {
        if let Some(answer) = read(said, version) {
            return Ok(Some(answer));
        }
        let mut part = [0; LONGEST_ANSWER];
        // Before this many, the reading has an answer.
        let room = LONGEST_ANSWER.saturating_sub(said.len());
        match connection.read(&mut part[..room]).await? {
            0 => return Ok(None),
            length => said.extend_from_slice(&part[..length]),
        }
    }
}
