//! Bulk export over HTTP: kick-off, manifest, files. Every line passes the gate, every file has its entry in the audit.

use super::Report;
use super::report::Goal::AtLeast;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// Lines a second of an export of everything, from the kick-off to the last byte.
pub fn whole(address: SocketAddr, token: &str, report: &mut Report) -> Result<(), Box<dyn std::error::Error>> {
    let started = Instant::now();
    let (status, location, _) = text(address, token, "/fhir/$export")?;
    let at =
        location.as_deref().and_then(path_of).ok_or_else(|| format!("$export was answered with status {status}"))?;
    let manifest = loop {
        match text(address, token, &at)? {
            (200, _, manifest) => break manifest,
            (202, ..) => std::thread::sleep(Duration::from_millis(20)),
            (status, ..) => return Err(format!("the status of an export was answered with {status}").into()),
        }
    };
    let manifest = fhir::json::Json::parse(manifest.as_bytes())?;
    let files = manifest.get("output").map_or(&[][..], fhir::json::Json::items);
    let told = |file: &fhir::json::Json<'_>| file.get("count")?.as_number()?.parse::<u64>().ok();
    let expected: u64 = files.iter().filter_map(told).sum();
    let mut lines = 0;
    for url in files.iter().filter_map(|file| file.text("url")) {
        let path = path_of(url).ok_or("a file of an export is elsewhere")?;
        lines += count(address, token, &path)?;
    }
    if lines == 0 || lines != expected {
        return Err(format!("an export had {lines} lines of {expected}").into());
    }
    let rate = lines as f64 / started.elapsed().as_secs_f64();
    let what = format!("Bulk export over HTTP of {lines} resources, from kick-off to last byte, 1 client");
    report.add("export.rate", what, rate, "lines/s", AtLeast(10_000.0));
    Ok(())
}

fn path_of(url: &str) -> Option<String> {
    Some(format!("/fhir/{}", url.split_once("/fhir/")?.1))
}

/// Status, `Content-Location` and body of a short answer.
fn text(address: SocketAddr, token: &str, path: &str) -> io::Result<(u16, Option<String>, String)> {
    let (status, location, mut body) = ask(address, token, path)?;
    let mut text = String::new();
    body.read_to_string(&mut text)?;
    Ok((status, location, text))
}

/// The lines of a file. What frames its pieces ends with CR LF, and no line of JSON does.
fn count(address: SocketAddr, token: &str, path: &str) -> io::Result<u64> {
    let (_, _, mut body) = ask(address, token, path)?;
    let (mut lines, mut last) = (0, 0);
    loop {
        let bytes = body.fill_buf()?;
        let Some(&end) = bytes.last() else { return Ok(lines) };
        let before = std::iter::once(&last).chain(bytes);
        lines += before.zip(bytes).filter(|(before, byte)| **byte == b'\n' && **before != b'\r').count() as u64;
        last = end;
        let taken = bytes.len();
        body.consume(taken);
    }
}

/// Sends a request on a connection of its own; gives status, `Content-Location` and what follows the headers.
fn ask(address: SocketAddr, token: &str, path: &str) -> io::Result<(u16, Option<String>, BufReader<TcpStream>)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nPrefer: respond-async\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = BufReader::with_capacity(1 << 18, stream);
    let (mut line, mut location) = (String::new(), None);
    answer.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    loop {
        line.clear();
        answer.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) if name.eq_ignore_ascii_case("content-location") => location = Some(value.to_owned()),
            Some(_) => {}
            None => return Ok((status, location, answer)),
        }
    }
}
