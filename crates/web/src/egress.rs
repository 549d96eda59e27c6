//! Fetching from elsewhere: the one way out for addresses that others have named. TLS, no redirect followed, no credentials
//! sent, bounded in time and size; the name is resolved first, every address checked, and the checked one connected to.

use crate::settings::Settings;
use axum::http::Uri;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// From the look-up of the name to the last byte.
const TIMEOUT: Duration = Duration::from_secs(5);

/// A set of keys needs a tenth of this.
const BYTES_MAX: u64 = 256 << 10;

/// What was fetched.
#[derive(Debug)]
pub struct Fetched {
    /// The body.
    pub body: String,
    /// How long its server says it may be kept, in milliseconds.
    pub max_age_ms: Option<i64>,
}

struct Address {
    is_secure: bool,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

/// Fetches JSON from an address. Says why not.
pub async fn get(settings: &Settings, address: &str) -> Result<Fetched, &'static str> {
    let address = read(address, settings.private_addresses).ok_or("the address is none that may be asked")?;
    timeout(TIMEOUT, exchange(settings, &address)).await.unwrap_or(Err("no answer came in time"))
}

fn read(address: &str, is_private_allowed: bool) -> Option<Address> {
    let uri: Uri = address.parse().ok()?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let is_secure = match uri.scheme_str()? {
        "https" => true,
        "http" if is_private_allowed => false,
        _ => return None,
    };
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Some(Address { is_secure, host, port, authority: authority.as_str().to_owned(), path })
}

async fn exchange(settings: &Settings, address: &Address) -> Result<Fetched, &'static str> {
    let found = lookup_host((address.host.as_str(), address.port)).await.map_err(|_| "its name is unknown")?;
    let found: Vec<SocketAddr> = found.collect();
    let is_allowed = |socket: &SocketAddr| {
        let is_private = !is_public(socket.ip());
        if settings.private_addresses { is_private || address.is_secure } else { !is_private }
    };
    let to = found.iter().find(|socket| is_allowed(socket)).filter(|_| found.iter().all(is_allowed));
    let stream = TcpStream::connect(to.ok_or("its name leads to an address that may not be asked")?).await;
    let stream = stream.map_err(|_| "its server does not answer")?;
    let answer = if address.is_secure {
        let name = ServerName::try_from(address.host.clone()).map_err(|_| "its name is unknown")?;
        let connector = TlsConnector::from(trusting(&settings.authorities)?);
        let stream = connector.connect(name, stream).await.map_err(|_| "its certificate is not trusted")?;
        ask(stream, address).await
    } else {
        ask(stream, address).await
    };
    parse(&answer?)
}

fn trusting(authorities: &[u8]) -> Result<Arc<ClientConfig>, &'static str> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities).filter_map(Result::ok) {
        // One that cannot be used is one less to trust.
        let _ = roots.add(certificate);
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|_| "TLS cannot be used")?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, address: &Address) -> Result<Vec<u8>, &'static str> {
    // In HTTP/1.0 an answer comes unchunked and ends with the connection (RFC 9112 sections 6.1, 9.3).
    let request = format!(
        "GET {} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\nUser-Agent: chartroom\r\nConnection: close\r\n\r\n",
        address.path, address.authority
    );
    stream.write_all(request.as_bytes()).await.map_err(|_| "its server does not answer")?;
    let mut answer = Vec::new();
    let read = stream.take(BYTES_MAX + 1).read_to_end(&mut answer).await;
    // Some servers close TLS without saying so; what is cut short is no JSON.
    if read.is_err() && answer.is_empty() {
        return Err("its server does not answer");
    }
    if answer.len() as u64 > BYTES_MAX { Err("its answer is too large") } else { Ok(answer) }
}

fn parse(answer: &[u8]) -> Result<Fetched, &'static str> {
    let text = str::from_utf8(answer).map_err(|_| "its answer is no text")?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or("its answer is no HTTP")?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.split(' ').nth(1));
    if status != Some("200") {
        return Err("its answer is not 200");
    }
    let mut cached = lines.filter_map(|line| line.split_once(':'));
    let cached =
        cached.find(|(name, _)| name.eq_ignore_ascii_case("cache-control")).map(|(_, value)| value.to_lowercase());
    Ok(Fetched { body: body.to_owned(), max_age_ms: cached.as_deref().and_then(max_age_ms) })
}

fn max_age_ms(cache_control: &str) -> Option<i64> {
    let mut words = cache_control.split(',').map(str::trim);
    if words.clone().any(|word| word == "no-store" || word == "no-cache") {
        return Some(0);
    }
    let seconds: i64 = words.find_map(|word| word.strip_prefix("max-age="))?.parse().ok()?;
    Some(seconds.clamp(0, 86_400) * 1_000)
}

/// Whether an address is one of the open internet (IANA special-purpose registries, RFC 6890).
fn is_public(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let is_special = matches!(
        (a, b, c),
        (0 | 10 | 127 | 224..=255, _, _)
            | (100, 64..=127, _)
            | (169, 254, _)
            | (172, 16..=31, _)
            | (192, 168, _)
            | (192, 0, 0 | 2)
            | (192, 88, 99)
            | (198, 18 | 19, _)
            | (198, 51, 100)
            | (203, 0, 113)
    );
    !is_special
}

/// Only 2000::/3 is given out; of that, tunnels and documentation lead elsewhere.
fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, ..] = ip.segments();
    let is_given_out = a & 0xe000 == 0x2000;
    let is_special = a == 0x2002 || (a == 0x2001 && (b < 0x0200 || b == 0x0db8)) || a == 0x3fff;
    is_given_out && !is_special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_open_internet_are_public() {
        for public in ["8.8.8.8", "1.1.1.1", "172.15.0.1", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(is_public(public.parse().expect("an address")), "{public}");
        }
        for private in [
            "0.0.0.0",
            "127.0.0.1",
            "127.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.2.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(private.parse().expect("an address")), "{private}");
        }
    }

    #[test]
    fn an_address_is_https_unless_private_ones_are_allowed() {
        for (address, is_private_allowed, good) in [
            ("https://keys.example/jwks", false, true),
            ("https://keys.example:8443/jwks?a=b", false, true),
            ("http://keys.example/jwks", false, false),
            ("http://127.0.0.1:1/jwks", true, true),
            ("ftp://keys.example/", true, false),
            ("file:///etc/passwd", true, false),
            ("https://good.example@evil.example/", true, false),
            ("https:///jwks", true, false),
            ("keys.example", true, false),
            ("", true, false),
        ] {
            assert_eq!(read(address, is_private_allowed).is_some(), good, "{address}");
        }
    }

    #[test]
    fn an_answer_is_taken_whole_or_not() {
        let answer = |head: &str| format!("{head}\r\n\r\n{{}}").into_bytes();
        let good = parse(&answer("HTTP/1.1 200 OK\r\nCache-Control: public, max-age=60")).expect("taken");
        assert_eq!((good.body.as_str(), good.max_age_ms), ("{}", Some(60_000)));
        assert_eq!(parse(&answer("HTTP/1.0 200 OK\r\ncache-control: no-store")).expect("taken").max_age_ms, Some(0));
        assert_eq!(parse(&answer("HTTP/1.1 200 OK")).expect("taken").max_age_ms, None);
        for bad in ["HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/", "HTTP/1.1 404 x", "SSH-2.0", ""] {
            assert!(parse(&answer(bad)).is_err(), "{bad}");
        }
        assert!(parse(b"HTTP/1.1 200 OK\r\n").is_err() && parse(b"\xff").is_err());
    }
}
