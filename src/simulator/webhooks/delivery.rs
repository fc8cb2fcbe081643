//! Webhooks are told what happens, with a signature, and again after a failure.

use std::{sync::Arc, time::Duration};

use futures::{StreamExt, stream::FuturesUnordered};
use http::{Method, Request, header};
use http_body_util::{BodyExt, Collected, Full, Limited};
use hyper::body::Bytes;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};

use super::{Delivery, Outcome, signature};
use crate::simulator::server::Shared;

/// How often it is looked whether somebody is to be told.
const TICK: Duration = Duration::from_millis(20);

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(15);

/// How many are told at a time.
const CONCURRENCY: usize = 8;

/// The longest part of an answer that is kept, in bytes.
const MAXIMUM_BODY: usize = 4_096;

type HttpClient = Client<HttpConnector, Full<Bytes>>;

/// Tells webhooks what happens, until the simulator stops. While none is registered, nothing is looked at.
pub(in crate::simulator) async fn deliver(shared: Arc<Shared>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let mut telling = FuturesUnordered::new();
    loop {
        if telling.is_empty() {
            tokio::select! {
                () = shared.observed() => {}
                () = shared.stopped() => return,
            }
        }
        for delivery in due(&shared, CONCURRENCY - telling.len()) {
            telling.push(tell(&shared, &client, delivery));
        }
        tokio::select! {
            () = tokio::time::sleep(TICK) => {}
            Some(()) = telling.next() => {}
            () = shared.stopped() => return,
        }
    }
}

fn due(shared: &Shared, most: usize) -> Vec<(Delivery, String, String)> {
    let mut world = shared.world();
    let now = shared.now();
    world.settle(now);
    world.due_deliveries(most, now)
}

async fn tell(
    shared: &Shared,
    client: &HttpClient,
    (delivery, url, secret): (Delivery, String, String),
) {
    let body = delivery.body.to_string();
    let timestamp = shared.now().as_second();
    let id = &delivery.event.id;
    let signature = signature::sign(&secret, id, timestamp, &body);
    let request = Request::builder()
        .method(Method::POST)
        .uri(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", signature)
        .body(Full::new(Bytes::from(body)));
    let outcome = match request {
        Ok(request) => tokio::time::timeout(LIMIT, send(client, request))
            .await
            .unwrap_or_else(|_| Outcome::Failed("no answer within 15 s".to_owned())),
        Err(_) => Outcome::Failed("the request could not be made".to_owned()),
    };
    let now = shared.now();
    shared.world().attempted(delivery, outcome, now);
}

async fn send(client: &HttpClient, request: Request<Full<Bytes>>) -> Outcome {
    match client.request(request).await {
        Ok(response) => {
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MAXIMUM_BODY);
            let bytes = body.collect().await.map(Collected::to_bytes);
            Outcome::Answered {
                status,
                body: String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned(),
            }
        }
        Err(_) => Outcome::Failed("the connection failed".to_owned()),
    }
}
