//! How one controller asks another for a look at an object.

use futures::Stream;
use tokio::sync::mpsc;

/// An object by its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

impl Place {
    /// The object `name` in `namespace`.
    #[must_use]
    pub fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }
}

/// Asks each controller for a look. A look that nobody takes any more, while the process ends, is no loss.
#[derive(Clone, Debug)]
pub struct Wakes {
    validations: mpsc::UnboundedSender<Place>,
    rollbacks: mpsc::UnboundedSender<Place>,
    policies: mpsc::UnboundedSender<Place>,
}

/// Where each controller hears of it.
#[derive(Debug)]
pub struct Woken {
    /// Validations to look at.
    pub validations: mpsc::UnboundedReceiver<Place>,
    /// Rollbacks to look at.
    pub rollbacks: mpsc::UnboundedReceiver<Place>,
    /// Policies to look at.
    pub policies: mpsc::UnboundedReceiver<Place>,
}

impl Wakes {
    /// Both sides.
    #[must_use]
    pub fn new() -> (Self, Woken) {
        let (validations, validations_woken) = mpsc::unbounded_channel();
        let (rollbacks, rollbacks_woken) = mpsc::unbounded_channel();
        let (policies, policies_woken) = mpsc::unbounded_channel();
        let wakes = Self {
            validations,
            rollbacks,
            policies,
        };
        let woken = Woken {
            validations: validations_woken,
            rollbacks: rollbacks_woken,
            policies: policies_woken,
        };
        (wakes, woken)
    }

    /// Asks for a look at a validation.
    pub fn validation(&self, namespace: &str, name: &str) {
        let _ = self.validations.send(Place::new(namespace, name));
    }

    /// Asks for a look at each of these validations.
    pub fn validations(&self, places: Vec<Place>) {
        for place in places {
            let _ = self.validations.send(place);
        }
    }

    /// Asks for a look at a rollback.
    pub fn rollback(&self, namespace: &str, name: &str) {
        let _ = self.rollbacks.send(Place::new(namespace, name));
    }

    /// Asks for a look at a policy.
    pub fn policy(&self, namespace: &str, name: &str) {
        let _ = self.policies.send(Place::new(namespace, name));
    }
}

/// What was heard of, one after the other.
pub fn heard<T: Send + 'static>(
    receiver: mpsc::UnboundedReceiver<T>,
) -> impl Stream<Item = T> + Send {
    futures::stream::unfold(receiver, |mut receiver| async move {
        Some((receiver.recv().await?, receiver))
    })
}
