//! Requests for a restriction (45 CFR 164.522(a)): when one must be agreed to, and the Consent that holds it.

use super::super::Purpose;
use fhir::json::Json;

/// What a patient asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restriction {
    /// The patient, `Patient/3`.
    pub patient: String,
    /// From whom: `Organization/insurer`.
    pub recipient: String,
    /// The recipient is a health plan.
    pub to_health_plan: bool,
    /// What the disclosure would be for.
    pub purpose: Purpose,
    /// The items it is about, `ChargeItem/4`, `Observation/9`. Empty: everything.
    pub items: Vec<String>,
    /// They were paid in full by the patient, or by somebody other than the plan on the patient's behalf.
    pub paid_in_full: bool,
    /// The law requires the disclosure.
    pub required_by_law: bool,
}

/// Whether the request must be agreed to: to a health plan, for payment or operations, not required by law, and only
/// about what was paid in full out of pocket (45 CFR 164.522(a)(1)(vi)). Any other request may be refused
/// (164.522(a)(1)(ii)).
#[must_use]
pub fn must_agree(request: &Restriction) -> bool {
    let purpose = std::iter::successors(Some(request.purpose), |purpose| purpose.part_of())
        .any(|purpose| matches!(purpose, Purpose::Payment | Purpose::Operations));
    request.to_health_plan && purpose && !request.required_by_law && request.paid_in_full && !request.items.is_empty()
}

impl Restriction {
    /// The Consent that holds the agreed restriction from `date` (`YYYY-MM-DD`) on.
    #[must_use]
    pub fn consent(&self, date: &str) -> Json<'static> {
        let rule = if must_agree(self) { "hipaa-self-pay" } else { "hipaa-restrictions" };
        let mut provision = Json::object([
            ("type", Json::string("deny")),
            ("actor", Json::Array(vec![actor(&self.recipient)])),
            (
                "purpose",
                Json::Array(vec![coding("http://terminology.hl7.org/CodeSystem/v3-ActReason", self.purpose.code())]),
            ),
        ]);
        if let (Some(object), false) = (provision.as_object_mut(), self.items.is_empty()) {
            object.set("data", Json::Array(self.items.iter().map(|item| dependents(item)).collect()));
        }
        Json::object([
            ("resourceType", Json::string("Consent")),
            ("status", Json::string("active")),
            ("scope", concept("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")),
            ("category", Json::Array(vec![concept("http://loinc.org", "59284-0")])),
            ("patient", reference(&self.patient)),
            ("dateTime", Json::string(date)),
            ("policyRule", concept("http://terminology.hl7.org/CodeSystem/consentpolicycodes", rule)),
            ("provision", provision),
        ])
    }
}

fn actor(recipient: &str) -> Json<'static> {
    let role = concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP");
    Json::object([("role", role), ("reference", reference(recipient))])
}

/// The item and what refers to it: the claim for a paid service says as much as the service.
fn dependents(item: &str) -> Json<'static> {
    Json::object([("meaning", Json::string("dependents")), ("reference", reference(item))])
}

fn reference(to: &str) -> Json<'static> {
    Json::object([("reference", Json::string(to))])
}

fn coding(system: &str, code: &str) -> Json<'static> {
    Json::object([("system", Json::string(system)), ("code", Json::string(code))])
}

fn concept(system: &str, code: &str) -> Json<'static> {
    Json::object([("coding", Json::Array(vec![coding(system, code)]))])
}
