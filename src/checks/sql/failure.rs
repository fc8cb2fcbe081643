//! What went wrong between a database and us, and whose fault it is.

use std::borrow::Cow;

use sqlx::{Error, mysql::MySqlDatabaseError};

use crate::checks::{
    net::{
        Target,
        failure::{DialError, DialFailure},
    },
    verdict::{Finding, FindingReason},
};

/// How far a check had come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The server had not let it in.
    Authenticate,
    /// It had asked one of the questions that it always asks.
    Look,
    /// It had asked the author's own question.
    Question,
    /// It had asked for a change of the author's own.
    Change,
}

/// What a check says of an error of a server at `target`. The server's own words stay out: they may hold anything.
pub(super) fn finding(error: Error, target: &Target, stage: Stage) -> Finding {
    match error {
        Error::Io(error) => DialError {
            target: target.clone(),
            failure: DialFailure::of_handshake(error),
        }
        .finding(),
        Error::Database(error) => {
            let number = error.try_downcast_ref::<MySqlDatabaseError>();
            let code = number.and_then(|error| state_of_number(error.number()));
            let code = code.map_or_else(|| error.code().unwrap_or_default(), Cow::Borrowed);
            of_state(&code, target, stage)
        }
        Error::Configuration(_) => Finding::unknown(
            FindingReason::CredentialsRefused,
            format!("user or password cannot be sent to {target} like this"),
        ),
        Error::Tls(_) => Finding::fail(
            FindingReason::TlsFailed,
            format!("{target} does not agree on TLS"),
        ),
        _ => Finding::fail(
            FindingReason::ProtocolError,
            format!("{target} sent something else than its protocol allows"),
        ),
    }
}

/// The SQLSTATE that says what one of MySQL's numbers means, where its own does not:
/// <https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html>, <https://mariadb.com/kb/en/mariadb-error-codes/>.
fn state_of_number(number: u16) -> Option<&'static str> {
    Some(match number {
        1045 | 1129 | 1130 | 1698 => "28000",
        1044 | 1142 | 1143 | 1227 | 1370 => "42501",
        1049 => "3D000",
        1040 | 1203 | 1226 => "53300",
        1053 => "57P03",
        1054 | 1146 | 1305 => "42P01",
        1064 => "42601",
        1205 => "55P03",
        1317 | 1969 | 3024 => "57014",
        1792 => "25006",
        _ => return None,
    })
}

/// What the SQLSTATE of an error amounts to: <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn of_state(code: &str, target: &Target, stage: Stage) -> Finding {
    let is_code = code.len() == 5 && code.bytes().all(|it| it.is_ascii_alphanumeric());
    if !is_code {
        return Finding::fail(
            FindingReason::ProtocolError,
            format!("{target} sent an error without a code"),
        );
    }
    let what = match stage {
        Stage::Authenticate => "the login",
        Stage::Look => "a look at the catalog",
        Stage::Question => "the query",
        Stage::Change => "the statement",
    };
    let fail = |reason, says: &str| Finding::fail(reason, format!("{target} {says}"));
    match code {
        "28000" | "28P01" | "0P000" => Finding::unknown(
            FindingReason::CredentialsRefused,
            format!("{target} refused user or password"),
        ),
        "42501" => Finding::unknown(
            FindingReason::CredentialsRefused,
            format!("{target} denies {what} to this user"),
        ),
        "3D000" => fail(FindingReason::UnexpectedValue, "has no such database"),
        "53300" => fail(FindingReason::UnexpectedValue, "has no connection left"),
        "57P03" => fail(
            FindingReason::ConnectionRefused,
            "is starting up or shutting down",
        ),
        "57P01" | "57P02" | "57P05" => fail(FindingReason::ConnectionReset, "ended the session"),
        "57014" | "25P03" | "25P04" => fail(
            FindingReason::TimedOut,
            &format!("did not end {what} within the timeout"),
        ),
        "55P03" => fail(
            FindingReason::TimedOut,
            &format!("kept {what} waiting for a lock until the timeout"),
        ),
        "25006" if stage != Stage::Change => Finding::unknown(
            FindingReason::NoData,
            "the query tries to write, which no check may".to_owned(),
        ),
        // What the statement names is gone: the answer to the question, and a wrong one.
        "42P01" | "42703" | "42883" | "3F000" => Finding::fail(
            FindingReason::UnexpectedValue,
            format!("{what} names something that {target} does not have (SQLSTATE {code})"),
        ),
        _ if matches!(stage, Stage::Question | Stage::Change) => Finding::unknown(
            FindingReason::NoData,
            format!("{target} does not answer {what} (SQLSTATE {code})"),
        ),
        _ => Finding::fail(
            FindingReason::UnexpectedValue,
            format!("{target} refuses {what} (SQLSTATE {code})"),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::verdict::Verdict;

    #[test]
    fn our_own_credentials_and_statements_are_not_held_against_the_target() {
        let target = Target::new("db.example.com", 5432).unwrap();
        for (code, stage, verdict, reason) in [
            (
                "28P01",
                Stage::Authenticate,
                Verdict::Unknown,
                FindingReason::CredentialsRefused,
            ),
            (
                "42501",
                Stage::Question,
                Verdict::Unknown,
                FindingReason::CredentialsRefused,
            ),
            (
                "42501",
                Stage::Look,
                Verdict::Unknown,
                FindingReason::CredentialsRefused,
            ),
            (
                "42601",
                Stage::Question,
                Verdict::Unknown,
                FindingReason::NoData,
            ),
            (
                "25006",
                Stage::Question,
                Verdict::Unknown,
                FindingReason::NoData,
            ),
            (
                "42P01",
                Stage::Question,
                Verdict::Fail,
                FindingReason::UnexpectedValue,
            ),
            (
                "3D000",
                Stage::Authenticate,
                Verdict::Fail,
                FindingReason::UnexpectedValue,
            ),
            (
                "53300",
                Stage::Authenticate,
                Verdict::Fail,
                FindingReason::UnexpectedValue,
            ),
            (
                "57P03",
                Stage::Authenticate,
                Verdict::Fail,
                FindingReason::ConnectionRefused,
            ),
            (
                "57014",
                Stage::Question,
                Verdict::Fail,
                FindingReason::TimedOut,
            ),
            (
                "XX000",
                Stage::Look,
                Verdict::Fail,
                FindingReason::UnexpectedValue,
            ),
        ] {
            let finding = of_state(code, &target, stage);
            assert_eq!(
                (finding.verdict, finding.reason),
                (verdict, reason),
                "{code}"
            );
        }
    }

    #[test]
    fn a_code_that_is_none_is_not_repeated() {
        let target = Target::new("db.example.com", 5432).unwrap();
        let finding = of_state("hunter2", &target, Stage::Look);
        assert_eq!(finding.reason, FindingReason::ProtocolError);
        assert!(!finding.message.contains("hunter2"));
    }
}
