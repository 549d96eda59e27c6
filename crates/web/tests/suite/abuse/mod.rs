//! What somebody tries who means harm: tables of requests, each sent by several people, each with what must come of it.
//!
//! A row of [`others`] is sent twice: once about Zoe, whose record is there and not theirs, and once about Qqq, who was
//! never there. Both answers must be the same, byte for byte, when the names are exchanged.

mod inputs;
mod others;
mod tokens;

use crate::house::Answer;
use crate::stage::{START, Stage, operator};
use base::clock::Clock;
use serde_json::json;
use vault::access::{Profile, Purpose, Role, Roles, Terms};

/// Stands in every text of Zoe's record, and in nobody's else.
const PLANTED: &str = "Zqxcanary";
/// As long, and nowhere.
const NOWHERE: &str = "Zqxcanarx";

/// The fewest cases that all tables have together.
const CASES_LEAST: usize = 1_300;

/// One request.
#[derive(Clone, Debug, Default)]
struct Case {
    /// The family of the threat model, such as `B01`.
    family: &'static str,
    method: &'static str,
    /// Below the FHIR base. `{o}` is whose record it is, `{v}` what stands in it.
    path: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Case {
    fn get(family: &'static str, path: &str) -> Case {
        Case { family, method: "GET", path: path.to_owned(), ..Case::default() }
    }

    fn send(family: &'static str, method: &'static str, path: &str, body: &str) -> Case {
        let kind = if method == "PATCH" { "application/json-patch+json" } else { "application/fhir+json" };
        let headers = vec![("Content-Type", kind.to_owned())];
        Case { headers, body: body.to_owned(), method, ..Case::get(family, path) }
    }

    fn with(mut self, name: &'static str, value: &str) -> Case {
        self.headers.push((name, value.to_owned()));
        self
    }

    /// Sends it about somebody.
    fn ask(&self, stage: &Stage, token: Option<&str>, about: (&str, &str)) -> Answer {
        let fill = |text: &str| text.replace("{o}", about.0).replace("{v}", about.1);
        let headers: Vec<(&str, String)> = self.headers.iter().map(|(name, value)| (*name, fill(value))).collect();
        let bearer = token.map(|token| ("Authorization", format!("Bearer {token}")));
        let all: Vec<(&str, &str)> =
            headers.iter().chain(&bearer).map(|(name, value)| (*name, value.as_str())).collect();
        let path = fill(&self.path).replace('|', "%7C").replace(' ', "%20").replace('"', "%22");
        stage.house.bare(self.method, &format!("/fhir/{path}"), &all, fill(&self.body).as_bytes())
    }
}

/// Everything of an answer that says something: what names the request itself is left out.
fn said(answer: &Answer) -> String {
    let names = ["content-type", "content-length", "etag", "last-modified", "location", "content-location", "allow"];
    let headers = names.map(|name| format!("{name}: {:?}", answer.header(name)));
    format!("{}\n{}\n{}", answer.status, headers.join("\n"), answer.text())
}

/// A hospital in which Zoe's record is much linked, and Ann's stands beside it.
fn hospital() -> Stage {
    let stage = Stage::at(Clock::manual(START), |_| {});
    let zoe = json!({"reference": "Patient/zoe"});
    let code = |text: &str| json!({"text": text, "coding": [{"system": "http://canary.example", "code": text}]});
    for resource in [
        json!({"resourceType": "Patient", "id": "zoe", "name": [{"family": PLANTED}], "birthDate": "1951-05-05",
            "identifier": [{"system": "http://hospital.example/mrn", "value": PLANTED}], "managingOrganization": {"reference": "Organization/house"},
            "meta": {"tag": [{"system": "http://canary.example", "code": PLANTED}], "security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]}}),
        json!({"resourceType": "Organization", "id": "house", "name": "House"}),
        json!({"resourceType": "Observation", "id": "laboratory-zoe", "status": "final", "subject": zoe, "identifier": [{"value": PLANTED}],
            "code": code(PLANTED), "valueString": PLANTED, "effectiveDateTime": "1999-09-09", "performer": [{"reference": "Practitioner/kim"}],
            "hasMember": [{"reference": "Observation/vital-signs-zoe"}], "encounter": {"reference": "Encounter/enc-zoe"}}),
        json!({"resourceType": "DocumentReference", "id": "doc-zoe", "status": "current", "subject": zoe, "description": PLANTED,
            "content": [{"attachment": {"contentType": "text/plain", "url": "Binary/bin-zoe", "title": PLANTED}}]}),
        json!({"resourceType": "Binary", "id": "bin-zoe", "contentType": "text/plain", "data": "WnF4Y2FuYXJ5", "securityContext": zoe}),
        json!({"resourceType": "Provenance", "id": "prov-zoe", "target": [{"reference": "Observation/laboratory-zoe"}],
            "recorded": "2026-01-01T00:00:00Z", "agent": [{"who": {"display": PLANTED}}]}),
        json!({"resourceType": "List", "id": "list-zoe", "status": "current", "mode": "working", "subject": zoe, "title": PLANTED,
            "entry": [{"item": {"reference": "Condition/con-zoe"}}]}),
        json!({"resourceType": "Composition", "id": "comp-zoe", "status": "final", "type": code(PLANTED), "subject": zoe,
            "date": "2026-01-01", "author": [{"reference": "Practitioner/kim"}], "title": PLANTED}),
        json!({"resourceType": "Observation", "id": "gone-zoe", "status": "final", "subject": zoe, "code": code(PLANTED)}),
        json!({"resourceType": "RelatedPerson", "id": "rel-zoe", "patient": zoe, "name": [{"family": PLANTED}]}),
        json!({"resourceType": "Coverage", "id": "cov-zoe", "status": "active", "beneficiary": zoe, "payor": [{"display": PLANTED}]}),
        json!({"resourceType": "Practitioner", "id": "lee", "name": [{"family": "Lee"}]}),
    ] {
        stage.put(&resource);
    }
    stage.house.send("DELETE", "Observation/gone-zoe", &[], b"");
    stage
}

/// Whose record none of this is, with a token each.
fn people(stage: &Stage) -> Vec<(&'static str, String)> {
    let somebody = |login: &str, role, stands_for: &[&str], purpose| {
        let profile = Profile {
            login: login.to_owned(),
            name: login.to_owned(),
            roles: Roles::NONE.with(role),
            stands_for: stands_for.iter().map(|&reference| reference.to_owned()).collect(),
            ..Profile::default()
        };
        let account = stage.house.vault.create_account(&operator(), profile).unwrap();
        stage.house.vault.issue_session(&account, Terms::new(purpose, 3_600_000)).unwrap().0
    };
    stage.public_app("growth");
    let told = stage.tokens("ann", "growth", "patient/*.cruds launch/patient", "ann");
    vec![
        ("another patient", somebody("anna", Role::Patient, &["Patient/ann"], Purpose::PatientRequest)),
        ("another patient's app", told["access_token"].as_str().unwrap().to_owned()),
        (
            "a physician without relationship",
            somebody("lee", Role::Physician, &["Practitioner/lee"], Purpose::Treatment),
        ),
        ("a researcher", somebody("rita", Role::Researcher, &[], Purpose::Research)),
    ]
}

#[test]
fn the_tables_are_as_long_as_they_should_be() {
    let people = 4;
    let others = (others::same().len() + others::clean().len()) * (people + 1);
    let all = others + inputs::count() + tokens::count();
    println!("{all} cases");
    assert!(all >= CASES_LEAST, "{all} cases");
}
