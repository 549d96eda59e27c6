//! Operations: which name at which address is answered by what (R4 operations).

use super::route::{Key, Target};
use super::terminology::{self, Operation};
use super::{Asked, disclosures, everything, export, glass, inputs, not_found, proof, read, rooms, validation, why};
use crate::answer::{Outcome, json};
use crate::bulk::Level;
use crate::room;
use crate::server::Shared;
use axum::http::StatusCode;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use vault::Version;

/// Where an operation may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Without the `$`.
    pub name: &'static str,
    /// The type it belongs to; `None` for every type.
    pub resource_type: Option<&'static str>,
    /// Canonical URL of its definition.
    pub definition: &'static str,
}

const fn offered(name: &'static str, resource_type: Option<&'static str>, definition: &'static str) -> Offered {
    Offered { name, resource_type, definition }
}

/// Every operation that is answered.
pub const OFFERED: [Offered; 22] = [
    offered("export", Some("Patient"), "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export"),
    offered("export", Some("Group"), "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export"),
    offered("everything", Some("Patient"), "http://hl7.org/fhir/OperationDefinition/Patient-everything"),
    offered("everything", Some("Encounter"), "http://hl7.org/fhir/OperationDefinition/Encounter-everything"),
    offered("meta", None, "http://hl7.org/fhir/OperationDefinition/Resource-meta"),
    offered("validate", None, "http://hl7.org/fhir/OperationDefinition/Resource-validate"),
    offered("break-glass", Some("Patient"), "https://chartroom.dev/fhir/OperationDefinition/Patient-break-glass"),
    offered(
        "record-disclosure",
        Some("Patient"),
        "https://chartroom.dev/fhir/OperationDefinition/Patient-record-disclosure",
    ),
    offered("disclosures", Some("Patient"), "https://chartroom.dev/fhir/OperationDefinition/Patient-disclosures"),
    offered("recipients", Some("Patient"), "https://chartroom.dev/fhir/OperationDefinition/Patient-recipients"),
    offered(
        "accounting-of-disclosures",
        Some("Patient"),
        "https://chartroom.dev/fhir/OperationDefinition/Patient-accounting-of-disclosures",
    ),
    offered(
        "request-accounting",
        Some("Patient"),
        "https://chartroom.dev/fhir/OperationDefinition/Patient-request-accounting",
    ),
    offered(
        "accounting-requests",
        Some("Patient"),
        "https://chartroom.dev/fhir/OperationDefinition/Patient-accounting-requests",
    ),
    offered("change-request", Some("Patient"), "https://chartroom.dev/fhir/OperationDefinition/Patient-change-request"),
    offered(
        "suspend-accounting",
        Some("Patient"),
        "https://chartroom.dev/fhir/OperationDefinition/Patient-suspend-accounting",
    ),
    offered(
        "resume-accounting",
        Some("Patient"),
        "https://chartroom.dev/fhir/OperationDefinition/Patient-resume-accounting",
    ),
    offered(
        "accounting-suspensions",
        Some("Patient"),
        "https://chartroom.dev/fhir/OperationDefinition/Patient-accounting-suspensions",
    ),
    offered("expand", Some("ValueSet"), "http://hl7.org/fhir/OperationDefinition/ValueSet-expand"),
    offered("validate-code", Some("ValueSet"), "http://hl7.org/fhir/OperationDefinition/ValueSet-validate-code"),
    offered("validate-code", Some("CodeSystem"), "http://hl7.org/fhir/OperationDefinition/CodeSystem-validate-code"),
    offered("lookup", Some("CodeSystem"), "http://hl7.org/fhir/OperationDefinition/CodeSystem-lookup"),
    offered("subsumes", Some("CodeSystem"), "http://hl7.org/fhir/OperationDefinition/CodeSystem-subsumes"),
];

/// Every operation that is answered at the base alone.
pub const OFFERED_AT_BASE: [Offered; 1] =
    [offered("export", None, "http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export")];

