//! `POST /services/{serviceId}/deploys`: a new deploy.

use http::StatusCode;
use serde::Deserialize;

use super::{Asked, services};
use crate::simulator::{
    answer::{Answer, Refusal},
    deploying::Source,
    model::{Deploy, DeployStatus, Service, ServiceType, Trigger},
    query::invalid,
    wire,
    world::World,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewDeploy {
    clear_cache: Option<ClearCache>,
    commit_id: Option<String>,
    image_url: Option<String>,
    deploy_mode: Option<DeployMode>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ClearCache {
    Clear,
    DoNotClear,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum DeployMode {
    BuildAndDeploy,
    DeployOnly,
}

/// `POST /services/{serviceId}/deploys`. The answer is the new deploy, or nothing when it waits behind another one.
pub(super) fn start(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let service = services::find_active(world, &asked.reach, asked.call.variables[0])?.clone();
    let new: NewDeploy = asked.body.parse()?;
    check(&service, &new)?;
    let deploy = if new.deploy_mode == Some(DeployMode::DeployOnly) {
        let built = last_build(world, &service)
            .ok_or_else(|| invalid("there is no successful build to deploy"))?
            .clone();
        world.deploy_artifact(&built, Trigger::Api, asked.now)
    } else {
        let source = Source {
            commit: new.commit_id,
            image: new.image_url,
            message: None,
            of_head: true,
        };
        world.deploy_anew(&service.id, Trigger::Api, &source, asked.now)
    }?;
    world.created(asked.now, "start deploy", &deploy.id, &deploy);
    if deploy.status == DeployStatus::Queued {
        return Ok(Answer::empty(StatusCode::ACCEPTED));
    }
    Ok(Answer::with(StatusCode::CREATED, wire::deploy(&deploy)))
}

fn check(service: &Service, new: &NewDeploy) -> Result<(), Refusal> {
    let NewDeploy {
        clear_cache,
        commit_id,
        image_url,
        deploy_mode,
    } = new;
    let named = clear_cache.is_some() || commit_id.is_some() || image_url.is_some();
    if deploy_mode.is_some() && named {
        let message = "deployMode cannot be combined with clearCache, commitId or imageUrl";
        return Err(invalid(message));
    }
    if commit_id.is_some() && service.r#type == ServiceType::CronJob {
        return Err(invalid("commitId is not supported for cron jobs"));
    }
    match (&service.image, commit_id, image_url) {
        (Some(_), Some(_), _) => Err(invalid("the service runs an image, and has no commits")),
        (None, _, Some(_)) => Err(invalid("the service is built, and runs no image")),
        (Some(own), _, Some(url)) if repository(own) != repository(url) => Err(invalid(
            "imageUrl is not of the image that the service is set to",
        )),
        _ => Ok(()),
    }
}

/// The newest deploy whose build went well. A rollback does not build.
fn last_build<'world>(world: &'world World, service: &Service) -> Option<&'world Deploy> {
    world.deploys_of(&service.id).find(|deploy| {
        let built = matches!(
            deploy.status,
            DeployStatus::PreDeployInProgress
                | DeployStatus::PreDeployFailed
                | DeployStatus::UpdateInProgress
                | DeployStatus::UpdateFailed
                | DeployStatus::Live
                | DeployStatus::Deactivated
        );
        built && deploy.artifact_kept && deploy.trigger != Trigger::Rollback
    })
}

/// An image without its tag and digest: the host, the repository and the name.
fn repository(image: &str) -> &str {
    let image = image.split('@').next().unwrap_or(image);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

#[cfg(test)]
mod tests {
    use super::repository;

    #[test]
    fn images_are_the_same_whatever_their_tag_and_digest() {
        let expected = [
            ("docker.io/library/nginx:1", "docker.io/library/nginx"),
            (
                "localhost:5000/library/nginx",
                "localhost:5000/library/nginx",
            ),
            ("ghcr.io/acme/api:2@sha256:00", "ghcr.io/acme/api"),
            ("ghcr.io/acme/api", "ghcr.io/acme/api"),
        ];
        for (image, expected) in expected {
            assert_eq!(repository(image), expected);
        }
    }
}
