//! The first words of a handshake, byte for byte.

use std::sync::{Arc, Mutex};

use tokio::io::AsyncReadExt;

use super::authority::Authority;
use super::rig;
use crate::egress::tests::rig::Carrier;

/// What a server says that chose this version, `0x0302` for TLS 1.1.
pub(super) fn server_hello(version: u16) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([7; 32]);
    // No session; TLS_RSA_WITH_AES_128_CBC_SHA; no compression; no extensions.
    body.extend([0, 0x00, 0x2f, 0]);
    let mut record = vec![0x16];
    record.extend(version.to_be_bytes());
    record.extend(u16_length(body.len() + 4));
    record.extend([2, 0]);
    record.extend(u16_length(body.len()));
    record.extend(body);
    record
}

fn u16_length(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("short").to_be_bytes()
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, bytes: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(bytes);
        self.0 = rest;
        taken
    }

    fn number(&mut self, bytes: usize) -> usize {
        self.take(bytes)
            .iter()
            .fold(0, |number, byte| number << 8 | usize::from(*byte))
    }

    /// What follows its own length, which takes `bytes` bytes.
    fn counted(&mut self, bytes: usize) -> &'a [u8] {
        let length = self.number(bytes);
        self.take(length)
    }
}

/// The extensions of a client's hello, by number (RFC 8446, 4.1.2 and 4.2).
fn extensions(hello: &[u8]) -> Vec<(usize, &[u8])> {
    let mut record = Reader(hello);
    assert_eq!(record.take(1), [0x16], "a handshake");
    record.take(2);
    let mut message = Reader(record.counted(2));
    assert_eq!(message.take(1), [1], "a client's hello");
    let mut body = Reader(message.counted(3));
    body.take(2 + 32);
    body.counted(1);
    body.counted(2);
    body.counted(1);
    let mut rest = Reader(body.counted(2));
    let mut found = Vec::new();
    while !rest.0.is_empty() {
        let number = rest.number(2);
        found.push((number, rest.counted(2)));
    }
    found
}

#[tokio::test]
async fn what_is_offered_is_tls_1_3_and_1_2_http_1_1_and_the_hosts_name() {
    let heard = Arc::new(Mutex::new(Vec::new()));
    let keep = Arc::clone(&heard);
    let carrier = Carrier::start(move |mut stream| {
        let keep = Arc::clone(&keep);
        async move {
            let mut hello = vec![0; 5];
            stream.read_exact(&mut hello).await?;
            let mut rest = vec![0; usize::from(u16::from_be_bytes([hello[3], hello[4]]))];
            stream.read_exact(&mut rest).await?;
            hello.extend(rest);
            *keep.lock().expect("a lock") = hello;
            Ok(())
        }
    })
    .await;
    let rig = rig(&carrier, &Authority::new("known"));
    rig.send(rig.post("{}")).await.expect_err("nobody answers");
    let hello = heard.lock().expect("a lock").clone();
    let extensions = extensions(&hello);
    let of = |number| {
        let found = extensions.iter().find(|(other, _)| *other == number);
        found.map(|(_, content)| *content)
    };
    assert_eq!(of(43), Some(&[4, 3, 4, 3, 3][..]), "supported_versions: 1.3 and 1.2");
    assert_eq!(of(16), Some(&b"\x00\x09\x08http/1.1"[..]), "ALPN");
    assert_eq!(
        of(0),
        Some(&b"\x00\x16\x00\x00\x13api.carrier.example"[..]),
        "server_name"
    );
    assert_eq!(of(41), None, "pre_shared_key: nothing is resumed");
    assert_eq!(of(42), None, "early_data: nothing is sent that could be played again");
}
