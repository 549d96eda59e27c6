//! What form the caller wants the answer in, and what form the question came in (R4 http section 3.1.0.1.9).

use axum::http::{HeaderMap, HeaderValue, header};
use base::refusal::{Kind, Refusal};
use vault::exchange::Return;

/// The media type of every FHIR answer.
pub const FHIR_JSON: &str = "application/fhir+json; charset=utf-8";

/// The media type of a file of resources, one a line.
pub const NDJSON: &str = "application/fhir+ndjson";

/// How a body is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyKind {
    /// FHIR JSON: a resource.
    Fhir,
    /// JSON Patch (RFC 6902).
    JsonPatch,
    /// A form (`_search`).
    Form,
    /// Nothing was said.
    Unsaid,
}

/// The `Prefer` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prefer {
    /// What a write gives back; a single write gives the resource when nothing is said, a bundle gives little.
    pub give: Option<Return>,
    /// Whether what is not understood is a refusal.
    pub strict: bool,
}

/// Refuses unless JSON is wanted. `_format` overrides the header (R4 http section 3.1.0.1.11).
pub fn check_wanted(headers: &HeaderMap, format: Option<&str>) -> Result<(), Refusal> {
    if let Some(format) = format {
        // A `+` that was not percent-coded arrives as a space.
        return if is_json(&format.replace(' ', "+")) { Ok(()) } else { Err(not_json(format_name(format))) };
    }
    let mut said = headers.get_all(header::ACCEPT).iter().peekable();
    if said.peek().is_none() {
        return Ok(());
    }
    for value in said {
        let text = value.to_str().unwrap_or_default();
        if text.split(',').any(accepts_json) {
            return Ok(());
        }
    }
    Err(not_json("what Accept asks for"))
}

/// Whether plain text is wanted, or at least as welcome as anything (where both are offered, text is what is kept and
/// checked).
pub fn wants_text(headers: &HeaderMap, format: Option<&str>) -> bool {
    if let Some(format) = format {
        return matches!(format, "text" | "text/plain");
    }
    let said: Vec<&str> = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let names_json = said.iter().any(|text| text.contains("json"));
    !names_json || said.iter().any(|text| text.contains("text/plain"))
}

/// Whether plain text is asked for by its name.
pub fn names_text(headers: &HeaderMap, format: Option<&str>) -> bool {
    let mut said = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    wants_text(headers, format) && (format.is_some() || said.any(|text| text.contains("text/plain")))
}

/// Whether a table is wanted (RFC 4180), which only the audit is offered as.
pub fn wants_csv(headers: &HeaderMap, format: Option<&str>) -> bool {
    if let Some(format) = format {
        return matches!(format, "csv" | "text/csv");
    }
    let mut said = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    said.any(|text| text.contains("text/csv") && !text.contains("json"))
}

fn not_json(what: &str) -> Refusal {
    let message = format!("{what} is not offered; answers are FHIR R4 JSON: ask for application/fhir+json");
    Refusal::new(Kind::NotAcceptable, "not-supported", message)
}

// Only well-known words are repeated in a message: the rest of a URL may hold anything.
fn format_name(format: &str) -> &'static str {
    if format.contains("xml") {
        "XML"
    } else if format.contains("turtle") || format == "ttl" {
        "Turtle"
    } else {
        "this _format"
    }
}

fn accepts_json(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let known = matches_ignoring_case(media, &["*/*", "application/*", "application/fhir+json", "application/json"])
        || matches_ignoring_case(media, &["text/json", "text/*", "application/json+fhir"]);
    known && parts.all(parameter_fits)
}

fn parameter_fits(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let value = value.trim().trim_matches('"');
    match name.trim().to_ascii_lowercase().as_str() {
        "q" => value.parse::<f32>().is_ok_and(|q| q > 0.0),
        "fhirversion" => matches!(value, "4.0" | "4.0.1"),
        "charset" => value.eq_ignore_ascii_case("utf-8"),
        _ => true,
    }
}

fn is_json(format: &str) -> bool {
    let mut parts = format.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default();
    let names = ["json", "application/fhir+json", "application/json", "text/json", "application/json+fhir"];
    matches_ignoring_case(media, &names) && parts.all(parameter_fits)
}

fn matches_ignoring_case(text: &str, names: &[&str]) -> bool {
    names.iter().any(|name| text.eq_ignore_ascii_case(name))
}

