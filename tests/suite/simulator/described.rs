//! Every answer is one that Render's description allows.

use std::collections::{BTreeMap, BTreeSet};

use plumbline::simulator::Route;
use serde_json::Value;

use super::sweep::{Seen, Sweep};
use crate::support::description::{DEPARTURES, Description};

fn faults(seen: &[Seen], description: &Description) -> Vec<String> {
    let mut alike: BTreeMap<(Route, u16), Vec<&Value>> = BTreeMap::new();
    for seen in seen {
        let bodies = alike.entry((seen.route, seen.status)).or_default();
        bodies.push(&seen.body);
    }
    let of_each = alike.into_iter().flat_map(|((route, status), bodies)| {
        let path = route.path().trim_start_matches("/v1");
        description.faults_of(route.method().as_str(), path, status, &bodies)
    });
    of_each.collect()
}

#[test]
fn simulated_routes_are_those_of_the_trimmed_description() {
    let simulated: BTreeSet<_> = Route::ALL
        .iter()
        .map(|route| {
            let path = route.path().trim_start_matches("/v1").to_owned();
            (route.method().to_string(), path)
        })
        .collect();
    assert_eq!(simulated, Description::with(&[], false).routes());
}

#[tokio::test]
async fn every_answer_is_as_described() {
    let seen = Sweep::run().await;
    for closed in [false, true] {
        let faults = faults(&seen, &Description::with(&DEPARTURES, closed));
        assert!(faults.is_empty(), "{faults:#?}");
    }
    assert_swept(&seen);
    for (place, departure) in DEPARTURES.iter().enumerate() {
        let mut others = DEPARTURES.to_vec();
        others.remove(place);
        let needed = [false, true]
            .iter()
            .any(|closed| !faults(&seen, &Description::with(&others, *closed)).is_empty());
        assert!(needed, "no answer departs by {departure:?}");
    }
}

/// The sweep is worth what it has seen.
fn assert_swept(seen: &[Seen]) {
    let statuses: BTreeSet<_> = seen.iter().map(|seen| (seen.route, seen.status)).collect();
    for route in Route::ALL {
        for status in [401, 406, 429] {
            assert!(
                statuses.contains(&(route, status)),
                "no {status} of {route:?}"
            );
        }
        let mut done = statuses.iter().filter(|(of, _)| *of == route);
        assert!(
            done.any(|(_, status)| (200..300).contains(status)),
            "no success of {route:?}"
        );
    }
    for status in [201, 202] {
        assert!(statuses.contains(&(Route::StartDeploy, status)));
    }
    let description = Description::with(&[], false);
    let values = |route: Route, pointer: &str| -> BTreeSet<String> {
        let bodies = seen
            .iter()
            .filter(|seen| seen.route == route && seen.status == 200);
        let found = bodies.filter_map(|seen| seen.body.pointer(pointer)?.as_str());
        found.map(str::to_owned).collect()
    };
    let deploy = "/components/schemas/deploy/properties/trigger";
    let enumerations = [
        (
            Route::GetDeploy,
            "/status",
            "/components/schemas/deployStatus",
        ),
        (Route::ListDeploys, "/0/deploy/trigger", deploy),
        (
            Route::GetDatabase,
            "/status",
            "/components/schemas/databaseStatus",
        ),
        (
            Route::GetService,
            "/type",
            "/components/schemas/serviceType",
        ),
    ];
    for (route, pointer, described) in enumerations {
        assert_eq!(values(route, pointer), description.enumeration(described));
    }
    let suspenders: BTreeSet<String> = seen
        .iter()
        .filter_map(|seen| seen.body["suspenders"].as_array())
        .flatten()
        .map(|suspender| suspender.as_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        suspenders,
        description.enumeration("/components/schemas/suspenderType")
    );
}
