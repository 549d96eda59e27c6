//! Documents: a list, and a viewer. Text, C-CDA's narrative and HTML are shown in our own markup; images by an address of their
//! own; everything else is a file to take along.

use super::entries::{newest, state};
use super::entry::chart_of;
use super::narrative::harmless;
use super::{Chart, Shown, nothing, page_of, sections, shown};
use crate::answer::{Outcome, plain};
use crate::pages::frame::{At, seated, table};
use crate::pages::{escape, words};
use crate::server::Shared;
use crate::sign_in::Asked;
use axum::http::{HeaderValue, StatusCode, header};
use base::refusal::{Kind, Refusal};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fhir::json::Json;
use vault::access::audit::Deed;
use vault::search::Page;
use vault::{Error, Position, Version};

/// Documents on a page.
const SHOWN: usize = 50;

/// Longest text that is shown whole, in bytes; the file has the rest.
const TEXT_BYTES_MAX: usize = 1 << 20;

/// `GET /patient/documents?id=ID&from=N&at=POSITION`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    page_of(shared, asked, |chart| {
        let offset = chart.at.text("from").parse().unwrap_or(0);
        let at = chart.at.text("at").parse().ok().map(Position);
        let kind = "DocumentReference";
        let found = chart.find(kind, &newest(kind), &Page { at, offset, count: SHOWN })?;
        let next = found.as_ref().and_then(|found| Some((found.next?.to_string(), found.at.0.to_string())));
        let next = next.map(|(next, at)| {
            let to = chart.link("/patient/documents", &[("from", &next), ("at", &at)]);
            format!("<p><a href=\"{to}\" rel=\"next\">Earlier ones</a></p>")
        });
        let found = found.map(|found| shown(found.matches)).unwrap_or_default();
        let list = match found.is_empty() {
            true => "<p>None that you may see.</p>".to_owned(),
            false => table(&["When", "What", "Author", "Form", "State"], found.iter().map(|one| row(chart, one))),
        };
        Ok(chart.page("Documents", &[], &format!("<h2>Documents</h2>{list}{}", next.unwrap_or_default())))
    })
}

fn row(chart: &Chart<'_>, one: &Shown) -> Vec<String> {
    let about = format!("DocumentReference/{}", one.version.id);
    let forms: Vec<&str> = attachments(&one.resource).map(|attachment| form(media(attachment))).collect();
    let title = attachments(&one.resource).find_map(|attachment| attachment.text("title")).unwrap_or_default();
    let title = if title.is_empty() { String::new() } else { format!("<br><small>{}</small>", escape(title)) };
    vec![
        format!("<span class=\"when\">{}</span>", escape(&words::happened(&one.resource))),
        format!(
            "<a href=\"{}\">{}</a>{title}",
            chart.about("/document", &about, &[]),
            escape(&words::title(&one.resource))
        ),
        escape(&words::by_whom(&one.resource)),
        forms.join(", "),
        escape(one.resource.text("docStatus").unwrap_or(&state(&one.resource))),
    ]
}

fn attachments<'r>(document: &'r Json<'_>) -> impl Iterator<Item = &'r Json<'r>> {
    document.get("content").map_or(&[][..], Json::items).iter().filter_map(|content| content.get("attachment"))
}

/// The media type, without its parameters.
fn media<'r>(attachment: &'r Json<'_>) -> &'r str {
    let whole = attachment.text("contentType").unwrap_or_default();
    whole.split(';').next().unwrap_or_default().trim()
}

/// What people call a form.
fn form(media: &str) -> &'static str {
    match media {
        "text/plain" => "text",
        "text/html" | "application/xhtml+xml" => "web page",
        "text/xml" | "application/xml" | "application/hl7-cda+xml" => "XML (C-CDA)",
        "application/pdf" => "PDF",
        "image/png" | "image/jpeg" | "image/tiff" => "image",
        _ => "file",
    }
}

/// A document with its chart, as far as it was known at the moment that is shown.
fn named<'a>(at: &'a At<'a>) -> Result<(Chart<'a>, Version), Error> {
    let about = at.text("about");
    let id = about.strip_prefix("DocumentReference/").ok_or_else(|| nothing("DocumentReference", ""))?;
    let (vault, visit) = (&at.shared.vault, &at.seat.visit);
    let none = || nothing("DocumentReference", id);
    let whole = vault.read(visit, "DocumentReference", id, None)?.ok_or_else(none)?;
    let chart = chart_of(at, &whole)?.ok_or_else(none)?;
    let version = vault.read(visit, "DocumentReference", id, chart.position())?;
    let version = version.filter(|version| !version.deleted).ok_or_else(none)?;
    chart.note(&version);
    Ok((chart, version))
}