/// What kind of body the `Content-Type` announces; a refusal (415) when it is none that is read here.
pub fn body_kind(headers: &HeaderMap) -> Result<BodyKind, Refusal> {
    if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        let message = "compressed bodies are not read; send the body as it is";
        return Err(Refusal::new(Kind::MediaType, "not-supported", message));
    }
    let Some(said) = headers.get(header::CONTENT_TYPE) else { return Ok(BodyKind::Unsaid) };
    let text = said.to_str().unwrap_or_default();
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().unwrap_or_default().to_ascii_lowercase();
    let kind = match media.as_str() {
        "application/fhir+json" | "application/json" | "text/json" | "application/json+fhir" => Some(BodyKind::Fhir),
        "application/json-patch+json" => Some(BodyKind::JsonPatch),
        "application/x-www-form-urlencoded" => Some(BodyKind::Form),
        _ => None,
    };
    kind.filter(|_| parts.all(parameter_fits)).ok_or_else(unread)
}

/// The refusal for a body of the wrong kind.
pub fn unread() -> Refusal {
    let message = "this Content-Type is not read here; send application/fhir+json in UTF-8 \
                   (a patch also as application/json-patch+json, a search as application/x-www-form-urlencoded)";
    Refusal::new(Kind::MediaType, "not-supported", message)
}

/// Reads `Prefer`; what it does not know it leaves out, as RFC 7240 section 2 demands.
pub fn prefer(headers: &HeaderMap) -> Prefer {
    let mut prefer = Prefer::default();
    for word in headers.get_all("prefer").iter().filter_map(|v: &HeaderValue| v.to_str().ok()).flat_map(words) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("return") {
            prefer.give = match value.to_ascii_lowercase().as_str() {
                "minimal" => Some(Return::Minimal),
                "operationoutcome" => Some(Return::Outcome),
                "representation" => Some(Return::Representation),
                _ => None,
            };
        } else if name.trim().eq_ignore_ascii_case("handling") {
            prefer.strict = value.eq_ignore_ascii_case("strict");
        }
    }
    prefer
}

/// Whether the caller wants the answer later (RFC 7240 section 4.1).
pub fn responds_async(headers: &HeaderMap) -> bool {
    let mut said = headers.get_all("prefer").iter().filter_map(|v: &HeaderValue| v.to_str().ok()).flat_map(words);
    said.any(|word| word.eq_ignore_ascii_case("respond-async"))
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';']).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(name: &'static str, value: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        headers
    }

    #[test]
    fn only_json_is_given() {
        for (accept, format, given) in [
            ("*/*", None, true),
            ("application/fhir+json", None, true),
            ("application/fhir+json;fhirVersion=4.0", None, true),
            ("application/fhir+json; fhirVersion=5.0", None, false),
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", None, true),
            ("application/fhir+xml", None, false),
            ("application/fhir+xml, application/json;q=0.1", None, true),
            ("application/json;q=0", None, false),
            ("application/fhir+xml", Some("json"), true),
            ("application/json", Some("xml"), false),
            ("application/json", Some("application/fhir json"), true),
            ("application/json", Some("application/fhir+json; fhirVersion=4.0"), true),
            ("application/json", Some("text/turtle"), false),
        ] {
            let answer = check_wanted(&with("accept", accept), format);
            assert_eq!(answer.is_ok(), given, "{accept} {format:?}");
            if let Err(refusal) = answer {
                assert_eq!(refusal.kind, Kind::NotAcceptable);
            }
        }
        assert!(check_wanted(&HeaderMap::new(), None).is_ok());
    }

    #[test]
    fn a_body_says_what_it_is() {
        for (content_type, expected) in [
            ("application/fhir+json", Some(BodyKind::Fhir)),
            ("Application/JSON; charset=UTF-8", Some(BodyKind::Fhir)),
            ("application/fhir+json; fhirVersion=3.0", None),
            ("application/json; charset=latin1", None),
            ("application/json-patch+json", Some(BodyKind::JsonPatch)),
            ("application/x-www-form-urlencoded", Some(BodyKind::Form)),
            ("application/fhir+xml", None),
            ("multipart/form-data; boundary=x", None),
            ("", None),
        ] {
            assert_eq!(body_kind(&with("content-type", content_type)).ok(), expected, "{content_type}");
        }
        assert_eq!(body_kind(&HeaderMap::new()).ok(), Some(BodyKind::Unsaid));
        assert!(body_kind(&with("content-encoding", "gzip")).is_err());
    }

    #[test]
    fn preferences_are_read_from_one_or_many_headers() {
        for (text, give, strict) in [
            ("return=minimal", Some(Return::Minimal), false),
            ("handling=strict, return=OperationOutcome", Some(Return::Outcome), true),
            ("return=\"representation\"; handling=lenient", Some(Return::Representation), false),
            ("respond-async, return=all", None, false),
        ] {
            assert_eq!(prefer(&with("prefer", text)), Prefer { give, strict }, "{text}");
        }
    }
}
