//! The rollouts of a service: the newest, and one by its id.

use std::{cmp::Reverse, collections::HashMap};

use jiff::Timestamp;

use super::{
    client::{Call, Client, Route},
    deploys, is_identifier,
    wire::{Deploy, DeployItem},
};
use crate::platforms::{Cause, MalformedReply, Phase, PlatformError, Rollout, Service};

/// The most that a page may hold, and the most that is given.
const MAX_ROLLOUTS: usize = 100;

/// The newest rollouts of a service, newest first; those without a time before all others, since they may be the newest.
///
/// Render does not promise the order of its list. A list that fits into what is read is sorted here. Of a longer one, what
/// was read holds the newest only if the list falls; else it is an error.
pub(super) async fn newest(
    client: &Client,
    service: &Service,
) -> Result<Vec<Rollout>, PlatformError> {
    let call = Call {
        route: Route::ListDeploys,
        path: &["services", &service.id, "deploys"],
        query: &[],
        service: &service.label,
    };
    let deadline = client.deadline();
    let items = client
        .list_until(&call, MAX_ROLLOUTS, deadline, is_newest_first)
        .await;
    let items = match items {
        Err(PlatformError::Malformed {
            source: MalformedReply::Endless(_),
            ..
        }) => return Err(call.malformed(MalformedReply::Unordered)),
        items => items?,
    };
    sorted(items).map_err(|reply| call.malformed(reply))
}

/// The rollout with this id, or none. A platform that created one a moment ago may not know it yet.
pub(super) async fn one(
    client: &Client,
    service: &Service,
    id: &str,
) -> Result<Option<Rollout>, PlatformError> {
    if !is_deploy_id(id) {
        return Ok(None);
    }
    let call = Call {
        route: Route::GetDeploy,
        path: &["services", &service.id, "deploys", id],
        query: &[],
        service: &service.label,
    };
    let deploy: Deploy = match client.get(&call, client.deadline()).await {
        Err(PlatformError::ServiceNotFound(_)) => return Ok(None),
        deploy => deploy?,
    };
    if deploy.id != id {
        return Err(call.malformed(MalformedReply::Identifier));
    }
    let rollout = rollout(deploy).map_err(|reply| call.malformed(reply))?;
    Ok(Some(rollout))
}

/// Whether it may be the id of a deploy.
pub(super) fn is_deploy_id(id: &str) -> bool {
    is_identifier(id) && id.starts_with("dep-")
}

/// A deploy in the words that all platforms share.
pub(super) fn rollout(deploy: Deploy) -> Result<Rollout, MalformedReply> {
    if !is_identifier(&deploy.id) {
        return Err(MalformedReply::Identifier);
    }
    Ok(Rollout {
        phase: deploy.status.unwrap_or(Phase::Unknown),
        cause: match deploy.trigger.as_deref() {
            Some("rollback") => Cause::Rollback,
            _ => Cause::Other,
        },
        version: deploys::version(&deploy),
        created_at: deploy.created_at,
        finished_at: deploy.finished_at,
        id: deploy.id,
    })
}

/// Whether what follows a list of whole pages is older than its newest ones: the list falls from item to item, or at least
/// from the first page to the last one. Only if all tell their time.
fn is_newest_first(items: &[DeployItem]) -> bool {
    let times: Option<Vec<Timestamp>> = items
        .iter()
        .map(|item| item.deploy.as_ref()?.created_at)
        .collect();
    times.is_some_and(|times| {
        let first_page = times.iter().take(MAX_ROLLOUTS);
        let last_page = times.iter().rev().take(MAX_ROLLOUTS);
        times.is_sorted_by_key(Reverse) || last_page.max() <= first_page.min()
    })
}

