//! The order of the rules: a case that breaks two is answered by the earlier one.

use super::*;

/// Breaks one rule.
struct Break {
    name: &'static str,
    by: fn(Case) -> Case,
    /// The reason of the answer, and a word that no other answer has.
    answer: (Reason, &'static str),
}

const ORDER: [Break; 16] = [
    Break {
        name: "suspended",
        by: |case| Case {
            suspended: true,
            ..case
        },
        answer: (Reason::Suspended, "spec.suspend"),
    },
    Break {
        name: "no policy",
        by: |case| Case {
            policy: None,
            ..case
        },
        answer: (Reason::RollbackDisabled, "rollbackPolicyRef"),
    },
    Break {
        name: "an attempt is open",
        by: |case| {
            let open = "{state: Issued, created: '11:20'}";
            case.record(Stored::new("dep-a", 1, "api=dep-a", "api=dep-b", open))
        },
        answer: (Reason::Issued, "attempt 1 to get from dep-a"),
    },
    Break {
        name: "a rollback's result",
        by: |case| {
            let verified = "{state: Verified, created: '11:50', finishedAt: '11:51', \
                            steps: [{service: api, state: Done, operationId: dep-2}]}";
            case.record(Stored::new("dep-c", 1, "api=dep-c", "api=dep-1", verified))
        },
        answer: (Reason::RollbackVerified, "dep-c was brought back"),
    },
    Break {
        name: "stale",
        by: |case| Case {
            stale: true,
            ..case
        },
        answer: (Reason::ObservationStale, "too old"),
    },
    Break {
        name: "not told",
        by: |case| Case {
            health: Health::Inconclusive,
            ..case
        },
        answer: (Reason::Inconclusive, "could not tell"),
    },
    Break {
        name: "not the release's fault",
        by: |case| with(case, "trigger: {areas: [monitoring]}"),
        answer: (Reason::EnvironmentFault, "trigger.areas"),
    },
    Break {
        name: "the brake",
        by: |case| Case {
            brake: Some(braked()),
            ..case
        },
        answer: (Reason::BrakeEngaged, "turned bad"),
    },
    Break {
        name: "nothing is known to be good",
        by: |case| Case {
            goods: Vec::new(),
            ..case
        },
        answer: (Reason::NoKnownGood, "no release is known"),
    },
    Break {
        name: "the schema",
        by: |case| Case {
            live_schema: Some(schema("mail")),
            good_schemas: vec![("dep-1", schema("email"))],
            ..case
        },
        answer: (Reason::SchemaGuard, "guard.schema"),
    },
    Break {
        name: "the cool-down",
        by: |case| {
            let verified = "{state: Verified, created: '11:10', finishedAt: '12:00'}";
            case.record(Stored::new("dep-d", 1, "api=dep-d", "api=dep-e", verified))
        },
        answer: (Reason::CoolingOff, "guard.cooldown"),
    },
    Break {
        name: "the delay",
        by: |case| {
            let failed =
                "{state: Failed, created: '11:40', issuedAt: '12:05', finishedAt: '12:05:55'}";
            case.attempt(9, "dep-2", "dep-1", failed)
        },
        answer: (Reason::CoolingOff, "delay"),
    },
    Break {
        name: "the budget",
        by: |case| Case {
            spent: vec![at("12:00"); 3],
            ..case
        },
        answer: (Reason::BudgetSpent, "guard.budget"),
    },
    Break {
        name: "frozen",
        by: |case| Case {
            frozen_until: Some(at("13:00")),
            ..case
        },
        answer: (Reason::CoolingOff, "guard.freeze"),
    },
    Break {
        name: "no attempts are left",
        by: |case| {
            (1..=3).fold(case, |case, number| {
                let failed =
                    "{state: Failed, created: '11:30', issuedAt: '12:01', finishedAt: '12:02'}";
                case.attempt(number, "dep-2", "dep-1", failed)
            })
        },
        answer: (Reason::AttemptsExhausted, "maxAttempts"),
    },
    Break {
        name: "there is no plan",
        by: |case| {
            with(
                case,
                "strategies: {application: [{platform: {tier: infrastructure}}]}",
            )
        },
        answer: (Reason::RollbackRejected, "strategies.application"),
    },
];

/// Adds to the policy, where there is one.
fn with(mut case: Case, line: &str) -> Case {
    case.policy = case.policy.map(|policy| format!("{policy}\n{line}"));
    case
}

fn answer(decision: &Decision) -> (Reason, &str) {
    match decision {
        Decision::Nothing { reason, message }
        | Decision::Wait {
            reason, message, ..
        } => (*reason, message),
        Decision::RollBack(proposal) => panic!("{proposal:?}"),
    }
}

fn assert_answered_by(rule: &Break, case: &Case, with: &str) {
    let decision = case.decide();
    let (reason, message) = answer(&decision);
    let (expected, word) = rule.answer;
    assert!(
        reason == expected && message.contains(word),
        "{} with {with}: {decision:?}",
        rule.name
    );
}

#[test]
fn every_rule_answers_by_itself() {
    for rule in &ORDER {
        assert_answered_by(rule, &(rule.by)(Case::new()), "nothing else");
    }
}

#[test]
fn of_two_rules_the_earlier_answers() {
    for (place, earlier) in ORDER.iter().enumerate() {
        for later in &ORDER[place + 1..] {
            let case = (later.by)((earlier.by)(Case::new()));
            assert_answered_by(earlier, &case, later.name);
        }
    }
}

#[test]
fn of_all_rules_from_any_on_the_earliest_answers() {
    for place in 0..ORDER.len() {
        let rest = &ORDER[place..];
        let case = rest
            .iter()
            .rev()
            .fold(Case::new(), |case, rule| (rule.by)(case));
        assert_answered_by(&rest[0], &case, "all that follow");
    }
}

#[test]
fn a_dry_run_heeds_the_same_order_once_something_has_failed() {
    let first = ORDER
        .iter()
        .position(|rule| rule.answer.0 == Reason::EnvironmentFault)
        .unwrap();
    for rule in &ORDER[first..] {
        let case = Case::new().policy("mode: DryRun");
        let decision = (rule.by)(case).decide();
        let (reason, message) = answer(&decision);
        let (expected, word) = rule.answer;
        assert_eq!(reason, Reason::DryRun, "{}", rule.name);
        assert!(
            message.starts_with(&format!("would not: {expected}: ")),
            "{message}"
        );
        assert!(message.contains(word), "{message}");
    }
}
