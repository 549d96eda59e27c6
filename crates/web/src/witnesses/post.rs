//! One request to a witness, over plain HTTP.
//!
//! Plain is enough: what is sent is public, and an answer counts only with the witness's signature. A client library
//! would weigh more than these lines, and TLS would need a list of authorities that nothing else here needs.

use axum::http::Uri;
use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a witness may take, from the first packet to the last.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A few signature lines and headers need a tenth of this.
const ANSWER_BYTES_MAX: u64 = 64 << 10;

/// Where a witness listens: `http://other:8081`, with or without a path that its own begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    host: String,
    port: u16,
    path: String,
}

impl Address {
    /// Reads a URL. `None` unless it is `http://`, a host, and perhaps a port and a path.
    #[must_use]
    pub fn parse(url: &str) -> Option<Address> {
        let uri: Uri = url.parse().ok()?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@'))?;
        let is_plain = uri.scheme_str() == Some("http") && uri.query().is_none() && !authority.host().is_empty();
        let port = match authority.as_str().strip_prefix(authority.host())? {
            "" => 80,
            port => port.strip_prefix(':')?.parse().ok()?,
        };
        let path = uri.path().trim_end_matches('/').to_owned();
        is_plain.then(|| Address { host: authority.host().to_owned(), port, path })
    }

    /// Sends `body` to the path `to` below the address. Answers status and body.
    pub(super) async fn post(&self, to: &str, body: &str) -> io::Result<(u16, String)> {
        let answered = timeout(ANSWER_TIMEOUT, self.exchange(to, body)).await;
        answered.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
    }

    async fn exchange(&self, to: &str, body: &str) -> io::Result<(u16, String)> {
        let host = self.host.trim_start_matches('[').trim_end_matches(']');
        let mut stream = TcpStream::connect((host, self.port)).await?;
        // In HTTP/1.0 an answer comes unchunked and ends with the connection (RFC 9112 sections 6.1, 9.3).
        let request = format!(
            "POST {}{to} HTTP/1.0\r\nHost: {}:{}\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
            self.path,
            self.host,
            self.port,
            body.len()
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).await?;
        read(&answer).ok_or_else(|| ErrorKind::InvalidData.into())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}:{}{}", self.host, self.port, self.path)
    }
}

/// Status and body of an answer. `None`: that is no HTTP.
pub(crate) fn read(answer: &[u8]) -> Option<(u16, String)> {
    let (head, body) = std::str::from_utf8(answer).ok()?.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?;
    Some((status.lines().next()?.parse().ok()?, body.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_http_a_host_and_a_path() {
        for (url, want) in [
            ("http://other:8081", Some("http://other:8081")),
            ("http://other", Some("http://other:80")),
            ("http://[::1]:8081/", Some("http://[::1]:8081")),
            ("http://other:8081/w/1/", Some("http://other:8081/w/1")),
            ("https://other:8081", None),
            ("other:8081", None),
            ("http://me@other", None),
            ("http://other?a=b", None),
            ("http://other:99999", None),
            ("http://", None),
            ("", None),
        ] {
            assert_eq!(Address::parse(url).map(|a| a.to_string()).as_deref(), want, "{url}");
        }
    }

    #[test]
    fn an_answer_is_read_and_what_is_none_is_not() {
        assert_eq!(read(b"HTTP/1.1 200 OK\r\na: b\r\n\r\nline\n"), Some((200, "line\n".to_owned())));
        assert_eq!(read(b"HTTP/1.0 409\r\n\r\n12\n"), Some((409, "12\n".to_owned())));
        for none in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1\r\n\r\n",
            b"SSH-2.0-x\r\n\r\n",
            b"HTTP/1.1 x\r\n\r\n",
            b"\xff",
        ] {
            assert_eq!(read(none), None);
        }
    }
}
