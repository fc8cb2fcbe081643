//! Pages and filters.

use http::StatusCode;
use plumbline::simulator::{DeployStatus, NewService, ServiceType, Suspender};
use serde_json::json;

use super::calls::{Answer, Api};

fn last_cursor(answer: &Answer) -> String {
    let body = answer.json();
    let last = body.as_array().unwrap().last().unwrap();
    last["cursor"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn following_the_last_cursor_gives_every_item_once_newest_first() {
    let api = Api::start().await;
    let mut created: Vec<String> = (0..45)
        .map(|number| api.service(&format!("service {number}")))
        .collect();
    created.reverse();
    let mut found = Vec::new();
    let mut page = api.get("/services").await;
    for expected in [20, 20, 5] {
        let ids = page.ids("service");
        assert_eq!(ids.len(), expected);
        found.extend(ids);
        page = api
            .get(&format!("/services?cursor={}", last_cursor(&page)))
            .await;
    }
    assert_eq!(page.json(), json!([]));
    assert_eq!(found, created);
    assert_eq!(api.get("/services?limit=100").await.ids("service"), created);
    api.end().await;
}

#[tokio::test]
async fn what_is_created_or_deleted_between_two_pages_does_not_shift_the_second() {
    let api = Api::start().await;
    let service = api.service("api");
    let [oldest, older, newer] = [api.live(&service), api.live(&service), api.live(&service)];
    let path = format!("/services/{service}/deploys");
    let page = api.get(&format!("{path}?limit=1")).await;
    assert_eq!(page.ids("deploy"), [newer]);
    api.live(&service);
    let rest = format!("{path}?limit=2&cursor={}", last_cursor(&page));
    assert_eq!(api.get(&rest).await.ids("deploy"), [older, oldest]);
    api.end().await;
}

#[tokio::test]
async fn what_cannot_be_read_is_a_bad_request() {
    let api = Api::start().await;
    let service = api.service("api");
    let unreadable = [
        "/services?limit=0".to_owned(),
        "/services?limit=101".to_owned(),
        "/services?limit=many".to_owned(),
        "/services?cursor=%00".to_owned(),
        "/services?createdAfter=yesterday".to_owned(),
        // Joined with commas, never repeated.
        "/services?name=one&name=other".to_owned(),
        // Repeated, never joined with commas.
        format!("/services/{service}/deploys?status=live,canceled"),
        format!("/services/{service}/deploys?status=reticulating"),
    ];
    for path in unreadable {
        let answer = api.get(&path).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
        assert!(answer.json()["message"].is_string(), "{path}");
    }
    api.end().await;
}

#[tokio::test]
async fn services_are_filtered_by_what_the_call_names() {
    let api = Api::start().await;
    let create = |name: &str, r#type, region: &str| {
        let new = NewService {
            name: name.to_owned(),
            r#type,
            region: Some(region.to_owned()),
            ..NewService::default()
        };
        api.control().create_service(&new).unwrap()
    };
    let web = create("web", ServiceType::WebService, "ohio");
    let worker = create("worker", ServiceType::BackgroundWorker, "oregon");
    let cron = create("cron", ServiceType::CronJob, "oregon");
    api.control()
        .suspend("worker", Suspender::default())
        .unwrap();
    let [w, b, c] = [&web.id, &worker.id, &cron.id];
    let expected = [
        ("name=web,cron".to_owned(), vec![c, w]),
        ("name=we".to_owned(), vec![]),
        ("type=background_worker,web_service".to_owned(), vec![b, w]),
        ("region=oregon&type=cron_job".to_owned(), vec![c]),
        ("suspended=suspended".to_owned(), vec![b]),
        ("suspended=not_suspended".to_owned(), vec![c, w]),
        (format!("ownerId={}", web.owner_id), vec![c, b, w]),
        (format!("createdAfter={}", web.created_at), vec![c, b]),
        (format!("createdBefore={}", worker.created_at), vec![w]),
    ];
    for (query, ids) in expected {
        let found = api.get(&format!("/services?{query}")).await.ids("service");
        assert_eq!(found.iter().collect::<Vec<_>>(), ids, "{query}");
    }
    api.end().await;
}

#[tokio::test]
async fn deploys_are_filtered_by_repeated_statuses_and_by_time() {
    let api = Api::start().await;
    let service = api.service("api");
    let [replaced, canceled, live] = [api.live(&service), api.live(&service), api.live(&service)];
    api.control()
        .set_deploy_status(&canceled, DeployStatus::Canceled)
        .unwrap();
    let deploys = api.control().deploys(&service).unwrap();
    let (live, canceled, replaced) = (&live, &canceled, &replaced);
    let expected = [
        ("status=live".to_owned(), vec![live]),
        (
            "status=canceled&status=deactivated".to_owned(),
            vec![canceled, replaced],
        ),
        ("status=live&limit=1".to_owned(), vec![live]),
        ("status=queued".to_owned(), vec![]),
        (
            format!("createdAfter={}", deploys[1].created_at),
            vec![live],
        ),
        (
            format!("createdBefore={}", deploys[1].created_at),
            vec![replaced],
        ),
    ];
    for (query, ids) in expected {
        let path = format!("/services/{service}/deploys?{query}");
        let found = api.get(&path).await.ids("deploy");
        assert_eq!(found.iter().collect::<Vec<_>>(), ids, "{query}");
    }
    api.end().await;
}
