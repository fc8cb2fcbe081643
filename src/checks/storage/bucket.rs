//! Questions to one bucket, signed (<https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html>).

use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use object_store::{
    aws::{AwsAuthorizer, AwsCredential},
    client::HttpRequestBody,
};
use secrecy::ExposeSecret;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::reply::Reply;
use crate::{
    api::{SecretValueSource, StorageBucket},
    checks::{
        compile::Secrets,
        http::{RequestTemplate, Terms, address, exchange_over},
        invalid::InvalidCheck,
        net::{Session, Target},
        secret,
        verdict::{Finding, FindingReason, Phases},
    },
};

const LONGEST_KEY: usize = 512;

/// A bucket, and as whom a check goes there.
pub(super) struct Bucket {
    /// Where its objects are, with a slash at the end.
    root: Url,
    target: Target,
    region: String,
    credential: AwsCredential,
}

impl Bucket {
    /// Compiles the fields of `storage.s3`.
    pub(super) fn new(bucket: &StorageBucket, secrets: Secrets<'_>) -> Result<Self, InvalidCheck> {
        let invalid =
            |field: &str, problem: &str| InvalidCheck::new(format!("storage.s3.{field}"), problem);
        if !is_name(&bucket.region, 1..=64, &['-']) {
            return Err(invalid(
                "region",
                "is not made of lower case letters, digits and dashes",
            ));
        }
        if !is_name(&bucket.bucket, 3..=63, &['-', '.']) || bucket.bucket.contains("..") {
            return Err(invalid("bucket", "is not the name of a bucket"));
        }
        let root = root(bucket)?;
        let target =
            Target::from_url(&root).map_err(|error| invalid("endpoint", &error.to_string()))?;
        Ok(Self {
            root,
            target,
            region: bucket.region.clone(),
            credential: AwsCredential {
                key_id: key(&bucket.access_key_id, "accessKeyId", secrets)?,
                secret_key: key(&bucket.secret_access_key, "secretAccessKey", secrets)?,
                token: None,
            },
        })
    }

    /// Where it is.
    pub(super) const fn target(&self) -> &Target {
        &self.target
    }

    /// The answer to one question about the bucket, or the object `key` in it. What puts something must be the first question
    /// of its session: on a connection that was kept, one cannot tell whether a request that got no answer was acted upon.
    pub(super) async fn ask(
        &self,
        session: &Session,
        deadline: Instant,
        question: Question<'_>,
        phases: &mut Phases,
    ) -> Result<Reply, Finding> {
        let request = self.request(question).ok_or_else(|| {
            Finding::unknown(
                FindingReason::OutOfResources,
                "a request could not be signed",
            )
        })?;
        let asked = exchange_over(session, &request, Terms::CONTENT, deadline, phases);
        let answer = asked.await?;
        Ok(Reply::of(&answer))
    }

    fn request(&self, question: Question<'_>) -> Option<RequestTemplate> {
        let Question {
            method,
            key,
            query,
            content,
        } = question;
        let mut url = self.root.clone();
        url.set_path(&format!("{}{key}", url.path()));
        if !query.is_empty() {
            let pair = |(name, value): &(&str, &str)| format!("{name}={}", encoded(value));
            let pairs: Vec<_> = query.iter().map(pair).collect();
            url.set_query(Some(&pairs.join("&")));
        }
        let content = Bytes::copy_from_slice(content.as_bytes());
        let body = HttpRequestBody::from(content.clone());
        let request = Request::builder().method(method.clone()).uri(url.as_str());
        let mut request = request.body(body).ok()?;
        AwsAuthorizer::new(&self.credential, "s3", &self.region)
            .try_authorize(&mut request, None)
            .ok()?;
        let mut headers: HeaderMap = std::mem::take(request.headers_mut());
        for value in headers.values_mut() {
            value.set_sensitive(true);
        }
        RequestTemplate::made(url, method, headers, content).ok()
    }
}

/// One question.
#[derive(Clone, Debug)]
pub(super) struct Question<'a> {
    pub(super) method: Method,
    /// The object that it is about; empty for the bucket.
    pub(super) key: &'a str,
    pub(super) query: &'a [(&'a str, &'a str)],
    pub(super) content: &'a str,
}

