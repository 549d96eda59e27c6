//! Bulk export: what a client gets is what it would find, for nobody else, and nothing that is closed by then.

use crate::house::Answer;
use crate::smart_backend::Backend;
use crate::stage::{observation, operator};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;
use vault::access::audit::{Deed, Wanted};
use vault::access::{Profile, Role, Roles, Terms, Visit};
use vault::{Change, Expect};

const EVERYTHING: &str = "system/*.rs";
const ASYNC: (&str, &str) = ("Prefer", "respond-async");
const STRICT: (&str, &str) = ("Prefer", "respond-async, handling=strict");

/// A client with a token.
struct Client<'b> {
    backend: &'b Backend,
    token: String,
}

impl<'b> Client<'b> {
    fn new(backend: &'b Backend, scope: &str) -> Client<'b> {
        let token = backend.told(scope)["access_token"].as_str().unwrap().to_owned();
        Client { backend, token }
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let mut all = vec![("Authorization", bearer.as_str())];
        all.extend_from_slice(headers);
        if !body.is_empty() {
            all.push(("Content-Type", "application/fhir+json"));
        }
        self.backend.stage.house.bare(method, path, &all, body)
    }

    fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    /// Kicks an export off. Answers the path of its status.
    #[track_caller]
    fn start(&self, path: &str) -> String {
        path_of(self.kick_off(path, ASYNC, b"").expect(202).header("content-location").unwrap())
    }

    fn kick_off(&self, path: &str, prefer: (&str, &str), body: &[u8]) -> Answer {
        let method = if body.is_empty() { "GET" } else { "POST" };
        let accept = ("Accept", "application/fhir+json");
        self.send(method, &format!("/fhir/{path}"), &[prefer, accept], body)
    }

    /// Asks until the files are there.
    #[track_caller]
    fn manifest(&self, status: &str) -> Value {
        for _ in 0..6_000 {
            let answer = self.get(status);
            if answer.status == 200 {
                return answer.json();
            }
            assert_eq!(answer.status, 202, "{}", answer.text());
            assert!(answer.header("x-progress").is_some() && answer.header("retry-after").is_some());
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the export did not end");
    }

    /// What the files of an export hold, by type.
    #[track_caller]
    fn files(&self, manifest: &Value) -> BTreeMap<String, Vec<Value>> {
        let mut all = BTreeMap::<String, Vec<Value>>::new();
        for file in manifest["output"].as_array().unwrap() {
            let lines = self.lines(file["url"].as_str().unwrap());
            assert!(lines.iter().all(|line| line["resourceType"] == file["type"]), "{file}");
            all.entry(file["type"].as_str().unwrap().to_owned()).or_default().extend(lines);
        }
        all
    }

    #[track_caller]
    fn lines(&self, url: &str) -> Vec<Value> {
        let answer = self.get(&path_of(url)).expect(200);
        assert_eq!(answer.header("content-type"), Some("application/fhir+ndjson"));
        answer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The whole way: the ids of what is exported.
    #[track_caller]
    fn exported(&self, path: &str) -> Vec<String> {
        let manifest = self.manifest(&self.start(path));
        names(&self.files(&manifest))
    }
}

fn names(files: &BTreeMap<String, Vec<Value>>) -> Vec<String> {
    let mut names: Vec<String> = files
        .iter()
        .flat_map(|(kind, lines)| lines.iter().map(move |line| format!("{kind}/{}", line["id"].as_str().unwrap())))
        .collect();
    names.sort();
    names
}

fn path_of(url: &str) -> String {
    format!("/fhir/{}", url.split_once("/fhir/").unwrap().1)
}

/// Nobody may export anything about a patient.
fn refusal_of(patient: &str, status: &str) -> Value {
    json!({
        "resourceType": "Consent", "id": format!("no-{patient}"), "status": status,
        "patient": {"reference": format!("Patient/{patient}")}, "dateTime": "2026-01-01",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "policyRule": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "OPTIN"}]},
        "provision": {"type": "deny"}
    })
}

fn group(members: &[&str]) -> Value {
    let member = |id: &&str| json!({"entity": {"reference": format!("Patient/{id}")}});
    let mut all: Vec<Value> = members.iter().map(member).collect();
    all.push(json!({"entity": {"reference": "Patient/ann"}, "inactive": true}));
    all.push(json!({"entity": {"reference": "Patient/ann"}, "period": {"end": "2020-01-01"}}));
    json!({"resourceType": "Group", "id": "g", "type": "person", "actual": true, "member": all})
}

