use super::*;
use crate::{
    api::{Bottleneck, Phase},
    checks::{
        board::Outcome,
        engine::{Execution, Run},
        verdict::{Finding, Phases},
    },
};

fn execution(place: usize, finding: Finding, phases: Phases) -> Execution {
    Execution {
        place,
        outcome: Outcome::Measured(finding),
        phases,
        elapsed: Duration::ZERO,
        schema: None,
    }
}

fn taking(tls: u64, first_byte: u64) -> Phases {
    Phases {
        tls: Some(Duration::from_millis(tls)),
        first_byte: Some(Duration::from_millis(first_byte)),
        ..Phases::default()
    }
}

/// A run of the first check that passes.
fn passed(pace: &mut Pace, phases: Phases) {
    ended(pace, Finding::pass("ok"), phases);
}

fn too_slow(pace: &mut Pace, phases: Phases) {
    ended(pace, Finding::fail(FindingReason::TooSlow, "slow"), phases);
}

fn ended(pace: &mut Pace, finding: Finding, phases: Phases) {
    let executions = vec![execution(0, finding, phases)];
    pace.record(&Run { executions });
}

/// After `runs` runs at 20ms for TLS and 50ms for the first byte.
fn settled(runs: usize) -> Pace {
    let mut pace = Pace::default();
    for _ in 0..runs {
        passed(&mut pace, taking(20, 50));
    }
    pace
}

fn slow(phase: Phase, lost: Lost) -> Slow {
    Slow {
        place: 0,
        phase,
        lost,
    }
}

#[test]
fn a_phase_that_takes_much_longer_than_usual_has_grown() {
    let mut pace = settled(5);
    for _ in 0..3 {
        assert_eq!(pace.slow(), []);
        passed(&mut pace, taking(230, 50));
    }
    assert_eq!(pace.slow(), [slow(Phase::Tls, Lost::Grown(8))]);
}

#[test]
fn with_too_few_earlier_runs_nothing_is_told() {
    let mut pace = settled(4);
    for _ in 0..3 {
        passed(&mut pace, taking(900, 50));
    }
    assert_eq!(pace.slow(), []);
}

#[test]
fn a_single_slow_answer_and_noise_are_no_growth() {
    let mut pace = settled(12);
    passed(&mut pace, taking(5000, 50));
    assert_eq!(pace.slow(), []);
    let mut pace = Pace::default();
    for millis in [1; 8].into_iter().chain([99; 3]) {
        passed(&mut pace, taking(millis, millis));
    }
    assert_eq!(
        pace.slow(),
        [],
        "98ms more are noise, though 99 times the usual"
    );
}

#[test]
fn what_has_grown_does_not_become_usual() {
    let mut pace = settled(8);
    for _ in 0..100 {
        passed(&mut pace, taking(230, 50));
    }
    assert_eq!(pace.slow(), [slow(Phase::Tls, Lost::Grown(8))]);
    for _ in 0..2 {
        passed(&mut pace, taking(20, 50));
    }
    assert_eq!(pace.slow(), []);
}

#[test]
fn between_slow_and_usual_it_lingers() {
    let mut pace = settled(8);
    for _ in 0..3 {
        passed(&mut pace, taking(20, 160));
    }
    assert_eq!(pace.slow(), [slow(Phase::FirstByte, Lost::Lingers)]);
}

#[test]
fn the_usual_time_is_that_of_the_releases_before_too() {
    let mut pace = settled(8);
    pace.change_release();
    passed(&mut pace, taking(20, 700));
    passed(&mut pace, taking(20, 700));
    assert_eq!(pace.slow(), [], "two runs of the new release are too few");
    passed(&mut pace, taking(20, 700));
    assert_eq!(pace.slow(), [slow(Phase::FirstByte, Lost::Grown(8))]);
}

#[test]
fn a_failure_of_another_kind_says_nothing_of_time() {
    let mut pace = settled(8);
    let refused = || Finding::fail(FindingReason::ConnectionRefused, "no");
    for _ in 0..3 {
        passed(&mut pace, taking(230, 50));
    }
    ended(
        &mut pace,
        Finding::unknown(FindingReason::ResolverFailed, "no"),
        Phases::default(),
    );
    assert_eq!(pace.slow().len(), 1, "our own trouble leaves it");
    ended(&mut pace, refused(), taking(900, 900));
    assert_eq!(pace.slow(), []);
}

