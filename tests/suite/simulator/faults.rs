//! Calls that go wrong as they were told.

use std::time::{Duration, Instant};

use http::StatusCode;
use plumbline::simulator::{Effect, Fault, Route};
use serde_json::{Value, json};

use super::calls::{Answer, Api, LIMIT};

/// The answer to the list of a service's deploys, of which one is live and one is not, under a fault.
async fn deploys_under(effect: Effect) -> (Answer, Answer) {
    let api = Api::start().await;
    let service = api.service("api");
    api.live(&service);
    api.live(&service);
    let path = format!("/services/{service}/deploys");
    let right = api.get(&path).await;
    let fault = Fault::get(Route::ListDeploys.path(), effect);
    api.control().add_fault(fault).unwrap();
    let wrong = api.get(&path).await;
    api.end().await;
    (right, wrong)
}

fn statuses(answer: &Answer) -> Vec<Value> {
    let list = answer.json();
    let items = list.as_array().unwrap().iter();
    items.map(|item| item["deploy"]["status"].clone()).collect()
}

#[tokio::test]
async fn a_status_comes_with_its_usual_body_or_the_given_one() {
    for (status, message) in [(401, "unauthorized"), (500, "internal server error")] {
        let (_, wrong) = deploys_under(Effect::status(status)).await;
        assert_eq!(wrong.status.as_u16(), status);
        assert_eq!(wrong.json(), json!({"message": message}));
    }
    let (_, limited) = deploys_under(Effect::rate_limited("1000000000")).await;
    assert_eq!(limited.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(limited.json(), json!({"error": "rate limit exceeded"}));
    assert_eq!(limited.header("retry-after"), "1000000000");
    let given = Effect::Status {
        status: 429,
        body: Some(json!({"id": "x"})),
        text: None,
        retry_after: None,
        ratelimit_reset: Some("1767225600".to_owned()),
    };
    let (_, given) = deploys_under(given).await;
    assert_eq!(given.json(), json!({"id": "x"}));
    assert_eq!(given.header("ratelimit-reset"), "1767225600");
    let plain = Effect::Status {
        status: 502,
        body: None,
        text: Some("bad gateway".to_owned()),
        retry_after: None,
        ratelimit_reset: None,
    };
    let (_, plain) = deploys_under(plain).await;
    assert_eq!(plain.text, "bad gateway");
    assert!(plain.header("content-type").starts_with("text/plain"));
}

#[tokio::test]
async fn bodies_are_wrong_in_the_way_that_was_asked_for() {
    let (_, error) = deploys_under(Effect::ErrorBody).await;
    assert_eq!(error.status, StatusCode::OK);
    assert!(error.json()["message"].is_string());

    let (_, garbage) = deploys_under(Effect::Garbage).await;
    assert_eq!(garbage.status, StatusCode::OK);
    assert!(serde_json::from_str::<Value>(&garbage.text).is_err());

    let html = Effect::ContentType {
        value: "text/html".to_owned(),
    };
    let (right, html) = deploys_under(html).await;
    assert_eq!(html.header("content-type"), "text/html");
    assert_eq!(html.json(), right.json());
}

#[tokio::test]
async fn lists_are_wrong_in_the_way_that_was_asked_for() {
    let (right, reordered) = deploys_under(Effect::Reordered).await;
    let mut backwards = right.ids("deploy");
    backwards.reverse();
    assert_eq!(reordered.ids("deploy"), backwards);

    let (right, duplicated) = deploys_under(Effect::Duplicated).await;
    let [first, second] = right.ids("deploy").try_into().unwrap();
    let twice = [first.clone(), first, second.clone(), second];
    assert_eq!(duplicated.ids("deploy"), twice);

    let (_, without) = deploys_under(Effect::WithoutLive).await;
    assert_eq!(statuses(&without), ["deactivated"]);

    let (_, two) = deploys_under(Effect::TwoLive).await;
    assert_eq!(statuses(&two), ["live", "live", "deactivated"]);
    let ids = two.ids("deploy");
    assert_ne!(ids[0], ids[1]);

    let unknown = Effect::UnknownStatus {
        status: "reticulating".to_owned(),
    };
    let (_, unknown) = deploys_under(unknown).await;
    assert_eq!(statuses(&unknown), ["reticulating", "deactivated"]);
}

#[tokio::test]
async fn a_single_deploy_can_have_an_unknown_status() {
    let api = Api::start().await;
    let service = api.service("api");
    let deploy = api.live(&service);
    let unknown = Effect::UnknownStatus {
        status: "reticulating".to_owned(),
    };
    let fault = Fault::get(Route::GetDeploy.path(), unknown);
    api.control().add_fault(fault).unwrap();
    let answer = api
        .get(&format!("/services/{service}/deploys/{deploy}"))
        .await;
    assert_eq!(answer.json()["status"], "reticulating");
    assert_eq!(answer.json()["id"], json!(deploy));
    api.end().await;
}

#[tokio::test]
async fn arrays_within_an_answer_can_be_null() {
    let api = Api::start().await;
    let service = api.service("api");
    api.control()
        .add_fault(Fault::get("/v1/services", Effect::NullArrays))
        .unwrap();
    let list = api.get("/services").await.json();
    assert_eq!(list[0]["service"]["id"], json!(service));
    assert_eq!(list[0]["service"]["suspenders"], Value::Null);
    assert_eq!(
        list[0]["service"]["serviceDetails"]["openPorts"],
        Value::Null
    );
    api.end().await;
}

#[tokio::test]
async fn a_truncated_answer_ends_before_its_announced_length() {
    let api = Api::start().await;
    api.service("api");
    api.control()
        .add_fault(Fault::get("/v1/services", Effect::Truncated).times(1))
        .unwrap();
    let error = api.try_get("/services").await.unwrap_err();
    assert!(
        error.contains("IncompleteMessage") || error.contains("UnexpectedEof"),
        "{error}"
    );
    assert_eq!(api.get("/services").await.ids("service").len(), 1);
    api.end().await;
}

#[tokio::test]
async fn a_delayed_answer_is_right_and_late() {
    let api = Api::start().await;
    api.service("api");
    let late = Duration::from_millis(60);
    api.control()
        .add_fault(Fault::get("/v1/services", Effect::delay(late)))
        .unwrap();
    let asked = Instant::now();
    assert_eq!(api.get("/services").await.ids("service").len(), 1);
    assert!(asked.elapsed() >= late);
    api.end().await;
}

#[tokio::test]
async fn a_call_that_hangs_keeps_no_other_waiting_and_ends_with_the_simulator() {
    let api = Api::start().await;
    api.control()
        .add_fault(Fault::get("/v1/services", Effect::Hang))
        .unwrap();
    let mut hung = Box::pin(api.try_get("/services"));
    let seen = async {
        while api.control().calls_of(Route::ListServices) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(api.get("/owners").await.status, StatusCode::OK);
    };
    tokio::select! {
        answer = &mut hung => panic!("answered: {answer:?}"),
        () = seen => {}
        () = tokio::time::sleep(LIMIT) => panic!("the call did not arrive"),
    }
    drop(hung);
    let client = reaching(&api);
    let control = api.control().clone();
    control.forget_calls();
    let waits = async {
        while control.calls_of(Route::ListServices) == 0 {
            tokio::task::yield_now().await;
        }
    };
    let mut call = tokio::spawn(client);
    tokio::time::timeout(LIMIT, waits).await.unwrap();
    assert!(!call.is_finished());
    api.end().await;
    tokio::time::timeout(LIMIT, &mut call)
        .await
        .unwrap()
        .unwrap();
}

/// A call that does not borrow the simulator it waits for.
fn reaching(api: &Api) -> impl Future<Output = ()> + Send + use<> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let address = api.running.address;
    async move {
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = format!("GET /v1/services HTTP/1.1\r\nhost: {address}\r\n\r\n");
        socket.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // The connection is closed, with or without an answer.
        let _ = socket.read_to_end(&mut answer).await;
    }
}

