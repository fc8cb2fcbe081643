//! Many validations of one service cost one call, and share nothing with who uses another key.

use std::time::Duration;

use futures::future::join_all;
use plumbline::simulator::{Effect, Fault, NewKey, Route};
use tokio::time::Instant;

use super::render::{KEY, Render, target};

#[tokio::test]
async fn a_hundred_who_ask_at_once_cost_one_call_a_service() {
    let render = Render::start().await;
    render.service("api");
    render.service("worker");
    let asked = Instant::now();
    let observers: Vec<_> = (0..100)
        .map(|_| render.observer(&["api", "worker"]))
        .collect();
    let releases = join_all(observers.iter().map(|observer| observer.observe(asked))).await;
    let first = releases[0].as_ref().unwrap();
    assert!(
        releases
            .iter()
            .all(|release| release.as_ref().unwrap() == first)
    );
    assert_eq!(render.calls(), [2, 0, 2]);
    render.end().await;
}

#[tokio::test]
async fn a_hundred_who_meet_a_failure_cost_no_more_calls_than_one() {
    let render = Render::start().await;
    render.service("api");
    render.fault(Route::ListDeploys, Effect::status(401));
    let asked = Instant::now();
    let observer = render.observer(&["api"]);
    let results = join_all((0..100).map(|_| observer.observe(asked))).await;
    assert!(results.iter().all(Result::is_err));
    assert!(observer.observe(asked).await.is_err());
    assert_eq!(render.calls(), [1, 0, 1]);
    render.end().await;
}

#[tokio::test]
async fn what_was_read_serves_until_a_newer_reading_is_asked_for() {
    let render = Render::start().await;
    let former = render.service("api");
    let observer = render.observer(&["api"]);
    let asked = Instant::now();
    assert_eq!(observer.observe(asked).await.unwrap().id, former);
    let newer = render.deploy("api");
    assert_eq!(observer.observe(asked).await.unwrap().id, former);
    assert_eq!(render.calls(), [1, 0, 1]);
    assert_eq!(observer.observe(Instant::now()).await.unwrap().id, newer);
    assert_eq!(observer.observe(asked).await.unwrap().id, newer);
    assert_eq!(render.calls(), [1, 0, 2]);
    render.end().await;
}

#[tokio::test]
async fn a_reading_under_way_does_not_answer_who_asks_later() {
    let render = Render::start().await;
    let former = render.service("api");
    let slow = Fault::get(
        Route::ListDeploys.path(),
        Effect::delay(Duration::from_millis(300)),
    );
    render.control().add_fault(slow.times(1)).unwrap();
    let observer = render.observer(&["api"]);
    let early = observer.observe(Instant::now());
    let late = async {
        // Until the slow reading is under way.
        while render.calls()[2] == 0 {
            tokio::task::yield_now().await;
        }
        let newer = render.deploy("api");
        let asked = Instant::now();
        (
            newer,
            join_all((0..50).map(|_| observer.observe(asked))).await,
        )
    };
    let (early, (newer, late)) = tokio::join!(early, late);
    // The slow answer is made up when it is sent, so that it may know of the newer deploy; the later ones must.
    assert!([&former, &newer].contains(&&early.unwrap().id));
    assert!(
        late.iter()
            .all(|release| release.as_ref().unwrap().id == newer)
    );
    assert_eq!(render.calls(), [1, 0, 2]);
    render.end().await;
}

#[tokio::test]
async fn who_uses_another_key_has_another_connection() {
    let render = Render::start().await;
    render.service("api");
    let asked = Instant::now();
    let first = render.observer(&["api"]);
    first.observe(asked).await.unwrap();
    let other = target("rnd_another", None, &["api"]);
    let other = render.hub().observer(&other).unwrap();
    assert!(other.observe(asked).await.is_err());
    let key = NewKey {
        key: "rnd_another".to_owned(),
        workspaces: None,
    };
    render.control().accept_key(&key).unwrap();
    assert!(other.observe(Instant::now()).await.is_ok());
    assert_eq!(render.calls(), [3, 0, 2]);
    render.end().await;
}

#[tokio::test]
async fn a_connection_lives_as_long_as_someone_uses_it() {
    let render = Render::start().await;
    render.service("api");
    let asked = Instant::now();
    let first = render.observer(&["api"]);
    first.observe(asked).await.unwrap();
    let second = render.observer(&["api"]);
    drop(first);
    second.observe(asked).await.unwrap();
    assert_eq!(render.calls(), [1, 0, 1]);
    drop(second);
    render.observer(&["api"]).observe(asked).await.unwrap();
    assert_eq!(render.calls(), [2, 0, 2]);
    render.end().await;
}

#[tokio::test]
async fn one_workspace_or_none_asked_for_shares_what_is_live() {
    let render = Render::start().await;
    render.service("api");
    let owner = render.control().service("api").unwrap().owner_id;
    let asked = Instant::now();
    let anywhere = render.observer(&["api"]);
    let here = render
        .hub()
        .observer(&target(KEY, Some(&owner), &["api"]))
        .unwrap();
    anywhere.observe(asked).await.unwrap();
    here.observe(asked).await.unwrap();
    assert_eq!(render.calls(), [2, 0, 1]);
    render.end().await;
}
