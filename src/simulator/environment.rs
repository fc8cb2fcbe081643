//! A service's environment variables, as they are stored and as its deploys run with them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{control::ControlError, identity, world::World};

/// The most variables of one service.
const CAPACITY: usize = 1_000;

/// A variable that is stored. What runs has it only after the next deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Variable {
    pub(super) key: String,
    pub(super) value: String,
    pub(super) created_at: Timestamp,
}

impl World {
    /// The variables that are stored for a service, oldest first.
    pub(super) fn variables_of(&self, service: &str) -> &[Variable] {
        self.variables.get(service).map_or(&[], Vec::as_slice)
    }

    /// The variables that a deploy would run with that starts now.
    pub(super) fn environment_of(&self, service: &str) -> BTreeMap<String, String> {
        let stored = self.variables_of(service).iter();
        stored
            .map(|variable| (variable.key.clone(), variable.value.clone()))
            .collect()
    }

    /// Stores one variable of the service with this identifier; the others stay as they are.
    pub(super) fn set_variable(
        &mut self,
        service: &str,
        (key, value): (String, String),
        now: Timestamp,
    ) -> Result<Variable, ControlError> {
        check(&key)?;
        let variable = Variable {
            created_at: self.stamp(now),
            key,
            value,
        };
        let stored = self.variables.entry(service.to_owned()).or_default();
        let same = stored.iter().position(|own| own.key == variable.key);
        let (before, variable) = if let Some(place) = same {
            let before = told(&stored[place]);
            stored[place].value = variable.value;
            (before, stored[place].clone())
        } else if stored.len() == CAPACITY {
            return Err(ControlError::Full("environment variables"));
        } else {
            stored.push(variable.clone());
            (Value::Null, variable)
        };
        let after = told(&variable);
        self.changed(now, "set environment variable", service, before, after);
        Ok(variable)
    }

    /// Removes one variable of the service with this identifier, if it has it.
    pub(super) fn remove_variable(&mut self, service: &str, key: &str, now: Timestamp) -> bool {
        let Some(stored) = self.variables.get_mut(service) else {
            return false;
        };
        let Some(place) = stored.iter().position(|variable| variable.key == key) else {
            return false;
        };
        let before = told(&stored.remove(place));
        let action = "remove environment variable";
        self.changed(now, action, service, before, Value::Null);
        true
    }

    /// Stores these variables of the service with this identifier in place of all it has.
    pub(super) fn replace_variables(
        &mut self,
        service: &str,
        variables: Vec<(String, String)>,
        now: Timestamp,
    ) -> Result<(), ControlError> {
        if variables.len() > CAPACITY {
            return Err(ControlError::Full("environment variables"));
        }
        let mut fresh: Vec<Variable> = Vec::with_capacity(variables.len());
        for (key, value) in variables {
            check(&key)?;
            if fresh.iter().any(|other| other.key == key) {
                return Err(ControlError::Invalid("one environment variable twice"));
            }
            let created_at = self.stamp(now);
            fresh.push(Variable {
                key,
                value,
                created_at,
            });
        }
        let before = json!(self.environment_of(service));
        self.variables.insert(service.to_owned(), fresh);
        let after = json!(self.environment_of(service));
        let action = "replace environment variables";
        self.changed(now, action, service, before, after);
        Ok(())
    }

    /// A value as the platform invents it.
    pub(super) fn generated_value(&mut self) -> String {
        identity::hexadecimal(&self.identities.next("generated"))
    }
}

fn told(variable: &Variable) -> Value {
    json!({"key": variable.key, "value": variable.value})
}

/// Letters, digits and `_-.`, and no digit in front.
fn check(key: &str) -> Result<(), ControlError> {
    let mut letters = key.chars();
    let first = letters.next();
    let begins = first.is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    let goes_on = letters.all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
    if begins && goes_on {
        Ok(())
    } else {
        Err(ControlError::Invalid(
            "an environment variable of this name",
        ))
    }
}
