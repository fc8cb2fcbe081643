//! What is checked: a server that does as little as it can, so that the machine is left to those who check.

use std::{net::Ipv4Addr, time::Duration};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    Broken,
    role::{Process, Role, answer},
};

/// The member of the answer that is judged, and what it must be.
pub const JUDGED: (&str, &str) = ("status", "ok");

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 52\r\n\r\n\
    {\"status\":\"ok\",\"queue\":{\"depth\":3},\"version\":\"1.42\"}";

/// How many ports to listen on.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Order {
    /// Ports that answer: `/health` at once, `/after/<milliseconds>` later.
    pub answering: usize,
    /// Ports that accept a connection and never say a word.
    pub hanging: usize,
}

/// The ports.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ports {
    /// Those that answer.
    pub answering: Vec<u16>,
    /// Those that do not.
    pub hanging: Vec<u16>,
}

/// Starts one.
pub fn start(answering: usize, hanging: usize) -> Result<(Process, Ports), Broken> {
    let order = Order { answering, hanging };
    Process::start(&Role::Target(order))
}

/// Serves until standard input ends.
pub async fn play(order: Order) -> Result<(), Broken> {
    let ports = Ports {
        answering: listen(order.answering, Behaviour::Answer).await?,
        hanging: listen(order.hanging, Behaviour::Hang).await?,
    };
    answer(move || ports.clone()).await
}

#[derive(Clone, Copy)]
enum Behaviour {
    Answer,
    Hang,
}

async fn listen(count: usize, behaviour: Behaviour) -> Result<Vec<u16>, Broken> {
    let mut ports = Vec::with_capacity(count);
    for _ in 0..count {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        ports.push(listener.local_addr()?.port());
        tokio::spawn(async move {
            loop {
                match listener.accept().await {
                    Ok((connection, _)) => drop(tokio::spawn(serve(connection, behaviour))),
                    Err(broken) => eprintln!("the target could not accept: {broken}"),
                }
            }
        });
    }
    Ok(ports)
}

/// Serves one connection until its other side closes it.
async fn serve(mut connection: TcpStream, behaviour: Behaviour) {
    let mut request = Vec::with_capacity(512);
    while let Ok(1..) = connection.read_buf(&mut request).await {
        let Some(end) = request.windows(4).position(|bytes| bytes == b"\r\n\r\n") else {
            continue;
        };
        if matches!(behaviour, Behaviour::Answer) {
            if let Some(delay) = delay(&request) {
                tokio::time::sleep(delay).await;
            }
            if connection.write_all(ANSWER).await.is_err() {
                return;
            }
        }
        request.drain(..end + 4);
    }
}

fn delay(request: &[u8]) -> Option<Duration> {
    let rest = request.strip_prefix(b"GET /after/")?;
    let digits = rest.split(|&byte| byte == b' ').next()?;
    let milliseconds = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(Duration::from_millis(milliseconds))
}
