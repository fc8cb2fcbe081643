//! Targets that are silent, talk nonsense, or never come to an end.

use super::*;

/// How long a check may take here.
const LIMIT: Duration = Duration::from_secs(2);

async fn within_the_limit(network: &Network, yaml: &str) -> Measurement {
    let began = tokio::time::Instant::now();
    let measured = measure_within(LIMIT, &probe(yaml), &network.session()).await;
    assert!(began.elapsed() < LIMIT + Duration::from_secs(1));
    measured
}

#[tokio::test]
async fn a_target_without_an_answer_fails_as_in_an_http_check() {
    for (behaviour, reason) in [
        (Behaviour::Hang, TimedOut),
        (Behaviour::Drip(Duration::from_millis(50)), TimedOut),
        (Behaviour::CloseBeforeAnswer, ConnectionReset),
        (Behaviour::CloseInBody, ConnectionReset),
        (
            Behaviour::Raw(b"SSH-2.0-canary\r\n".to_vec()),
            ProtocolError,
        ),
        (Behaviour::InterimFlood, ProtocolError),
        (Behaviour::EndlessHead, ProtocolError),
        (Behaviour::Json(503, "canary".to_owned()), UnexpectedStatus),
        (Behaviour::Redirect(302, "/".to_owned()), RedirectRefused),
        (
            Behaviour::Redirect(302, "javascript:0".to_owned()),
            RedirectRefused,
        ),
    ] {
        let site = Site::start(behaviour).await;
        let yaml = format!("url: '{}'", site.server.url("/"));
        let measured = within_the_limit(&site.network, &yaml).await;
        assert_says(&measured, Fail, reason);
    }
    let closed = format!("url: 'https://127.0.0.1:{}/'", free_port());
    let measured = within_the_limit(&network(), &closed).await;
    assert_says(&measured, Fail, ConnectionRefused);
}

#[tokio::test]
async fn a_body_without_an_end_is_read_to_its_cap_and_no_further() {
    let site = Site::start(Behaviour::Endless).await;
    let yaml = format!(
        "url: '{}'\nignore: [HstsMissing, FramingAllowed, ContentSecurityPolicyMissing, ContentTypeOptionsMissing, ReferrerPolicyMissing]",
        site.server.url("/")
    );
    let measured = measure(&probe(&yaml), &site.network.session()).await;
    assert_says(&measured, Unknown, NoData);
    // One for the page, one for each path and stranger, a short while for each origin.
    let most = 16 * (1 << 20) + (64 << 20);
    assert!(
        site.server.bytes_sent() < most,
        "{}",
        site.server.bytes_sent()
    );
    let yaml = format!("url: '{}'", site.server.url("/"));
    let measured = measure(&probe(&yaml), &site.network.session()).await;
    assert_says(&measured, Fail, UnexpectedHeader);
}

#[tokio::test]
async fn a_target_that_is_overloaded_says_nothing_of_its_headers() {
    let site = Site::start(Behaviour::Json(429, "{}".to_owned())).await;
    let measured = site.measure("").await;
    assert_says(&measured, Unknown, RateLimited);
}

#[tokio::test]
async fn what_stops_answering_after_the_page_is_unknown_and_found_faults_stay_found() {
    let then_hang = |lines: Vec<&'static str>| {
        Behaviour::by_head(move |head| match (path(head), origin(head)) {
            ("/", None) => answer(200, &lines, PAGE),
            _ => Behaviour::Hang,
        })
    };
    let site = Site::start(then_hang(GOOD.to_vec())).await;
    let yaml = format!("url: '{}'", site.server.url("/"));
    let measured = within_the_limit(&site.network, &yaml).await;
    assert_says(&measured, Unknown, NoData);
    site.server.behave(then_hang(with("referrer-policy")));
    let measured = within_the_limit(&site.network, &yaml).await;
    assert_says(&measured, Fail, UnexpectedHeader);
}

#[tokio::test]
async fn silence_without_tls_is_unknown() {
    let site = Site::start(good()).await;
    let plain = Server::start(Behaviour::Hang).await;
    let yaml = format!(
        "url: '{}'\nhttpUrl: '{}'",
        site.server.url("/"),
        plain.url("/")
    );
    let measured = within_the_limit(&site.network, &yaml).await;
    assert_says(&measured, Unknown, NoData);
    // The rest was looked at before.
    site.server.behave(giving("/.env", "SECRET=canary"));
    let measured = within_the_limit(&site.network, &yaml).await;
    assert_says(&measured, Fail, UnexpectedBody);
}

#[tokio::test]
async fn a_redirect_does_not_lead_past_the_egress_rule() {
    let away = "http://169.254.169.254/latest/meta-data/";
    let server = Server::start(Behaviour::Redirect(302, away.to_owned())).await;
    let yaml = format!("url: '{}'", server.url("/"));
    let measured = within_the_limit(&network(), &yaml).await;
    assert_says(&measured, Unknown, TargetNotAllowed);
}
