//! The API key shows nowhere.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use http::{HeaderValue, Method};
use plumbline::{
    platforms::{Accepted, Operations, Revision},
    simulator::{Effect, Fault, Route},
};
use serde_json::json;
use tokio::time::Instant;
use tracing::{level_filters::LevelFilter, subscriber::DefaultGuard};

use super::{
    render::{KEY, Render, hub, target},
    stub::{Stub, answer},
};

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Every text of an error and of what caused it.
fn texts(error: &dyn Error) -> String {
    let mut texts = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        writeln!(texts, "{error}\n{error:?}\n{error:#?}").unwrap();
        next = error.source();
    }
    texts
}

fn holds_the_key(text: &str) -> bool {
    let encoded = STANDARD_NO_PAD.encode(KEY);
    text.contains(KEY) || text.contains(&KEY["rnd_".len()..]) || text.contains(&encoded)
}

/// Everything that is logged from now on by this thread, and the guard that ends it.
fn capture() -> (Captured, DefaultGuard) {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    (captured, tracing::subscriber::set_default(subscriber))
}

/// An answer that repeats the key.
fn echo(status: u16) -> Effect {
    Effect::Status {
        status,
        body: Some(json!({"message": format!("Bearer {KEY} was refused"), KEY: KEY})),
        text: None,
        retry_after: None,
        ratelimit_reset: None,
    }
}

/// That neither what was logged nor what was shown holds the key, and that the log is worth a look.
fn assert_secret(captured: &Captured, shown: &str) {
    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("plumbline::platforms"),
        "nothing was logged:\n{log}"
    );
    assert!(log.contains("render.request_id"), "{log}");
    for text in [&log, shown] {
        let line = text.lines().find(|line| holds_the_key(line));
        assert_eq!(line, None);
    }
}

#[tokio::test]
async fn the_key_is_in_no_error_no_log_no_metric_and_no_debug_output() {
    let (captured, guard) = capture();
    let mut shown = String::new();
    for effect in [
        echo(200),
        echo(400),
        echo(401),
        echo(404),
        echo(429),
        echo(500),
        Effect::Garbage,
        Effect::Truncated,
        Effect::Hang,
        Effect::TwoLive,
    ] {
        let render = Render::start_with_timeout(Duration::from_secs(1)).await;
        render.service("api");
        render.fault(Route::ListDeploys, effect);
        let target = target(KEY, None, &["api"]);
        let observer = render.hub().observer(&target).unwrap();
        let error = observer.observe(Instant::now()).await.unwrap_err();
        shown.push_str(&texts(&error));
        let (hub, metrics) = (render.hub(), render.metrics());
        writeln!(shown, "{hub:?} {observer:?} {target:?} {metrics}").unwrap();
        drop(observer);
        render.end().await;
    }
    drop(guard);
    assert!(
        shown.contains("GET /services/{serviceId}/deploys for service api"),
        "{shown}"
    );
    assert_secret(&captured, &shown);
}

#[tokio::test]
async fn nor_is_it_in_what_a_change_leaves_behind() {
    let (captured, guard) = capture();
    let mut shown = String::new();
    for effect in [
        echo(200),
        echo(202),
        echo(400),
        echo(401),
        echo(409),
        echo(429),
        echo(500),
        Effect::Garbage,
        Effect::Truncated,
        Effect::CommitThenReset,
        Effect::Hang,
    ] {
        let render = Render::start_with_timeout(Duration::from_secs(1)).await;
        let goal = render.service("api");
        for route in [Route::RollBack, Route::StartDeploy, Route::PatchService] {
            let fault = Fault::of(route, effect.clone());
            render.control().add_fault(fault).unwrap();
        }
        let operator = render.operator(&["api"]);
        let revision = Revision::Commit("4f1c2d3".to_owned());
        let stopped = operator.stop_automatic_deploys("api").await;
        for result in [
            operator.roll_back("api", &goal).await,
            operator.deploy("api", &revision).await,
            stopped.map(|()| Accepted { rollout: None }),
        ] {
            match result {
                Err(error) => shown.push_str(&texts(&error)),
                Ok(accepted) => writeln!(shown, "{accepted:?}").unwrap(),
            }
        }
        let metrics = render.metrics();
        writeln!(shown, "{operator:?} {metrics}").unwrap();
        drop(operator);
        render.end().await;
    }
    drop(guard);
    assert!(
        shown.contains("POST /services/{serviceId}/rollback for service api"),
        "{shown}"
    );
    assert_secret(&captured, &shown);
}

#[tokio::test]
async fn what_the_platform_says_about_a_service_is_not_passed_on_with_a_key_in_it() {
    let (captured, guard) = capture();
    let render_with = |body: serde_json::Value| {
        let service = json!({
            "id": "srv-1",
            "name": format!("api {KEY}"),
            "suspenders": [KEY],
            "imagePath": format!("docker.io/example/api:{KEY}"),
        });
        Stub::start(move |method, uri| {
            let body = match uri.path() {
                "/v1/services/srv-1" => &service,
                _ if method == Method::GET => &json!([{"deploy": body}]),
                _ => &body,
            };
            let mut response = answer(body.to_string());
            let id = HeaderValue::from_static(KEY);
            response.headers_mut().insert("render-request-id", id);
            response
        })
    };
    let deploy = json!({
        "id": "dep-1",
        "status": KEY,
        "trigger": KEY,
        "commit": {"id": KEY},
        "image": {"ref": format!("docker.io/example/api:{KEY}"), "sha": KEY},
    });
    let stub = render_with(deploy).await;
    let (hub, _) = hub(stub.base(), Duration::from_secs(1));
    let operator = hub.operator(&target(KEY, None, &["srv-1"])).unwrap();
    let circumstances = operator.circumstances("srv-1").await.unwrap();
    let rollouts = operator.rollouts("srv-1").await.unwrap();
    let accepted = operator.roll_back("srv-1", "dep-1").await.unwrap();
    let release = operator.release(Instant::now()).await.unwrap_err();
    let shown = format!("{circumstances:?} {rollouts:?} {accepted:?} {release:?} {release}");
    drop(guard);
    assert_eq!(rollouts.len(), 1);
    assert_secret(&captured, &shown);
}
