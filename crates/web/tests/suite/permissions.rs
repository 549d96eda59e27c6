//! What every route answers to everybody, as a golden file: `docs/permissions.txt`, written by asking the server.
//!
//! `cargo x bless -p web permissions` writes it. An address in the source, an operation of the capability statement or a
//! class of resources without a line fails the test.

use axum::body::Body;
use axum::http::Request;
use base::clock::Clock;
use base::id::Ids;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;
use tokio::runtime::Runtime;
use vault::access::policy::classes::{class_of, types_of};
use vault::access::{Class, Profile, Role, Roles, Terms, Visit, issue_token, purposes};
use vault::records::KeySource;
use vault::{Change, Expect, Options, Vault};
use web::{Server, Settings};

const HEAD: &str = "\
What every route answers to somebody in each role: the HTTP status. Written by asking the server, with
`cargo x bless -p web permissions`; read the difference before you commit it. ID is a resource of the patient. Each role stands
as near to the patient as it can: physician and nurse treat the patient, `pat` is the patient, `prx` acts for the patient, who is
a case of `reg` and `pub`. Each asks for the role's usual purpose. What is not open of somebody else's chart is 404.

   non  nobody signed in                   opr  operator: whoever holds the root key
";

/// The columns: three letters, and the role.
const COLUMNS: [(&str, Role); 16] = [
    ("phy", Role::Physician),
    ("nur", Role::Nurse),
    ("him", Role::HimSpecialist),
    ("cod", Role::Coder),
    ("bil", Role::Biller),
    ("reg", Role::CancerRegistrar),
    ("pub", Role::PublicHealth),
    ("res", Role::Researcher),
    ("man", Role::Manager),
    ("prv", Role::PrivacyOfficer),
    ("aud", Role::Auditor),
    ("tec", Role::Technologist),
    ("pat", Role::Patient),
    ("prx", Role::Proxy),
    ("app", Role::App),
    ("par", Role::InterfacePartner),
];

