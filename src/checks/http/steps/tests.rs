use http::HeaderMap;
use serde_json::json;

use super::{
    judgement::{Outcome, judge},
    *,
};
use crate::checks::http::{
    body::Body,
    observation::{Certificate, Observation},
};

fn compiled(yaml: &str) -> Result<Steps, InvalidCheck> {
    Steps::new(&serde_yaml::from_str(yaml).unwrap(), &|_| {
        Some("secret".into())
    })
}

/// A chain whose second step is written so, after one that captures `id`.
fn second(step: &str) -> Result<Steps, InvalidCheck> {
    compiled(&format!(
        "{{url: 'http://a/base/', steps: [{{name: first, method: POST, capture: [{{name: id, json: $.id}}]}}, {{name: second, {step}}}]}}"
    ))
}

fn values(id: &str) -> Values {
    let value = |text: &str| Captured::string(text);
    [("id", value(id)), (RUN, value("0f"))]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
}

#[test]
fn a_step_is_sent_below_the_url_with_its_values_escaped() {
    let chain = second(
        "path: '/documents/${id}?run=${run}', method: PUT, headers: [{name: Content-Type, value: application/json}, \
         {name: Authorization, value: 'Bearer ${id}'}], body: '{\"is\": ${id}, \"literal\": \"$${id}\"}'",
    );
    let request = chain.unwrap().steps[1].request(&values("a/b\"")).unwrap();
    assert_eq!(
        request.url().as_str(),
        "http://a/base/documents/a%2Fb%22?run=0f"
    );
    let built = request.build();
    assert_eq!(built.headers()["authorization"], "Bearer a/b\"");
    assert!(built.headers()["authorization"].is_sensitive());
    let first = compiled("{url: 'http://a/base/', steps: [{name: first}]}").unwrap();
    let request = first.steps[0].request(&Values::new()).unwrap();
    assert_eq!(request.url().as_str(), "http://a/base/");
}

#[test]
fn a_value_that_would_lead_to_another_path_or_break_a_header_is_not_sent() {
    for (path, id) in [
        ("/documents/${id}", "."),
        ("/documents/${id}", ".."),
        ("/documents/.${id}/x", "."),
        ("/documents/%2E${id}", "."),
    ] {
        let chain = second(&format!("path: '{path}'")).unwrap();
        let (part, _) = chain.steps[1].request(&values(id)).err().unwrap();
        assert_eq!(part, "path", "{path} {id}");
    }
    let chain = second("headers: [{name: X-Id, value: '${id}'}]").unwrap();
    for id in ["a\nb", "a\r\nX-Evil: 1", "\0", "\u{7f}"] {
        let (part, problem) = chain.steps[1].request(&values(id)).err().unwrap();
        assert_eq!(part, "headers");
        assert!(!problem.contains(id));
    }
}

#[test]
fn only_secrets_of_the_check_are_its_credentials() {
    let own = "[{name: X-Api-Key, valueFrom: {secretKeyRef: {name: a, key: b}}}]";
    let chain = second(&format!("headers: {own}")).unwrap();
    assert!(chain.steps[1].demand.credentials && !chain.steps[0].demand.credentials);
    let chain = second("headers: [{name: Authorization, value: '${id}'}]").unwrap();
    assert!(!chain.steps[1].demand.credentials);
    let shared = compiled(&format!(
        "{{url: 'http://a', headers: {own}, steps: [{{name: a}}, {{name: b, headers: [{{name: x-api-key, value: 'k${{run}}'}}]}}]}}"
    ));
    let credentials: Vec<_> = shared
        .unwrap()
        .steps
        .iter()
        .map(|it| it.demand.credentials)
        .collect();
    assert_eq!(
        credentials,
        [true, false],
        "a step's header takes the place of the check's"
    );
}

