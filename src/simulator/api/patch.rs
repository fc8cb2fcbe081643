//! `PATCH /services/{serviceId}`: a service's settings.

use serde::Deserialize;
use serde_json::json;

use super::{Asked, incoming::object, services};
use crate::simulator::{
    answer::{Answer, Refusal},
    control::ControlError,
    model::{FREE, MaintenanceMode, Service, ServiceType},
    query::invalid,
    wire,
    world::World,
};

/// The body. Described properties that are not here are not simulated, and refused like unknown ones.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ServicePatch {
    auto_deploy: Option<AutoDeploy>,
    repo: Option<String>,
    branch: Option<String>,
    #[serde(default, deserialize_with = "object")]
    image: Option<Image>,
    name: Option<String>,
    root_dir: Option<String>,
    #[serde(default, deserialize_with = "object")]
    service_details: Option<Details>,
}

/// A word; a boolean is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum AutoDeploy {
    Yes,
    No,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Image {
    owner_id: String,
    image_path: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Details {
    health_check_path: Option<String>,
    #[serde(default, deserialize_with = "object")]
    maintenance_mode: Option<MaintenanceMode>,
}

/// `PATCH /services/{serviceId}`. Nothing is deployed.
pub(super) fn patch(world: &mut World, asked: &Asked<'_>) -> Result<Answer, Refusal> {
    let former = services::find(world, &asked.reach, asked.call.variables[0])?.clone();
    let patch: ServicePatch = asked.body.parse()?;
    if let Some(name) = &patch.name {
        let other = world.service_at(name).map(|index| &world.services[index]);
        if other.is_ok_and(|other| other.id != former.id) {
            return Err(ControlError::NameTaken(name.clone()).into());
        }
    }
    let service = patched(&former, patch)?;
    let service = world.replace_service("patch service", service, asked.now)?;
    tell_of_maintenance(world, &former, &service, asked);
    Ok(Answer::ok(wire::service(&service)))
}

/// The service with what the body sets.
fn patched(former: &Service, patch: ServicePatch) -> Result<Service, Refusal> {
    let ServicePatch {
        auto_deploy,
        repo,
        branch,
        image,
        name,
        root_dir,
        service_details,
    } = patch;
    let mut service = former.clone();
    if let Some(auto_deploy) = auto_deploy {
        service.auto_deploy = auto_deploy == AutoDeploy::Yes;
    }
    if let Some(name) = name {
        service.name = given("name", name)?;
    }
    let of_repository = [
        (repo, &mut service.repo, "repo"),
        (branch, &mut service.branch, "branch"),
    ];
    for (new, own, what) in of_repository {
        if let Some(new) = new {
            if own.is_none() {
                return Err(invalid(format!("an image has no {what}")));
            }
            *own = Some(given(what, new)?);
        }
    }
    if service.branch != former.branch || service.repo != former.repo {
        // Nothing is known of what was pushed there.
        service.head = None;
    }
    if let Some(root_dir) = root_dir {
        service.root_dir = root_dir;
    }
    if let Some(Image {
        owner_id,
        image_path,
    }) = image
    {
        if service.image.is_none() {
            return Err(invalid("the service is built, and runs no image"));
        }
        if owner_id != service.owner_id {
            return Err(invalid("image.ownerId is not the service's owner"));
        }
        service.image = Some(given("image.imagePath", image_path)?);
    }
    if let Some(details) = service_details {
        set_details(&mut service, details)?;
    }
    Ok(service)
}

fn set_details(service: &mut Service, details: Details) -> Result<(), Refusal> {
    let Details {
        health_check_path,
        maintenance_mode,
    } = details;
    let of_web = health_check_path.is_some() || maintenance_mode.is_some();
    if of_web && service.r#type != ServiceType::WebService {
        return Err(invalid("only web services have these details"));
    }
    if let Some(path) = health_check_path {
        service.health_check_path = path;
    }
    if maintenance_mode.as_ref().is_some_and(|mode| mode.enabled) && service.plan == FREE {
        return Err(invalid("maintenance mode is not for the free plan"));
    }
    if maintenance_mode.is_some() {
        service.maintenance_mode = maintenance_mode;
    }
    Ok(())
}

fn given(what: &str, value: String) -> Result<String, Refusal> {
    if value.is_empty() {
        return Err(invalid(format!("{what} is empty")));
    }
    Ok(value)
}

fn tell_of_maintenance(world: &mut World, former: &Service, current: &Service, asked: &Asked<'_>) {
    let of = |service: &Service| {
        let mode = service.maintenance_mode.clone();
        mode.map_or((false, String::new()), |mode| (mode.enabled, mode.uri))
    };
    let ((was, from), (is, to)) = (of(former), of(current));
    if was != is {
        let details = json!({ "enabled": is });
        world.tell(&current.id, "maintenance_mode_enabled", details, asked.now);
    }
    if from != to {
        let details = json!({"fromURI": from, "toURI": to});
        let name = "maintenance_mode_uri_updated";
        world.tell(&current.id, name, details, asked.now);
    }
}
