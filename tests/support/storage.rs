//! A server that speaks the API of S3 over a folder: versitygw, which verifies every signature.

use std::{fs, process::Stdio};

use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    client::HttpRequestBody,
};

use super::services::{Service, command};

/// The region of its buckets.
pub const REGION: &str = "eu-central-1";
/// The id of the key of the owner of everything.
pub const OWNER: &str = "canary-owner-id";
/// Its secret. Planted: it must be found nowhere but in Secrets.
pub const SECRET: &str = "canary-owner-secret-7c";
/// The id of the key of one who may do what a bucket's policy says.
pub const GUEST: &str = "canary-guest-id";
/// Its secret.
pub const GUEST_SECRET: &str = "canary-guest-secret-8d";

/// A server, with the bucket `files`. Ends when it is dropped.
pub struct Storage {
    service: Service,
}

impl Storage {
    /// Starts one; `None` where the program cannot be had.
    pub async fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        for name in ["data", "versions", "users"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let service = Service::start_in(folder, "versitygw", |folder, port| {
            let address = format!("127.0.0.1:{port}");
            let inside = |name: &str| folder.join(name).display().to_string();
            let (users, versions, data) = (inside("users"), inside("versions"), inside("data"));
            let all = [
                &["--port", &address, "--access", OWNER, "--secret", SECRET][..],
                &["--region", REGION, "--iam-dir", &users, "--keep-alive"],
                &["posix", "--versioning-dir", &versions, &data],
            ];
            all.concat().into_iter().map(str::to_owned).collect()
        })?;
        let storage = Self { service };
        storage.create("files").await;
        Some(storage)
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.service.address())
    }

    /// Its process.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Creates a bucket.
    pub async fn create(&self, bucket: &str) {
        self.ask("PUT", bucket, "").await;
    }

    /// Puts an object, or a setting of a bucket.
    pub async fn put(&self, place: &str, content: &str) {
        self.ask("PUT", place, content).await;
    }

    /// Keeps versions of the objects of a bucket from now on.
    pub async fn keep_versions(&self, bucket: &str) {
        let place = format!("{bucket}?versioning=");
        let status = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
        self.put(&place, status).await;
    }

    /// How many objects, versions of them and marks of their deletion a bucket has.
    pub async fn left(&self, bucket: &str) -> usize {
        let told = self.ask("GET", &format!("{bucket}?versions="), "").await;
        assert!(told.contains("<ListVersionsResult"), "{told}");
        told.matches("<Key>").count()
    }

    /// Lets [`GUEST`] in, who may do `actions` in a bucket.
    pub async fn invite(&self, bucket: &str, actions: &[&str]) {
        let mut create = command("versitygw").unwrap();
        create.args([
            "admin", "--access", OWNER, "--secret", SECRET, "--region", REGION,
        ]);
        create.args([
            "--endpoint-url",
            &self.url(),
            "create-user",
            "--role",
            "user",
        ]);
        create.args(["--access", GUEST, "--secret", GUEST_SECRET]);
        create.stdout(Stdio::null()).stderr(Stdio::null());
        assert!(create.status().unwrap().success());
        self.allow(bucket, actions).await;
    }

    /// Lets [`GUEST`] do `actions` in a bucket from now on, and nothing else.
    pub async fn allow(&self, bucket: &str, actions: &[&str]) {
        let statement = |action: &&str| {
            let place = if action.ends_with("Bucket") || action.ends_with("Versioning") {
                String::new()
            } else {
                "/*".to_owned()
            };
            serde_json::json!({
                "Effect": "Allow", "Principal": GUEST, "Action": [action],
                "Resource": [format!("arn:aws:s3:::{bucket}{place}")],
            })
        };
        let statements: Vec<_> = actions.iter().map(statement).collect();
        let policy = serde_json::json!({"Version": "2012-10-17", "Statement": statements});
        self.put(&format!("{bucket}?policy="), &policy.to_string())
            .await;
    }

    /// What it answers its owner, who may do everything.
    async fn ask(&self, method: &str, place: &str, content: &str) -> String {
        let credential = AwsCredential {
            key_id: OWNER.to_owned(),
            secret_key: SECRET.to_owned(),
            token: None,
        };
        let address = format!("{}/{place}", self.url());
        let request = http::Request::builder().method(method).uri(&address);
        let mut request = request
            .body(HttpRequestBody::from(content.to_owned()))
            .unwrap();
        AwsAuthorizer::new(&credential, "s3", REGION)
            .try_authorize(&mut request, None)
            .unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let sent = client
            .request(method.parse().unwrap(), &address)
            .headers(request.headers().clone())
            .body(content.to_owned())
            .send();
        let answer = sent.await.unwrap();
        let status = answer.status();
        let told = answer.text().await.unwrap();
        assert!(status.is_success(), "{method} {place}: {status} {told}");
        told
    }
}

/// The fields of the bucket `files` at `url`, with the keys `id` and `secret` of the Secret `storage`.
pub fn fields(url: &str, bucket: &str) -> String {
    format!(
        "s3:\n  endpoint: {url}\n  region: {REGION}\n  bucket: {bucket}\n  \
         accessKeyId: {{secretKeyRef: {{name: storage, key: id}}}}\n  \
         secretAccessKey: {{secretKeyRef: {{name: storage, key: secret}}}}\n"
    )
}
