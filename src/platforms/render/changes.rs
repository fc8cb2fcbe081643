//! The changes that are made on Render, and what the answers to them say.

use std::ops::RangeInclusive;

use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::time::Instant;

use super::{
    circumstances,
    client::Client,
    image,
    rollouts::{self, is_deploy_id},
    wire::{Configuration, Deploy, OnlyId},
    writer::{Change, ChangeRoute, Reply, Writer},
};
use crate::platforms::{
    Accepted, Attempt, MalformedReply, MutationError, PlatformError, RefusedBecause, Revision,
    Rollout, Service,
};

/// Lengths of what may be a commit: an abbreviation that Git gives, to a whole SHA-256.
const COMMIT_DIGITS: RangeInclusive<usize> = 7..=64;

/// Sets `autoDeploy`, which every version of the API has, to the string `no`.
pub(super) async fn stop_automatic_deploys(
    writer: &Writer,
    service: &Service,
    begin_by: Instant,
) -> Result<(), MutationError> {
    let change = Change {
        route: ChangeRoute::UpdateService,
        service,
        body: json!({"autoDeploy": "no"}),
    };
    let reply = writer.send(&change, begin_by).await?;
    match id_of(&reply).map_err(|reply| unclear(&change, reply))? {
        Some(id) if id != service.id => Err(unclear(&change, MalformedReply::Identifier)),
        // Whether it took effect, only a reading of the service tells.
        Some(_) | None => Ok(()),
    }
}

/// Starts a rollout of what the deploy `to` ran.
pub(super) async fn roll_back(
    writer: &Writer,
    service: &Service,
    to: &str,
    begin_by: Instant,
) -> Result<Accepted, MutationError> {
    let change = Change {
        route: ChangeRoute::RollBack,
        service,
        body: json!({"deployId": to}),
    };
    if !is_deploy_id(to) {
        let reason = "what it should return to has no id that a deploy can have";
        return Err(impossible(change.attempt(), reason));
    }
    accepted(&change, &writer.send(&change, begin_by).await?)
}

/// Starts a rollout of a revision, unless the service cannot run it.
pub(super) async fn deploy(
    client: &Client,
    writer: &Writer,
    service: &Service,
    revision: &Revision,
    begin_by: Instant,
) -> Result<Accepted, MutationError> {
    let body = match revision {
        Revision::Commit(commit) => json!({"commitId": commit}),
        Revision::Image(image) => json!({"imageUrl": image}),
    };
    let change = Change {
        route: ChangeRoute::CreateDeploy,
        service,
        body,
    };
    let configuration = circumstances::configuration(client, service).await;
    let configuration = configuration.map_err(MutationError::NotSent)?;
    if let Some(reason) = unfit(&configuration, revision) {
        return Err(impossible(change.attempt(), reason));
    }
    accepted(&change, &writer.send(&change, begin_by).await?)
}

/// Why a service cannot run a revision; `None` when nothing is known to speak against it.
fn unfit(service: &Configuration, revision: &Revision) -> Option<&'static str> {
    match (revision, service.image()) {
        (Revision::Commit(_), Some(_)) => Some("the service runs an image, and no commit"),
        (Revision::Commit(_), None) if service.is_cron_job() => {
            Some("a cron job cannot be deployed from a chosen commit")
        }
        (Revision::Commit(commit), None) => {
            let fits = COMMIT_DIGITS.contains(&commit.len())
                && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
            (!fits).then_some("the commit is no hash of a commit")
        }
        (Revision::Image(_), None) => {
            Some("the service is built from a repository, and runs no image")
        }
        (Revision::Image(wanted), Some(configured)) => match image::repository(wanted) {
            None => Some("the image is no reference to an image"),
            Some(repository) if Some(&repository) != image::repository(configured).as_ref() => {
                Some("the image is of another registry or repository than the service's own")
            }
            Some(_) => None,
        },
    }
}

/// What the platform says to have taken.
fn accepted(change: &Change<'_>, reply: &Reply) -> Result<Accepted, MutationError> {
    rollout_in(reply)
        .map(|rollout| Accepted { rollout })
        .map_err(|reply| unclear(change, reply))
}

fn rollout_in(reply: &Reply) -> Result<Option<Rollout>, MalformedReply> {
    if id_of(reply)?.is_none() {
        return Ok(None);
    }
    let deploy: Deploy = read(&reply.body)?;
    rollouts::rollout(deploy).map(Some)
}

