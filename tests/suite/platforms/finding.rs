//! Services are found by name and by id, in the right workspace, and again when they move.

use plumbline::{
    platforms::{PlatformError, Refusal},
    simulator::{DeployStatus, NewDeploy, NewService, NewWorkspace},
};
use tokio::time::Instant;

use super::render::{KEY, Render, target};

#[tokio::test]
async fn the_live_deploy_of_each_service_is_the_release() {
    let render = Render::start().await;
    let api = render.service("api");
    let worker = render.service("worker");
    let newest = render.deploy("worker");
    assert_ne!(worker, newest);
    let observer = render.observer(&["worker", "api"]);
    let release = observer.observe(Instant::now()).await.unwrap();
    let seen: Vec<_> = release
        .services
        .iter()
        .map(|service| (service.name.as_str(), service.deploy_id.as_str()))
        .collect();
    assert_eq!(seen, [("worker", newest.as_str()), ("api", api.as_str())]);
    assert!(release.id.starts_with("rel-"), "{}", release.id);
    assert_eq!(render.calls(), [2, 0, 2]);
    render.end().await;
}

#[tokio::test]
async fn a_service_is_found_by_its_id_and_shown_as_the_spec_has_it() {
    let render = Render::start().await;
    let deploy = render.service("api");
    let service = render.control().service("api").unwrap().id;
    let observer = render.observer(&[&service]);
    let release = observer.observe(Instant::now()).await.unwrap();
    assert_eq!(release.id, deploy);
    assert_eq!(release.services[0].name, service);
    assert_eq!(render.calls(), [0, 1, 1]);
    render.end().await;
}

#[tokio::test]
async fn a_release_tells_what_it_was_built_from_and_since_when_it_is_live() {
    let render = Render::start().await;
    let (git, image) = (NewService::default(), NewService::default());
    let services = [
        NewService {
            name: "git".to_owned(),
            ..git
        },
        NewService {
            name: "image".to_owned(),
            image: Some("docker.io/example/app:1".to_owned()),
            ..image
        },
    ];
    for service in &services {
        render.control().create_service(service).unwrap();
    }
    let commit = "4f1c0000000000000000000000000000000000aa";
    let new = NewDeploy {
        commit: Some(commit.to_owned()),
        immediately: true,
        ..NewDeploy::default()
    };
    let built = render.control().start_deploy("git", &new).unwrap();
    render.deploy("image");
    let observer = render.observer(&["git", "image"]);
    let release = observer.observe(Instant::now()).await.unwrap();
    let [git, image] = release.services.as_slice() else {
        panic!("{release:?}");
    };
    assert_eq!(git.version.as_deref(), Some(commit));
    assert_eq!(git.live_since, built.finished_at);
    assert!(git.live_since.is_some());
    let digest = image.version.as_deref().unwrap();
    assert!(digest.starts_with("sha256:"), "{digest}");
    render.end().await;
}

#[tokio::test]
async fn a_service_of_another_workspace_is_refused() {
    let render = Render::start().await;
    render.service("api");
    let service = render.control().service("api").unwrap();
    let other = NewWorkspace {
        name: "Other".to_owned(),
        ..NewWorkspace::default()
    };
    let other = render.control().create_workspace(&other).unwrap();
    let observe = async |owner: &str, name: &str| {
        let target = target(KEY, Some(owner), &[name]);
        let observer = render.hub().observer(&target).unwrap();
        observer.observe(Instant::now()).await
    };
    let by_id = observe(&other.id, &service.id).await.unwrap_err();
    assert!(
        matches!(by_id, PlatformError::WrongWorkspace(_)),
        "{by_id:?}"
    );
    assert_eq!(by_id.refusal(), Some(Refusal::ReferenceNotPermitted));
    let by_name = observe(&other.id, "api").await.unwrap_err();
    assert!(
        matches!(by_name, PlatformError::ServiceNotFound(_)),
        "{by_name:?}"
    );
    assert_eq!(render.calls()[2], 0);
    assert!(observe(&service.owner_id, &service.id).await.is_ok());
    assert!(observe(&service.owner_id, "api").await.is_ok());
    render.end().await;
}

#[tokio::test]
async fn a_name_that_nothing_has_is_for_a_person_to_set_right() {
    let render = Render::start().await;
    render.service("api");
    for name in ["apj", "srv-00000000000000000000"] {
        let observer = render.observer(&[name]);
        let error = observer.observe(Instant::now()).await.unwrap_err();
        assert!(
            matches!(error, PlatformError::ServiceNotFound(_)),
            "{error:?}"
        );
        assert_eq!(error.refusal(), Some(Refusal::ReferenceNotFound));
        assert!(error.to_string().contains(name), "{error}");
    }
    render.end().await;
}

#[tokio::test]
async fn a_service_that_was_created_anew_is_found_again() {
    let render = Render::start().await;
    let former = render.service("api");
    let observer = render.observer(&["api"]);
    assert_eq!(observer.observe(Instant::now()).await.unwrap().id, former);
    render.control().delete_service("api").unwrap();
    let newer = render.service("api");
    assert_eq!(observer.observe(Instant::now()).await.unwrap().id, newer);
    // Found, read, read in vain, found again, read.
    assert_eq!(render.calls(), [2, 0, 3]);
    render.control().delete_service("api").unwrap();
    let gone = observer.observe(Instant::now()).await.unwrap_err();
    assert!(
        matches!(gone, PlatformError::ServiceNotFound(_)),
        "{gone:?}"
    );
    render.end().await;
}

#[tokio::test]
async fn a_service_without_a_live_deploy_is_no_reason_to_refuse_it() {
    let render = Render::start().await;
    let deploy = render.service("api");
    let status = DeployStatus::BuildFailed;
    render.control().set_deploy_status(&deploy, status).unwrap();
    let observer = render.observer(&["api"]);
    let error = observer.observe(Instant::now()).await.unwrap_err();
    assert!(matches!(error, PlatformError::NoLiveDeploy(_)), "{error:?}");
    assert_eq!(error.refusal(), None);
    render.end().await;
}

#[tokio::test]
async fn of_several_errors_the_one_that_a_person_has_to_set_right_is_told() {
    let render = Render::start().await;
    let deploy = render.service("api");
    let status = DeployStatus::BuildFailed;
    render.control().set_deploy_status(&deploy, status).unwrap();
    let observer = render.observer(&["api", "missing"]);
    let error = observer.observe(Instant::now()).await.unwrap_err();
    assert_eq!(
        error.refusal(),
        Some(Refusal::ReferenceNotFound),
        "{error:?}"
    );
    render.end().await;
}
