//! One test's world: a namespace, a simulated Render, a target, the controller, and a recorder that holds the status
//! contract against everything at the end.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams},
};
use plumbline::{
    api::DeploymentValidation,
    simulator::{
        Clock, Control, NewDeploy, NewKey, NewService, NewWorkspace, Options as SimulatorOptions,
        Pace, Running, Simulator, SystemClock,
    },
};
use serde_json::{Value, json};

use super::{
    control_plane::ControlPlane,
    controller::{Controller, Options},
    eventually::{eventually, within},
    intercept::{Interceptor, Journal},
    recorder::Recorder,
    rules,
};

/// The key that the simulator accepts. Planted: it must be found nowhere but in the Secret.
pub const API_KEY: &str = "rnd_PlantedKeyThatMustNotLeak42";

/// How long the simulated Render takes.
const PACE: Pace = Pace {
    build: Duration::from_millis(500),
    update: Duration::from_millis(500),
    speed: 1.0,
};

/// The machine's clock, so much behind.
#[derive(Debug)]
struct Behind(Duration);

impl Clock for Behind {
    fn now(&self) -> Timestamp {
        let now = SystemClock.now();
        now.saturating_sub(self.0).unwrap_or(now)
    }
}

/// One test's world.
pub struct Scenario {
    pub plane: &'static ControlPlane,
    pub client: Client,
    pub namespace: String,
    pub simulator: Running,
    pub recorder: Recorder,
    pub controller: Controller,
    /// The controller's settings.
    pub settings: String,
    /// What stands before API server and Render, if anything does.
    pub intercepted: Option<Intercepted>,
}

/// What stands between the controller and those that it speaks to.
pub struct Intercepted {
    pub api: Interceptor,
    pub render: Interceptor,
}

impl Scenario {
    /// A world on the shared control plane: simulator with the service `api`, live, and its key in the Secret `render`.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same with more settings for the controller, as YAML keys of the top level.
    pub async fn start_with(settings: &str) -> Self {
        Self::start_on(ControlPlane::shared(), settings, None).await
    }

    /// The same with a Render whose clock is `behind`, so that whatever goes live has been so for that long already.
    pub async fn start_behind(settings: &str, behind: Duration) -> Self {
        Self::prepare(ControlPlane::shared(), settings, None, None, behind).await
    }

    /// The same on another control plane, or through a proxy before its API server.
    pub async fn start_on(
        plane: &'static ControlPlane,
        settings: &str,
        server: Option<String>,
    ) -> Self {
        Self::prepare(plane, settings, server, None, Duration::ZERO).await
    }

    /// The same with interceptors before API server and Render, whose mutations `journal` numbers.
    pub async fn start_intercepted(settings: &str, journal: &Journal) -> Self {
        Self::start_intercepted_on(ControlPlane::shared(), settings, journal).await
    }

    /// The same on another control plane.
    pub async fn start_intercepted_on(
        plane: &'static ControlPlane,
        settings: &str,
        journal: &Journal,
    ) -> Self {
        Self::prepare(plane, settings, None, Some(journal), Duration::ZERO).await
    }

    async fn prepare(
        plane: &'static ControlPlane,
        settings: &str,
        server: Option<String>,
        journal: Option<&Journal>,
        behind: Duration,
    ) -> Self {
        let client = plane.client().await;
        let namespace = new_namespace(&client).await;
        let options = SimulatorOptions {
            clock: Arc::new(Behind(behind)),
            pace: PACE,
            ..SimulatorOptions::default()
        };
        let simulator = Simulator::start(options)
            .await
            .expect("the simulator starts");
        furnish(simulator.control());
        let recorder = Recorder::start(&client, &namespace);
        let intercepted = match journal {
            Some(journal) => Some(Intercepted {
                api: Interceptor::before_api_server(plane, journal).await,
                render: Interceptor::before(&simulator.base_url(), journal).await,
            }),
            None => None,
        };
        let render = intercepted
            .as_ref()
            .map_or_else(|| simulator.base_url(), |by| by.render.url());
        let settings = with_defaults(&render, settings);
        let options = Options {
            namespace: &namespace,
            settings: settings.clone(),
            server: intercepted.as_ref().map(|by| by.api.url()).or(server),
            authority: intercepted
                .as_ref()
                .map(|by| by.api.certificate_authority()),
        };
        let controller = Controller::start(plane, &options).await;
        let scenario = Self {
            plane,
            client,
            namespace,
            simulator,
            recorder,
            controller,
            settings,
            intercepted,
        };
        scenario.put_secret("render", &[("apiKey", API_KEY)]).await;
        scenario
    }

    /// The simulated Render.
    pub fn render(&self) -> Control {
        self.simulator.control().clone()
    }

