//! Connections: TLS, HTTP/2, its floods, and a server that stops.

use crate::house::House;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;
use web::Tls;

/// Self-signed for 127.0.0.1; the key guards nothing.
const CERTIFICATE: &[u8] = include_bytes!("tls/certificate.pem");
const KEY: &[u8] = include_bytes!("tls/key.pem");

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;

fn connect(house: &House) -> TcpStream {
    let stream = TcpStream::connect(house.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    stream
}

fn secure(house: &House, protocols: &[&[u8]]) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(CERTIFICATE).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|p| p.to_vec()).collect();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), connect(house))
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// `GET /health`: four fields of HPACK's static table, two with values of their own.
fn health(stream: u32, scheme: u8) -> Vec<u8> {
    let fields = [&[0x82, scheme, 0x41, 1, b'h', 0x04, 7][..], b"/health"].concat();
    frame(HEADERS, 5, stream, &fields)
}

/// Reads frames until `wanted` gives an answer.
fn frames<T>(stream: &mut impl Read, wanted: impl Fn(u8, &[u8]) -> Option<T>) -> Option<T> {
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).ok()?;
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).ok()?;
        if let Some(found) = wanted(head[3], &payload) {
            return Some(found);
        }
    }
}

fn ask_by_http2(stream: &mut (impl Read + Write), scheme: u8) {
    stream.write_all(&[PREFACE, &frame(SETTINGS, 0, 0, b""), &health(1, scheme)].concat()).unwrap();
    // `:status: 200` is entry 8 of the static table.
    assert_eq!(frames(stream, |kind, payload| (kind == HEADERS).then(|| payload[0])), Some(0x88));
    let body = frames(stream, |kind, payload| (kind == DATA).then(|| payload.to_vec())).unwrap();
    assert!(body.starts_with(b"{\"status\""));
}

#[track_caller]
fn is_well(house: &House) {
    assert_eq!(house.bare("GET", "/health", &[], b"").status, 200);
}

#[test]
fn http2_is_spoken_without_asking() {
    let house = House::open();
    ask_by_http2(&mut connect(&house), 0x86);
}

#[test]
fn tls_is_spoken_where_it_is_set() {
    let house = House::with(|settings| {
        settings.tls = Some(Tls { certificates: CERTIFICATE.to_vec(), key: KEY.to_vec() });
    });
    let mut stream = secure(&house, &[b"http/1.1"]);
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 200"));
    ask_by_http2(&mut secure(&house, &[b"h2", b"http/1.1"]), 0x87);
    // Plain text on this port is no answer at all.
    assert!(!house.raw(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n").starts_with(b"HTTP/1.1 2"));
}

#[test]
fn floods_end_their_own_connection_only() {
    let house = House::open();
    let start = [PREFACE, &frame(SETTINGS, 0, 0, b"")].concat();
    let resets: Vec<u8> = (0..5_000_u32)
        .flat_map(|i| [health(2 * i + 1, 0x86), frame(RESET, 0, 2 * i + 1, &8_u32.to_be_bytes())].concat())
        .collect();
    // A header that never ends: a literal field, and pieces that only prolong it.
    let endless = [
        frame(HEADERS, 1, 1, &[0x82, 0x86]),
        frame(CONTINUATION, 0, 1, &[&[0x00, 1, b'a', 0x7f, 0x80, 0x7f][..], &[b'x'; 16_000]].concat()).repeat(64),
    ]
    .concat();
    for flood in [resets, endless] {
        let mut stream = connect(&house);
        let _ = stream.write_all(&[&start[..], &flood].concat());
        let _ = stream.shutdown(std::net::Shutdown::Write);
        let _ = stream.read_to_end(&mut Vec::new());
        is_well(&house);
    }
}

#[test]
fn many_idle_connections_keep_nobody_out() {
    let house = House::open();
    let idle: Vec<TcpStream> = (0..400).map(|_| connect(&house)).collect();
    is_well(&house);
    drop(idle);
}

#[test]
fn a_server_stops_when_it_is_told() {
    let mut house = House::open();
    let mut open = connect(&house);
    open.write_all(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n").unwrap();
    assert!(open.read(&mut [0; 1024]).unwrap() > 0);
    house.stop();
    assert!(TcpStream::connect(house.address).is_err());
}
