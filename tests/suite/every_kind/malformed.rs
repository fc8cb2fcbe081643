//! Whole messages of each protocol that hold too little, too much, or what no server means.

use super::protocol::{Protocol, SETTINGS, message, record};

/// Every one of `protocol`, each followed by the end of the connection.
pub fn answers(protocol: Protocol) -> Vec<Vec<u8>> {
    match protocol {
        Protocol::Any | Protocol::Http => Vec::new(),
        Protocol::Http2 => frames(),
        Protocol::Tls => records(),
        Protocol::PostgresTls => records()
            .into_iter()
            .map(|record| [b"S", &record[..]].concat())
            .collect(),
        Protocol::Postgres => postgres(),
        Protocol::Mysql => mysql(),
        Protocol::Redis => redis(),
    }
}

fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for kind in 0..=10 {
        for length in [0, 3, 9] {
            for stream in [0, 1] {
                let head = [0, 0, length, kind, 0xff, 0, 0, 0, stream];
                let body = vec![0xff; usize::from(length)];
                frames.push([SETTINGS, &head, &body].concat());
            }
        }
    }
    frames
}

fn records() -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    for kind in 0x14..=0x18 {
        for body in [
            &[][..],
            &[1],
            &[2, 0, 0, 2, 3, 3],
            &[2, 0, 0, 0x26, 3, 3, 0xff, 0xff],
        ] {
            records.push(record(kind, body));
        }
    }
    records
}

fn postgres() -> Vec<Vec<u8>> {
    let welcome = message(b'R', &[0; 4]);
    let ready = message(b'Z', b"I");
    let far = [&welcome[..], &ready].concat();
    let bodies: [&[u8]; 6] = [
        b"",
        b"\0",
        b"\0\0\0\x0a",
        b"\xff\xff\xff\xff",
        b"\0\x01\0\0\0\x05",
        b"\0\x01\x7f\xff\xff\xff",
    ];
    let mut answers = Vec::new();
    for before in [&b""[..], &welcome, &far] {
        for kind in *b"RSKZTDCENA12tn" {
            for body in bodies {
                answers.push([before, &message(kind, body)].concat());
            }
        }
    }
    answers
}

fn mysql() -> Vec<Vec<u8>> {
    let packet = |sequence: u8, payload: &[u8]| {
        let length = u8::try_from(payload.len()).unwrap();
        [&[length, 0, 0, sequence], payload].concat()
    };
    let greeting = [
        b"\x0a8.0.36\0\x01\0\0\0abcdefgh\0\xff\xf7\xff\x02\0\xff\x01\x15".as_slice(),
        &[0; 10],
        b"ijklmnopqrst\0mysql_native_password\0",
    ]
    .concat();
    let cut = (0..greeting.len()).step_by(3);
    let mut answers: Vec<_> = cut.map(|end| packet(0, &greeting[..end])).collect();
    let greeted = packet(0, &greeting);
    let entered = [&greeted[..], &packet(2, b"\0\0\0\x02\0\0\0")].concat();
    let payloads: [&[u8]; 14] = [
        b"",
        b"\0",
        b"\0\xfc",
        b"\0\xfe\xff",
        b"\xfe",
        b"\xfemysql_native_password",
        b"\xfe\xff\xff\0",
        b"\xff",
        b"\xff\x15",
        b"\x01",
        b"\x01\x04",
        b"\xfb",
        b"\xfc\xff\xff",
        b"\xfe\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for payload in payloads {
        answers.push([&greeted[..], &packet(2, payload)].concat());
        answers.push([&entered[..], &packet(1, payload)].concat());
        // A result of one column, whose description is this.
        answers.push([&entered[..], &packet(1, b"\x01"), &packet(2, payload)].concat());
    }
    answers
}

fn redis() -> Vec<Vec<u8>> {
    [
        ":",
        "$-2",
        "$",
        "*-5",
        "*",
        "%1",
        "~1",
        ",x",
        "#",
        "(",
        "=5",
        ">2",
        "|1",
        "!9",
        "_x",
        "*2147483647",
        "*9223372036854775807",
        "$9223372036854775807",
        "%9223372036854775807",
        "~9223372036854775807",
        ">9223372036854775807",
        "$18446744073709551616",
        "=3\r\nabc",
        "*1\r\n$-1",
        "+OK\r\n*-1",
        "+OK\r\n$-1",
        "+OK\r\n%-1",
        "+OK\r\n:-9223372036854775809",
    ]
    .map(|text| format!("{text}\r\n").into_bytes())
    .to_vec()
}
