use std::{
    sync::{Mutex, atomic::AtomicUsize, atomic::Ordering},
    time::Duration,
};

use futures::future::BoxFuture;
use tokio::time::{Instant, sleep};

use super::*;
use crate::{
    api::{CheckState, Phase},
    checks::{
        board::Health,
        engine::EngineSettings,
        health::{self, Lost, Slow},
        net::{Network, NetworkSettings},
        reference::{Reference, ReferenceSettings},
        scripted::{Act, QUICK, SECOND, Script, Seen},
        verdict::FindingReason,
    },
    platforms::{Attempt, LiveDeploy, PlatformError, Release},
};

/// A platform whose live deploy the test sets.
#[derive(Debug)]
struct Platform {
    live: Mutex<Option<&'static str>>,
    reads: AtomicUsize,
}

impl ReleaseSource for Platform {
    fn observe(&self, _: Instant) -> BoxFuture<'_, Result<Release, PlatformError>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let live = *self.live.lock().unwrap();
        assert_ne!(live, Some("a bug"), "a platform that breaks");
        Box::pin(async move {
            live.map(release).ok_or_else(|| {
                PlatformError::NoLiveDeploy(Attempt::new(
                    "GET /services/{serviceId}/deploys",
                    "api",
                ))
            })
        })
    }

    fn poll_interval(&self) -> Duration {
        10 * SECOND
    }
}

fn release(id: &str) -> Release {
    Release::of(vec![LiveDeploy {
        name: "api".to_owned(),
        service_id: None,
        deploy_id: id.to_owned(),
        version: None,
        live_since: None,
    }])
}

struct World {
    monitor: Monitor,
    wakes: mpsc::UnboundedReceiver<Subject>,
    platform: Arc<Platform>,
    subject: Subject,
}

impl World {
    fn new() -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let network = Network::new(&NetworkSettings::default(), Vec::new()).unwrap();
        let reference = Reference::new(&ReferenceSettings::default(), network.clone()).unwrap();
        let engine = Engine::new(network, reference, EngineSettings::default());
        let (wake, wakes) = mpsc::unbounded_channel();
        let (monitor, actor) = Monitor::new(engine, MonitorMetrics::default(), wake);
        tokio::spawn(actor.run());
        Self {
            monitor,
            wakes,
            platform: Arc::new(Platform {
                live: Mutex::new(Some("dep-1")),
                reads: AtomicUsize::new(0),
            }),
            subject: Subject {
                namespace: "default".to_owned(),
                name: "web".to_owned(),
                uid: "uid-1".to_owned(),
            },
        }
    }

    fn assignment(&self, generation: i64, script: Script) -> (Assignment, Arc<Seen>) {
        let seen = script.seen();
        let assignment = Assignment {
            generation,
            fingerprint: String::new(),
            suite: Arc::new(script.suite()),
            releases: Some(self.platform.clone()),
            retry_interval: 10 * SECOND,
            requested: None,
            confirm: false,
        };
        (assignment, seen)
    }

    async fn assign(&self, assignment: Assignment, memory: Memory) -> Arc<Snapshot> {
        let known = self
            .monitor
            .assign(self.subject.clone(), assignment, memory)
            .await;
        known.expect("the monitor runs")
    }

    /// What is known after `span`, during which everything that is due happens.
    async fn after(&self, span: Duration, assignment: &Assignment) -> Arc<Snapshot> {
        sleep(span).await;
        self.assign(assignment.clone(), Memory::default()).await
    }

    fn live(&self, id: Option<&'static str>) {
        *self.platform.live.lock().unwrap() = id;
    }
}

fn health(snapshot: &Snapshot) -> Health {
    snapshot.board.health(&snapshot.suite, None)
}

fn id(snapshot: &Snapshot) -> Option<&str> {
    snapshot
        .release
        .as_ref()
        .map(|seen| seen.release.id.as_str())
}

fn passing() -> Script {
    Script::default().check("health", &[], &[QUICK])
}

fn rarely_passing() -> Script {
    Script::default().check_with("health", &[], &[QUICK], |check| {
        check.interval = Duration::from_hours(1);
    })
}

