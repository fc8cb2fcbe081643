//! The controller on a real control plane: idle, and with a thousand validations.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::core::v1::Namespace;
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PostParams},
};
use plumbline::api::{ConditionStatus, ConditionType, DeploymentValidation};
use serde_json::json;
use tokio::time::sleep;

use super::{
    Broken, metrics,
    plumbline::{BINARY, Controller},
    process::Memory,
    support::control_plane::ControlPlane,
    table::{Table, mebibytes, microseconds, note},
    target,
};

/// Validations, each with a target of its own.
const VALIDATIONS: usize = 1000;

/// Checks of each.
const CHECKS: usize = 3;

/// Time between two runs of each.
const INTERVAL: Duration = Duration::from_secs(30);

/// Intervals that are measured.
const INTERVALS: u32 = 5;

/// Starts of which the median is told.
const STARTS: usize = 9;

/// Longest time until every validation is ready and quiet.
const PATIENCE: Duration = Duration::from_mins(5);

/// The name of the counter of status writes.
const WRITES: &str = "plumbline_status_writes_total";

/// Measures the idle controller, then the busy one.
pub async fn measure() -> Result<(), Broken> {
    note("fleet: the control plane starts");
    let plane = tokio::task::spawn_blocking(ControlPlane::start).await?;
    let client = plane.client().await;
    let namespace = new_namespace(&client).await?;
    let folder = tempfile::tempdir()?;
    let mut table = Table::new("The controller");
    idle(&plane, folder.path(), &namespace, &mut table).await?;

    let (_target, ports) = target::start(VALIDATIONS, 0)?;
    let (controller, _) = Controller::start(&plane, folder.path(), &namespace).await?;
    let objects: Api<DeploymentValidation> = Api::namespaced(client, &namespace);
    note(&format!(
        "fleet: {VALIDATIONS} validations with {CHECKS} checks each"
    ));
    create(&objects, &ports.answering).await?;
    settle(&controller, &objects).await?;
    busy(&controller, &objects, &mut table).await?;
    drop(controller);

    note("fleet: the controller starts anew");
    let (controller, ready) = Controller::start(&plane, folder.path(), &namespace).await?;
    sleep(INTERVAL * 2).await;
    table.tell(
        "start to ready, 1,000 validations stored",
        format!("{:.2} s", ready.as_secs_f64()),
    );
    let written = metrics::sum(&controller.metrics().await?, WRITES, "");
    table.hold(
        "status writes in two intervals after it",
        written,
        0.0,
        |writes| format!("{writes}"),
    );
    tell_memory(&mut table, "after it", controller.memory()?);
    table.print()
}

async fn idle(
    plane: &ControlPlane,
    folder: &std::path::Path,
    namespace: &str,
    table: &mut Table,
) -> Result<(), Broken> {
    let bytes = |length: u64| {
        #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
        let length = length as f64;
        length
    };
    table.hold(
        "size of the binary",
        bytes(fs::metadata(BINARY)?.len()),
        30e6,
        |size| format!("{:.1} MB", size / 1e6),
    );
    let mut starts = Vec::with_capacity(STARTS);
    for _ in 0..STARTS {
        let (_controller, ready) = Controller::start(plane, folder, namespace).await?;
        starts.push(ready.as_secs_f64());
    }
    starts.sort_by(f64::total_cmp);
    table.hold(
        "start to ready, median",
        starts[STARTS / 2],
        1.0,
        |seconds| format!("{seconds:.3} s"),
    );
    let (controller, _) = Controller::start(plane, folder, namespace).await?;
    sleep(Duration::from_secs(10)).await;
    let Memory {
        resident,
        anonymous,
        peak,
    } = controller.memory()?;
    table.hold(
        "memory with no validation",
        bytes(resident * 1024),
        25.0 * 1024.0 * 1024.0,
        mebibytes,
    );
    table.tell(
        "of that its own, the rest being pages of the binary",
        mebibytes(bytes(anonymous * 1024)),
    );
    table.tell("the most of it", mebibytes(bytes(peak * 1024)));
    Ok(())
}

