//! Logs.

use std::time::Duration;

use http::StatusCode;
use plumbline::simulator::{NewLine, NewWorkspace};
use serde_json::Value;

use super::calls::Api;

/// A service with ten lines, one a second.
struct Scene {
    api: Api,
    query: String,
}

impl Scene {
    async fn new() -> Self {
        let api = Api::start().await;
        let service = api.service("api");
        for number in 0..10 {
            let line = NewLine {
                message: format!("line {number}"),
                level: (number == 3).then(|| "error".to_owned()),
                r#type: (number == 4).then(|| "build".to_owned()),
                ..NewLine::default()
            };
            api.control().add_lines("api", &[line]).unwrap();
            api.clock.advance(Duration::from_secs(1));
        }
        let owner = api.control().service(&service).unwrap().owner_id;
        Self {
            query: format!("ownerId={owner}&resource={service}"),
            api,
        }
    }

    async fn ask(&self, query: &str) -> Value {
        let path = format!("/logs?{}&{query}", self.query);
        let answer = self.api.get(&path).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.json()
    }
}

fn messages(answer: &Value) -> Vec<String> {
    let lines = answer["logs"].as_array().unwrap().iter();
    lines
        .map(|line| line["message"].as_str().unwrap().to_owned())
        .collect()
}

fn lines(numbers: impl Iterator<Item = u32>) -> Vec<String> {
    numbers.map(|number| format!("line {number}")).collect()
}

#[tokio::test]
async fn the_next_times_lead_through_every_line_once_in_either_direction() {
    let scene = Scene::new().await;
    for (direction, expected) in [
        ("backward", lines((0..10).rev())),
        ("forward", lines(0..10)),
    ] {
        let mut found = Vec::new();
        let mut query = format!("direction={direction}&limit=4");
        for expected in [4, 4, 2] {
            let page = scene.ask(&query).await;
            found.extend(messages(&page));
            assert_eq!(messages(&page).len(), expected);
            assert_eq!(page["hasMore"], expected == 4);
            let next = |name: &str| page[name].as_str().unwrap().to_owned();
            query = format!(
                "direction={direction}&limit=4&startTime={}&endTime={}",
                next("nextStartTime"),
                next("nextEndTime")
            );
        }
        assert_eq!(found, expected, "{direction}");
    }
    scene.api.end().await;
}

#[tokio::test]
async fn lines_of_one_time_are_not_lost_between_two_pages() {
    let scene = Scene::new().await;
    let line = |number: u32| NewLine {
        message: format!("line {number}"),
        at: Some("2026-01-01T00:00:30Z".parse().unwrap()),
        ..NewLine::default()
    };
    let added = [line(10), line(11), line(12)];
    scene.api.control().add_lines("api", &added).unwrap();
    scene.api.clock.advance(Duration::from_mins(1));
    let page = scene.ask("limit=2").await;
    assert_eq!(messages(&page), lines([12, 11].into_iter()));
    let end = page["nextEndTime"].as_str().unwrap();
    let page = scene.ask(&format!("limit=2&endTime={end}")).await;
    assert_eq!(messages(&page), lines([10, 9].into_iter()));
    scene.api.end().await;
}

#[tokio::test]
async fn lines_are_those_of_the_window_and_the_filters() {
    let scene = Scene::new().await;
    let expected = [
        ("startTime=2026-01-01T00:00:07Z", vec![9, 8, 7]),
        ("endTime=2026-01-01T00:00:01Z", vec![1, 0]),
        ("text=line%203", vec![3]),
        ("text=ne%203&text=ne%205", vec![5, 3]),
        ("text=l*%203", vec![3]),
        ("text=/line [24]$/", vec![4, 2]),
        ("text=line.", vec![]),
        ("level=error", vec![3]),
        ("level=err", vec![]),
        ("type=build", vec![4]),
        ("type=b*", vec![4]),
        ("instance=srv-none", vec![]),
        ("host=example.com", vec![]),
    ];
    for (query, numbers) in expected {
        let answer = scene.ask(&query.replace(' ', "%20")).await;
        assert_eq!(messages(&answer), lines(numbers.into_iter()), "{query}");
    }
    scene.api.clock.advance(Duration::from_hours(2));
    assert_eq!(messages(&scene.ask("").await), [""; 0]);
    scene.api.end().await;
}

#[tokio::test]
async fn logs_need_a_workspace_and_resources_of_it() {
    let scene = Scene::new().await;
    let other = NewWorkspace {
        name: "Other".to_owned(),
        ..NewWorkspace::default()
    };
    let other = scene.api.control().create_workspace(&other).unwrap().id;
    let (owner, resource) = scene.query.split_once('&').unwrap();
    for (query, status) in [
        (owner.to_owned(), 400),
        (resource.to_owned(), 400),
        (format!("{}&limit=101", scene.query), 400),
        (format!("{}&direction=sideways", scene.query), 400),
        (format!("{}&text=/(/", scene.query), 400),
        (format!("{owner}&resource=srv-none"), 404),
        (format!("{owner}&resource=api"), 404),
        (format!("ownerId=tea-none&{resource}"), 404),
        (format!("ownerId={other}&{resource}"), 404),
    ] {
        let answer = scene.api.get(&format!("/logs?{query}")).await;
        assert_eq!(answer.status.as_u16(), status, "{query}");
    }
    let answer = scene.api.get(&format!("/logs?{}", scene.query)).await;
    assert_eq!(answer.header("ratelimit-limit"), "30");
    scene.api.end().await;
}