#[test]
fn what_no_chain_can_be_is_refused_with_its_field() {
    for (step, field) in [
        ("path: a", "path"),
        ("path: '/a b'", "path"),
        ("path: '/a/../b'", "path"),
        ("path: '/#a'", "path"),
        ("path: '/${other}'", ""),
        (
            "path: '/${second}', capture: [{name: second, json: $.a}]",
            "",
        ),
        ("path: '/${'", "path"),
        ("body: x", "body"),
        ("method: DELETE, body: x", "body"),
        ("method: POST, body: '${id}'", "body"),
        (
            "method: POST, body: '${id}', headers: [{name: Content-Type, value: text/plain}]",
            "body",
        ),
        (
            "method: POST, body: '{${id}', headers: [{name: Content-Type, value: application/json}]",
            "body",
        ),
        (
            "method: POST, body: '\"\\${id}\"', headers: [{name: Content-Type, value: application/json}]",
            "body",
        ),
        (
            "headers: [{name: Authorization, value: fixed}]",
            "headers[0]",
        ),
        (
            "headers: [{name: Authorization, value: '$${id}'}]",
            "headers[0]",
        ),
        ("headers: [{name: Host, value: '${id}'}]", "headers[0]"),
        (
            "headers: [{name: a, value: '${id}'}, {name: A, value: x}]",
            "headers[1].name",
        ),
        ("headers: [{name: a, value: '${id'}]", "headers[0]"),
        ("expect: {status: ['0']}", "expect.status[0]"),
        ("capture: [{name: run, json: $.a}]", "capture[0].name"),
        ("capture: [{name: 'a-b', json: $.a}]", "capture[0].name"),
        ("capture: [{name: id, json: $.a}]", "capture"),
        ("capture: [{name: a}]", "capture[0]"),
        ("capture: [{name: a, json: $.a, header: b}]", "capture[0]"),
        ("capture: [{name: a, json: '$['}]", "capture[0].json"),
        ("capture: [{name: a, header: 'a b'}]", "capture[0].header"),
        (
            "capture: [{name: a, json: $.a, matches: '('}]",
            "capture[0].matches",
        ),
        (
            "capture: [{name: a, json: $.a, matches: '(a)(b)'}]",
            "capture[0].matches",
        ),
    ] {
        let error = second(step).err().unwrap_or_else(|| panic!("{step}"));
        let expected = format!("http.steps[1].{field}");
        assert_eq!(
            error.field,
            expected.trim_end_matches('.'),
            "{step}: {error}"
        );
    }
}

#[test]
fn steps_that_do_not_go_together_are_refused_with_their_field() {
    for (check, field) in [
        ("{url: 'http://a?b=c', steps: [{name: a}]}", "http.url"),
        (
            "{url: 'http://a', method: POST, steps: [{name: a}]}",
            "http",
        ),
        ("{url: 'http://a', expect: {}, steps: [{name: a}]}", "http"),
        (
            "{url: 'http://a', steps: [{name: a}, {name: a}]}",
            "http.steps[1].name",
        ),
        (
            "{url: 'http://a', steps: [{name: 'a b'}]}",
            "http.steps[0].name",
        ),
        (
            "{url: 'http://a', steps: [{name: a, cleanup: true}]}",
            "http.steps[0].cleanup",
        ),
        (
            "{url: 'http://a', steps: [{name: a}, {name: b, cleanup: true}, {name: c}]}",
            "http.steps[2].cleanup",
        ),
    ] {
        assert_eq!(compiled(check).err().unwrap().field, field, "{check}");
    }
    let many = |count: usize, captured: usize| {
        let captures: Vec<_> = (0..captured)
            .map(|it| json!({"name": format!("c{it}"), "json": "$.a"}))
            .collect();
        let steps: Vec<_> = (0..count)
            .map(|it| json!({"name": format!("s{it}")}))
            .collect();
        let mut check = json!({"url": "http://a", "steps": steps});
        for (place, capture) in captures.into_iter().enumerate() {
            let of_step = &mut check["steps"][place / 8]["capture"];
            if of_step.is_null() {
                *of_step = json!([]);
            }
            of_step.as_array_mut().unwrap().push(capture);
        }
        compiled(&check.to_string())
    };
    assert!(many(10, 16).is_ok());
    assert!(many(11, 0).is_err() && many(10, 17).is_err());
    let named = compiled(
        "{url: 'http://a', headers: [{name: X-Token, value: '${id}'}], steps: [{name: a}]}",
    );
    assert_eq!(named.err().unwrap().field, "http.steps[0]");
}

fn answer(body: &str) -> Observation {
    let mut headers = HeaderMap::new();
    headers.insert("location", "/documents/17?v=2".parse().unwrap());
    headers.insert("x-empty", "".parse().unwrap());
    headers.insert("x-odd", http::HeaderValue::from_bytes(b"\xff").unwrap());
    Observation {
        status: 200,
        headers,
        body: Body::Whole(body.as_bytes().to_vec()),
        elapsed: Duration::ZERO,
        phases: Phases::default(),
        certificate: Certificate::None,
        now: 0,
    }
}

fn taken(capture: &str, body: &str) -> Result<Captured, Finding> {
    let capture: api::HttpCapture =
        serde_yaml::from_str(&format!("{{name: id, {capture}}}")).unwrap();
    let mut values = Values::new();
    let captures = [Capture::new(&capture, "capture[0]").unwrap()];
    take_all(&captures, &answer(body), &mut values)?;
    Ok(values.remove("id").unwrap())
}

