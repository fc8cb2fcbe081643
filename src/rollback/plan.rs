//! What is done, service by service.

use std::collections::{BTreeMap, BTreeSet};

use super::incident::Achieved;
use crate::api::{
    Area, FailureClass, GoodRelease, ObservedRelease, PlannedStep, PlatformStep, RollbackGoal,
    Strategies, StrategyStep, Tier,
};

/// The class of a failure in one area.
#[must_use]
pub const fn class_of(area: Area) -> FailureClass {
    match area {
        Area::Config
        | Area::Api
        | Area::Worker
        | Area::External
        | Area::Performance
        | Area::Security => FailureClass::Application,
        Area::Platform | Area::Storage => FailureClass::Infrastructure,
        Area::Database => FailureClass::Database,
        Area::Monitoring => FailureClass::Monitoring,
    }
}

/// The classes that a failure is made of, in the order of a policy's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes(BTreeSet<FailureClass>);

impl Classes {
    /// By the areas in which checks failed; at least one.
    #[must_use]
    pub fn of(areas: impl IntoIterator<Item = Area>) -> Self {
        Self(areas.into_iter().map(class_of).collect())
    }

    /// The one class, or complete when there are several.
    #[must_use]
    pub fn class(&self) -> FailureClass {
        match (self.0.first(), self.0.len()) {
            (Some(only), 1) => *only,
            _ => FailureClass::Complete,
        }
    }

    /// Whether one of `required` is the class, or among those that it is made of.
    #[must_use]
    pub fn meet(&self, required: &[FailureClass]) -> bool {
        let class = self.class();
        required
            .iter()
            .any(|required| *required == class || self.0.contains(required))
    }

    /// The policy's steps for it.
    #[must_use]
    pub fn steps(&self, strategies: &Strategies) -> Vec<PlatformStep> {
        let whole = steps_of(strategies, self.class());
        if !whole.is_empty() || self.class() != FailureClass::Complete {
            return or_default(whole);
        }
        let mut joined = Vec::new();
        for class in &self.0 {
            joined.extend(or_default(steps_of(strategies, *class)));
        }
        or_default(joined)
    }
}

fn steps_of(strategies: &Strategies, class: FailureClass) -> Vec<PlatformStep> {
    let steps = match class {
        FailureClass::Application => &strategies.application,
        FailureClass::Infrastructure => &strategies.infrastructure,
        FailureClass::Database => &strategies.database,
        FailureClass::Monitoring => &strategies.monitoring,
        FailureClass::Complete => &strategies.complete,
    };
    let step = |step: &StrategyStep| {
        let StrategyStep { platform } = step;
        *platform
    };
    steps.iter().filter_map(step).collect()
}

fn or_default(steps: Vec<PlatformStep>) -> Vec<PlatformStep> {
    if steps.is_empty() {
        vec![PlatformStep::default()]
    } else {
        steps
    }
}

/// A service of the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Service<'a> {
    /// Its name.
    pub name: &'a str,
    /// Which services it goes back with.
    pub tier: Tier,
}

/// A service that cannot be brought back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// The goal has no deploy of it, as when it was added later.
    #[error("release {goal} has no deploy of service {service}")]
    UnknownToGoal {
        /// The service.
        service: String,
        /// The goal.
        goal: String,
    },
    /// No deploy of it is known to be live.
    #[error("release {live} has no deploy of service {service}")]
    NotLive {
        /// The service.
        service: String,
        /// The live release.
        live: String,
    },
}

/// What services are to go back to, and where they are.
#[derive(Clone, Copy, Debug)]
pub struct Ground<'a> {
    /// The services of the spec, in its order.
    pub services: &'a [Service<'a>],
    /// What is live.
    pub live: &'a ObservedRelease,
    /// What to go back to.
    pub goal: &'a GoodRelease,
    /// What earlier attempts brought about.
    pub achieved: &'a BTreeMap<&'a str, Achieved<'a>>,
}

/// The steps, each service at most once, in the order of the strategy and then of the spec. One that is where it is to go is
/// left out; when that leaves nothing, the strategy has nothing to do.
pub fn resolve(
    ground: Ground<'_>,
    strategy: &[PlatformStep],
) -> Result<Vec<PlannedStep>, PlanError> {
    let mut seen = BTreeSet::new();
    let mut steps = Vec::new();
    for step in strategy {
        let PlatformStep {
            to: RollbackGoal::LastKnownGood,
            tier,
            disable_auto_deploy,
        } = *step;
        let meant = |service: &&Service<'_>| tier.is_none_or(|tier| tier == service.tier);
        for service in ground.services.iter().filter(meant) {
            if seen.insert(service.name) {
                steps.extend(step_of(ground, service.name, disable_auto_deploy)?);
            }
        }
    }
    Ok(steps)
}

/// Whether every service is where it is to go.
#[must_use]
pub fn is_reached(ground: Ground<'_>) -> bool {
    let everything = [PlatformStep::default()];
    resolve(ground, &everything).is_ok_and(|steps| steps.is_empty())
}

/// The step of one service; `None` when its live deploy is the goal's, or has its content.
fn step_of(
    ground: Ground<'_>,
    service: &str,
    disable_auto_deploy: bool,
) -> Result<Option<PlannedStep>, PlanError> {
    let live = ground.live.services.iter();
    let live = live
        .map(|live| (live.name.as_str(), live.deploy_id.as_str()))
        .find(|(name, _)| *name == service);
    let Some((_, from)) = live else {
        return Err(PlanError::NotLive {
            service: service.to_owned(),
            live: ground.live.id.clone(),
        });
    };
    let goal = ground.goal.services.iter();
    let goal = goal.clone().find(|goal| goal.name == service);
    let Some(goal) = goal else {
        return Err(PlanError::UnknownToGoal {
            service: service.to_owned(),
            goal: ground.goal.release.clone(),
        });
    };
    let achieved = ground
        .achieved
        .get(service)
        .is_some_and(|achieved| achieved.operation == from && achieved.to == goal.deploy_id);
    if from == goal.deploy_id || achieved {
        return Ok(None);
    }
    Ok(Some(PlannedStep {
        service: service.to_owned(),
        from: from.to_owned(),
        to: goal.deploy_id.clone(),
        version: goal.version.clone(),
        disable_auto_deploy,
    }))
}

#[cfg(test)]
mod tests;
