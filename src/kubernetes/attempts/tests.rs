//! What the API server's answers mean. Its part is played by a script, since a real one gives most of them never.

use std::{
    collections::VecDeque,
    future::{Ready, pending, ready},
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use futures::future::Either;
use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use tower_service::Service;

use super::*;

/// One answer of the script.
#[derive(Clone)]
enum Answer {
    Json(u16, Value),
    Text(u16, &'static str),
    Lost,
    Never,
}

/// Plays the API server: gives its answers in turn, the last one again and again.
#[derive(Clone)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    requests: Arc<Mutex<Vec<String>>>,
}

type Sent = Result<Response<Body>, std::io::Error>;

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            requests: Arc::default(),
        }
    }

    fn ledger(&self) -> RollbackLedger {
        RollbackLedger::new(Client::new(self.clone(), "shop"), |_, status| status)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Service<Request<Body>> for Script {
    type Response = Response<Body>;
    type Error = std::io::Error;
    type Future = Either<Ready<Sent>, std::future::Pending<Sent>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let line = format!("{} {}", request.method(), request.uri());
        self.requests.lock().unwrap().push(line);
        let mut answers = self.answers.lock().unwrap();
        let answer = answers[0].clone();
        if answers.len() > 1 {
            answers.pop_front();
        }
        let respond = |code, body: Vec<u8>| {
            let response = Response::builder().status(code).body(body.into());
            Either::Left(ready(Ok(response.unwrap())))
        };
        match answer {
            Answer::Json(code, value) => respond(code, value.to_string().into_bytes()),
            Answer::Text(code, text) => respond(code, text.into()),
            Answer::Lost => Either::Left(ready(Err(std::io::ErrorKind::ConnectionReset.into()))),
            Answer::Never => Either::Right(pending()),
        }
    }
}

fn status(code: u16, reason: &str) -> Answer {
    let body = json!({
        "apiVersion": "v1", "kind": "Status", "status": "Failure", "code": code, "reason": reason,
        "message": "no",
    });
    Answer::Json(code, body)
}

fn name() -> AttemptName {
    AttemptName {
        namespace: "shop".into(),
        name: "web-1".into(),
    }
}

fn spec() -> RollbackSpec {
    let spec = json!({
        "validationRef": {"name": "web", "uid": "u-1"}, "policyRef": {"name": "careful"},
        "from": {"release": "r-2"},
    });
    serde_json::from_value(spec).unwrap()
}

fn object(name: &str) -> Value {
    json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "Rollback",
        "metadata": {
            "namespace": "shop", "name": name, "uid": "a-1", "resourceVersion": "7", "generation": 1,
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "ownerReferences": [{
                "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation", "name": "web",
                "uid": "u-1", "controller": true,
            }],
        },
        "spec": spec(),
    })
}

fn attempt() -> Attempt {
    attempt_of(&serde_json::from_value(object("web-1")).unwrap())
}

/// How a call ended, in one word.
fn told<T>(ended: &Result<T, LedgerError>) -> &'static str {
    match ended {
        Ok(_) => "done",
        Err(LedgerError::Conflict(_)) => "conflict",
        Err(LedgerError::Gone(_)) => "gone",
        Err(LedgerError::InDoubt { .. }) => "in doubt",
        Err(LedgerError::Failed { .. }) => "failed",
        Err(LedgerError::Unreadable { .. }) => "unreadable",
    }
}

/// How creating, advancing and removing end when each is answered with `answer`; each writes once.
async fn writes(answer: Answer) -> [&'static str; 3] {
    let script = Script::new([answer]);
    let ledger = script.ledger();
    let ended = [
        told(&ledger.create(&name(), &spec()).await),
        told(&ledger.advance(&attempt(), RollbackStatus::default()).await),
        told(&ledger.remove(&attempt()).await),
    ];
    let requests = script.requests();
    let writes = requests.iter().filter(|it| !it.starts_with("GET "));
    assert_eq!(writes.count(), 3, "a write was repeated");
    ended
}

