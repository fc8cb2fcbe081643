//! The fields of a chain of requests.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{HttpExpectation, HttpHeader, HttpMethod};

/// One request of a chain. `${name}` stands for a value that an earlier step captured, in `path`, in the values of headers
/// and in `body`; `${run}` for an id that is new at every attempt, of 32 hexadecimal digits; and `$${` for `${` itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("!has(self.body) || self.method in ['POST', 'PUT', 'PATCH']")
    .message("body is sent with method POST, PUT or PATCH only"))]
pub struct HttpStep {
    /// Name of the step, unique in the chain: lower case letters, digits and dashes, at most 63. Messages begin with it.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Request method. Default `GET`.
    #[serde(default)]
    pub method: HttpMethod,
    /// What is added to the check's `url`, from `/` on, with a query where there is one. At most 2048 characters. A captured
    /// value fills one segment, or a part of one: its slashes, dots and other marks do not lead elsewhere.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    #[schemars(length(max = 2048), regex(pattern = r"^(/[^\x00-\x20\x7F#\\]*)?$"))]
    pub path: String,
    /// Request headers, beside those of the check; one of the same name takes its place. At most 8. A header that carries a
    /// secret by its nature may be written with a captured value: `Bearer ${token}`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub headers: Vec<HttpHeader>,
    /// Request body, with method `POST`, `PUT` or `PATCH` only. At most 16384 characters. With `${name}` in it, it needs a
    /// header `Content-Type` of JSON or `application/x-www-form-urlencoded`, by which values are escaped: within the quotes
    /// of JSON as a part of the string, outside of them as a string, number or boolean as it was captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub body: Option<String>,
    /// What the answer must be. Default: a status of 200 to 299.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<HttpExpectation>,
    /// Values to take from the answer for later steps, at most 8 here and 16 in a chain. They are never shown.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub capture: Vec<HttpCapture>,
    /// Whether the step tidies up. Such steps stand last, and are run also when an earlier one has failed or was late, within
    /// a third of the check's timeout, at most 10 s, that is kept for them. Default `false`.
    #[serde(default)]
    pub cleanup: bool,
}

/// A value to take from an answer: from exactly one of `json` and `header`. One that is missing, empty, longer than 1024
/// bytes, or neither string, whole number nor boolean fails the check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new("has(self.json) != has(self.header)")
    .message("exactly one of json, header must be set"))]
#[x_kube(validation = Rule::new("self.name != 'run'").message("run is the id of the attempt, and cannot be captured"))]
pub struct HttpCapture {
    /// Name by which later steps refer to the value, as `${name}`: letters, digits and `_`, unique in the chain.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[A-Za-z][A-Za-z0-9_]*$"))]
    pub name: String,
    /// `JSONPath` (RFC 9535) of the value in the body. It must select exactly one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^\$"))]
    pub json: Option<String>,
    /// Name of the header whose value it is; case does not matter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 128),
        regex(pattern = r"^[-!#$%&'*+.^_`|~0-9A-Za-z]+$")
    )]
    pub header: Option<String>,
    /// Regular expression in RE2 syntax that finds what is captured in the value: its one group, or all that it matches.
    /// Default: the whole value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub matches: Option<String>,
}
