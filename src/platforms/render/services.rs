//! Which service a name stands for, and whose it is.

use tokio::time::Instant;

use super::{
    client::{Call, Client, Route},
    is_identifier, text, wire,
    wire::ServiceItem,
};
use crate::platforms::{MalformedReply, PlatformError, Service, ServiceReference};

/// The most that a page may hold.
const PAGE_LENGTH: usize = 100;

/// The service that a reference stands for. An id wins over a name.
pub(super) async fn find(
    client: &Client,
    reference: &ServiceReference,
) -> Result<Service, PlatformError> {
    let deadline = client.deadline();
    if is_service_id(&reference.name) {
        match by_id(client, reference, deadline).await {
            // A service may be named as if it were an id.
            Err(PlatformError::ServiceNotFound(_)) => {}
            found => return found,
        }
    }
    by_name(client, reference, deadline).await
}

/// Whether it may be the id of a service, or of a cron job.
fn is_service_id(name: &str) -> bool {
    is_identifier(name) && (name.starts_with("srv-") || name.starts_with("crn-"))
}

async fn by_id(
    client: &Client,
    reference: &ServiceReference,
    deadline: Instant,
) -> Result<Service, PlatformError> {
    let call = Call {
        route: Route::GetService,
        path: &["services", &reference.name],
        query: &[],
        service: &reference.name,
    };
    let service: wire::Service = client.get(&call, deadline).await?;
    if service.id != reference.name {
        return Err(call.malformed(MalformedReply::Identifier));
    }
    permitted(&call, reference, &service)?;
    accepted(&call, service)
}

async fn by_name(
    client: &Client,
    reference: &ServiceReference,
    deadline: Instant,
) -> Result<Service, PlatformError> {
    let mut query = vec![("name", reference.name.as_str())];
    query.extend(
        reference
            .workspace
            .iter()
            .map(|id| ("ownerId", id.as_str())),
    );
    let call = Call {
        route: Route::ListServices,
        path: &["services"],
        query: &query,
        service: &reference.name,
    };
    let items: Vec<ServiceItem> = client.list(&call, PAGE_LENGTH, deadline).await?;
    let service = only_named(&call, &reference.name, items)?;
    permitted(&call, reference, &service)?;
    accepted(&call, service)
}

/// The one service with exactly this name: what the filter lets through may only resemble it.
fn only_named(
    call: &Call<'_>,
    name: &str,
    items: Vec<ServiceItem>,
) -> Result<wire::Service, PlatformError> {
    let mut found: Option<wire::Service> = None;
    for item in items {
        let missing = || call.malformed(MalformedReply::Missing("a service"));
        let service = item.service.ok_or_else(missing)?;
        if service.name.as_deref() != Some(name) {
            continue;
        }
        match &found {
            Some(other) if other.id != service.id => {
                return Err(PlatformError::ServiceAmbiguous(call.attempt()));
            }
            _ => found = Some(service),
        }
    }
    found.ok_or_else(|| PlatformError::ServiceNotFound(call.attempt()))
}

/// A key reaches every workspace of the person it belongs to, so the owner is compared here and not left to Render.
fn permitted(
    call: &Call<'_>,
    reference: &ServiceReference,
    service: &wire::Service,
) -> Result<(), PlatformError> {
    let Some(workspace) = &reference.workspace else {
        return Ok(());
    };
    match &service.owner_id {
        Some(owner) if owner == workspace => Ok(()),
        Some(_) => Err(PlatformError::WrongWorkspace(call.attempt())),
        None => Err(call.malformed(MalformedReply::Missing("the owner of the service"))),
    }
}

fn accepted(call: &Call<'_>, service: wire::Service) -> Result<Service, PlatformError> {
    if !is_identifier(&service.id) {
        return Err(call.malformed(MalformedReply::Identifier));
    }
    let name = service.name.filter(|name| !text::may_hold_a_key(name));
    let label = match name {
        Some(name) => format!("{name} ({})", service.id),
        None => service.id.clone(),
    };
    Ok(Service {
        id: service.id,
        label,
        workspace: service.owner_id.filter(|owner| is_identifier(owner)),
    })
}
