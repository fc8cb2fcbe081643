//! Render's API: a call goes through its stages and comes out as an answer.

mod deploys;
mod events;
mod owners;
mod route;
mod services;

use std::{sync::Arc, time::Duration};

use axum::{extract::State, response::Response};
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use jiff::Timestamp;

use self::route::Call;
pub use self::route::Route;
use super::{
    answer::{Answer, Refusal},
    faults::Effect,
    keys::{KeyDigest, Reach},
    query::Query,
    server::Shared,
    world::World,
};

/// Answers one call of Render's API.
pub(super) async fn serve<B>(State(shared): State<Arc<Shared>>, request: Request<B>) -> Response {
    let (head, _) = request.into_parts();
    let path = head.uri.path();
    let call = Call::recognise(&head.method, path);
    let effect = {
        let mut world = shared.world();
        world.count(call.as_ref().map(Call::route));
        world.faults.strike(&head.method, path)
    };
    match &effect {
        Some(Effect::Hang) => shared.stopped().await,
        Some(Effect::Delay { milliseconds }) => {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(*milliseconds)) => {}
                () = shared.stopped() => {}
            }
        }
        _ => {}
    }
    let in_place = effect.as_ref().and_then(Answer::in_place);
    let (mut response, number) = {
        let mut world = shared.world();
        let now = shared.now();
        world.settle(now);
        let query = head.uri.query().unwrap_or_default();
        let response = in_place.unwrap_or_else(|| {
            let answer = world.answer(call, &head.headers, &Query::parse(query), now);
            match &effect {
                Some(effect) => answer.spoilt(effect),
                None => answer.into_response(),
            }
        });
        world.answered += 1;
        (response, world.answered)
    };
    let id = format!("simulator/{number:06}");
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("render-request-id", id);
    }
    response
}

impl World {
    fn count(&mut self, route: Option<Route>) {
        if let Some(route) = route {
            *self.calls.entry(route).or_default() += 1;
        }
    }

    /// The right answer: who calls, how often, and then what for.
    fn answer(
        &mut self,
        call: Option<Call<'_>>,
        headers: &HeaderMap,
        query: &Query,
        now: Timestamp,
    ) -> Answer {
        let known = bearer(headers)
            .map(KeyDigest::of)
            .and_then(|key| Some((self.reach_of(&key)?.clone(), key)));
        let Some((reach, key)) = known else {
            return Answer::error(StatusCode::UNAUTHORIZED, "Unauthorized");
        };
        let Some(call) = call else {
            return Answer::error(StatusCode::NOT_FOUND, "not found");
        };
        let allowance = self.budgets.take(&key, call.route().bucket(), now);
        let answer = if !allowance.allowed {
            Answer::rate_limited()
        } else if accepts_json(headers) {
            self.handle(&call, &reach, query, now)
                .unwrap_or_else(Answer::from)
        } else {
            Answer::error(StatusCode::NOT_ACCEPTABLE, "not acceptable")
        };
        answer.with_allowance(allowance)
    }

    fn handle(
        &self,
        call: &Call<'_>,
        reach: &Reach,
        query: &Query,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let body = match *call {
            Call::ListOwners => owners::list(self, reach, query)?,
            Call::GetOwner { owner } => owners::get(self, reach, owner)?,
            Call::ListServices => services::list(self, reach, query)?,
            Call::GetService { service } => services::get(self, reach, service)?,
            Call::ListInstances { service } => services::instances(self, reach, service)?,
            Call::ListDeploys { service } => deploys::list(self, reach, service, query)?,
            Call::GetDeploy { service, deploy } => deploys::get(self, reach, service, deploy)?,
            Call::ListEvents { service } => events::list(self, reach, service, query, now)?,
        };
        Ok(Answer::ok(body))
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, key) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
}

fn accepts_json(headers: &HeaderMap) -> bool {
    let mut named = headers.get_all(header::ACCEPT).iter().peekable();
    named.peek().is_none()
        || named
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|kind| kind.split(';').next().unwrap_or_default().trim())
            .any(|kind| matches!(kind, "*/*" | "application/*" | "application/json"))
}

fn not_found(what: &str, id: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("{what} not found: {id}"))
}
