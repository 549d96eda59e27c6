//! What tests of apps stand on: a hospital with patients and a physician, apps, and the way to a token.

use crate::browser::{Browser, encoded, field, location};
use crate::house::{Answer, House};
use base::clock::{Clock, Instant};
use serde_json::{Value, json};
use vault::access::apps::{Proof, Registration, Review};
use vault::access::audit::Deed;
use vault::access::{Context, Profile, Role, Roles, Visit};

pub const PASSWORD: &str = "correct horse battery";
pub const REDIRECT: &str = "https://app.example/cb";
/// RFC 7636 appendix B.
pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub const STATE: &str = "98wrghuwuogerg97";

pub const START: Instant = Instant(1_790_000_000_000);

/// A hospital with two patients, a physician who treats both, and apps.
pub struct Stage {
    pub house: House,
    pub clock: Clock,
}

pub fn operator() -> Visit {
    Visit::operator().asking(Context::new(Deed::Administer, "test"))
}

impl Stage {
    pub fn new() -> Stage {
        Stage::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut web::Settings)) -> Stage {
        Stage::at(Clock::manual(START), change)
    }

    /// By a clock of its own.
    pub fn at(clock: Clock, change: impl FnOnce(&mut web::Settings)) -> Stage {
        let house = House::at(clock.clone(), |settings| {
            settings.second_factor = false;
            change(settings);
        });
        let stage = Stage { house, clock };
        stage.fill();
        stage
    }

    fn fill(&self) {
        self.put(&json!({"resourceType": "Practitioner", "id": "kim", "name": [{"family": "Kim"}]}));
        for (id, name) in [("zoe", "Zoe"), ("ann", "Ann")] {
            let subject = json!({"reference": format!("Patient/{id}")});
            self.put(
                &json!({"resourceType": "Patient", "id": id, "name": [{"family": name}], "birthDate": "1980-02-03"}),
            );
            self.put(&json!({
                "resourceType": "Encounter", "id": format!("enc-{id}"), "status": "in-progress",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
                "subject": subject, "participant": [{"individual": {"reference": "Practitioner/kim"}}]
            }));
            for (kind, code) in [("laboratory", "2823-3"), ("vital-signs", "8867-4")] {
                self.put(&observation(&format!("{kind}-{id}"), id, kind, code));
            }
            self.put(&json!({
                "resourceType": "Condition", "id": format!("con-{id}"), "subject": subject,
                "code": {"coding": [{"system": "http://snomed.info/sct", "code": "38341003"}]}
            }));
        }
        self.account("zoe", Role::Patient, "Patient/zoe");
        self.account("ann", Role::Patient, "Patient/ann");
        self.account("kim", Role::Physician, "Practitioner/kim");
    }

    pub fn put(&self, resource: &Value) {
        let path = format!("{}/{}", resource["resourceType"].as_str().unwrap(), resource["id"].as_str().unwrap());
        let answer = self.house.put(&path, resource);
        assert!([200, 201].contains(&answer.status), "{path}: {}", answer.text());
    }

    fn account(&self, login: &str, role: Role, stands_for: &str) {
        let profile = Profile {
            login: login.to_owned(),
            name: login.to_uppercase(),
            roles: Roles::NONE.with(role),
            stands_for: vec![stands_for.to_owned()],
            ..Profile::default()
        };
        let made = self.house.vault.create_account(&operator(), profile).unwrap();
        self.house.vault.set_password(&operator(), &made.id, "", PASSWORD).unwrap();
    }

    /// Registers and approves an app. Answers its secret.
    pub fn app(&self, id: &str, registration: Registration) -> Option<String> {
        let (app, secret) = self.house.vault.register_app(&operator(), Some(id), registration).unwrap();
        self.house.vault.review_app(&operator(), &app.id, Review::Approved).unwrap();
        secret
    }

    /// An app that acts by itself, with an account of its own.
    pub fn backend_app(&self, id: &str, scopes: &str, proof: Proof) {
        let profile = Profile {
            login: "loader".to_owned(),
            name: "Loader".to_owned(),
            roles: Roles::NONE.with(Role::App),
            ..Profile::default()
        };
        let account = self.house.vault.create_account(&operator(), profile).unwrap();
        let own = Registration {
            redirects: Vec::new(),
            launch: None,
            scopes: scopes.to_owned(),
            acts_as: Some(account.id.clone()),
            ..registration(proof)
        };
        self.app(id, own);
    }

    /// A public app that may ask for much.
    pub fn public_app(&self, id: &str) {
        self.app(id, registration(Proof::Public));
    }

    pub fn browser(&self, login: &str) -> Browser<'_> {
        let mut browser = Browser::new(&self.house);
        assert_eq!(browser.sign_in(login, PASSWORD).status, 303);
        browser
    }

    /// The parameters of a good request of an app.
    pub fn request(&self, client: &str, scope: &str) -> Vec<(String, String)> {
        [
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", REDIRECT),
            ("scope", scope),
            ("state", STATE),
            ("aud", &self.house.base()),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    /// The page on which somebody agrees, and the answer when they take it as it is.
    pub fn agree(&self, browser: &mut Browser<'_>, request: &[(String, String)], patient: &str) -> Answer {
        let page = consent_page(browser, request);
        let (r, ticks) = (field(&page, "r").unwrap_or_default(), ticks(&page));
        let mut fields = vec![("r", r.as_str()), ("decision", "allow"), ("patient", patient)];
        fields.extend(ticks.iter().map(|tick| ("may", tick.as_str())));
        browser.post("/smart/consent", &fields)
    }

    /// A code for an app.
    pub fn code(&self, browser: &mut Browser<'_>, client: &str, scope: &str, patient: &str) -> String {
        let answer = self.agree(browser, &self.request(client, scope), patient);
        let sent = parameters(location(&answer).unwrap());
        assert_eq!(value(&sent, "state"), Some(STATE));
        assert_eq!(value(&sent, "iss"), Some(self.house.base().as_str()));
        value(&sent, "code").unwrap_or_else(|| panic!("{sent:?}")).to_owned()
    }

    pub fn token(&self, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        self.form("/smart/token", fields, headers)
    }

    pub fn form(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let own = [("Content-Type", "application/x-www-form-urlencoded")];
        self.house.bare("POST", path, &[&own, headers].concat(), encoded(fields).as_bytes())
    }

    /// Redeems the code of a public app.
    pub fn redeem(&self, client: &str, code: &str) -> Answer {
        self.token(&redemption(client, code), &[])
    }

    /// All of it: what a public app is told at the end.
    pub fn tokens(&self, login: &str, client: &str, scope: &str, patient: &str) -> Value {
        let code = self.code(&mut self.browser(login), client, scope, patient);
        self.redeem(client, &code).expect(200).json()
    }

    /// The status of a request with an app's token.
    pub fn ask(&self, told: &Value, method: &str, path: &str, body: &[u8]) -> Answer {
        let bearer = format!("Bearer {}", told["access_token"].as_str().unwrap());
        let mut headers = vec![("Authorization", bearer.as_str())];
        if !body.is_empty() {
            headers.push(("Content-Type", "application/fhir+json"));
        }
        self.house.bare(method, &format!("/fhir/{path}"), &headers, body)
    }

    pub fn get(&self, told: &Value, path: &str) -> Answer {
        self.ask(told, "GET", path, b"")
    }
}

pub fn redemption<'a>(client: &'a str, code: &'a str) -> [(&'a str, &'a str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("client_id", client),
        ("code", code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]
}

