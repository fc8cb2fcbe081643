//! Which of several slow phases is told.

use std::cmp::Reverse;

use super::{Lost, Slow};
use crate::{
    api::{Bottleneck, CheckState, Phase},
    checks::{board::Board, suite::Suite, verdict::FindingReason},
};

/// How much further than the one that is told another phase must have grown to be told in its place.
const WORSE: u16 = 4;

/// The phase that has grown the most, else the one in which a check that is too slow spends the most time.
pub(super) fn bottleneck(
    suite: &Suite,
    board: &Board,
    slow: &[Slow],
    before: Option<&Bottleneck>,
) -> Option<Bottleneck> {
    grown(suite, slow, before).or_else(|| too_slow(suite, board, slow, before))
}

fn grown(suite: &Suite, slow: &[Slow], before: Option<&Bottleneck>) -> Option<Bottleneck> {
    let name = |slow: &Slow| &*suite.checks()[slow.place].name;
    let grown = slow.iter().filter_map(|slow| match slow.lost {
        Lost::Grown(times) => Some((slow, times)),
        Lost::Lingers | Lost::Share => None,
    });
    let worst = grown.min_by_key(|(slow, times)| (Reverse(*times), name(slow), slow.phase));
    if let Some((before, times)) = before.and_then(|before| Some((before, before.times?)))
        && let Some(now) = slow.iter().find(|slow| is_of(suite, slow, before))
    {
        let now = match now.lost {
            Lost::Grown(now) => now,
            // Neither slow nor as usual: what was told stays until that is clear.
            Lost::Lingers => times.min(2),
            Lost::Share => 0,
        };
        let outdone = worst.is_some_and(|(_, worst)| worst >= now.saturating_mul(WORSE));
        if now > 0 && !outdone {
            let about_the_same = now.saturating_mul(2) >= times && times.saturating_mul(2) >= now;
            let times = if about_the_same { times } else { now };
            return Some(Bottleneck {
                times: Some(times),
                ..before.clone()
            });
        }
    }
    worst.map(|(slow, times)| Bottleneck {
        check: name(slow).to_owned(),
        phase: slow.phase,
        times: Some(times),
    })
}

fn is_of(suite: &Suite, slow: &Slow, told: &Bottleneck) -> bool {
    *suite.checks()[slow.place].name == *told.check && slow.phase == told.phase
}

/// Of a check that has failed for being too slow, and whose usual time is not known.
fn too_slow(
    suite: &Suite,
    board: &Board,
    slow: &[Slow],
    before: Option<&Bottleneck>,
) -> Option<Bottleneck> {
    let is_too_slow = |slow: &&Slow| {
        let status = &board.checks()[slow.place];
        slow.lost == Lost::Share
            && status.state == CheckState::Failed
            && status.reason == FindingReason::TooSlow.as_str()
    };
    let shares = || slow.iter().filter(is_too_slow);
    let told = |check: &str, phase: Phase| Bottleneck {
        check: check.to_owned(),
        phase,
        times: None,
    };
    if let Some(before) = before.filter(|before| before.times.is_none())
        && shares().any(|slow| is_of(suite, slow, before))
    {
        return Some(before.clone());
    }
    // The largest of each check stands first.
    let first = shares().min_by_key(|slow| &suite.checks()[slow.place].name)?;
    Some(told(&suite.checks()[first.place].name, first.phase))
}
