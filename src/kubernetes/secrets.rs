//! Values of Secrets, one `get` per reference and never a list or a watch: either would show the controller every Secret.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{Api, Client};
use secrecy::SecretString;
use tokio::time::{Instant, timeout};

use super::client::REQUEST_TIMEOUT;
use crate::api::SecretKeyReference;

/// Largest value that is used, in bytes: what is sent as one header or key.
const MAX_VALUE_BYTES: usize = 8 * 1024;

/// Entries kept before those that are no longer fresh are dropped.
const REMEMBERED: usize = 4096;

/// A value of a Secret could not be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// There is no such Secret.
    #[error("Secret {name} does not exist in this namespace")]
    NotFound {
        /// The Secret.
        name: String,
    },
    /// The controller may not read it.
    #[error(
        "the controller is not permitted to read Secret {name}: grant its ServiceAccount `get` on it"
    )]
    Forbidden {
        /// The Secret.
        name: String,
    },
    /// It lacks the key.
    #[error("Secret {name} has no key {key}")]
    KeyMissing {
        /// The Secret.
        name: String,
        /// The key.
        key: String,
    },
    /// Its value cannot be used.
    #[error("key {key} of Secret {name} {problem}")]
    Unusable {
        /// The Secret.
        name: String,
        /// The key.
        key: String,
        /// What is wrong with the value, without the value.
        problem: &'static str,
    },
    /// The API server did not say.
    #[error("could not read Secret {name}")]
    Read {
        /// The Secret.
        name: String,
        /// Why; `None` when no answer came in time.
        source: Option<Box<kube::Error>>,
    },
}

/// Reads Secrets and keeps what it read for a while.
#[derive(Clone)]
pub struct Secrets {
    client: Client,
    refresh: Duration,
    known: Arc<Mutex<HashMap<(String, String), Known>>>,
}

#[derive(Clone)]
struct Known {
    read: Instant,
    data: Arc<std::collections::BTreeMap<String, ByteString>>,
}

impl Secrets {
    /// Reads with `client`; a value is read again when it is older than `refresh`.
    #[must_use]
    pub fn new(client: Client, refresh: Duration) -> Self {
        Self {
            client,
            refresh,
            known: Arc::default(),
        }
    }

    /// The value of `reference` in `namespace`, without one trailing newline.
    pub async fn value(
        &self,
        namespace: &str,
        reference: &SecretKeyReference,
    ) -> Result<SecretString, SecretError> {
        let data = self.data(namespace, &reference.name).await?;
        let SecretKeyReference { name, key } = reference.clone();
        let Some(ByteString(bytes)) = data.get(&key) else {
            return Err(SecretError::KeyMissing { name, key });
        };
        usable(bytes)
            .map(|text| SecretString::from(text.to_owned()))
            .map_err(|problem| SecretError::Unusable { name, key, problem })
    }

    /// Forgets what was read of the Secrets `names` in `namespace`, so that the next use reads them.
    pub fn invalidate(&self, namespace: &str, names: &BTreeSet<String>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for name in names {
            known.remove(&(namespace.to_owned(), name.clone()));
        }
    }

    async fn data(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<Arc<std::collections::BTreeMap<String, ByteString>>, SecretError> {
        let place = (namespace.to_owned(), name.to_owned());
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() > REMEMBERED {
                known.retain(|_, known| known.read.elapsed() < self.refresh);
            }
            if let Some(known) = known.get(&place)
                && known.read.elapsed() < self.refresh
            {
                return Ok(known.data.clone());
            }
        }
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), namespace);
        let name = name.to_owned();
        let secret = match timeout(REQUEST_TIMEOUT, secrets.get_opt(&name)).await {
            Ok(Ok(Some(secret))) => secret,
            Ok(Ok(None)) => return Err(SecretError::NotFound { name }),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
                return Err(SecretError::Forbidden { name });
            }
            Ok(Err(error)) => {
                return Err(SecretError::Read {
                    name,
                    source: Some(Box::new(error)),
                });
            }
            Err(_) => return Err(SecretError::Read { name, source: None }),
        };
        let data = Arc::new(secret.data.unwrap_or_default());
        let read = Known {
            read: Instant::now(),
            data: data.clone(),
        };
        self.known
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(place, read);
        Ok(data)
    }
}

/// The value as text that can stand in a header, or what is wrong with it.
fn usable(bytes: &[u8]) -> Result<&str, &'static str> {
    if bytes.len() > MAX_VALUE_BYTES {
        return Err("is larger than 8 KiB");
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "is not UTF-8 text")?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        return Err("is empty");
    }
    if !text.is_ascii() {
        return Err("holds characters other than ASCII");
    }
    if text.chars().any(char::is_control) {
        return Err("holds a control character, such as a newline in the middle");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_trailing_newline_is_dropped() {
        assert_eq!(usable(b"rnd_key\n"), Ok("rnd_key"));
        assert_eq!(usable(b"rnd_key\r\n"), Ok("rnd_key"));
        assert!(usable(b"rnd_key\n\n").is_err());
    }

    #[test]
    fn a_value_that_no_header_can_carry_is_refused_without_being_shown() {
        for bytes in [
            &b""[..],
            "é".as_bytes(),
            b"\n",
            b"a\0b",
            b"a\nb",
            b"\xff\xfe",
            &vec![b'a'; 1 << 20],
        ] {
            assert!(usable(bytes).is_err());
        }
    }
}
