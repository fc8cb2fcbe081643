//! What is done to the events of watches.

use futures::{Stream, StreamExt};
use http_body_util::BodyExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{ListParams, WatchEvent, WatchParams},
    client::Body,
};
use serde_json::Value;

use super::{World, create, label, not_yet, soon};
use crate::support::intercept::{Frame, FrameAction, FrameRule};

/// The names of what is told by a watch from now on.
async fn watch(objects: &Api<ConfigMap>) -> impl Stream<Item = String> + Unpin + use<> {
    let version = objects.list(&ListParams::default()).await;
    let version = version.unwrap().metadata.resource_version.unwrap();
    let events = objects.watch(&WatchParams::default(), &version).await;
    events.unwrap().boxed().map(|event| match event {
        Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
            object.metadata.name.unwrap()
        }
        other => format!("{other:?}"),
    })
}

fn added(name: &'static str) -> impl Fn(&Frame) -> bool + Send + Sync + 'static {
    move |frame| {
        frame.path.ends_with("/configmaps")
            && frame.kind == "ADDED"
            && frame.object["metadata"]["name"] == name
    }
}

async fn next(events: &mut (impl Stream<Item = String> + Unpin)) -> String {
    soon(events.next()).await.expect("the watch goes on")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_left_out_doubled_late_or_held_and_the_others_come_in_order() {
    let world = World::start().await;
    let about = |name, action| {
        let rule = FrameRule::new(action).when(added(name));
        world.proxy.frame_rule(rule)
    };
    about("lost", FrameAction::Drop);
    about("double", FrameAction::Duplicate);
    about("late", FrameAction::Reorder);
    about("held", FrameAction::Hold);
    let mut events = watch(&world.through).await;
    for name in ["first", "lost", "double", "late", "next", "held", "last"] {
        create(&world.direct, name).await.unwrap();
    }
    for name in ["first", "double", "double", "next", "late"] {
        assert_eq!(next(&mut events).await, name);
    }
    let held = world.proxy.held().await;
    assert_eq!(held.request.body["type"], "ADDED");
    assert_eq!(held.request.body["object"]["metadata"]["name"], "held");
    assert!(held.request.is_watch());
    not_yet(events.next()).await;
    held.release();
    assert_eq!(next(&mut events).await, "held");
    assert_eq!(next(&mut events).await, "last");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_breaks_in_the_middle_of_an_event() {
    let world = World::start().await;
    let rule = FrameRule::new(FrameAction::Truncate).when(added("torn"));
    let torn = world.proxy.frame_rule(rule);
    // kube's own stream takes this for a usual end, and so this reads the bytes.
    let maps = world.through.resource_url();
    let request = http::Request::get(format!("{maps}?watch=true"))
        .body(Body::empty())
        .unwrap();
    let client = world.through.clone().into_client();
    let mut body = client.send(request).await.unwrap().into_body();
    for name in ["whole", "torn"] {
        create(&world.direct, name).await.unwrap();
    }
    let mut text = Vec::new();
    let broken = loop {
        match soon(body.frame()).await {
            Some(Ok(frame)) => text.extend(frame.into_data().unwrap()),
            other => break other,
        }
    };
    assert!(matches!(broken, Some(Err(_))), "{broken:?}");
    let text = String::from_utf8(text).unwrap();
    let (whole, half) = text.split_once('\n').unwrap();
    assert!(serde_json::from_str::<Value>(whole).is_ok(), "{whole}");
    assert!(half.starts_with(r#"{"type":"ADDED""#), "{half}");
    assert!(serde_json::from_str::<Value>(half).is_err(), "{half}");
    assert_eq!(torn.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_watch_stays_open_and_tells_nothing_until_it_thaws() {
    let world = World::start().await;
    create(&world.direct, "web").await.unwrap();
    let mut open = watch(&world.through).await;
    let frozen = world.proxy.freeze(|path| path.ends_with("/configmaps"));
    let mut new = watch(&world.through).await;
    label(&world.direct, "web", "changed").await.unwrap();
    not_yet(open.next()).await;
    not_yet(new.next()).await;
    drop(frozen);
    assert_eq!(next(&mut open).await, "web");
    assert_eq!(next(&mut new).await, "web");
}
