//! Which deploy is live.

use super::{
    client::{Call, Client, Route},
    is_identifier, text,
    wire::{Deploy, DeployItem},
};
use crate::platforms::{LiveDeploy, MalformedReply, Phase, PlatformError, Service};

/// More than the one that there should be, and more than a page holds by default of what the filter might let through.
const PAGE_LENGTH: usize = 20;

/// The longest version that is passed on.
const MAX_VERSION_BYTES: usize = 256;

/// The deploy of a service that is live now: exactly one, or an error.
pub(super) async fn live(client: &Client, service: &Service) -> Result<LiveDeploy, PlatformError> {
    let call = Call {
        route: Route::ListDeploys,
        path: &["services", &service.id, "deploys"],
        query: &[("status", "live")],
        service: &service.label,
    };
    let items = client.list(&call, PAGE_LENGTH, client.deadline()).await?;
    let deploy = only_live(items)
        .map_err(|reply| call.malformed(reply))?
        .ok_or_else(|| PlatformError::NoLiveDeploy(call.attempt()))?;
    Ok(LiveDeploy {
        name: service.label.clone(),
        service_id: Some(service.id.clone()),
        version: version(&deploy),
        live_since: deploy.finished_at.or(deploy.updated_at),
        deploy_id: deploy.id,
    })
}

/// The one live deploy among these, or none. The filter of the call is not relied upon, nor that a list has each item
/// once.
fn only_live(items: Vec<DeployItem>) -> Result<Option<Deploy>, MalformedReply> {
    let mut live: Option<Deploy> = None;
    let mut unknown_state = false;
    for item in items {
        let deploy = item.deploy.ok_or(MalformedReply::Missing("a deploy"))?;
        if !is_identifier(&deploy.id) {
            return Err(MalformedReply::Identifier);
        }
        match deploy.status {
            Some(Phase::Live) => match &live {
                Some(other) if other.id != deploy.id => return Err(MalformedReply::TwoLive),
                _ => live = Some(deploy),
            },
            Some(Phase::Unknown) => unknown_state = true,
            Some(_) => {}
            None => return Err(MalformedReply::Missing("the status of a deploy")),
        }
    }
    if live.is_none() && unknown_state {
        return Err(MalformedReply::UnknownState);
    }
    Ok(live)
}

/// The commit, the image's digest, or the image's reference.
pub(super) fn version(deploy: &Deploy) -> Option<String> {
    let commit = deploy.commit.as_ref().and_then(|commit| commit.id.as_ref());
    let image = deploy.image.as_ref();
    let digest = image.and_then(|image| image.sha.as_ref());
    let reference = image.and_then(|image| image.reference.as_ref());
    [commit, digest, reference]
        .into_iter()
        .flatten()
        .find(|version| text::can_be_shown(version, MAX_VERSION_BYTES))
        .cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platforms::render::wire::Page;

    fn read(json: &str) -> Result<Option<Deploy>, MalformedReply> {
        only_live(serde_json::from_str::<Page<DeployItem>>(json).unwrap().0)
    }

    #[test]
    fn the_live_one_is_found_wherever_it_stands_and_however_often() {
        let json = r#"[
            {"deploy": {"id": "dep-3", "status": "build_in_progress"}},
            {"deploy": {"id": "dep-2", "status": "live"}},
            {"deploy": {"id": "dep-1", "status": "deactivated"}},
            {"deploy": {"id": "dep-2", "status": "live"}}
        ]"#;
        assert_eq!(read(json).unwrap().unwrap().id, "dep-2");
    }

    #[test]
    fn two_live_ones_are_never_decided_between() {
        let json = r#"[
            {"deploy": {"id": "dep-2", "status": "live"}},
            {"deploy": {"id": "dep-1", "status": "live"}}
        ]"#;
        assert_eq!(read(json).unwrap_err(), MalformedReply::TwoLive);
    }

    #[test]
    fn an_unknown_state_is_no_proof_that_nothing_is_live() {
        let unknown = r#"[{"deploy": {"id": "dep-1", "status": "live_partially"}}]"#;
        assert_eq!(read(unknown).unwrap_err(), MalformedReply::UnknownState);
        let none = r#"[{"deploy": {"id": "dep-1", "status": "deactivated"}}]"#;
        assert!(read(none).unwrap().is_none());
        assert!(read("[]").unwrap().is_none());
    }

    #[test]
    fn a_deploy_without_status_or_with_a_strange_id_is_refused() {
        let no_status = r#"[{"deploy": {"id": "dep-1"}}]"#;
        assert!(matches!(read(no_status), Err(MalformedReply::Missing(_))));
        assert!(matches!(read("[{}]"), Err(MalformedReply::Missing(_))));
        for id in ["../owners", "dep-1\\r\\nx", "dep-\\u0000", ""] {
            let json = format!(r#"[{{"deploy": {{"id": "{id}", "status": "live"}}}}]"#);
            assert_eq!(read(&json).unwrap_err(), MalformedReply::Identifier, "{id}");
        }
    }

    #[test]
    fn the_version_is_the_commit_then_the_digest_then_the_reference_if_it_can_be_shown() {
        let version = |json: &str| version(&serde_json::from_str::<Deploy>(json).unwrap());
        let image =
            r#"{"id": "dep-1", "commit": null, "image": {"ref": "app:1", "sha": "sha256:ab"}}"#;
        assert_eq!(version(image).as_deref(), Some("sha256:ab"));
        let tag = r#"{"id": "dep-1", "image": {"ref": "app:1", "sha": ""}}"#;
        assert_eq!(version(tag).as_deref(), Some("app:1"));
        let commit = r#"{"id": "dep-1", "commit": {"id": "4f1c"}, "image": {"ref": "app:1"}}"#;
        assert_eq!(version(commit).as_deref(), Some("4f1c"));
        let hostile = r#"{"id": "dep-1", "commit": {"id": "4f\u001b[31m"}}"#;
        assert_eq!(version(hostile), None);
        let secret = r#"{"id": "dep-1", "commit": {"id": "rnd_4f1c"}}"#;
        assert_eq!(version(secret), None);
    }
}
