//! References to container images.

/// The longest reference that is taken for one.
const MAX_BYTES: usize = 512;

/// The registry that a reference means when it names none.
const DEFAULT_REGISTRY: &str = "docker.io";

/// Where an image comes from, without tag and digest: registry and repository, such as `docker.io/library/nginx`. `None`
/// for what is no reference, by its length and characters.
pub(super) fn repository(reference: &str) -> Option<String> {
    let (name, digest) = match reference.split_once('@') {
        Some((name, digest)) => (name, Some(digest)),
        None => (reference, None),
    };
    let (path, tag) = match name.rsplit_once(':') {
        // A colon before the last slash belongs to a port.
        Some((path, tag)) if !tag.contains('/') => (path, Some(tag)),
        _ => (name, None),
    };
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(is_of_reference);
    let parts = path.split('/').chain(tag).chain(digest);
    if reference.len() > MAX_BYTES || !parts.into_iter().all(is_part) {
        return None;
    }
    Some(match path.split_once('/') {
        Some(("index.docker.io" | DEFAULT_REGISTRY, rest)) => {
            format!("{DEFAULT_REGISTRY}/{}", of_docker_hub(rest))
        }
        Some((registry, _)) if registry.contains(['.', ':']) || registry == "localhost" => {
            path.to_owned()
        }
        _ => format!("{DEFAULT_REGISTRY}/{}", of_docker_hub(path)),
    })
}

/// A repository without an owner is one of Docker's own.
fn of_docker_hub(repository: &str) -> String {
    if repository.contains('/') {
        repository.to_owned()
    } else {
        format!("library/{repository}")
    }
}

const fn is_of_reference(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b':' | b'+')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tag_digest_and_what_is_left_out_do_not_tell_two_references_apart() {
        for reference in [
            "nginx",
            "nginx:1.29",
            "nginx@sha256:00",
            "library/nginx:1.29@sha256:00",
            "docker.io/nginx",
            "index.docker.io/library/nginx:latest",
        ] {
            let repository = repository(reference);
            assert_eq!(
                repository.as_deref(),
                Some("docker.io/library/nginx"),
                "{reference}"
            );
        }
    }

    #[test]
    fn a_port_is_no_tag_and_a_registry_stays() {
        for (reference, expected) in [
            ("registry.example:5000/api:1", "registry.example:5000/api"),
            ("registry.example:5000/api", "registry.example:5000/api"),
            ("localhost/api", "localhost/api"),
            ("ghcr.io/example/team/api:1", "ghcr.io/example/team/api"),
            ("example/api:1", "docker.io/example/api"),
        ] {
            assert_eq!(
                repository(reference).as_deref(),
                Some(expected),
                "{reference}"
            );
        }
    }

    #[test]
    fn what_is_no_reference_has_no_repository() {
        let long = "a".repeat(513);
        for text in [
            "", "/", "a//b", "a:", "a@", "a b", "a\n", "http://a", "a/../b?x", "a@b@c", &long,
        ] {
            assert_eq!(repository(text), None, "{text:?}");
        }
    }
}
