//! `/services`: what runs in the workspaces that a key reaches.

use serde_json::json;

use super::not_found;
use crate::simulator::{
    answer::{Answer, Refusal},
    keys::Reach,
    model::Service,
    paging::Page,
    query::{Query, invalid},
    wire,
    world::World,
};

/// `GET /services`.
pub(super) fn list(world: &World, reach: &Reach, query: &Query) -> Result<Answer, Refusal> {
    let page = Page::of(query)?;
    let filter = Filter {
        names: query.joined("name")?,
        types: query.joined("type")?,
        owners: query.joined("ownerId")?,
        regions: query.joined("region")?,
        runtimes: query.joined("env")?,
        suspended: query.joined("suspended")?,
        environments: query.joined("environmentId")?,
    };
    let (created, updated) = (query.between("created")?, query.between("updated")?);
    let wanted = world.services.iter().filter(|service| {
        reach.covers(&service.owner_id)
            && filter.admits(service)
            && created.holds(service.created_at)
            && updated.holds(service.updated_at)
    });
    let items = wanted.map(|service| (service.created_at, service.id.as_str(), service));
    Ok(Answer::ok(page.cut("service", items, wire::service)))
}

/// `GET /services/{serviceId}`.
pub(super) fn get(world: &World, reach: &Reach, service: &str) -> Result<Answer, Refusal> {
    find(world, reach, service).map(|service| Answer::ok(wire::service(service)))
}

/// `GET /services/{serviceId}/instances`.
pub(super) fn instances(world: &World, reach: &Reach, service: &str) -> Result<Answer, Refusal> {
    let service = find(world, reach, service)?;
    let instances = world
        .shown_serving(service)
        .map_or_else(|| json!([]), |live| wire::instances(service, live));
    Ok(Answer::ok(instances))
}

/// The service, if the key reaches it. One out of reach is as if it were not there.
pub(super) fn find<'world>(
    world: &'world World,
    reach: &Reach,
    wanted: &str,
) -> Result<&'world Service, Refusal> {
    world
        .services
        .iter()
        .find(|service| service.id == wanted && reach.covers(&service.owner_id))
        .ok_or_else(|| not_found("service", wanted))
}

/// The same for what a suspended service does not do.
pub(super) fn find_active<'world>(
    world: &'world World,
    reach: &Reach,
    wanted: &str,
) -> Result<&'world Service, Refusal> {
    let service = find(world, reach, wanted)?;
    active(service).map(|()| service)
}

/// Refuses what a suspended service does not do.
pub(super) fn active(service: &Service) -> Result<(), Refusal> {
    if service.suspenders.is_empty() {
        Ok(())
    } else {
        Err(invalid("the service is suspended"))
    }
}

/// What a service has to be; an empty list admits all.
#[derive(Debug)]
struct Filter<'query> {
    names: Vec<&'query str>,
    types: Vec<&'query str>,
    owners: Vec<&'query str>,
    regions: Vec<&'query str>,
    runtimes: Vec<&'query str>,
    suspended: Vec<&'query str>,
    environments: Vec<&'query str>,
}

impl Filter<'_> {
    fn admits(&self, service: &Service) -> bool {
        let r#type = json!(service.r#type);
        let own = [
            (&self.names, service.name.as_str()),
            (&self.types, r#type.as_str().unwrap_or_default()),
            (&self.owners, service.owner_id.as_str()),
            (&self.regions, service.region.as_str()),
            (&self.runtimes, service.runtime.as_str()),
            (&self.suspended, wire::suspended(service)),
            // No simulated service belongs to an environment.
            (&self.environments, ""),
        ];
        own.iter()
            .all(|(admitted, own)| admitted.is_empty() || admitted.contains(own))
    }
}
