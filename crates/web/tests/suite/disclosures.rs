//! Disclosures over HTTP: recorded, read by apps, accounted for, listed when a consent ends.

use crate::house::{Answer, House};
use crate::stage::{Stage, operator, registration};
use serde_json::{Value, json};
use vault::access::apps::{Proof, Reach, Registration};
use vault::access::disclosures::Basis;
use vault::access::{Profile, Role, Roles, Terms, purposes};

const DAY_MS: i64 = 86_400_000;

/// A token of somebody in a role.
pub fn token(house: &House, role: Role, stands_for: &[&str]) -> String {
    let roles = Roles::NONE.with(role);
    let profile = Profile {
        login: format!("{}-of-disclosures", role.code()),
        name: role.words().to_owned(),
        roles,
        stands_for: stands_for.iter().map(|one| (*one).to_owned()).collect(),
        ..Profile::default()
    };
    let account = house.vault.create_account(&operator(), profile).unwrap();
    house.vault.issue_session(&account, Terms::new(purposes(roles)[0], 400 * DAY_MS)).unwrap().0
}

fn ask(house: &House, token: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let bearer = format!("Bearer {token}");
    let mut all = vec![("Authorization", bearer.as_str())];
    if !body.is_empty() {
        all.push(("Content-Type", "application/fhir+json"));
    }
    all.extend_from_slice(headers);
    house.bare(method, &format!("/fhir/{path}"), &all, body)
}

/// The values of all parts of a name, at any depth.
fn parts(tree: &Value, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    for parameter in tree["parameter"].as_array().or_else(|| tree["part"].as_array()).into_iter().flatten() {
        if parameter["name"] == name {
            let value = parameter.as_object().unwrap().iter().find(|(key, _)| key.starts_with("value"));
            found.extend(value.map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned)));
        }
        found.extend(parts(parameter, name));
    }
    found
}

#[test]
fn what_is_recorded_is_accounted_for_as_json_and_as_a_letter() {
    let stage = Stage::new();
    let house = &stage.house;
    let him = token(house, Role::HimSpecialist, &[]);
    let record = |words: &str| ask(house, &him, "POST", &format!("Patient/zoe/%24record-disclosure?{words}"), &[], b"");
    let made = record("recipient=County+health&address=1+Main+St&what=report&basis=public-health&date=2026-09-01");
    let id = parts(&made.expect(200).json(), "id").remove(0);
    let body = json!({"resourceType": "Parameters", "parameter": [
        {"name": "recipient", "valueString": "Dr Lee"}, {"name": "what", "valueString": "chart"},
        {"name": "basis", "valueCode": "treatment"}, {"name": "resource", "valueString": "Observation/laboratory-zoe"}]});
    let posted = ask(house, &him, "POST", "Patient/zoe/%24record-disclosure", &[], body.to_string().as_bytes());
    posted.expect(200);
    for (words, says) in [
        ("what=x&basis=treatment", "`recipient` is missing"),
        ("recipient=x&what=x&basis=because", "`basis` is missing or unknown"),
        ("recipient=x&what=x&basis=treatment&date=2099-01-01", "not ahead"),
        ("recipient=x&what=x&basis=treatment&date=yesterday", "`date` is no day"),
        ("recipient=x&what=x&basis=treatment&colour=red", "knows these parameters only"),
    ] {
        let refused = record(words);
        assert!([400, 422].contains(&refused.status) && refused.issue().contains(says), "{words}: {}", refused.text());
    }
    let get = |path: &str| ask(house, &him, "GET", path, &[], b"");
    assert_eq!(get("Patient/zoe/%24record-disclosure?recipient=x&what=x&basis=treatment").status, 405);
    let done = get("Patient/zoe/%24accounting-of-disclosures").expect(200).json();
    assert_eq!(parts(&done, "recipient"), ["County health"]);
    assert_eq!(
        (parts(&done, "count"), parts(&done, "source")),
        (vec!["1".to_owned()], vec!["45 CFR 164.528(a)(1)(i)".to_owned()])
    );
    assert!(parts(&done, "id").contains(&id));
    let text = [("Accept", "text/plain")];
    let letter = ask(house, &him, "GET", "Patient/zoe/%24accounting-of-disclosures", &text, b"").expect(200).text();
    assert!(
        letter.contains("1 September 2026\n     To:       County health\n     Address:  1 Main St")
            && letter.contains("1  treatment"),
        "{letter}"
    );
    // The patient gets the same, and nothing of another's.
    let zoe = token(house, Role::Patient, &["Patient/zoe"]);
    let own = ask(house, &zoe, "GET", "Patient/zoe/%24accounting-of-disclosures", &[], b"").expect(200).json();
    assert_eq!((parts(&own, "recipient").len(), parts(&own, "recordedBy").len()), (1, 0));
    for path in ["Patient/ann/%24accounting-of-disclosures", "Patient/none/%24accounting-of-disclosures"] {
        assert_eq!(ask(house, &zoe, "GET", path, &[], b"").status, 403, "{path}");
    }
    // Asked, put off, given: the clock over HTTP.
    let asked = ask(house, &zoe, "POST", "Patient/zoe/%24request-accounting", &[], b"").expect(200).json();
    let id = parts(&asked, "id").remove(0);
    let change = |who: &str, step: &str| {
        ask(house, who, "POST", &format!("Patient/zoe/%24change-request?id={id}&step={step}"), &[], b"")
    };
    assert_eq!(change(&zoe, "extend&reason=me").status, 403);
    change(&him, "extend&reason=archive+moved").expect(200);
    stage.clock.advance(90 * DAY_MS);
    let waiting = get("%24accounting-requests").expect(200).json();
    assert_eq!(parts(&waiting, "state"), ["open"]);
    let given = format!("Patient/zoe/%24accounting-of-disclosures?request={id}");
    let given = ask(house, &him, "POST", &given, &[], b"").expect(200).json();
    assert_eq!(parts(&given, "state"), ["provided"]);
    assert!(parts(&get("%24accounting-requests").json(), "state").is_empty());
}

