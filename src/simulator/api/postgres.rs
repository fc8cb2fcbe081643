//! `/postgres`: the databases of the workspaces that a key reaches.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Asked, not_found};
use crate::simulator::{
    answer::{Answer, Refusal},
    databases::{Database, DatabaseStatus, Recovery, RecoveryStatus},
    identity,
    keys::Reach,
    operations::slug,
    paging::Page,
    query::invalid,
    wire,
    world::World,
};

/// `GET /postgres`. There are no replicas, whether the call wants them or not.
pub(super) fn list(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let query = &asked.query;
    let page = Page::of(query)?;
    let (names, regions) = (query.joined("name")?, query.joined("region")?);
    let (owners, suspended) = (query.joined("ownerId")?, query.joined("suspended")?);
    let environments = query.joined("environmentId")?;
    let (created, updated) = (query.between("created")?, query.between("updated")?);
    let admits = |admitted: &[&str], own: &str| admitted.is_empty() || admitted.contains(&own);
    let wanted = world.databases.iter().filter(|database| {
        asked.reach.covers(&database.owner_id)
            && admits(&names, &database.name)
            && admits(&regions, &database.region)
            && admits(&owners, &database.owner_id)
            && admits(&suspended, word(database))
            && environments.is_empty()
            && created.holds(database.created_at)
            && updated.holds(database.updated_at)
    });
    let items = wanted.map(|database| (database.created_at, database.id.as_str(), database));
    Ok(Answer::ok(page.cut("postgres", items, |database| {
        written(world, database)
    })))
}

/// `GET /postgres/{postgresId}`.
pub(super) fn get(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let database = find(world, &asked.reach, asked.call.variables[0])?;
    Ok(Answer::ok(detailed(world, database)))
}

/// `GET /postgres/{postgresId}/connection-info`.
pub(super) fn connection(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let database = find(world, &asked.reach, asked.call.variables[0])?;
    let password = &identity::hexadecimal(&format!("password of {}", database.id))[..32];
    let (name, user) = names(database);
    let invented =
        |host: String| format!("postgresql://{user}:{password}@{host}.simulated.invalid/{name}");
    let external = database
        .connection
        .clone()
        .unwrap_or_else(|| invented(format!("{}.{}", database.id, database.region)));
    let internal = database
        .connection
        .clone()
        .unwrap_or_else(|| invented(database.id.clone()));
    Ok(Answer::ok(json!({
        "password": password,
        "internalConnectionString": internal,
        "externalConnectionString": external,
        "psqlCommand": format!("psql {external}"),
    })))
}

/// `GET /postgres/{postgresId}/recovery`.
pub(super) fn recovery(world: &World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let database = find(world, &asked.reach, asked.call.variables[0])?;
    let mut body = json!({ "recoveryStatus": database.recovery });
    if database.recovery == RecoveryStatus::Available {
        body["startsAt"] = json!(database.recoverable_since(asked.now));
    }
    Ok(Answer::ok(body))
}

/// The body of a recovery. What is about other services than Render's is read and left alone.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    restore_time: Timestamp,
    restore_name: Option<String>,
    plan: Option<String>,
    environment_id: Option<String>,
    #[serde(rename = "datadogApiKey")]
    _datadog_api_key: Option<String>,
    #[serde(rename = "datadogSite")]
    _datadog_site: Option<String>,
}

/// `POST /postgres/{postgresId}/recovery`. The answer is the new database.
pub(super) fn recover(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let source = find(world, &asked.reach, asked.call.variables[0])?.clone();
    let wanted: Wanted = asked.body.parse()?;
    if wanted.environment_id.is_some() {
        return Err(invalid("there is no environment of this identifier"));
    }
    let recovery = Recovery {
        to: wanted.restore_time,
        name: wanted.restore_name,
        plan: wanted.plan,
    };
    if let Some(refusal) = source.refusal(&recovery, asked.now) {
        return Err(invalid(refusal));
    }
    let database = world.recover(&source, &recovery, asked.now)?;
    Ok(Answer::ok(detailed(world, &database)))
}

/// The database, if the key reaches it. One out of reach is as if it were not there.
fn find<'world>(
    world: &'world World,
    reach: &Reach,
    wanted: &str,
) -> Result<&'world Database, Refusal> {
    let mut databases = world.databases.iter();
    databases
        .find(|database| database.id == wanted && reach.covers(&database.owner_id))
        .ok_or_else(|| not_found("postgres", wanted))
}

/// A `postgres`.
fn written(world: &World, database: &Database) -> Value {
    let mut workspaces = world.workspaces.iter();
    let owner = workspaces.find(|workspace| workspace.id == database.owner_id);
    let (name, user) = names(database);
    json!({
        "id": database.id,
        "createdAt": database.created_at,
        "dashboardUrl": format!("https://dashboard.render.com/d/{}", database.id),
        "databaseName": name,
        "databaseUser": user,
        "diskAutoscalingEnabled": false,
        "diskSizeGB": 15,
        "highAvailabilityEnabled": false,
        "ipAllowList": null,
        "name": database.name,
        "owner": owner.map(wire::owner),
        "plan": database.plan,
        "readReplicas": [],
        "region": database.region,
        "role": "primary",
        "status": database.status,
        "suspended": word(database),
        "suspenders": if database.status == DatabaseStatus::Suspended { json!(["user"]) } else { json!([]) },
        "updatedAt": database.updated_at,
        "version": database.version,
    })
}

/// A `postgresDetail`. Its `project` is required and described nowhere; it is left out.
fn detailed(world: &World, database: &Database) -> Value {
    let mut written = written(world, database);
    if let Some(run) = world.pending_maintenance(&database.id) {
        written["maintenance"] = super::maintenance::of_resource(run);
    }
    written
}

/// The names of the database within the server, and of its user.
fn names(database: &Database) -> (String, String) {
    let name = slug(&database.name).replace('-', "_");
    let user = format!("{name}_user");
    (name, user)
}

/// The word for a database's suspension.
fn word(database: &Database) -> &'static str {
    if database.status == DatabaseStatus::Suspended {
        "suspended"
    } else {
        "not_suspended"
    }
}
