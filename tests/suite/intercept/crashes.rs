//! A process is killed at one point of one mutation: no later one has passed by then, and those of its next life do.

use futures::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::WatchParams};
use plumbline::simulator::{Options as SimulatorOptions, Simulator};
use serde_json::{Value, json};

use super::{World, assert_cut, client_through, create, namespace, soon};
use crate::support::{
    control_plane::ControlPlane,
    controller::{Controller, Options},
    eventually::eventually,
    intercept::{Action, Interceptor, Journal, Point, RequestRule},
    scenario::{condition, external_spec},
    target::Target,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_finds_its_mutation_at_the_point_and_no_later_one_done() {
    let simulator = Simulator::start(SimulatorOptions::default()).await.unwrap();
    for (point, done, answered) in [
        (Point::BeforeSend, false, false),
        (Point::AfterSendBeforeReply, true, false),
        (Point::AfterReply, true, true),
    ] {
        let world = World::start().await;
        let upstream = format!("http://{}/_simulator", simulator.address);
        let render = Interceptor::before(&upstream, &world.journal).await;
        let watch = world.through.watch(&WatchParams::default(), "0").await;
        let watch = watch.unwrap();
        let reached = world.journal.arm(2, point);
        create(&world.through, "one").await.unwrap();
        let second = world.creating("two");
        let held = soon(reached).await;
        assert_eq!(held.request.number, Some(2));
        assert_eq!(held.request.body["metadata"]["name"], "two");
        assert_eq!(world.has("two").await, done, "{point:?}");
        if answered {
            soon(second).await.unwrap().unwrap();
        } else {
            assert!(!second.is_finished(), "{point:?}");
            second.abort();
        }

        // A later one of the same life, to the other server.
        let later = json!({"name": format!("{point:?}")});
        let later = reqwest::Client::new()
            .post(format!("{}/workspaces", render.url()))
            .json(&later)
            .send();
        let later = tokio::spawn(later);
        world.until_arrived(3).await;
        assert!(
            world.through.get_opt("one").await.unwrap().is_some(),
            "reading goes on"
        );
        drop(held);
        // What was open has ended.
        soon(watch.count()).await;
        assert!(
            soon(later).await.unwrap().is_err(),
            "the later one was forwarded"
        );

        let next = client_through(&world.proxy).await;
        let next: Api<ConfigMap> = Api::namespaced(next, world.direct.namespace().unwrap());
        soon(create(&next, "four")).await.unwrap();
        assert_eq!(
            world.has("two").await,
            done,
            "{point:?} came to it afterwards"
        );
        let forwarded = world.journal.mutations();
        let forwarded: Vec<_> = forwarded
            .iter()
            .map(|mutation| mutation.forwarded)
            .collect();
        assert_eq!(forwarded, [1, usize::from(done), 0, 1], "{point:?}");
    }
    let workspaces = simulator.control().ledger();
    assert!(workspaces.is_empty(), "{workspaces:?}");
    simulator.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_that_is_called_off_costs_nothing() {
    let world = World::start().await;
    let reached = world.journal.arm(1, Point::AfterSendBeforeReply);
    let first = world.creating("first");
    let held = soon(reached).await;
    let second = world.creating("second");
    world.until_arrived(2).await;
    assert!(!world.has("second").await, "it passed the standstill");
    held.release();
    soon(first).await.unwrap().unwrap();
    soon(second).await.unwrap().unwrap();

    // Called off before it comes, and awaited elsewhere; then called off on its way there.
    drop(world.journal.arm(3, Point::BeforeSend));
    let reached = world.journal.arm(3, Point::AfterReply);
    let third = world.creating("third");
    soon(reached).await.release();
    soon(third).await.unwrap().unwrap();
    let reached = world.journal.arm(4, Point::AfterSendBeforeReply);
    let rule = RequestRule::new(Action::HoldBefore).mutation(4);
    world.proxy.rule(rule);
    let fourth = world.creating("fourth");
    let held = world.proxy.held().await;
    drop(reached);
    held.release();
    soon(fourth).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mutation_that_is_lost_before_its_point_is_told_and_ends_the_standstill() {
    let world = World::start().await;
    let reached = tokio::spawn(world.journal.arm(1, Point::AfterReply));
    let rule = RequestRule::new(Action::HoldBefore).mutation(1);
    world.proxy.rule(rule);
    let first = world.creating("first");
    let held = world.proxy.held().await;
    let second = world.creating("second");
    world.until_arrived(2).await;
    held.drop_it();
    assert_cut(&soon(first).await.unwrap());
    soon(second).await.unwrap().unwrap();
    let told = soon(reached).await.err().unwrap().into_panic();
    let told = told.downcast::<String>().unwrap();
    assert!(
        told.contains("mutation 1 was never at AfterReply"),
        "{told}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_controller_begins_again_behind_the_same_interceptor() {
    let plane = ControlPlane::shared();
    let namespace = namespace(&plane.client().await).await;
    let journal =
        Journal::of(|request| request.path.ends_with("/deploymentvalidations/web/status"));
    let proxy = Interceptor::before_api_server(plane, &journal).await;
    let target = Target::start().await;
    let object = json!({
        "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation",
        "metadata": {"name": "web", "namespace": namespace}, "spec": external_spec(&target.url()),
    });
    plane
        .kubectl(&["apply", "-f", "-"], Some(&object.to_string()))
        .unwrap();
    let reached = journal.arm(1, Point::BeforeSend);
    let options = Options {
        namespace: &namespace,
        settings: "network: {egress: {allow: ['127.0.0.1/32']}}".to_owned(),
        server: Some(proxy.url()),
        authority: Some(proxy.certificate_authority()),
    };
    let mut controller = Controller::launch(plane, &options);
    let held = soon(reached).await;
    controller.kill();
    drop(held);
    controller.relaunch(&namespace);
    eventually("the validation to pass", || async {
        let arguments = [
            "get",
            "deploymentvalidation",
            "web",
            "-n",
            &namespace,
            "-o",
            "json",
        ];
        let told = plane.kubectl(&arguments, None).unwrap();
        let object: Value = serde_json::from_str(&told).unwrap();
        match condition(&object, "Ready")["status"].as_str() {
            Some("True") => Ok(()),
            _ => Err(object["status"].clone()),
        }
    })
    .await;
    let told = journal.mutations();
    assert_eq!((told[0].forwarded, told[0].status), (0, None));
    let again = &told[1];
    assert_eq!(
        (&again.method, &again.path),
        (&told[0].method, &told[0].path)
    );
    assert_eq!((again.forwarded, again.status), (1, Some(200)));
}