#[test]
fn of_a_run_that_was_too_slow_the_largest_phases_are_told() {
    let mut pace = settled(2);
    too_slow(&mut pace, taking(900, 1000));
    let shares = [
        slow(Phase::FirstByte, Lost::Share),
        slow(Phase::Tls, Lost::Share),
    ];
    assert_eq!(pace.slow(), shares);
    too_slow(&mut pace, taking(20, 1000));
    assert_eq!(pace.slow(), shares[..1]);
    passed(&mut pace, taking(20, 50));
    assert_eq!(pace.slow(), []);
}

#[test]
fn what_an_earlier_process_told_is_gone_on_from() {
    let (suite, _) = board(&[row("api")]);
    let told = bottleneck("api", Phase::Tls, Some(8));
    let mut pace = Pace::following(&suite, Some(&told));
    for _ in 0..4 {
        assert_eq!(pace.slow(), [slow(Phase::Tls, Lost::Grown(8))]);
        passed(&mut pace, taking(256, 50));
    }
    for _ in 0..2 {
        passed(&mut pace, taking(32, 50));
    }
    assert_eq!(pace.slow(), [], "it is back at what must have been usual");
    let gone = bottleneck("other", Phase::Tls, Some(8));
    assert_eq!(Pace::following(&suite, Some(&gone)).slow(), []);
}

fn bottleneck(check: &str, phase: Phase, times: Option<u16>) -> Bottleneck {
    Bottleneck {
        check: check.to_owned(),
        phase,
        times,
    }
}

/// What is told of slow phases of `api`, which has failed for being too slow, and of `web`, which passes.
fn told(slow: &[(usize, Phase, Lost)], before: Option<&Bottleneck>) -> Option<Bottleneck> {
    let api = row("api").is(CheckState::Failed, FindingReason::TooSlow);
    let (suite, board) = board(&[api, row("web")]);
    let slow: Vec<Slow> = slow
        .iter()
        .map(|&(place, phase, lost)| Slow { place, phase, lost })
        .collect();
    derive(&suite, &board, &slow, before).bottleneck
}

#[test]
fn the_phase_that_has_grown_the_most_is_told_and_without_one_the_largest_of_a_failure() {
    let grown = [
        (0, Phase::Tls, Lost::Grown(2)),
        (1, Phase::Dns, Lost::Grown(8)),
        (0, Phase::Body, Lost::Share),
    ];
    assert_eq!(
        told(&grown, None),
        Some(bottleneck("web", Phase::Dns, Some(8)))
    );
    assert_eq!(
        told(&grown[2..], None),
        Some(bottleneck("api", Phase::Body, None))
    );
    assert_eq!(
        told(&[(1, Phase::Body, Lost::Share)], None),
        None,
        "web passes"
    );
    assert_eq!(told(&[(1, Phase::Body, Lost::Lingers)], None), None);
}

#[test]
fn a_check_that_is_not_yet_failed_or_for_another_reason_has_no_largest_phase() {
    for (state, reason) in [
        (CheckState::Failing, FindingReason::TooSlow),
        (CheckState::Failed, FindingReason::UnexpectedStatus),
    ] {
        let (suite, board) = board(&[row("api").is(state, reason)]);
        let share = slow(Phase::Body, Lost::Share);
        assert_eq!(derive(&suite, &board, &[share], None).bottleneck, None);
    }
}

#[test]
fn what_is_told_stays_until_it_is_clearly_otherwise() {
    let before = bottleneck("web", Phase::Dns, Some(4));
    let with = |lost, other| {
        told(
            &[(1, Phase::Dns, lost), (0, Phase::Tls, Lost::Grown(other))],
            Some(&before),
        )
    };
    let stays = Some(before.clone());
    assert_eq!(with(Lost::Grown(8), 16), stays, "one step is a jitter");
    assert_eq!(with(Lost::Grown(2), 4), stays);
    assert_eq!(
        with(Lost::Grown(16), 32),
        Some(bottleneck("web", Phase::Dns, Some(16)))
    );
    assert_eq!(with(Lost::Lingers, 4), stays);
    let other = Some(bottleneck("api", Phase::Tls, Some(16)));
    assert_eq!(with(Lost::Grown(4), 16), other);
    assert_eq!(
        told(&[(0, Phase::Tls, Lost::Grown(16))], Some(&before)),
        other
    );
    assert_eq!(told(&[], Some(&before)), None);
}

#[test]
fn a_large_phase_that_is_told_stays_while_it_is_nearly_the_largest() {
    let before = bottleneck("api", Phase::Tls, None);
    let shares = [(0, Phase::Body, Lost::Share), (0, Phase::Tls, Lost::Share)];
    assert_eq!(told(&shares, Some(&before)), Some(before.clone()));
    let body = Some(bottleneck("api", Phase::Body, None));
    assert_eq!(told(&shares[..1], Some(&before)), body);
}
