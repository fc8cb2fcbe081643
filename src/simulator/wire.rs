//! Render's objects as Render writes them.

use serde_json::{Value, json};

use super::{
    identity,
    model::{Deploy, Event, Service, ServiceType, Workspace},
    operations::slug,
};

/// An `owner`.
pub(super) fn owner(workspace: &Workspace) -> Value {
    json!({
        "id": workspace.id,
        "name": workspace.name,
        "email": workspace.email,
        "type": "team",
    })
}

/// A `service`.
pub(super) fn service(service: &Service) -> Value {
    let mut written = json!({
        "id": service.id,
        "autoDeploy": if service.auto_deploy { "yes" } else { "no" },
        // Left out of the description, and in every recorded answer.
        "autoDeployTrigger": if service.auto_deploy { "commit" } else { "off" },
        "createdAt": service.created_at,
        "dashboardUrl": format!("https://dashboard.render.com/{}/{}", short(service.r#type), service.id),
        "name": service.name,
        "notifyOnFail": "default",
        "ownerId": service.owner_id,
        "rootDir": service.root_dir,
        "serviceDetails": details(service),
        "slug": slug(&service.name),
        "suspended": suspended(service),
        "suspenders": service.suspenders,
        "type": service.r#type,
        "updatedAt": service.updated_at,
    });
    let optional = [
        ("branch", &service.branch),
        ("repo", &service.repo),
        ("imagePath", &service.image),
    ];
    for (name, value) in optional {
        if let Some(value) = value {
            written[name] = json!(value);
        }
    }
    written
}

/// The word for a service's suspension.
pub(super) fn suspended(service: &Service) -> &'static str {
    if service.suspenders.is_empty() {
        "not_suspended"
    } else {
        "suspended"
    }
}

/// A `deploy`. The commit of an image and the end of what has not ended are null, against the description.
pub(super) fn deploy(deploy: &Deploy) -> Value {
    let mut written = json!({
        "id": deploy.id,
        "commit": deploy.commit,
        "status": deploy.status,
        "trigger": deploy.trigger,
        "createdAt": deploy.created_at,
        "updatedAt": deploy.updated_at,
        "finishedAt": deploy.finished_at,
    });
    if let Some(image) = &deploy.image {
        written["image"] = json!(image);
    }
    if let Some(started_at) = deploy.started_at {
        written["startedAt"] = json!(started_at);
    }
    written
}

/// An `event`.
pub(super) fn event(event: &Event) -> Value {
    json!({
        "id": event.id,
        "serviceId": event.service_id,
        "timestamp": event.timestamp,
        "type": event.r#type,
        "details": event.details,
    })
}

/// The instances of a deploy that serves.
pub(super) fn instances(service: &Service, live: &Deploy) -> Value {
    let deployed = live.finished_at.unwrap_or(live.created_at);
    let restarted = service.restarted_at.filter(|at| *at >= deployed);
    let run = restarted.map_or_else(|| live.id.clone(), |at| format!("{} {at}", live.id));
    (0..live.instances)
        .map(|ordinal| {
            json!({
                "id": identity::instance(&service.id, &run, ordinal),
                "createdAt": restarted.unwrap_or(deployed),
            })
        })
        .collect()
}

fn details(service: &Service) -> Value {
    let host = format!("https://{}.onrender.com", slug(&service.name));
    let mut details = match service.r#type {
        ServiceType::StaticSite => {
            return json!({
                "buildCommand": "npm run build",
                "buildPlan": "starter",
                "ipAllowList": null,
                "publishPath": "dist",
                "url": host,
            });
        }
        ServiceType::CronJob => json!({"schedule": "0 * * * *"}),
        ServiceType::BackgroundWorker => json!({}),
        ServiceType::PrivateService => json!({
            "openPorts": [{"port": 10000, "protocol": "TCP"}],
            "url": format!("{}:10000", slug(&service.name)),
        }),
        ServiceType::WebService => json!({
            "healthCheckPath": service.health_check_path,
            "ipAllowList": null,
            "openPorts": [{"port": 10000, "protocol": "TCP"}],
            "url": host,
        }),
    };
    if let Some(mode) = &service.maintenance_mode {
        details["maintenanceMode"] = json!(mode);
    }
    if service.r#type != ServiceType::CronJob {
        details["numInstances"] = json!(service.instances);
    }
    details["buildPlan"] = json!("starter");
    details["env"] = json!(service.runtime);
    details["runtime"] = json!(service.runtime);
    details["region"] = json!(service.region);
    details["plan"] = json!(service.plan);
    if let Some(disk) = &service.disk {
        details["disk"] = json!(disk);
    }
    details["envSpecificDetails"] = if service.image.is_some() {
        json!({"dockerCommand": "", "dockerContext": "", "dockerfilePath": ""})
    } else {
        json!({"buildCommand": "npm ci", "startCommand": "npm start"})
    };
    details
}

/// How the dashboard's addresses name the type.
fn short(r#type: ServiceType) -> &'static str {
    match r#type {
        ServiceType::StaticSite => "static",
        ServiceType::WebService => "web",
        ServiceType::PrivateService => "pserv",
        ServiceType::BackgroundWorker => "worker",
        ServiceType::CronJob => "cron",
    }
}