async fn busy(
    controller: &Controller,
    objects: &Api<DeploymentValidation>,
    table: &mut Table,
) -> Result<(), Broken> {
    let versions = resource_versions(objects).await?;
    let (text, on_cpu) = (controller.metrics().await?, controller.on_cpu()?);
    sleep(INTERVAL * INTERVALS).await;
    let (text_after, on_cpu_after) = (controller.metrics().await?, controller.on_cpu()?);
    let memory = controller.memory()?;
    let versions_after = resource_versions(objects).await?;

    let came = |name: &str, labels: &str| {
        metrics::sum(&text_after, name, labels) - metrics::sum(&text, name, labels)
    };
    let count = |value: f64| format!("{value}");
    let passed = came("plumbline_check_verdicts_total", "verdict=\"Pass\"");
    let moved = versions_after
        .iter()
        .filter(|(name, version)| versions.get(*name) != Some(version))
        .count();
    table.tell("checks that passed in five intervals", count(passed));
    table.tell(
        "checks that did not",
        count(came("plumbline_check_verdicts_total", "") - passed),
    );
    table.hold(
        "status writes in five intervals",
        came(WRITES, ""),
        0.0,
        count,
    );
    table.hold(
        "objects whose resourceVersion has moved",
        f64::from(u32::try_from(moved)?),
        0.0,
        count,
    );
    tell_memory(table, "1,000 validations with 3 checks each", memory);
    let late = metrics::quantile(&text, &text_after, "plumbline_run_lateness_seconds", 0.99);
    table.hold(
        "upper bound of the lateness of runs, p99, as a share of the interval",
        late / INTERVAL.as_secs_f64(),
        0.1,
        |share| format!("{:.2} %", 100.0 * share),
    );
    let cost = on_cpu_after - on_cpu;
    table.tell("processor time per check", microseconds(cost / passed));
    table.tell(
        "share of one processor",
        format!(
            "{:.2} %",
            100.0 * cost / (INTERVAL * INTERVALS).as_secs_f64()
        ),
    );
    Ok(())
}

fn tell_memory(table: &mut Table, when: &str, memory: Memory) {
    #[expect(clippy::cast_precision_loss, reason = "some megabytes")]
    let [resident, anonymous, peak] =
        [memory.resident, memory.anonymous, memory.peak].map(|kibibytes| (kibibytes * 1024) as f64);
    let goal = 48.0 * 1024.0 * 1024.0;
    table.hold(format!("memory, {when}"), resident, goal, mebibytes);
    table.tell(format!("of that its own, {when}"), mebibytes(anonymous));
    table.hold(format!("the most of it, {when}"), peak, goal, mebibytes);
}

async fn new_namespace(client: &Client) -> Result<String, Broken> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace = serde_json::from_value(json!({"metadata": {"generateName": "measure-"}}))?;
    let made = namespaces
        .create(&PostParams::default(), &namespace)
        .await?;
    Ok(made.name_any())
}

async fn create(objects: &Api<DeploymentValidation>, ports: &[u16]) -> Result<(), Broken> {
    let made = stream::iter(ports.iter().enumerate())
        .map(|(number, port)| async move {
            let object = validation(number, *port)?;
            objects.create(&PostParams::default(), &object).await?;
            Ok::<(), Broken>(())
        })
        .buffer_unordered(8);
    made.try_collect().await
}

fn validation(number: usize, port: u16) -> Result<DeploymentValidation, Broken> {
    let checks: Vec<_> = (0..CHECKS)
        .map(|check| {
            json!({
                "name": format!("check-{check}"),
                "http": {
                    "url": format!("http://127.0.0.1:{port}/health?check={check}"),
                    "expect": {"json": [{"path": "$.status", "value": "ok"}]},
                },
            })
        })
        .collect();
    Ok(serde_json::from_value(json!({
        "apiVersion": "plumbline.dev/v1alpha1",
        "kind": "DeploymentValidation",
        "metadata": {"name": format!("validation-{number:04}")},
        "spec": {"interval": "30s", "target": {"external": {}}, "checks": checks},
    }))?)
}

/// Waits until every validation is ready and nothing has been written for an interval.
async fn settle(
    controller: &Controller,
    objects: &Api<DeploymentValidation>,
) -> Result<(), Broken> {
    let begun = Instant::now();
    let mut written = -1.0;
    while begun.elapsed() < PATIENCE {
        let now = metrics::sum(&controller.metrics().await?, WRITES, "");
        let ready = objects.list(&ListParams::default()).await?;
        let ready = ready.iter().filter(|object| is_ready(object)).count();
        #[expect(clippy::float_cmp, reason = "a count")]
        if ready == VALIDATIONS && now == written {
            return Ok(());
        }
        note(&format!("fleet: {ready} are ready, {now} status writes"));
        written = now;
        sleep(INTERVAL).await;
    }
    Err("the validations did not settle".into())
}

fn is_ready(object: &DeploymentValidation) -> bool {
    object.status.as_ref().is_some_and(|status| {
        status.conditions.iter().any(|condition| {
            condition.type_ == ConditionType::Ready && condition.status == ConditionStatus::True
        })
    })
}

async fn resource_versions(
    objects: &Api<DeploymentValidation>,
) -> Result<BTreeMap<String, String>, Broken> {
    let list = objects.list_metadata(&ListParams::default()).await?;
    Ok(list
        .into_iter()
        .map(|object| {
            (
                object.name_any(),
                object.resource_version().unwrap_or_default(),
            )
        })
        .collect())
}
