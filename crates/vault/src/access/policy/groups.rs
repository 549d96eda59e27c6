//! The words in which policies sum up others: `Class::"chart"`, `Relationship::"treating"`, `Label::"sensitive"`.

use super::question::{Class, Relationship};
use crate::access::label::Label;

use Class::{
    Aggregate, Audit, Billing, Blob, Clinical, Consent, Directory, Encounter, Form, Identity, Knowledge, Note,
    Population, System, Task,
};

/// Groups of classes, each with what it holds.
pub(super) const CLASSES: &[(&str, &[Class])] = &[
    ("chart", &[Identity, Encounter, Clinical, Note, Form, Blob]),
    ("open", &[Directory, Knowledge]),
    ("around-care", &[Consent, Task]),
    ("kept", &[Identity, Encounter, Clinical, Note, Form, Blob, Consent, Task, Population]),
    ("coded-from", &[Identity, Encounter, Clinical, Note, Form, Blob, Billing, Task]),
    ("money-and-tasks", &[Billing, Task]),
    ("billed-from", &[Identity, Encounter, Billing, Task]),
    ("abstracted", &[Form, Task]),
    ("reported", &[Identity, Encounter, Clinical]),
    ("reviewed", &[Identity, Consent, Task]),
    ("owned", &[Identity, Encounter, Clinical, Note, Form, Blob, Billing, Consent, Task]),
    ("asked", &[Form, Consent, Task]),
    ("served", &[Identity, Encounter, Clinical, Note, Form, Blob, Billing]),
    ("sent", &[Identity, Encounter, Clinical, Note, Form, Blob, Billing, Directory, Task]),
    (
        "any",
        &[
            Identity, Directory, Encounter, Clinical, Note, Billing, Consent, Task, Audit, Knowledge, Aggregate,
            Population, Blob, System, Form,
        ],
    ),
];

/// Groups of relationships.
pub(super) const RELATIONSHIPS: &[(&str, &[Relationship])] =
    &[("treating", &[Relationship::Author, Relationship::Care])];

/// The group of labels that are sensitive.
pub(super) const SENSITIVE: &str = "sensitive";

/// Whether a label says that something is sensitive. Cancer, being known and working here are labels for other ends.
#[must_use]
pub(super) const fn is_sensitive(label: Label) -> bool {
    !matches!(label, Label::Oncology | Label::Vip | Label::Employee)
}

/// The groups that hold a class.
pub(super) fn of_class(class: Class) -> impl Iterator<Item = &'static str> {
    CLASSES.iter().filter(move |(_, held)| held.contains(&class)).map(|(name, _)| *name)
}

/// The groups that hold a relationship.
pub(super) fn of_relationship(relationship: Relationship) -> impl Iterator<Item = &'static str> {
    RELATIONSHIPS.iter().filter(move |(_, held)| held.contains(&relationship)).map(|(name, _)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_has_a_name_of_its_own() {
        for (name, held) in CLASSES {
            assert_eq!(Class::from_code(name), None);
            assert!(!held.is_empty());
        }
        let any = CLASSES.iter().find(|(name, _)| *name == "any").map(|(_, held)| held.len());
        assert_eq!(any, Some(Class::ALL.len()));
        assert!(RELATIONSHIPS.iter().all(|(name, _)| Relationship::from_code(name).is_none()));
    }
}