    /// The validations of this namespace, untyped.
    pub fn objects(&self) -> Api<DynamicObject> {
        let resource = ApiResource::erase::<DeploymentValidation>(&());
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// Applies a validation as a user would; panics when it is refused.
    pub async fn apply(&self, name: &str, spec: Value) {
        let object = json!({
            "apiVersion": "plumbline.dev/v1alpha1", "kind": "DeploymentValidation",
            "metadata": {"name": name, "namespace": self.namespace}, "spec": spec,
        });
        self.objects()
            .patch(
                name,
                &PatchParams::apply("test-user").force(),
                &Patch::Apply(&object),
            )
            .await
            .unwrap_or_else(|error| panic!("{name} was refused: {error}"));
    }

    /// Changes part of a validation's spec.
    pub async fn edit(&self, name: &str, spec: Value) {
        self.objects()
            .patch(
                name,
                &PatchParams::default(),
                &Patch::Merge(json!({"spec": spec})),
            )
            .await
            .unwrap();
    }

    /// The object as it is now.
    pub async fn get(&self, name: &str) -> Value {
        serde_json::to_value(self.objects().get(name).await.unwrap()).unwrap()
    }

    /// Waits until the condition `type_` of `name` has `status` and `reason`, for the current generation.
    pub async fn until(&self, name: &str, type_: &str, status: &str, reason: &str) -> Value {
        let what = format!("{name} to be {type_}={status} {reason}");
        eventually(&what, || async {
            let object = self
                .objects()
                .get(name)
                .await
                .map_err(|error| json!(error.to_string()))?;
            let object = serde_json::to_value(object).unwrap();
            let current =
                object["status"]["observedGeneration"] == object["metadata"]["generation"];
            let condition = condition(&object, type_);
            if current && condition["status"] == status && condition["reason"] == reason {
                Ok(object)
            } else {
                Err(object["status"].clone())
            }
        })
        .await
    }

    /// Waits for Ready.
    pub async fn until_ready(&self, name: &str, status: &str, reason: &str) -> Value {
        self.until(name, "Ready", status, reason).await
    }

    /// Waits until `name` has a last known good release.
    pub async fn until_known_good(&self, name: &str) -> Value {
        eventually("a last known good release", || async {
            let object = self.get(name).await;
            if object["status"]["lastKnownGood"].is_object() {
                Ok(object)
            } else {
                Err(object["status"].clone())
            }
        })
        .await
    }

    /// Every event of this namespace.
    pub fn events(&self) -> Vec<Value> {
        let arguments = [
            "get",
            "events.events.k8s.io",
            "-n",
            &self.namespace,
            "-o",
            "json",
        ];
        let told = self.plane.kubectl(&arguments, None).unwrap();
        let events: Value = serde_json::from_str(&told).unwrap();
        events["items"].as_array().unwrap().clone()
    }

    /// The events of `name` in words, `Warning ChecksFailed`, sorted.
    pub fn events_of(&self, name: &str) -> Vec<String> {
        let word = |event: &Value, key: &str| event[key].as_str().unwrap().to_owned();
        let mut words: Vec<String> = self
            .events()
            .iter()
            .filter(|event| event["regarding"]["name"] == name)
            .map(|event| format!("{} {}", word(event, "type"), word(event, "reason")))
            .collect();
        words.sort();
        words
    }

    /// Creates or replaces a Secret.
    pub async fn put_secret(&self, name: &str, data: &[(&str, &str)]) {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        let data: serde_json::Map<String, Value> = data
            .iter()
            .map(|(key, value)| ((*key).to_owned(), json!(value)))
            .collect();
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": data,
        });
        secrets
            .patch(
                name,
                &PatchParams::apply("test-user").force(),
                &Patch::Apply(&secret),
            )
            .await
            .unwrap();
    }

    /// Deletes a Secret.
    pub async fn delete_secret(&self, name: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        secrets
            .delete(name, &DeleteParams::default())
            .await
            .unwrap();
    }

    /// Waits until no status has been written for `span`.
    pub async fn until_still(&self, span: Duration) {
        let mut seen = (self.recorder.versions().len(), std::time::Instant::now());
        within(Duration::from_mins(2), "the statuses to be still", || {
            let count = self.recorder.versions().len();
            if count != seen.0 {
                seen = (count, std::time::Instant::now());
            }
            let still = seen.1.elapsed() >= span;
            async move { if still { Ok(()) } else { Err(count) } }
        })
        .await;
    }

    /// Waits until the recorder has every validation as it is now.
    pub async fn until_recorded(&self) {
        let (objects, all) = (self.objects(), ListParams::default());
        // Some tests leave no API server behind.
        let Ok(listed) = objects.list(&all).await else {
            return;
        };
        let listed = listed.items;
        eventually("the recorder to be up to date", || async {
            let seen = self.recorder.versions();
            let is_missing = |object: &&DynamicObject| {
                let version = |it: &Value| {
                    let metadata = &it["metadata"];
                    metadata["uid"] == json!(object.metadata.uid)
                        && metadata["resourceVersion"] == json!(object.metadata.resource_version)
                };
                !seen.iter().any(version)
            };
            match listed.iter().find(is_missing) {
                None => Ok(()),
                // It may be another one by now.
                Some(missing) => match objects.get(&missing.name_any()).await {
                    Ok(now)
                        if now.metadata.resource_version == missing.metadata.resource_version =>
                    {
                        Err(missing.name_any())
                    }
                    _ => Ok(()),
                },
            }
        })
        .await;
    }

    /// Holds the status contract against everything that was seen, and the planted key against everything that was said.
    pub async fn finish(self) {
        self.until_recorded().await;
        rules::hold(&self.recorder.versions());
        self.leaks_nothing(&[API_KEY]).await;
        self.simulator.shutdown().await.expect("the simulator ends");
    }

    /// No log line, status, event or metric holds any of `secrets`, in any encoding.
    pub async fn leaks_nothing(&self, secrets: &[&str]) {
        let events = Value::from(self.events()).to_string();
        let (_, metrics) = self.controller.get("/metrics").await.unwrap_or_default();
        let statuses: String = self
            .recorder
            .versions()
            .iter()
            .map(|object| object["status"].to_string())
            .collect();
        let places = [
            ("log", self.controller.log()),
            ("events", events),
            ("metrics", metrics),
            ("status", statuses),
        ];
        for (place, text) in &places {
            for secret in secrets {
                for form in encodings(secret) {
                    assert!(
                        !text.contains(&form),
                        "the {place} holds the secret as {form:?}"
                    );
                }
            }
        }
    }
}

