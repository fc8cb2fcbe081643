//! What status says of the whole.

use super::*;
use crate::{
    api::{AreaState, Phase, SystemHealth},
    checks::health::Lost,
};

impl Life {
    fn health(&self) -> &SystemHealth {
        self.status.health.as_ref().unwrap()
    }
}

fn refused() -> Finding {
    Finding::fail(FindingReason::ConnectionRefused, "refused")
}

#[test]
fn the_root_cause_is_named_in_the_write_that_says_that_it_has_failed() {
    let mut life = Life::new();
    life.run(&[]).write();
    assert!(life.health().root_causes.is_empty());
    let states: Vec<_> = life.health().areas.iter().map(|area| area.state).collect();
    assert_eq!(states, [AreaState::Passing, AreaState::Passing]);
    life.run(&[("queue", refused())]).write();
    assert!(life.health().root_causes.is_empty(), "below its threshold");
    life.run(&[("queue", refused())]).write();
    let cause = &life.health().root_causes[0];
    assert_eq!(
        (&*cause.check, &*cause.reason),
        ("queue", "ConnectionRefused")
    );
    assert_eq!(life.health().patterns[0].checks, 1);
}

#[test]
fn a_status_is_the_same_for_as_long_as_no_state_changes() {
    let mut life = Life::new();
    let grown = |times| Slow {
        place: 0,
        phase: Phase::FirstByte,
        lost: Lost::Grown(times),
    };
    life.slow = vec![grown(4)];
    life.run(&[("queue", refused())])
        .run(&[("queue", refused())])
        .write();
    life.later(60).write();
    let written = life.status.clone();
    assert_eq!(life.health().bottleneck.as_ref().unwrap().times, Some(4));
    for times in [8, 2, 4, 8] {
        life.slow = vec![grown(times)];
        life.run(&[("queue", refused())]).later(30).write();
        assert_eq!(life.status, written, "{times} times is a jitter");
    }
    life.slow = vec![];
    life.write();
    assert_eq!(life.health().bottleneck, None);
}

#[test]
fn while_nothing_is_known_nothing_is_said_of_the_whole() {
    let mut life = Life::new();
    life.run(&[("queue", refused())]).write();
    life.stale = true;
    life.write();
    assert_eq!(life.status.health, None, "an old run says nothing of now");
    life.stale = false;
    life.write();
    assert_eq!(life.health().areas.len(), 2);
    life.write_facts(&Facts::Suspended);
    assert_eq!(life.status.health, None);
}

#[test]
fn status_has_no_more_root_causes_than_its_schema_allows() {
    let check = |number: usize| {
        format!(
            "  - {{name: c{number}, failureThreshold: 1, tcp: {{host: c{number}.example.com, port: 1}}}}\n"
        )
    };
    let checks: String = (0..12).map(check).collect();
    let mut life = Life::with_spec(&format!("target: {{external: {{}}}}\nchecks:\n{checks}"));
    let names: Vec<String> = (0..12).map(|number| format!("c{number}")).collect();
    let findings: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), refused()))
        .collect();
    life.run(&findings).write();
    let health = life.health();
    assert_eq!((health.root_causes.len(), health.more_root_causes), (8, 4));
    assert_eq!(health.systemic.as_ref().unwrap().failing, 12);
}