fn app(stage: &Stage, id: &str, reach: Reach, basis: Option<Basis>) {
    let address = "2 Side St".to_owned();
    stage.app(id, Registration { name: id.to_owned(), reach, basis, address, ..registration(Proof::Public) });
}

#[test]
fn what_outside_apps_read_is_accounted_for_from_the_audit() {
    let stage = Stage::new();
    let him = token(&stage.house, Role::HimSpecialist, &[]);
    app(&stage, "registry", Reach::Outside, Some(Basis::PublicHealth));
    app(&stage, "diary", Reach::Patient, None);
    app(&stage, "ward", Reach::House, None);
    let scope = "launch/patient patient/*.rs";
    for client in ["registry", "diary", "ward"] {
        for round in 0..2 {
            let told = stage.tokens("zoe", client, scope, "zoe");
            stage.get(&told, "Observation/laboratory-zoe").expect(200);
            stage.get(&told, "Observation?patient=zoe").expect(200);
            assert_eq!(stage.get(&told, "Observation/laboratory-ann").status, 404);
            assert_eq!(stage.get(&told, "Patient/zoe/%24accounting-of-disclosures").status, 403, "apps get none");
            stage.clock.advance(if round == 0 { DAY_MS } else { 0 });
        }
    }
    let get = |path: &str| ask(&stage.house, &him, "GET", path, &[], b"").expect(200).json();
    let done = get("Patient/zoe/%24accounting-of-disclosures");
    assert_eq!(parts(&done, "recipient"), ["registry"]);
    assert_eq!((parts(&done, "times"), parts(&done, "address")), (vec!["4".to_owned()], vec!["2 Side St".to_owned()]));
    assert_eq!(parts(&done, "what"), ["read by an app: Observation"]);
    assert_eq!(parts(&done, "source"), ["45 CFR 164.528(a)(1)(ii)"], "the patient's own app is the patient's access");
    assert_eq!(parts(&done, "count"), ["4"]);
    assert!(parts(&get("Patient/ann/%24accounting-of-disclosures"), "recipient").is_empty());
    let all = get("Patient/zoe/%24disclosures");
    assert_eq!(parts(&all, "knownFrom").len(), 4, "two apps, two days: {all}");
}

