//! What an app's scopes leave, worked out a second time: from their text, for one version at a time.

use super::people::Person;
use crate::search_truth::naive::{Seen, World as Record};
use base::clock::Instant;
use fhir::search::query::{parse, url};
use vault::access::Class;
use vault::access::policy::classes::class_of;

/// Whether the person's app, if there is one, may do with a version what a letter of `cruds` stands for. `patient`: whom
/// the version is about.
pub fn lets_through(person: &Person, letter: char, seen: &Seen, patient: Option<&str>) -> bool {
    let Some(app) = &person.app else { return true };
    app.scopes.split(' ').any(|scope| {
        let (level, rest) = scope.split_once('/').expect("a scope");
        let (of, filter) = rest.split_once('?').unwrap_or((rest, ""));
        let whose = match (level, patient) {
            ("user", _) => true,
            (_, Some(patient)) => app.patient.is_some_and(|id| format!("Patient/{id}") == patient),
            (_, None) => matches!(class_of(&seen.resource_type), Some(Class::Directory | Class::Knowledge)),
        };
        whose && fits(of, letter, &seen.resource_type) && (filter.is_empty() || is_found(filter, seen))
    })
}

/// Whether no scope is about a type at all.
pub fn is_blind_to(person: &Person, letter: char, resource_type: &str) -> bool {
    let of = |scope: &str| scope.split_once('/').expect("a scope").1.split('?').next().unwrap_or_default().to_owned();
    person.app.as_ref().is_some_and(|app| !app.scopes.split(' ').any(|scope| fits(&of(scope), letter, resource_type)))
}

/// `Observation.rs`, `*.read`.
fn fits(of: &str, letter: char, resource_type: &str) -> bool {
    let (name, letters) = of.split_once('.').expect("a type and letters");
    let letters = match letters {
        "read" => "rs",
        "write" => "cud",
        "*" => "cruds",
        letters => letters,
    };
    letters.contains(letter) && (name == "*" || name == resource_type)
}

/// Whether a search finds a version in a record that has nothing else.
fn is_found(filter: &str, seen: &Seen) -> bool {
    let pairs = url::pairs(filter).expect("a search");
    let query = parse(Some(&seen.resource_type), &pairs, true, Instant(0)).expect("a query");
    let (resource_type, id) = (seen.resource_type.clone(), seen.id.clone());
    let alone = Seen { position: 0, updated: seen.updated, resource_type, id, resource: seen.resource.clone() };
    let mut record = Record::default();
    record.versions.push(alone);
    !record.at(1).search(&query).is_empty()
}