pub fn observation(id: &str, patient: &str, category: &str, code: &str) -> Value {
    let categories = "http://terminology.hl7.org/CodeSystem/observation-category";
    json!({
        "resourceType": "Observation", "id": id, "status": "final",
        "subject": {"reference": format!("Patient/{patient}")},
        "category": [{"coding": [{"system": categories, "code": category}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]}
    })
}

pub fn registration(proof: Proof) -> Registration {
    Registration {
        name: "Growth <b>chart</b>".to_owned(),
        proof,
        redirects: vec![REDIRECT.to_owned(), "com.example.app:/cb".to_owned()],
        launch: Some("https://app.example/launch".to_owned()),
        scopes: "patient/*.cruds user/*.rs launch launch/patient launch/encounter openid fhirUser offline_access \
                 online_access"
            .to_owned(),
        ..Registration::default()
    }
}

pub fn query(pairs: &[(String, String)]) -> String {
    encoded(&pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect::<Vec<_>>())
}

/// Follows an app's link as a browser does that is signed in.
pub fn consent_page(browser: &mut Browser<'_>, request: &[(String, String)]) -> Answer {
    let answer = browser.get(&format!("/smart/authorize?{}", query(request)));
    let to = location(&answer).unwrap().to_owned();
    browser.get(&to)
}

/// The scopes that are ticked on a page.
pub fn ticks(page: &Answer) -> Vec<String> {
    let text = page.text();
    let boxes = text.split("name=\"may\" value=\"").skip(1);
    let ticked = boxes.filter_map(|rest| rest.split_once('"')).filter(|(_, rest)| rest.starts_with(" checked"));
    ticked.map(|(value, _)| value.replace("&amp;", "&")).collect()
}

/// The parameters of an address.
pub fn parameters(address: &str) -> Vec<(String, String)> {
    let query = address.split_once('?').map_or("", |(_, query)| query);
    fhir::search::query::url::pairs(query).unwrap()
}

pub fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
