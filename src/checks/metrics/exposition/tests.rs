use std::sync::atomic::AtomicU64;

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use proptest::{collection::vec, prelude::*};

use super::*;

type Plain = (String, Vec<(String, String)>, f64, Option<f64>);

fn samples(text: &str, format: Format) -> Result<Vec<Plain>, Malformed> {
    let mut samples = Vec::new();
    read(text.as_bytes(), format, |sample| {
        let labels = sample.labels.into_iter();
        let labels = labels.map(|(name, value)| (name.into_owned(), value.into_owned()));
        samples.push((
            sample.name.into_owned(),
            labels.collect(),
            sample.value,
            sample.time,
        ));
    })?;
    Ok(samples)
}

fn one(text: &str, format: Format) -> Plain {
    let mut samples = samples(text, format).unwrap_or_else(|error| panic!("{text}: {error}"));
    assert_eq!(samples.len(), 1, "{text}");
    samples.remove(0)
}

fn plain(name: &str, labels: &[(&str, &str)], value: f64, time: Option<f64>) -> Plain {
    let labels = labels
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    (name.to_owned(), labels.collect(), value, time)
}

#[test]
fn the_text_format_is_read_in_every_spelling_that_it_allows() {
    for (line, expected) in [
        ("up 1\n", plain("up", &[], 1.0, None)),
        ("\t up\t 1 \n", plain("up", &[], 1.0, None)),
        ("up{} 1\n", plain("up", &[], 1.0, None)),
        ("a:b_c9 -1.5e-3\n", plain("a:b_c9", &[], -0.0015, None)),
        (
            "up 1 1395066363500\n",
            plain("up", &[], 1.0, Some(1_395_066_363.5)),
        ),
        ("up 1 -3982045\n", plain("up", &[], 1.0, Some(-3982.045))),
        ("up +Inf\n", plain("up", &[], f64::INFINITY, None)),
        ("up -inf\n", plain("up", &[], f64::NEG_INFINITY, None)),
        (
            "up{a=\"b\",c=\"\"} 1\n",
            plain("up", &[("a", "b"), ("c", "")], 1.0, None),
        ),
        (
            "up { a = \"b\" , } 1\n",
            plain("up", &[("a", "b")], 1.0, None),
        ),
        ("up{a=\"} 1\"} 2\n", plain("up", &[("a", "} 1")], 2.0, None)),
        (
            "up{a=\"C:\\\\DIR\\\"\\n\"} 1\n",
            plain("up", &[("a", "C:\\DIR\"\n")], 1.0, None),
        ),
        (
            "{\"my.up\",\"a.b\"=\"c\"} 1\n",
            plain("my.up", &[("a.b", "c")], 1.0, None),
        ),
        (
            "up{a=\"münchen ☃\"} 1\n",
            plain("up", &[("a", "münchen ☃")], 1.0, None),
        ),
        (
            "# a remark\n#\n\n# HELP up is it \\n up\n# TYPE up gauge\nup 1\n",
            plain("up", &[], 1.0, None),
        ),
        ("#HELP\n# EOF\n# UNIT\nup 1\n", plain("up", &[], 1.0, None)),
    ] {
        assert_eq!(one(line, Format::Text), expected, "{line}");
    }
    assert!(one("up NaN\n", Format::Text).2.is_nan());
    assert_eq!(samples("", Format::Text), Ok(Vec::new()));
}

#[test]
fn open_metrics_is_read_with_times_in_seconds_and_exemplars() {
    let text = "# TYPE foo counter\n# UNIT foo \n# HELP foo help\nfoo_total{a=\"b\"} 17.0 1520879607.789 \
                # {trace_id=\"KOO5S4\"} 0.67 1520879607.7\nfoo_created 1520872607.123\n# EOF\n";
    let expected = vec![
        plain("foo_total", &[("a", "b")], 17.0, Some(1_520_879_607.789)),
        plain("foo_created", &[], 1_520_872_607.123, None),
    ];
    assert_eq!(samples(text, Format::OpenMetrics), Ok(expected));
    let bare = "a_bucket{le=\"1.0\"} 1 # {} 0.5\n# EOF";
    assert_eq!(
        one(bare, Format::OpenMetrics),
        plain("a_bucket", &[("le", "1.0")], 1.0, None)
    );
}

#[test]
fn what_another_library_writes_is_read() {
    let mut registry = Registry::default();
    let family = Family::<Vec<(String, String)>, Counter>::default();
    family
        .get_or_create(&vec![("path".to_owned(), "a\"b\\c\nd".to_owned())])
        .inc_by(3);
    registry.register("requests", "Requests", family);
    let gauge = Gauge::<f64, AtomicU64>::default();
    gauge.set(-0.25);
    registry.register("depth", "Depth", gauge);
    let histogram = Histogram::new([0.1, 1.0]);
    histogram.observe(0.5);
    registry.register("seconds", "Seconds", histogram);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    let samples = samples(&text, Format::OpenMetrics).unwrap();
    assert!(samples.contains(&plain(
        "requests_total",
        &[("path", "a\"b\\c\nd")],
        3.0,
        None
    )));
    assert!(samples.contains(&plain("depth", &[], -0.25, None)));
    assert!(samples.contains(&plain("seconds_bucket", &[("le", "+Inf")], 1.0, None)));
}

