//! Redis servers of a test's own.

use std::{io, time::Duration};

use redis::{FromRedisValue, cmd};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

use super::{eventually::eventually, services::Service};

/// The password of the user `plumbline`. Planted: it must be found nowhere but in Secrets.
pub const PASSWORD: &str = "planted-redis-password-91";

/// A server, with a connection to it that may do everything.
pub struct Redis {
    service: Service,
    connection: redis::aio::MultiplexedConnection,
}

impl Redis {
    /// One with the user `plumbline`, whose password is [`PASSWORD`], and further `arguments`. `None` where there is no Redis.
    pub async fn start(arguments: &[&str]) -> Option<Self> {
        let service = Service::start("redis-server", |folder, port| {
            let port = port.to_string();
            let folder = folder.to_str().unwrap();
            let password = format!(">{PASSWORD}");
            let user = ["--user", "plumbline", "on", &password, "~*", "+@all"];
            let fixed = [&["--port", &port, "--save", "", "--dir", folder][..], &user].concat();
            let all = fixed.iter().chain(arguments);
            all.map(|it| (*it).to_owned()).collect()
        })?;
        let client = redis::Client::open(format!("redis://127.0.0.1:{}", service.port())).unwrap();
        let config =
            redis::AsyncConnectionConfig::new().set_response_timeout(Some(Duration::from_secs(20)));
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .unwrap();
        Some(Self {
            service,
            connection,
        })
    }

    /// A replica of this one, whose link is up.
    pub async fn replica(&self) -> Self {
        let primary = self.service.port().to_string();
        let replica = Self::start(&["--replicaof", "127.0.0.1", &primary])
            .await
            .unwrap();
        eventually("the replica follows", || async {
            let info: String = replica.ask(&["INFO", "replication"]).await;
            let up = info.contains("master_link_status:up");
            if up { Ok(()) } else { Err(info) }
        })
        .await;
        replica
    }

    /// The answer to a command.
    pub async fn ask<T: FromRedisValue>(&self, words: &[&str]) -> T {
        let mut command = cmd(words[0]);
        command.arg(&words[1..]);
        command
            .query_async(&mut self.connection.clone())
            .await
            .unwrap()
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.service.port()
    }

    /// Its process.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Host, port, user and password as a check names them, with the Secret `cache`.
    pub fn fields(&self) -> String {
        format!(
            "host: 127.0.0.1\nport: {}\nuser: plumbline\npassword: {{secretKeyRef: {{name: cache, key: password}}}}\n",
            self.port()
        )
    }
}

/// What a server does that is no Redis, from the first bytes of each connection on.
#[derive(Clone, Debug)]
pub enum Stub {
    /// Reads, and says nothing.
    Silent,
    /// Says this, and then nothing.
    Says(Vec<u8>),
    /// Says the first, and then the second for as long as it is taken.
    Endless(Vec<u8>, Vec<u8>),
    /// Says this, and closes the connection.
    SaysThenCloses(Vec<u8>),
}

/// A server on a free port of 127.0.0.1 that does as the stub says; it ends with the test's runtime.
pub async fn stub(stub: Stub) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            connections.spawn(play(stream, stub.clone()));
        }
    });
    port
}

async fn play(mut stream: TcpStream, stub: Stub) -> io::Result<()> {
    let mut buffer = [0; 4096];
    let _ = stream.read(&mut buffer).await?;
    match stub {
        Stub::Silent => {}
        Stub::Says(bytes) => stream.write_all(&bytes).await?,
        Stub::SaysThenCloses(bytes) => return stream.write_all(&bytes).await,
        Stub::Endless(first, then) => {
            stream.write_all(&first).await?;
            loop {
                stream.write_all(&then).await?;
            }
        }
    }
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}
