//! What a hostile server says in the words of the protocol that a check expects.

/// What the target of a check speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// Nothing in particular.
    Any,
    Http,
    Http2,
    Tls,
    Postgres,
    /// PostgreSQL, which changes over to TLS when it is asked to.
    PostgresTls,
    Mysql,
    Redis,
}

/// An empty SETTINGS frame, with which a server of HTTP/2 begins.
pub const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// The head of a record of TLS that holds 16 KiB of the handshake.
const RECORD: [u8; 5] = [0x16, 3, 3, 0x40, 0];

impl Protocol {
    /// Whether the server has the first word.
    pub fn server_speaks_first(self) -> bool {
        self == Self::Mysql
    }

    /// The beginning of an answer.
    pub fn half_an_answer(self) -> Vec<u8> {
        match self {
            Self::Any => b"hal".to_vec(),
            Self::Http => b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"st".to_vec(),
            Self::Http2 => [SETTINGS, &[0, 0, 90, 1, 4, 0, 0, 0, 1, 0x88]].concat(),
            Self::Tls => [&RECORD[..], &[2, 0, 0, 0x76, 3, 3], &[7; 20]].concat(),
            Self::Postgres => b"R\0\0\0\x08\0".to_vec(),
            Self::PostgresTls => [b"S", &Self::Tls.half_an_answer()[..]].concat(),
            Self::Mysql => b"\x4a\0\0\0\x0a8.0.3".to_vec(),
            Self::Redis => b"+O".to_vec(),
        }
    }

    /// Whole answers that refuse, or lead astray, and that hold `text` wherever there is room for one.
    pub fn refusals(self, text: &str) -> Vec<Vec<u8>> {
        match self {
            Self::Any => vec![text.as_bytes().to_vec()],
            Self::Http => ["302", "401", "403", "404", "429", "500", "503"]
                .map(|status| page(status, text))
                .to_vec(),
            Self::Http2 => [b"7", b"3"].map(|code| grpc_status(code, text)).to_vec(),
            // An alert has no room for words; a record of data before the handshake has.
            Self::Tls => vec![vec![0x15, 3, 3, 0, 2, 2, 40], record(0x17, text.as_bytes())],
            Self::PostgresTls => vec![[b"S", &record(0x17, text.as_bytes())[..]].concat()],
            Self::Postgres => ["28P01", "53300", "XX000", text]
                .map(|code| postgres_error(code, text))
                .to_vec(),
            Self::Mysql => [1045_u16, 1040, 9999]
                .map(|number| mysql_error(number, text))
                .to_vec(),
            Self::Redis => [
                "-ERR ",
                "-NOAUTH ",
                "-",
                "+",
                "$-1\r\n-",
                "+OK\r\n-",
                "+OK\r\n+PONG\r\n-",
                "+OK\r\n+PONG\r\n+",
            ]
            .map(|before| format!("{before}{text}\r\n-{text}\r\n-ERR {text}\r\n").into_bytes())
            .to_vec(),
        }
    }

    /// What begins well and has no end: a beginning, and what follows it again and again.
    pub fn floods(self) -> Vec<(Vec<u8>, Vec<u8>)> {
        match self {
            Self::Any => vec![(Vec::new(), vec![b'x'; 4096])],
            Self::Http => {
                let chunk = [b"4000\r\n", &vec![b'a'; 0x4000][..], b"\r\n"].concat();
                let head = b"HTTP/1.1 200 OK\r\n".to_vec();
                vec![
                    (
                        b"HTTP/1.1 500 Test\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
                        chunk,
                    ),
                    (head, b"x-filler: 0123456789abcdef\r\n".repeat(100)),
                    (
                        Vec::new(),
                        b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(100),
                    ),
                ]
            }
            Self::Http2 => vec![
                (
                    SETTINGS.to_vec(),
                    [&[0, 0, 8, 6, 0, 0, 0, 0, 0][..], &[7; 8]]
                        .concat()
                        .repeat(200),
                ),
                (SETTINGS.to_vec(), SETTINGS.repeat(200)),
            ],
            // A certificate message that says of itself that it has 16 MiB.
            Self::Tls => vec![(
                [&RECORD[..], &[0x0b, 0xff, 0xff, 0xff], &[0; 0x3ffc]].concat(),
                [&RECORD[..], &[0; 0x4000]].concat(),
            )],
            Self::PostgresTls => {
                let (first, then) = Self::Tls.floods().remove(0);
                vec![([b"S", &first[..]].concat(), then)]
            }
            Self::Postgres => {
                let welcome = b"R\0\0\0\x08\0\0\0\0".to_vec();
                let notice = message(b'N', &[b"M", &[b'x'; 8000][..], b"\0\0"].concat());
                vec![
                    (welcome, notice),
                    (b"D\x7f\xff\xff\xff".to_vec(), vec![0; 4096]),
                ]
            }
            Self::Mysql => vec![(b"\xff\xff\xff\0\x0a".to_vec(), vec![b'x'; 4096])],
            Self::Redis => vec![
                (b"$999999999\r\n".to_vec(), vec![b'x'; 4096]),
                (Vec::new(), b"*1\r\n".repeat(1000)),
                (Vec::new(), b"+OK\r\n".repeat(1000)),
            ],
        }
    }
}

fn page(status: &str, text: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} {text}\r\nx-echo: {text}\r\nlocation: /?{text}\r\nretry-after: {text}\r\n\
        www-authenticate: Basic realm=\"{text}\"\r\ncontent-type: {text}\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    )
    .into_bytes()
}

/// An answer without a body to the first question, with a code and a message.
fn grpc_status(code: &[u8], text: &str) -> Vec<u8> {
    // :status 200 is in the static table; the others are literals that no table keeps.
    let mut block = vec![0x88];
    for (name, value) in [
        (&b"content-type"[..], &b"application/grpc"[..]),
        (b"grpc-status", code),
        (b"grpc-message", text.as_bytes()),
    ] {
        block.push(0);
        for word in [name, value] {
            block.push(u8::try_from(word.len()).unwrap());
            block.extend_from_slice(word);
        }
    }
    let length = u8::try_from(block.len()).unwrap();
    [SETTINGS, &[0, 0, length, 1, 5, 0, 0, 0, 1], &block].concat()
}

/// A record of TLS.
pub fn record(kind: u8, bytes: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(bytes.len()).unwrap().to_be_bytes();
    [&[kind, 3, 3, high, low], bytes].concat()
}

/// A message of PostgreSQL.
pub fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    [&[kind], &length[..], body].concat()
}

fn postgres_error(code: &str, text: &str) -> Vec<u8> {
    let fields = format!("SFATAL\0VFATAL\0C{code}\0M{text}\0D{text}\0H{text}\0R{text}\0\0");
    message(b'E', fields.as_bytes())
}

fn mysql_error(number: u16, text: &str) -> Vec<u8> {
    let body = [
        &[0xff],
        &number.to_le_bytes()[..],
        b"#HY000",
        text.as_bytes(),
    ]
    .concat();
    let length = u8::try_from(body.len()).unwrap();
    [&[length, 0, 0, 0], &body[..]].concat()
}