/// Where the objects of the bucket are.
fn root(bucket: &StorageBucket) -> Result<Url, InvalidCheck> {
    const FIELD: &str = "storage.s3.endpoint";
    let name = &bucket.bucket;
    let endpoint = match &bucket.endpoint {
        Some(endpoint) => endpoint.clone(),
        None => format!("https://s3.{}.amazonaws.com", bucket.region),
    };
    let mut url = address(&endpoint, FIELD)?;
    if url.path() != "/" || url.query().is_some() {
        return Err(InvalidCheck::new(FIELD, "holds a path or a query"));
    }
    let is_in_path = bucket
        .path_style
        .unwrap_or(bucket.endpoint.is_some() || name.contains('.'));
    if is_in_path {
        url.set_path(&format!("/{name}/"));
        return Ok(url);
    }
    let Some(url::Host::Domain(domain)) = url.host() else {
        let problem = "is an IP address, which has no host for each bucket: pathStyle must be true";
        return Err(InvalidCheck::new(FIELD, problem));
    };
    let host = format!("{name}.{domain}");
    url.set_host(Some(&host))
        .map_err(|_| InvalidCheck::new(FIELD, "makes no host with the bucket before it"))?;
    Ok(url)
}

/// The value of a part of the access key: what can stand in a header.
fn key(
    source: &SecretValueSource,
    field: &str,
    secrets: Secrets<'_>,
) -> Result<String, InvalidCheck> {
    let field = format!("storage.s3.{field}");
    let reference = &source.secret_key_ref;
    let value = secret::value(reference, secrets, &field)?;
    let text = value.expose_secret();
    let is_sendable = text.bytes().all(|byte| byte.is_ascii_graphic()) && text.len() <= LONGEST_KEY;
    if !is_sendable {
        let problem = format!(
            "key {} of Secret {} holds what no access key has, or is longer than {LONGEST_KEY} bytes",
            reference.key, reference.name
        );
        return Err(InvalidCheck::new(field, problem));
    }
    Ok(text.to_owned())
}

fn is_name(text: &str, lengths: std::ops::RangeInclusive<usize>, between: &[char]) -> bool {
    let is_plain = |it: char| it.is_ascii_lowercase() || it.is_ascii_digit();
    lengths.contains(&text.len())
        && text.chars().all(|it| is_plain(it) || between.contains(&it))
        && text.starts_with(is_plain)
        && text.ends_with(is_plain)
}

/// The value of a query, of which nothing but letters, digits and a few signs stands for itself: a plus is a space to some.
fn encoded(value: &str) -> String {
    let encoded: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    encoded.replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn bucket(yaml: &str) -> Result<Bucket, InvalidCheck> {
        let keys = "accessKeyId: {secretKeyRef: {name: a, key: id}}, secretAccessKey: {secretKeyRef: {name: a, key: secret}}";
        let bucket: StorageBucket = serde_yaml::from_str(&format!("{{{yaml}, {keys}}}")).unwrap();
        Bucket::new(&bucket, &|reference| {
            Some(SecretString::from(format!("canary-{}", reference.key)))
        })
    }

    #[test]
    fn a_bucket_stands_in_the_host_or_in_the_path() {
        for (yaml, root) in [
            (
                "region: eu-central-1, bucket: files",
                "https://files.s3.eu-central-1.amazonaws.com/",
            ),
            (
                "region: eu-central-1, bucket: files, pathStyle: true",
                "https://s3.eu-central-1.amazonaws.com/files/",
            ),
            (
                "region: eu-central-1, bucket: my.files",
                "https://s3.eu-central-1.amazonaws.com/my.files/",
            ),
            (
                "region: auto, bucket: files, endpoint: 'http://127.0.0.1:9000'",
                "http://127.0.0.1:9000/files/",
            ),
            (
                "region: auto, bucket: files, endpoint: 'https://s.example.com/', pathStyle: false",
                "https://files.s.example.com/",
            ),
        ] {
            assert_eq!(bucket(yaml).ok().unwrap().root.as_str(), root);
        }
    }

    #[test]
    fn what_is_no_bucket_is_refused_with_its_field() {
        for (yaml, field) in [
            ("region: EU, bucket: files", "region"),
            ("region: a/b, bucket: files", "region"),
            ("region: eu, bucket: a/b", "bucket"),
            ("region: eu, bucket: a..b", "bucket"),
            ("region: eu, bucket: -ab", "bucket"),
            (
                "region: eu, bucket: files, endpoint: 'https://a/path'",
                "endpoint",
            ),
            (
                "region: eu, bucket: files, endpoint: 'https://u:p@a'",
                "endpoint",
            ),
            ("region: eu, bucket: files, endpoint: 'ftp://a'", "endpoint"),
            (
                "region: eu, bucket: files, endpoint: 'http://127.0.0.1', pathStyle: false",
                "endpoint",
            ),
        ] {
            let error = bucket(yaml).err().unwrap();
            assert_eq!(error.field, format!("storage.s3.{field}"), "{yaml}");
        }
    }

    #[test]
    fn the_value_of_a_query_is_encoded_as_it_is_signed() {
        assert_eq!(encoded("a b+c/ü~"), "a%20b%2Bc%2F%C3%BC%7E");
    }
}
