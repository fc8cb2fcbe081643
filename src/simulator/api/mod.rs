//! Render's API: a call goes through its stages and comes out as an answer.

mod deploys;
mod events;
mod incoming;
mod logs;
mod maintenance;
mod owners;
mod patch;
mod postgres;
mod rollback;
mod route;
mod services;
mod start;
mod states;
mod variables;
mod webhooks;
mod wrong;

use std::{sync::Arc, time::Duration};

use axum::{body::Body, extract::State, response::Response};
use http::{HeaderValue, Request, StatusCode};
use jiff::Timestamp;

pub(super) use self::incoming::Incoming;
pub use self::route::Route;
use self::{incoming::Content, route::Call};
use super::{
    answer::{Answer, Refusal},
    control::ControlError,
    effect::Effect,
    holds::Waiting,
    keys::{KeyDigest, Reach},
    ledger::Caller,
    query::Query,
    server::Shared,
    world::World,
};

/// Answers one call of Render's API.
pub(super) async fn serve(State(shared): State<Arc<Shared>>, request: Request<Body>) -> Response {
    let mut response = match Incoming::read(request).await {
        Ok(incoming) => {
            let effect = shared.world().arrive(&incoming, shared.now());
            match effect {
                Some(effect) => under_fault(&shared, incoming, &effect).await,
                None => answer(&shared, &incoming).into_response(),
            }
        }
        Err(refusal) => Answer::from(refusal).into_response(),
    };
    let number = shared.world().next_answer();
    let id = format!("simulator/{number:06}");
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert("render-request-id", id);
    }
    response
}

/// The right answer; what the call asks for is done.
fn answer(shared: &Shared, incoming: &Incoming) -> Answer {
    let mut world = shared.world();
    let now = shared.now();
    world.settle(now);
    world.answer(incoming, now)
}

async fn under_fault(shared: &Shared, incoming: Incoming, effect: &Effect) -> Response {
    match effect {
        Effect::Hang => {
            shared.stopped().await;
            return Answer::cut();
        }
        Effect::HoldBefore => {
            let of = named(&incoming);
            return held(shared, of, Waiting::ForEffect(incoming)).await;
        }
        Effect::Delay { milliseconds } => {
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(*milliseconds)) => {}
                () = shared.stopped() => {}
            }
        }
        _ => {}
    }
    if let Some(response) = Answer::in_place(effect) {
        return response;
    }
    let answer = answer(shared, &incoming);
    match effect {
        Effect::CommitThenHang => {
            shared.stopped().await;
            Answer::cut()
        }
        Effect::HoldAfter => {
            let of = named(&incoming);
            held(shared, of, Waiting::WithAnswer(answer)).await
        }
        Effect::WrongDeploy => shared.world().with_wrong_deploy(answer).into_response(),
        spoils => Answer::after_commit(spoils).unwrap_or_else(|| answer.spoilt(spoils)),
    }
}

/// Waits until the call is let go, if ever.
async fn held(shared: &Shared, of: (String, String), waiting: Waiting) -> Response {
    let now = shared.now();
    let released = shared.world().holds.hold(of, waiting, now);
    tokio::select! {
        answer = released => answer.map_or_else(|_| Answer::cut(), Answer::into_response),
        () = shared.stopped() => Answer::cut(),
    }
}

fn named(incoming: &Incoming) -> (String, String) {
    (incoming.method.to_string(), incoming.path.clone())
}

/// Who asks for what, with what it takes to answer.
#[derive(Debug)]
struct Asked<'call> {
    call: Call<'call>,
    reach: Reach,
    query: Query,
    body: &'call Content,
    now: Timestamp,
}

impl World {
    /// Counts and records a call; what goes wrong with it.
    fn arrive(&mut self, incoming: &Incoming, now: Timestamp) -> Option<Effect> {
        if let Some(call) = Call::recognise(&incoming.method, &incoming.path) {
            *self.calls.entry(call.route).or_default() += 1;
        }
        self.journal.record(incoming, now);
        self.faults.strike(&incoming.method, &incoming.path)
    }

    fn next_answer(&mut self) -> u64 {
        self.answered += 1;
        self.answered
    }

