use proptest::prelude::*;

use super::*;

fn judge_in(texts: &[&str], body: &str) -> Judgement {
    let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
    let mut headers = HeaderMap::new();
    headers.insert("x-release", "v2".parse().unwrap());
    headers.append("x-release", "v3".parse().unwrap());
    let answer = Answer {
        status: 200,
        headers: &headers,
        body: body.as_bytes(),
        elapsed: Duration::from_millis(42),
    };
    CelAssertions::new(&texts).unwrap().judge(&answer)
}

fn judge(text: &str, body: &str) -> Judgement {
    judge_in(&[text], body)
}

const BODY: &str = r#"{"n": 3, "f": 1.5, "s": "ok", "z": null, "big": 18446744073709551615,
    "items": [{"name": "a", "state": "up"}, {"name": "b", "state": "down"}]}"#;

#[test]
fn what_holds_has_no_fault() {
    for text in [
        "status == 200 && latency < 100",
        "status in [200, 204]",
        "headers['x-release'] == 'v2, v3'",
        "json.n == 3 && json.n < 3.5 && json.f == 1.5",
        "json.big > 1.0",
        "json.z == null",
        "has(json.n) && !has(json.gone)",
        "json.items.exists(item, item.state == 'down')",
        "!json.items.all(item, item.state == 'up')",
        "json.items.filter(item, item.state == 'up').size() == 1",
        "json.items.map(item, item.name) == ['a', 'b']",
        "json.items.exists_one(item, item.name == 'a')",
        "size(json.items) == 2 && json.items[0].name.startsWith('a')",
        "body.contains('items') && body.matches('\"n\": [0-9]+')",
        "(json.n > 2 ? 'many' : 'few') == 'many'",
        "int('7') == 7 && string(json.n) == '3'",
    ] {
        assert_eq!(judge(text, BODY), Judgement::Told(Vec::new()), "{text}");
    }
}

#[test]
fn what_does_not_hold_is_named_without_a_value_of_the_answer() {
    for (text, said) in [
        ("json.n > 5", "json.n > 5 is false"),
        ("json.n", "json.n is neither true nor false"),
        (
            "json.gone == 1",
            "json.gone == 1 cannot be evaluated: a key is missing",
        ),
        (
            "json.items[9].name == 'x'",
            "json.items[9].name == 'x' cannot be evaluated: a list is too short",
        ),
        (
            "json.n / 0 == 1",
            "json.n / 0 == 1 cannot be evaluated: it divides by zero",
        ),
        (
            "json.s < 5",
            "json.s < 5 cannot be evaluated: a value is of another type than it needs",
        ),
    ] {
        assert_eq!(judge(text, BODY), Judgement::Told(vec![said.to_owned()]));
    }
    let both = judge_in(&["status == 1", "latency == 42", "status == 2"], BODY);
    let said = ["status == 1 is false", "status == 2 is false"];
    assert_eq!(both, Judgement::Told(said.map(str::to_owned).to_vec()));
}

#[test]
fn a_body_is_read_only_for_an_expression_that_speaks_of_it() {
    let reads = |text: &str| {
        CelAssertions::new(&[text.to_owned()])
            .unwrap()
            .read_the_body()
    };
    assert!(reads("json.a == 1") && reads("body == ''"));
    assert!(!reads("status == 200 && headers['a'] == 'b'"));
    assert_eq!(
        judge("status == 200", "no JSON"),
        Judgement::Told(Vec::new())
    );
    let told = judge("json.a == 1", "{");
    let said = "the body cannot be read as JSON (line 1, column 1)".to_owned();
    assert_eq!(told, Judgement::Told(vec![said]));
}

#[test]
fn what_cannot_be_read_or_bounded_is_refused_in_one_line() {
    let long = format!("status == {}", "1".repeat(2000));
    let deep = format!("{}status{}", "(".repeat(400), ")".repeat(400));
    for text in [
        "",
        "status ==",
        "status = 200",
        "secrets.token == 'x'",
        "json.items.all(item, other.x)",
        "status.launch()",
        "duration('1s') < duration('2s')",
        "{'a': 1}.size() == 1",
        "body.matches(json.pattern)",
        "body.matches('(')",
        "body.matches('(?:a{1000}){1000}')",
        &long,
        &deep,
    ] {
        let error = CelAssertions::new(&[text.to_owned()]).err();
        let error = error.unwrap_or_else(|| panic!("{text} is accepted"));
        assert_eq!(error.field, "http.expect.cel[0]");
        assert!(!error.problem.contains('\n'), "{error}");
    }
    assert!(CelAssertions::new(&vec!["true".to_owned(); 9]).is_err());
}