/// One type of each class, and what stands in it beside type, id and patient.
const TYPES: [(&str, &str); 16] = [
    ("Patient", r#""birthDate":"1970-01-01","generalPractitioner":[{"reference":"Practitioner/kim"}]"#),
    ("Practitioner", r#""active":true"#),
    ("Encounter", r#""status":"finished","class":{"code":"AMB"},"subject":PATIENT"#),
    ("Observation", r#""status":"final","code":{"text":"x"},"subject":PATIENT"#),
    ("DocumentReference", r#""status":"current","content":[{"attachment":{"title":"x"}}],"subject":PATIENT"#),
    ("QuestionnaireResponse", r#""status":"completed","subject":PATIENT"#),
    (
        "Claim",
        r#""status":"active","use":"claim","type":{"text":"x"},"created":"2026-01-01","provider":{"display":"x"},"priority":{"text":"x"},"insurance":[{"sequence":1,"focal":true,"coverage":{"display":"x"}}],"patient":PATIENT"#,
    ),
    (
        "Consent",
        r#""status":"active","scope":{"text":"x"},"category":[{"text":"x"}],"policyRule":{"coding":[{"code":"OPTIN"}]},"patient":PATIENT"#,
    ),
    ("Task", r#""status":"requested","intent":"order","for":PATIENT"#),
    (
        "AuditEvent",
        r#""type":{"code":"rest"},"recorded":"2026-01-01T00:00:00Z","agent":[{"requestor":true}],"source":{"observer":{"display":"x"}},"entity":[{"what":PATIENT}]"#,
    ),
    (
        "ValueSet",
        r#""url":"http://a.org/ID","status":"active","compose":{"include":[{"system":"http://loinc.org","concept":[{"code":"1"}]}]}"#,
    ),
    ("CodeSystem", r#""url":"http://a.org/cs","status":"active","content":"complete","concept":[{"code":"1"}]"#),
    ("MeasureReport", r#""status":"complete","type":"summary","measure":"http://a.org/m","period":{"start":"2026"}"#),
    ("Group", r#""type":"person","actual":true"#),
    ("Binary", r#""contentType":"text/plain","data":"eA==","securityContext":PATIENT"#),
    ("Subscription", r#""status":"off","reason":"x","criteria":"Observation?","channel":{"type":"email"}"#),
];

/// Addresses that are not below the FHIR base, with the methods that are tried.
const PAGES: &[(&str, &[&str])] = &[
    ("/", &["GET"]),
    ("/health", &["GET"]),
    ("/log/checkpoint", &["GET"]),
    ("/log/key", &["GET"]),
    ("/sign-in", &["GET", "POST"]),
    ("/sign-in/provider", &["POST"]),
    ("/sign-in/callback/hospital", &["GET"]),
    ("/sign-in/code", &["POST"]),
    ("/sign-in/passkey", &["POST"]),
    ("/favicon.svg", &["GET"]),
    ("/passkey.js", &["GET"]),
    ("/sign-out", &["GET", "POST"]),
    ("/account", &["GET"]),
    ("/account/purpose", &["POST"]),
    ("/account/password", &["POST"]),
    ("/account/second-factor", &["GET", "POST"]),
    ("/account/passkeys", &["GET", "POST"]),
    ("/account/passkeys/remove", &["POST"]),
    ("/account/sign-out-everywhere", &["POST"]),
    ("/fhir/.well-known/smart-configuration", &["GET"]),
    ("/fhir/.well-known/openid-configuration", &["GET"]),
    ("/smart/keys", &["GET"]),
    ("/smart/style", &["GET"]),
    ("/smart/authorize", &["GET", "POST"]),
    ("/smart/consent", &["GET", "POST"]),
    ("/smart/launch", &["GET", "POST"]),
    ("/smart/apps", &["GET", "POST"]),
    ("/smart/token", &["POST"]),
    ("/smart/introspect", &["POST"]),
    ("/smart/revoke", &["POST"]),
    ("/smart/userinfo", &["GET", "POST"]),
    ("/home", &["GET"]),
    ("/looked", &["GET"]),
    ("/apps", &["GET", "POST"]),
    ("/patients", &["GET"]),
    ("/patient", &["GET"]),
    ("/patient?id=a", &["GET"]),
    ("/patient?id=a&asof=2026-01-01", &["GET"]),
    ("/patient/timeline", &["GET"]),
    ("/patient/timeline?id=a", &["GET"]),
    ("/patient/results", &["GET"]),
    ("/patient/results?id=a", &["GET"]),
    ("/patient/trend", &["GET"]),
    ("/patient/trend?id=a&code=x", &["GET"]),
    ("/patient/documents", &["GET"]),
    ("/patient/documents?id=a", &["GET"]),
    ("/document", &["GET"]),
    ("/document?about=DocumentReference/d", &["GET"]),
    ("/document/file", &["GET"]),
    ("/document/file?about=DocumentReference/d", &["GET"]),
    ("/patient/encounters", &["GET"]),
    ("/patient/encounters?id=a", &["GET"]),
    ("/patient/medications", &["GET"]),
    ("/patient/medications?id=a", &["GET"]),
    ("/patient/entries", &["GET"]),
    ("/patient/entries?id=a", &["GET"]),
    ("/patient/entries?id=a&kind=Condition", &["GET"]),
    ("/entry", &["GET"]),
    ("/entry?about=Condition/c", &["GET"]),
    ("/entry/versions", &["GET"]),
    ("/entry/versions?about=Condition/c", &["GET"]),
    ("/entry/changes", &["GET"]),
    ("/entry/changes?about=Condition/c&from=1&to=1", &["GET"]),
    ("/entry/proof", &["GET"]),
    ("/entry/proof?about=Condition/c", &["GET"]),
    ("/entry/proof?about=Condition/c&file=entry", &["GET"]),
    ("/why", &["GET"]),
    ("/break-glass", &["GET", "POST"]),
    ("/consents", &["GET"]),
    ("/consents/give", &["GET", "POST"]),
    ("/consents/effect", &["GET"]),
    ("/consents/withdraw", &["POST"]),
    ("/glass", &["GET", "POST"]),
    ("/unusual", &["GET"]),
    ("/policies", &["GET", "POST"]),
    ("/audit", &["GET"]),
    ("/audit?patient=a", &["GET"]),
    ("/audit.csv", &["GET"]),
    ("/accounting", &["GET", "POST"]),
    ("/accounting?patient=a", &["GET"]),
    ("/recipients", &["GET"]),
    ("/recipients?patient=a", &["GET"]),
    ("/accounting.txt", &["GET"]),
    ("/disclosures", &["GET", "POST"]),
    ("/disclosures?patient=a", &["GET"]),
    ("/concern", &["GET", "POST"]),
    ("/concerns", &["GET", "POST"]),
    ("/nowhere", &["GET"]),
];

/// Addresses in the source that are no routes of this server.
const ELSEWHERE: [&str; 3] = ["/add-checkpoint", "/log/", "/sign-in/callback/"];

/// The kinds of address below the FHIR base, as `Target` in the router names them, and how their lines begin.
const TARGETS: [(&str, &str); 18] = [
    ("System", "GET /fhir"),
    ("Metadata", "GET /fhir/metadata"),
    ("SystemSearch", "POST /fhir/_search"),
    ("SystemHistory", "GET /fhir/_history"),
    ("SystemOperation", "GET /fhir/$meta"),
    ("Job", "DELETE /fhir/$export/none"),
    ("JobFile", "GET /fhir/$export/none/Patient-1.ndjson"),
    ("Type", "GET /fhir/Observation"),
    ("TypeSearch", "POST /fhir/Observation/_search"),
    ("TypeHistory", "GET /fhir/Observation/_history"),
    ("TypeOperation", "POST /fhir/Observation/$validate"),
    ("Instance", "GET /fhir/Observation/ID"),
    ("History", "GET /fhir/Observation/ID/_history"),
    ("Version", "GET /fhir/Observation/ID/_history/1"),
    ("Operation", "GET /fhir/Observation/ID/$meta"),
    ("VersionOperation", "GET /fhir/Observation/ID/_history/1/$meta"),
    ("Compartment", "GET /fhir/Patient/a/Observation"),
    ("CompartmentSearch", "POST /fhir/Patient/a/Observation/_search"),
];

/// What somebody shows the interface, and what their browser shows pages.
struct Pair {
    token: String,
    cookie: String,
}

struct Site {
    vault: Vault,
    server: Server,
    runtime: Runtime,
    tokens: Vec<Option<Pair>>,
    _folder: tempfile::TempDir,
}

/// A request: what its line says, and what is sent.
struct Line {
    method: &'static str,
    path: String,
    media: &'static str,
    body: String,
    /// What is written anew before each asks.
    fresh: Option<(&'static str, &'static str)>,
}

impl Line {
    fn get(path: impl Into<String>) -> Line {
        Line { method: "GET", path: path.into(), media: "", body: String::new(), fresh: None }
    }

    fn form(path: impl Into<String>) -> Line {
        let (media, body) = ("application/x-www-form-urlencoded", "_count=1".to_owned());
        Line { method: "POST", path: path.into(), media, body, fresh: None }
    }

    fn json(method: &'static str, path: impl Into<String>, body: String) -> Line {
        Line { method, path: path.into(), media: "application/fhir+json", body, fresh: None }
    }

    fn fresh(self, of: (&'static str, &'static str)) -> Line {
        Line { fresh: Some(of), ..self }
    }

    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

fn resource(of: (&str, &str), id: Option<&str>) -> String {
    let id = id.map_or(String::new(), |id| format!(r#""id":"{id}","#));
    let rest = of.1.replace("PATIENT", r#"{"reference":"Patient/a"}"#).replace("ID", "x");
    format!(r#"{{"resourceType":"{}",{id}{rest}}}"#, of.0)
}

impl Site {
    fn new() -> Site {
        let shared_memory = std::path::Path::new("/dev/shm");
        let folder = if shared_memory.is_dir() { tempfile::tempdir_in(shared_memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a folder");
        let dir = folder.path().to_owned();
        let options = Options {
            dir: dir.clone(),
            key: KeySource::Beside,
            clock: Clock::System,
            ids: Ids::seeded(1),
            labels: None,
        };
        let vault = Vault::open(options).expect("a vault");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let operator = issue_token(&dir, &KeySource::Beside).expect("a token");
        let operator = Pair { cookie: operator.clone(), token: operator };
        let tokens =
            [None, Some(operator)].into_iter().chain(COLUMNS.iter().map(|(_, role)| Some(pair(&vault, *role))));
        let tokens = tokens.collect();
        let server = Server::new(vault.clone(), Settings::new("http://localhost"));
        let house = Site { vault, server, runtime, tokens, _folder: folder };
        for text in [
            r#"{"resourceType":"Practitioner","id":"kim"}"#,
            r#"{"resourceType":"Patient","id":"a","birthDate":"1970-01-01","generalPractitioner":[{"reference":"Practitioner/kim"}]}"#,
            r#"{"resourceType":"RelatedPerson","id":"r","patient":{"reference":"Patient/a"},"period":{"end":"2099-01-01"}}"#,
            r#"{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/a"},"code":{"coding":[{"system":"http://hl7.org/fhir/sid/icd-10-cm","code":"C50.911"}]}}"#,
        ] {
            house.put(text);
        }
        house
    }

    fn put(&self, text: &str) {
        let resource = fhir::json::Json::parse(text.as_bytes()).expect("JSON").into_owned();
        let change = Change::Put { resource, expect: Expect::Any, skip_same: false };
        self.vault.commit(&Visit::operator(), vec![change]).expect("written");
    }

    fn ask(&self, line: &Line, token: Option<&Pair>) -> (u16, Vec<u8>) {
        let path = line.path.split('#').next().unwrap_or_default().replace('$', "%24");
        if let Some(of) = line.fresh {
            // An id of its own, so that every line begins with the first version; the patient is always the same.
            let id = if of.0 == "Patient" { "a".to_owned() } else { self.vault.fresh_id() };
            self.put(&resource(of, Some(&id)));
            return self.send(
                line,
                &path.replace("ID", &id),
                &line.body.replace("\"ID\"", &format!("\"{id}\"")),
                token,
            );
        }
        self.send(line, &path, &line.body, token)
    }

    fn send(&self, line: &Line, path: &str, body: &str, token: Option<&Pair>) -> (u16, Vec<u8>) {
        let mut request = Request::builder().method(line.method).uri(path);
        if let Some(Pair { token, cookie }) = token {
            request = request
                .header("authorization", format!("Bearer {token}"))
                .header("cookie", format!("chartroom={cookie}"));
        }
        if path.ends_with("export") {
            request = request.header("prefer", "respond-async");
        }
        if !line.media.is_empty() {
            request = request.header("content-type", line.media);
        }
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        self.runtime.block_on(async {
            let answer = self.server.answer(request).await;
            let status = answer.status().as_u16();
            (status, answer.into_body().collect().await.expect("a body").to_bytes().to_vec())
        })
    }
}

fn pair(vault: &Vault, role: Role) -> Pair {
    let stands_for = match role {
        Role::Physician | Role::Nurse => vec!["Practitioner/kim".to_owned()],
        Role::Patient => vec!["Patient/a".to_owned()],
        Role::Proxy => vec!["RelatedPerson/r".to_owned()],
        _ => Vec::new(),
    };
    let (login, roles) = (role.code().to_owned(), Roles::NONE.with(role));
    let profile = Profile { login, name: role.words().to_owned(), roles, stands_for, ..Profile::default() };
    let account = vault.create_account(&Visit::operator(), profile).expect("an account");
    let terms = Terms::new(purposes(roles)[0], 3_600_000);
    let sitting = Terms { idle_ms: Some(3_600_000), ..terms.clone() };
    let issued = |terms| vault.issue_session(&account, terms).expect("a session").0;
    Pair { token: issued(terms), cookie: issued(sitting) }
}

/// Everything that is asked, in the order of the file; a title goes before its lines.
fn lines(statement: &Value) -> Vec<(String, Vec<Line>)> {
    let bundle = |kind: &str| json!({"resourceType": "Bundle", "type": kind, "entry": []}).to_string();
    let pages = PAGES.iter().flat_map(|(path, methods)| methods.iter().map(move |method| (*path, *method)));
    let page = |(path, method): (&str, &'static str)| match method {
        "POST" => Line::form(path),
        _ => Line::get(path),
    };
    let mut all = vec![
        ("outside FHIR".to_owned(), pages.map(page).collect()),
        (
            "everything".to_owned(),
            vec![
                Line::get("/fhir/metadata"),
                Line::get("/fhir"),
                Line::form("/fhir/_search"),
                Line::get("/fhir/_history"),
                Line::json("POST", "/fhir#batch", bundle("batch")),
                Line::json("POST", "/fhir#transaction", bundle("transaction")),
                Line::get("/fhir/$meta"),
                Line::get("/fhir/$export"),
                Line::get("/fhir/$export/none"),
                Line { method: "DELETE", ..Line::get("/fhir/$export/none") },
                Line::get("/fhir/$export/none/Patient-1.ndjson"),
                Line::get("/fhir/$broken-glass"),
                Line::get("/fhir/$accounting-requests"),
                // Too few people: 422 for whoever may.
                Line::json("POST", "/fhir/$record-protocol?people=1", String::new()),
                Line::json("POST", "/fhir/$review-glass?id=none&finding=x", String::new()),
            ],
        ),
    ];
    for of in TYPES {
        let class = class_of(of.0).expect("a class");
        all.push((format!("{} ({})", class.words(), of.0), of_type(of, statement)));
    }
    all
}

fn of_type(of: (&'static str, &'static str), statement: &Value) -> Vec<Line> {
    let base = format!("/fhir/{}", of.0);
    let one = format!("{base}/ID");
    let (new, own) = (resource(of, None), resource(of, Some("ID")));
    let patch = |path: String| Line {
        media: "application/json-patch+json",
        ..Line::json("PATCH", path, r#"[{"op":"add","path":"/language","value":"en"}]"#.to_owned())
    };
    let delete = |path: String| Line { method: "DELETE", ..Line::get(path) };
    let mut lines = vec![
        Line::get(base.clone()),
        Line::form(format!("{base}/_search")),
        Line::get(format!("{base}/_history")),
        Line::json("POST", base.clone(), new.clone()),
        Line::json("PUT", format!("{base}?_id=ID"), own.clone()).fresh(of),
        patch(format!("{base}?_id=ID")).fresh(of),
        delete(format!("{base}?_id=ID")).fresh(of),
        Line::get(one.clone()).fresh(of),
        Line { method: "HEAD", ..Line::get(one.clone()).fresh(of) },
        Line::json("PUT", one.clone(), own).fresh(of),
        patch(one.clone()).fresh(of),
        delete(one.clone()).fresh(of),
        Line::get(format!("{one}/_history")).fresh(of),
        Line::get(format!("{one}/_history/1")).fresh(of),
        Line::get(format!("{one}/$proof")).fresh(of),
        Line::get(format!("{one}/$why")).fresh(of),
        Line::get(format!("{one}/_history/1/$proof")).fresh(of),
        Line::get(format!("{one}/_history/1/$meta")).fresh(of),
    ];
    if !fhir::search::params::compartment("Patient", of.0).is_empty() {
        lines.push(Line::get(format!("/fhir/Patient/a/{}", of.0)));
        lines.push(Line::form(format!("/fhir/Patient/a/{}/_search", of.0)));
    }
    for name in operations(statement, of.0) {
        match name.as_str() {
            "validate" => {
                lines.push(Line::json("POST", format!("{base}/$validate"), new.clone()));
                lines.push(Line::get(format!("{one}/$validate")).fresh(of));
            }
            // The reason is too short for whoever may: nothing is opened that would change the lines below.
            "break-glass" => {
                lines.push(Line::json("POST", format!("{one}/$break-glass?reason=x"), String::new()).fresh(of));
            }
            "export" if of.0 == "Patient" => lines.push(Line::get(format!("{base}/$export"))),
            "export" => lines.push(Line::get(format!("{one}/${name}")).fresh(of)),
            "record-disclosure" => {
                let path = format!("{one}/$record-disclosure?recipient=x&what=x&basis=treatment");
                lines.push(Line::json("POST", path, String::new()).fresh(of));
            }
            "accounting-of-disclosures" => {
                lines.push(Line::get(format!("{one}/$accounting-of-disclosures")).fresh(of));
                let path = format!("{one}/$accounting-of-disclosures");
                lines.push(Line::json("POST", path, String::new()).fresh(of));
            }
            "request-accounting" => {
                lines.push(Line::json("POST", format!("{one}/$request-accounting"), String::new()).fresh(of));
            }
            "suspend-accounting" => {
                let path = format!("{one}/$suspend-accounting?agency=x&basis=oversight&statement=x");
                lines.push(Line::json("POST", path, String::new()).fresh(of));
            }
            // No such request and no such suspension: 404 for whoever may.
            "resume-accounting" => {
                lines.push(Line::json("POST", format!("{one}/$resume-accounting?id=none"), String::new()).fresh(of));
            }
            "change-request" => {
                let path = format!("{one}/$change-request?id=none&step=agree&cents=1");
                lines.push(Line::json("POST", path, String::new()).fresh(of));
            }
            "disclosures" | "recipients" | "accounting-requests" | "accounting-suspensions" | "everything" | "meta" => {
                lines.push(Line::get(format!("{one}/${name}")).fresh(of));
            }
            _ => {
                lines.push(Line::get(format!(
                    "{base}/${name}?url=http://hl7.org/fhir/ValueSet/observation-status&code=final"
                )));
                lines.push(Line::get(format!("{one}/${name}?code=1")).fresh(of));
            }
        }
    }
    lines
}

fn operations(statement: &Value, resource_type: &str) -> Vec<String> {
    let resources = statement["rest"][0]["resource"].as_array().expect("resources");
    let found = resources.iter().find(|resource| resource["type"] == resource_type).expect("the type");
    let names = found["operation"].as_array().into_iter().flatten().filter_map(|op| op["name"].as_str());
    names.map(str::to_owned).collect()
}

fn table(house: &Site, statement: &Value) -> String {
    let mut text = HEAD.to_owned();
    for pair in COLUMNS.chunks(2) {
        let [(a, first), (b, second)] = pair else { continue };
        let _ = writeln!(text, "   {a}  {:<35}{b}  {}", first.words(), second.words());
    }
    let codes: Vec<&str> = ["non", "opr"].into_iter().chain(COLUMNS.iter().map(|(code, _)| *code)).collect();
    for (title, lines) in lines(statement) {
        let _ = writeln!(text, "\n== {title}\n{:<56}{}", "", codes.join(" "));
        for line in lines {
            let cells = house.tokens.iter().map(|token| house.ask(&line, token.as_ref()).0.to_string());
            let cells: Vec<String> = cells.collect();
            let _ = writeln!(text, "{:<55} {}", line.name(), cells.join(" "));
        }
    }
    text
}

#[test]
fn every_route_answers_everybody_as_reviewed() {
    let house = Site::new();
    let statement = house.ask(&Line::get("/fhir/metadata"), None).1;
    let statement: Value = serde_json::from_slice(&statement).expect("a statement");
    let written = table(&house, &statement);
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/permissions.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &written).expect("docs can be written");
    }
    let reviewed = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    let differs: Vec<_> = written.lines().zip(reviewed.lines()).filter(|(now, then)| now != then).take(10).collect();
    assert!(written == reviewed, "answers changed; run `cargo x bless -p web permissions` and judge: {differs:#?}");
    missing_lines(&statement, &written);
}

/// Fails where something is answered that has no line.
fn missing_lines(statement: &Value, written: &str) {
    for class in Class::ALL.iter().filter(|class| !types_of(**class).is_empty()) {
        assert!(TYPES.iter().any(|(name, _)| class_of(name) == Some(*class)), "no type stands for {class}");
    }
    assert!(Role::ALL.iter().all(|role| COLUMNS.iter().any(|(_, known)| known == role)), "a role has no column");
    let rest = &statement["rest"][0];
    let all = rest["resource"].as_array().into_iter().flatten().chain([rest]);
    let named =
        all.flat_map(|of| of["operation"].as_array().into_iter().flatten().filter_map(|op| op["name"].as_str()));
    for name in named.collect::<BTreeSet<_>>() {
        assert!(written.contains(&format!("/${name}")), "the operation ${name} has no line");
    }
    let router = include_str!("../../src/rest/route.rs");
    let targets =
        router.split("pub enum Target<'a> {").nth(1).and_then(|rest| rest.split("\n}").next()).expect("the kinds");
    let kinds = targets.lines().map(str::trim).filter(|line| line.starts_with(|c: char| c.is_ascii_uppercase()));
    for kind in kinds.map(|line| line.trim_end_matches(',').split('(').next().expect("a name")) {
        let known = TARGETS.iter().find(|(name, _)| *name == kind).map(|(_, begins)| begins);
        let begins = known.unwrap_or_else(|| panic!("the router's {kind} has no line"));
        assert!(written.lines().any(|line| line.starts_with(begins)), "{kind}: no line begins with `{begins}`");
    }
    for path in paths(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let is_known = PAGES.iter().any(|(known, _)| *known == path) || ELSEWHERE.contains(&path.as_str());
        assert!(is_known || path == "/key" || path.starts_with("/fhir"), "{path} stands in the source and has no line");
    }
}

/// Every address that stands in the source as a text of its own, tests left out.
fn paths(folder: &std::path::Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in std::fs::read_dir(folder).expect("the source").flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(paths(&path));
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("the source");
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_path = |part: &&str| {
            let mut rest = part.chars().skip(1);
            part.starts_with('/')
                && rest.next().is_some_and(|c| c.is_ascii_lowercase() || c == '.')
                && part.chars().all(|c| c.is_ascii_alphanumeric() || "/-._".contains(c))
        };
        found.extend(text.split('"').skip(1).step_by(2).filter(is_path).map(str::to_owned));
    }
    found
}
