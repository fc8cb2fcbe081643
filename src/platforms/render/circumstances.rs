//! What a service's settings say about bringing it back.

use serde_json::Value;

use super::{
    caveats,
    client::{Call, Client, Route},
    text,
    wire::Configuration,
};
use crate::platforms::{Circumstances, MalformedReply, PlatformError, Service};

/// The most reasons of a suspension that are named, and the longest that is.
const MAX_SUSPENDERS: usize = 4;
const MAX_SUSPENDER_BYTES: usize = 32;

/// What decides whether a service can be brought back.
pub(super) async fn of(client: &Client, service: &Service) -> Result<Circumstances, PlatformError> {
    let configuration = configuration(client, service).await?;
    Ok(Circumstances {
        suspended: suspended(&configuration),
        automatic_deploys: automatic_deploys(&configuration),
        caveats: caveats::of(&configuration),
    })
}

/// The settings of a service, as they are now.
pub(super) async fn configuration(
    client: &Client,
    service: &Service,
) -> Result<Configuration, PlatformError> {
    let call = Call {
        route: Route::GetService,
        path: &["services", &service.id],
        query: &[],
        service: &service.label,
    };
    let configuration: Configuration = client.get(&call, client.deadline()).await?;
    if configuration.id == service.id {
        Ok(configuration)
    } else {
        Err(call.malformed(MalformedReply::Identifier))
    }
}

/// Why a service is suspended. What is not plainly said not to be, is.
fn suspended(configuration: &Configuration) -> Option<String> {
    let suspenders = configuration.suspenders.as_array();
    let known: Vec<&str> = suspenders
        .into_iter()
        .flatten()
        .map(|suspender| suspender.as_str().unwrap_or_default())
        .map(|suspender| match suspender {
            word if text::can_be_shown(word, MAX_SUSPENDER_BYTES) => word,
            _ => "unknown",
        })
        .take(MAX_SUSPENDERS)
        .collect();
    if !known.is_empty() {
        return Some(known.join(", "));
    }
    match &configuration.suspended {
        Value::Null | Value::Bool(false) => None,
        Value::String(word) if word == "not_suspended" => None,
        _ => Some("unknown".to_owned()),
    }
}

/// Whether a push deploys the service. Never one that runs an image, though `autoDeploy` reads `yes` there too.
/// `autoDeployTrigger` is newer, is not in every answer, and cannot be set in every version of the API.
fn automatic_deploys(configuration: &Configuration) -> Option<bool> {
    if configuration.image().is_some() {
        return Some(false);
    }
    let trigger = configuration.auto_deploy_trigger.as_str();
    match (configuration.auto_deploy.as_str(), trigger) {
        // One of them is wrong, and nobody can tell which.
        (Some("no"), Some("commit" | "checksPass")) => None,
        (Some("no"), _) | (_, Some("off")) => Some(false),
        (Some("yes"), _) | (None, Some("commit" | "checksPass")) => Some(true),
        _ => None,
    }
}

impl Configuration {
    /// The image that the service runs; `None` for one that is built from a repository.
    pub(super) fn image(&self) -> Option<&str> {
        let of_repository = self.repo.as_str().is_some_and(|repo| !repo.is_empty());
        let image = self.image_path.as_str().filter(|image| !image.is_empty());
        image.filter(|_| !of_repository)
    }

    /// Whether it is a cron job.
    pub(super) fn is_cron_job(&self) -> bool {
        self.r#type.as_deref() == Some("cron_job")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn configuration(mut json: Value) -> Configuration {
        json["id"] = "srv-1".into();
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn automatic_deploys_are_off_when_either_word_says_so_and_neither_contradicts() {
        for (auto_deploy, trigger, expected) in [
            (json!("yes"), json!(null), Some(true)),
            (json!("yes"), json!("commit"), Some(true)),
            (json!("yes"), json!("checksPass"), Some(true)),
            (json!("yes"), json!("a new word"), Some(true)),
            (json!("yes"), json!("off"), Some(false)),
            (json!("no"), json!(null), Some(false)),
            (json!("no"), json!("off"), Some(false)),
            (json!("no"), json!("commit"), None),
            (json!(null), json!("off"), Some(false)),
            (json!(null), json!("commit"), Some(true)),
            (json!(null), json!(null), None),
            (json!(true), json!(7), None),
        ] {
            let json = json!({"autoDeploy": auto_deploy, "autoDeployTrigger": trigger});
            assert_eq!(
                automatic_deploys(&configuration(json.clone())),
                expected,
                "{json}"
            );
        }
    }

    #[test]
    fn an_image_is_never_deployed_by_a_push() {
        let image = json!({"autoDeploy": "yes", "imagePath": "docker.io/library/nginx:latest"});
        assert_eq!(automatic_deploys(&configuration(image)), Some(false));
        let built = json!({"autoDeploy": "yes", "imagePath": "", "repo": "https://example.com/a"});
        assert_eq!(automatic_deploys(&configuration(built)), Some(true));
    }

    #[test]
    fn a_suspension_is_named_by_its_reasons_and_what_is_not_understood_is_one() {
        for (json, expected) in [
            (json!({}), None),
            (
                json!({"suspended": "not_suspended", "suspenders": []}),
                None,
            ),
            (
                json!({"suspended": "not_suspended", "suspenders": null}),
                None,
            ),
            (json!({"suspended": false}), None),
            (
                json!({"suspended": "suspended", "suspenders": ["user"]}),
                Some("user"),
            ),
            (
                json!({"suspenders": ["user", "billing"]}),
                Some("user, billing"),
            ),
            (json!({"suspended": "suspended"}), Some("unknown")),
            (json!({"suspended": "paused"}), Some("unknown")),
            (
                json!({"suspenders": ["rnd_1", 7, "a b", "user"]}),
                Some("unknown, unknown, unknown, user"),
            ),
            (
                json!({"suspenders": ["a", "b", "c", "d", "e"]}),
                Some("a, b, c, d"),
            ),
        ] {
            assert_eq!(
                suspended(&configuration(json.clone())).as_deref(),
                expected,
                "{json}"
            );
        }
    }
}