/// The condition `type_` of `object`, or null.
pub fn condition<'a>(object: &'a Value, type_: &str) -> &'a Value {
    object["status"]["conditions"]
        .as_array()
        .and_then(|conditions| {
            conditions
                .iter()
                .find(|condition| condition["type"] == type_)
        })
        .unwrap_or(&Value::Null)
}

/// A secret as it is, URL-encoded, JSON-escaped, in hexadecimal digits and in base64.
pub fn encodings(secret: &str) -> Vec<String> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let encoded: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let escaped = serde_json::to_string(secret)
        .unwrap()
        .trim_matches('"')
        .to_owned();
    // Base64 of the secret within a longer text has three shapes; their middles are the same for each shape.
    let digits: Vec<String> = secret.bytes().map(|it| format!("{it:02x}")).collect();
    let mut forms = vec![secret.to_owned(), encoded, escaped, digits.concat()];
    for shift in 0..3 {
        let padded = format!("{}{secret}", &"xx"[..shift]);
        let text = STANDARD.encode(padded);
        let inner = &text[if shift == 0 { 0 } else { 4 }..text.len() - 4];
        forms.push(inner.to_owned());
    }
    forms
}

fn furnish(control: &Control) {
    control
        .accept_key(&NewKey {
            key: API_KEY.into(),
            workspaces: None,
        })
        .unwrap();
    control
        .create_workspace(&NewWorkspace {
            name: "Example".into(),
            ..Default::default()
        })
        .unwrap();
    control
        .create_service(&NewService {
            name: "api".into(),
            ..Default::default()
        })
        .unwrap();
    go_live(control, "api");
}

/// A new deploy of `service`, live at once; its id.
pub fn go_live(control: &Control, service: &str) -> String {
    let deploy = control.start_deploy(
        service,
        &NewDeploy {
            immediately: true,
            ..Default::default()
        },
    );
    deploy.unwrap().id
}

/// A namespace of the test's own; its name.
pub async fn new_namespace(client: &Client) -> String {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace: Namespace =
        serde_json::from_value(json!({"metadata": {"generateName": "test-"}})).unwrap();
    let made = namespaces
        .create(&PostParams::default(), &namespace)
        .await
        .unwrap();
    made.metadata.name.unwrap()
}

/// What is the same in every test, but for what `settings` say themselves. They name Render's address as `RENDER`.
fn with_defaults(render: &str, settings: &str) -> String {
    let defaults = [
        "network: {egress: {allow: ['127.0.0.1/32']}}",
        "platforms: {render: {url: RENDER, timeout: 2s, pollInterval: 1s, consistencyWindow: 1s}}",
    ];
    let is_missing = |line: &&&str| {
        let key = line.split(' ').next().unwrap_or_default();
        !settings.contains(key)
    };
    let missing: Vec<&str> = defaults.iter().filter(is_missing).copied().collect();
    let whole = format!("{}\n{settings}", missing.join("\n"));
    whole.replace("RENDER", &format!("'{render}'"))
}

/// A spec that checks the Render service `api` and requests `url`, with short intervals.
pub fn render_spec(url: &str) -> Value {
    json!({
        "interval": "5s", "retryInterval": "5s", "soak": "1s",
        "target": {"render": {"apiKeySecretRef": {"name": "render", "key": "apiKey"}, "services": [{"name": "api"}]}},
        "checks": [http_check("health", url)],
    })
}

/// A spec that requests `url` of a target without a platform, with short intervals.
pub fn external_spec(url: &str) -> Value {
    json!({
        "interval": "5s", "retryInterval": "5s", "target": {"external": {}},
        "checks": [http_check("health", url)],
    })
}

/// A check of the health page at `url`.
pub fn http_check(name: &str, url: &str) -> Value {
    json!({
        "name": name, "timeout": "2s", "failureThreshold": 2, "successThreshold": 1,
        "http": {"url": url, "expect": {"json": [{"path": "$.status", "value": "ok"}]}},
    })
}
