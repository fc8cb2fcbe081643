//! The lives that an attempt can have, one each.

use std::time::Duration;

use super::{fleet::Fate, platform::Answer, world::World};
use crate::{
    api::RollbackState,
    platforms::{Cause, RefusedBecause},
};

/// A life, and how it ends when nothing interrupts it.
pub struct Workload {
    pub name: &'static str,
    services: &'static [&'static str],
    prepare: fn(&World),
    needs_approval: bool,
    pub ends: RollbackState,
}

impl Workload {
    /// A world in which it begins.
    pub fn begin(&self) -> World {
        let world = World::of(self.services, |spec| {
            let plan = spec.plan.as_mut().unwrap();
            plan.approval_required = self.needs_approval;
        });
        (self.prepare)(&world);
        world
    }

    pub fn services(&self) -> &'static [&'static str] {
        self.services
    }
}

const ONE: &[&str] = &["api"];
const TWO: &[&str] = &["api", "worker"];

const fn workload(
    name: &'static str,
    services: &'static [&'static str],
    ends: RollbackState,
    prepare: fn(&World),
) -> Workload {
    Workload {
        name,
        services,
        prepare,
        needs_approval: false,
        ends,
    }
}

fn answer(world: &World, answer: Answer) {
    world.platform.now().answers.push_back(answer);
}

fn fates(world: &World, fates: &[Fate]) {
    world.platform.now().fates.extend(fates);
}

fn deploy(world: &World) {
    let mut state = world.platform.now();
    state.fleet.deploy("api", Cause::Other, "v3", Fate::Live(0));
}

/// Every life.
pub const WORKLOADS: &[Workload] = &[
    workload("one service", ONE, RollbackState::Verified, |_| ()),
    workload("two services", TWO, RollbackState::Verified, |_| ()),
    workload("the second fails", TWO, RollbackState::Failed, |world| {
        fates(world, &[Fate::Live(20), Fate::Fails(20)]);
    }),
    workload(
        "the second is refused",
        TWO,
        RollbackState::Failed,
        |world| {
            answer(world, Answer::Told);
            answer(world, Answer::Refused(RefusedBecause::Invalid));
        },
    ),
    workload("the rollout fails", ONE, RollbackState::Failed, |world| {
        fates(world, &[Fate::Fails(20)]);
    }),
    workload(
        "the rollout is canceled",
        ONE,
        RollbackState::Failed,
        |world| {
            fates(world, &[Fate::Canceled(20)]);
        },
    ),
    workload("the checks fail", ONE, RollbackState::Failed, |world| {
        *world.checks.pass.lock().unwrap() = false;
    }),
    workload("superseded before", ONE, RollbackState::Superseded, deploy),
    workload(
        "superseded after",
        ONE,
        RollbackState::Superseded,
        |world| {
            world.after(8, deploy);
        },
    ),
    Workload {
        name: "approval",
        services: ONE,
        prepare: |world| world.after(300, |world| world.records.approve(true)),
        needs_approval: true,
        ends: RollbackState::Verified,
    },
    workload("lost, with effect", ONE, RollbackState::Verified, |world| {
        answer(world, Answer::Lost);
    }),
    workload("late effect", TWO, RollbackState::Verified, |world| {
        answer(world, Answer::Told);
        answer(world, Answer::Late(50));
    }),
    workload(
        "lost, and not shown for long",
        ONE,
        RollbackState::Verified,
        |world| {
            answer(world, Answer::Lost);
            world.platform.now().lag = Duration::from_secs(50);
        },
    ),
    workload(
        "lost, without effect",
        ONE,
        RollbackState::NotIssued,
        |world| {
            answer(world, Answer::Unheard);
        },
    ),
    workload(
        "taken, and no id told",
        ONE,
        RollbackState::Verified,
        |world| {
            answer(world, Answer::Taken);
        },
    ),
    workload("refused", ONE, RollbackState::NotIssued, |world| {
        answer(world, Answer::Refused(RefusedBecause::Busy));
    }),
    workload("automatic deploys", ONE, RollbackState::Verified, |world| {
        let mut state = world.platform.now();
        let on = |service: &mut super::fleet::Service| service.automatic_deploys = Some(true);
        state.fleet.change("api", on);
    }),
];
