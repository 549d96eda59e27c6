//! IHE Basic Audit Log Patterns (BALP 1.1): AuditEvents of an event, one a patient, made when somebody reads them.

use super::event::{Deed, Event, Outcome};
use base::clock::Instant;
use fhir::json::Json;

const PROFILES: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/IHE.BasicAudit";
const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
const OWN: &str = "https://chartroom.dev/fhir/CodeSystem/deed";
const ENTITY_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-entity-type";
const ENTITY_ROLE: &str = "http://terminology.hl7.org/CodeSystem/object-role";
const DICOM: &str = "http://dicom.nema.org/resources/ontology/DCM";
const PARTICIPATION: &str = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType";
const ACT_REASON: &str = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
const REQUEST_ID: &str = "https://profiles.ihe.net/ITI/BALP/CodeSystem/BasicAuditEntityType";

/// What is looked up for an event before it can be read.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// The event's place in the log.
    pub position: u64,
    /// When it was written.
    pub recorded: Option<Instant>,
    /// The name of the account.
    pub name: String,
    /// What the account stands for in the record, such as `Practitioner/7`.
    pub stands_for: Option<String>,
    /// The patients, as `Patient/1`; a shredded one is missing.
    pub patients: Vec<String>,
    /// The number of each in the id of its AuditEvent.
    pub numbers: Vec<usize>,
    /// How many more there are.
    pub unnamed: usize,
    /// This installation's name in the log.
    pub origin: String,
}

/// One AuditEvent a patient that is named; one alone when it is about none.
#[must_use]
pub fn audit_events(event: &Event, around: &Around) -> Vec<Json<'static>> {
    if around.patients.is_empty() {
        let number = around.numbers.first().copied().unwrap_or(0);
        return vec![audit_event(event, around, None, number)];
    }
    let named = around.patients.iter().zip(&around.numbers);
    named.map(|(patient, number)| audit_event(event, around, Some(patient), *number)).collect()
}

fn audit_event(event: &Event, around: &Around, patient: Option<&str>, number: usize) -> Json<'static> {
    let (kind, subtype) = coding(event.deed);
    let mut members = vec![
        ("resourceType", text("AuditEvent")),
        ("id", text(&format!("log-{}-{number}", around.position))),
        ("type", kind),
        ("subtype", Json::Array(vec![subtype])),
        ("action", text(action(event.deed))),
        ("recorded", text(&around.recorded.map(|at| at.to_string()).unwrap_or_default())),
        ("outcome", text(outcome(event))),
    ];
    if let Some(profile) = profile(event.deed, patient.is_some()) {
        let profile = Json::Array(vec![text(&format!("{PROFILES}.{profile}"))]);
        members.insert(2, ("meta", Json::object([("profile", profile)])));
    }
    if event.outcome != Outcome::Served {
        members.push(("outcomeDesc", text(&format!("HTTP status {}", event.status))));
    }
    if !event.purpose.is_empty() {
        members.push(("purposeOfEvent", Json::Array(vec![concept(ACT_REASON, &event.purpose)])));
    }
    members.push(("agent", Json::Array(agents(event, around))));
    members.push(("source", source(around)));
    members.push(("entity", Json::Array(entities(event, around, patient))));
    if event.patients.is_empty() && event.about.is_empty() && event.asked.is_empty() && event.request.is_empty() {
        members.pop();
    }
    Json::object(members)
}

/// Type and subtype (R4 `audit-event-type`, `restful-interaction`).
fn coding(deed: Deed) -> (Json<'static>, Json<'static>) {
    let rest = |interaction: &str| (code(EVENT_TYPE, "rest"), code(INTERACTION, interaction));
    let dicom = |number: &str, own: &str| (code(DICOM, number), code(OWN, own));
    match deed {
        Deed::Read => rest("read"),
        Deed::History => rest("history"),
        Deed::Search => rest("search"),
        Deed::Create => rest("create"),
        Deed::Update => rest("update"),
        Deed::Delete => rest("delete"),
        Deed::Batch => rest("batch"),
        Deed::Operation => rest("operation"),
        Deed::Preview => dicom("110112", "preview"),
        Deed::Export => (code(DICOM, "110106"), code(INTERACTION, "operation")),
        Deed::SignIn => (code(DICOM, "110114"), code(DICOM, "110122")),
        Deed::SignOut => (code(DICOM, "110114"), code(DICOM, "110123")),
        Deed::BreakGlass => (code(DICOM, "110113"), code(DICOM, "110127")),
        Deed::ReadAudit => dicom("110101", "read-audit"),
        Deed::Administer => dicom("110113", "administer"),
        Deed::Disclose => dicom("110106", "disclose"),
        Deed::RecordDisclosure => dicom("110106", "record-disclosure"),
        Deed::ReadDisclosures => dicom("110101", "read-disclosures"),
        Deed::Accounting => (code(EVENT_TYPE, "rest"), code(OWN, "accounting")),
        Deed::Agree => dicom("110113", "agree"),
        Deed::Launch => dicom("110100", "launch"),
        Deed::Decline => dicom("110113", "decline"),
        Deed::Token => dicom("110114", "token"),
    }
}

