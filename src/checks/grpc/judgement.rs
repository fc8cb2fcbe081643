//! What the answers of a health service amount to: pure.

use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;

use crate::checks::{
    net::{
        Target,
        failure::{connection_finding, timed_out},
        session::RequestError,
    },
    verdict::{Finding, FindingReason, Verdict},
};

/// What the server said of one service.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// A status of the health protocol, as its number.
    Status(i32),
    /// No answer but a code of gRPC.
    Refused(Code),
    /// No answer that can be read.
    Broken(RequestError),
}

/// The judgement on the answers for `services`, in their order: a wrong one decides, then one that could not be told.
pub(super) fn judge(
    services: &[String],
    answers: &[Answer],
    target: &Target,
    authorized: bool,
) -> Finding {
    let findings = services
        .iter()
        .zip(answers)
        .map(|(service, answer)| judge_one(service, answer, target, authorized));
    let worst = findings.min_by_key(|finding| match finding.verdict {
        Verdict::Fail => 0,
        Verdict::Unknown => 1,
        Verdict::Pass => 2,
    });
    match worst {
        Some(finding) if finding.verdict != Verdict::Pass => finding,
        Some(finding) if services.len() == 1 => finding,
        Some(_) => Finding::pass(format!("{} services are SERVING", services.len())),
        None => Finding::unknown(FindingReason::NoData, "no service was asked for"),
    }
}

fn judge_one(service: &str, answer: &Answer, target: &Target, authorized: bool) -> Finding {
    match answer {
        Answer::Status(number) => judge_status(*number, &named(service), target),
        Answer::Refused(code) => judge_code(*code, &named(service), target, authorized),
        Answer::Broken(error) => judge_error(error, target),
    }
}

fn named(service: &str) -> String {
    if service.is_empty() {
        "the server".to_owned()
    } else {
        format!("service {service}")
    }
}

fn judge_status(number: i32, service: &str, target: &Target) -> Finding {
    let wrong = |message| Finding::fail(FindingReason::UnexpectedValue, message);
    match ServingStatus::try_from(number) {
        Ok(ServingStatus::Serving) => Finding::pass(format!("{service} is SERVING")),
        Ok(ServingStatus::ServiceUnknown) => wrong(format!("{target} does not know {service}")),
        Ok(other) => wrong(format!(
            "{target}: {service} is {}, expected SERVING",
            other.as_str_name()
        )),
        Err(_) => wrong(format!(
            "{target}: {service} has status {number}, expected SERVING"
        )),
    }
}

fn judge_code(code: Code, service: &str, target: &Target, authorized: bool) -> Finding {
    let name = name_of(code);
    match code {
        Code::NotFound => Finding::fail(
            FindingReason::UnexpectedValue,
            format!("{target} does not know {service}"),
        ),
        Code::Unimplemented => Finding::fail(
            FindingReason::UnexpectedStatus,
            format!("{target} has no health service: {name}"),
        ),
        Code::Unauthenticated | Code::PermissionDenied if authorized => Finding::unknown(
            FindingReason::CredentialsRefused,
            format!("{name}: {target} refuses the check's credentials"),
        ),
        _ => Finding::fail(
            FindingReason::UnexpectedStatus,
            format!("{target} answers {name} for {service}, expected OK"),
        ),
    }
}

fn judge_error(error: &RequestError, target: &Target) -> Finding {
    match error {
        RequestError::Dial(dial) => dial.finding(),
        RequestError::Closed => Finding::fail(
            FindingReason::ConnectionReset,
            format!("{target} closed the connection before its answer was complete"),
        ),
        RequestError::Broken(socket) => connection_finding(socket, target),
        RequestError::Protocol | RequestError::InterimFlood => Finding::fail(
            FindingReason::ProtocolError,
            format!("{target} does not speak gRPC over HTTP/2, or goes beyond its limits"),
        ),
        RequestError::TimedOut(phase) => timed_out(*phase, target),
    }
}

/// The code as the specification of gRPC writes it.
const fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::net::progress::Phase;

    fn said(answers: &[Answer], authorized: bool) -> Finding {
        let target = Target::new("example.com", 50051).unwrap();
        let names = ["", "orders", "carts"].map(str::to_owned);
        judge(&names[..answers.len()], answers, &target, authorized)
    }

    #[test]
    fn only_serving_passes() {
        for (number, verdict, message) in [
            (
                0,
                Verdict::Fail,
                "example.com:50051: the server is UNKNOWN, expected SERVING",
            ),
            (1, Verdict::Pass, "the server is SERVING"),
            (
                2,
                Verdict::Fail,
                "example.com:50051: the server is NOT_SERVING, expected SERVING",
            ),
            (
                3,
                Verdict::Fail,
                "example.com:50051 does not know the server",
            ),
            (
                -7,
                Verdict::Fail,
                "example.com:50051: the server has status -7, expected SERVING",
            ),
        ] {
            let finding = said(&[Answer::Status(number)], false);
            assert_eq!((finding.verdict, &*finding.message), (verdict, message));
        }
    }

    #[test]
    fn refused_credentials_are_the_servers_fault_only_when_none_were_sent() {
        for code in [Code::Unauthenticated, Code::PermissionDenied] {
            let finding = said(&[Answer::Refused(code)], true);
            assert_eq!(finding.verdict, Verdict::Unknown);
            assert_eq!(finding.reason, FindingReason::CredentialsRefused);
            let finding = said(&[Answer::Refused(code)], false);
            assert_eq!(finding.verdict, Verdict::Fail);
            assert_eq!(finding.reason, FindingReason::UnexpectedStatus);
        }
    }

    #[test]
    fn a_code_of_the_server_is_its_answer() {
        for (code, reason) in [
            (Code::NotFound, FindingReason::UnexpectedValue),
            (Code::Unimplemented, FindingReason::UnexpectedStatus),
            (Code::Unavailable, FindingReason::UnexpectedStatus),
            (Code::DeadlineExceeded, FindingReason::UnexpectedStatus),
        ] {
            let finding = said(&[Answer::Refused(code)], true);
            assert_eq!((finding.verdict, finding.reason), (Verdict::Fail, reason));
        }
    }

    #[test]
    fn the_worst_of_several_services_decides_and_is_named() {
        let serving = Answer::Status(1);
        let refused = Answer::Refused(Code::PermissionDenied);
        let stopped = Answer::Status(2);
        let finding = said(&[serving.clone(), refused.clone(), stopped], true);
        let message = "example.com:50051: service carts is NOT_SERVING, expected SERVING";
        assert_eq!(
            (finding.verdict, &*finding.message),
            (Verdict::Fail, message)
        );
        let finding = said(&[serving.clone(), refused, serving.clone()], true);
        assert_eq!(finding.verdict, Verdict::Unknown);
        let finding = said(&[serving.clone(), serving], true);
        assert_eq!(&*finding.message, "2 services are SERVING");
        let late = Answer::Broken(RequestError::TimedOut(Phase::Answer));
        assert_eq!(said(&[late], false).reason, FindingReason::TimedOut);
    }

    #[test]
    fn no_answer_is_never_a_pass() {
        assert_eq!(said(&[], false).verdict, Verdict::Unknown);
    }
}
