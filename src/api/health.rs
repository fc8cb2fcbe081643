//! How the whole is, as its checks together tell: one type for status and for reports.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Area, Severity, bounds,
    lenient::{fitting, if_it_fits},
};

/// The most root causes, patterns, and names of one list that status has.
const MOST_IN_STATUS: usize = 8;

/// How the whole is: derived from the states of the checks, never measured. Nothing in it moves while no state does, save the
/// bottleneck.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct SystemHealth {
    /// Each area that has checks.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "fitting"
    )]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["area"]))]
    pub areas: Vec<AreaHealth>,
    /// Checks that do not pass though everything that they depend on does: critical ones first, then those that explain the
    /// most.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "fitting"
    )]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["check"]))]
    pub root_causes: Vec<RootCause>,
    /// Root causes that are not listed, since there are too many.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(schema_with = "bounds::checks")]
    pub more_root_causes: u8,
    /// Where time is lost.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    pub bottleneck: Option<Bottleneck>,
    /// What is wrong, by reason: the most frequent first.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "fitting"
    )]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["reason"]))]
    pub patterns: Vec<ErrorPattern>,
    /// Patterns that are not listed, since there are too many.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(schema_with = "bounds::checks")]
    pub more_patterns: u8,
    /// Many unrelated targets turned bad at once; absent while that is not so.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "if_it_fits"
    )]
    pub systemic: Option<Systemic>,
}

impl SystemHealth {
    /// The same within the bounds of status: what is left out is counted.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        self.more_root_causes = self
            .more_root_causes
            .saturating_add(cut(&mut self.root_causes));
        self.more_patterns = self.more_patterns.saturating_add(cut(&mut self.patterns));
        for cause in &mut self.root_causes {
            cut(&mut cause.explains);
        }
        self
    }
}

/// Cuts a list to what status has room for; gives how many items went.
fn cut<T>(list: &mut Vec<T>) -> u8 {
    let before = list.len();
    list.truncate(MOST_IN_STATUS);
    u8::try_from(before - list.len()).unwrap_or(u8::MAX)
}

/// How one area is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct AreaHealth {
    /// The area.
    pub area: Area,
    /// The worst state of its checks; `Passing` only when all of them pass.
    pub state: AreaState,
    /// All its checks, warnings included.
    #[schemars(schema_with = "bounds::checks")]
    pub checks: u8,
    /// Those that pass.
    #[schemars(schema_with = "bounds::checks")]
    pub passing: u8,
    /// Those that had passed, and fail since fewer runs than the failure threshold.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(schema_with = "bounds::checks")]
    pub failing: u8,
    /// Those that have failed.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(schema_with = "bounds::checks")]
    pub failed: u8,
    /// Those of which nothing is known, those that have not run yet included.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(schema_with = "bounds::checks")]
    pub unknown: u8,
    /// Those that are not run, since a check that they depend on does not pass.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(schema_with = "bounds::checks")]
    pub skipped: u8,
}

/// The state of an area.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum AreaState {
    // From the best to the worst: an area is as its worst check is.
    Passing,
    Failing,
    // Not run yet.
    Pending,
    Skipped,
    Unknown,
    Failed,
}

/// A check that does not pass though everything that it depends on does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct RootCause {
    /// The check, as the spec names it.
    #[schemars(length(max = 63))]
    pub check: String,
    /// Its area.
    pub area: Area,
    /// Whether it decides the verdict.
    pub severity: Severity,
    /// `Failed`, or `Unknown` when it cannot be told.
    pub state: AreaState,
    /// Why it does not pass, in one word.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// How many other checks do not pass, or are not run, because of it.
    #[serde(default, skip_serializing_if = "is_zero")]
    #[schemars(schema_with = "bounds::checks")]
    pub explained: u8,
    /// Names of those, in alphabetical order; status has the first eight.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), inner(length(max = 63)))]
    pub explains: Vec<String>,
}

/// Where time is lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bottleneck {
    /// The check, as the spec names it.
    #[schemars(length(max = 63))]
    pub check: String,
    /// The phase of its runs that has grown the most, or takes the most time.
    pub phase: Phase,
    /// How many times its usual time the phase takes at the least, a power of two; absent when it is told of a check that is too
    /// slow and has no usual time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bounds::times")]
    pub times: Option<u16>,
}

/// A phase of a run of a check.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum Phase {
    Dns,
    Connect,
    Tls,
    FirstByte,
    Body,
    Authenticate,
    Query,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Dns,
        Self::Connect,
        Self::Tls,
        Self::FirstByte,
        Self::Body,
        Self::Authenticate,
        Self::Query,
    ];

    /// The phase as messages name it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Connect => "connect",
            Self::Tls => "TLS",
            Self::FirstByte => "first byte",
            Self::Body => "body",
            Self::Authenticate => "authentication",
            Self::Query => "query",
        }
    }
}

/// Checks that do not pass for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct ErrorPattern {
    /// The reason.
    #[schemars(length(max = 64))]
    pub reason: String,
    /// How many checks do not pass for it.
    #[schemars(schema_with = "bounds::checks")]
    pub checks: u8,
    /// How many hosts they are about.
    #[schemars(schema_with = "bounds::checks")]
    pub hosts: u8,
    /// Their areas.
    #[schemars(length(max = 10))]
    pub areas: Vec<Area>,
}

/// Many unrelated targets turned bad at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
pub struct Systemic {
    /// Independent targets that turned bad at about one time.
    #[schemars(schema_with = "bounds::checks")]
    pub failing: u8,
    /// All independent targets: no two share a host, and no check of one depends on a check of another.
    #[schemars(schema_with = "bounds::checks")]
    pub targets: u8,
    /// What that means, with the threshold.
    #[schemars(length(max = 256))]
    pub message: String,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(count: &u8) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_has_eight_of_each_and_counts_what_is_left_out() {
        let cause = |number: usize| RootCause {
            check: format!("check-{number}"),
            area: Area::Api,
            severity: Severity::Critical,
            state: AreaState::Failed,
            reason: "UnexpectedStatus".to_owned(),
            explained: 12,
            explains: vec![String::new(); 12],
        };
        let pattern = |number: usize| ErrorPattern {
            reason: format!("Reason{number}"),
            checks: 1,
            hosts: 1,
            areas: vec![Area::Api],
        };
        let whole = SystemHealth {
            root_causes: (0..11).map(cause).collect(),
            patterns: (0..9).map(pattern).collect(),
            ..SystemHealth::default()
        };
        let bounded = whole.bounded();
        assert_eq!(
            (bounded.root_causes.len(), bounded.more_root_causes),
            (8, 3)
        );
        assert_eq!((bounded.patterns.len(), bounded.more_patterns), (8, 1));
        assert_eq!(bounded.root_causes[0].check, "check-0");
        assert_eq!(bounded.root_causes[0].explains.len(), 8);
        assert_eq!(bounded.root_causes[0].explained, 12);
        assert_eq!(bounded.clone().bounded(), bounded);
    }
}
