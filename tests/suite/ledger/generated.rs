//! Specs and statuses of every shape that the schema takes.

use k8s_openapi::jiff::Timestamp;
use plumbline::api::{
    Condition, ConditionStatus, ConditionType, Duration, PlannedStep, PolicyReference, Reason,
    ReleaseReference, RequestReference, RollbackCause, RollbackPlan, RollbackSpec, RollbackState,
    RollbackStatus, ServiceDeploy, StepState, StepStatus, ValidationReference,
};
use proptest::{
    collection::{btree_map, btree_set},
    option,
    prelude::*,
    sample::{select, subsequence},
};

/// Any text of `least` to `most` characters: mostly a short one, now and then the longest.
fn text(least: usize, most: usize) -> impl Strategy<Value = String> + Clone {
    let of = |lengths| proptest::collection::vec(any::<char>(), lengths);
    let short = least..=most.min(least + 12);
    prop_oneof![9 => of(short), 1 => of(most..=most)].prop_map(String::from_iter)
}

/// A name as Kubernetes allows it.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![4 => "[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", 1 => "[a-z]{253}"]
}

fn time() -> impl Strategy<Value = Timestamp> {
    let nanoseconds = prop_oneof![Just(0), 0..1_000_000_000];
    (0..253_402_207_200_i64, nanoseconds)
        .prop_map(|(second, nanosecond)| Timestamp::new(second, nanosecond).unwrap())
}

/// 10s to 3h.
fn duration() -> impl Strategy<Value = Duration> {
    (10_000..=10_800_000_u64).prop_map(|millis| std::time::Duration::from_millis(millis).into())
}

fn checks() -> impl Strategy<Value = Vec<String>> {
    btree_set(text(0, 63), 0..4).prop_map(Vec::from_iter)
}

/// What identifies a release or a deploy.
fn identifier() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[a-zA-Z0-9][-_.:a-zA-Z0-9]{0,20}", 1 => "[a-z]{128}"]
}

/// A service as a validation may name it.
fn service() -> impl Strategy<Value = String> {
    prop_oneof![9 => "[a-zA-Z0-9]([-_.a-zA-Z0-9]{0,20}[a-zA-Z0-9])?", 1 => "[a-z]{64}"]
}

fn release() -> impl Strategy<Value = ReleaseReference> {
    let deploy = (identifier(), option::of(text(0, 256)));
    let services = btree_map(service(), deploy, 0..4);
    (identifier(), services).prop_map(|(release, services)| ReleaseReference {
        release,
        services: services
            .into_iter()
            .map(|(name, (deploy_id, version))| ServiceDeploy {
                name,
                deploy_id,
                version,
            })
            .collect(),
    })
}

fn steps() -> impl Strategy<Value = Vec<PlannedStep>> {
    let step = (
        text(1, 128),
        text(1, 128),
        option::of(text(0, 256)),
        any::<bool>(),
    );
    btree_map(text(1, 64), step, 1..4).prop_map(|steps| {
        steps
            .into_iter()
            .map(
                |(service, (from, to, version, disable_auto_deploy))| PlannedStep {
                    service,
                    from,
                    to,
                    version,
                    disable_auto_deploy,
                },
            )
            .collect()
    })
}

fn request() -> impl Strategy<Value = RequestReference> {
    (text(0, 253), text(0, 64)).prop_map(|(name, uid)| RequestReference { name, uid })
}

prop_compose! {
    fn plan()(
        attempt in 1..=100_u8,
        failed_release in text(1, 128),
        failed_checks in checks(),
        key in text(1, 64),
        generation in 0..i64::MAX,
        claimant in text(1, 64),
        issue_before in time(),
        timeout in duration(),
        (verification_checks, verification_timeout) in (checks(), duration()),
        (approval_required, requested_by) in (any::<bool>(), option::of(request())),
        steps in steps(),
    ) -> RollbackPlan {
        RollbackPlan {
            attempt, failed_release, failed_checks, key, generation, claimant, issue_before, timeout,
            verification_checks, verification_timeout, approval_required, requested_by, steps,
        }
    }
}

