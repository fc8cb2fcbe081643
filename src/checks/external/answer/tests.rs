use Standing::{
    Degraded, Healthy, KeyRefused, QuotaSpent, RateLimited, UnexpectedBody, UnexpectedStatus,
};
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::{
    api::ExternalPreset::{self, *},
    checks::{external::preset::preset, verdict::Verdict},
};

const PRESETS: [ExternalPreset; 8] = [
    OpenAi, Anthropic, LlamaParse, Stripe, SendGrid, GitHub, S3, Generic,
];

fn standing(of: ExternalPreset, status: u16, headers: &HeaderMap, body: &str) -> Standing {
    let answer = Answer {
        status,
        headers,
        body: Some(body.as_bytes()),
        keyed: of != S3,
    };
    classify(preset(of), answer).0
}

fn table(of: ExternalPreset, rows: &[(u16, &str, Standing)]) {
    for (status, body, expected) in rows {
        let found = standing(of, *status, &HeaderMap::new(), body);
        assert_eq!(found, *expected, "{of:?} with {status} and {body}");
    }
}

/// As `OpenAI` and Stripe write it.
fn error(kind: &str, code: &str) -> String {
    format!(
        r#"{{"error":{{"message":"See the docs.","type":"{kind}","param":null,"code":"{code}"}}}}"#
    )
}

