//! `/services/{serviceId}/env-vars`: the environment variables that are stored for a service. None of these deploys.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, not_found, services};
use crate::simulator::{
    answer::{Answer, Refusal},
    environment::Variable,
    paging::Page,
    query::{Query, invalid},
    world::World,
};

/// A value, or the wish for one that the platform invents.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Given {
    value: Option<String>,
    generate_value: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GivenWithKey {
    key: String,
    value: Option<String>,
    generate_value: Option<bool>,
}

/// `GET /services/{serviceId}/env-vars`.
pub(super) fn list(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let service = services::find(world, &asked.reach, asked.call.variables[0])?;
    let page = Page::of(&asked.query)?;
    Ok(Answer::ok(paged(world, &service.id, &page)))
}

/// `GET /services/{serviceId}/env-vars/{envVarKey}`.
pub(super) fn get(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let [service, key] = asked.call.variables;
    let service = services::find(world, &asked.reach, service)?;
    let mut stored = world.variables_of(&service.id).iter();
    stored
        .find(|variable| variable.key == key)
        .map(|variable| Answer::ok(written(variable)))
        .ok_or_else(|| not_found("environment variable", key))
}

/// `PUT /services/{serviceId}/env-vars/{envVarKey}`.
pub(super) fn put(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let [service, key] = asked.call.variables;
    let id = services::find(world, &asked.reach, service)?.id.clone();
    let Given {
        value,
        generate_value,
    } = asked.body.parse()?;
    let value = value_of(world, value, generate_value)?;
    let variable = world.set_variable(&id, (key.to_owned(), value), asked.now)?;
    Ok(Answer::ok(written(&variable)))
}

/// `PUT /services/{serviceId}/env-vars`. What the body does not name is gone.
pub(super) fn replace(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let id = services::find(world, &asked.reach, asked.call.variables[0])?
        .id
        .clone();
    let given: Vec<GivenWithKey> = asked.body.parse_list()?;
    let mut variables = Vec::with_capacity(given.len());
    for GivenWithKey {
        key,
        value,
        generate_value,
    } in given
    {
        variables.push((key, value_of(world, value, generate_value)?));
    }
    world.replace_variables(&id, variables, asked.now)?;
    let page = Page::of(&Query::parse("limit=100"))?;
    Ok(Answer::ok(paged(world, &id, &page)))
}

/// `DELETE /services/{serviceId}/env-vars/{envVarKey}`.
pub(super) fn delete(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let [service, key] = asked.call.variables;
    let id = services::find(world, &asked.reach, service)?.id.clone();
    if world.remove_variable(&id, key, asked.now) {
        Ok(Answer::empty(StatusCode::NO_CONTENT))
    } else {
        Err(not_found("environment variable", key))
    }
}

fn paged(world: &World, service: &str, page: &Page) -> Value {
    let stored = world.variables_of(service).iter();
    let items = stored.map(|variable| (variable.created_at, variable.key.as_str(), variable));
    page.cut("envVar", items, written)
}

fn value_of(
    world: &mut World,
    value: Option<String>,
    generate: Option<bool>,
) -> Result<String, Refusal> {
    match (value, generate) {
        (Some(value), None) => Ok(value),
        (None, Some(true)) => Ok(world.generated_value()),
        _ => Err(invalid("either value or generateValue is required")),
    }
}

fn written(variable: &Variable) -> Value {
    json!({"key": variable.key, "value": variable.value})
}