#[test]
fn what_is_malformed_is_told_by_its_line_alone() {
    for line in [
        "up",
        "up canary",
        "up 1 canary",
        "up 1 1.5",
        "up 1 2 3",
        "up 1_000",
        "up 0x1",
        "up 1 # {a=\"b\"} 1",
        "9up 1",
        "up-canary 1",
        "canary.up 1",
        "{} 1",
        "{a=\"canary\"} 1",
        "{\"\"} 1",
        "{\"a\",\"canary\"} 1",
        "up{\"canary\"} 1",
        "up{a} 1",
        "up{a=} 1",
        "up{a=canary} 1",
        "up{a=\"canary} 1",
        "up{a=\"canary\" 1",
        "up{a=\"b\" c=\"canary\"} 1",
        "up{,} 1",
        "up{a=\"b\",,} 1",
        "up{a:b=\"c\"} 1",
        "up{a=\"\\canary\"} 1",
        "up{a=\"canary\\",
        "up{a=\"b\",a=\"canary\"} 1",
        "up 1\r",
        "<html>canary</html>",
        "{\"status\":\"canary\"}",
        "# TYPE up canary",
        "# TYPE up",
        "# TYPE",
        "# HELP",
        "# HELP 9up canary",
        "# TYPE good gauge",
        "\u{feff}up 1",
    ] {
        let text = format!("# TYPE good gauge\ngood 1\n{line}\ngood 2\n");
        let malformed = samples(&text, Format::Text).unwrap_err();
        assert_eq!(malformed.line, 3, "{line}: {malformed}");
        assert!(!malformed.to_string().contains("canary"), "{malformed}");
    }
    let many = (0..300).map(|place| format!("l{place}=\"\""));
    let many = format!("up{{{}}} 1\n", many.collect::<Vec<_>>().join(","));
    assert!(samples(&many, Format::Text).is_err());
    let cut_off = samples("up 1\nup 1", Format::Text).unwrap_err();
    assert_eq!(cut_off.line, 2);
    let bytes = read(b"up 1\nup{a=\"\xff\"} 1\n", Format::Text, |_| {}).unwrap_err();
    assert_eq!(bytes.line, 2);
}

#[test]
fn open_metrics_is_stricter() {
    for text in [
        "",
        "up 1\n",
        "up 1\n# EOF\n\n",
        "up 1\n# EOF\nup 2\n",
        "\nup 1\n# EOF\n",
        "# a remark\nup 1\n# EOF\n",
        "up 1 NaN\n# EOF\n",
        "up 1 # canary\n# EOF\n",
        "up 1 # {a=\"b\"}\n# EOF\n",
        "up 1 # {a=\"b\"} 1 2 3\n# EOF\n",
        "up 1 # {\"a\"} 1\n# EOF\n",
    ] {
        assert!(samples(text, Format::OpenMetrics).is_err(), "{text}");
    }
}

#[test]
fn the_content_type_tells_the_format() {
    for (content_type, format) in [
        (
            Some("application/openmetrics-text; version=1.0.0; charset=utf-8"),
            Format::OpenMetrics,
        ),
        (Some("Application/OpenMetrics-Text"), Format::OpenMetrics),
        (Some("text/plain; version=0.0.4"), Format::Text),
        (Some("application/json"), Format::Text),
        (Some(""), Format::Text),
        (None, Format::Text),
    ] {
        assert_eq!(Format::of(content_type), format, "{content_type:?}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

proptest! {
    #[test]
    fn no_bytes_break_the_reader(bytes in vec(any::<u8>(), 0..300)) {
        for format in [Format::Text, Format::OpenMetrics] {
            let _ = read(&bytes, format, |_| {});
        }
    }

    #[test]
    fn no_text_of_the_language_breaks_the_reader(text in r#"[a-c9:_{}"=,\\# \t\nN.+HELPTYEOF-]{0,80}"#) {
        for format in [Format::Text, Format::OpenMetrics] {
            let _ = read(text.as_bytes(), format, |_| {});
        }
    }

    #[test]
    fn what_is_written_is_read_back(
        name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,10}",
        labels in proptest::collection::btree_map("[a-zA-Z_][a-zA-Z0-9_]{0,10}", "\\PC{0,5}[\\\\\"\n]?\\PC{0,5}", 0..5),
        value in any::<f64>().prop_filter("compares", |value| !value.is_nan()),
        time in proptest::option::of(-10_000_000_000_000_i64..10_000_000_000_000),
    ) {
        let written = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
        let written = written.collect::<Vec<_>>().join(",");
        let shown = time.map_or_else(String::new, |time| format!(" {time}"));
        let line = format!("{name}{{{written}}} {value}{shown}\n");
        let labels: Vec<(&str, &str)> = labels.iter().map(|(name, value)| (&**name, &**value)).collect();
        #[expect(clippy::cast_precision_loss, reason = "of the same number")]
        let time = time.map(|time| time as f64 / 1000.0);
        prop_assert_eq!(one(&line, Format::Text), plain(&name, &labels, value, time));
    }
}

#[test]
fn no_exposition_breaks_the_reader_or_shows_in_its_error() {
    crate::fuzz::hold("exposition", |input| {
        for format in [Format::Text, Format::OpenMetrics] {
            let mut samples = 0;
            let outcome = read(input, format, |_| samples += 1);
            let lines = input.split(|it| *it == b'\n').count();
            assert!(samples <= lines);
            assert!(outcome.is_ok() || outcome.is_err_and(|error| error.line <= lines));
        }
    });
}