    /// The right answer: who calls, how often, and then what for.
    pub(super) fn answer(&mut self, incoming: &Incoming, now: Timestamp) -> Answer {
        let known = incoming
            .caller
            .as_ref()
            .and_then(|key| Some((self.reach_of(key)?.clone(), key)));
        self.catch_up(now);
        let Some((reach, key)) = known else {
            return Answer::error(StatusCode::UNAUTHORIZED, "Unauthorized");
        };
        let Some(call) = Call::recognise(&incoming.method, &incoming.path) else {
            return Answer::error(StatusCode::NOT_FOUND, "not found");
        };
        let bucket = call.route.bucket();
        let allowance = self.budgets.take(call.counted(key), bucket, now);
        let answer = if !allowance.allowed {
            Answer::rate_limited()
        } else if incoming.accepts_json {
            let asked = Asked {
                call,
                reach,
                query: Query::parse(&incoming.query),
                body: &incoming.body,
                now,
            };
            self.handle_for(key, incoming, &asked)
        } else {
            Answer::error(StatusCode::NOT_ACCEPTABLE, "not acceptable")
        };
        answer.with_allowance(allowance)
    }

    /// Does what is asked, with the ledger's entries in the caller's name.
    fn handle_for(&mut self, key: &KeyDigest, incoming: &Incoming, asked: &Asked<'_>) -> Answer {
        self.ledger.write_for(Some(Caller {
            key: key.clone(),
            method: incoming.method.to_string(),
            path: incoming.path.clone(),
            body: incoming.body.to_value(),
        }));
        let handled = self.handle(asked);
        self.ledger.write_for(None);
        handled.unwrap_or_else(Answer::from)
    }

    fn handle(&mut self, asked: &Asked<'_>) -> Result<Answer, Refusal> {
        let (reach, query, now) = (&asked.reach, &asked.query, asked.now);
        let [one, two] = asked.call.variables;
        match asked.call.route {
            Route::ListOwners => owners::list(self, reach, query),
            Route::GetOwner => owners::get(self, reach, one),
            Route::ListServices => services::list(self, reach, query),
            Route::GetService => services::get(self, reach, one),
            Route::PatchService => patch::patch(self, asked),
            Route::SuspendService => states::suspend(self, asked),
            Route::ResumeService => states::resume(self, asked),
            Route::RestartService => states::restart(self, asked),
            Route::ScaleService => states::scale(self, asked),
            Route::ListInstances => services::instances(self, reach, one),
            Route::ListDeploys => deploys::list(self, reach, one, query),
            Route::StartDeploy => start::start(self, asked),
            Route::GetDeploy => deploys::get(self, reach, one, two),
            Route::CancelDeploy => deploys::cancel(self, asked),
            Route::RollBack => rollback::roll_back(self, asked),
            Route::ListEvents => events::list(self, reach, one, query, now),
            Route::ListVariables => variables::list(self, asked),
            Route::GetVariable => variables::get(self, asked),
            Route::PutVariable => variables::put(self, asked),
            Route::DeleteVariable => variables::delete(self, asked),
            Route::ReplaceVariables => variables::replace(self, asked),
            Route::ListDatabases => postgres::list(self, asked),
            Route::GetDatabase => postgres::get(self, asked),
            Route::GetConnection => postgres::connection(self, asked),
            Route::GetRecovery => postgres::recovery(self, asked),
            Route::Recover => postgres::recover(self, asked),
            Route::ListLogs => logs::list(self, asked),
            Route::ListMaintenance => maintenance::list(self, asked),
            Route::ListWebhooks => webhooks::list(self, asked),
            Route::CreateWebhook => webhooks::create(self, asked),
            Route::GetWebhook => webhooks::get(self, asked),
            Route::PatchWebhook => webhooks::patch(self, asked),
            Route::DeleteWebhook => webhooks::delete(self, asked),
            Route::ListWebhookEvents => webhooks::attempts(self, asked),
        }
    }
}

impl From<ControlError> for Refusal {
    fn from(error: ControlError) -> Self {
        Self::new(error.status(), error.to_string())
    }
}

fn not_found(what: &str, id: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("{what} not found: {id}"))
}
