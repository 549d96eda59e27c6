//! Whose a resource is: under which patient's key it is sealed.
//!
//! The patient itself, or else the first Patient that a parameter of the Patient compartment points to
//! (R4 compartmentdefinition-patient), or one called `patient`: R4 leaves out of the compartment what may also be about
//! something else, such as a Task or a Device, and a patient's consents are about these too; and of a Binary, what its `securityContext` says. The paths come from the
//! definitions; only the plain ones (`Observation.subject`, `Appointment.participant.actor`) are followed, which in R4 are
//! all that point to a Patient.

use crate::access::private;
use fhir::definitions;
use fhir::json::Json;
use fhir::reference::Reference;
use std::collections::HashMap;
use std::sync::OnceLock;

type Path = Vec<String>;

/// The id of the patient whose resource this is.
pub(crate) fn patient_of<'a>(resource_type: &str, id: &'a str, resource: &'a Json<'_>) -> Option<&'a str> {
    if resource_type == "Patient" {
        return Some(id);
    }
    if private::is_private(resource_type) {
        return private::patient_of(resource);
    }
    if resource_type == "Binary" {
        // What stands for a file where access is decided (R4 Binary.securityContext).
        return resource.get("securityContext")?.text("reference").and_then(patient_id);
    }
    paths().get(resource_type)?.iter().find_map(|path| follow(resource, path))
}

/// Whether resources of a type can be a patient's.
pub(crate) fn may_be_of_patient(resource_type: &str) -> bool {
    matches!(resource_type, "Patient" | "Binary") || paths().contains_key(resource_type)
}

fn follow<'a>(at: &'a Json<'_>, path: &[String]) -> Option<&'a str> {
    if let Json::Array(items) = at {
        return items.iter().find_map(|item| follow(item, path));
    }
    match path.split_first() {
        Some((member, rest)) => follow(at.get(member)?, rest),
        None => patient_id(at.text("reference")?),
    }
}

/// `Patient/1` and `Patient/1/_history/2` point to patient 1 of this server.
fn patient_id(reference: &str) -> Option<&str> {
    Reference::local(reference).filter(|to| to.resource_type == "Patient").map(|to| to.id)
}

fn paths() -> &'static HashMap<String, Vec<Path>> {
    static PATHS: OnceLock<HashMap<String, Vec<Path>>> = OnceLock::new();
    PATHS.get_or_init(|| {
        let r4 = definitions::r4();
        let patient = r4.compartments.iter().find(|c| c.code == "Patient");
        let members: HashMap<&str, &[String]> = patient
            .into_iter()
            .flat_map(|c| &c.members)
            .map(|(name, params)| (name.as_str(), params.as_slice()))
            .collect();
        let paths = |name: &str| {
            let own = members.get(name).copied().unwrap_or_default();
            paths_of(r4, name, own.iter().map(String::as_str).chain([PATIENT]))
        };
        let all = r4.resource_names().map(|name| (name.to_owned(), paths(name)));
        all.filter(|(_, paths)| !paths.is_empty()).collect()
    })
}

/// The parameter that names a patient, in the compartment or not.
const PATIENT: &str = "patient";

fn paths_of<'p>(
    r4: &definitions::Definitions,
    resource_type: &str,
    params: impl Iterator<Item = &'p str>,
) -> Vec<Path> {
    let mut paths = Vec::new();
    for param in params {
        let defined = r4.search_params.iter().filter(|p| p.code == param && p.base.iter().any(|b| b == resource_type));
        for part in defined.flat_map(|p| p.expression.split('|')) {
            paths.extend(plain_path(resource_type, part).filter(|path| !paths.contains(path)));
        }
    }
    paths
}

/// The members of `Type.a.b` or `(Type.a.b).where(...)`; nothing for another type or a computed path.
fn plain_path(resource_type: &str, part: &str) -> Option<Path> {
    let part = part.trim().trim_start_matches('(');
    let part = part.split(".where(").next().unwrap_or(part).trim_end_matches(')').trim();
    let members = part.strip_prefix(resource_type)?.strip_prefix('.')?;
    let plain = |member: &str| !member.is_empty() && member.bytes().all(|b| b.is_ascii_alphanumeric());
    members.split('.').map(|m| plain(m).then(|| m.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_belongs_to_the_patient_it_is_about() {
        let cases = [
            (r#"{"resourceType":"Patient","id":"1"}"#, Some("1")),
            (r#"{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/2"}}"#, Some("2")),
            (r#"{"resourceType":"Condition","id":"o","subject":{"reference":"Patient/3/_history/1"}}"#, Some("3")),
            (
                r#"{"resourceType":"Appointment","id":"a","participant":[{"actor":{"reference":"Practitioner/1"}},{"actor":{"reference":"Patient/4"}}]}"#,
                Some("4"),
            ),
            (r#"{"resourceType":"Claim","id":"c","patient":{"reference":"Patient/5"}}"#, Some("5")),
            (r#"{"resourceType":"Coverage","id":"c","beneficiary":{"reference":"Patient/6"}}"#, Some("6")),
            (r#"{"resourceType":"Task","id":"t","for":{"reference":"Patient/7"}}"#, Some("7")),
            (r#"{"resourceType":"Device","id":"d","patient":{"reference":"Patient/8"}}"#, Some("8")),
            (r#"{"resourceType":"Binary","id":"b","securityContext":{"reference":"Patient/9"}}"#, Some("9")),
            (r#"{"resourceType":"Binary","id":"b","contentType":"text/plain"}"#, None),
            (r#"{"resourceType":"Task","id":"t","for":{"reference":"Group/7"}}"#, None),
            (r#"{"resourceType":"Observation","id":"o","subject":{"reference":"Group/2"}}"#, None),
            (r#"{"resourceType":"Observation","id":"o","subject":{"reference":"https://x.org/Patient/2"}}"#, None),
            (r#"{"resourceType":"Organization","id":"o"}"#, None),
        ];
        for (text, owner) in cases {
            let resource = Json::parse(text.as_bytes()).expect("JSON");
            let resource_type = resource.text("resourceType").expect("a type");
            assert_eq!(patient_of(resource_type, resource.text("id").expect("an id"), &resource), owner, "{text}");
        }
    }
}
