//! Answers that are about something else.

use serde_json::Value;

use crate::simulator::{answer::Answer, distortion, wire, world::World};

impl World {
    /// The answer with another deploy in place of its own: one of another service, or an invented one.
    pub(super) fn with_wrong_deploy(&self, mut answer: Answer) -> Answer {
        let own = answer.body.as_ref().and_then(|body| body["id"].as_str());
        let of = |deploy: &str| self.deploy_at(deploy).map(|index| &self.deploys[index]);
        let Some(Ok(own)) = own.map(of) else {
            return answer;
        };
        let mut others = self.deploys.iter().rev();
        let foreign = others.find(|other| other.service_id != own.service_id);
        let body: Option<Value> = foreign.map(wire::deploy);
        match (body, &mut answer.body) {
            (Some(body), _) => answer.body = Some(body),
            (None, Some(body)) => distortion::make_foreign(body),
            (None, None) => {}
        }
        answer
    }
}
