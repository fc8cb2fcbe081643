//! Addresses that must not be dialled, however they are written.

use serde_json::json;

use super::super::row::{Row, reject};

const URL: &str = "spec.checks[0].http.url";

/// Every row. `port` belongs to 127.0.0.2, which is denied.
pub fn rows(port: u16) -> Vec<Row> {
    let mut rows = denied_addresses(port);
    rows.extend(denied_names(port));
    rows
}

fn denied_addresses(port: u16) -> Vec<Row> {
    let denied = |id, host: &str, saying| {
        let url = format!("http://{host}:{port}/");
        reject(id, URL, url, "TargetNotAllowed", saying)
    };
    let connect = |host: &str| json!({"name": "port", "tcp": {"host": host, "port": port}});
    let handshake = |host: &str| json!({"name": "port", "tls": {"host": host, "port": port}});
    vec![
        denied("S5", "127.0.0.2", "a loopback address"),
        denied("S5", "0.0.0.0", "the unspecified address"),
        denied("S5", "[::]", "the unspecified address"),
        denied("S5", "[::1]", "a loopback address"),
        denied("S6", "169.254.169.254", "a metadata service"),
        denied("S6", "metadata.google.internal", "a metadata service"),
        denied("S6", "Metadata.Google.Internal.", "a metadata service"),
        denied("S6", "[fd00:ec2::254]", "a metadata service"),
        denied("S7", "2130706434", "127.0.0.2:"),
        denied("S7", "0x7f000002", "127.0.0.2:"),
        denied("S7", "0x7f.2", "127.0.0.2:"),
        denied("S7", "0177.0.0.2", "127.0.0.2:"),
        denied("S7", "017700000002", "127.0.0.2:"),
        denied("S7", "127.2", "127.0.0.2:"),
        denied("S7", "%31%32%37.0.0.2", "127.0.0.2:"),
        denied("S7", "①②⑦.0.0.2", "127.0.0.2:"),
        denied("S8", "[::ffff:7f00:2]", "a loopback address"),
        denied("S8", "[::ffff:127.0.0.2]", "a loopback address"),
        denied("S8", "[::ffff:a9fe:a9fe]", "a metadata service"),
        denied("S8", "[64:ff9b::a9fe:a9fe]", "a metadata service"),
        denied("S8", "[2002:7f00:2::]", "a loopback address"),
        denied("S12", "10.96.0.10", "a private address"),
        reject(
            "S12",
            URL,
            "https://10.1.2.3:10250/pods",
            "TargetNotAllowed",
            "a kubelet port",
        ),
        reject(
            "S12",
            URL,
            "https://8.8.8.8:10255/pods",
            "TargetNotAllowed",
            "a kubelet port",
        ),
        reject(
            "S5",
            "spec.checks[1]",
            connect("127.0.0.2"),
            "TargetNotAllowed",
            "a loopback address",
        ),
        reject(
            "S7",
            "spec.checks[1]",
            connect("0x7f.2"),
            "TargetNotAllowed",
            "a loopback address",
        ),
        reject(
            "S8",
            "spec.checks[1]",
            connect("::ffff:127.0.0.2"),
            "TargetNotAllowed",
            "a loopback address",
        ),
        reject(
            "S6",
            "spec.checks[1]",
            handshake("169.254.169.254"),
            "TargetNotAllowed",
            "a metadata service",
        ),
    ]
}

/// Names that the test's own name server answers, each with an address that is denied.
fn denied_names(port: u16) -> Vec<Row> {
    let denied = |id, host: &str| {
        let url = format!("http://{host}:{port}/");
        reject(
            id,
            URL,
            url,
            "TargetNotAllowed",
            "which the egress rule denies",
        )
    };
    vec![
        denied("S9", "private.example"),
        denied("S9", "mixed.example"),
        denied("S9", "alias.example"),
        denied("S9", "rebinding.example"),
        // A homograph of apple.example, which is shown as what it is.
        reject(
            "S11",
            URL,
            format!("http://\u{430}pple.example:{port}/"),
            "TargetNotAllowed",
            "xn--pple-43d.example:",
        ),
    ]
}
