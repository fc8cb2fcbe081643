//! `/owners`: the workspaces that a key reaches.

use super::not_found;
use crate::simulator::{
    answer::{Answer, Refusal},
    keys::Reach,
    paging::Page,
    query::Query,
    wire,
    world::World,
};

/// `GET /owners`.
pub(super) fn list(world: &World, reach: &Reach, query: &Query) -> Result<Answer, Refusal> {
    let page = Page::of(query)?;
    let (names, emails) = (query.repeated("name"), query.repeated("email"));
    let reached = world.workspaces.iter().filter(|workspace| {
        reach.covers(&workspace.id)
            && (names.is_empty() || names.contains(&workspace.name))
            && (emails.is_empty() || emails.contains(&workspace.email))
    });
    let items = reached.map(|workspace| (workspace.created_at, workspace.id.as_str(), workspace));
    Ok(Answer::ok(page.cut("owner", items, wire::owner)))
}

/// `GET /owners/{ownerId}`. A workspace out of reach is as if it were not there.
pub(super) fn get(world: &World, reach: &Reach, owner: &str) -> Result<Answer, Refusal> {
    world
        .workspaces
        .iter()
        .find(|workspace| workspace.id == owner && reach.covers(&workspace.id))
        .map(|workspace| Answer::ok(wire::owner(workspace)))
        .ok_or_else(|| not_found("workspace", owner))
}
