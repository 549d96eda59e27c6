//! Asking elsewhere: the one way out for addresses that others have named. TLS, no redirect followed, bounded in time and
//! size; the name is resolved first, every address checked, and the checked one connected to. Credentials go to hosts alone
//! that the operator has named.

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

/// Who may be asked.
#[derive(Clone, Copy)]
pub struct Reach<'a> {
    authorities: &'a [u8],
    guard: Guard<'a>,
}

#[derive(Clone, Copy)]
enum Guard<'a> {
    /// Whatever somebody has named: of the open internet, or inside the house where that is allowed.
    Others { is_private_allowed: bool },
    /// Hosts that the operator has named, wherever they are; without TLS on this machine alone.
    Hosts(&'a [String]),
}

impl<'a> Reach<'a> {
    /// For addresses that apps name.
    pub fn of_others(settings: &'a Settings) -> Reach<'a> {
        let is_private_allowed = settings.private_addresses;
        Reach { authorities: &settings.authorities, guard: Guard::Others { is_private_allowed } }
    }

    /// For addresses at hosts that the operator has named.
    pub fn of_hosts(settings: &'a Settings, hosts: &'a [String]) -> Reach<'a> {
        Reach { authorities: &settings.authorities, guard: Guard::Hosts(hosts) }
    }

    fn may_connect(&self, address: &Address, socket: &SocketAddr) -> bool {
        let is_private = !is_public(socket.ip());
        match self.guard {
            Guard::Others { is_private_allowed: true } => is_private || address.is_secure,
            Guard::Others { is_private_allowed: false } => !is_private,
            Guard::Hosts(_) => address.is_secure || socket.ip().is_loopback(),
        }
    }
}

/// What is sent along.
struct Sent<'a> {
    form: &'a str,
    authorization: Option<&'a str>,
}

/// Whether an address is at one of some hosts, by TLS unless it is this machine.
pub fn is_at(hosts: &[String], address: &str) -> bool {
    read(address, Guard::Hosts(hosts)).is_some()
}

/// The host of an address, as it stands in a list of hosts.
pub fn host_of(address: &str) -> Option<String> {
    let uri: Uri = address.parse().ok()?;
    uri.host().map(|host| host.trim_start_matches('[').trim_end_matches(']').to_lowercase())
}

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
pub async fn get(reach: &Reach<'_>, address: &str) -> Result<Fetched, &'static str> {
    bounded(reach, address, None).await
}

/// Sends a form to an address, and takes JSON. Says why not.
pub async fn post(
    reach: &Reach<'_>,
    address: &str,
    form: &str,
    authorization: Option<&str>,
) -> Result<Fetched, &'static str> {
    bounded(reach, address, Some(Sent { form, authorization })).await
}

async fn bounded(reach: &Reach<'_>, address: &str, sent: Option<Sent<'_>>) -> Result<Fetched, &'static str> {
    let address = read(address, reach.guard).ok_or("the address is none that may be asked")?;
    timeout(TIMEOUT, exchange(reach, &address, sent)).await.unwrap_or(Err("no answer came in time"))
}

fn read(address: &str, guard: Guard<'_>) -> Option<Address> {
    let uri: Uri = address.parse().ok()?;
    let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let is_plain_allowed = match guard {
        Guard::Others { is_private_allowed } => is_private_allowed,
        Guard::Hosts(hosts) if !hosts.iter().any(|known| known.eq_ignore_ascii_case(&host)) => return None,
        Guard::Hosts(_) => host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
    };
    let is_secure = match uri.scheme_str()? {
        "https" => true,
        "http" if is_plain_allowed => false,
        _ => return None,
    };
    let port = authority.port_u16().unwrap_or(if is_secure { 443 } else { 80 });
    let path = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    Some(Address { is_secure, host, port, authority: authority.as_str().to_owned(), path })
}

async fn exchange(reach: &Reach<'_>, address: &Address, sent: Option<Sent<'_>>) -> Result<Fetched, &'static str> {
    let found = lookup_host((address.host.as_str(), address.port)).await.map_err(|_| "its name is unknown")?;
    let found: Vec<SocketAddr> = found.collect();
    let is_allowed = |socket: &SocketAddr| reach.may_connect(address, socket);
    let to = found.iter().find(|socket| is_allowed(socket)).filter(|_| found.iter().all(is_allowed));
    let stream = TcpStream::connect(to.ok_or("its name leads to an address that may not be asked")?).await;
    let stream = stream.map_err(|_| "its server does not answer")?;
    let answer = if address.is_secure {
        let name = ServerName::try_from(address.host.clone()).map_err(|_| "its name is unknown")?;
        let connector = TlsConnector::from(trusting(reach.authorities)?);
        let stream = connector.connect(name, stream).await.map_err(|_| "its certificate is not trusted")?;
        ask(stream, &request(address, sent.as_ref())).await
    } else {
        ask(stream, &request(address, sent.as_ref())).await
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

/// In HTTP/1.0 an answer comes unchunked and ends with the connection (RFC 9112 sections 6.1, 9.3).
fn request(address: &Address, sent: Option<&Sent<'_>>) -> String {
    let method = if sent.is_some() { "POST" } else { "GET" };
    let mut request = format!(
        "{method} {} HTTP/1.0\r\nHost: {}\r\nAccept: application/json\r\nUser-Agent: chartroom\r\nConnection: close\r\n",
        address.path, address.authority
    );
    let Some(Sent { form, authorization }) = sent else { return request + "\r\n" };
    if let Some(words) = authorization {
        request.push_str(&format!("Authorization: {words}\r\n"));
    }
    let length = form.len();
    request.push_str(&format!("Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n"));
    request + form
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Result<Vec<u8>, &'static str> {
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
            assert_eq!(read(address, Guard::Others { is_private_allowed }).is_some(), good, "{address}");
        }
    }

    #[test]
    fn a_host_is_one_of_the_list_letter_for_letter() {
        let hosts = ["id.example".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
        for (address, good) in [
            ("https://id.example/token", true),
            ("https://ID.example:8443/token", true),
            ("http://id.example/token", false),
            ("https://id.example.evil.example/token", false),
            ("https://evil.example/id.example", false),
            ("https://id.example@evil.example/", false),
            ("http://127.0.0.1:1/token", true),
            ("http://[::1]:1/token", true),
            ("http://127.0.0.2/token", false),
            ("https://169.254.169.254/", false),
        ] {
            assert_eq!(read(address, Guard::Hosts(&hosts)).is_some(), good, "{address}");
        }
        assert_eq!(host_of("https://ID.example:8443/x").as_deref(), Some("id.example"));
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