fn action(deed: Deed) -> &'static str {
    match deed {
        Deed::Create | Deed::RecordDisclosure => "C",
        Deed::Read | Deed::History | Deed::ReadAudit | Deed::ReadDisclosures => "R",
        Deed::Update | Deed::Administer => "U",
        Deed::Delete => "D",
        Deed::Search
        | Deed::Batch
        | Deed::Operation
        | Deed::Preview
        | Deed::Export
        | Deed::SignIn
        | Deed::SignOut
        | Deed::BreakGlass
        | Deed::Disclose
        | Deed::Accounting
        | Deed::Agree
        | Deed::Launch
        | Deed::Decline
        | Deed::Token => "E",
    }
}

/// R4 `audit-event-outcome`: 4 the request was wrong or refused, 8 the server failed.
fn outcome(event: &Event) -> &'static str {
    match event.outcome {
        Outcome::Served => "0",
        Outcome::Refused => "4",
        Outcome::Failed => "8",
    }
}

fn profile(deed: Deed, of_patient: bool) -> Option<&'static str> {
    Some(match (deed, of_patient) {
        (Deed::Read, true) => "PatientRead",
        (Deed::Read, false) => "Read",
        (Deed::Search, true) => "PatientQuery",
        (Deed::Search, false) => "Query",
        (Deed::Create, true) => "PatientCreate",
        (Deed::Create, false) => "Create",
        (Deed::Update, true) => "PatientUpdate",
        (Deed::Update, false) => "Update",
        (Deed::Delete, true) => "PatientDelete",
        (Deed::Delete, false) => "Delete",
        _ => return None,
    })
}

fn agents(event: &Event, around: &Around) -> Vec<Json<'static>> {
    let network = Json::object([("address", text(&event.from)), ("type", text(network_type(&event.from)))]);
    let mut user = vec![("type", concept(PARTICIPATION, if event.app.is_empty() { "IRCP" } else { "AUT" }))];
    if !event.roles.is_empty() {
        user.push(("role", Json::Array(event.roles.split(' ').map(|role| concept(OWN, role)).collect())));
    }
    let account = Json::object([("value", text(&event.account))]);
    let mut who = vec![("identifier", account)];
    who.extend(around.stands_for.as_deref().map(|reference| ("reference", text(reference))));
    if !around.name.is_empty() {
        who.push(("display", text(&around.name)));
    }
    if !event.account.is_empty() {
        user.push(("who", Json::object(who)));
    }
    user.push(("requestor", Json::Bool(true)));
    if !event.from.is_empty() {
        user.push(("network", network));
    }
    if !event.purpose.is_empty() {
        user.push(("purposeOfUse", Json::Array(vec![concept(ACT_REASON, &event.purpose)])));
    }
    let mut agents = vec![Json::object(user)];
    if !event.app.is_empty() {
        let who = Json::object([("identifier", Json::object([("value", text(&event.app))]))]);
        agents.push(Json::object([("type", concept(DICOM, "110153")), ("who", who), ("requestor", Json::Bool(false))]));
    }
    agents
}

/// R4 `network-type`: an address of the Internet protocol, or the name of what sits there.
fn network_type(from: &str) -> &'static str {
    let is_number = |c: char| c.is_ascii_hexdigit() || matches!(c, '.' | ':');
    if from.contains(['.', ':']) && from.chars().all(is_number) { "2" } else { "1" }
}

fn source(around: &Around) -> Json<'static> {
    let observer = Json::object([("display", text(&around.origin))]);
    Json::object([("observer", observer), ("type", Json::Array(vec![code(SOURCE_TYPE, "4")]))])
}

/// R4 `security-source-type`; 4 is an application server.
const SOURCE_TYPE: &str = "http://terminology.hl7.org/CodeSystem/security-source-type";