const ZOES: [&str; 5] = [
    "Condition/con-zoe",
    "Encounter/enc-zoe",
    "Observation/laboratory-zoe",
    "Observation/vital-signs-zoe",
    "Patient/zoe",
];

#[test]
fn an_export_holds_what_the_client_would_find() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    let client = Client::new(&backend, EVERYTHING);
    let answer = client.kick_off("$export", ASYNC, b"").expect(202);
    let status = path_of(answer.header("content-location").unwrap());
    let manifest = client.manifest(&status);
    assert_eq!(manifest["request"], format!("{}/$export", backend.stage.house.base()));
    assert_eq!(
        (&manifest["requiresAccessToken"], &manifest["deleted"], &manifest["error"]),
        (&json!(true), &json!([]), &json!([]))
    );
    assert_eq!(manifest["transactionTime"], "2026-09-21T14:13:20.000Z");
    assert!(client.get(&status).header("expires").is_some_and(|when| when == "Tue, 22 Sep 2026 14:13:20 GMT"));
    let files = client.files(&manifest);
    for file in manifest["output"].as_array().unwrap() {
        let kind = file["type"].as_str().unwrap();
        let found = client.get(&format!("/fhir/{kind}?_count=100")).expect(200).json();
        assert_eq!(
            (found["total"].as_u64(), file["count"].as_u64()),
            (file["count"].as_u64(), Some(files[kind].len() as u64))
        );
        for entry in found["entry"].as_array().unwrap() {
            assert!(files[kind].contains(&entry["resource"]), "{}", entry["fullUrl"]);
        }
    }
    assert_eq!(files.keys().collect::<Vec<_>>(), ["Condition", "Encounter", "Observation", "Patient", "Practitioner"]);
    // The record as it was: what is written later is not in it.
    backend.stage.put(&json!({"resourceType": "Patient", "id": "zoe", "name": [{"family": "Later"}]}));
    backend.stage.put(&json!({"resourceType": "Patient", "id": "eve"}));
    backend.stage.house.send("DELETE", "Condition/con-ann", &[], b"").expect(204);
    assert_eq!(client.files(&manifest), files);
    assert_eq!(client.send("HEAD", &path_of(manifest["output"][0]["url"].as_str().unwrap()), &[], b"").status, 200);
}

#[test]
fn an_export_is_its_clients_alone() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    let client = Client::new(&backend, EVERYTHING);
    let status = client.start("$export?_type=Patient");
    let file = path_of(client.manifest(&status)["output"][0]["url"].as_str().unwrap());
    let house = &backend.stage.house;
    let him = him_token(&backend);
    let never = "/fhir/$export/00000000-0000-4000-8000-000000000000";
    for token in [&house.token, &him] {
        let bearer = format!("Bearer {token}");
        let ask = |method: &str, path: &str| house.bare(method, path, &[("Authorization", &bearer)], b"");
        for (method, path, unknown) in [
            ("GET", status.clone(), never.to_owned()),
            ("DELETE", status.clone(), never.to_owned()),
            ("GET", file.clone(), format!("{never}/Patient-1.ndjson")),
        ] {
            let (there, not_there) = (ask(method, &path), ask(method, &unknown));
            assert_eq!((there.status, &there.body), (404, &not_there.body), "{method} {path}");
        }
    }
    assert_eq!(house.bare("GET", &file, &[], b"").status, 401);
    assert_eq!(client.get(&format!("{status}/Observation-1.ndjson")).status, 404);
    assert_eq!(client.get(&file).status, 200);
}

fn him_token(backend: &Backend) -> String {
    let (login, roles) = ("him".to_owned(), Roles::NONE.with(Role::HimSpecialist));
    let profile = Profile { login, name: "Him".to_owned(), roles, ..Profile::default() };
    let vault = &backend.stage.house.vault;
    let account = vault.create_account(&operator(), profile).unwrap();
    vault.issue_session(&account, Terms::new(vault::access::Purpose::RecordManagement, 3_600_000)).unwrap().0
}

