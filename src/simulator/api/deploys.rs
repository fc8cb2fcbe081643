//! `/services/{serviceId}/deploys`: the rollouts of a service.

use serde::{Deserialize, de::value::StrDeserializer};

use super::{Asked, not_found, services};
use crate::simulator::{
    answer::{Answer, Refusal},
    keys::Reach,
    model::{DeployStatus, ServiceType},
    paging::Page,
    query::{Query, invalid},
    wire,
    world::World,
};

/// `GET /services/{serviceId}/deploys`.
pub(super) fn list(
    world: &World,
    reach: &Reach,
    service: &str,
    query: &Query,
) -> Result<Answer, Refusal> {
    let service = services::find(world, reach, service)?;
    let page = Page::of(query)?;
    let statuses = query
        .repeated("status")
        .iter()
        .map(|name| status(name))
        .collect::<Result<Vec<_>, _>>()?;
    let created = query.between("created")?;
    let updated = query.between("updated")?;
    let finished = query.between("finished")?;
    let wanted = world.shown_deploys_of(&service.id).filter(|deploy| {
        (statuses.is_empty() || statuses.contains(&deploy.status))
            && created.holds(deploy.created_at)
            && updated.holds(deploy.updated_at)
            && finished.holds_maybe(deploy.finished_at)
    });
    let items = wanted.map(|deploy| (deploy.created_at, deploy.id.as_str(), deploy));
    Ok(Answer::ok(page.cut("deploy", items, wire::deploy)))
}

/// `GET /services/{serviceId}/deploys/{deployId}`.
pub(super) fn get(
    world: &World,
    reach: &Reach,
    service: &str,
    deploy: &str,
) -> Result<Answer, Refusal> {
    let service = services::find(world, reach, service)?;
    world
        .shown_deploys_of(&service.id)
        .find(|own| own.id == deploy)
        .map(|deploy| Answer::ok(wire::deploy(deploy)))
        .ok_or_else(|| not_found("deploy", deploy))
}

/// `POST /services/{serviceId}/deploys/{deployId}/cancel`.
pub(super) fn cancel(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let [service, deploy] = asked.call.variables;
    let service = services::find(world, &asked.reach, service)?;
    let found = world
        .deploys_of(&service.id)
        .find(|own| own.id == deploy)
        .ok_or_else(|| not_found("deploy", deploy))?;
    if service.r#type == ServiceType::CronJob {
        return Err(invalid("deploys of cron jobs cannot be canceled"));
    }
    if found.status.is_ended() {
        return Err(invalid(format!("deploy {deploy} has ended")));
    }
    let canceled = world.cancel_deploy(deploy, asked.now)?;
    Ok(Answer::ok(wire::deploy(&canceled)))
}

fn status(name: &str) -> Result<DeployStatus, Refusal> {
    DeployStatus::deserialize(StrDeserializer::<serde::de::value::Error>::new(name))
        .map_err(|_| invalid(format!("status {name:?} is no deploy status")))
}