/// Each once, newest first. What is listed in two phases may be in either, or in neither any more.
fn sorted(items: Vec<DeployItem>) -> Result<Vec<Rollout>, MalformedReply> {
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut rollouts: Vec<Rollout> = Vec::new();
    for item in items {
        let deploy = item.deploy.ok_or(MalformedReply::Missing("a deploy"))?;
        let rollout = rollout(deploy)?;
        match places.get(&rollout.id) {
            Some(place) if rollouts[*place].phase == rollout.phase => {}
            Some(place) => rollouts[*place].phase = Phase::Unknown,
            None => {
                places.insert(rollout.id.clone(), rollouts.len());
                rollouts.push(rollout);
            }
        }
    }
    rollouts.sort_by_key(|rollout| rollout.created_at.map(Reverse));
    rollouts.truncate(MAX_ROLLOUTS);
    Ok(rollouts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platforms::render::wire::Page;

    fn items(json: &str) -> Vec<DeployItem> {
        serde_json::from_str::<Page<DeployItem>>(json).unwrap().0
    }

    fn item(id: usize, created: &str) -> String {
        format!(r#"{{"deploy": {{"id": "dep-{id}", "status": "live", "createdAt": "{created}"}}}}"#)
    }

    fn ids(json: &str) -> Vec<String> {
        let rollouts = sorted(items(json)).unwrap();
        rollouts.into_iter().map(|rollout| rollout.id).collect()
    }

    #[test]
    fn the_newest_come_first_whatever_the_order_and_before_them_what_has_no_time() {
        let json = format!(
            r#"[{}, {}, {{"deploy": {{"id": "dep-9", "createdAt": "soon"}}}}, {}]"#,
            item(1, "2026-03-01T12:00:00Z"),
            item(3, "2026-03-01T12:00:02Z"),
            item(2, "2026-03-01T12:00:01.5Z"),
        );
        assert_eq!(ids(&json), ["dep-9", "dep-3", "dep-2", "dep-1"]);
    }

    #[test]
    fn no_more_than_a_hundred_are_given_and_they_are_the_newest() {
        let list: Vec<String> = (0..150)
            .map(|id| item(id, &format!("2026-03-01T12:{:02}:{:02}Z", id / 60, id % 60)))
            .collect();
        let ids = ids(&format!("[{}]", list.join(",")));
        assert_eq!(ids.len(), MAX_ROLLOUTS);
        assert_eq!((ids[0].as_str(), ids[99].as_str()), ("dep-149", "dep-50"));
    }

    #[test]
    fn one_that_is_listed_twice_is_given_once_and_in_two_phases_is_in_neither() {
        let json = r#"[
            {"deploy": {"id": "dep-1", "status": "live"}},
            {"deploy": {"id": "dep-2", "status": "live"}},
            {"deploy": {"id": "dep-1", "status": "live"}},
            {"deploy": {"id": "dep-2", "status": "deactivated"}}
        ]"#;
        let rollouts = sorted(items(json)).unwrap();
        let phases: Vec<Phase> = rollouts.iter().map(|rollout| rollout.phase).collect();
        assert_eq!(phases, [Phase::Live, Phase::Unknown]);
    }

    #[test]
    fn only_a_list_whose_times_fall_is_trusted_beyond_what_was_read() {
        let list = |seconds: &mut dyn Iterator<Item = usize>| {
            let time = |second| format!("2026-03-01T12:{:02}:{:02}Z", second / 60, second % 60);
            let list: Vec<String> = seconds.map(|second| item(second, &time(second))).collect();
            items(&format!("[{}]", list.join(",")))
        };
        assert!(is_newest_first(&list(&mut (0..100).rev())));
        assert!(!is_newest_first(&list(&mut (0..100))));
        // In disorder by two, which shows on the border of two pages and not beyond.
        let nearly = |count: usize| (0..count).rev().map(|second| second ^ 2);
        assert!(!is_newest_first(&list(&mut nearly(100))));
        assert!(is_newest_first(&list(&mut nearly(300))));
        let timeless = r#"[{"deploy": {"id": "dep-1"}}]"#;
        assert!(!is_newest_first(&items(timeless)));
    }

    #[test]
    fn a_rollout_says_what_started_it_and_what_is_not_known_is_unknown() {
        let read = |json: &str| rollout(serde_json::from_str(json).unwrap());
        let back = read(r#"{"id": "dep-1", "trigger": "rollback", "status": "created"}"#).unwrap();
        assert_eq!((back.cause, back.phase), (Cause::Rollback, Phase::Waiting));
        let bare = read(r#"{"id": "dep-1", "trigger": null}"#).unwrap();
        assert_eq!((bare.cause, bare.phase), (Cause::Other, Phase::Unknown));
        let strange = read(r#"{"id": "dep-1/..", "status": "live"}"#);
        assert_eq!(strange.unwrap_err(), MalformedReply::Identifier);
    }

    #[test]
    fn only_what_has_the_form_of_a_deploys_id_is_asked_for() {
        assert!(is_deploy_id("dep-cjnxpq0l5elc73a7hkv0"));
        for id in [
            "",
            "dep-",
            "srv-1",
            "dep-1/..",
            "dep-1?x",
            "dep-%2e",
            "dep-1\r\n",
        ] {
            assert!(!is_deploy_id(id), "{id:?}");
        }
    }
}