#[tokio::test]
async fn a_write_is_in_doubt_unless_the_api_server_says_that_it_was_not_carried_out() {
    for code in [500, 502, 503, 504, 408] {
        assert_eq!(writes(status(code, "")).await, ["in doubt"; 3], "{code}");
    }
    for reason in ["InternalError", "Timeout", "ServiceUnavailable"] {
        assert_eq!(writes(status(500, reason)).await, ["in doubt"; 3]);
    }
    assert_eq!(
        writes(Answer::Text(502, "bad gateway")).await,
        ["in doubt"; 3]
    );
    assert_eq!(writes(Answer::Lost).await, ["in doubt"; 3]);
    // It was carried out, and what became of it cannot be read.
    assert_eq!(writes(Answer::Text(200, "cut of")).await, ["in doubt"; 3]);
    for (code, reason) in [
        (400, "BadRequest"),
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (413, "RequestEntityTooLarge"),
        (422, "Invalid"),
        (429, "TooManyRequests"),
    ] {
        assert_eq!(writes(status(code, reason)).await, ["failed"; 3], "{code}");
    }
}

#[tokio::test]
async fn only_the_api_servers_own_word_says_that_a_record_is_gone_or_has_changed() {
    let conflict = writes(status(409, "Conflict")).await;
    assert_eq!(conflict, ["failed", "conflict", "conflict"]);
    let gone = writes(status(404, "NotFound")).await;
    assert_eq!(gone, ["failed", "gone", "gone"]);
    let unserved = Answer::Text(404, "404 page not found");
    assert_eq!(writes(unserved.clone()).await, ["failed"; 3]);
    assert_eq!(
        told(&Script::new([unserved]).ledger().read(&name()).await),
        "failed"
    );
    let absent = Script::new([status(404, "NotFound")]);
    assert_eq!(absent.ledger().read(&name()).await.unwrap(), None);
}

#[tokio::test]
async fn an_advance_that_has_met_another_record_of_the_name_has_not_advanced_this_one() {
    let mut stranger = object("web-1");
    stranger["metadata"]["uid"] = json!("a-2");
    let script = Script::new([Answer::Json(200, stranger)]);
    let (ledger, attempt) = (script.ledger(), attempt());
    let advanced = ledger.advance(&attempt, RollbackStatus::default()).await;
    assert_eq!(told(&advanced), "gone");
}