/// The id of what an answer holds; `None` for an answer that says no more than that the change was taken: one without a
/// body, or 202, which Render gives while another deploy runs.
fn id_of(reply: &Reply) -> Result<Option<String>, MalformedReply> {
    if reply.body.trim_ascii().is_empty() {
        return Ok(None);
    }
    let answer: Option<OnlyId> = read(&reply.body)?;
    match answer.and_then(|answer| answer.id) {
        None if reply.status == 202 => Ok(None),
        // Such as an error under a status of success.
        None => Err(MalformedReply::Missing("the id of what was changed")),
        id => Ok(id),
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, MalformedReply> {
    serde_json::from_slice(body).map_err(|error| MalformedReply::Shape {
        line: error.line(),
        column: error.column(),
    })
}

fn unclear(change: &Change<'_>, source: MalformedReply) -> MutationError {
    MutationError::Unknown(PlatformError::Malformed {
        attempt: change.attempt(),
        source,
    })
}

fn impossible(attempt: Attempt, reason: &'static str) -> MutationError {
    MutationError::Refused {
        refused: RefusedBecause::Invalid,
        source: PlatformError::Impossible { attempt, reason },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn service() -> Service {
        Service {
            id: "srv-1".to_owned(),
            label: "api (srv-1)".to_owned(),
            workspace: None,
        }
    }

    fn answer(status: u16, body: &str) -> Result<Accepted, MutationError> {
        let service = service();
        let change = Change {
            route: ChangeRoute::RollBack,
            service: &service,
            body: Value::Null,
        };
        let body = body.as_bytes().to_vec();
        accepted(&change, &Reply { status, body })
    }

    #[test]
    fn an_answer_with_a_deploy_names_it() {
        let body = r#"{"id": "dep-2", "status": "update_in_progress", "trigger": "rollback", "commit": null}"#;
        for status in [200, 201, 202] {
            let rollout = answer(status, body).unwrap().rollout.unwrap();
            assert_eq!(rollout.id, "dep-2");
        }
    }

    #[test]
    fn an_answer_without_a_word_or_a_202_was_taken() {
        for (status, body) in [
            (201, ""),
            (202, ""),
            (204, " \r\n"),
            (202, "{}"),
            (202, "null"),
        ] {
            let accepted = answer(status, body).unwrap();
            assert_eq!(accepted, Accepted { rollout: None }, "{status} {body}");
        }
    }

    #[test]
    fn an_answer_that_cannot_be_read_leaves_open_what_was_done() {
        let deep = "[".repeat(100_000);
        for (status, body) in [
            (201, "{}"),
            (200, r#"{"message": "internal error"}"#),
            (200, "null"),
            (201, r#"{"id": 7}"#),
            (201, r#"{"id": "../owners"}"#),
            (201, r#"{"id": ""}"#),
            (202, r#"{"id": "dep-1\r\nx"}"#),
            (201, r#"{"id": "dep-1", "status": 7}"#),
            (201, r#"[{"id": "dep-1"}]"#),
            (202, "<html>"),
            (201, r#"{"id": "dep-1""#),
            (201, deep.as_str()),
        ] {
            let result = answer(status, body);
            assert!(
                matches!(result, Err(MutationError::Unknown(_))),
                "{status} {body:.40}: {result:?}"
            );
        }
    }

    fn unfit(service: Value, revision: &Revision) -> bool {
        let mut service = service;
        service["id"] = "srv-1".into();
        super::unfit(&serde_json::from_value(service).unwrap(), revision).is_some()
    }

    #[test]
    fn a_commit_is_for_what_is_built_and_is_no_cron_job() {
        let repository = json!({"type": "web_service", "repo": "https://example.com/api"});
        let commit = |text: &str| Revision::Commit(text.to_owned());
        for good in ["4f1c2d3", &"0".repeat(40), &"A".repeat(64)] {
            assert!(!unfit(repository.clone(), &commit(good)), "{good}");
        }
        for bad in [
            "",
            "4f1c2d",
            "main",
            &"0".repeat(65),
            "4f1c2d3 ",
            "../4f1c2d3",
        ] {
            assert!(unfit(repository.clone(), &commit(bad)), "{bad}");
        }
        let cron_job = json!({"type": "cron_job", "repo": "https://example.com/api"});
        assert!(unfit(cron_job, &commit("4f1c2d3")));
        let image = json!({"type": "web_service", "imagePath": "docker.io/library/nginx"});
        assert!(unfit(image, &commit("4f1c2d3")));
    }

    #[test]
    fn an_image_is_for_what_runs_the_same_image_under_any_tag_or_digest() {
        let service = json!({"imagePath": "docker.io/library/nginx:latest"});
        let image = |text: &str| Revision::Image(text.to_owned());
        let digest = format!("docker.io/library/nginx@sha256:{}", "0".repeat(64));
        for good in ["nginx:1.29", "docker.io/library/nginx", &digest] {
            assert!(!unfit(service.clone(), &image(good)), "{good}");
        }
        for bad in [
            "",
            "ghcr.io/library/nginx:1.29",
            "docker.io/library/nginx2",
            "nginx 1",
            "http://nginx",
        ] {
            assert!(unfit(service.clone(), &image(bad)), "{bad}");
        }
        let repository = json!({"repo": "https://example.com/api"});
        assert!(unfit(repository, &image("nginx")));
    }
}
