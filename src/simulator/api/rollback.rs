//! `/services/{serviceId}/rollback`: a new deploy of what an earlier one built.

use http::StatusCode;
use serde::Deserialize;

use super::{Asked, not_found, services};
use crate::simulator::{
    answer::{Answer, Refusal},
    model::{Deploy, DeployStatus, Trigger},
    query::invalid,
    wire,
    world::World,
};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Target {
    deploy_id: String,
}

/// `POST /services/{serviceId}/rollback`. The answer is the new deploy, also when it waits behind another one.
pub(super) fn roll_back(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let service = services::find(world, &asked.reach, asked.call.variables[0])?;
    let Target { deploy_id } = asked.body.parse()?;
    let target = world
        .deploys_of(&service.id)
        .find(|deploy| deploy.id == deploy_id)
        .ok_or_else(|| not_found("deploy", &deploy_id))?;
    services::active(service)?;
    check_target(target)?;
    let target = target.clone();
    let deploy = world.deploy_artifact(&target, Trigger::Rollback, asked.now)?;
    world.created(asked.now, "roll back", &deploy.id, &deploy);
    Ok(Answer::with(StatusCode::CREATED, wire::deploy(&deploy)))
}

/// Whether one can go back to the deploy.
fn check_target(target: &Deploy) -> Result<(), Refusal> {
    let id = &target.id;
    if !matches!(
        target.status,
        DeployStatus::Live | DeployStatus::Deactivated
    ) {
        return Err(invalid(format!("deploy {id} was never live")));
    }
    if !target.artifact_kept {
        return Err(invalid(format!(
            "the build of deploy {id} is no longer available"
        )));
    }
    Ok(())
}