#[tokio::test]
async fn the_nth_call_goes_wrong_and_the_others_do_not() {
    let api = Api::start().await;
    let fault = Fault::get("/v1/services", Effect::status(500))
        .after(2)
        .times(2);
    api.control().add_fault(fault).unwrap();
    let mut seen = Vec::new();
    for _ in 0..6 {
        seen.push(api.get("/services").await.status.as_u16());
    }
    assert_eq!(seen, [200, 200, 500, 500, 200, 200]);
    api.end().await;
}

#[tokio::test]
async fn a_fault_without_end_lasts_until_it_is_removed() {
    let api = Api::start().await;
    let fault = Fault::get("/v1/services", Effect::status(503));
    let id = api.control().add_fault(fault.clone()).unwrap();
    for _ in 0..3 {
        assert_eq!(
            api.get("/services").await.status,
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
    api.control().remove_fault(id).unwrap();
    assert_eq!(api.get("/services").await.status, StatusCode::OK);
    api.control().remove_fault(id).unwrap_err();
    api.control().add_fault(fault).unwrap();
    api.control().clear_faults();
    assert_eq!(api.get("/services").await.status, StatusCode::OK);
    api.end().await;
}

#[tokio::test]
async fn a_fault_strikes_the_calls_it_names_and_no_others() {
    let api = Api::start().await;
    let (one, other) = (api.service("one"), api.service("other"));
    let paths = [
        "/services".to_owned(),
        format!("/services/{one}"),
        format!("/services/{other}"),
        format!("/services/{one}/deploys"),
    ];
    let struck = [
        (
            Some("GET"),
            Some("/v1/services"),
            [true, false, false, false],
        ),
        (
            Some("GET"),
            Some("/v1/services/{serviceId}"),
            [false, true, true, false],
        ),
        (None, Some("/v1/*/*/deploys"), [false, false, false, true]),
        (None, None, [true; 4]),
        (Some("POST"), None, [false; 4]),
    ];
    for (method, pattern, expected) in struck {
        let id = api.control().add_fault(Fault {
            method: method.map(str::to_owned),
            path: pattern.map(str::to_owned),
            skip: 0,
            times: None,
            effect: Effect::status(500),
        });
        for (path, wrong) in paths.iter().zip(expected) {
            let status = api.get(path).await.status.as_u16();
            assert_eq!(status == 500, wrong, "{method:?} {pattern:?} {path}");
        }
        api.control().remove_fault(id.unwrap()).unwrap();
    }
    let own = Fault::get(format!("/v1/services/{one}"), Effect::status(500));
    api.control().add_fault(own).unwrap();
    assert_eq!(
        api.get(&paths[1]).await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(api.get(&paths[2]).await.status, StatusCode::OK);
    api.end().await;
}