#[test]
fn the_deepest_expressions_that_are_accepted_fit_a_stack() {
    let deepest = DEEPEST_BRACKETS;
    let most = HEAVIEST_OPERATORS;
    for text in [
        format!("{}true{}", "(".repeat(deepest), ")".repeat(deepest)),
        format!("{}1{} == 1", "[".repeat(deepest), "]".repeat(deepest)),
        format!(
            "size({}1{}) == 1",
            "[".repeat(deepest - 1),
            "]".repeat(deepest - 1)
        ),
        format!("json{}", ".a".repeat(most)),
        format!("1{}", " + 1".repeat(most / 4)),
        format!("1{}", " < 1".repeat(most / 2)),
        format!("1{}", " == 1".repeat(most / 4)),
        format!("{}1{}", "(1 + ".repeat(deepest), ")".repeat(deepest)),
        format!("{}true", "!".repeat(most)),
        format!("{}1", "true ? 1 : ".repeat(most / 4)),
        format!("{}json", "json[1] + ".repeat(most / 4)),
        format!("true{}", " && true".repeat(most / 2)),
    ] {
        let _ = judge(&text, BODY);
    }
    let deep = "json.list.all(a, ".repeat(deepest);
    let deep = format!("{deep}true{}", ")".repeat(deepest));
    assert!(matches!(judge(&deep, &listing(50)), Judgement::Costly(_)));
}

/// A list of so many small numbers under `list`.
fn listing(length: usize) -> String {
    let entries: Vec<String> = (0..length).map(|place| place.to_string()).collect();
    format!("{{\"list\": [{}]}}", entries.join(","))
}

#[test]
fn what_would_take_too_long_is_not_begun() {
    let pairs = "json.list.all(a, json.list.all(b, a + b >= 0))";
    assert_eq!(judge(pairs, &listing(50)), Judgement::Told(Vec::new()));
    let began = std::time::Instant::now();
    for text in [
        pairs,
        "json.list.map(a, json.list.map(b, json.list)).size() > 0",
        "json.list.all(a, body.matches('x+y'))",
        "json.list.all(a, (body + body + body).size() > 0)",
        "json.list.map(a, json.list).all(row, row.all(n, n >= 0))",
        "(json.list + json.list + json.list).all(a, json.list.all(b, a != b))",
    ] {
        let judged = judge(text, &listing(100_000));
        assert!(matches!(judged, Judgement::Costly(_)), "{text}");
    }
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn the_most_work_that_is_begun_ends_soon() {
    let began = std::time::Instant::now();
    let widest = [150, 1000, 20_000];
    for (length, text) in widest.into_iter().zip([
        "json.list.all(a, json.list.all(b, a + b >= 0))",
        "json.list.filter(a, a % 2 == 0).map(a, a * 2).all(a, a >= 0)",
        "json.list.all(a, a >= 0)",
    ]) {
        assert_eq!(judge(text, &listing(length)), Judgement::Told(Vec::new()));
    }
    assert!(began.elapsed() < Duration::from_secs(20));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_breaks_the_compiler(text in "\\PC{0,80}") {
        let _ = CelAssertions::new(&[text]);
    }

    #[test]
    fn no_expression_breaks_the_judgement(
        parts in proptest::collection::vec(
            prop_oneof![
                Just("json"), Just("body"), Just("status"), Just("headers"), Just("."), Just("items"), Just("("), Just(")"),
                Just("["), Just("]"), Just("0"), Just("-1"), Just("'a'"), Just("+"), Just("=="), Just("&&"), Just("!"),
                Just("all(x, "), Just("map(x, "), Just("x"), Just("? "), Just(": "), Just("size("), Just("in "), Just("9223372036854775807"),
            ],
            0..24,
        ),
    ) {
        if let Ok(assertions) = CelAssertions::new(&[parts.concat()]) {
            let headers = HeaderMap::new();
            let answer = Answer { status: 200, headers: &headers, body: BODY.as_bytes(), elapsed: Duration::ZERO };
            let _ = assertions.judge(&answer);
        }
    }
}

#[test]
fn no_expression_breaks_the_compiler_or_the_judgement() {
    let body = listing(2000);
    crate::fuzz::hold_text("cel", |text| match CelAssertions::new(&[text.to_owned()]) {
        Ok(assertions) => {
            let headers = HeaderMap::new();
            for body in [BODY, body.as_str(), "{"] {
                let answer = Answer {
                    status: 200,
                    headers: &headers,
                    body: body.as_bytes(),
                    elapsed: Duration::ZERO,
                };
                let _ = assertions.judge(&answer);
            }
        }
        Err(error) => assert!(!error.problem.contains('\n'), "{text:?}: {error}"),
    });
}
