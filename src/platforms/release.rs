//! What is live: the deploy of each service, and all of them together.

use jiff::Timestamp;
use sha2::{Digest, Sha256};

/// The live deploy of one service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveDeploy {
    /// The service, as the spec refers to it.
    pub name: String,
    /// Id of the service on the platform, by which it is the same under whatever name and with whatever credentials. `None` when
    /// it was read from a status that does not have it.
    pub service_id: Option<String>,
    /// Id of the deploy. A platform gives an id once: what was live and was replaced comes back under another.
    pub deploy_id: String,
    /// What it was built from: a commit, an image's digest, or an image's reference. At most 256 bytes, printable.
    pub version: Option<String>,
    /// When the platform says that it went live.
    pub live_since: Option<Timestamp>,
}

/// The live deploys of all services of one validation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The same for the same deploys, whatever their order: the deploy's id where there is one service, else `rel-` and 12
    /// hexadecimal digits.
    pub id: String,
    /// In the order of the spec.
    pub services: Vec<LiveDeploy>,
}

impl Release {
    /// The release that consists of these deploys.
    #[must_use]
    pub fn of(services: Vec<LiveDeploy>) -> Self {
        let id = match services.as_slice() {
            [only] => only.deploy_id.clone(),
            several => digest(several),
        };
        Self { id, services }
    }
}

/// The first 12 hexadecimal digits of the SHA-256 of the sorted lines `name=deployId`.
fn digest(services: &[LiveDeploy]) -> String {
    let mut lines: Vec<String> = services
        .iter()
        .map(|service| format!("{}={}\n", service.name, service.deploy_id))
        .collect();
    lines.sort_unstable();
    let digest = Sha256::digest(lines.concat());
    let digits = digest.iter().take(6).map(|byte| format!("{byte:02x}"));
    format!("rel-{}", digits.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn live(name: &str, deploy_id: &str) -> LiveDeploy {
        LiveDeploy {
            name: name.to_owned(),
            service_id: None,
            deploy_id: deploy_id.to_owned(),
            version: None,
            live_since: None,
        }
    }

    #[test]
    fn one_service_gives_the_release_its_deploys_id() {
        assert_eq!(Release::of(vec![live("api", "dep-1")]).id, "dep-1");
    }

    #[test]
    fn several_services_give_the_same_id_in_any_order_and_in_any_version_of_this_program() {
        let release = Release::of(vec![live("api", "dep-1"), live("worker", "dep-2")]);
        let reversed = Release::of(vec![live("worker", "dep-2"), live("api", "dep-1")]);
        assert_eq!(release.id, reversed.id);
        // printf 'api=dep-1\nworker=dep-2\n' | sha256sum
        assert_eq!(release.id, "rel-faafb21b91bc");
    }

    #[test]
    fn another_deploy_or_two_that_change_places_are_another_release() {
        let release = Release::of(vec![live("api", "dep-1"), live("worker", "dep-2")]);
        let newer = Release::of(vec![live("api", "dep-3"), live("worker", "dep-2")]);
        let swapped = Release::of(vec![live("api", "dep-2"), live("worker", "dep-1")]);
        assert_ne!(release.id, newer.id);
        assert_ne!(release.id, swapped.id);
    }
}