#[test]
fn scopes_and_policies_say_who_exports_what() {
    let backend = Backend::scoped("system/Patient.rs system/Observation.r system/Condition.s", |_| {});
    let client = Client::new(&backend, "system/Patient.rs system/Observation.r system/Condition.s");
    assert_eq!(client.kick_off("$export?_type=Observation", ASYNC, b"").status, 403, "s is needed");
    assert_eq!(client.kick_off("$export?_type=Patient,Encounter", ASYNC, b"").status, 403);
    assert_eq!(client.kick_off("Group/g/$export", ASYNC, b"").status, 403);
    assert_eq!(client.exported("$export"), ["Condition/con-ann", "Condition/con-zoe", "Patient/ann", "Patient/zoe"]);
    let him = him_token(&backend);
    let house = &backend.stage.house;
    let ask = |token: &str, path: &str| {
        let bearer = format!("Bearer {token}");
        house.bare("GET", &format!("/fhir/{path}"), &[("Authorization", &bearer), ASYNC], b"").status
    };
    assert_eq!(ask(&him, "Patient/$export"), 202);
    assert_eq!(ask(&house.token, "$export"), 202);
    assert_eq!(
        ask(backend.told("system/Patient.rs")["access_token"].as_str().unwrap(), "$export?_type=Condition"),
        403
    );
    let kim = backend.stage.house.vault.accounts().unwrap().into_iter().find(|account| account.login == "kim").unwrap();
    let (kim, _) = backend
        .stage
        .house
        .vault
        .issue_session(&kim, Terms::new(vault::access::Purpose::Treatment, 3_600_000))
        .unwrap();
    assert_eq!(ask(&kim, "$export"), 403, "no policy lets a physician export");
}

#[test]
fn what_is_asked_for_is_what_comes() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    let client = Client::new(&backend, EVERYTHING);
    let both = ["Observation/laboratory-ann", "Observation/laboratory-zoe"];
    for (path, expected) in [
        ("$export?_type=Patient&_outputFormat=ndjson", &["Patient/ann", "Patient/zoe"][..]),
        ("$export?_type=Observation&_typeFilter=Observation%3Fcode%3D2823-3", &both),
        ("$export?_type=Observation&_typeFilter=Observation%3Fcode%3D2823-3,9999-9", &both),
        (
            "$export?_type=Observation&_typeFilter=Observation%3Fcode%3D2823-3%26patient%3Dzoe&_typeFilter=Observation%3Fcode%3Dx",
            &["Observation/laboratory-zoe"],
        ),
        (
            "$export?_type=Patient,Observation&_typeFilter=Patient%3F_id%3Dzoe,Observation%3Fsubject:Patient.name%3DAnn%26code%3D8867-4",
            &["Observation/vital-signs-ann", "Patient/zoe"],
        ),
        ("Patient/$export?_type=Condition", &["Condition/con-ann", "Condition/con-zoe"]),
        (
            "Patient/$export?_type=Condition,Practitioner",
            &["Condition/con-ann", "Condition/con-zoe", "Practitioner/kim"],
        ),
    ] {
        assert_eq!(client.exported(path), expected, "{path}");
    }
    assert!(!client.exported("Patient/$export").contains(&"Practitioner/kim".to_owned()));
    let manifest = client.manifest(&client.start("$export?_type=Patient&_elements=Patient.name"));
    for line in &client.files(&manifest)["Patient"] {
        assert!(line.get("birthDate").is_none() && line.get("name").is_some(), "{line}");
        assert_eq!(line["meta"]["tag"][0]["code"], "SUBSETTED");
    }
    // Since: what was there at the end of one export is not in the next.
    backend.stage.clock.advance(1_000);
    backend.stage.put(&observation("new", "zoe", "laboratory", "1-1"));
    backend.stage.clock.advance(1_000);
    let client = Client::new(&backend, EVERYTHING);
    assert_eq!(client.exported("$export?_since=2026-09-21T14:13:21Z"), ["Observation/new"]);
    assert_eq!(client.exported("$export?_since=2026-09-21T14:13:22Z"), [""; 0]);
}

