//! What is known of each service: one table.

use crate::api::ExternalPreset;

/// A service: what it is asked, and what its answers mean.
#[derive(Debug)]
pub(super) struct Preset {
    /// The service in a message.
    pub(super) name: &'static str,
    /// Where it is, unless the check says otherwise.
    pub(super) address: Option<&'static str>,
    /// What is asked with `GET`, after the address: a read that costs nothing.
    pub(super) path: &'static str,
    pub(super) key: Key,
    /// Headers that go with every request.
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// What a good answer holds.
    pub(super) shape: Shape,
    /// What its other answers mean. The first that fits counts; then the rules that all services share.
    pub(super) signs: &'static [Sign],
}

/// How the key is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// Always, in this header and after this text.
    Needed(&'static str, &'static str),
    /// The same, when the check has one.
    Taken(&'static str, &'static str),
    /// In the header that the check names, when it has one.
    Named,
    /// Never.
    Refused,
}

/// What the body of a good answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A JSON object with this field.
    Object(&'static str),
    /// A JSON list.
    List,
    /// `SendGrid`'s credits.
    Credits,
    /// GitHub's limits.
    Limits,
    /// The objects of a bucket, as XML.
    Bucket,
    /// Anything.
    Any,
}

/// An answer that means something of its own.
#[derive(Debug)]
pub(super) struct Sign {
    pub(super) status: u16,
    pub(super) shown: Shown,
    pub(super) standing: Standing,
}

/// How an answer is told from others of its status.
#[derive(Debug)]
pub(super) enum Shown {
    /// The status is enough.
    Status,
    /// One of the texts in the error is this word.
    Word(&'static str),
    /// One of the texts in the error holds this phrase, in any case of letters.
    Phrase(&'static str),
    /// It has this header; with this value, when there is one.
    Header(&'static str, Option<&'static str>),
}

/// How the service stands, by one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Healthy,
    Degraded,
    QuotaSpent,
    RateLimited,
    KeyRefused,
    UnexpectedStatus,
    UnexpectedBody,
}

const fn sign(status: u16, shown: Shown, standing: Standing) -> Sign {
    Sign {
        status,
        shown,
        standing,
    }
}

/// The row of a service.
pub(super) const fn preset(preset: ExternalPreset) -> &'static Preset {
    match preset {
        ExternalPreset::OpenAi => &OPENAI,
        ExternalPreset::Anthropic => &ANTHROPIC,
        ExternalPreset::LlamaParse => &LLAMAPARSE,
        ExternalPreset::Stripe => &STRIPE,
        ExternalPreset::SendGrid => &SENDGRID,
        ExternalPreset::GitHub => &GITHUB,
        ExternalPreset::S3 => &S3,
        ExternalPreset::Generic => &GENERIC,
    }
}

/// `OpenAI`, *Error codes*: 429 is a limit of rate, unless `error.type` or `error.code` speaks of billing; 503 is overload.
/// *List models* gives the answer.
static OPENAI: Preset = Preset {
    name: "OpenAI",
    address: Some("https://api.openai.com"),
    path: "/v1/models",
    key: Key::Needed("authorization", "Bearer "),
    headers: &[],
    shape: Shape::Object("data"),
    signs: &[
        sign(429, Shown::Word("insufficient_quota"), Standing::QuotaSpent),
        sign(
            429,
            Shown::Word("credit_balance_exhausted"),
            Standing::QuotaSpent,
        ),
        sign(
            429,
            Shown::Word("organization_spend_limit_exceeded"),
            Standing::QuotaSpent,
        ),
        sign(
            429,
            Shown::Word("project_spend_limit_exceeded"),
            Standing::QuotaSpent,
        ),
        sign(
            429,
            Shown::Word("organization_usage_limit_exceeded"),
            Standing::QuotaSpent,
        ),
    ],
};