#[test]
fn what_the_patient_may_not_be_told_of_an_outside_app_shows_nowhere_in_the_audit() {
    let stage = Stage::new();
    let house = &stage.house;
    stage.put(&json!({
        "resourceType": "RelatedPerson", "id": "r", "patient": {"reference": "Patient/zoe"}, "period": {"end": "2099-01-01"}
    }));
    let (him, zoe) = (token(house, Role::HimSpecialist, &[]), token(house, Role::Patient, &["Patient/zoe"]));
    let (proxy, officer) = (token(house, Role::Proxy, &["RelatedPerson/r"]), token(house, Role::PrivacyOfficer, &[]));
    app(&stage, "sheriff", Reach::Outside, Some(Basis::LawEnforcement));
    app(&stage, "agency", Reach::Outside, Some(Basis::NationalSecurity));
    app(&stage, "registry", Reach::Outside, Some(Basis::PublicHealth));
    for client in ["sheriff", "agency", "registry"] {
        let told = stage.tokens("zoe", client, "launch/patient patient/*.rs", "zoe");
        stage.get(&told, "Observation/laboratory-zoe").expect(200);
    }
    let search = |who: &str| ask(house, who, "GET", "AuditEvent?patient=zoe&_count=100", &[], b"").expect(200);
    // Which of the three the answers know, and an AuditEvent of each.
    let known = |who: &str| {
        let events = search(who).json()["entry"].as_array().cloned().unwrap_or_default();
        ["sheriff", "agency", "registry"].map(|app| {
            let of = |event: &&Value| event["resource"].to_string().contains(&format!("\"{app}\""));
            events.iter().find(of).map(|event| event["resource"]["id"].as_str().unwrap().to_owned())
        })
    };
    let shown = |who: &str| known(who).map(|id| id.is_some());
    assert_eq!([shown(&zoe), shown(&proxy), shown(&officer)], [[true, false, true], [true, false, true], [true; 3]]);
    let ids = known(&officer).map(Option::unwrap);
    let status = |who: &str, id: &str| ask(house, who, "GET", &format!("AuditEvent/{id}"), &[], b"").status;
    assert_eq!([&ids[0], &ids[1], &ids[2]].map(|id| status(&zoe, id)), [200, 404, 200]);
    let words = "agency=Sheriff&basis=law-enforcement&statement=x";
    ask(house, &him, "POST", &format!("Patient/zoe/%24suspend-accounting?{words}"), &[], b"").expect(200);
    assert_eq!([shown(&zoe), shown(&proxy), shown(&officer)], [[false, false, true], [false, false, true], [true; 3]]);
    for who in [&zoe, &proxy] {
        assert_eq!([&ids[0], &ids[1], &ids[2]].map(|id| status(who, id)), [404, 404, 200]);
        assert!(!search(who).text().contains("sheriff"), "nor in links or totals");
    }
    let looked = stage.browser("zoe").get("/looked").text();
    assert!(looked.contains("registry") && !looked.contains("sheriff") && !looked.contains("agency"), "{looked}");
    let entry = ids[0].split('-').nth(1).unwrap();
    assert_eq!(stage.browser("zoe").get(&format!("/concern?patient=zoe&entry={entry}")).status, 404);
    // When it has ended the patient is told.
    stage.clock.advance(31 * DAY_MS);
    assert_eq!(shown(&zoe), [true, false, true]);
}

#[test]
fn whoever_received_under_a_consent_is_listed_when_it_ends() {
    let stage = Stage::new();
    let house = &stage.house;
    let him = token(house, Role::HimSpecialist, &[]);
    app(&stage, "registry", Reach::Outside, Some(Basis::Authorization));
    let mut consent = json!({
        "resourceType": "Consent", "id": "c", "status": "active", "patient": {"reference": "Patient/zoe"},
        "scope": {"text": "x"}, "category": [{"text": "x"}], "policyRule": {"coding": [{"code": "OPTIN"}]}
    });
    stage.put(&consent);
    let record = |to: &str, more: &str| {
        let words = format!("recipient={to}&what=chart&basis=authorization{more}");
        ask(house, &him, "POST", &format!("Patient/zoe/%24record-disclosure?{words}"), &[], b"").expect(200);
    };
    record("Insurer", "&consent=Consent/c");
    record("Somebody", "");
    let told = stage.tokens("zoe", "registry", "launch/patient patient/*.rs", "zoe");
    stage.get(&told, "Observation/laboratory-zoe").expect(200);
    consent["status"] = json!("inactive");
    stage.put(&consent);
    stage.clock.advance(2 * DAY_MS);
    let told = stage.tokens("zoe", "registry", "launch/patient patient/*.rs", "zoe");
    stage.get(&told, "Observation/laboratory-zoe").expect(200);
    let get = |path: &str| ask(house, &him, "GET", path, &[], b"");
    let under = get("Patient/zoe/%24recipients?consent=Consent/c").expect(200).json();
    assert_eq!(parts(&under, "recipient"), ["Insurer", "registry"]);
    assert_eq!(parts(&under, "times"), ["1", "1"], "not what was read after it had ended");
    let all = get("Patient/zoe/%24recipients").expect(200).json();
    assert_eq!(parts(&all, "recipient"), ["Insurer", "Somebody", "registry"]);
    assert_eq!(get("Patient/ann/%24recipients?consent=Consent/c").status, 404);
}

#[test]
fn the_audit_warns_of_parameters_it_does_not_know() {
    let house = House::open();
    let lenient = house.get("AuditEvent?_total=none&_count=5").expect(200);
    let tree = lenient.json();
    let outcome = tree["entry"].as_array().unwrap().iter().find(|entry| entry["search"]["mode"] == "outcome").unwrap();
    let issue = &outcome["resource"]["issue"][0];
    assert_eq!(issue["severity"], "warning");
    assert!(issue["diagnostics"].as_str().unwrap().contains("\"_total\" was not used"), "{issue}");
    assert!(!lenient.link("self").unwrap().contains("_total"));
    let strict = house.send("GET", "AuditEvent?_total=none", &[("Prefer", "handling=strict")], b"");
    assert_eq!(strict.status, 400);
    assert_eq!(house.get("AuditEvent?_total=none&_format=csv").status, 400);
    assert_eq!(house.get("AuditEvent?_sort=date").status, 400);
}