/// The bytes of an attachment: its own, or those of the Binary it names. `None`: they are not here, or not open.
fn bytes(chart: &Chart<'_>, attachment: &Json<'_>) -> Result<Option<Vec<u8>>, Error> {
    let decoded = |data: &str| STANDARD.decode(data.split_whitespace().collect::<String>()).ok();
    if let Some(data) = attachment.text("data") {
        return Ok(decoded(data));
    }
    let Some(id) = attachment.text("url").and_then(|url| url.rsplit_once("Binary/")).map(|(_, id)| id) else {
        return Ok(None);
    };
    let is_own = attachment.text("url").is_some_and(|url| {
        url.strip_prefix(&chart.at.shared.base).map_or(url, |rest| rest.trim_start_matches('/')).starts_with("Binary/")
    });
    if !is_own {
        return Ok(None);
    }
    let found = match chart.at.shared.vault.read(&chart.at.seat.visit, "Binary", id, chart.position()) {
        Ok(found) => found.filter(|version| !version.deleted),
        Err(Error::Refusal(refusal)) if refusal.kind == Kind::Forbidden => None,
        Err(error) => return Err(error),
    };
    Ok(found.and_then(|version| decoded(Json::parse(&version.body).ok()?.text("data")?)))
}

/// `GET /document?about=DocumentReference/ID`: a document with all its forms.
pub fn viewer(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Read, |at| {
        let (chart, version) = named(at)?;
        let document = Json::parse(&version.body).unwrap_or(Json::Null);
        let about = at.text("about");
        let mut parts = String::new();
        for (n, attachment) in attachments(&document).enumerate() {
            let file = chart.about("/document/file", about, &[("part", &n.to_string())]);
            parts.push_str(&match bytes(&chart, attachment)? {
                Some(bytes) => part(media(attachment), &bytes, &file),
                None => "<p>This part is kept elsewhere, or is not open to you.</p>".to_owned(),
            });
        }
        let parts = if parts.is_empty() { "<p>Nothing is attached that you may see.</p>".to_owned() } else { parts };
        let author = words::by_whom(&document);
        let by = if author.is_empty() { String::new() } else { format!(" by {}", escape(&author)) };
        let body = format!(
            "<h2>{}</h2><p>{}{by} <span class=\"mark\">{}</span> <a href=\"{}\">The entry, its versions and its seal</a></p>{parts}",
            escape(&words::title(&document)),
            escape(&words::happened(&document)),
            escape(document.text("docStatus").unwrap_or(&state(&document))),
            chart.about("/entry", about, &[])
        );
        Ok(chart.page("Document", &[("about", about)], &body))
    })
}

/// One form of a document, in our own markup where that is possible.
fn part(media: &str, bytes: &[u8], file: &str) -> String {
    let text = || String::from_utf8_lossy(bytes);
    let is_short = bytes.len() <= TEXT_BYTES_MAX;
    let inner = match media {
        _ if picture(bytes).is_some() => Some(format!("<img src=\"{file}\" alt=\"Page of the document\">")),
        "text/plain" if is_short => Some(format!("<pre class=\"text\">{}</pre>", escape(&text()))),
        "text/html" | "application/xhtml+xml" => harmless(&text()),
        "text/xml" | "application/xml" | "application/hl7-cda+xml" if is_short => sections::shown(&text()),
        _ => None,
    };
    let said = form(media);
    let take =
        format!("<p><a href=\"{file}\" download>Take it along ({said}, {} kB)</a></p>", bytes.len().div_ceil(1_000));
    match inner {
        Some(inner) => format!("<div class=\"document\">{inner}</div>{take}"),
        None => format!("<p>This {said} is not shown here.</p>{take}"),
    }
}

/// The media type of an image that browsers show without running anything, by its first bytes, whatever is said of it.
fn picture(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        _ => None,
    }
}

/// `GET /document/file?about=DocumentReference/ID&part=N`: an image to look at, or a file that no browser opens here.
pub fn file(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::Read, |at| {
        let (chart, version) = named(at)?;
        let document = Json::parse(&version.body).unwrap_or(Json::Null);
        let none = || Refusal::new(Kind::NotFound, "not-found", "the document has no such part that is open to you");
        let part = at.text("part").parse().unwrap_or(0);
        let attachment = attachments(&document).nth(part).ok_or_else(none)?;
        let bytes = bytes(&chart, attachment)?.ok_or_else(none)?;
        let (media, name) = match (picture(&bytes), media(attachment)) {
            (Some("image/png"), _) => ("image/png", "inline; filename=\"document.png\""),
            (Some(other), _) => (other, "inline; filename=\"document.jpg\""),
            (None, "application/pdf") => ("application/pdf", "attachment; filename=\"document.pdf\""),
            (None, "text/plain") => ("text/plain; charset=utf-8", "attachment; filename=\"document.txt\""),
            (None, "text/xml" | "application/xml") => {
                ("application/octet-stream", "attachment; filename=\"document.xml\"")
            }
            (None, _) => ("application/octet-stream", "attachment; filename=\"document.bin\""),
        };
        let mut answer = plain(StatusCode::OK, media, bytes);
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(name));
        headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
        // Whatever it is, it runs nothing and reaches nothing.
        let policy = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        Ok(answer)
    })
}
