//! What belongs to services and beside them, read and changed.

use plumbline::simulator::Route;
use serde_json::{Value, json};

use super::Sweep;

impl Sweep {
    pub(super) async fn change_variables(&mut self) {
        let service = self.services[2].clone();
        let all = format!("/services/{service}/env-vars");
        let one = format!("{all}/LEVEL");
        self.get(Route::ListVariables, &all).await;
        for body in [
            json!([{"key": "LEVEL", "value": "info"}, {"key": "SALT", "generateValue": true}]),
            json!([{"key": "LEVEL", "value": "info"}, {"key": "LEVEL", "value": "debug"}]),
        ] {
            self.change(Route::ReplaceVariables, &all, body).await;
        }
        for body in [
            json!({"value": "debug"}),
            json!({"generateValue": true}),
            json!({"generateValue": false}),
        ] {
            self.change(Route::PutVariable, &one, body).await;
            self.get(Route::GetVariable, &one).await;
            self.get(Route::ListVariables, &all).await;
        }
        self.ask(Route::ListVariables, &all, "limit=1").await;
        for _ in 0..2 {
            self.change(Route::DeleteVariable, &one, Value::Null).await;
            self.get(Route::GetVariable, &one).await;
        }
    }
}
