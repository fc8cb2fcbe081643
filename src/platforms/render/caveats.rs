//! What a rollback of a service will not bring back, or may fail by, said before it is needed.

use serde_json::Value;

use super::wire::Configuration;

const STORED_SETTINGS: &str = "The stored settings are not changed: the next ordinary deploy uses them again. Environment groups keep \
    their present values. Set right what came with the release before you deploy again.";
const STATIC_SITE: &str = "A static site keeps its present redirects, rewrites and headers. Set back by hand those that came with the \
    release.";
const CRON_JOB: &str = "A cron job shows what it does only when it runs. Look at its first run after the rollback, or start one.";
const DISK: &str = "The disk stays as it is, and with a disk the service stops before it starts again. Restore a snapshot of the disk \
    if its data has to go back too.";
const PRE_DEPLOY: &str = "A pre-deploy command is set: what it changed, such as a database schema, stays. Make sure that the earlier \
    version can work with it.";
const IMAGE_BY_TAG: &str = "The image is named by a tag, which is pulled again: where it was moved, other bytes run, and where it was \
    removed, the rollback fails. Deploy images by digest.";
const REGISTRY_CREDENTIAL: &str = "The image is pulled with a stored credential: where that has expired, the rollback fails. Keep it \
    valid.";
const FREE_PLAN: &str = "On the free plan Render keeps only the last few deploys to go back to, and may restart the service at any \
    time. Take a paid plan for what has to come back.";
const SCALED: &str = "The service is scaled, and may come back with the number of instances of the earlier deploy. Check it after the \
    rollback.";

/// The caveats of a service, the hardest first.
pub(super) fn of(service: &Configuration) -> Vec<String> {
    let details = &service.service_details;
    let image = service.image();
    let applies = [
        (has_pre_deploy_command(details), PRE_DEPLOY),
        (details["disk"].is_object(), DISK),
        (
            image.is_some_and(|image| !image.contains('@')),
            IMAGE_BY_TAG,
        ),
        (
            image.is_some() && has_registry_credential(service),
            REGISTRY_CREDENTIAL,
        ),
        (details["plan"] == "free", FREE_PLAN),
        (is_scaled(details), SCALED),
        (service.is_cron_job(), CRON_JOB),
        (
            service.r#type.as_deref() == Some("static_site"),
            STATIC_SITE,
        ),
        (true, STORED_SETTINGS),
    ];
    let caveats = applies.iter().filter(|(applies, _)| *applies);
    caveats.map(|(_, caveat)| (*caveat).to_owned()).collect()
}

fn has_pre_deploy_command(details: &Value) -> bool {
    let commands = [
        &details["envSpecificDetails"]["preDeployCommand"],
        &details["preDeployCommand"],
    ];
    let is_set = |command: &&Value| command.as_str().is_some_and(|text| !text.trim().is_empty());
    commands.iter().any(is_set)
}

fn has_registry_credential(service: &Configuration) -> bool {
    let of_image = &service.service_details["envSpecificDetails"]["registryCredential"];
    let is_set = |credential: &&Value| credential["id"].as_str().is_some_and(|id| !id.is_empty());
    [&service.registry_credential, of_image].iter().any(is_set)
}

fn is_scaled(details: &Value) -> bool {
    let several = details["numInstances"]
        .as_u64()
        .is_some_and(|count| count > 1);
    several || details["autoscaling"]["enabled"] == true
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn caveats(mut json: Value) -> Vec<String> {
        json["id"] = "srv-1".into();
        of(&serde_json::from_value(json).unwrap())
    }

    #[test]
    fn a_plain_service_has_one_caveat() {
        let plain = json!({
            "type": "web_service",
            "repo": "https://example.com/api",
            "registryCredential": null,
            "serviceDetails": {
                "plan": "starter", "numInstances": 1, "disk": null, "autoscaling": {"enabled": false},
                "envSpecificDetails": {"startCommand": "npm start", "preDeployCommand": " "},
            },
        });
        assert_eq!(caveats(plain), [STORED_SETTINGS]);
        assert_eq!(caveats(json!({})), [STORED_SETTINGS]);
        assert_eq!(
            caveats(json!({"serviceDetails": ["disk"]})),
            [STORED_SETTINGS]
        );
    }

    #[test]
    fn each_circumstance_has_its_caveat() {
        let details = |details: Value| json!({"serviceDetails": details});
        for (json, caveat) in [
            (details(json!({"disk": {"id": "dsk-1"}})), DISK),
            (details(json!({"plan": "free"})), FREE_PLAN),
            (details(json!({"numInstances": 2})), SCALED),
            (details(json!({"autoscaling": {"enabled": true}})), SCALED),
            (details(json!({"preDeployCommand": "migrate"})), PRE_DEPLOY),
            (
                details(json!({"envSpecificDetails": {"preDeployCommand": "migrate"}})),
                PRE_DEPLOY,
            ),
            (json!({"imagePath": "ghcr.io/example/api:1"}), IMAGE_BY_TAG),
            (json!({"imagePath": "ghcr.io/example/api"}), IMAGE_BY_TAG),
            (json!({"type": "cron_job"}), CRON_JOB),
            (json!({"type": "static_site"}), STATIC_SITE),
        ] {
            assert_eq!(caveats(json.clone()), [caveat, STORED_SETTINGS], "{json}");
        }
    }

    #[test]
    fn an_image_by_digest_is_certain_and_still_has_to_be_pulled() {
        let image = format!("ghcr.io/example/api@sha256:{}", "0".repeat(64));
        assert_eq!(caveats(json!({"imagePath": image})), [STORED_SETTINGS]);
        let credential = json!({"id": "rgc-1", "name": "registry"});
        let private = json!({"imagePath": image, "registryCredential": credential});
        assert_eq!(caveats(private), [REGISTRY_CREDENTIAL, STORED_SETTINGS]);
    }

    #[test]
    fn there_are_never_more_than_eight_and_each_is_short() {
        let worst = json!({
            "type": "cron_job",
            "imagePath": "ghcr.io/example/api:1",
            "registryCredential": {"id": "rgc-1"},
            "serviceDetails": {
                "plan": "free", "numInstances": 3, "disk": {}, "preDeployCommand": "migrate",
            },
        });
        let all = caveats(worst);
        assert_eq!(all.len(), 8);
        let texts = all.iter().map(String::as_str).chain([STATIC_SITE]);
        for text in texts {
            assert!(
                text.len() <= 256 && !text.contains("  "),
                "{} {text}",
                text.len()
            );
        }
    }
}
