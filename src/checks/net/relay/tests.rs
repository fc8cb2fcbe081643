use tokio::net::{TcpListener, TcpStream};

use super::*;

struct Everything;

impl Watch for Everything {
    fn admits(&mut self, _: &[u8]) -> bool {
        true
    }
}

struct Nothing;

impl Watch for Nothing {
    fn admits(&mut self, _: &[u8]) -> bool {
        false
    }
}

/// A connection, and its far end.
async fn connected() -> (Connection, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap());
    let (near, far) = tokio::join!(near, listener.accept());
    (Connection::Plain(near.unwrap()), far.unwrap().0)
}

#[tokio::test]
async fn bytes_go_both_ways_until_the_work_is_done() {
    let (connection, mut far) = connected().await;
    let relay = Relay::new(connection, "/suffix").unwrap();
    let address = format!("{}/suffix", relay.address().display());
    let work = async {
        let mut near = UnixStream::connect(address).await.unwrap();
        near.write_all(b"question").await.unwrap();
        let mut answer = [0; 6];
        near.read_exact(&mut answer).await.unwrap();
        answer
    };
    let target = async {
        let mut question = [0; 8];
        far.read_exact(&mut question).await.unwrap();
        far.write_all(b"answer").await.unwrap();
        let rest = far.read(&mut question).await.unwrap();
        (question, rest)
    };
    let ((answer, carried), (question, rest)) =
        tokio::join!(relay.beside(Everything, work), target);
    assert_eq!((&answer, &question), (b"answer", b"question"));
    assert_eq!(rest, 0, "the connection outlives the work");
    assert!(carried.is_none());
}

#[tokio::test]
async fn an_address_takes_one_connection_only() {
    let (connection, _far) = connected().await;
    let relay = Relay::new(connection, "").unwrap();
    let address = relay.address().to_owned();
    let work = async {
        let mut first = UnixStream::connect(&address).await.unwrap();
        first.write_all(b"x").await.unwrap();
        loop {
            if UnixStream::connect(&address).await.is_err() {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let within = std::time::Duration::from_secs(10);
    let (done, _) = relay
        .beside(Everything, tokio::time::timeout(within, work))
        .await;
    assert!(done.is_ok(), "a second connection was accepted");
}

#[tokio::test]
async fn what_the_watch_refuses_never_arrives() {
    let (connection, mut far) = connected().await;
    far.write_all(b"too much").await.unwrap();
    let relay = Relay::new(connection, "").unwrap();
    let address = relay.address().to_owned();
    let work = async {
        let mut near = UnixStream::connect(address).await.unwrap();
        let mut all = Vec::new();
        near.read_to_end(&mut all).await.unwrap();
        all
    };
    let (seen, carried) = relay.beside(Nothing, work).await;
    assert!(seen.is_empty());
    assert!(matches!(carried, Some(Carried::Stopped)));
}
