//! Whatever a target does with a connection, the check of it ends in time, never passes, takes little, and says on one line
//! what went wrong with which target, and no secret.

use std::{
    panic::AssertUnwindSafe,
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, stream};
use plumbline::checks::{
    net::Network,
    verdict::{FindingReason, MAX_MESSAGE_BYTES, Measurement, Verdict},
};

use super::{
    super::probes::{eventually, network},
    CANARY, cases,
    cases::{Address, Case},
    probe,
};
use crate::support::{
    hostile::{Conduct, Peer},
    scenario::encodings,
};

const LIMIT: Duration = Duration::from_millis(600);

/// How many are tried out beside each other.
const AT_ONCE: usize = 48;

/// How much later than its deadline a check may end while so many of them share one busy core. One that had no deadline would
/// never end.
const LATE: Duration = Duration::from_secs(3);

/// The most that a check takes of one connection: the largest cap of a kind, and what the kernel may hold.
const MOST_TAKEN: usize = 16 << 20;

/// The most connections that one measurement opens: those of a check that sends a number of requests.
const MOST_CONNECTIONS: usize = 16;

/// What every target is made to do, whatever it speaks.
fn conducts(case: &Case) -> Vec<(&'static str, Conduct)> {
    let speech = format!("{CANARY}\r\n").repeat(40).into_bytes();
    let half = case.protocol.half_an_answer();
    let mut conducts = vec![
        ("silence", Conduct::Says(Vec::new())),
        ("garbage", Conduct::Says(vec![0xfe; 4096])),
        ("words", Conduct::Says(speech.clone())),
        ("words and an end", Conduct::SaysThenCloses(speech)),
        ("an end at once", Conduct::SaysThenCloses(Vec::new())),
        ("a reset at once", Conduct::Resets),
        ("half an answer", Conduct::Says(half.clone())),
        ("half an answer and an end", Conduct::SaysThenCloses(half)),
        ("an echo", Conduct::Echoes),
        (
            "zeros without end",
            Conduct::Floods(Vec::new(), vec![0; 4096]),
        ),
        (
            "garbage without end",
            Conduct::Floods(Vec::new(), vec![0xfe; 4096]),
        ),
        (
            "lines without end",
            Conduct::Floods(Vec::new(), format!("{CANARY}\n").repeat(200).into_bytes()),
        ),
    ];
    let refusals = case.protocol.refusals(CANARY).into_iter();
    conducts.extend(refusals.map(|refusal| ("a refusal", Conduct::Says(refusal))));
    let malformed = super::malformed::answers(case.protocol).into_iter();
    conducts.extend(malformed.map(|answer| ("half a truth", Conduct::SaysThenCloses(answer))));
    let floods = case.protocol.floods().into_iter();
    conducts.extend(
        floods.map(|(first, then)| ("an answer without end", Conduct::Floods(first, then))),
    );
    conducts
}

#[tokio::test]
async fn no_conduct_of_a_target_passes_hangs_floods_or_shows_in_a_message() {
    let network = network();
    let secrets = encodings(CANARY);
    let trials = cases().into_iter().flat_map(|case| {
        let conducts = conducts(&case).into_iter();
        conducts.map(move |(what, conduct)| (case.clone(), what, conduct))
    });
    let tried: Vec<Result<(), String>> = stream::iter(trials)
        .map(|(case, what, conduct)| {
            let (network, secrets) = (&network, &secrets);
            async move {
                let shown: String = format!("{conduct:?}").chars().take(160).collect();
                let tried = try_out(&case, conduct, network, secrets).await;
                tried.map_err(|broken| format!("{} against {what}: {broken}: {shown}", case.name))
            }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let broken: Vec<String> = tried.into_iter().filter_map(Result::err).collect();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

async fn try_out(
    case: &Case,
    conduct: Conduct,
    network: &Network,
    secrets: &[String],
) -> Result<(), String> {
    let peer = Peer::start(conduct, case.protocol.server_speaks_first());
    let probe = probe(case, &Address::host("127.0.0.1", peer.port())).unwrap();
    let session = network.session();
    let began = Instant::now();
    let measuring = probe.measure(&session, tokio::time::Instant::now() + LIMIT);
    let measuring = AssertUnwindSafe(measuring).catch_unwind();
    let measured = match tokio::time::timeout(LIMIT + LATE, measuring).await {
        Ok(Ok(measured)) => measured,
        Ok(Err(_)) => return Err("panics".to_owned()),
        Err(_) => return Err(format!("goes on after {:?}", began.elapsed())),
    };
    drop(session);
    judge(case, &measured, probe.host(), secrets)?;
    eventually("the connection is accepted", || peer.connections() > 0).await;
    let (connections, sent) = (peer.connections(), peer.sent());
    if !(1..=MOST_CONNECTIONS).contains(&connections) {
        return Err(format!("{connections} connections"));
    }
    if sent > connections * MOST_TAKEN {
        return Err(format!("{sent} bytes over {connections} connections"));
    }
    Ok(())
}

fn judge(
    case: &Case,
    measured: &Measurement,
    host: &str,
    secrets: &[String],
) -> Result<(), String> {
    let finding = &measured.finding;
    let fault = |what: &str| Err(format!("{what}: {finding:?}"));
    if (finding.verdict == Verdict::Pass) != case.measures_connecting {
        return fault("verdict");
    }
    let message = &finding.message;
    if secrets.iter().any(|secret| message.contains(secret)) || message.contains("canary") {
        return fault("shows a secret");
    }
    if message.is_empty() || message.len() > MAX_MESSAGE_BYTES || message.contains(char::is_control)
    {
        return fault("is no short line");
    }
    // A whole answer that is wrong is told by what was expected of it; everything else by what it happened with.
    let came_whole = matches!(
        finding.reason,
        FindingReason::UnexpectedStatus
            | FindingReason::UnexpectedBody
            | FindingReason::CredentialsRefused
            | FindingReason::Passed
    );
    if !came_whole && !message.contains(host) {
        return fault("does not name its target");
    }
    Ok(())
}