#[tokio::test]
async fn a_status_is_written_over_changes_of_metadata_and_over_no_others() {
    let conflict = || status(409, "Conflict");
    let changed = |key: &str, value: Value| {
        let mut changed = object("web-1");
        changed["metadata"]["resourceVersion"] = json!("8");
        changed[key] = value;
        Answer::Json(200, changed)
    };
    let annotated = || changed("kind", json!("Rollback"));
    let written = Answer::Json(200, object("web-1"));
    let mut approved = serde_json::to_value(spec()).unwrap();
    approved["approved"] = json!(true);
    for (answers, expected, requests) in [
        (vec![conflict(), annotated(), written.clone()], "done", 3),
        (
            vec![conflict(), changed("spec", approved), written.clone()],
            "conflict",
            2,
        ),
        (
            vec![conflict(), changed("status", json!({"state": "Issued"}))],
            "conflict",
            2,
        ),
        (vec![conflict(), status(404, "NotFound")], "conflict", 2),
        (
            std::iter::repeat_n([conflict(), annotated()], MAX_TRIES)
                .flatten()
                .collect(),
            "conflict",
            2 * MAX_TRIES,
        ),
    ] {
        let script = Script::new(answers);
        let ledger = script.ledger();
        let advanced = ledger.advance(&attempt(), RollbackStatus::default()).await;
        assert_eq!(told(&advanced), expected);
        assert_eq!(script.requests().len(), requests, "{expected}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_without_an_answer_ends() {
    assert_eq!(writes(Answer::Never).await, ["in doubt"; 3]);
    let ledger = Script::new([Answer::Never]).ledger();
    assert_eq!(told(&ledger.read(&name()).await), "failed");
    let listed = ledger.list("shop", Attempts::OfPolicy("careful")).await;
    assert_eq!(told(&listed), "failed");
}

#[tokio::test]
async fn a_name_that_is_taken_is_looked_up() {
    let script = Script::new([
        status(409, "AlreadyExists"),
        Answer::Json(200, object("web-1")),
    ]);
    let found = script.ledger().create(&name(), &spec()).await.unwrap();
    assert_eq!(found, Created::Existing(attempt()));
    let path = "/apis/plumbline.dev/v1alpha1/namespaces/shop/rollbacks";
    assert_eq!(
        script.requests(),
        [
            format!("POST {path}?&fieldManager=plumbline"),
            format!("GET {path}/web-1"),
        ]
    );
    for (answer, expected) in [
        (status(404, "NotFound"), "gone"),
        (status(500, ""), "failed"),
        (Answer::Lost, "failed"),
    ] {
        let script = Script::new([status(409, "AlreadyExists"), answer]);
        assert_eq!(
            told(&script.ledger().create(&name(), &spec()).await),
            expected
        );
    }
}

#[tokio::test]
async fn an_attempt_that_belongs_to_no_validation_is_never_recorded() {
    let script = Script::new([Answer::Lost]);
    let mut spec = spec();
    spec.validation_ref.uid = None;
    assert_eq!(
        told(&script.ledger().create(&name(), &spec).await),
        "failed"
    );
    assert!(script.requests().is_empty());
}

#[tokio::test]
async fn what_is_listed_is_oldest_first_and_only_what_was_asked_for_and_has_its_owner() {
    let mut newer = object("a");
    newer["metadata"]["creationTimestamp"] = json!("2026-01-02T03:04:06Z");
    let mut others = object("c");
    others["spec"]["validationRef"]["uid"] = json!("u-2");
    let mut forged = object("d");
    forged["metadata"]["ownerReferences"] = json!([]);
    let page = |items: &[&Value], more: &str| {
        let list = json!({"metadata": {"continue": more}, "items": items});
        Answer::Json(200, list)
    };
    let script = Script::new([
        page(&[&newer, &others, &forged], "more"),
        page(&[&object("z"), &object("b")], ""),
    ]);
    let listed = script.ledger();
    let listed = listed.list("shop", Attempts::OfValidation("u-1")).await;
    let names: Vec<String> = listed
        .unwrap()
        .into_iter()
        .map(|one| one.name.name)
        .collect();
    assert_eq!(names, ["b", "z", "a"]);
    let requests = script.requests();
    assert!(requests[0].contains("limit=100") && requests[1].contains("continue=more"));
    for request in requests {
        assert!(request.contains("labelSelector=plumbline.dev%2Fvalidation-uid%3Du-1"));
        assert!(
            !request.contains("resourceVersion"),
            "an old list would do: {request}"
        );
    }
}

#[tokio::test]
async fn a_list_names_the_object_that_does_not_decode() {
    let mut broken = object("broken");
    broken["spec"]["from"] = json!(7);
    let script = Script::new([Answer::Json(
        200,
        json!({"metadata": {}, "items": [object("a"), broken]}),
    )]);
    let ledger = script.ledger();
    let listed = ledger.list("shop", Attempts::OfPolicy("careful")).await;
    let Err(LedgerError::Unreadable { name, .. }) = listed else {
        panic!("{listed:?}");
    };
    assert_eq!(name.to_string(), "shop/broken");
}

#[tokio::test]
async fn a_list_without_an_end_is_refused_and_not_cut() {
    let endless = json!({"metadata": {"continue": "more"}, "items": []});
    let script = Script::new([Answer::Json(200, endless)]);
    let ledger = script.ledger();
    assert_eq!(
        told(&ledger.list("shop", Attempts::OfPolicy("careful")).await),
        "failed"
    );
    assert!(script.requests().len() <= 101);
}

#[test]
fn a_label_is_the_name_where_it_fits_and_else_a_digest_of_it() {
    for fits in [
        "careful",
        "a.b-c",
        "4f1c2a90-6d0e-4a55-8f4b-0b8f5d1f7a11",
        &"x".repeat(63),
    ] {
        assert_eq!(label_value(fits), fits);
    }
    let long = "x".repeat(253);
    let odd = ["", "-", "a/b", "ä", &"x".repeat(64), &long];
    for text in odd {
        let label = label_value(text);
        assert!(
            label.starts_with("sha256-") && label.len() == MAX_LABEL,
            "{label}"
        );
    }
    assert_ne!(label_value(&long), label_value(&"x".repeat(252)));
}
