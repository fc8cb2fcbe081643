//! The codes of what a `security` check finds. Another code is a line here, and one in the table of
//! `docs/checks/security.md`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[schemars(inline)]
#[allow(
    missing_docs,
    reason = "a doc comment on a variant turns the schema's enum into a oneOf"
)]
pub enum SecuritySeverity {
    #[default]
    Low,
    Medium,
    High,
}

macro_rules! codes {
    ($($code:ident: $severity:ident, $advice:literal;)+) => {
        /// What a `security` check finds.
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
        )]
        #[schemars(inline)]
        #[allow(
            missing_docs,
            reason = "a doc comment on a variant turns the schema's enum into a oneOf"
        )]
        pub enum SecurityCode {
            $($code,)+
        }

        impl SecurityCode {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// The word as it stands in a spec.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => stringify!($code),)+
                }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> SecuritySeverity {
                match self {
                    $(Self::$code => SecuritySeverity::$severity,)+
                }
            }

            /// What to do about it.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$code => $advice,)+
                }
            }
        }
    };
}

codes! {
    OldTlsAccepted: High, "offer TLS from the floor on alone, 1.2 and 1.3";
    CertificateOutOfDate: High, "serve a certificate that is valid now";
    CertificateWrongHost: High, "serve a certificate that names this host";
    CertificateNotTrusted: High, "serve the whole chain of an authority that is trusted";
    PathExposed: High, "do not deploy the file, or keep the path from the public";
    CorsCredentialsForAnyOrigin: High, "allow credentials to a list of origins alone";
    RedirectsToPlainHttp: High, "redirect to https alone";
    HttpsRedirectMissing: High, "redirect every request without TLS to https";
    MixedContent: Medium, "load what the page needs over https";
    HstsMissing: Medium, "send Strict-Transport-Security: max-age=31536000";
    HstsTooShort: Low, "raise the max-age of Strict-Transport-Security";
    CookieNotSecure: Medium, "set cookies with Secure";
    CookieNotHttpOnly: Medium, "set cookies that no script needs with HttpOnly";
    CookieWithoutSameSite: Low, "set cookies with SameSite=Lax or Strict";
    FramingAllowed: Medium, "send Content-Security-Policy: frame-ancestors 'none'";
    ContentSecurityPolicyMissing: Medium, "send a Content-Security-Policy with default-src or script-src";
    ContentTypeOptionsMissing: Low, "send X-Content-Type-Options: nosniff";
    ReferrerPolicyMissing: Low, "send Referrer-Policy: strict-origin-when-cross-origin";
    CorsReflectsOrigin: Low, "answer the origins of a list alone, or *";
    RedirectsToOtherHost: Low, "name the address that answers as the url of the check";
    VersionShown: Low, "leave versions out of Server and X-Powered-By";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_page_has_every_code_with_its_severity_and_advice_and_no_other() {
        let page = include_str!("../../../../docs/checks/security.md");
        let table = page
            .lines()
            .skip_while(|line| !line.starts_with("| code |"))
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        let written: Vec<(&str, &str, &str)> = table
            .map(|line| {
                let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
                (cells[0], cells[1], cells[3])
            })
            .collect();
        let meant: Vec<(String, String, &str)> = SecurityCode::ALL
            .iter()
            .map(|code| {
                let word = format!("`{}`", code.as_str());
                (word, format!("{:?}", code.severity()), code.advice())
            })
            .collect();
        let meant: Vec<(&str, &str, &str)> = meant
            .iter()
            .map(|(word, severity, advice)| (word.as_str(), severity.as_str(), *advice))
            .collect();
        assert_eq!(written, meant);
    }
}
