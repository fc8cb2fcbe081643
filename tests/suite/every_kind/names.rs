//! Whatever a name server answers, a check that needs it ends in time and never passes: nobody blames the target for it.

use std::time::Duration;

use plumbline::{
    api::{DnsCheck, TcpCheck},
    checks::{
        dns::DnsProbe,
        net::{Network, NetworkSettings},
        suite::Probe,
        tcp::TcpProbe,
        verdict::{Finding, FindingReason, MAX_MESSAGE_BYTES, Verdict},
    },
};
use serde_json::json;
use tokio::{net::UdpSocket, task::JoinHandle, time::Instant};

use super::super::probes::network_with;
use crate::support::hostile::{Conduct, Peer};

const LIMIT: Duration = Duration::from_millis(600);
const LATE: Duration = Duration::from_secs(3);

/// What a name server makes of a query.
type Answer = fn(&[u8]) -> Vec<u8>;

/// The header of an answer to `query` with these flags and counts, and its question.
fn answer(query: &[u8], flags: [u8; 2], answers: u8) -> Vec<u8> {
    let counts = [0, 1, 0, answers, 0, 0, 0, 0];
    // What follows the question of a query is of extensions.
    let question = &query[12..];
    let end = question.iter().position(|byte| *byte == 0).unwrap() + 5;
    [&query[..2], &flags[..], &counts[..], &question[..end]].concat()
}

/// An address record of the name at `pointer` of the message.
fn record(pointer: u8) -> Vec<u8> {
    [
        &[0xc0, pointer, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4][..],
        &[127, 0, 0, 1],
    ]
    .concat()
}

const ANSWERS: &[(&str, Answer)] = &[
    ("nothing", |_| Vec::new()),
    ("its own query", <[u8]>::to_vec),
    ("bytes", |_| vec![0xfe; 512]),
    ("half a header", |query| query[..6].to_vec()),
    ("another id", |query| {
        let mut answer = [answer(query, [0x81, 0x80], 1), record(12)].concat();
        answer[0] ^= 0xff;
        answer
    }),
    ("another question", |query| {
        let mut answer = [answer(query, [0x81, 0x80], 1), record(12)].concat();
        answer[13] ^= 0x01;
        answer
    }),
    ("more records than there are", |query| {
        answer(query, [0x81, 0x80], 255)
    }),
    ("a name that points at itself", |query| {
        let mut answer = answer(query, [0x81, 0x80], 1);
        let own = u8::try_from(answer.len()).unwrap();
        answer.extend(record(own));
        answer
    }),
    ("a record that says it is longer", |query| {
        let mut answer = [answer(query, [0x81, 0x80], 1), record(12)].concat();
        let length = answer.len() - 5;
        answer[length] = 0xff;
        answer
    }),
    ("a failure", |query| answer(query, [0x81, 0x82], 0)),
    ("a refusal", |query| answer(query, [0x81, 0x85], 0)),
    ("a code that nobody knows", |query| {
        answer(query, [0x81, 0x8f], 0)
    }),
];

/// A name server that answers datagrams so, and does `conduct` with connections.
struct Names {
    port: u16,
    datagrams: JoinHandle<()>,
    _connections: Peer,
}

impl Names {
    async fn start(make: Answer, conduct: Conduct) -> Self {
        let peer = Peer::start(conduct, false);
        let port = peer.port();
        let socket = UdpSocket::bind(("127.0.0.1", port)).await.unwrap();
        let datagrams = tokio::spawn(async move {
            let mut query = vec![0; 4096];
            while let Ok((length, client)) = socket.recv_from(&mut query).await {
                let answer = make(&query[..length]);
                if !answer.is_empty() {
                    let _ = socket.send_to(&answer, client).await;
                }
            }
        });
        Self {
            port,
            datagrams,
            _connections: peer,
        }
    }

    fn network(&self) -> Network {
        let mut settings = NetworkSettings::default();
        settings.dns.servers = vec![([127, 0, 0, 1], self.port).into()];
        network_with(settings)
    }
}

impl Drop for Names {
    fn drop(&mut self) {
        self.datagrams.abort();
    }
}

#[tokio::test]
async fn no_answer_of_a_name_server_passes_or_blames_the_target() {
    for (what, make) in ANSWERS {
        let names = Names::start(*make, Conduct::SaysThenCloses(Vec::new())).await;
        try_out(&names, what).await;
    }
    let cut_off: Answer = |query| answer(query, [0x83, 0x80], 0);
    for (what, conduct) in [
        ("silence", Conduct::Says(Vec::new())),
        ("an end", Conduct::SaysThenCloses(Vec::new())),
        ("a reset", Conduct::Resets),
        ("bytes", Conduct::Says(vec![0xfe; 4096])),
        ("half an answer", Conduct::Says(vec![0xff, 0xff, 1, 2, 3])),
        ("an echo", Conduct::Echoes),
        (
            "zeros without end",
            Conduct::Floods(Vec::new(), vec![0; 4096]),
        ),
        (
            "bytes without end",
            Conduct::Floods(vec![0xff, 0xff], vec![7; 4096]),
        ),
    ] {
        let names = Names::start(cut_off, conduct).await;
        try_out(&names, &format!("{what} over a connection")).await;
    }
}

#[tokio::test]
async fn an_address_of_somebody_else_is_no_address_of_the_target() {
    let names = Names::start(
        |query| {
            let mut answer = answer(query, [0x81, 0x80], 1);
            let name = [4, 0xff, 0xfe, 0, b'\n', 0];
            answer.extend(name);
            answer.extend(&record(12)[2..]);
            answer
        },
        Conduct::SaysThenCloses(Vec::new()),
    )
    .await;
    let [dns, tcp] = measure_both(&names, "another name").await;
    let told = (dns.verdict, dns.reason);
    assert_eq!(
        told,
        (Verdict::Fail, FindingReason::UnexpectedRecords),
        "{dns:?}"
    );
    let told = (tcp.verdict, tcp.reason);
    assert_eq!(
        told,
        (Verdict::Unknown, FindingReason::NameNotFound),
        "{tcp:?}"
    );
}

async fn try_out(names: &Names, what: &str) {
    for finding in measure_both(names, what).await {
        let told = (finding.verdict, finding.reason);
        let expected = (Verdict::Unknown, FindingReason::ResolverFailed);
        assert_eq!(told, expected, "{what}: {finding:?}");
    }
}

/// What a check of the name says, and one of a connection to it.
async fn measure_both(names: &Names, what: &str) -> [Finding; 2] {
    let network = names.network();
    let name = "target.example".to_owned();
    let dns: DnsCheck = serde_json::from_value(json!({"name": name})).unwrap();
    let tcp = TcpCheck {
        host: name,
        port: 1,
        max_latency: None,
    };
    [
        measure(&DnsProbe::new(&dns).unwrap(), &network, what).await,
        measure(&TcpProbe::new(&tcp).unwrap(), &network, what).await,
    ]
}

async fn measure(probe: &dyn Probe, network: &Network, what: &str) -> Finding {
    let session = network.session();
    let measuring = probe.measure(&session, Instant::now() + LIMIT);
    let measured = tokio::time::timeout(LIMIT + LATE, measuring).await;
    let finding = measured
        .unwrap_or_else(|_| panic!("{what}: no end"))
        .finding;
    let message = &finding.message;
    assert!(message.contains("target.example"), "{what}: {message}");
    assert!(message.len() <= MAX_MESSAGE_BYTES, "{what}: {message}");
    assert!(!message.contains(char::is_control), "{what}: {message}");
    finding
}
