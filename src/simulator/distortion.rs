//! Right answers turned into wrong ones.

use serde_json::{Value, json};

use super::{effect::Effect, identity};

/// Changes a body as the effect says. Effects that are not about the body leave it as it is.
pub(super) fn distort(body: &mut Value, effect: &Effect) {
    match effect {
        Effect::NullArrays => null_arrays_within(body),
        Effect::UnknownStatus { status } => {
            if let Some(deploy) = deploys(body).next() {
                deploy["status"] = json!(status);
            }
        }
        _ => {
            if let Value::Array(items) = body {
                distort_list(items, effect);
            }
        }
    }
}

fn distort_list(items: &mut Vec<Value>, effect: &Effect) {
    match effect {
        Effect::Reordered => items.reverse(),
        Effect::Duplicated => {
            *items = std::mem::take(items)
                .into_iter()
                .flat_map(|item| [item.clone(), item])
                .collect();
        }
        Effect::Omit => {
            let of = |item: &Value| -> String {
                let stamped = item.as_object().into_iter().flat_map(|item| item.values());
                let at = stamped.filter_map(|inner| inner["createdAt"].as_str());
                at.max().unwrap_or_default().to_owned()
            };
            if let Some(newest) = (0..items.len()).max_by_key(|place| of(&items[*place])) {
                items.remove(newest);
            }
        }
        Effect::WithoutLive => items.retain(|item| !is_live(item)),
        Effect::TwoLive => {
            if let Some(position) = items.iter().position(is_live) {
                let twin = twin_of(&items[position]);
                items.insert(position + 1, twin);
            }
        }
        _ => {}
    }
}

fn is_live(item: &Value) -> bool {
    item["deploy"]["status"] == "live"
}

/// The same deploy under another identifier.
fn twin_of(item: &Value) -> Value {
    let mut twin = item.clone();
    let id = item["deploy"]["id"].as_str().unwrap_or_default();
    let turned: String = id
        .chars()
        .skip(4)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .collect();
    twin["deploy"]["id"] = json!(format!("dep-{turned}"));
    twin
}

/// A deploy as if it were of another commit, or another image, under another identifier.
pub(super) fn make_foreign(deploy: &mut Value) {
    *deploy = twin_of(&json!({ "deploy": deploy }))["deploy"].take();
    let other = identity::hexadecimal(deploy["id"].as_str().unwrap_or_default());
    if deploy["commit"].is_object() {
        deploy["commit"]["id"] = json!(&other[..40]);
    }
    if deploy["image"].is_object() {
        deploy["image"]["sha"] = json!(format!("sha256:{other}"));
    }
}

/// The deploys of a list, or the one that the body is.
fn deploys(body: &mut Value) -> impl Iterator<Item = &mut Value> {
    let items = match body {
        Value::Array(items) => items.as_mut_slice(),
        single => std::slice::from_mut(single),
    };
    items.iter_mut().filter_map(|item| {
        if item.get("deploy").is_some() {
            item.get_mut("deploy")
        } else if item["id"].as_str().is_some_and(|id| id.starts_with("dep-")) {
            Some(item)
        } else {
            None
        }
    })
}

/// Leaves the list that the body itself is.
fn null_arrays_within(body: &mut Value) {
    let children: Box<dyn Iterator<Item = &mut Value>> = match body {
        Value::Array(items) => Box::new(items.iter_mut()),
        Value::Object(fields) => Box::new(fields.values_mut()),
        _ => return,
    };
    for child in children {
        if child.is_array() {
            *child = Value::Null;
        } else {
            null_arrays_within(child);
        }
    }
}