#[tokio::test(start_paused = true)]
async fn a_new_object_runs_at_once_and_then_once_an_interval() {
    let world = World::new();
    let (assignment, seen) = world.assignment(1, passing());
    let first = world.assign(assignment.clone(), Memory::default()).await;
    assert_eq!(health(&first), Health::Running);
    let known = world.after(SECOND, &assignment).await;
    assert_eq!(health(&known), Health::Passing);
    assert_eq!(id(&known), Some("dep-1"));
    assert_eq!(seen.attempts(), 1);
    world.after(300 * SECOND, &assignment).await;
    assert_eq!(seen.attempts(), 11);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_tried_again_at_the_retry_interval() {
    let world = World::new();
    let failing = Act::Fail(FindingReason::UnexpectedStatus);
    let script = Script::default().check("health", &[], &[failing]);
    let (assignment, seen) = world.assignment(1, script);
    world.assign(assignment.clone(), Memory::default()).await;
    world.after(60 * SECOND, &assignment).await;
    assert!(
        (6..=9).contains(&seen.attempts()),
        "{} attempts",
        seen.attempts()
    );
}

#[tokio::test(start_paused = true)]
async fn a_settled_object_wakes_nobody() {
    let mut world = World::new();
    let (assignment, seen) = world.assignment(1, passing());
    world.assign(assignment.clone(), Memory::default()).await;
    sleep(5 * SECOND).await;
    while world.wakes.try_recv().is_ok() {}
    sleep(600 * SECOND).await;
    assert!(seen.attempts() > 15);
    assert!(world.wakes.try_recv().is_err(), "nothing has changed");
}

#[tokio::test(start_paused = true)]
async fn results_on_a_release_that_is_gone_count_for_neither() {
    let world = World::new();
    let failing = Act::Fail(FindingReason::UnexpectedStatus);
    let slow =
        Script::default().check_with("health", &[], &[Act::Pass(4 * SECOND), failing], |check| {
            check.failure_threshold = 1;
        });
    let (assignment, seen) = world.assignment(1, slow);
    world.assign(assignment.clone(), Memory::default()).await;
    sleep(2 * SECOND).await;
    world.live(Some("dep-2"));
    let known = world.after(Duration::from_millis(2500), &assignment).await;
    assert_eq!(id(&known), Some("dep-2"));
    assert_eq!(seen.attempts(), 2, "the new release is checked at once");
    assert_eq!(
        health(&known),
        Health::Failed,
        "the pass was measured on the old release"
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_release_is_noticed_between_runs() {
    let world = World::new();
    let (assignment, seen) = world.assignment(1, rarely_passing());
    world.assign(assignment.clone(), Memory::default()).await;
    world.after(5 * SECOND, &assignment).await;
    world.live(Some("dep-2"));
    let known = world.after(12 * SECOND, &assignment).await;
    assert_eq!(id(&known), Some("dep-2"));
    assert_eq!(seen.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_generation_gives_up_the_run_in_flight_and_forgets_its_board() {
    let world = World::new();
    let (assignment, _) = world.assignment(1, Script::default().check("health", &[], &[Act::Hang]));
    world.assign(assignment, Memory::default()).await;
    sleep(SECOND).await;
    let (assignment, seen) = world.assignment(2, passing());
    let first = world.assign(assignment.clone(), Memory::default()).await;
    assert_eq!(first.generation, 2);
    assert_eq!(health(&first), Health::Running);
    let known = world.after(SECOND, &assignment).await;
    assert_eq!(health(&known), Health::Passing);
    assert_eq!(seen.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_process_knew_holds_and_waits_for_its_turn() {
    let earlier = World::new();
    let (assignment, _) = earlier.assignment(1, passing());
    earlier.assign(assignment.clone(), Memory::default()).await;
    let known = earlier.after(SECOND, &assignment).await;
    let memory = Memory {
        checks: known.board.checks().to_vec(),
        bottleneck: None,
        release: known.release.clone(),
        handled: None,
        current: true,
    };
    let world = World::new();
    let (assignment, seen) = world.assignment(1, passing());
    let first = world.assign(assignment.clone(), memory).await;
    assert!(
        first.shows_the_same(&known),
        "a restart has nothing to write"
    );
    assert_eq!(seen.attempts(), 0);
    world.after(31 * SECOND, &assignment).await;
    assert_eq!(seen.attempts(), 1);
}

/// Passes at once eight times, and then takes a second.
fn slowing_down() -> Script {
    let mut acts = vec![QUICK; 8];
    acts.push(Act::Pass(SECOND));
    Script::default().check("health", &[], &acts)
}

#[tokio::test(start_paused = true)]
async fn a_phase_that_has_grown_is_news_once_and_holds_over_a_restart_but_not_over_an_edit() {
    let mut world = World::new();
    let (assignment, seen) = world.assignment(1, slowing_down());
    world.assign(assignment.clone(), Memory::default()).await;
    let known = world.after(200 * SECOND, &assignment).await;
    assert!(known.slow.is_empty());
    while world.wakes.try_recv().is_ok() {}
    let known = world.after(600 * SECOND, &assignment).await;
    assert!(seen.attempts() > 20);
    let slow = Slow {
        place: 0,
        phase: Phase::FirstByte,
        lost: Lost::Grown(512),
    };
    assert_eq!(known.slow, [slow]);
    assert!(world.wakes.try_recv().is_ok());
    assert!(world.wakes.try_recv().is_err(), "it is the same all along");

    let memory = Memory {
        checks: known.board.checks().to_vec(),
        bottleneck: health::derive(&known.suite, &known.board, &known.slow, None).bottleneck,
        release: known.release.clone(),
        handled: None,
        current: true,
    };
    let restarted = World::new();
    let first = restarted.assign(assignment, memory).await;
    assert!(first.shows_the_same(&known));

    let (edited, _) = world.assignment(2, slowing_down());
    let known = world.assign(edited, Memory::default()).await;
    assert!(
        known.slow.is_empty(),
        "another spec may ask for something else"
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_phase_usually_takes_is_known_over_a_change_of_the_release() {
    let world = World::new();
    let (assignment, _) = world.assignment(1, slowing_down());
    world.assign(assignment.clone(), Memory::default()).await;
    world.after(225 * SECOND, &assignment).await;
    world.live(Some("dep-2"));
    let known = world.after(120 * SECOND, &assignment).await;
    assert_eq!(id(&known), Some("dep-2"));
    assert_eq!(known.slow.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_platform_that_cannot_be_read_makes_the_observation_stale() {
    let world = World::new();
    let (assignment, seen) = world.assignment(1, passing());
    world.assign(assignment.clone(), Memory::default()).await;
    world.after(5 * SECOND, &assignment).await;
    world.live(None);
    let known = world.after(60 * SECOND, &assignment).await;
    assert!(!known.stale, "one verdict holds for three intervals");
    assert_eq!(known.board.checks()[0].state, CheckState::Passing);
    let known = world.after(60 * SECOND, &assignment).await;
    assert!(known.stale);
    assert!(known.trouble.is_some());
    assert_eq!(
        seen.attempts(),
        1,
        "without a release there is nothing to attribute results to"
    );
    world.live(Some("dep-1"));
    let known = world.after(15 * SECOND, &assignment).await;
    assert!(!known.stale && known.trouble.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_requested_run_happens_now_and_is_handled_once() {
    let world = World::new();
    let (mut assignment, seen) = world.assignment(1, rarely_passing());
    world.assign(assignment.clone(), Memory::default()).await;
    world.after(SECOND, &assignment).await;
    assignment.requested = Some("token".to_owned());
    world.assign(assignment.clone(), Memory::default()).await;
    let known = world.after(SECOND, &assignment).await;
    assert_eq!(known.handled.as_deref(), Some("token"));
    world.after(60 * SECOND, &assignment).await;
    assert_eq!(seen.attempts(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_forgotten_object_runs_no_more() {
    let world = World::new();
    let (assignment, seen) = world.assignment(1, passing());
    world.assign(assignment, Memory::default()).await;
    sleep(SECOND).await;
    world.monitor.forget("uid-1").await;
    sleep(300 * SECOND).await;
    assert_eq!(seen.attempts(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_check_with_its_own_interval_runs_at_that() {
    let world = World::new();
    let script = Script::default().check_with("rare", &[], &[QUICK], |check| {
        check.interval = Duration::from_mins(10);
    });
    let (assignment, seen) = world.assignment(1, script);
    world.assign(assignment.clone(), Memory::default()).await;
    let known = world.after(Duration::from_mins(9), &assignment).await;
    assert!(seen.attempts() <= 2, "{} attempts", seen.attempts());
    assert!(
        !known.stale,
        "an observation is as old as its own interval allows"
    );
}

#[tokio::test(start_paused = true)]
async fn a_run_that_breaks_is_made_again() {
    let world = World::new();
    let (assignment, _) = world.assignment(1, passing());
    world.live(Some("a bug"));
    world.assign(assignment.clone(), Memory::default()).await;
    world.after(20 * SECOND, &assignment).await;
    world.live(Some("dep-1"));
    let known = world.after(15 * SECOND, &assignment).await;
    assert_eq!(health(&known), Health::Passing);
}
