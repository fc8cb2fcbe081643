//! The API key shows nowhere.

use std::{
    error::Error,
    fmt::Write as _,
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use plumbline::simulator::{Effect, Route};
use serde_json::json;
use tokio::time::Instant;
use tracing::level_filters::LevelFilter;

use super::render::{KEY, Render, target};

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

#[tokio::test]
async fn the_key_is_in_no_error_no_log_no_metric_and_no_debug_output() {
    let captured = Captured::default();
    let writer = captured.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(LevelFilter::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let guard = tracing::subscriber::set_default(subscriber);
    let echo = |status| Effect::Status {
        status,
        body: Some(json!({"message": format!("Bearer {KEY} was refused"), KEY: KEY})),
        text: None,
        retry_after: None,
        ratelimit_reset: None,
    };
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
    let log = String::from_utf8(captured.0.lock().unwrap().clone()).unwrap();
    assert!(
        log.contains("plumbline::platforms"),
        "nothing was logged:\n{log}"
    );
    assert!(log.contains("render.request_id"), "{log}");
    assert!(
        shown.contains("GET /services/{serviceId}/deploys for service api"),
        "{shown}"
    );
    for text in [&log, &shown] {
        let line = text.lines().find(|line| holds_the_key(line));
        assert_eq!(line, None);
    }
}