#[test]
fn what_is_not_understood_is_refused_or_told() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    let client = Client::new(&backend, EVERYTHING);
    let plain = client.send("GET", "/fhir/$export", &[], b"");
    assert_eq!(plain.status, 400, "without Prefer: respond-async");
    for path in [
        "$export?_outputFormat=text/csv",
        "$export?_since=yesterday",
        "$export?_type=Nonsense",
        "$export?_typeFilter=Observation",
        "$export?_typeFilter=Observation%3Fnonsense%3D1",
        "$export?_typeFilter=Observation%3F_include%3D*",
        "Patient/$export?patient=Patient/zoe",
        "Patient/$export?_type=MeasureReport",
    ] {
        let answer = client.kick_off(path, ASYNC, b"");
        assert!(answer.status == 400 || answer.status == 403, "{path}: {}", answer.text());
        assert_eq!(answer.json()["resourceType"], "OperationOutcome");
    }
    let path = "$export?_type=Patient&includeAssociatedData=LatestProvenanceResources";
    assert_eq!(client.kick_off(path, STRICT, b"").status, 400);
    let manifest = client.manifest(&client.start(path));
    assert_eq!(manifest["error"][0]["type"], "OperationOutcome");
    let told = client.lines(manifest["error"][0]["url"].as_str().unwrap());
    assert!(told[0]["issue"][0]["diagnostics"].as_str().unwrap().contains("includeAssociatedData"), "{told:?}");
    assert_eq!(client.send("PUT", "/fhir/$export", &[ASYNC], b"{}").status, 405);
}

#[test]
fn more_parameters_than_a_job_keeps_are_refused() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    let client = Client::new(&backend, EVERYTHING);
    for (bytes, status) in [(1_000_000, 400), (2_000_000, 413)] {
        let commas = json!({"name": "_typeFilter", "valueString": ",".repeat(bytes)});
        let body = json!({"resourceType": "Parameters", "parameter": [commas]}).to_string();
        let answer = client.kick_off("$export", ASYNC, body.as_bytes());
        assert_eq!((answer.status, answer.json()["resourceType"].as_str()), (status, Some("OperationOutcome")));
    }
    let narrow = Client::new(&backend, "system/Patient.r");
    assert_eq!(narrow.kick_off("$export", ASYNC, b"{").status, 403, "whoever may export nothing is not read");
    assert_eq!(memos(&backend), 0);
}

#[test]
fn a_group_and_named_patients_bound_an_export() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    backend.stage.put(&group(&["zoe"]));
    backend.stage.put(&json!({"resourceType": "Device", "id": "pump", "patient": {"reference": "Patient/zoe"}}));
    let client = Client::new(&backend, EVERYTHING);
    let mut expected = ZOES.map(str::to_owned).to_vec();
    expected.push("Device/pump".to_owned());
    expected.sort();
    assert_eq!(client.exported("Group/g/$export"), expected);
    assert_eq!(client.kick_off("Group/none/$export", ASYNC, b"").status, 404);
    assert_eq!(client.get("/fhir/Group/g").status, 403, "the group itself is not shown");
    assert_eq!(client.exported("Group/g/$export?_type=Patient,Practitioner"), ["Patient/zoe", "Practitioner/kim"]);
    let patients = |ids: &[&str]| {
        let named =
            ids.iter().map(|id| json!({"name": "patient", "valueReference": {"reference": format!("Patient/{id}")}}));
        let mut all: Vec<Value> = named.collect();
        all.push(json!({"name": "_type", "valueString": "Patient"}));
        json!({"resourceType": "Parameters", "parameter": all}).to_string()
    };
    for (path, ids, found) in [
        ("Patient/$export", &["ann"][..], &["Patient/ann"][..]),
        ("Patient/$export", &["ann", "nobody"], &["Patient/ann"]),
        ("Group/g/$export", &["ann"], &[]),
        ("Group/g/$export", &["ann", "zoe"], &["Patient/zoe"]),
    ] {
        let answer = client.kick_off(path, ASYNC, patients(ids).as_bytes()).expect(202);
        let manifest = client.manifest(&path_of(answer.header("content-location").unwrap()));
        assert_eq!(names(&client.files(&manifest)), found, "{path} {ids:?}");
    }
    let system = client.kick_off("$export", ASYNC, patients(&["ann"]).as_bytes());
    assert_eq!(system.status, 400, "{}", system.text());
}

#[test]
fn a_consent_counts_at_the_moment_a_line_leaves() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    let client = Client::new(&backend, EVERYTHING);
    let manifest = client.manifest(&client.start("Patient/$export"));
    assert_eq!(names(&client.files(&manifest)).len(), 10);
    backend.stage.put(&refusal_of("ann", "active"));
    assert_eq!(names(&client.files(&manifest)), ZOES, "after the kick-off, and at once");
    assert_eq!(client.exported("Patient/$export"), ZOES);
    let again = client.manifest(&client.start("Patient/$export?_type=Patient"));
    assert_eq!(again["output"][0]["count"], 1);
    backend.stage.put(&refusal_of("ann", "inactive"));
    assert_eq!(names(&client.files(&manifest)).len(), 10);
}

