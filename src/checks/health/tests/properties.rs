use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::api::{Bottleneck, Phase};

const NAMES: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let area = prop::sample::select(vec![
        Area::Api,
        Area::Worker,
        Area::Database,
        Area::External,
    ]);
    let state = prop::sample::select(vec![
        (CheckState::Passing, FindingReason::Passed),
        (CheckState::Failing, FindingReason::UnexpectedStatus),
        (CheckState::Failed, FindingReason::UnexpectedStatus),
        (CheckState::Failed, FindingReason::TooSlow),
        (CheckState::Unknown, FindingReason::Pending),
        (CheckState::Unknown, FindingReason::ResolverFailed),
        (CheckState::Skipped, FindingReason::DependencyFailed),
    ]);
    let dependencies = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    let one = (
        area,
        state,
        dependencies,
        0_usize..5,
        0_i64..600,
        any::<bool>(),
    );
    prop::collection::vec(one, 1..NAMES.len()).prop_map(|drawn| {
        let row = |(number, (area, (state, reason), depends_on, host, since, critical)): (
            usize,
            (_, _, Vec<prop::sample::Index>, usize, _, bool),
        )| {
            let mut row = row(NAMES[number]).area(area).is(state, reason).since(since);
            row = row.host(&format!("host-{host}:{}", 80 + number));
            if !critical {
                row = row.warning();
            }
            if number > 0 {
                // Only on those before it, so that there is no circle.
                let names: BTreeSet<&str> = depends_on
                    .iter()
                    .map(|index| NAMES[index.index(number)])
                    .collect();
                row = row.after(&names.into_iter().collect::<Vec<_>>());
            }
            row
        };
        drawn.into_iter().enumerate().map(row).collect()
    })
}

fn slow() -> impl Strategy<Value = Vec<(usize, Phase, Lost)>> {
    let phase = prop::sample::select(Phase::ALL.to_vec());
    let lost = prop_oneof![
        (1_u32..=10).prop_map(|step| Lost::Grown(1 << step)),
        Just(Lost::Lingers),
        Just(Lost::Share),
    ];
    prop::collection::vec((0_usize..NAMES.len(), phase, lost), 0..6)
}

/// The health, with slow phases told by the number of the row.
fn whole(rows: &[Row], slow: &[(usize, Phase, Lost)], before: Option<&Bottleneck>) -> SystemHealth {
    let (suite, board) = board(rows);
    let place = |number: usize| {
        suite
            .checks()
            .iter()
            .position(|check| *check.name == *NAMES[number])
    };
    let slow: Vec<Slow> = slow
        .iter()
        .filter_map(|&(number, phase, lost)| {
            Some(Slow {
                place: place(number)?,
                phase,
                lost,
            })
        })
        .collect();
    derive(&suite, &board, &slow, before)
}

proptest! {
    #[test]
    fn every_bad_check_is_a_root_cause_or_explained_by_one_and_never_both(rows in rows()) {
        let (_, board) = board(&rows);
        let causes = health(&rows).root_causes;
        let roots: Vec<&str> = causes.iter().map(|cause| cause.check.as_str()).collect();
        let explained: BTreeSet<&str> =
            causes.iter().flat_map(|cause| cause.explains.iter().map(String::as_str)).collect();
        for status in board.checks() {
            let name = status.name.as_str();
            let times = roots.iter().filter(|root| **root == name).count();
            if is_bad(status) {
                prop_assert_eq!(times + usize::from(explained.contains(name)), 1, "{}", name);
            } else {
                prop_assert_eq!(times, 0, "{}", name);
            }
            if status.state != CheckState::Skipped && !is_bad(status) {
                prop_assert!(!explained.contains(name));
            }
        }
        for cause in &causes {
            prop_assert_eq!(usize::from(cause.explained), cause.explains.len());
        }
    }

    #[test]
    fn the_areas_cover_all_checks_and_pass_only_when_all_of_theirs_do(rows in rows()) {
        let areas = health(&rows).areas;
        let all: usize = areas.iter().map(|area| usize::from(area.checks)).sum();
        prop_assert_eq!(all, rows.len());
        for area in areas {
            let by_state = area.passing + area.failing + area.failed + area.unknown + area.skipped;
            prop_assert_eq!(by_state, area.checks);
            prop_assert_eq!(area.state == AreaState::Passing, area.passing == area.checks);
            prop_assert_eq!(area.state == AreaState::Failed, area.failed > 0);
        }
    }

    #[test]
    fn the_order_of_the_checks_changes_nothing(
        (rows, shuffled) in rows().prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        slow in slow(),
    ) {
        prop_assert_eq!(whole(&rows, &slow, None), whole(&shuffled, &slow, None));
    }

    #[test]
    fn what_was_told_is_told_again_while_nothing_changes(rows in rows(), slow in slow()) {
        let first = whole(&rows, &slow, None);
        let again = whole(&rows, &slow, first.bottleneck.as_ref());
        prop_assert_eq!(&again, &first);
        let third = whole(&rows, &slow, again.bottleneck.as_ref());
        prop_assert_eq!(third, first);
    }

    #[test]
    fn patterns_count_each_bad_check_once(rows in rows()) {
        let (_, board) = board(&rows);
        let bad = board.checks().iter().filter(|status| is_bad(status)).count();
        let counted: usize = health(&rows).patterns.iter().map(|it| usize::from(it.checks)).sum();
        prop_assert_eq!(counted, bad);
    }

    #[test]
    fn a_systemic_failure_has_as_many_targets_as_it_says(rows in rows()) {
        if let Some(told) = health(&rows).systemic {
            prop_assert!(told.failing >= 3 && told.failing <= told.targets);
            prop_assert!(told.failing * 2 > told.targets);
            let hosts: BTreeSet<&str> =
                rows.iter().filter_map(|row| row.host.split(':').next()).collect();
            prop_assert!(usize::from(told.targets) <= hosts.len());
        }
    }
}
