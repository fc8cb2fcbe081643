//! What a service wrote.

use jiff::Timestamp;

use super::{
    client::{Call, Client, Route},
    wire::Lines,
};
use crate::platforms::{LineQuery, LinesRead, MalformedReply, PlatformError, Service};

/// The most lines that a page may hold.
const PAGE_LENGTH: &str = "100";

/// The lines of the application itself, newest first, page by page: not those of builds and of Render's own.
const KIND: &str = "app";

/// What a service wrote within a time, newest first.
pub(super) async fn read(
    client: &Client,
    service: &Service,
    query: &LineQuery,
) -> Result<LinesRead, PlatformError> {
    let deadline = client.deadline();
    let missing = |what| call(service, &[]).malformed(MalformedReply::Missing(what));
    let owner = service.workspace.as_deref();
    let owner = owner.ok_or_else(|| missing("the owner of the service"))?;
    let (mut starts, mut ends) = (query.since.to_string(), query.until.to_string());
    // Between slashes it is a regular expression.
    let pattern = query.pattern.as_ref().map(|pattern| format!("/{pattern}/"));
    let mut read = LinesRead::default();
    for _ in 0..query.most_pages {
        let mut filters = vec![
            ("ownerId", owner),
            ("resource", service.id.as_str()),
            ("type", KIND),
            ("direction", "backward"),
            ("limit", PAGE_LENGTH),
            ("startTime", &starts),
            ("endTime", &ends),
        ];
        filters.extend(pattern.iter().map(|pattern| ("text", pattern.as_str())));
        let call = call(service, &filters);
        let page: Lines = client.get(&call, deadline).await?;
        let has_more = page
            .has_more
            .ok_or_else(|| missing("whether there are more lines"))?;
        let lines = page.logs.unwrap_or_default();
        let within =
            |at: Option<Timestamp>| at.is_none_or(|at| (query.since..=query.until).contains(&at));
        let lines = lines.into_iter().filter(|line| within(line.timestamp));
        read.lines.extend(lines.filter_map(|line| line.message));
        read.is_whole = !has_more;
        if read.is_whole {
            break;
        }
        let next = (page.next_start_time, page.next_end_time);
        let (Some(next_start), Some(next_end)) = next else {
            return Err(missing("where the lines go on"));
        };
        (starts, ends) = (next_start.to_string(), next_end.to_string());
    }
    Ok(read)
}

fn call<'a>(service: &'a Service, query: &'a [(&'a str, &'a str)]) -> Call<'a> {
    Call {
        route: Route::ListLogs,
        path: &["logs"],
        query,
        service: &service.label,
    }
}
