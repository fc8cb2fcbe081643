use super::*;
use crate::rollback::samples::{good, live, read};

const SERVICES: [Service<'static>; 3] = [
    Service {
        name: "api",
        tier: Tier::Application,
    },
    Service {
        name: "proxy",
        tier: Tier::Infrastructure,
    },
    Service {
        name: "worker",
        tier: Tier::Application,
    },
];

const LIVE: &str = "api=a2 proxy=p2 worker=w2";
const GOOD: &str = "api=a1 proxy=p1 worker=w1";

/// What the strategy of these areas does, as `service from>to`, with `!` where pushes go on deploying.
fn steps(
    live_deploys: &str,
    goal: &str,
    strategies: &str,
    areas: &[Area],
) -> Result<String, String> {
    let achieved = BTreeMap::new();
    let ground = Ground {
        services: &SERVICES,
        live: &live(live_deploys, "12:00"),
        goal: &good(goal, "11:00", &[]),
        achieved: &achieved,
    };
    let strategy = Classes::of(areas.iter().copied()).steps(&read(strategies));
    shown(resolve(ground, &strategy))
}

fn shown(steps: Result<Vec<PlannedStep>, PlanError>) -> Result<String, String> {
    let steps = steps.map_err(|error| error.to_string())?;
    let shown: Vec<_> = steps
        .iter()
        .map(|step| {
            let pushes = if step.disable_auto_deploy { "" } else { "!" };
            format!("{} {}>{}{pushes}", step.service, step.from, step.to)
        })
        .collect();
    Ok(shown.join(", "))
}

#[test]
fn every_area_is_of_a_class_and_several_classes_are_complete() {
    let class = |areas: &[Area]| Classes::of(areas.iter().copied()).class();
    for area in [
        Area::Config,
        Area::Api,
        Area::Worker,
        Area::External,
        Area::Performance,
        Area::Security,
    ] {
        assert_eq!(class(&[area]), FailureClass::Application);
    }
    assert_eq!(
        class(&[Area::Platform, Area::Storage]),
        FailureClass::Infrastructure
    );
    assert_eq!(class(&[Area::Database]), FailureClass::Database);
    assert_eq!(class(&[Area::Monitoring]), FailureClass::Monitoring);
    assert_eq!(class(&[Area::Api, Area::Database]), FailureClass::Complete);
}

#[test]
fn approval_is_asked_for_by_the_class_or_by_one_that_it_is_made_of() {
    let meet = |areas: &[Area], required: &[FailureClass]| {
        Classes::of(areas.iter().copied()).meet(required)
    };
    assert!(meet(&[Area::Database], &[FailureClass::Database]));
    assert!(meet(
        &[Area::Database, Area::Api],
        &[FailureClass::Database]
    ));
    assert!(meet(
        &[Area::Database, Area::Api],
        &[FailureClass::Complete]
    ));
    assert!(!meet(&[Area::Database], &[FailureClass::Complete]));
    assert!(!meet(&[Area::Api], &[FailureClass::Database]));
    assert!(!meet(&[Area::Api], &[]));
}

#[test]
fn by_default_every_service_that_differs_goes_back_in_the_order_of_the_spec() {
    assert_eq!(
        steps(LIVE, GOOD, "{}", &[Area::Api]).unwrap(),
        "api a2>a1, proxy p2>p1, worker w2>w1"
    );
    assert_eq!(
        steps("worker=w2 proxy=p1 api=a2", GOOD, "{}", &[Area::Api]).unwrap(),
        "api a2>a1, worker w2>w1"
    );
    assert_eq!(steps(GOOD, GOOD, "{}", &[Area::Api]).unwrap(), "");
}

