//! The answer of Prometheus' HTTP API to an instant query: pure.

use serde::Deserialize;
use serde_json::Value;

use crate::checks::{
    net::Target,
    verdict::{Finding, FindingReason},
};

/// More series than any threshold is held against.
const MOST_SERIES: usize = 10_000;

/// One value of the result.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Sample {
    /// When the query was evaluated, in seconds since 1970 by the server's clock.
    pub(super) evaluated: f64,
    /// The value, which may be no number.
    pub(super) value: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    status: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Value,
}

#[derive(Deserialize)]
struct Series {
    /// Missing in a native histogram.
    value: Option<Pair>,
}

/// Seconds since 1970, and a number as text.
#[derive(Deserialize)]
struct Pair(f64, String);

/// The samples of an answer (<https://prometheus.io/docs/prometheus/latest/querying/api/>). `body` is `None` when it was too
/// long. Whatever has no samples is the finding of the check.
pub(super) fn read(
    status: u16,
    body: Option<&[u8]>,
    target: &Target,
) -> Result<Vec<Sample>, Finding> {
    let invalid = |problem: &str| {
        Finding::unknown(
            FindingReason::InvalidQuery,
            format!("{target}: the query {problem}"),
        )
    };
    match status {
        200 => {}
        400 | 422 if is_refusal(body) => {
            return Err(invalid(&format!("is refused with status {status}")));
        }
        _ => {
            return Err(Finding::fail(
                FindingReason::UnexpectedStatus,
                format!("{target} answers a query with status {status}, expected 200"),
            ));
        }
    }
    let too_many = || {
        invalid(&format!(
            "gives more than 1 MiB, or more than {MOST_SERIES} series"
        ))
    };
    let body = body.ok_or_else(too_many)?;
    let strange = || {
        Finding::fail(
            FindingReason::UnexpectedBody,
            format!("{target} does not answer a query as Prometheus does"),
        )
    };
    let envelope: Envelope = serde_json::from_slice(body).map_err(|_| strange())?;
    let data = envelope.data.filter(|_| envelope.status == "success");
    let Data {
        result_type,
        result,
    } = data.ok_or_else(strange)?;
    match result_type.as_str() {
        "vector" => {
            let series: Vec<Series> = serde_json::from_value(result).map_err(|_| strange())?;
            if series.len() > MOST_SERIES {
                return Err(too_many());
            }
            let samples = series.into_iter().map(|series| match series.value {
                Some(pair) => pair.sample().ok_or_else(strange),
                None => Err(invalid("gives a histogram, which cannot be compared")),
            });
            samples.collect()
        }
        "scalar" => {
            let pair: Pair = serde_json::from_value(result).map_err(|_| strange())?;
            Ok(vec![pair.sample().ok_or_else(strange)?])
        }
        "matrix" => Err(invalid("gives a range of values, which cannot be compared")),
        "string" => Err(invalid("gives a text, which cannot be compared")),
        _ => Err(strange()),
    }
}

/// Whether Prometheus itself refuses the query, and not something in front of it.
fn is_refusal(body: Option<&[u8]>) -> bool {
    let envelope = body.and_then(|body| serde_json::from_slice::<Envelope>(body).ok());
    envelope.is_some_and(|envelope| envelope.status == "error")
}

impl Pair {
    fn sample(&self) -> Option<Sample> {
        Some(Sample {
            evaluated: self.0,
            value: self.1.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::checks::verdict::Verdict;

    fn target() -> Target {
        Target::new("prometheus.example.com", 9090).unwrap()
    }

    fn of(status: u16, body: &str) -> Result<Vec<Sample>, Finding> {
        read(status, Some(body.as_bytes()), &target())
    }

    fn success(kind: &str, result: &str) -> String {
        format!(r#"{{"status":"success","data":{{"resultType":"{kind}","result":{result}}}}}"#)
    }

    #[test]
    fn vectors_and_scalars_are_read_with_every_spelling_of_a_number() {
        let vector = success(
            "vector",
            r#"[{"metric":{"a":"b"},"value":[1.5,"0.25"]},{"metric":{},"value":[1.5,"+Inf"]}]"#,
        );
        let values: Vec<f64> = of(200, &vector)
            .unwrap()
            .iter()
            .map(|it| it.value)
            .collect();
        assert_eq!(values, [0.25, f64::INFINITY]);
        let scalar = of(200, &success("scalar", r#"[1700000000,"-1e3"]"#)).unwrap();
        assert_eq!((scalar[0].evaluated, scalar[0].value), (1.7e9, -1e3));
        let nan = of(200, &success("scalar", r#"[1,"NaN"]"#)).unwrap();
        assert!(nan[0].value.is_nan());
        assert_eq!(of(200, &success("vector", "[]")), Ok(Vec::new()));
    }

    #[test]
    fn a_query_that_is_at_fault_is_unknown_and_a_server_that_is_fails() {
        let refusal = r#"{"status":"error","errorType":"bad_data","error":"canary"}"#;
        let histogram = success("vector", r#"[{"metric":{},"histogram":[1,{"count":"1"}]}]"#);
        for (status, body, verdict, reason) in [
            (400, refusal, Verdict::Unknown, FindingReason::InvalidQuery),
            (422, refusal, Verdict::Unknown, FindingReason::InvalidQuery),
            (
                400,
                "<html>",
                Verdict::Fail,
                FindingReason::UnexpectedStatus,
            ),
            (503, refusal, Verdict::Fail, FindingReason::UnexpectedStatus),
            (404, "", Verdict::Fail, FindingReason::UnexpectedStatus),
            (401, "", Verdict::Fail, FindingReason::UnexpectedStatus),
            (302, "", Verdict::Fail, FindingReason::UnexpectedStatus),
            (200, refusal, Verdict::Fail, FindingReason::UnexpectedBody),
            (200, "<html>", Verdict::Fail, FindingReason::UnexpectedBody),
            (200, "", Verdict::Fail, FindingReason::UnexpectedBody),
            (
                200,
                &success("vector", r#"[{"value":[1,"canary"]}]"#),
                Verdict::Fail,
                FindingReason::UnexpectedBody,
            ),
            (
                200,
                &success("matrix", "[]"),
                Verdict::Unknown,
                FindingReason::InvalidQuery,
            ),
            (
                200,
                &success("string", r#"[1,"canary"]"#),
                Verdict::Unknown,
                FindingReason::InvalidQuery,
            ),
            (
                200,
                &histogram,
                Verdict::Unknown,
                FindingReason::InvalidQuery,
            ),
        ] {
            let finding = of(status, body).unwrap_err();
            assert_eq!(
                (finding.verdict, finding.reason),
                (verdict, reason),
                "{body}"
            );
            assert!(!finding.message.contains("canary"), "{}", finding.message);
        }
        let finding = read(200, None, &target()).unwrap_err();
        assert_eq!(finding.reason, FindingReason::InvalidQuery);
    }

    proptest! {
        #[test]
        fn no_body_breaks_it(status in 100_u16..600, body in ".*") {
            let _ = of(status, &body);
            let _ = of(200, &success("vector", &body));
        }
    }

    #[test]
    fn no_answer_breaks_the_reader_or_shows_in_its_finding() {
        crate::fuzz::hold_text("prometheus_answer", |text| {
            for status in [200, 400, 422, 503] {
                if let Err(finding) = of(status, text) {
                    assert!(!finding.message.contains("canary"), "{finding:?}");
                    assert_ne!(finding.verdict, Verdict::Pass);
                }
            }
        });
    }
}
