//! The schemas that good releases were seen to work with, as a status keeps them.

use std::io::Read;

use base64::{Engine, engine::general_purpose::STANDARD};
use flate2::{Compression, bufread::GzDecoder, bufread::GzEncoder};

use crate::{
    api::{DeploymentValidationStatus, GoodRelease, KeptSchema},
    checks::schema::SchemaFingerprint,
};

/// The longest that a kept schema may be, in characters: a status has to stay small. A larger one is not known.
const LONGEST: usize = 32_768;

/// The most that a kept schema takes once it is read: somebody else may have written it.
const LARGEST: u64 = 1024 * 1024;

/// Keeps `schema` as that of the release `good`. One that is too large is not kept.
pub(super) fn keep(good: &mut GoodRelease, kept: &mut Vec<KeptSchema>, schema: &SchemaFingerprint) {
    let digest = schema.digest();
    if good.schema.as_ref() == Some(&digest) {
        return;
    }
    if kept.iter().all(|known| known.digest != digest) {
        let Some(content) = write(schema) else {
            return;
        };
        kept.push(KeptSchema {
            digest: digest.clone(),
            content,
        });
    }
    good.schema = Some(digest);
}

/// Drops the schemas that no good release refers to any more.
pub(super) fn prune(status: &mut DeploymentValidationStatus) {
    let goods = status.last_known_good.iter().chain(&status.candidates);
    let digests: Vec<_> = goods.filter_map(|good| good.schema.as_ref()).collect();
    status
        .schemas
        .retain(|known| digests.contains(&&known.digest));
}

/// The schema of each good release of which it is known: the release and its schema. What does not read back as what it
/// says it is, is not known.
#[must_use]
pub fn schemas(status: &DeploymentValidationStatus) -> Vec<(&str, SchemaFingerprint)> {
    let goods = status.last_known_good.iter().chain(&status.candidates);
    goods
        .filter_map(|good| {
            let digest = good.schema.as_ref()?;
            let known = status.schemas.iter().find(|it| it.digest == *digest)?;
            let schema = read(&known.content)?;
            (schema.digest() == *digest).then_some((good.release.as_str(), schema))
        })
        .collect()
}

fn write(schema: &SchemaFingerprint) -> Option<String> {
    let text = serde_json::to_vec(schema).ok()?;
    let mut packed = Vec::new();
    let mut encoder = GzEncoder::new(text.as_slice(), Compression::default());
    encoder.read_to_end(&mut packed).ok()?;
    let content = STANDARD.encode(packed);
    (content.len() <= LONGEST).then_some(content)
}

fn read(content: &str) -> Option<SchemaFingerprint> {
    let packed = STANDARD.decode(content).ok()?;
    let mut text = Vec::new();
    let mut decoder = GzDecoder::new(packed.as_slice()).take(LARGEST);
    decoder.read_to_end(&mut text).ok()?;
    serde_json::from_slice(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(text: &str) -> SchemaFingerprint {
        serde_json::from_str(text).unwrap()
    }

    fn good(release: &str) -> GoodRelease {
        GoodRelease {
            release: release.to_owned(),
            ..GoodRelease::default()
        }
    }

    #[test]
    fn releases_with_one_schema_share_it_and_what_nobody_refers_to_goes() {
        let (old, new) = (
            schema(r#"{"db/users":{"id":"bigint"}}"#),
            schema(r#"{"db/users":{"id":"bigint","plan":"text?"}}"#),
        );
        let mut status = DeploymentValidationStatus::default();
        for (release, schema) in [("c", &new), ("b", &old), ("a", &old)] {
            let mut candidate = good(release);
            keep(&mut candidate, &mut status.schemas, schema);
            status.candidates.push(candidate);
        }
        assert_eq!(status.schemas.len(), 2);
        let known = schemas(&status);
        assert_eq!(known, [("c", new), ("b", old.clone()), ("a", old.clone())]);
        status.candidates.remove(0);
        prune(&mut status);
        assert_eq!(status.schemas.len(), 1);
        assert_eq!(schemas(&status), [("b", old.clone()), ("a", old)]);
    }

    #[test]
    fn a_schema_that_is_too_large_or_was_changed_is_not_known() {
        let large = (0..4096u32).map(|number| {
            // Nothing that could be packed: every name is a digest of its number.
            let name = crate::rollback::digest::of_json(&number, 32);
            format!(r#""{name}":{{"{name}":"text"}}"#)
        });
        let large = large.collect::<Vec<_>>().join(",");
        let mut status = DeploymentValidationStatus::default();
        let mut live = good("a");
        keep(
            &mut live,
            &mut status.schemas,
            &schema(&format!("{{{large}}}")),
        );
        assert_eq!((live.schema.as_ref(), status.schemas.len()), (None, 0));

        keep(
            &mut live,
            &mut status.schemas,
            &schema(r#"{"db/users":{"id":"bigint"}}"#),
        );
        status.last_known_good = Some(live);
        assert_eq!(schemas(&status).len(), 1);
        status.schemas[0].content = write(&schema("{}")).unwrap();
        assert!(schemas(&status).is_empty());
        for garbage in ["", "AAAA", "not base64", "H4sIAAAAAAAA"] {
            status.schemas[0].content = garbage.to_owned();
            assert!(schemas(&status).is_empty(), "{garbage}");
        }
    }

    #[test]
    fn no_kept_text_breaks_the_reader() {
        crate::fuzz::hold_text("kept_schema", |text| {
            if let Some(schema) = read(text) {
                let kept = write(&schema).and_then(|it| read(&it));
                assert!(kept.is_none_or(|it| it.digest() == schema.digest()));
            }
        });
    }
}
