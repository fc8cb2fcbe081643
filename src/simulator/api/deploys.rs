//! `/services/{serviceId}/deploys`: the rollouts of a service.

use serde::{Deserialize, de::value::StrDeserializer};
use serde_json::Value;

use super::{not_found, services};
use crate::simulator::{
    answer::Refusal,
    keys::Reach,
    model::DeployStatus,
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
) -> Result<Value, Refusal> {
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
    let wanted = world.deploys_of(&service.id).filter(|deploy| {
        (statuses.is_empty() || statuses.contains(&deploy.status))
            && created.holds(deploy.created_at)
            && updated.holds(deploy.updated_at)
            && finished.holds_maybe(deploy.finished_at)
    });
    let items = wanted.map(|deploy| (deploy.created_at, deploy.id.as_str(), deploy));
    Ok(page.cut("deploy", items, wire::deploy))
}

/// `GET /services/{serviceId}/deploys/{deployId}`.
pub(super) fn get(
    world: &World,
    reach: &Reach,
    service: &str,
    deploy: &str,
) -> Result<Value, Refusal> {
    let service = services::find(world, reach, service)?;
    world
        .deploys_of(&service.id)
        .find(|own| own.id == deploy)
        .map(wire::deploy)
        .ok_or_else(|| not_found("deploy", deploy))
}

fn status(name: &str) -> Result<DeployStatus, Refusal> {
    DeployStatus::deserialize(StrDeserializer::<serde::de::value::Error>::new(name))
        .map_err(|_| invalid(format!("status {name:?} is no deploy status")))
}
