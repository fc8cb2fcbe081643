//! Where an address sends on to, and whether plain http leads to https.

use super::*;

#[tokio::test]
async fn plain_http_redirects_to_https_or_is_not_there() {
    let site = Site::start(good()).await;
    let secure = site.server.url("/");
    let plain = Server::start(Behaviour::Ok).await;
    let other = Server::start(Behaviour::Redirect(302, secure.clone())).await;
    let http_url = format!("httpUrl: '{}'", plain.url("/?canary"));
    let code = SecurityCode::HttpsRedirectMissing;
    for (behaviour, redirects) in [
        (Behaviour::Redirect(301, secure.clone()), true),
        (Behaviour::Redirect(308, other.url("/")), true),
        (Behaviour::CloseBeforeAnswer, true),
        (Behaviour::Json(200, "{}".to_owned()), false),
        (Behaviour::Json(404, "{}".to_owned()), false),
        (Behaviour::Redirect(201, secure.clone()), false),
    ] {
        plain.behave(behaviour);
        if redirects {
            site.passes(&http_url).await;
        } else {
            site.finds(code, UnexpectedStatus, &http_url).await;
        }
    }
    let closed = format!("httpUrl: 'http://127.0.0.1:{}/'", free_port());
    site.passes(&closed).await;
    plain.behave(Behaviour::Redirect(301, plain.url("/again")));
    let measured = site.measure(&http_url).await;
    assert_says(&measured, Unknown, NoData);
}

#[tokio::test]
async fn an_address_without_tls_is_itself_what_must_redirect() {
    let site = Site::start(good()).await;
    let plain = Server::start(Behaviour::Redirect(301, site.server.url("/"))).await;
    let yaml = format!("url: '{}'\nignore: [RedirectsToOtherHost]", plain.url("/"));
    let session = site.network.session();
    assert_says(&measure(&probe(&yaml), &session).await, Pass, Passed);
    plain.behave(good());
    let measured = measure(&probe(&yaml), &session).await;
    assert_says(&measured, Fail, UnexpectedStatus);
    assert_eq!(codes(&measured), [SecurityCode::HttpsRedirectMissing]);
}

#[tokio::test]
async fn the_host_that_redirects_lead_to_is_looked_at_as_well() {
    let site = Site::start(giving("/.env", "SECRET=canary")).await;
    let plain = Server::start(Behaviour::Redirect(301, site.server.url("/"))).await;
    let ignored = "ignore: [RedirectsToOtherHost]";
    let yaml = |more: &str| format!("url: '{}'\n{ignored}\n{more}", plain.url("/"));
    let session = site.network.session();
    let measured = measure(&probe(&yaml("")), &session).await;
    assert_eq!(codes(&measured), [SecurityCode::PathExposed]);
    site.server.behave(allowing(trusted));
    let measured = measure(&probe(&yaml("")), &session).await;
    let code = SecurityCode::CorsCredentialsForAnyOrigin;
    assert_eq!(codes(&measured), [code]);
    let site_without = super::site(with("strict-transport-security"), PAGE);
    site.server.behave(site_without);
    let measured = measure(&probe(&yaml("")), &session).await;
    assert_eq!(codes(&measured), [SecurityCode::HstsMissing]);
    site.server.behave(good());
    let measured = measure(&probe(&yaml("minTlsVersion: '1.3'")), &session).await;
    assert_eq!(codes(&measured), [SecurityCode::OldTlsAccepted]);
    let expired = Server::start_tls(good(), &site.authority.expired()).await;
    plain.behave(Behaviour::Redirect(301, expired.url("/")));
    let session = site.network.session();
    let measured = measure(&probe(&yaml("")), &session).await;
    assert_says(&measured, Fail, TlsFailed);
}

#[tokio::test]
async fn redirects_stay_at_the_host_and_under_tls() {
    let site = Site::start(good()).await;
    let elsewhere = site.authority.good_for("127.0.0.1");
    let elsewhere = Server::start_tls(good(), &elsewhere).await;
    let there = format!("https://127.0.0.1:{}/", elsewhere.port());
    let to = |there: String| {
        Behaviour::by_head(move |head| match path(head) {
            "/?canary-query" => {
                let mut lines = GOOD.map(str::to_owned).to_vec();
                lines.push(format!("location: {there}"));
                answer(302, &lines, "")
            }
            "/" => answer(200, &GOOD, PAGE),
            _ => answer(404, &GOOD, "nothing"),
        })
    };
    site.server.behave(to("/".to_owned()));
    site.passes("").await;
    site.server.behave(to(there));
    let code = SecurityCode::RedirectsToOtherHost;
    site.finds(code, RedirectRefused, "").await;
    elsewhere.behave(super::site(with("x-content-type-options"), PAGE));
    let measured = site.measure("").await;
    assert!(codes(&measured).contains(&SecurityCode::ContentTypeOptionsMissing));

    let plain = Server::start(good()).await;
    site.server.behave(to(plain.url("/")));
    let measured = site.measure("").await;
    assert_says(&measured, Fail, RedirectRefused);
    assert_eq!(codes(&measured), [SecurityCode::RedirectsToPlainHttp]);
    assert_eq!(plain.connections(), 0);
    let measured = site.measure("ignore: [RedirectsToPlainHttp]").await;
    assert_says(&measured, Unknown, NoData);
}
