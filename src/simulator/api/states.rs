//! `/services/{serviceId}/suspend`, `resume`, `restart` and `scale`: what a service is told to be.

use http::StatusCode;
use serde::Deserialize;

use super::{Asked, services};
use crate::simulator::{
    answer::{Answer, Refusal},
    model::{FREE, ServiceType, Suspender},
    query::invalid,
    world::World,
};

/// The most instances of a service.
const MAXIMUM_INSTANCES: u32 = 100;

/// `POST /services/{serviceId}/suspend`.
pub(super) fn suspend(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let id = services::find(world, &asked.reach, asked.call.variables[0])?
        .id
        .clone();
    world.suspend(&id, Suspender::User, asked.now)?;
    Ok(Answer::empty(StatusCode::ACCEPTED))
}

/// `POST /services/{serviceId}/resume`. Only the suspension by a person is undone.
pub(super) fn resume(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let service = services::find(world, &asked.reach, asked.call.variables[0])?;
    if !service.suspenders.is_empty() && !service.suspenders.contains(&Suspender::User) {
        return Err(invalid("the service was not suspended by a user"));
    }
    let id = service.id.clone();
    world.resume_by_user(&id, asked.now)?;
    Ok(Answer::empty(StatusCode::ACCEPTED))
}

/// `POST /services/{serviceId}/restart`.
pub(super) fn restart(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let service = services::find_active(world, &asked.reach, asked.call.variables[0])?;
    if service.r#type == ServiceType::CronJob {
        return Err(invalid("a cron job cannot be restarted"));
    }
    let id = service.id.clone();
    world.restart(&id, asked.now)?;
    Ok(Answer::empty(StatusCode::OK))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Scale {
    num_instances: u32,
}

/// `POST /services/{serviceId}/scale`.
pub(super) fn scale(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let service = services::find(world, &asked.reach, asked.call.variables[0])?;
    let Scale { num_instances } = asked.body.parse()?;
    if matches!(
        service.r#type,
        ServiceType::CronJob | ServiceType::StaticSite
    ) {
        return Err(invalid("this type of service has no instances to scale"));
    }
    if !(1..=MAXIMUM_INSTANCES).contains(&num_instances) {
        return Err(invalid("numInstances is not between 1 and 100"));
    }
    if num_instances > 1 && (service.disk.is_some() || service.plan == FREE) {
        return Err(invalid(
            "one instance only, with a disk or on the free plan",
        ));
    }
    let id = service.id.clone();
    world.scale(&id, num_instances, asked.now)?;
    Ok(Answer::empty(StatusCode::ACCEPTED))
}
