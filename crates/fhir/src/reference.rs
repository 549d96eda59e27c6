//! References: the forms in which one resource names another (R4 references section 2.3.0).
//!
//! `Type/id` on this server, `http://host/fhir/Type/id` on any, both with `/_history/version` behind; `Type?query` to be
//! looked up; `urn:uuid:…` inside a bundle. What is read here has the form only: whether R4 has the type and whether the
//! resource exists is asked elsewhere.

use crate::validate::is_id;

/// A literal reference to a resource, in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference<'a> {
    /// What stands before the type, with its last slash: `http://host/fhir/`. Empty for this server.
    pub base: &'a str,
    /// A name that could be a resource type's.
    pub resource_type: &'a str,
    /// The id, as it was written.
    pub id: &'a str,
    /// What stands behind `_history/`.
    pub version: Option<&'a str>,
}

impl<'a> Reference<'a> {
    /// Reads `Type/id` on this server or behind an `http` address, with or without a version.
    #[must_use]
    pub fn parse(text: &'a str) -> Option<Reference<'a>> {
        if text.contains(':') && !is_address(text) {
            return None;
        }
        let (plain, version) = match text.rsplit_once("/_history/") {
            Some((plain, version)) => (plain, Some(version)),
            None => (text, None),
        };
        let (before, id) = plain.rsplit_once('/')?;
        let (base, resource_type) = before.split_at(before.rfind('/').map_or(0, |slash| slash + 1));
        let fits = is_type(resource_type) && !id.is_empty() && !base.ends_with("//");
        fits.then_some(Reference { base, resource_type, id, version })
    }

    /// Reads `Type/id` on this server, with or without a version; the id has the right form.
    #[must_use]
    pub fn local(text: &'a str) -> Option<Reference<'a>> {
        Reference::parse(text).filter(|reference| reference.base.is_empty() && is_id(reference.id))
    }
}

/// Type and query of a conditional reference, if it is one.
#[must_use]
pub fn conditional(text: &str) -> Option<(&str, &str)> {
    text.split_once('?').filter(|(resource_type, _)| is_type(resource_type))
}

/// A literal reference or other address without the version it may name.
#[must_use]
pub fn without_version(text: &str) -> &str {
    text.rsplit_once("/_history/").map_or(text, |(plain, _)| plain)
}

/// Whether this could name a resource type.
#[must_use]
pub fn is_type(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(|b| b.is_ascii_alphabetic())
}

/// Whether this is an identifier that means something inside its bundle only.
#[must_use]
pub fn is_urn(text: &str) -> bool {
    text.starts_with("urn:uuid:") || text.starts_with("urn:oid:")
}

fn is_address(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_in_parts() {
        let cases = [
            ("Patient/1", Some(("", "Patient", "1", None))),
            ("Patient/1/_history/2", Some(("", "Patient", "1", Some("2")))),
            ("https://h/fhir/Patient/a.b", Some(("https://h/fhir/", "Patient", "a.b", None))),
            ("http://h/Patient/1/_history/2", Some(("http://h/", "Patient", "1", Some("2")))),
            ("http://Patient/1", None),
            ("http://h/other", None),
            ("urn:uuid:c757873d-ec9a-4326-a141-556f43239520", None),
            ("urn:x/Patient/1", None),
            ("Patient?identifier=a", None),
            ("patient/1", None),
            ("Patient/", None),
            ("Patient", None),
            ("#a", None),
            ("", None),
        ];
        for (text, expected) in cases {
            let read = Reference::parse(text).map(|r| (r.base, r.resource_type, r.id, r.version));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn a_local_reference_has_an_id_and_no_base() {
        for (text, is_local) in [
            ("Patient/1", true),
            ("Patient/1/_history/2", true),
            ("Patient/a_b", false),
            ("/Patient/1", false),
            ("http://h/Patient/1", false),
        ] {
            assert_eq!(Reference::local(text).is_some(), is_local, "{text}");
        }
        assert_eq!(conditional("Patient?identifier=a|b"), Some(("Patient", "identifier=a|b")));
        assert_eq!(conditional("http://h/Patient?identifier=a"), None);
    }
}