fn entities(event: &Event, around: &Around, patient: Option<&str>) -> Vec<Json<'static>> {
    let reference = |to: &str| Json::object([("reference", text(to))]);
    let entity = |kind: &str, role: &str| vec![("type", code(ENTITY_TYPE, kind)), ("role", code(ENTITY_ROLE, role))];
    let mut entities = Vec::new();
    if let Some(patient) = patient {
        let mut members = entity("1", "1");
        members.insert(0, ("what", reference(patient)));
        entities.push(Json::object(members));
    }
    if around.unnamed > 0 {
        let mut members = entity("1", "1");
        members.push(("name", text(&format!("{} more patients; ask for each by `patient`", around.unnamed))));
        entities.push(Json::object(members));
    }
    if !event.asked.is_empty() {
        let mut members = entity("2", "24");
        members.push(("query", text(&base64(event.asked.as_bytes()))));
        entities.push(Json::object(members));
    }
    for about in event.about.iter().filter(|about| is_data(about, patient)) {
        let mut members = entity("2", "4");
        members.insert(0, ("what", reference(about)));
        entities.push(Json::object(members));
    }
    if !event.request.is_empty() {
        let what = Json::object([("identifier", Json::object([("value", text(&event.request))]))]);
        entities.push(Json::object([("what", what), ("type", code(REQUEST_ID, "XrequestId"))]));
    }
    if !event.reason.is_empty() {
        let detail = Json::object([("type", text("reason")), ("valueString", text(&event.reason))]);
        let mut members = entity("2", "26");
        members.push(("detail", Json::Array(vec![detail])));
        entities.push(Json::object(members));
    }
    entities
}

/// Whether something stands as data in the AuditEvent of a patient: other patients have AuditEvents of their own.
fn is_data(about: &str, patient: Option<&str>) -> bool {
    let Some(patient) = patient else { return true };
    about != patient && (!about.starts_with("Patient/") || about.starts_with(&format!("{patient}/")))
}

fn text(text: &str) -> Json<'static> {
    Json::string(text.to_owned())
}

fn code(system: &str, code: &str) -> Json<'static> {
    Json::object([("system", text(system)), ("code", text(code))])
}

fn concept(system: &str, of: &str) -> Json<'static> {
    Json::object([("coding", Json::Array(vec![code(system, of)]))])
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fhir::validate::{Depth, validate};

    fn around(patients: &[&str]) -> Around {
        Around {
            position: 42,
            recorded: Some(Instant(1_700_000_000_000)),
            name: "Dr Kim".to_owned(),
            stands_for: Some("Practitioner/7".to_owned()),
            patients: patients.iter().map(|p| (*p).to_owned()).collect(),
            numbers: (0..patients.len()).collect(),
            unnamed: if patients.len() > 1 { 98 } else { 0 },
            origin: "chartroom.example".to_owned(),
        }
    }

    #[test]
    fn every_deed_makes_a_valid_audit_event_for_each_patient() {
        for deed in ["read", "history", "search", "create", "update", "delete", "batch", "operation", "export"]
            .into_iter()
            .chain([
                "sign-in",
                "sign-out",
                "break-glass",
                "read-audit",
                "administer",
                "disclose",
                "preview",
                "launch",
                "decline",
            ])
        {
            let event = Event {
                account: "kim".to_owned(),
                roles: "physician coder".to_owned(),
                purpose: "TREAT".to_owned(),
                asked: "name=x".to_owned(),
                about: ["Observation/1", "Patient/1", "Patient/2"].map(str::to_owned).to_vec(),
                app: "app".to_owned(),
                from: "10.0.0.1".to_owned(),
                request: "r1".to_owned(),
                reason: "because".to_owned(),
                ..Event::new(Deed::of_code(deed).expect(deed))
            };
            let made = audit_events(&event, &around(&["Patient/1", "Patient/2"]));
            assert_eq!(made.len(), 2);
            assert_eq!(made[1].text("id"), Some("log-42-1"));
            let said = String::from_utf8(made[0].to_bytes()).expect("UTF-8");
            assert_eq!((said.matches("Patient/1").count(), said.contains("Patient/2")), (1, false), "{said}");
            for resource in made.iter().chain(&audit_events(&Event::new(event.deed), &around(&[]))) {
                let findings = validate(resource, Depth::Full);
                let errors: Vec<_> = findings.iter().filter(|f| f.severity == base::finding::Severity::Error).collect();
                assert!(errors.is_empty(), "{deed}: {errors:?}");
            }
        }
    }
}
