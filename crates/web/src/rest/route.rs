//! Where a path points: each shape of URL that R4 gives a meaning (R4 http section 3.1.0.1.2).

use super::url::decode;
use fhir::validate::is_id;
use std::borrow::Cow;

/// What is addressed below the FHIR base. Borrows from the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// The base itself.
    System,
    /// `metadata`.
    Metadata,
    /// `_search`.
    SystemSearch,
    /// `_history`.
    SystemHistory,
    /// `$name`.
    SystemOperation(&'a str),
    /// `$export/ID`: a bulk export that was started.
    Job(&'a str),
    /// `$export/ID/Patient-1.ndjson`: one of its files.
    JobFile(&'a str, &'a str),
    /// `Patient`.
    Type(&'a str),
    /// `Patient/_search`.
    TypeSearch(&'a str),
    /// `Patient/_history`.
    TypeHistory(&'a str),
    /// `Patient/$name`.
    TypeOperation(&'a str, &'a str),
    /// `Patient/1`.
    Instance(Key<'a>),
    /// `Patient/1/_history`.
    History(Key<'a>),
    /// `Patient/1/_history/2`.
    Version(Key<'a>, u64),
    /// `Patient/1/$name`.
    Operation(Key<'a>, &'a str),
    /// `Patient/1/_history/2/$name`.
    VersionOperation(Key<'a>, u64, &'a str),
    /// `Patient/1/Observation`; `*` stands for every type of the compartment.
    Compartment(Key<'a>, &'a str),
    /// `Patient/1/Observation/_search`.
    CompartmentSearch(Key<'a>, &'a str),
}

/// A resource's type and id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key<'a> {
    /// Resource type, not yet looked up.
    pub resource_type: &'a str,
    /// Logical id, of the right form.
    pub id: &'a str,
}

/// A path with its percent codes resolved; `None` if they are broken or hide a slash.
pub fn plain(path: &str) -> Option<Cow<'_, str>> {
    let decoded = decode(path)?;
    let slashes = |text: &str| text.bytes().filter(|&b| b == b'/').count();
    (slashes(&decoded) == slashes(path)).then_some(decoded)
}

/// Reads the path below the FHIR base, without its first slash. `None`: nothing is there.
pub fn target(path: &str) -> Option<Target<'_>> {
    let path = path.strip_suffix('/').unwrap_or(path);
    let mut parts = [""; 5];
    let mut count = 0;
    for part in path.split('/') {
        *parts.get_mut(count)? = part;
        count += 1;
    }
    match &parts[..count] {
        [""] => Some(Target::System),
        [one] => first(one),
        ["$export", job] => is_id(job).then_some(Target::Job(job)),
        ["$export", job, file] => (is_id(job) && is_id(file)).then_some(Target::JobFile(job, file)),
        [ty, two] => type_name(ty).and_then(|ty| second(ty, two)),
        [ty, id, rest @ ..] => third(key(ty, id)?, rest),
        [] => None,
    }
}

fn first(part: &str) -> Option<Target<'_>> {
    match part {
        "metadata" => Some(Target::Metadata),
        "_search" => Some(Target::SystemSearch),
        "_history" => Some(Target::SystemHistory),
        _ => match part.strip_prefix('$') {
            Some(name) => Some(Target::SystemOperation(name)),
            None => type_name(part).map(Target::Type),
        },
    }
}

fn second<'a>(resource_type: &'a str, part: &'a str) -> Option<Target<'a>> {
    match part {
        "_search" => Some(Target::TypeSearch(resource_type)),
        "_history" => Some(Target::TypeHistory(resource_type)),
        _ => match part.strip_prefix('$') {
            Some(name) => Some(Target::TypeOperation(resource_type, name)),
            None => key(resource_type, part).map(Target::Instance),
        },
    }
}

fn third<'a>(key: Key<'a>, rest: &[&'a str]) -> Option<Target<'a>> {
    match rest {
        ["_history"] => Some(Target::History(key)),
        ["_history", version] => Some(Target::Version(key, number(version)?)),
        ["_history", version, name] => Some(Target::VersionOperation(key, number(version)?, name.strip_prefix('$')?)),
        [one] => match one.strip_prefix('$') {
            Some(name) => Some(Target::Operation(key, name)),
            None => members(one).map(|ty| Target::Compartment(key, ty)),
        },
        [ty, "_search"] => members(ty).map(|ty| Target::CompartmentSearch(key, ty)),
        _ => None,
    }
}

fn members(part: &str) -> Option<&str> {
    if part == "*" { Some(part) } else { type_name(part) }
}

fn key<'a>(resource_type: &'a str, id: &'a str) -> Option<Key<'a>> {
    (type_name(resource_type).is_some() && is_id(id)).then_some(Key { resource_type, id })
}

fn type_name(part: &str) -> Option<&str> {
    let fits = part.starts_with(|c: char| c.is_ascii_uppercase()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    fits.then_some(part)
}

fn number(text: &str) -> Option<u64> {
    // Digits only: `+1` and `01` would be other names of version 1.
    let fits = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if fits { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_of_path_is_known() {
        let p = Key { resource_type: "Patient", id: "1" };
        for (path, expected) in [
            ("", Some(Target::System)),
            ("metadata", Some(Target::Metadata)),
            ("_search", Some(Target::SystemSearch)),
            ("_history", Some(Target::SystemHistory)),
            ("$meta", Some(Target::SystemOperation("meta"))),
            ("$export/1-a", Some(Target::Job("1-a"))),
            ("$export/1-a/Patient-1.ndjson", Some(Target::JobFile("1-a", "Patient-1.ndjson"))),
            ("$export/a_b", None),
            ("$meta/1", None),
            ("Patient", Some(Target::Type("Patient"))),
            ("Patient/", Some(Target::Type("Patient"))),
            ("Patient/_search", Some(Target::TypeSearch("Patient"))),
            ("Patient/_history", Some(Target::TypeHistory("Patient"))),
            ("Patient/$validate", Some(Target::TypeOperation("Patient", "validate"))),
            ("Patient/1", Some(Target::Instance(p))),
            ("Patient/1/_history", Some(Target::History(p))),
            ("Patient/1/_history/12", Some(Target::Version(p, 12))),
            ("Patient/1/_history/12/$proof", Some(Target::VersionOperation(p, 12, "proof"))),
            ("Patient/1/$everything", Some(Target::Operation(p, "everything"))),
            ("Patient/1/Observation", Some(Target::Compartment(p, "Observation"))),
            ("Patient/1/Observation/_search", Some(Target::CompartmentSearch(p, "Observation"))),
            ("Patient/1/*", Some(Target::Compartment(p, "*"))),
            ("Patient/1/_history/0", None),
            ("Patient/1/_history/+1", None),
            ("Patient/1/_history/99999999999999999999", None),
            ("Patient/1/_history/1/2", None),
            ("Patient/1/_history/1/$a/b", None),
            ("Patient/a_b", None),
            ("Patient/../x", None),
            ("patient", None),
            ("Patient//1", None),
            ("Pat ient", None),
        ] {
            assert_eq!(target(path), expected, "{path}");
        }
        assert_eq!(target(&format!("Patient/{}", "a".repeat(65))), None);
    }

    #[test]
    fn percent_codes_do_not_hide_a_slash() {
        assert_eq!(plain("Patient/1/%24everything").as_deref(), Some("Patient/1/$everything"));
        assert_eq!(plain("Patient%2F1"), None);
        assert_eq!(plain("Patient/%ff"), None);
    }
}