#[test]
fn an_app_that_may_no_longer_see_a_type_gets_no_file_of_it() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    let client = Client::new(&backend, EVERYTHING);
    let manifest = client.manifest(&client.start("$export?_type=Patient,Observation"));
    let narrow = Client::new(&backend, "system/Patient.rs");
    let url = |index: usize| path_of(manifest["output"][index]["url"].as_str().unwrap());
    let is_patients = |file: &Value| file["type"] == "Patient";
    let (own, other) = if is_patients(&manifest["output"][0]) { (0, 1) } else { (1, 0) };
    assert_eq!((narrow.get(&url(own)).status, narrow.get(&url(other)).status), (200, 404));
    // The manifest tells nothing of the other type: not that there is any, not how much.
    let status = url(0).rsplit_once('/').unwrap().0.to_owned();
    let told = narrow.manifest(&status);
    assert_eq!(told["output"].as_array().unwrap().iter().filter(|file| is_patients(file)).count(), 1, "{told}");
    assert!(!told["output"].to_string().contains("Observation"), "{told}");
    let nothing = Client::new(&backend, "system/Patient.r");
    let answer = nothing.get(&status);
    assert!(answer.status == 403 && !answer.text().contains("Patient-1"), "{}", answer.text());
    assert_eq!(client.manifest(&status), manifest, "and is whole for whoever may");
    backend.stage.house.vault.review_app(&operator(), "backend", vault::access::apps::Review::Suspended).unwrap();
    assert_eq!(client.get(&url(0)).status, 401);
}

#[test]
fn an_export_ends_when_it_is_cancelled_or_its_time_is_up() {
    let backend = Backend::scoped(EVERYTHING, |settings| settings.exports_max = 2);
    let client = Client::new(&backend, EVERYTHING);
    let (first, second) = (client.start("$export?_type=Patient"), client.start("$export?_type=Observation"));
    let file = path_of(client.manifest(&first)["output"][0]["url"].as_str().unwrap());
    client.manifest(&second);
    let third = client.kick_off("$export", ASYNC, b"").expect(429);
    assert!(third.header("retry-after").is_some() && third.json()["resourceType"] == "OperationOutcome");
    assert_eq!(memos(&backend), 2);
    assert_eq!(client.send("DELETE", &first, &[], b"").status, 202);
    assert_eq!((client.get(&first).status, client.get(&file).status), (404, 404));
    assert_eq!(client.send("DELETE", &first, &[], b"").status, 404);
    assert_eq!(memos(&backend), 1);
    client.start("$export?_type=Condition");
    backend.stage.clock.advance(24 * 60 * 60 * 1_000);
    let client = Client::new(&backend, EVERYTHING);
    assert_eq!(client.get(&second).status, 404);
    assert_eq!(memos(&backend), 0);
}

#[test]
fn a_person_has_two_exports_at_most() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    let bearer = format!("Bearer {}", him_token(&backend));
    let ask = || backend.stage.house.bare("GET", "/fhir/$export", &[("Authorization", &bearer), ASYNC], b"").status;
    assert_eq!([ask(), ask(), ask()], [202, 202, 429]);
    let client = Client::new(&backend, EVERYTHING);
    (0..3).for_each(|_| drop(client.start("$export")));
}

/// Sealed memos of exports in the data directory.
fn memos(backend: &Backend) -> usize {
    backend.stage.house.vault.memos().unwrap().names("bulk-export-").unwrap().len()
}

