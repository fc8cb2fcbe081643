//! One request, from its arrival to its reply.

use std::{future::pending, io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Response, StatusCode, response::Parts};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use tokio::{
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use super::{
    Closed,
    crash::{Crash, Point, hold_at},
    delivery::Delivery,
    frames,
    reply::{Reply, Watch, Whole},
    request::{Outgoing, Request, leave_to_the_connection, receive},
    rule::{Action, Answer},
    server::Shared,
};

/// Longest body of an answer.
const LONGEST_BODY: usize = 64 << 20;

/// Longest time that an answer's body takes, but for a watch.
const LIMIT: Duration = Duration::from_mins(1);

/// Events that wait for the peer to read them.
const EVENTS: usize = 16;

/// What is answered to a request.
struct Answered {
    head: Parts,
    body: AnsweredBody,
}

enum AnsweredBody {
    Whole(Bytes),
    Watch(Incoming),
}

/// Does with a request as the journal and the rules say. Fails when its connection is to be closed instead of a reply.
/// Dropped when the peer goes away.
pub(super) async fn exchange(
    shared: Arc<Shared>,
    incoming: http::Request<Incoming>,
    life: usize,
    delivery: Delivery,
) -> Result<Response<Reply>, Closed> {
    let (mut request, outgoing) = receive(incoming).await?;
    let mut crash = shared.journal.arrive(&mut request);
    shared.journal.pass(&request, life).await?;
    hold_at(Point::BeforeSend, &mut crash, &request).await?;

    let action = shared.rules.decide(&request);
    let answered = match action.clone() {
        Some(Action::DropBefore) => return Err(Closed),
        Some(Action::HangBefore) => return pending().await,
        Some(Action::Answer(answer)) => given(&shared, &request, answer),
        Some(Action::HoldBefore) => {
            shared.hold(request.clone()).await?;
            forward(&shared, &request, outgoing, Duration::ZERO, 1).await?
        }
        Some(Action::Delay(delay)) => forward(&shared, &request, outgoing, delay, 1).await?,
        Some(Action::Duplicate) => forward(&shared, &request, outgoing, Duration::ZERO, 2).await?,
        _ => forward(&shared, &request, outgoing, Duration::ZERO, 1).await?,
    };
    hold_at(Point::AfterSendBeforeReply, &mut crash, &request).await?;
    match action {
        Some(Action::DropAfter) => return Err(Closed),
        Some(Action::HangAfter) => return pending().await,
        Some(Action::HoldAfter) => shared.hold(request.clone()).await?,
        _ => {}
    }
    Ok(reply(&shared, request, answered, crash, delivery))
}

/// Forwards the request this many times, one after the other, and gives the last answer. What was begun is brought to its
/// end though the peer goes away, as on a network.
async fn forward(
    shared: &Arc<Shared>,
    request: &Request,
    outgoing: Outgoing,
    delay: Duration,
    times: usize,
) -> Result<Answered, Closed> {
    let (give, given) = oneshot::channel();
    let (number, watch) = (request.number, request.is_watch());
    let through = shared.clone();
    shared.tasks.spawn(async move {
        sleep(delay).await;
        let mut last = Err(Closed);
        for _ in 0..times {
            through.journal.sent(number);
            last = ask(&through, &outgoing, watch).await.map_err(|_| Closed);
            if let Ok(answered) = &last {
                let status = answered.head.status.as_u16();
                through.journal.answered(number, status);
            }
        }
        let _ = give.send(last);
    });
    given.await.map_err(|_| Closed)?
}

async fn ask(shared: &Shared, outgoing: &Outgoing, watch: bool) -> io::Result<Answered> {
    let response = shared.upstream.send(outgoing, &shared.tasks).await?;
    let (mut head, body) = response.into_parts();
    leave_to_the_connection(&mut head.headers);
    let body = if watch && head.status == StatusCode::OK {
        AnsweredBody::Watch(body)
    } else {
        let whole = Limited::new(body, LONGEST_BODY).collect();
        let whole = timeout(LIMIT, whole).await?.map_err(io::Error::other)?;
        AnsweredBody::Whole(whole.to_bytes())
    };
    Ok(Answered { head, body })
}

/// A rule's answer.
fn given(shared: &Shared, request: &Request, answer: Answer) -> Answered {
    shared.journal.answered(request.number, answer.status);
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    let (head, ()) = response.body(()).unwrap().into_parts();
    Answered {
        head,
        body: AnsweredBody::Whole(answer.body.into()),
    }
}

fn reply(
    shared: &Arc<Shared>,
    request: Request,
    answered: Answered,
    crash: Option<Crash>,
    delivery: Delivery,
) -> Response<Reply> {
    let body = match answered.body {
        AnsweredBody::Whole(bytes) => Reply::Whole(Whole {
            bytes,
            delivered: crash.map(|crash| -> Box<dyn FnOnce() + Send> {
                Box::new(move || drop(crash.tell(request)))
            }),
            delivery,
        }),
        AnsweredBody::Watch(events) => {
            let (give, pieces) = mpsc::channel(EVENTS);
            let through = shared.clone();
            shared.tasks.spawn(async move {
                frames::carry(&through, &request, events, give).await;
            });
            Reply::Watch(Watch { pieces, cut: false })
        }
    };
    Response::from_parts(answered.head, body)
}
