//! Chains of requests against a service that stores documents: however one ends, nothing is left behind.

use std::time::Duration;

use plumbline::checks::verdict::{FindingReason, Measurement, Verdict};

use super::{assert_says, measure_within, network, probe};
use crate::support::{
    documents::{Documents, Fault},
    services::free_port,
};

const LIMIT: Duration = Duration::from_secs(3);

/// Creates a document under an id of the service's, reads it, and deletes it.
fn by_id(url: &str) -> String {
    format!(
        r#"
url: {url}/documents
steps:
  - name: create
    method: POST
    headers: [{{name: Content-Type, value: application/json}}]
    body: '{{"title": "${{run}}"}}'
    expect: {{status: ["201"]}}
    capture:
      - {{name: id, json: $.id}}
      - {{name: token, json: $.token}}
  - name: read
    path: /${{id}}
    headers: [{{name: Authorization, value: "Bearer ${{token}}"}}]
    expect: {{json: [{{path: $.title, operator: Exists}}]}}
  - name: rename
    method: PUT
    path: /${{id}}
    headers: [{{name: Content-Type, value: application/json}}]
    body: '{{"title": ${{id}}}}'
  - name: delete
    method: DELETE
    path: /${{id}}
    expect: {{status: ["204", "404"]}}
    cleanup: true
"#
    )
}

/// Stores a document under an id of the attempt's own, reads it, and deletes it.
fn by_run(url: &str) -> String {
    format!(
        r#"
url: {url}
steps:
  - name: create
    method: PUT
    path: /documents/plumbline-${{run}}
    headers: [{{name: Content-Type, value: application/json}}]
    body: '{{"title": "smoke"}}'
  - name: read
    path: /documents/plumbline-${{run}}
  - name: delete
    method: DELETE
    path: /documents/plumbline-${{run}}
    cleanup: true
"#
    )
}

async fn run(yaml: &str) -> Measurement {
    let measured = measure_within(LIMIT, &probe(yaml), &network().session()).await;
    let message = &measured.finding.message;
    assert!(
        !message.contains("canary") && !message.contains("plumbline-"),
        "{message}"
    );
    assert!(
        !message.contains("d 1") && !message.contains('é'),
        "{message}"
    );
    measured
}

#[tokio::test]
async fn what_is_made_is_read_changed_and_taken_away() {
    let service = Documents::start().await;
    let measured = run(&by_id(&service.url())).await;
    assert_says(&measured, Verdict::Pass, FindingReason::Passed);
    assert_eq!(measured.finding.message, "4 steps");
    let id = "d 1/é";
    let expected = ["GET", "PUT", "DELETE"].map(|method| format!("{method} {id}"));
    assert_eq!(service.requests()[0], "POST /documents");
    assert_eq!(service.requests()[1..], expected);
    assert!(service.stored().is_empty());
    assert!(measured.phases.first_byte.is_some());
}

#[tokio::test]
async fn a_step_that_fails_or_hangs_is_named_and_what_was_made_is_taken_away() {
    for (fault, reason, said) in [
        (
            Fault::ReadFails,
            FindingReason::UnexpectedStatus,
            "step read: status 500, expected 200-299",
        ),
        (Fault::ReadHangs, FindingReason::TimedOut, "step read: "),
    ] {
        let service = Documents::start().await;
        service.has(fault);
        let measured = run(&by_id(&service.url())).await;
        assert_says(&measured, Verdict::Fail, reason);
        let message = &measured.finding.message;
        assert!(message.starts_with(said), "{message}");
        assert!(!message.contains("left behind"), "{message}");
        assert_eq!(
            service.requests().len(),
            3,
            "what follows a failure is not sent"
        );
        assert!(service.stored().is_empty(), "{fault:?}");
    }
}

#[tokio::test]
async fn what_was_made_without_an_answer_is_taken_away_by_the_id_of_the_attempt() {
    for fault in [Fault::CreateHangs, Fault::CreateFails] {
        let service = Documents::start().await;
        service.has(fault);
        let measured = run(&by_run(&service.url())).await;
        assert_eq!(measured.finding.verdict, Verdict::Fail);
        let message = &measured.finding.message;
        assert!(message.starts_with("step create: "), "{message}");
        assert!(!message.contains("left behind"), "{message}");
        assert_eq!(service.requests().len(), 2);
        assert!(service.stored().is_empty(), "{fault:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_taken_away_for_want_of_a_value_is_told() {
    let service = Documents::start().await;
    service.has(Fault::CreateHangs);
    let measured = run(&by_id(&service.url())).await;
    assert_says(&measured, Verdict::Fail, FindingReason::TimedOut);
    let message = &measured.finding.message;
    let said = "; something may be left behind, since cleanup delete cannot be sent without id";
    assert!(message.ends_with(said), "{message}");
}

#[tokio::test]
async fn a_cleanup_that_fails_or_hangs_fails_the_check() {
    for (fault, reason) in [
        (Fault::DeleteFails, FindingReason::UnexpectedStatus),
        (Fault::DeleteHangs, FindingReason::TimedOut),
    ] {
        let service = Documents::start().await;
        service.has(fault);
        let measured = run(&by_id(&service.url())).await;
        assert_says(&measured, Verdict::Fail, reason);
        let message = &measured.finding.message;
        let said = "something may be left behind, since cleanup delete: ";
        assert!(message.starts_with(said), "{message}");
    }
}

#[tokio::test]
async fn nothing_is_tidied_up_where_nothing_can_have_been_made() {
    let measured = run(&by_run(&format!("http://127.0.0.1:{}", free_port()))).await;
    assert_says(&measured, Verdict::Fail, FindingReason::ConnectionRefused);
    let message = &measured.finding.message;
    assert!(message.starts_with("step create: "), "{message}");
    assert!(!message.contains("delete"), "{message}");
}

#[tokio::test]
async fn a_target_that_refuses_what_it_gave_is_at_fault_itself() {
    let service = Documents::start().await;
    let yaml = by_id(&service.url()).replace("Bearer ${token}", "Bearer ${id}");
    let yaml = yaml.replace("json: $.id", "json: $.token");
    let measured = run(&yaml.replace("Bearer ${id}", "Bearer x${id}")).await;
    assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedStatus);
    assert_eq!(
        measured.finding.message,
        "step read: status 401, expected 200-299"
    );
    service.has(Fault::Locked);
    let measured = run(&by_id(&service.url())).await;
    assert_says(&measured, Verdict::Fail, FindingReason::UnexpectedStatus);
}