#[test]
fn openai_is_told_by_error_type_and_code() {
    table(
        OpenAi,
        &[
            (
                200,
                r#"{"object":"list","data":[{"id":"gpt-4o","object":"model"}]}"#,
                Healthy,
            ),
            (200, r#"{"object":"list","data":[]}"#, Healthy),
            (200, "<html>welcome</html>", UnexpectedBody),
            (200, "{}", UnexpectedBody),
            (200, "", UnexpectedBody),
            (
                401,
                &error("invalid_request_error", "invalid_api_key"),
                KeyRefused,
            ),
            (
                403,
                &error("request_forbidden", "unsupported_country_region_territory"),
                KeyRefused,
            ),
            (
                404,
                &error("invalid_request_error", "model_not_found"),
                UnexpectedStatus,
            ),
            (
                429,
                &error("insufficient_quota", "insufficient_quota"),
                QuotaSpent,
            ),
            (
                429,
                &error("insufficient_quota", "credit_balance_exhausted"),
                QuotaSpent,
            ),
            (
                429,
                &error("billing", "project_spend_limit_exceeded"),
                QuotaSpent,
            ),
            (
                429,
                &error("billing", "organization_spend_limit_exceeded"),
                QuotaSpent,
            ),
            (
                429,
                &error("billing", "organization_usage_limit_exceeded"),
                QuotaSpent,
            ),
            (429, &error("requests", "rate_limit_exceeded"), RateLimited),
            (429, &error("rate_limit_error", "slow_down"), RateLimited),
            (429, "insufficient_quota", RateLimited),
            (500, &error("server_error", ""), Degraded),
            (
                503,
                &error("service_unavailable_error", "server_is_overloaded"),
                Degraded,
            ),
            (301, "", UnexpectedStatus),
            (
                400,
                &error("insufficient_quota", "insufficient_quota"),
                UnexpectedStatus,
            ),
        ],
    );
}

#[test]
fn anthropic_is_told_by_error_type_and_by_what_it_says_of_credit() {
    let error = |kind: &str, message: &str| {
        format!(
            r#"{{"type":"error","error":{{"type":"{kind}","message":"{message}"}},"request_id":"req_1"}}"#
        )
    };
    let low = "Your credit balance is too low to access the Anthropic API.";
    let limit = "You have reached your specified API usage limits.";
    table(
        Anthropic,
        &[
            (
                200,
                r#"{"data":[{"type":"model","id":"claude"}],"has_more":false}"#,
                Healthy,
            ),
            (200, "[]", UnexpectedBody),
            (400, &error("invalid_request_error", low), QuotaSpent),
            (400, &error("invalid_request_error", limit), QuotaSpent),
            (
                400,
                &error("invalid_request_error", "limit: out of range"),
                UnexpectedStatus,
            ),
            (
                401,
                &error("authentication_error", "invalid x-api-key"),
                KeyRefused,
            ),
            (402, &error("billing_error", "payment"), QuotaSpent),
            (403, &error("permission_error", "no"), KeyRefused),
            (404, &error("not_found_error", "no"), UnexpectedStatus),
            (429, &error("rate_limit_error", "slower"), RateLimited),
            (
                429,
                r#"{"error":{"type":"rate_limit_error","details":{"error_code":"enforced_spend_limit_reached"}}}"#,
                QuotaSpent,
            ),
            (500, &error("api_error", "oh"), Degraded),
            (504, &error("timeout_error", "oh"), Degraded),
            (529, &error("overloaded_error", "Overloaded"), Degraded),
        ],
    );
}

#[test]
fn llamaparse_is_told_by_status() {
    table(
        LlamaParse,
        &[
            (200, r#"[{"id":"182bd5e5","name":"x"}]"#, Healthy),
            (200, r#"{"detail":"x"}"#, UnexpectedBody),
            (401, r#"{"detail":"Invalid API Key"}"#, KeyRefused),
            (402, r#"{"detail":"credits"}"#, QuotaSpent),
            (403, r#"{"detail":"Forbidden"}"#, KeyRefused),
            (404, r#"{"detail":"Not Found"}"#, UnexpectedStatus),
            (429, "", RateLimited),
            (503, "", Degraded),
        ],
    );
}

#[test]
fn stripe_is_told_by_status_and_no_answer_speaks_of_a_quota() {
    table(
        Stripe,
        &[
            (
                200,
                r#"{"object":"balance","available":[],"pending":[]}"#,
                Healthy,
            ),
            (200, r#"{"object":"charge"}"#, UnexpectedBody),
            (401, &error("invalid_request_error", ""), KeyRefused),
            (402, &error("card_error", "card_declined"), UnexpectedStatus),
            (403, &error("invalid_request_error", ""), KeyRefused),
            (409, &error("idempotency_error", ""), UnexpectedStatus),
            (424, &error("api_error", ""), Degraded),
            (
                429,
                &error("invalid_request_error", "rate_limit"),
                RateLimited,
            ),
            (500, &error("api_error", ""), Degraded),
            (502, "<html>", Degraded),
        ],
    );
}

#[test]
fn sendgrid_is_told_by_its_credits_and_by_what_it_says_of_them() {
    let errors =
        |message: &str| format!(r#"{{"errors":[{{"field":null,"message":"{message}"}}]}}"#);
    table(
        SendGrid,
        &[
            (
                200,
                r#"{"remain":200,"total":200,"overage":0,"used":0}"#,
                Healthy,
            ),
            (
                200,
                r#"{"remain":0,"total":200,"overage":0,"used":200}"#,
                QuotaSpent,
            ),
            (
                200,
                r#"{"remain":0,"total":200,"overage":7,"used":207}"#,
                Healthy,
            ),
            (200, r#"{"remain":null,"total":null}"#, Healthy),
            (200, r#"{"total":200}"#, UnexpectedBody),
            (200, r#"{"remain":"200"}"#, UnexpectedBody),
            (401, &errors("authorization required"), KeyRefused),
            (401, &errors("Maximum credits exceeded"), QuotaSpent),
            (403, &errors("access forbidden"), KeyRefused),
            (
                403,
                &errors("Too many bad requests. Temporary block"),
                RateLimited,
            ),
            (406, &errors("accept"), UnexpectedStatus),
            (429, &errors("too many requests"), RateLimited),
            (451, "", UnexpectedStatus),
            (500, "", Degraded),
        ],
    );
}

#[test]
fn github_tells_a_limit_from_a_refusal_by_headers_and_message() {
    let limits = |remaining: u32| {
        format!(
            r#"{{"resources":{{"core":{{"limit":5000,"remaining":{remaining},"reset":1}}}},"rate":{{}}}}"#
        )
    };
    let message = |text: &str| format!(r#"{{"message":"{text}","documentation_url":"x"}}"#);
    table(
        GitHub,
        &[
            (200, &limits(4999), Healthy),
            (200, &limits(0), RateLimited),
            (200, r#"{"resources":{}}"#, UnexpectedBody),
            (401, &message("Bad credentials"), KeyRefused),
            (
                403,
                &message("Resource not accessible by personal access token"),
                KeyRefused,
            ),
            (
                403,
                &message("You have exceeded a secondary rate limit."),
                RateLimited,
            ),
            (404, &message("Not Found"), UnexpectedStatus),
            (429, &message("no"), RateLimited),
            (503, "", Degraded),
        ],
    );
    for (name, value, expected) in [
        ("x-ratelimit-remaining", "0", RateLimited),
        ("x-ratelimit-remaining", "12", KeyRefused),
        ("retry-after", "60", RateLimited),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
        let found = standing(GitHub, 403, &headers, &message("no"));
        assert_eq!(found, expected, "{name}: {value}");
    }
}

#[test]
fn s3_is_well_when_it_refuses_a_stranger_in_its_own_words() {
    let error = |code: &str| {
        format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>x</Message></Error>")
    };
    table(
        S3,
        &[
            (
                200,
                "<ListBucketResult xmlns=\"x\"><Name>a</Name></ListBucketResult>",
                Healthy,
            ),
            (200, "<html>", UnexpectedBody),
            (301, &error("PermanentRedirect"), UnexpectedStatus),
            (403, &error("AccessDenied"), Healthy),
            (403, &error("AccountProblem"), UnexpectedStatus),
            (403, "<html>AccessDenied</html>", UnexpectedStatus),
            (404, &error("NoSuchBucket"), UnexpectedStatus),
            (500, &error("InternalError"), Degraded),
            (503, &error("SlowDown"), RateLimited),
            (503, &error("ServiceUnavailable"), Degraded),
        ],
    );
}

#[test]
fn whatever_else_answers_is_told_by_status_alone() {
    table(
        Generic,
        &[
            (200, "", Healthy),
            (204, "", Healthy),
            (302, "", UnexpectedStatus),
            (401, "", KeyRefused),
            (402, "", UnexpectedStatus),
            (403, "", KeyRefused),
            (429, &error("insufficient_quota", ""), RateLimited),
            (500, "", Degraded),
            (599, "", Degraded),
        ],
    );
}

#[test]
fn who_sends_no_key_cannot_have_it_refused() {
    for of in PRESETS {
        for status in [401, 403] {
            let answer = Answer {
                status,
                headers: &HeaderMap::new(),
                body: Some(b"{}"),
                keyed: false,
            };
            let found = classify(preset(of), answer).0;
            assert_eq!(found, UnexpectedStatus, "{of:?} with {status}");
        }
    }
}

#[test]
fn only_what_is_known_to_be_good_passes_and_no_message_holds_a_body() {
    let target = Target::new("api.example.com", 443).unwrap();
    let canary = r#"{"error":{"message":"canary"},"canary":1}"#;
    for of in PRESETS {
        for status in 100..1000 {
            let answer = Answer {
                status,
                headers: &HeaderMap::new(),
                body: Some(canary.as_bytes()),
                keyed: true,
            };
            let finding = judge(preset(of), answer, &target);
            let good = of == Generic && (200..300).contains(&status);
            assert_eq!(finding.verdict == Verdict::Pass, good, "{of:?} {status}");
            assert!(finding.message.contains(&status.to_string()));
            assert!(!finding.message.contains("canary"), "{}", finding.message);
        }
        let too_long = Answer {
            status: 200,
            headers: &HeaderMap::new(),
            body: None,
            keyed: true,
        };
        let finding = judge(preset(of), too_long, &target);
        assert_eq!(finding.verdict == Verdict::Pass, of == Generic, "{of:?}");
    }
}

proptest! {
    #[test]
    fn no_body_breaks_the_judgement(
        status in 100u16..1000,
        body in proptest::collection::vec(any::<u8>(), 0..300),
        text in r#"[\[\]{}":,a-z0-9<>/]{0,200}"#,
    ) {
        for of in PRESETS {
            for body in [&body[..], text.as_bytes()] {
                let answer = Answer { status, headers: &HeaderMap::new(), body: Some(body), keyed: true };
                classify(preset(of), answer);
            }
        }
    }
}

#[test]
fn no_answer_breaks_the_judgement_or_shows_in_it() {
    let target = Target::new("api.example.com", 443).unwrap();
    crate::fuzz::hold("external_answer", |input| {
        for of in PRESETS {
            for status in [200, 401, 429, 503] {
                let answer = Answer {
                    status,
                    headers: &HeaderMap::new(),
                    body: Some(input),
                    keyed: true,
                };
                let finding = judge(preset(of), answer, &target);
                assert!(
                    status < 400 || finding.verdict != Verdict::Pass,
                    "{finding:?}"
                );
            }
        }
    });
}