#[test]
fn a_value_is_captured_as_it_is() {
    let body =
        r#"{"id": "a b", "number": 18446744073709551615, "flag": false, "items": [{"id": 1}]}"#;
    for (capture, text, is_string) in [
        ("json: $.id", "a b", true),
        ("json: $.number", "18446744073709551615", false),
        ("json: $.flag", "false", false),
        ("json: '$.items[?@.id == 1].id'", "1", false),
        ("json: $.id, matches: '^.'", "a", true),
        ("header: Location", "/documents/17?v=2", true),
        (
            "header: location, matches: '^/documents/([^/?]+)'",
            "17",
            true,
        ),
    ] {
        let value = taken(capture, body).unwrap();
        assert_eq!(
            (value.text.as_str(), value.is_string),
            (text, is_string),
            "{capture}"
        );
    }
}

#[test]
fn what_could_be_another_value_is_not_captured_and_nothing_of_it_is_shown() {
    use FindingReason::{UnexpectedBody, UnexpectedHeader};
    let long = "canary".repeat(200);
    let body = json!({
        "empty": "", "null": null, "list": ["canary"], "object": {"canary": 1}, "half": 1.5, "long": long, "id": "canary",
    });
    let large = format!(
        "{{\"large\": 18446744073709551616, {}",
        &body.to_string()[1..]
    );
    for (capture, reason) in [
        ("json: $.missing", UnexpectedBody),
        ("json: '$.*'", UnexpectedBody),
        ("json: $.empty", UnexpectedBody),
        ("json: $.null", UnexpectedBody),
        ("json: $.list", UnexpectedBody),
        ("json: $.object", UnexpectedBody),
        ("json: $.half", UnexpectedBody),
        ("json: $.large", UnexpectedBody),
        ("json: $.long", UnexpectedBody),
        ("json: $.id, matches: '^x'", UnexpectedBody),
        ("header: X-Missing", UnexpectedHeader),
        ("header: X-Empty", UnexpectedHeader),
        ("header: X-Odd", UnexpectedHeader),
    ] {
        let finding = taken(capture, &large)
            .err()
            .unwrap_or_else(|| panic!("{capture}"));
        assert_eq!(
            (finding.verdict, finding.reason),
            (Verdict::Fail, reason),
            "{capture}"
        );
        assert!(!finding.message.contains("canary"), "{}", finding.message);
    }
    assert!(taken("json: $.id", "<html>").is_err());
}

#[test]
fn the_worst_verdict_counts_and_each_step_that_does_not_pass_is_named() {
    let passed = || Outcome::Found(Finding::pass("status 200"));
    let failed = |message: &str| {
        Outcome::Found(Finding::fail(
            FindingReason::UnexpectedStatus,
            message.to_owned(),
        ))
    };
    let unknown = || {
        Outcome::Found(Finding::unknown(
            FindingReason::CredentialsRefused,
            "status 401",
        ))
    };
    let said = |create, read, delete| {
        let finding = judge(&[
            ("create", false, create),
            ("read", false, read),
            ("delete", true, delete),
        ]);
        (finding.verdict, finding.reason, finding.message)
    };
    let expected = (Verdict::Pass, FindingReason::Passed, "3 steps".to_owned());
    assert_eq!(said(passed(), passed(), passed()), expected);
    let (verdict, reason, message) = said(passed(), failed("status 500"), passed());
    assert_eq!(
        (verdict, reason),
        (Verdict::Fail, FindingReason::UnexpectedStatus)
    );
    assert_eq!(message, "step read: status 500");
    let (verdict, _, message) = said(passed(), passed(), failed("status 500"));
    assert_eq!(verdict, Verdict::Fail);
    let left = "something may be left behind, since cleanup delete";
    assert_eq!(message, format!("{left}: status 500"));
    let (verdict, reason, message) = said(passed(), unknown(), failed("status 500"));
    assert_eq!(
        (verdict, reason),
        (Verdict::Fail, FindingReason::UnexpectedStatus)
    );
    assert_eq!(
        message,
        format!("step read: status 401; {left}: status 500")
    );
    let (verdict, reason, _) = said(passed(), failed("status 500"), unknown());
    assert_eq!(
        (verdict, reason),
        (Verdict::Fail, FindingReason::UnexpectedStatus)
    );
    let (verdict, reason, _) = said(passed(), passed(), unknown());
    assert_eq!(
        (verdict, reason),
        (Verdict::Unknown, FindingReason::CredentialsRefused)
    );
    let (_, _, message) = said(
        failed(&"x".repeat(500)),
        Outcome::NotReached,
        Outcome::Lacking("id".to_owned()),
    );
    assert!(
        message.ends_with(&format!("{left} cannot be sent without id")),
        "{message}"
    );
}
