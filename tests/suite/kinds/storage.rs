//! The sample of `storage` against a server that speaks the API of S3.

use super::{Sample, fails, validates};
use crate::support::{
    scenario::Scenario,
    storage::{GUEST, GUEST_SECRET, OWNER, SECRET, Storage},
};

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_is_validated_and_its_broken_twins_fail_or_stay_unknown() {
    let Some(storage) = Storage::start().await else {
        return;
    };
    storage.create("uploads").await;
    storage.keep_versions("uploads").await;
    storage.put("uploads/invoices/1", "x").await;
    storage
        .invite("uploads", &["s3:ListBucket", "s3:GetBucketVersioning"])
        .await;
    let scenario = Scenario::start().await;
    let keys = |id, secret| [("accessKeyId", id), ("secretAccessKey", secret)];
    scenario.put_secret("storage", &keys(OWNER, SECRET)).await;
    scenario
        .put_secret("reader", &keys(GUEST, GUEST_SECRET))
        .await;
    scenario
        .put_secret("stranger", &keys(OWNER, "astray"))
        .await;
    let sample = Sample::of("storage").with("https://s3.example.com", &storage.url());
    validates(&scenario, "storage", sample.spec()).await;

    let with_secret = |name: &str| {
        let mut twin = sample.spec();
        for part in ["accessKeyId", "secretAccessKey"] {
            twin["checks"][0]["storage"]["s3"][part]["secretKeyRef"]["name"] = name.into();
        }
        twin
    };
    fails(
        &scenario,
        "read-only",
        with_secret("reader"),
        "uploads",
        "UnexpectedStatus",
    )
    .await;
    let mut empty = sample.spec();
    empty["checks"][0]["storage"]["list"]["minObjects"] = 2.into();
    fails(&scenario, "empty", empty, "uploads", "UnexpectedValue").await;
    scenario.apply("stranger", with_secret("stranger")).await;
    let object = scenario
        .until_ready("stranger", "Unknown", "Inconclusive")
        .await;
    let said = &object["status"]["checks"][0]["reason"];
    assert_eq!(said, "CredentialsRefused", "{}", object["status"]);
    scenario.leaks_nothing(&[SECRET, GUEST_SECRET]).await;
    scenario.finish().await;
}