prop_compose! {
    /// The spec of any attempt.
    pub fn spec()(
        (name, uid) in (name(), text(1, 64)),
        policy in option::of(name()),
        trigger in select(vec![RollbackCause::Manual, RollbackCause::Automatic]),
        reason in option::of(text(0, 1024)),
        (from, to) in (release(), release()).prop_filter("back to itself", |(from, to)| from.release != to.release),
        approved in any::<bool>(),
        plan in plan(),
    ) -> RollbackSpec {
        RollbackSpec {
            validation_ref: ValidationReference { name, uid: Some(uid) },
            policy_ref: policy.map(|name| PolicyReference { name }),
            trigger, reason, from, to: Some(to), approved, plan: Some(plan),
        }
    }
}

prop_compose! {
    fn condition(type_: ConditionType)(
        status in select(vec![ConditionStatus::True, ConditionStatus::False, ConditionStatus::Unknown]),
        observed_generation in 0..i64::MAX,
        last_transition_time in time(),
        reason in select(vec![Reason::Issued, Reason::Superseded, Reason::RollbackVerified]),
        message in text(0, 1024),
    ) -> Condition {
        Condition { type_, status, observed_generation, last_transition_time, reason, message }
    }
}

fn conditions() -> impl Strategy<Value = Vec<Condition>> {
    let types = vec![
        ConditionType::Ready,
        ConditionType::Succeeded,
        ConditionType::Approved,
        ConditionType::Issued,
        ConditionType::Verified,
        ConditionType::Reconciling,
        ConditionType::Stalled,
    ];
    subsequence(types, 0..=7)
        .prop_flat_map(|types| types.into_iter().map(condition).collect::<Vec<_>>())
}

prop_compose! {
    fn step()(
        service in text(0, 64),
        state in select(vec![
            StepState::Pending, StepState::Issued, StepState::Accepted, StepState::Done, StepState::Failed,
            StepState::Refused, StepState::NotIssued, StepState::Superseded, StepState::Skipped,
        ]),
        claimant in option::of(text(0, 64)),
        newest_before in option::of(text(0, 128)),
        operation_id in option::of(text(0, 128)),
        (started_at, finished_at) in (option::of(time()), option::of(time())),
        message in text(0, 512),
    ) -> StepStatus {
        StepStatus {
            service, state, claimant, newest_before, operation_id, started_at, finished_at, message,
        }
    }
}

fn step_statuses() -> impl Strategy<Value = Vec<StepStatus>> {
    proptest::collection::vec(step(), 0..4).prop_map(|mut steps| {
        steps.sort_by(|one, other| one.service.cmp(&other.service));
        steps.dedup_by(|one, other| one.service == other.service);
        steps
    })
}

fn state() -> impl Strategy<Value = RollbackState> {
    select(vec![
        RollbackState::AwaitingApproval,
        RollbackState::IntentRecorded,
        RollbackState::Issued,
        RollbackState::Verifying,
        RollbackState::OutcomeUnknown,
        RollbackState::InProgress,
        RollbackState::Verified,
        RollbackState::Failed,
        RollbackState::Rejected,
        RollbackState::NotIssued,
        RollbackState::Superseded,
        RollbackState::DryRun,
    ])
}

prop_compose! {
    /// Any status.
    pub fn status()(
        observed_generation in -1..i64::MAX,
        conditions in conditions(),
        state in option::of(state()),
        steps in step_statuses(),
        result in option::of(release()),
        record in option::of(text(0, 253)),
        (issued_at, live_at, finished_at) in (option::of(time()), option::of(time()), option::of(time())),
        message in text(0, 1024),
    ) -> RollbackStatus {
        RollbackStatus {
            observed_generation, conditions, state, steps, result, record, issued_at, live_at, finished_at, message,
        }
    }
}
