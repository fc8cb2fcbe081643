//! `/maintenance`: what the platform does to services and databases.

use serde::{Deserialize, de::value::StrDeserializer};
use serde_json::{Value, json};

use super::Asked;
use crate::simulator::{
    answer::{Answer, Refusal},
    maintenance::{MaintenanceRun, MaintenanceState},
    query::invalid,
    world::World,
};

/// `GET /maintenance`. The list has no pages.
pub(super) fn list(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let resources = asked.query.joined("resourceId")?;
    let owners = asked.query.joined("ownerId")?;
    let states = asked.query.repeated("state").iter();
    let states = states
        .map(|name| state(name))
        .collect::<Result<Vec<_>, _>>()?;
    let wanted = world.maintenance.iter().rev().filter(|run| {
        let owner = world.resource(&run.resource_id).map(|(_, owner)| owner);
        let reached = owner.is_ok_and(|owner| {
            asked.reach.covers(&owner) && (owners.is_empty() || owners.contains(&owner.as_str()))
        });
        reached
            && (resources.is_empty() || resources.contains(&run.resource_id.as_str()))
            && (states.is_empty() || states.contains(&run.state))
    });
    Ok(Answer::ok(wanted.map(written).collect()))
}

/// A run as its resource shows it.
pub(super) fn of_resource(run: &MaintenanceRun) -> Value {
    json!({
        "id": run.id,
        "type": run.r#type,
        "scheduledAt": run.scheduled_at,
        "state": run.state,
    })
}

fn written(run: &MaintenanceRun) -> Value {
    let mut written = of_resource(run);
    written["resourceId"] = json!(run.resource_id);
    written
}

fn state(name: &str) -> Result<MaintenanceState, Refusal> {
    MaintenanceState::deserialize(StrDeserializer::<serde::de::value::Error>::new(name))
        .map_err(|_| invalid(format!("state {name:?} is none of a maintenance run")))
}