/// Calls an operation.
pub fn answer(shared: &Shared, mut asked: Asked<'_>, target: Target<'_>) -> Outcome {
    if let Target::Operation(_, "everything" | "meta" | "proof" | "why") | Target::VersionOperation(..) = target {
        inputs::merge(&mut asked)?;
    }
    match target {
        Target::Operation(key, "everything") => everything::answer(shared, asked, key),
        Target::Operation(key, "break-glass") if key.resource_type == "Patient" => glass::break_it(shared, asked, key),
        Target::Operation(key, name) if key.resource_type == "Patient" && disclosures::is_ours(name) => {
            disclosures::on_patient(shared, asked, key, name)
        }
        Target::SystemOperation("accounting-requests") => disclosures::waiting(shared, &asked),
        Target::SystemOperation("record-protocol") => disclosures::protocol(shared, asked),
        Target::SystemOperation("export") => export::kick_off(shared, asked, Level::System),
        Target::TypeOperation("Patient", "export") => export::kick_off(shared, asked, Level::Patients),
        Target::Operation(key, "export") if key.resource_type == "Group" => {
            export::kick_off(shared, asked, Level::Group(key.id.to_owned()))
        }
        Target::SystemOperation("broken-glass") => glass::list(shared, &asked),
        Target::SystemOperation("review-glass") => glass::review(shared, asked),
        Target::Operation(key, "meta") => meta(shared, &asked, key, None),
        Target::VersionOperation(key, version, "meta") => meta(shared, &asked, key, Some(version)),
        Target::TypeOperation(ty, "validate") => validation::answer(shared, asked, ty, None),
        Target::Operation(key, "validate") => validation::answer(shared, asked, key.resource_type, Some(key)),
        Target::Operation(key, "proof") => proof::answer(shared, &asked, key, None),
        Target::Operation(key, "why") => why::answer(shared, &asked, key),
        Target::VersionOperation(key, version, "proof") => proof::answer(shared, &asked, key, Some(version)),
        Target::TypeOperation(ty, name) if let Some(operation) = Operation::of(ty, name) => {
            terminology::answer(shared, asked, operation, None)
        }
        Target::Operation(key, name) if let Some(operation) = Operation::of(key.resource_type, name) => {
            terminology::answer(shared, asked, operation, Some(key))
        }
        Target::SystemOperation(name) if let Some(operation) = room::operation(shared.settings.rooms, None, name) => {
            rooms::carry_out(shared, asked, operation, None)
        }
        Target::Operation(key, name)
            if let Some(operation) = room::operation(shared.settings.rooms, Some(key.resource_type), name) =>
        {
            rooms::carry_out(shared, asked, operation, Some(key))
        }
        _ => Err(Refusal::new(
            Kind::NotOffered,
            "not-supported",
            "this operation is not offered at this address; [base]/metadata lists those that are",
        )
        .into()),
    }
}

/// `$meta`: profiles, tags and labels (R4 operation `Resource/$meta`).
fn meta(shared: &Shared, asked: &Asked<'_>, key: Key<'_>, number: Option<u64>) -> Outcome {
    asked.all_taken()?;
    let version = version(shared, asked, key, number)?;
    let resource = Json::parse(&version.body).map_err(|_| not_found(key))?;
    let meta = resource.get("meta").cloned().unwrap_or(Json::object::<&str>([]));
    let parameter = Json::object([("name", Json::string("return")), ("valueMeta", meta)]);
    let answer =
        Json::object([("resourceType", Json::string("Parameters")), ("parameter", Json::Array(vec![parameter]))]);
    Ok(json(StatusCode::OK, asked.printed(answer.to_bytes().into())))
}

/// The version an operation is about: the current one, or that of the number.
pub fn version(shared: &Shared, asked: &Asked<'_>, key: Key<'_>, number: Option<u64>) -> Result<Version, vault::Error> {
    let version = read::numbered(shared, asked, key, number)?;
    if version.deleted { Err(read::gone(key).into()) } else { Ok(version) }
}