#[test]
fn the_strategy_of_the_class_says_which_services_and_in_which_order_and_each_goes_once() {
    let strategies = "
application: [{platform: {tier: infrastructure, disableAutoDeploy: false}}, {platform: {}}]
infrastructure: [{platform: {tier: infrastructure}}]
";
    assert_eq!(
        steps(LIVE, GOOD, strategies, &[Area::Api]).unwrap(),
        "proxy p2>p1!, api a2>a1, worker w2>w1"
    );
    assert_eq!(
        steps(LIVE, GOOD, strategies, &[Area::Storage]).unwrap(),
        "proxy p2>p1"
    );
    assert_eq!(
        steps(LIVE, GOOD, strategies, &[Area::Database]).unwrap(),
        "api a2>a1, proxy p2>p1, worker w2>w1"
    );
}

#[test]
fn a_complete_failure_has_its_own_strategy_or_those_of_the_classes_that_failed() {
    let all = [Area::Monitoring, Area::Storage, Area::Api];
    let own = "{complete: [{platform: {tier: infrastructure}}], application: [{platform: {}}]}";
    assert_eq!(steps(LIVE, GOOD, own, &all).unwrap(), "proxy p2>p1");
    let joined = "
application: [{platform: {tier: application}}]
infrastructure: [{platform: {tier: infrastructure}}]
database: [{platform: {disableAutoDeploy: false}}]
";
    let two = [Area::Storage, Area::Api];
    assert_eq!(
        steps(LIVE, GOOD, joined, &two).unwrap(),
        "api a2>a1, worker w2>w1, proxy p2>p1"
    );
    assert_eq!(
        steps(LIVE, GOOD, "{}", &two).unwrap(),
        "api a2>a1, proxy p2>p1, worker w2>w1"
    );
}

#[test]
fn in_a_complete_failure_a_class_without_a_strategy_has_the_default() {
    let strategies = "{infrastructure: [{platform: {tier: infrastructure}}]}";
    assert_eq!(
        steps(LIVE, GOOD, strategies, &[Area::Api, Area::Storage]).unwrap(),
        "api a2>a1, proxy p2>p1, worker w2>w1"
    );
}

#[test]
fn a_service_that_the_goal_or_the_live_release_does_not_know_is_an_error_where_it_is_meant() {
    let old = "api=a1 worker=w1";
    let goal = good(old, "11:00", &[]).release;
    assert_eq!(
        steps(LIVE, old, "{}", &[Area::Api]).unwrap_err(),
        format!("release {goal} has no deploy of service proxy")
    );
    let applications = "{application: [{platform: {tier: application}}]}";
    assert_eq!(
        steps(LIVE, old, applications, &[Area::Api]).unwrap(),
        "api a2>a1, worker w2>w1"
    );
    let part = "api=a2 worker=w2";
    let live = live(part, "12:00").id;
    assert_eq!(
        steps(part, GOOD, "{}", &[Area::Api]).unwrap_err(),
        format!("release {live} has no deploy of service proxy")
    );
}

#[test]
fn a_service_that_an_attempt_has_brought_back_already_is_left_out() {
    let achieved = |operation, to| BTreeMap::from([("api", Achieved { operation, to })]);
    let resolve = |achieved: &BTreeMap<&str, Achieved<'_>>| {
        let ground = Ground {
            services: &SERVICES,
            live: &live(LIVE, "12:00"),
            goal: &good(GOOD, "11:00", &[]),
            achieved,
        };
        shown(resolve(ground, &[PlatformStep::default()])).unwrap()
    };
    let whole = "api a2>a1, proxy p2>p1, worker w2>w1";
    assert_eq!(resolve(&achieved("a2", "a1")), "proxy p2>p1, worker w2>w1");
    assert_eq!(
        resolve(&achieved("a2", "a0")),
        whole,
        "back to something else"
    );
    assert_eq!(resolve(&achieved("a3", "a1")), whole, "it was live once");
}

#[test]
fn a_step_that_is_of_no_kind_does_nothing() {
    assert_eq!(
        steps(LIVE, GOOD, "{application: [{}]}", &[Area::Api]).unwrap(),
        "api a2>a1, proxy p2>p1, worker w2>w1"
    );
}
