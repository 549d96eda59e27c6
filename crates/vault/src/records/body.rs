//! What is kept of a resource: its JSON with a fixed place where version and time are filled in.
//!
//! Kept: `{"resourceType":"X","id":"y","meta":{REST},OTHERS}`, without `meta.versionId` and `meta.lastUpdated`, which
//! only the log's order decides. Served: the same with both in front of REST. The other members keep their order.

use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::json::{Json, write_string};
use fhir::validate::is_id;

/// What the log's order decides, in `meta`.
const ORDERED: [&str; 4] = ["versionId", "lastUpdated", "_versionId", "_lastUpdated"];

/// The type and id of a resource, if they have the form of such.
pub(crate) fn named<'a>(resource: &'a Json<'_>) -> Result<(&'a str, &'a str), Refusal> {
    let resource_type = resource.text("resourceType").unwrap_or_default();
    // The vault's own documents: only the gate lets them in (`access::writing`).
    let word = resource_type.strip_prefix("x-").unwrap_or(resource_type);
    if !(1..=64).contains(&word.len()) || !word.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(Refusal::new(Kind::Invalid, "structure", "resourceType must name a resource type"));
    }
    let id = resource.text("id").unwrap_or_default();
    if !is_id(id) {
        let message = "id must be 1 to 64 letters, digits, hyphens and full stops";
        return Err(Refusal::new(Kind::Invalid, "value", message));
    }
    Ok((resource_type, id))
}

/// The kept form of a resource.
pub(crate) fn keep(resource: &Json<'_>) -> Result<Vec<u8>, Refusal> {
    let (resource_type, id) = named(resource)?;
    let Some(object) = resource.as_object() else {
        return Err(Refusal::new(Kind::Invalid, "structure", "a resource must be a JSON object"));
    };
    let mut out = Vec::with_capacity(2048);
    head(resource_type, id, &mut out);
    out.extend_from_slice(b",\"meta\":{");
    match object.get("meta") {
        None => {}
        Some(Json::Object(meta)) => {
            let rest = meta.iter().filter(|(name, _)| !ORDERED.contains(name));
            write_members(rest, false, &mut out);
        }
        Some(_) => return Err(Refusal::new(Kind::Invalid, "structure", "meta must be a JSON object")),
    }
    out.push(b'}');
    let others = object.iter().filter(|(name, _)| !matches!(*name, "resourceType" | "id" | "meta"));
    write_members(others, true, &mut out);
    out.push(b'}');
    Ok(out)
}

/// The kept form of a deletion: only what was deleted.
pub(crate) fn keep_deletion(resource_type: &str, id: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 + resource_type.len() + id.len());
    head(resource_type, id, &mut out);
    out.push(b'}');
    out
}

/// The served form: version and time filled in.
pub(crate) fn serve(kept: &[u8], version: u64, updated: &str) -> Option<Vec<u8>> {
    let place = read_head(kept)?.place?;
    let mut out = Vec::with_capacity(kept.len() + 80);
    out.extend_from_slice(&kept[..place]);
    out.extend_from_slice(b"\"versionId\":\"");
    write_decimal(version, &mut out);
    out.extend_from_slice(b"\",\"lastUpdated\":\"");
    out.extend_from_slice(updated.as_bytes());
    out.push(b'"');
    if kept.get(place) != Some(&b'}') {
        out.push(b',');
    }
    out.extend_from_slice(&kept[place..]);
    Some(out)
}

/// The beginning of a kept form, read back.
pub(crate) struct Head<'a> {
    /// Resource type.
    pub resource_type: &'a str,
    /// Logical id.
    pub id: &'a str,
    /// Where version and time belong; `None` in a deletion.
    place: Option<usize>,
}

/// Reads the beginning of a kept form; `None` if it is not one.
pub(crate) fn read_head(kept: &[u8]) -> Option<Head<'_>> {
    let (resource_type, rest) = quoted(kept.strip_prefix(b"{\"resourceType\":\"")?)?;
    let (id, rest) = quoted(rest.strip_prefix(b",\"id\":\"")?)?;
    let place = match rest.strip_prefix(b",\"meta\":{") {
        Some(rest) => Some(kept.len() - rest.len()),
        None if rest == b"}" => None,
        None => return None,
    };
    Some(Head { resource_type, id, place })
}

/// FHIR's `instant` in UTC with milliseconds.
pub(crate) fn updated(at: Instant) -> String {
    at.to_string()
}

fn quoted(text: &[u8]) -> Option<(&str, &[u8])> {
    let end = text.iter().position(|&b| b == b'"')?;
    Some((std::str::from_utf8(&text[..end]).ok()?, &text[end + 1..]))
}

fn head(resource_type: &str, id: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"resourceType\":\"");
    out.extend_from_slice(resource_type.as_bytes());
    out.extend_from_slice(b"\",\"id\":\"");
    out.extend_from_slice(id.as_bytes());
    out.push(b'"');
}

fn write_members<'a>(members: impl Iterator<Item = (&'a str, &'a Json<'a>)>, mut comma: bool, out: &mut Vec<u8>) {
    for (name, value) in members {
        if comma {
            out.push(b',');
        }
        comma = true;
        write_string(name, out);
        out.push(b':');
        value.write(out);
    }
}

fn write_decimal(n: u64, out: &mut Vec<u8>) {
    if n >= 10 {
        write_decimal(n / 10, out);
    }
    out.push(b'0' + (n % 10) as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> String {
        let resource = Json::parse(text.as_bytes()).expect("JSON");
        String::from_utf8(keep(&resource).expect("a resource")).expect("UTF-8")
    }

    #[test]
    fn a_resource_comes_back_with_version_and_time_in_their_place() {
        let cases = [
            (
                r#"{"id":"y","resourceType":"X","a":1.50,"b":[null]}"#,
                r#"{"resourceType":"X","id":"y","meta":{"versionId":"12","lastUpdated":"T"},"a":1.50,"b":[null]}"#,
            ),
            (
                r#"{"resourceType":"X","meta":{"lastUpdated":"old","versionId":"9","tag":[{"code":"\"meta\":{"}]},"id":"y"}"#,
                r#"{"resourceType":"X","id":"y","meta":{"versionId":"12","lastUpdated":"T","tag":[{"code":"\"meta\":{"}]}}"#,
            ),
        ];
        for (given, served) in cases {
            let served_bytes = serve(kept(given).as_bytes(), 12, "T").expect("kept form");
            assert_eq!(String::from_utf8(served_bytes).expect("UTF-8"), served);
            assert_eq!(kept(served), kept(given));
        }
    }

    #[test]
    fn a_head_is_read_back() {
        let deletion = keep_deletion("Patient", "p-1");
        let head = read_head(&deletion).expect("a head");
        assert_eq!((head.resource_type, head.id, head.place), ("Patient", "p-1", None));
        assert!(serve(&deletion, 1, "T").is_none());
        for wrong in ["", "{}", r#"{"resourceType":"X","id":"y","#, r#"{"resourceType":"X"}"#] {
            assert!(read_head(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_resource_is_refused() {
        for wrong in [
            "[]",
            "{}",
            r#"{"resourceType":"X"}"#,
            r#"{"resourceType":"X\"","id":"1"}"#,
            r#"{"resourceType":"X","id":"a/b"}"#,
            r#"{"resourceType":"X","id":"1","meta":7}"#,
        ] {
            assert!(keep(&Json::parse(wrong.as_bytes()).expect("JSON")).is_err(), "{wrong}");
        }
    }
}