/// Anthropic, *Claude API errors*: 402 is about billing, 429 is a limit of rate or of spending, 529 is overload, and a limit
/// of spending that the user has set is a 400 of type `invalid_request_error`. *List Models* gives the answer.
static ANTHROPIC: Preset = Preset {
    name: "Anthropic",
    address: Some("https://api.anthropic.com"),
    path: "/v1/models",
    key: Key::Needed("x-api-key", ""),
    headers: &[("anthropic-version", "2023-06-01")],
    shape: Shape::Object("data"),
    signs: &[
        sign(402, Shown::Status, Standing::QuotaSpent),
        sign(
            429,
            Shown::Word("enforced_spend_limit_reached"),
            Standing::QuotaSpent,
        ),
        sign(
            400,
            Shown::Phrase("credit balance is too low"),
            Standing::QuotaSpent,
        ),
        sign(400, Shown::Phrase("API usage limits"), Standing::QuotaSpent),
    ],
};

/// `LlamaIndex`, *Troubleshooting & Error Codes* and *FAQ*: 402 once the credits are spent, 429 is a limit of rate, 401 a key
/// that is wrong or of another region, 403 a project that is disabled or another's. *List Projects* gives the answer.
static LLAMAPARSE: Preset = Preset {
    name: "LlamaParse",
    address: Some("https://api.cloud.llamaindex.ai"),
    path: "/api/v1/projects",
    key: Key::Needed("authorization", "Bearer "),
    headers: &[],
    shape: Shape::List,
    signs: &[sign(402, Shown::Status, Standing::QuotaSpent)],
};

/// Stripe, *Errors*: 401 is no valid key, 403 a key without the permission, 429 too many requests, 424 a failure of what
/// Stripe depends on. Nothing there is used up: no answer speaks of a quota. *Retrieve balance* gives the answer.
static STRIPE: Preset = Preset {
    name: "Stripe",
    address: Some("https://api.stripe.com"),
    path: "/v1/balance",
    key: Key::Needed("authorization", "Bearer "),
    headers: &[],
    shape: Shape::Object("available"),
    signs: &[sign(424, Shown::Status, Standing::Degraded)],
};

/// `SendGrid`, *Errors*: 401 asks for authentication, 403 is a key without the permission or a block, 429 a limit of rate. With
/// the credits spent, sending is refused by this message. *Retrieve your credit balance* gives the answer.
static SENDGRID: Preset = Preset {
    name: "SendGrid",
    address: Some("https://api.sendgrid.com"),
    path: "/v3/user/credits",
    key: Key::Needed("authorization", "Bearer "),
    headers: &[("accept", "application/json")],
    shape: Shape::Credits,
    signs: &[
        sign(
            401,
            Shown::Phrase("maximum credits exceeded"),
            Standing::QuotaSpent,
        ),
        sign(
            403,
            Shown::Phrase("too many bad requests"),
            Standing::RateLimited,
        ),
    ],
};

/// GitHub, *Troubleshooting the REST API*: a limit of rate is 403 or 429, with `x-ratelimit-remaining: 0`, `retry-after`, or a
/// message that names the secondary limit. *Get rate limit status for the authenticated user* does not count against it.
static GITHUB: Preset = Preset {
    name: "GitHub",
    address: Some("https://api.github.com"),
    path: "/rate_limit",
    key: Key::Taken("authorization", "Bearer "),
    headers: &[
        ("accept", "application/vnd.github+json"),
        ("x-github-api-version", "2022-11-28"),
    ],
    shape: Shape::Limits,
    signs: &[
        sign(
            403,
            Shown::Header("x-ratelimit-remaining", Some("0")),
            Standing::RateLimited,
        ),
        sign(
            403,
            Shown::Header("retry-after", None),
            Standing::RateLimited,
        ),
        sign(403, Shown::Phrase("rate limit"), Standing::RateLimited),
    ],
};

/// Amazon S3, *Error responses*: who has no right to list a bucket is told `AccessDenied`, which only S3 says; `SlowDown` is a
/// limit of rate. By *Billing for Amazon S3 error responses*, the refusal of a stranger costs the owner nothing.
static S3: Preset = Preset {
    name: "S3",
    address: None,
    path: "/?list-type=2&max-keys=0",
    key: Key::Refused,
    headers: &[],
    shape: Shape::Bucket,
    signs: &[
        sign(403, Shown::Word("AccessDenied"), Standing::Healthy),
        sign(503, Shown::Word("SlowDown"), Standing::RateLimited),
    ],
};

/// Whatever answers over HTTP.
static GENERIC: Preset = Preset {
    name: "the service",
    address: None,
    path: "",
    key: Key::Named,
    headers: &[],
    shape: Shape::Any,
    signs: &[],
};
