//! What the controller does while something that it depends on is broken, and that it recovers without a hand.

mod api_server;
mod connection;
mod deletion;
mod platform;
mod rights;
mod secrets;
mod status;
mod targets;

use std::time::{Duration, Instant};

use plumbline::simulator::Control;

use crate::support::{
    control_plane::ControlPlane,
    controller::Controller,
    eventually::{LIMIT, within},
    scenario::{Scenario, condition},
    target::Target,
};

/// A control plane to break. Nothing is left of its processes but the supervisor once [`retire`] has been called.
fn plane_of_its_own() -> &'static ControlPlane {
    Box::leak(Box::new(ControlPlane::start()))
}

/// Ends the programs of a control plane that lives, as every `'static`, until the process ends.
fn retire(plane: &ControlPlane) {
    plane.command("kill", "kube-apiserver");
    plane.command("kill", "etcd");
}

/// Waits until `target` has had `more` requests more than now.
async fn until_requested(target: &Target, more: usize) {
    let wanted = target.requests() + more;
    within(LIMIT, "more requests of the target", || async {
        let requests = target.requests();
        if requests >= wanted {
            Ok(())
        } else {
            Err(requests)
        }
    })
    .await;
}

/// Waits until the log of the controller has `more` lines with `text` more than now.
async fn until_logged(controller: &Controller, text: &str, more: usize) {
    let wanted = logged(controller, text) + more;
    within(LIMIT, text, || async {
        let lines = logged(controller, text);
        if lines >= wanted { Ok(()) } else { Err(lines) }
    })
    .await;
}

/// Lines of the controller's log that hold `text`.
fn logged(controller: &Controller, text: &str) -> usize {
    let log = controller.log();
    log.lines().filter(|line| line.contains(text)).count()
}

/// What the controller has done for the API server's sake so far.
struct Effort {
    begun: Instant,
    reconciles: f64,
    retries: f64,
    writes: f64,
}

impl Effort {
    async fn of(controller: &Controller) -> Self {
        Self {
            begun: Instant::now(),
            reconciles: controller.metric("plumbline_reconciles_total").await,
            retries: controller.metric("plumbline_reconcile_retries_total").await,
            writes: controller.metric("plumbline_status_writes_total").await,
        }
    }

    /// Panics when more was done since then than `objects` objects in trouble are worth: each is tried again after a
    /// second at the earliest, and woken by each of its runs.
    async fn is_bounded(&self, controller: &Controller, objects: u32) {
        let now = Self::of(controller).await;
        let seconds = now.begun.duration_since(self.begun).as_secs_f64();
        let most = f64::from(objects) * (seconds + 3.0);
        let spent = [
            ("retries", now.retries - self.retries, most),
            ("status writes", now.writes - self.writes, most),
            ("reconciles", now.reconciles - self.reconciles, 2.0 * most),
        ];
        for (what, count, most) in spent {
            assert!(
                count <= most,
                "{count} {what} in {seconds} s, which is more than {most}"
            );
        }
    }
}

/// The reasons that Ready of `name` has had, in order, without repetitions.
fn reasons(scenario: &Scenario, name: &str) -> Vec<String> {
    let mut reasons: Vec<String> = scenario
        .recorder
        .versions_of(name)
        .iter()
        .map(|object| {
            condition(object, "Ready")["reason"]
                .as_str()
                .unwrap_or("None")
                .to_owned()
        })
        .collect();
    reasons.dedup();
    reasons
}

/// Waits until `ask` says yes, and gives how long that took.
async fn timed<T, F: Future<Output = T>>(wait: F) -> (Duration, T) {
    let begun = Instant::now();
    let answer = wait.await;
    (begun.elapsed(), answer)
}

/// Waits until the simulated Render has had `more` calls more than now.
async fn until_requested_of(render: &Control, more: u64) {
    let calls = || render.calls().values().sum::<u64>();
    let wanted = calls() + more;
    within(LIMIT, "more calls of the platform", || async {
        let calls = calls();
        if calls >= wanted { Ok(()) } else { Err(calls) }
    })
    .await;
}
