//! System health: what the states of all checks say together. Derived, never probed, and pure: no clock, no network, no order
//! of checks in it.
//!
//! A check counts as bad when it has failed or cannot be told. One that had passed and fails below its threshold is not bad yet,
//! and one that has not run yet or is skipped has nothing to say of its own.

mod bottleneck;
mod causes;
mod pace;
mod patterns;
mod systemic;

use std::collections::BTreeMap;

pub use pace::{Lost, Pace, Slow};

use super::{
    board::Board,
    suite::{Check, Suite},
    verdict::FindingReason,
};
use crate::api::{Area, AreaHealth, AreaState, Bottleneck, CheckState, CheckStatus, SystemHealth};

/// How the whole is. `slow` is where the latest runs lost time, and `before` the bottleneck that was told last: of two that are
/// about as bad it stays, so that nothing is told anew for a jitter.
#[must_use]
pub fn derive(
    suite: &Suite,
    board: &Board,
    slow: &[Slow],
    before: Option<&Bottleneck>,
) -> SystemHealth {
    SystemHealth {
        areas: areas(board.checks()),
        root_causes: causes::root_causes(suite, board),
        more_root_causes: 0,
        bottleneck: bottleneck::bottleneck(suite, board, slow, before),
        patterns: patterns::patterns(suite, board),
        more_patterns: 0,
        systemic: systemic::systemic(suite, board),
    }
}

fn areas(checks: &[CheckStatus]) -> Vec<AreaHealth> {
    let mut areas: BTreeMap<Area, AreaHealth> = BTreeMap::new();
    for check in checks {
        let area = areas.entry(check.area).or_insert(AreaHealth {
            area: check.area,
            state: AreaState::Passing,
            checks: 0,
            passing: 0,
            failing: 0,
            failed: 0,
            unknown: 0,
            skipped: 0,
        });
        area.state = area.state.max(state(check));
        area.checks = area.checks.saturating_add(1);
        let count = match check.state {
            CheckState::Passing => &mut area.passing,
            CheckState::Failing => &mut area.failing,
            CheckState::Failed => &mut area.failed,
            CheckState::Unknown => &mut area.unknown,
            CheckState::Skipped => &mut area.skipped,
        };
        *count = count.saturating_add(1);
    }
    areas.into_values().collect()
}

fn state(check: &CheckStatus) -> AreaState {
    match check.state {
        CheckState::Passing => AreaState::Passing,
        CheckState::Failing => AreaState::Failing,
        CheckState::Failed => AreaState::Failed,
        CheckState::Unknown if check.reason == FindingReason::Pending.as_str() => {
            AreaState::Pending
        }
        CheckState::Unknown => AreaState::Unknown,
        CheckState::Skipped => AreaState::Skipped,
    }
}

/// Whether a check has failed or cannot be told.
fn is_bad(status: &CheckStatus) -> bool {
    matches!(state(status), AreaState::Failed | AreaState::Unknown)
}

/// The host that a check is about, without its port: what stands on one machine falls with it.
fn host(check: &Check) -> &str {
    let whole = check.probe.host();
    match whole.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => whole,
    }
}

fn count(items: usize) -> u8 {
    u8::try_from(items).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests;
