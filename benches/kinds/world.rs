//! What the checks of a measurement look at: real servers and small ones, in a process of their own, so that what they cost is
//! none of the measurement's.

use std::{
    io::{self, BufRead, BufReader, Write, stdin, stdout},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use plumbline::{
    api,
    checks::{
        compile::{self, compile},
        net::NetworkSettings,
        suite::Probe,
    },
    simulator::{
        Bucket, Limit, NewDeploy, NewKey, NewLine, NewService, Options, Running, Simulator,
    },
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use super::{
    Broken,
    support::{
        grpc::GrpcServer,
        hostile::{Authority, Behaviour, Lookup, NameServer, Server},
        jobs::{self, beat},
        mariadb::MariaDb,
        postgres::{self, Postgres},
        prometheus::Prometheus,
        redis::{self, Redis},
        storage::{self, Storage},
    },
};

/// The argument that makes a program of measurements play the world.
pub const FLAG: &str = "world";

/// The answer whose member `queue.depth` is judged.
const JUDGED: &str = r#"{"status":"ok","queue":{"depth":3}}"#;

/// The answer of a service that lists models.
const MODELS: &str =
    r#"{"object":"list","data":[{"id":"small","object":"model"},{"id":"large","object":"model"}]}"#;

/// The lines that the service on the platform has written.
const LINES: usize = 80;

/// The key that the platform takes.
pub const KEY: &str = "rnd_keyOfTheMeasurement";

/// Where everything is. Ports are of 127.0.0.1.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct World {
    /// Servers that answer at once.
    pub ports: Ports,
    /// The same from afar: what is said takes [`WAY`] to them.
    pub far: Ports,
    /// Of those who sign the servers' certificates.
    pub authority: PathBuf,
    pub name_server: SocketAddr,
    /// A server of buckets.
    pub storage: u16,
    pub platform: Platform,
    /// They accept connections, and never say a word.
    pub hanging: Vec<u16>,
}

/// Servers of each kind.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Ports {
    pub http: u16,
    pub external: u16,
    pub metrics: u16,
    pub prometheus: u16,
    pub tls: u16,
    pub grpc: u16,
    pub redis: u16,
    pub postgres: u16,
    pub mariadb: u16,
}

/// A simulated Render.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Platform {
    pub port: u16,
    /// The ids of its service `api`, and of its owner.
    pub service: String,
    pub owner: String,
}

/// How long the way to a far server is.
pub const WAY: Duration = Duration::from_millis(20);

/// How many ports hang.
const HANGING: usize = 50;

/// The process of a world. It ends with this value, and with this program, however that goes.
pub struct Playing(Child);

