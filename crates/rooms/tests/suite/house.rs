//! A house with a patient, people in their roles, and a server that answers without a network.

use axum::body::Body;
use axum::http::Request;
use base::clock::{Clock, Instant};
use base::id::Ids;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use tokio::runtime::Runtime;
use vault::access::{Profile, Role, Roles, Terms, Visit, purposes};
use vault::records::KeySource;
use vault::{Change, Expect, Options, Vault};
use web::{Server, Settings};

/// 2026-09-21T14:13:20Z.
pub const START: Instant = Instant(1_790_000_000_000);

pub const DAY_MS: i64 = 86_400_000;

pub struct House {
    pub vault: Vault,
    pub clock: Clock,
    server: Server,
    runtime: Runtime,
    /// By login: a token of the interface, and what the browser shows pages.
    tokens: BTreeMap<String, (String, String)>,
    _folder: tempfile::TempDir,
}

pub struct Answer {
    pub status: u16,
    pub location: String,
    pub bytes: Vec<u8>,
}

impl Answer {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|_| panic!("{}: {}", self.status, self.text()))
    }

    #[track_caller]
    pub fn good(self) -> Answer {
        assert!(self.status < 400, "{}: {}", self.status, self.text());
        self
    }

    /// The value of a part of a parameter.
    pub fn part(&self, parameter: &str, part: &str) -> Vec<String> {
        let all = self.json()["parameter"].as_array().cloned().unwrap_or_default();
        let parts = all.iter().filter(|one| one["name"] == parameter).flat_map(|one| one["part"].as_array().cloned());
        parts
            .flatten()
            .filter(|one| one["name"] == part)
            .map(|one| match &one["valueString"] {
                Value::String(text) => text.clone(),
                _ => one["valueDecimal"].to_string(),
            })
            .collect()
    }
}

impl House {
    pub fn new() -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let clock = Clock::manual(START);
        let options = Options {
            dir: folder.path().to_owned(),
            key: KeySource::Beside,
            clock: clock.clone(),
            ids: Ids::seeded(1),
            labels: None,
        };
        let vault = Vault::open(options).expect("a vault");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let settings = Settings { rooms: rooms::ROOMS, second_factor: false, ..Settings::new("http://localhost") };
        let server = Server::new(vault.clone(), settings);
        let mut house = House { vault, clock, server, runtime, tokens: BTreeMap::new(), _folder: folder };
        house.fill();
        house
    }

    fn fill(&mut self) {
        for id in ["zoe", "ann"] {
            self.put(
                &json!({"resourceType": "Patient", "id": id, "name": [{"family": id}], "birthDate": "1980-02-03"}),
            );
        }
        self.put(&json!({"resourceType": "Practitioner", "id": "kim"}));
        for (id, day, code) in [("lab-1", "2025-03-01", "2823-3"), ("lab-2", "2026-03-01", "2823-3")] {
            self.put(&observation(id, "zoe", day, code));
        }
        self.put(&observation("lab-ann", "ann", "2026-03-01", "2823-3"));
        self.put(&json!({
            "resourceType": "Condition", "id": "con-1", "subject": {"reference": "Patient/zoe"},
            "recordedDate": "2026-03-02", "code": {"text": "hypertension"}
        }));
        for (login, role, stands_for) in [
            ("hana", Role::HimSpecialist, ""),
            ("hugo", Role::HimSpecialist, ""),
            ("pia", Role::PrivacyOfficer, ""),
            ("zoe", Role::Patient, "Patient/zoe"),
            ("ann", Role::Patient, "Patient/ann"),
            ("kim", Role::Physician, "Practitioner/kim"),
            ("bill", Role::Biller, ""),
        ] {
            self.account(login, role, stands_for);
        }
    }

    pub fn account(&mut self, login: &str, role: Role, stands_for: &str) {
        let roles = Roles::NONE.with(role);
        let stands_for = Some(stands_for.to_owned()).filter(|one| !one.is_empty()).into_iter().collect();
        let profile = Profile {
            login: login.to_owned(),
            name: format!("{login} of the house"),
            roles,
            stands_for,
            ..Profile::default()
        };
        self.vault.create_account(&Visit::operator(), profile).expect("an account");
        self.sign_in(login);
    }

    /// A session anew: it ends after a while, as the clock of tests leaps.
    pub fn sign_in(&mut self, login: &str) {
        let account = self.vault.account_of_login(login).expect("asked").expect("an account");
        let terms = Terms::new(purposes(account.roles)[0], 3_600_000);
        let sitting = Terms { idle_ms: Some(900_000), ..terms.clone() };
        let issued = |terms| self.vault.issue_session(&account, terms).expect("a session").0;
        self.tokens.insert(login.to_owned(), (issued(terms), issued(sitting)));
    }

    pub fn put(&self, resource: &Value) {
        let resource = fhir::json::Json::parse(resource.to_string().as_bytes()).expect("JSON").into_owned();
        let change = Change::Put { resource, expect: Expect::Any, skip_same: false };
        self.vault.commit(&Visit::operator(), vec![change]).expect("written");
    }

    pub fn get(&self, who: &str, path: &str) -> Answer {
        self.send(who, "GET", path, "", String::new())
    }

    /// Calls an operation, or creates a resource.
    pub fn post(&self, who: &str, path: &str, body: &Value) -> Answer {
        self.send(who, "POST", path, "application/fhir+json", body.to_string())
    }

    /// Calls an operation with words.
    pub fn call(&self, who: &str, path: &str, words: &[(&str, &str)]) -> Answer {
        let one = |(name, value): &(&str, &str)| json!({"name": name, "valueString": value});
        let list: Vec<Value> = words.iter().map(one).collect();
        let body = match list.as_slice() {
            [] => json!({"resourceType": "Parameters"}),
            _ => json!({"resourceType": "Parameters", "parameter": list}),
        };
        self.post(who, path, &body)
    }

    /// Sends the form of a page, with the sign that the page gave.
    pub fn form(&self, who: &str, page: &str, to: &str, fields: &[(&str, &str)]) -> Answer {
        let text = self.get(who, page).good().text();
        let sign =
            text.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split('"').next()).expect("a sign");
        let code = |text: &str| text.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
        let fields = [("csrf", sign)].into_iter().chain(fields.iter().copied());
        let body: Vec<String> = fields.map(|(name, value)| format!("{}={}", code(name), code(value))).collect();
        self.send(who, "POST", to, "application/x-www-form-urlencoded", body.join("&"))
    }

    pub fn send(&self, who: &str, method: &str, path: &str, media: &str, body: String) -> Answer {
        let (token, cookie) = self.tokens.get(who).cloned().unwrap_or_default();
        let mut request = Request::builder().method(method).uri(path.replace('$', "%24"));
        match path.starts_with("/fhir") {
            _ if token.is_empty() => {}
            true => request = request.header("authorization", format!("Bearer {token}")),
            false => request = request.header("cookie", format!("chartroom={cookie}")),
        }
        if !media.is_empty() {
            request = request.header("content-type", media);
        }
        let request = request.body(Body::from(body)).expect("a request");
        self.runtime.block_on(async {
            let answer = self.server.answer(request).await;
            let location =
                answer.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default().to_owned();
            let status = answer.status().as_u16();
            Answer { status, location, bytes: answer.into_body().collect().await.expect("a body").to_bytes().to_vec() }
        })
    }
}

pub fn observation(id: &str, patient: &str, day: &str, code: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final", "subject": {"reference": format!("Patient/{patient}")},
        "effectiveDateTime": day, "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "valueString": format!("value of {id}")
    })
}