#[test]
fn much_is_cut_into_files_and_sent_in_pieces() {
    let backend = Backend::scoped(EVERYTHING, |settings| settings.export_lines_max = 150);
    let long = "x".repeat(20_000);
    for index in 0..400 {
        let mut resource = observation(&format!("o-{index}"), "zoe", "laboratory", "1-1");
        resource["note"] = json!([{"text": long}]);
        backend.stage.put(&resource);
    }
    let client = Client::new(&backend, EVERYTHING);
    let manifest = client.manifest(&client.start("$export?_type=Observation"));
    let counts: Vec<u64> =
        manifest["output"].as_array().unwrap().iter().map(|file| file["count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [150, 150, 104]);
    let names = names(&client.files(&manifest));
    assert_eq!(names.len(), 404);
    assert!(names.windows(2).all(|pair| pair[0] < pair[1]), "none comes twice");
    let vault = &backend.stage.house.vault;
    let piece = vault.piece(&Visit::operator(), &(0..vault.head().0 as u32).collect::<Vec<_>>()).unwrap();
    let bytes: usize = piece.versions.iter().map(|version| version.body.len()).sum();
    assert!(bytes < (1 << 20) + 30_000 && piece.versions.len() < 100, "{bytes} bytes at once");
}

/// Many large observations, every other one Ann's.
fn fill(backend: &Backend, count: usize) {
    let text = "x".repeat(60_000);
    for start in (0..count).step_by(50) {
        let changes = (start..start + 50).map(|index| {
            let patient = if index % 2 == 0 { "zoe" } else { "ann" };
            let mut resource = observation(&format!("o-{index:04}"), patient, "laboratory", "1-1");
            resource["note"] = json!([{"text": text}]);
            let resource = fhir::json::Json::parse(resource.to_string().as_bytes()).unwrap().into_owned();
            Change::Put { resource, expect: Expect::Any, skip_same: false }
        });
        backend.stage.house.vault.commit(&Visit::operator(), changes.collect()).unwrap();
    }
}

#[test]
fn a_consent_counts_in_a_file_that_is_being_sent() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    fill(&backend, 1_000);
    let client = Client::new(&backend, EVERYTHING);
    let manifest = client.manifest(&client.start("$export?_type=Observation&_typeFilter=Observation%3Fcode%3D1-1"));
    let path = path_of(manifest["output"][0]["url"].as_str().unwrap());
    let address = backend.stage.house.address;
    let mut stream = TcpStream::connect(address).unwrap();
    let bearer = format!("Bearer {}", client.token);
    let request = crate::client::request(address, "GET", &path, &[("Authorization", &bearer)], b"");
    stream.write_all(&request).unwrap();
    let mut bytes = vec![0; 100_000];
    stream.read_exact(&mut bytes).unwrap();
    // What the client does not take is not made: 60 MB are not waiting in memory.
    backend.stage.put(&refusal_of("ann", "active"));
    stream.read_to_end(&mut bytes).unwrap();
    let answer = Answer::read(&bytes);
    let of = |patient: &str| {
        let subject = format!("\"reference\":\"Patient/{patient}\"");
        answer.text().lines().filter(|line| line.contains(&subject)).count()
    };
    assert_eq!((answer.status, of("zoe")), (200, 500));
    let before = of("ann");
    assert!((1..400).contains(&before), "{before} of 500 lines were sent before the consent was withdrawn");
    let last =
        answer.text().lines().enumerate().filter(|(_, line)| line.contains("Patient/ann")).map(|(at, _)| at).max();
    assert!(last <= Some(2 * before), "none came after it");
}

#[test]
fn a_file_ends_with_its_export_and_with_the_app() {
    let end: [fn(&Backend, &Client<'_>, &str); 2] = [
        |_, client, status| assert_eq!(client.send("DELETE", status, &[], b"").status, 202),
        |backend, _, _| {
            let suspended = vault::access::apps::Review::Suspended;
            backend.stage.house.vault.review_app(&operator(), "backend", suspended).unwrap();
        },
    ];
    let backend = Backend::scoped(EVERYTHING, |_| {});
    fill(&backend, 1_000);
    for end in end {
        let client = Client::new(&backend, EVERYTHING);
        let status = client.start("$export?_type=Observation");
        let path = path_of(client.manifest(&status)["output"][0]["url"].as_str().unwrap());
        let address = backend.stage.house.address;
        let mut stream = TcpStream::connect(address).unwrap();
        let bearer = format!("Bearer {}", client.token);
        let request = crate::client::request(address, "GET", &path, &[("Authorization", &bearer)], b"");
        stream.write_all(&request).unwrap();
        let mut bytes = vec![0; 100_000];
        stream.read_exact(&mut bytes).unwrap();
        end(&backend, &client, &status);
        // Cut off, with an error or an early end: the last chunk is missing.
        drop(stream.read_to_end(&mut bytes));
        assert!(bytes.len() < 40_000_000 && !bytes.ends_with(b"0\r\n\r\n"), "{} bytes came", bytes.len());
    }
}

/// Files are asked for and not taken, until no more are sent; meanwhile jobs are started, counted and asked for.
#[test]
fn many_exports_in_full_memory_are_told_to_come_again_and_nothing_hangs() {
    let backend = Backend::scoped(EVERYTHING, |settings| {
        settings.memory_bytes_max = 64 << 20;
        settings.exports_max = 6;
    });
    fill(&backend, 400);
    let client = Client::new(&backend, EVERYTHING);
    let status = client.start("$export?_type=Observation&_typeFilter=Observation%3Fcode%3D1-1");
    let manifest = client.manifest(&status);
    let path = path_of(manifest["output"][0]["url"].as_str().unwrap());
    let address = backend.stage.house.address;
    let bearer = format!("Bearer {}", client.token);
    let taking_nothing = || {
        let mut stream = TcpStream::connect(address).unwrap();
        let request = crate::client::request(address, "GET", &path, &[("Authorization", &bearer)], b"");
        stream.write_all(&request).unwrap();
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        (stream, String::from_utf8_lossy(&head[9..]).into_owned())
    };
    let begun: Vec<_> = (0..8).map(|_| taking_nothing()).collect();
    let statuses: Vec<&str> = begun.iter().map(|(_, status)| status.as_str()).collect();
    assert_eq!((statuses[0], statuses[7]), ("200", "503"), "{statuses:?}");
    let answer = client.get(&path).expect(503);
    assert!(answer.header("retry-after").is_some() && answer.json()["issue"][0]["code"] == "throttled");
    // Everybody else has room: answers that are counted, too.
    let page = client.get("/fhir/Observation?code=1-1&_count=15").expect(200);
    assert!(page.body.len() > 800_000);
    let started: Vec<Answer> = (0..8).map(|_| client.kick_off("$export", ASYNC, b"")).collect();
    for answer in &started {
        assert!(answer.status == 202 || answer.status == 429 && answer.header("retry-after").is_some());
    }
    let jobs: Vec<String> =
        started.iter().filter_map(|answer| Some(path_of(answer.header("content-location")?))).collect();
    assert_eq!(jobs.len(), 5);
    for job in &jobs {
        let output = client.manifest(job)["output"].to_string();
        assert!(output.contains("\"count\":404"), "nothing is left out: {output}");
    }
    drop(begun);
    let comes = || client.get(&path).status == 200;
    assert!((0..200).any(|_| comes() || (std::thread::sleep(Duration::from_millis(50)), false).1), "places are let go");
}

#[test]
fn who_asks_for_the_head_of_a_file_alone_has_exported_nothing() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    let client = Client::new(&backend, EVERYTHING);
    let manifest = client.manifest(&client.start("Patient/$export?_type=Patient"));
    let path = path_of(manifest["output"][0]["url"].as_str().unwrap());
    let shown = || {
        let wanted = Wanted { count: 1, ..Wanted::default() };
        let found = backend.stage.house.vault.audit(&Visit::operator(), &wanted).unwrap().found;
        (found[0].event.shown, found[0].patients.len())
    };
    let head = client.send("HEAD", &path, &[], b"").expect(200);
    assert_eq!((head.header("content-type"), head.body.len()), (Some("application/fhir+ndjson"), 0));
    assert_eq!(shown(), (0, 0));
    client.get(&path).expect(200);
    assert_eq!(shown(), (2, 2));
}

#[test]
fn every_step_is_in_the_audit() {
    let backend = Backend::scoped(EVERYTHING, |_| {});
    let client = Client::new(&backend, EVERYTHING);
    let manifest = client.manifest(&client.start("$export?_type=Patient,Observation"));
    let file = path_of(manifest["output"][1]["url"].as_str().unwrap());
    let vault = &backend.stage.house.vault;
    let newest = || vault.audit(&Visit::operator(), &Wanted { count: 1, ..Wanted::default() }).unwrap().found.remove(0);
    let status = newest().event;
    assert_eq!((status.deed, status.place.as_str(), status.shown), (Deed::Operation, "GET export", 0));
    client.get(&file).expect(200);
    let sent = newest().event;
    assert_eq!((sent.deed, sent.place.as_str(), sent.app.as_str()), (Deed::Export, "GET export file", "backend"));
    assert_eq!((sent.shown, sent.about.len()), (4, 4));
    assert_eq!(newest().patients.len(), 2);
    client.kick_off("$export", ASYNC, b"").expect(202);
    assert_eq!((newest().event.deed, newest().event.status), (Deed::Export, 202));
    assert_eq!(vault::access::forgotten(), 0);
}
