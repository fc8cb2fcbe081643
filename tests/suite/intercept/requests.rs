//! What is done to requests, and what the journal tells of them.

use plumbline::simulator::{Options, Simulator};
use serde_json::{Value, json};

use super::{A_WHILE, SOON, World, assert_cut, create, label, not_yet, refusal, soon};
use crate::support::{
    eventually::within,
    intercept::{Action, Answer, Interceptor, Journal, Request, RequestRule, is_mutation},
};

#[tokio::test(flavor = "multi_thread")]
async fn each_request_meets_its_fault_and_the_journal_tells_how_it_went() {
    let world = World::start().await;
    let about = |name: &'static str, action| {
        world.proxy.rule(
            RequestRule::new(action)
                .methods(&["POST"])
                .path(|path| path.ends_with("/configmaps"))
                .when(move |request| request.body["metadata"]["name"] == name),
        )
    };
    about("plain", Action::DropBefore);
    world.proxy.clear();
    let unsent = about("unsent", Action::DropBefore);
    about("unheard", Action::DropAfter);
    about("refused", Action::Answer(Answer::refusal(409, "Conflict")));
    about("double", Action::Duplicate);
    let objects = &world.through;

    soon(create(objects, "plain")).await.unwrap();
    assert_cut(&soon(create(objects, "unsent")).await);
    assert_eq!(unsent.count(), 1);
    assert_cut(&soon(create(objects, "unheard")).await);
    assert_eq!(refusal(soon(create(objects, "refused")).await), 409);
    // It exists when it comes for the second time.
    assert_eq!(refusal(soon(create(objects, "double")).await), 409);

    let there = ["plain", "unsent", "unheard", "refused", "double"].map(|name| world.has(name));
    assert_eq!(
        futures::future::join_all(there).await,
        [true, false, true, false, true]
    );
    let post = |name: &str, forwarded, status| ("POST".to_owned(), json!(name), forwarded, status);
    assert_eq!(world.told(1), post("plain", 1, Some(201)));
    assert_eq!(world.told(2), post("unsent", 0, None));
    assert_eq!(world.told(3), post("unheard", 1, Some(201)));
    assert_eq!(world.told(4), post("refused", 0, Some(409)));
    assert_eq!(world.told(5), post("double", 2, Some(409)));
    assert_eq!(world.journal.count(), 5);
    assert!(world.journal.mutation(0).is_none() && world.journal.mutation(6).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_hangs_or_is_late_outlives_the_patience_of_its_sender() {
    let world = World::start().await;
    world
        .proxy
        .rule(RequestRule::new(Action::HangBefore).mutation(1));
    world
        .proxy
        .rule(RequestRule::new(Action::HangAfter).mutation(2));
    let late = Action::Delay(3 * A_WHILE);
    world.proxy.rule(RequestRule::new(late).mutation(3));
    not_yet(create(&world.through, "never")).await;
    not_yet(create(&world.through, "silent")).await;
    not_yet(create(&world.through, "late")).await;
    assert!(!world.has("late").await);
    world.until_there("silent").await;
    world.until_there("late").await;
    assert!(!world.has("never").await);
    assert_eq!(world.told(1).2, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_request_waits_for_the_word_of_the_test() {
    let world = World::start().await;
    let about = |test: fn(&str) -> bool, action| {
        world.proxy.rule(
            RequestRule::new(action)
                .when(move |request| request.body["metadata"]["name"].as_str().is_some_and(test)),
        )
    };
    about(|name| name.starts_with("before"), Action::HoldBefore);
    about(|name| name.starts_with("after"), Action::HoldAfter);
    for (name, was_there, goes_on) in [
        ("before-released", false, true),
        ("before-dropped", false, false),
        ("after-released", true, true),
        ("after-dropped", true, false),
    ] {
        let outcome = world.creating(name);
        let held = world.proxy.held().await;
        assert_eq!(held.request.body["metadata"]["name"], name);
        assert_eq!(world.has(name).await, was_there, "{name} while it is held");
        assert!(!outcome.is_finished(), "{name} was answered");
        if goes_on {
            held.release();
            soon(outcome).await.unwrap().unwrap();
        } else {
            held.drop_it();
            assert_cut(&soon(outcome).await.unwrap());
        }
        assert_eq!(
            world.has(name).await,
            was_there || goes_on,
            "{name} afterwards"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_counts_its_matches_and_ends_after_its_times() {
    let world = World::start().await;
    create(&world.direct, "web").await.unwrap();
    let refused = |status| Action::Answer(Answer::refusal(status, "Refused"));
    let patches = |action| RequestRule::new(action).methods(&["PATCH"]);
    world.proxy.rule(patches(refused(409)).nth(2));
    let thrice = world.proxy.rule(patches(refused(503)).nth(4).times(2));
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let outcome = soon(label(&world.through, "web", "seen")).await;
        statuses.push(outcome.err().map_or(200, |error| refusal(Err(error))));
    }
    assert_eq!(statuses, [200, 409, 200, 503, 503, 200]);
    assert_eq!(thrice.count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_journal_numbers_the_mutations_of_several_servers() {
    let world = World::start_with(Journal::of(|request| {
        request.body["metadata"]["name"] != "uncounted"
    }))
    .await;
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let upstream = format!("http://{}/v1", simulator.address);
    let render = Interceptor::before(&upstream, &world.journal).await;
    assert!(render.url().ends_with("/v1"));
    let control = render.url().replace("/v1", "/_simulator");
    let client = reqwest::Client::new();
    let workspace = json!({"name": "Example"});
    let post = || {
        client
            .post(format!("{control}/workspaces"))
            .json(&workspace)
            .send()
    };
    let told = |number| {
        let mutation = world.journal.mutation(number).unwrap();
        (
            mutation.path,
            mutation.body["name"].clone(),
            mutation.status,
        )
    };

    create(&world.through, "first").await.unwrap();
    create(&world.through, "uncounted").await.unwrap();
    assert!(post().await.unwrap().status().is_success());
    assert_eq!(told(2).0, "/_simulator/workspaces");
    assert_eq!(told(2).1, "Example");
    label(&world.through, "first", "third").await.unwrap();
    render.rule(RequestRule::new(Action::DropBefore).mutation(4));
    assert!(post().await.is_err());
    assert_eq!(told(4).2, None);

    assert_eq!(client.get(&control).send().await.unwrap().status(), 404);
    assert_eq!(world.journal.count(), 4);
    simulator.shutdown().await.unwrap();
}

#[test]
fn what_asks_and_what_only_tries_is_no_mutation() {
    let request = |method: &str, path: &str, query: &str| Request {
        method: method.parse().unwrap(),
        path: path.to_owned(),
        query: query.to_owned(),
        body: Value::Null,
        number: None,
    };
    let maps = "/api/v1/namespaces/default/configmaps";
    let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let token = "/api/v1/namespaces/default/serviceaccounts/web/token";
    for (method, path, query, changes) in [
        ("GET", maps, "", false),
        ("POST", maps, "fieldManager=web", true),
        ("POST", maps, "dryRun=All", false),
        (
            "PATCH",
            "/api/v1/namespaces/default/configmaps/token",
            "",
            true,
        ),
        ("PUT", "/api/v1/namespaces/default/configmaps/web", "", true),
        ("DELETE", maps, "", true),
        ("POST", reviews, "", false),
        ("POST", token, "", false),
        ("POST", "/v1/services/srv-1/deploys", "", true),
    ] {
        let request = request(method, path, query);
        assert_eq!(is_mutation(&request), changes, "{method} {path} {query}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interceptor_ends_with_everything_in_it_when_it_is_dropped() {
    let simulator = Simulator::start(Options::default()).await.unwrap();
    let upstream = format!("http://{}", simulator.address);
    let journal = Journal::new();
    let proxy = Interceptor::before(&upstream, &journal).await;
    proxy.rule(RequestRule::new(Action::HangBefore));
    let url = proxy.url();
    let mut hanging = tokio::spawn(reqwest::get(url.clone()));
    not_yet(&mut hanging).await;
    drop(proxy);
    assert!(soon(hanging).await.unwrap().is_err());
    within(SOON, "the port to be closed", || async {
        let connected = tokio::net::TcpStream::connect(url.trim_start_matches("http://"));
        match connected.await {
            Err(_) => Ok(()),
            Ok(stream) => Err(stream),
        }
    })
    .await;
    simulator.shutdown().await.unwrap();
}