impl Drop for Playing {
    fn drop(&mut self) {
        // With its standard input, so that its servers are told to end.
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

impl World {
    /// Its name server and its authority; every address is allowed.
    pub fn settings(&self) -> NetworkSettings {
        let mut settings = NetworkSettings::everything_allowed();
        settings.dns.servers = vec![self.name_server];
        settings.tls.certificate_authorities = Some(self.authority.clone());
        settings
    }

    /// Starts one.
    pub fn start() -> Result<(Playing, Self), Broken> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(FLAG)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let told = child.stdout.take().ok_or("no standard output")?;
        let playing = Playing(child);
        let told = BufReader::new(told).lines().next().transpose()?;
        let told = told.ok_or("the world has ended: what it said is above")?;
        Ok((playing, serde_json::from_str(&told)?))
    }
}

/// The probe of a check of this world, as it is written.
pub fn probe(check: &str, platform: compile::Platform<'_>) -> Result<Arc<dyn Probe>, Broken> {
    let check: api::Check = serde_yaml::from_str(&format!("{{name: a, {check}}}"))
        .map_err(|broken| format!("{check}: {broken}"))?;
    Ok(compile(&check, &|it| Some(secret(it)), platform)?)
}

/// The value of a Secret that a check of this world names.
fn secret(reference: &api::SecretKeyReference) -> SecretString {
    let value = match (reference.name.as_str(), reference.key.as_str()) {
        ("cache", _) => redis::PASSWORD,
        ("storage", "id") => storage::OWNER,
        ("storage", _) => storage::SECRET,
        _ => postgres::PASSWORD,
    };
    SecretString::from(value)
}

/// Plays the world until standard input ends.
pub async fn play() -> Result<(), Broken> {
    let authority = Authority::new();
    let certificate = authority.good_for("127.0.0.1");
    let http = Server::start(raw("application/json", JUDGED)).await;
    let external = Server::start(raw("application/json", MODELS)).await;
    let metrics = Server::start(raw("text/plain; version=0.0.4", &exposition())).await;
    let tls = Server::start_tls(Behaviour::Ok, &certificate).await;
    let grpc = GrpcServer::start().await;
    let addresses = vec![Ipv4Addr::new(192, 0, 2, 1).into()];
    let name_server = NameServer::always(Lookup::Addresses(addresses)).await;
    let redis = Redis::start(&[]).await.ok_or("no redis-server")?;
    prepare_redis(&redis).await;
    let postgres = Postgres::start().await.ok_or("no postgres")?;
    prepare_postgres(&postgres).await;
    let mariadb = MariaDb::start().await.ok_or("no mariadbd")?;
    let prometheus = Prometheus::start("", false).await.ok_or("no prometheus")?;
    let storage = Storage::start().await.ok_or("no versitygw")?;
    let (_render, platform) = platform().await?;
    let ports = Ports {
        http: http.port(),
        external: external.port(),
        metrics: metrics.port(),
        prometheus: of(&prometheus.url())?,
        tls: tls.port(),
        grpc: grpc.port(),
        redis: redis.port(),
        postgres: postgres.port(),
        mariadb: mariadb.port(),
    };
    let mut world = World {
        ports,
        far: ports.moved_away().await?,
        authority: authority.file(),
        name_server: name_server.address(),
        storage: of(&storage.url())?,
        platform,
        hanging: Vec::new(),
    };
    for _ in 0..HANGING {
        world.hanging.push(hang().await?);
    }
    tokio::task::spawn_blocking(move || tell(&world)).await??;
    Ok(())
}

/// Tells where everything is, and waits for the end of standard input.
fn tell(world: &World) -> Result<(), Broken> {
    let mut out = stdout().lock();
    writeln!(out, "{}", serde_json::to_string(world)?)?;
    out.flush()?;
    std::io::copy(&mut stdin().lock(), &mut std::io::sink())?;
    Ok(())
}

fn raw(kind: &str, body: &str) -> Behaviour {
    let length = body.len();
    Behaviour::Raw(
        format!(
            "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .into_bytes(),
    )
}

/// Metrics of a small service: a hundred series.
fn exposition() -> String {
    let gauge = "# TYPE queue_depth gauge\nqueue_depth 3\n# TYPE requests_total counter\n";
    let counter = |number| {
        format!("requests_total{{handler=\"/orders/{number}\",method=\"get\"}} {number}\n")
    };
    let counters: String = (0..99).map(counter).collect();
    format!("{gauge}{counters}")
}

/// A worker that lives, and one job that waits.
async fn prepare_redis(redis: &Redis) {
    beat(redis).await;
    let time: Vec<String> = redis.ask(&["TIME"]).await;
    let job = format!("{{\"at\": {}}}", time[0]);
    redis.ask::<u64>(&["LPUSH", "jobs", &job]).await;
}

/// The same in tables.
async fn prepare_postgres(postgres: &Postgres) {
    postgres.run(jobs::SCHEMA).await;
    let rows = "INSERT INTO workers VALUES (now()); INSERT INTO jobs (kind) VALUES ('real')";
    postgres.run(rows).await;
}

/// A simulated Render with a service that has written some lines.
async fn platform() -> Result<(Running, Platform), Broken> {
    let running = Simulator::start(Options::default()).await?;
    let control = running.control();
    control.accept_key(&NewKey {
        key: KEY.to_owned(),
        workspaces: None,
    })?;
    for bucket in [Bucket::Reads, Bucket::Logs] {
        let limit = Limit {
            calls: 10_000_000,
            window_seconds: 60,
        };
        control.set_limit(bucket, limit)?;
    }
    let service = control.create_service(&NewService {
        name: "api".to_owned(),
        ..NewService::default()
    })?;
    control.start_deploy(
        "api",
        &NewDeploy {
            immediately: true,
            ..NewDeploy::default()
        },
    )?;
    let line = |number| NewLine {
        message: format!("request {number} is answered"),
        ..NewLine::default()
    };
    control.add_lines("api", &(0..LINES).map(line).collect::<Vec<_>>())?;
    let platform = Platform {
        port: of(&running.base_url())?,
        service: service.id,
        owner: service.owner_id,
    };
    Ok((running, platform))
}

impl Ports {
    async fn moved_away(self) -> Result<Self, Broken> {
        Ok(Self {
            http: far(self.http).await?,
            external: far(self.external).await?,
            metrics: far(self.metrics).await?,
            prometheus: far(self.prometheus).await?,
            tls: far(self.tls).await?,
            grpc: far(self.grpc).await?,
            redis: far(self.redis).await?,
            postgres: far(self.postgres).await?,
            mariadb: far(self.mariadb).await?,
        })
    }
}

/// The port in an address.
fn of(url: &str) -> Result<u16, Broken> {
    Ok(url::Url::parse(url)?
        .port()
        .ok_or("an address without a port")?)
}

/// A port that leads to `port`, and takes its time for what is said.
async fn far(port: u16) -> Result<u16, Broken> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let own = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            tokio::spawn(carry(near, port));
        }
    });
    Ok(own)
}

/// Until one of both sides ends.
async fn carry(near: TcpStream, port: u16) -> io::Result<()> {
    let far = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    near.set_nodelay(true)?;
    far.set_nodelay(true)?;
    let (mut near_reads, mut near_writes) = near.into_split();
    let (mut far_reads, mut far_writes) = far.into_split();
    let there = async {
        let mut said = vec![0; 16 << 10];
        loop {
            let length = near_reads.read(&mut said).await?;
            if length == 0 {
                return far_writes.shutdown().await;
            }
            tokio::time::sleep(WAY).await;
            far_writes.write_all(&said[..length]).await?;
        }
    };
    let back = tokio::io::copy(&mut far_reads, &mut near_writes);
    tokio::select! {
        ended = there => ended,
        ended = back => ended.map(drop),
    }
}

/// A port whose connections lead nowhere.
async fn hang() -> Result<u16, Broken> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let own = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reads, _writes) = near.split();
                tokio::io::copy(&mut reads, &mut tokio::io::sink()).await
            });
        }
    });
    Ok(own)
}
