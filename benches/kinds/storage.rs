//! Storage: a marker that is put, read back, compared and deleted.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use http::Method;
use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    client::HttpRequestBody,
};

use super::{
    Broken,
    comparison::{Comparison, Kind},
    support::{
        checks,
        storage::{OWNER, REGION, SECRET},
    },
    web::{client, held},
    world::{World, probe},
};

/// The content of a marker.
const CONTENT: &str = "a bare client puts this, as long as the marker of a check: 0000000";

pub async fn measure(comparison: &mut Comparison, world: &World) -> Result<(), Broken> {
    let port = world.storage;
    let kind = Kind::new("storage (a bucket)", Some(port));
    let compiled = |port| probe(&checks::bucket(port, REGION), None);
    comparison.compare(kind, compiled, || bucket(port)).await?;
    let folder = tempfile::tempdir()?;
    let path = folder.path().display().to_string();
    let kind = Kind {
        // What it costs to wait for the disk is none of both.
        exchanges: 10,
        ..Kind::new("storage (a folder)", None)
    };
    let compiled = |_| probe(&checks::folder(&path), None);
    comparison
        .compare(kind, compiled, || {
            self::folder(folder.path().join(".plumbline"))
        })
        .await
}

/// Three signed requests on one connection.
async fn bucket(port: u16) -> Result<(), Broken> {
    let client = client()?;
    let url = format!(
        "http://127.0.0.1:{port}/files/{:032x}",
        rand::random::<u128>()
    );
    let credential = AwsCredential {
        key_id: OWNER.to_owned(),
        secret_key: SECRET.to_owned(),
        token: None,
    };
    let ask = async |method: Method, content: &'static str| {
        let request = http::Request::builder().method(method.clone()).uri(&url);
        let mut request = request.body(HttpRequestBody::from(content.to_owned()))?;
        AwsAuthorizer::new(&credential, "s3", REGION).try_authorize(&mut request, None)?;
        let request = client
            .request(method, &url)
            .headers(request.headers().clone());
        let answer = request.body(content).send().await?.error_for_status()?;
        Ok::<_, Broken>(answer.bytes().await?)
    };
    ask(Method::PUT, CONTENT).await?;
    let content = ask(Method::GET, "").await?;
    ask(Method::DELETE, "").await?;
    held(content == CONTENT)
}

/// The same with a file, on a thread that may wait.
async fn folder(folder: PathBuf) -> Result<(), Broken> {
    tokio::task::spawn_blocking(move || file(&folder)).await?
}

fn file(folder: &Path) -> Result<(), Broken> {
    fs::create_dir_all(folder)?;
    let space = rustix::fs::statvfs(folder)?;
    let place = folder.join(format!("{:032x}", rand::random::<u128>()));
    let mut file = File::create_new(&place)?;
    file.write_all(CONTENT.as_bytes())?;
    file.sync_all()?;
    File::open(folder)?.sync_all()?;
    let content = fs::read(&place)?;
    fs::remove_file(&place)?;
    held(content == CONTENT.as_bytes() && space.f_bavail > 0)
}
