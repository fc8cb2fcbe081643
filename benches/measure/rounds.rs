//! Bad releases on the simulated Render, one after the other, and when each was found, rolled back and proven mended.

use std::time::Duration;

use jiff::Timestamp;
use kube::{api::DynamicObject, runtime::wait::await_condition};
use plumbline::simulator::{Bucket, DeployStatus, Limit};
use serde_json::json;
use tokio::time::{sleep, timeout};

use super::{
    Broken,
    support::{
        scenario::Scenario,
        world::{BAD, GOOD, World, said},
    },
    table::{note, quantile},
};

/// How many. Each breaks a service and a validation of its own, so that each is the first incident of its kind.
pub const ROUNDS: u32 = 20;

/// How much longer the platform takes in each round than in the one before it.
const STEP: Duration = Duration::from_millis(250);

/// Longest time of one.
const PATIENCE: Duration = Duration::from_mins(2);

/// When what came of one bad release.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    /// It went live.
    pub shipped: Timestamp,
    /// It answered the request that made its check fail.
    pub failed: Timestamp,
    /// Render was asked to go back.
    pub asked: Timestamp,
    /// What was gone back to is live.
    pub live: Timestamp,
    /// The status says that the rollback is verified.
    pub verified: Timestamp,
}

/// All rounds, with this time between two runs of a validation, and between two looks at the platform.
pub async fn all(interval: Duration, poll_interval: Duration) -> Result<Vec<Round>, Broken> {
    let settings = format!(
        "platforms: {{render: {{url: RENDER, pollInterval: {}s, consistencyWindow: 1s}}}}",
        poll_interval.as_secs()
    );
    let scenario = Scenario::start_with(&settings).await;
    // What is measured here is how long the work takes, and not how long it has to wait for the budget of calls.
    let limit = Limit {
        calls: 1_000_000,
        window_seconds: 60,
    };
    scenario.render().set_limit(Bucket::Reads, limit)?;
    let names: Vec<String> = (0..ROUNDS).map(|number| format!("shop-{number}")).collect();
    let services: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), GOOD)).collect();
    let world = World::of(scenario, &services).await;
    world.apply_policy(json!({})).await;
    for name in &names {
        let mut spec = world.spec(&[name]);
        spec["interval"] = json!(format!("{}s", interval.as_secs()));
        spec["retryInterval"] = spec["interval"].clone();
        world.scenario.apply(name, spec).await;
    }
    for name in &names {
        world.scenario.until_known_good(name).await;
    }
    let mut rounds = Vec::new();
    for (number, name) in (0..ROUNDS).zip(&names) {
        // The end of a round falls on the monitor's seconds: from there all over the interval.
        sleep(interval * number / ROUNDS).await;
        let platform = STEP * (number + 1);
        world.next_of(
            name,
            &[
                (DeployStatus::UpdateInProgress, platform.as_secs_f64()),
                (DeployStatus::Live, 0.0),
            ],
        );
        rounds.push(one(&world, name).await?);
    }
    Ok(rounds)
}

async fn one(world: &World, name: &str) -> Result<Round, Broken> {
    let shipped = Timestamp::now();
    world.ship_bad(name);
    let is_verified = |object: Option<&DynamicObject>| {
        let object = object.and_then(|object| serde_json::to_value(object).ok());
        object.is_some_and(|object| said(&object, "RolledBack") == "True RollbackVerified")
    };
    let verified = await_condition(world.scenario.objects(), name, is_verified);
    timeout(PATIENCE, verified).await.map_err(|_| {
        format!(
            "{name} was not rolled back: {}",
            world.scenario.controller.log()
        )
    })??;
    let verified = Timestamp::now();

    let mutations = world.mutations();
    let call = mutations.iter().rfind(|entry| entry.action == "roll back");
    let asked = call.ok_or("Render was not asked to go back")?.at;
    let served = world.app.served("health", BAD);
    let failed = served.into_iter().rfind(|at| *at < asked);
    let deploys = world.render().deploys(name)?;
    let back = deploys
        .iter()
        .find(|deploy| deploy.status == DeployStatus::Live);
    let round = Round {
        shipped,
        failed: failed.ok_or("the bad release was not checked")?,
        asked,
        live: back
            .and_then(|deploy| deploy.finished_at)
            .ok_or("nothing is live")?,
        verified,
    };
    note(&format!(
        "{name}: failed after {:.2} s, asked after {:.0} ms, live after {:.2} s, verified after {:.2} s",
        seconds(round.shipped, round.failed),
        1e3 * seconds(round.failed, round.asked),
        seconds(round.asked, round.live),
        seconds(round.live, round.verified),
    ));
    Ok(round)
}

/// Median and worst of what `taken` says of each round.
pub fn median_and_worst(rounds: &[Round], taken: impl Fn(&Round) -> f64) -> (f64, f64) {
    let mut all: Vec<f64> = rounds.iter().map(taken).collect();
    all.sort_by(f64::total_cmp);
    (quantile(&all, 0.5), quantile(&all, 1.0))
}

/// Seconds between two times.
pub fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}
