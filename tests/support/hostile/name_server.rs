//! A name server on a free loopback port, over UDP and TCP, that answers as scripted.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use hickory_resolver::proto::{
    op::{Message, MessageType, ResponseCode},
    rr::{
        Name, RData, Record, RecordType,
        rdata::{CNAME, MX, TXT},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinHandle,
};

/// Answers longer than this go over TCP.
const LONGEST_DATAGRAM: usize = 1200;

/// What the server says to a query.
#[derive(Clone, Debug)]
pub enum Lookup {
    /// These addresses, of whichever family was asked for, with no time to live.
    Addresses(Vec<IpAddr>),
    /// The same, to be kept for an hour.
    Lasting(Vec<IpAddr>),
    /// This text.
    Text(Vec<String>),
    /// This other name.
    Alias(String),
    /// This server for mail.
    Mail(String),
    /// There is no such name.
    NoSuchName,
    /// The server has failed.
    Failure,
    /// Nothing at all.
    Silence,
}

type Script = dyn Fn(&str, usize) -> Lookup + Send + Sync;

/// A name server, until it is dropped.
pub struct NameServer {
    address: SocketAddr,
    queries: Arc<AtomicUsize>,
    tasks: [JoinHandle<()>; 2],
}

impl NameServer {
    /// A server that asks `script` for each query: the name in lower case without the last dot, and how many queries for
    /// addresses of IPv4, or of another type than an address, came before.
    pub async fn start(script: impl Fn(&str, usize) -> Lookup + Send + Sync + 'static) -> Self {
        let script: Arc<Script> = Arc::new(script);
        let queries = Arc::new(AtomicUsize::new(0));
        let (udp, tcp, address) = loop {
            let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let address = udp.local_addr().unwrap();
            // The same port may be taken for TCP.
            if let Ok(tcp) = TcpListener::bind(address).await {
                break (udp, tcp, address);
            }
        };
        let tasks = [
            tokio::spawn(datagrams(udp, script.clone(), queries.clone())),
            tokio::spawn(streams(tcp, script, queries.clone())),
        ];
        Self {
            address,
            queries,
            tasks,
        }
    }

    /// A server that gives every name the same answer.
    pub async fn always(lookup: Lookup) -> Self {
        Self::start(move |_, _| lookup.clone()).await
    }

    /// Its address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many queries it was asked, those for IPv6 addresses left out.
    pub fn queries(&self) -> usize {
        self.queries.load(Ordering::SeqCst)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn datagrams(socket: UdpSocket, script: Arc<Script>, queries: Arc<AtomicUsize>) {
    let mut buffer = vec![0; 4096];
    while let Ok((length, client)) = socket.recv_from(&mut buffer).await {
        let Some(answer) = respond(&buffer[..length], &*script, &queries) else {
            continue;
        };
        let mut bytes = answer.to_vec().unwrap();
        if bytes.len() > LONGEST_DATAGRAM {
            queries.fetch_sub(1, Ordering::SeqCst);
            bytes = answer.truncate().to_vec().unwrap();
        }
        let _ = socket.send_to(&bytes, client).await;
    }
}

async fn streams(listener: TcpListener, script: Arc<Script>, queries: Arc<AtomicUsize>) {
    while let Ok((mut stream, _)) = listener.accept().await {
        // One client at a time is enough for a test.
        let _ = converse(&mut stream, &*script, &queries).await;
    }
}

async fn converse(
    stream: &mut TcpStream,
    script: &Script,
    queries: &AtomicUsize,
) -> std::io::Result<()> {
    let length = stream.read_u16().await?;
    let mut query = vec![0; usize::from(length)];
    stream.read_exact(&mut query).await?;
    if let Some(answer) = respond(&query, script, queries) {
        let bytes = answer.to_vec().unwrap();
        stream
            .write_u16(u16::try_from(bytes.len()).unwrap())
            .await?;
        stream.write_all(&bytes).await?;
    }
    Ok(())
}

fn respond(query: &[u8], script: &Script, queries: &AtomicUsize) -> Option<Message> {
    let query = Message::from_vec(query).ok()?;
    let question = query.queries.first()?.clone();
    let name = question.name().to_lowercase();
    let shown = name.to_ascii().trim_end_matches('.').to_owned();
    let number = match question.query_type() {
        RecordType::AAAA => queries.load(Ordering::SeqCst),
        _ => queries.fetch_add(1, Ordering::SeqCst),
    };
    let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
    answer.metadata.message_type = MessageType::Response;
    answer.metadata.recursion_available = true;
    answer.add_query(question.clone());
    let lookup = script(&shown, number);
    let time_to_live = match lookup {
        Lookup::Lasting(_) => 3600,
        _ => 0,
    };
    let mut add = |data: RData| {
        answer.add_answer(Record::from_rdata(
            question.name().clone(),
            time_to_live,
            data,
        ));
    };
    match lookup {
        Lookup::Addresses(addresses) | Lookup::Lasting(addresses) => {
            for address in addresses {
                let data = RData::from(address);
                if data.record_type() == question.query_type() {
                    add(data);
                }
            }
        }
        Lookup::Text(text) => add(RData::TXT(TXT::new(text))),
        Lookup::Alias(other) => {
            add(RData::CNAME(CNAME(
                Name::from_ascii(format!("{other}.")).unwrap(),
            )));
        }
        Lookup::Mail(server) => {
            let server = Name::from_ascii(format!("{server}.")).unwrap();
            add(RData::MX(MX::new(10, server)));
        }
        Lookup::NoSuchName => answer.metadata.response_code = ResponseCode::NXDomain,
        Lookup::Failure => answer.metadata.response_code = ResponseCode::ServFail,
        Lookup::Silence => return None,
    }
    Some(answer)
}
