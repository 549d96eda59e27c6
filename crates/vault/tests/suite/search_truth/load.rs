//! The resources that are asked about: US Core's, some of Synthea's, and odd ones.

use super::naive::{Seen, World};
use super::values::Value;
use crate::place::{Place, write};
use base::clock::Instant;
use fhir::json::Json;
use fhir::search::params::find;
use std::io::Read;
use std::path::PathBuf;
use vault::access::Visit;
use vault::{Change, Expect, Position, Vault};

/// What the shared data has not: marks and cases, open and odd spans, several values, references of every sort.
pub const ODDITIES: [&str; 34] = [
    r#"{"resourceType":"Patient","id":"odd-1","meta":{"tag":[{"system":"http://a.org/tags","code":"x"}]},"gender":"unknown",
        "name":[{"family":"Ñúñez y Peña","given":["  María   José ","J."]},{"text":"MAJO"}],"birthDate":"1980",
        "telecom":[{"system":"phone","value":"+1 (555) 010-9999"}],"deceasedBoolean":false,
        "identifier":[{"value":"no-system"},{"system":"urn:a,b","value":"x|y$z"}],
        "text":{"status":"generated","div":"<div xmlns=\"http://www.w3.org/1999/xhtml\"><p>Wants an interpreter &amp; rest</p></div>"}}"#,
    r#"{"resourceType":"Patient","id":"odd-2","deceasedDateTime":"2020-02-29T23:59:59.5+14:00","birthDate":"1980-02",
        "generalPractitioner":[{"reference":"Practitioner/odd-3/_history/4"},{"reference":"http://elsewhere.org/fhir/Practitioner/1"},
        {"identifier":{"system":"urn:npi","value":"1"}}],"address":[{"line":["1 Main Street","Apt 9"],"city":"Main","text":"care of Ann"}]}"#,
    r#"{"resourceType":"Practitioner","id":"odd-3","name":[{"family":"Ärzte","prefix":["Dr."]}],"active":true}"#,
    r#"{"resourceType":"Encounter","id":"odd-4","status":"in-progress","class":{"code":"AMB"},"subject":{"reference":"Patient/odd-1"},
        "period":{"start":"2020-01-31"}}"#,
    r#"{"resourceType":"Encounter","id":"odd-5","status":"finished","class":{"code":"IMP"},"period":{"end":"2019-12-31T23:59"},
        "subject":{"reference":"Patient/missing"},"length":{"value":1.5,"unit":"hours","system":"http://unitsofmeasure.org","code":"h"}}"#,
    r#"{"resourceType":"Observation","id":"odd-6","status":"final","code":{"text":"Range of   ÄRGER with a name that is longer than any prefix"},
        "subject":{"reference":"Patient/odd-1"},"valueRange":{"low":{"value":1},"high":{"value":9}},
        "effectiveTiming":{"event":["2020-01-01","2020-03-01T12:00:00Z"]},"note":[{"text":"x"}]}"#,
    r#"{"resourceType":"Observation","id":"odd-7","status":"amended","code":{"coding":[{"code":"no-system"},{"system":"http://loinc.org","code":"8480-6"}]},
        "valueQuantity":{"value":0.0001,"comparator":"<","unit":"mg","system":"http://unitsofmeasure.org","code":"mg"},"effectiveInstant":"2020-06-01T00:00:00.001Z",
        "component":[{"code":{"coding":[{"code":"a"}]},"valueQuantity":{"value":-5}},{"code":{"coding":[{"code":"b"}]},"valueQuantity":{"value":5}},
        {"code":{"coding":[{"code":"a"}]},"valueQuantity":{"value":5e2}}],"hasMember":[{"reference":"Observation/odd-6"},{"reference":"Observation/odd-7"}]}"#,
    r#"{"resourceType":"List","id":"odd-list","status":"current","mode":"working","entry":[{"item":{"reference":"Patient/odd-1"}},
        {"item":{"reference":"Patient/85"}},{"item":{"reference":"Patient/nobody"}}]}"#,
    r#"{"resourceType":"ValueSet","id":"odd-8","url":"http://a.org/vs/one","version":"1.0","status":"active","name":"One","date":"2020"}"#,
    r#"{"resourceType":"ValueSet","id":"odd-9","url":"http://a.org/vs/one/two","version":"1.0","status":"draft","name":"one two"}"#,
    r#"{"resourceType":"RiskAssessment","id":"odd-10","status":"final","subject":{"reference":"Patient/odd-1"},
        "prediction":[{"probabilityDecimal":0.25},{"probabilityRange":{"low":{"value":0.5},"high":{"value":0.75}}}]}"#,
    r#"{"resourceType":"Location","id":"odd-11","name":"Ward 7","position":{"latitude":42.3601,"longitude":-71.0589}}"#,
    r#"{"resourceType":"Location","id":"odd-12","partOf":{"reference":"Location/odd-11"}}"#,
    r#"{"resourceType":"Location","id":"odd-13","partOf":{"reference":"Location/odd-12"}}"#,
    r#"{"resourceType":"Location","id":"odd-14","partOf":{"reference":"Location/odd-15"}}"#,
    r#"{"resourceType":"Location","id":"odd-15","partOf":{"reference":"Location/odd-14"}}"#,
    r#"{"resourceType":"Location","id":"odd-16","partOf":{"reference":"http://elsewhere.org/fhir/Location/1"}}"#,
    r#"{"resourceType":"Encounter","id":"odd-17","status":"finished","class":{"code":"IMP"},
        "location":[{"location":{"reference":"Location/odd-13"}},{"location":{"reference":"Location/odd-14"}}]}"#,
    r#"{"resourceType":"Encounter","id":"odd-18","status":"finished","class":{"code":"IMP"},"partOf":{"reference":"Encounter/odd-17"},
        "location":[{"location":{"reference":"Location/odd-11"}},{"location":{"reference":"Location/odd-16"}}]}"#,
    r#"{"resourceType":"Observation","id":"odd-19","status":"final","code":{"text":"x"},"encounter":{"reference":"Encounter/odd-18"}}"#,
    r#"{"resourceType":"QuestionnaireResponse","id":"odd-20","status":"completed","questionnaire":"http://a.org/q|1.2.3"}"#,
    r#"{"resourceType":"QuestionnaireResponse","id":"odd-21","status":"completed","questionnaire":"http://a.org/q|1.2"}"#,
    r#"{"resourceType":"QuestionnaireResponse","id":"odd-22","status":"completed","questionnaire":"http://a.org/q|1.20"}"#,
    r#"{"resourceType":"Observation","id":"odd-23","status":"final","code":{"coding":[{"code":"dose"}]},
        "valueQuantity":{"value":0.0054,"unit":"gram","system":"http://unitsofmeasure.org","code":"g"}}"#,
    r#"{"resourceType":"Observation","id":"odd-24","status":"final","code":{"coding":[{"code":"dose"}]},
        "valueQuantity":{"value":5.4,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}}"#,
    r#"{"resourceType":"Condition","id":"odd-25","subject":{"reference":"Patient/odd-1"},"clinicalStatus":{"coding":[{"code":"active"}]}}"#,
    r#"{"resourceType":"Condition","id":"odd-26","subject":{"reference":"Patient/odd-2"},"clinicalStatus":{"coding":[{"code":"relapse"}]},
        "verificationStatus":{"coding":[{"code":"confirmed"}]}}"#,
    r#"{"resourceType":"Condition","id":"odd-27","subject":{"reference":"Patient/odd-2"},"clinicalStatus":{"coding":[{"code":"active"}]},
        "verificationStatus":{"coding":[{"code":"refuted"}]}}"#,
    r#"{"resourceType":"List","id":"odd-28","status":"current","mode":"working","subject":{"reference":"Patient/odd-1"},
        "code":{"coding":[{"system":"http://loinc.org","code":"11450-4"}]},"entry":[{"item":{"reference":"Condition/odd-27"}}]}"#,
    r#"{"resourceType":"AllergyIntolerance","id":"odd-29","patient":{"reference":"Patient/odd-1"},"category":["food"],
        "clinicalStatus":{"coding":[{"code":"active"}]}}"#,
    r#"{"resourceType":"AllergyIntolerance","id":"odd-30","patient":{"reference":"Patient/odd-1"},"category":["medication"],
        "clinicalStatus":{"coding":[{"code":"active"}]}}"#,
    r#"{"resourceType":"List","id":"odd-31","status":"retired","mode":"working","subject":{"reference":"Patient/odd-1"},
        "code":{"coding":[{"system":"http://loinc.org","code":"48765-2"}]},"entry":[{"item":{"reference":"Condition/odd-27"}}]}"#,
    r##"{"resourceType":"MedicationRequest","id":"odd-32","status":"active","intent":"order","subject":{"reference":"Patient/odd-1"},
        "medicationReference":{"reference":"#m"},"contained":[
            {"resourceType":"Medication","id":"m","status":"active","code":{"coding":[{"system":"urn:drugs","code":"d1"}]}},
            {"resourceType":"Medication","id":"n","code":{"coding":[{"system":"urn:drugs","code":"d2"}]},"ingredient":[
                {"itemReference":{"reference":"Substance/s"}}]}]}"##,
    r##"{"resourceType":"Medication","id":"odd-33","code":{"coding":[{"system":"urn:drugs","code":"d1"}]},"contained":[
            {"resourceType":"Medication","id":"inside","code":{"coding":[{"system":"urn:drugs","code":"d1"}]}},
            {"resourceType":"Organization","id":"o","name":"Maker"}],"manufacturer":{"reference":"#o"}}"##,
];

/// A vault and what the naive evaluator knows of it.
pub struct Loaded<'l> {
    pub place: &'l Place,
    pub vault: &'l Vault,
    pub world: World,
}

impl Loaded<'_> {
    /// Writes a change, and reads back what it became.
    pub fn write(&mut self, change: Change) {
        self.all(vec![change]);
    }

    fn all(&mut self, changes: Vec<Change>) {
        let from = self.vault.head().0;
        write(self.vault, changes).expect("written");
        self.place.clock.advance(1000);
        for position in from..self.vault.head().0 {
            let version = self.vault.at(&Visit::operator(), Position(position)).expect("read").expect("there");
            let resource = (!version.deleted).then(|| Json::parse(&version.body).expect("JSON").into_owned());
            let (resource_type, id) = (version.resource_type, version.id);
            self.world.versions.push(Seen { position, updated: version.updated.0, resource_type, id, resource });
        }
    }
}

/// Writes resources in groups of 50.
pub fn load(loaded: &mut Loaded, resources: &[Json<'static>]) {
    for group in resources.chunks(50) {
        let put = |resource: &Json<'static>| Change::Put {
            resource: resource.clone(),
            expect: Expect::Any,
            skip_same: false,
        };
        loaded.all(group.iter().map(put).collect());
    }
}

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data"))
}

/// A file of the shared data; `None` when it is missing, which is said.
pub fn text(name: &str) -> Option<String> {
    let found = std::fs::read_to_string(folder().join(name)).ok();
    if found.is_none() {
        println!("skipped: ../shared/data/{name} not found");
    }
    found
}

/// Bundles of the US Core test patients.
pub fn shared(names: &[&str]) -> Option<Vec<Json<'static>>> {
    let read = |name: &&str| {
        let text = text(&format!("patients-uscore/{name}"))?;
        Some(Json::parse(text.as_bytes()).expect("JSON").into_owned())
    };
    names.iter().map(read).collect()
}

/// The resources of a bundle that have an id; references by `urn:uuid` lead to where the entries go.
pub fn bundle(bundle: &Json<'static>) -> Vec<Json<'static>> {
    let mut text = String::from_utf8(bundle.to_bytes()).expect("UTF-8");
    let entries = bundle.get("entry").map_or(&[][..], |e| e.items());
    for entry in entries {
        let resource = entry.get("resource").expect("a resource");
        if let (Some(url), Some(id)) =
            (entry.text("fullUrl").filter(|u| u.starts_with("urn:uuid:")), resource.text("id"))
        {
            let name = format!("{}/{id}", resource.text("resourceType").expect("a type"));
            text = text.replace(&format!("\"reference\":\"{url}\""), &format!("\"reference\":\"{name}\""));
        }
    }
    let whole = Json::parse(text.as_bytes()).expect("JSON").into_owned();
    let resources = whole.get("entry").map_or(&[][..], |e| e.items()).iter().filter_map(|e| e.get("resource"));
    resources.filter(|r| r.text("id").is_some()).cloned().collect()
}

/// The smallest Synthea patients.
pub fn synthea(count: usize) -> Vec<Json<'static>> {
    let Ok(found) = std::fs::read_dir(folder().join("synthea")) else {
        println!("skipped: ../shared/data/synthea not found");
        return Vec::new();
    };
    let mut files: Vec<(u64, PathBuf)> = found
        .flatten()
        .filter(|f| f.path().extension().is_some_and(|e| e == "bz2"))
        .filter_map(|f| Some((f.metadata().ok()?.len(), f.path())))
        .collect();
    files.sort();
    let mut resources = Vec::new();
    for (_, path) in files.iter().take(count) {
        let mut text = Vec::new();
        let file = std::fs::File::open(path).expect("open");
        bzip2::read::MultiBzDecoder::new(file).read_to_end(&mut text).expect("bzip2");
        resources.extend(bundle(&Json::parse(&text).expect("JSON").into_owned()));
    }
    resources
}

/// `patient+category` with the values of the first resource that has all of them: as Inferno fills its searches.
pub fn filled(world: &World, ty: &str, combo: &str) -> String {
    let form = |code: &str, seen: &Seen| {
        if code == "_id" {
            return Some(format!("_id={}", seen.id));
        }
        let param = find(ty, code)?;
        world.values(param, seen).iter().find_map(plain).map(|value| format!("{code}={value}"))
    };
    let of_type = world.versions.iter().filter(|s| s.resource_type == ty);
    let whole = |seen: &Seen| combo.split('+').map(|code| form(code, seen)).collect::<Option<Vec<_>>>();
    let found = of_type.filter_map(whole).next();
    let nothing = || combo.split('+').map(|code| format!("{code}=2020")).collect();
    format!("{ty}?{}", found.unwrap_or_else(nothing).join("&"))
}

fn plain(value: &Value) -> Option<String> {
    Some(match value {
        Value::Token(system, code) if system.is_empty() || system == "?" => code.clone(),
        Value::Token(system, code) => format!("{system}|{code}"),
        Value::Reference(reference) => reference.clone(),
        Value::Span(low, _) if *low > i64::MIN => format!("ge{}", &Instant(*low).to_string()[..10]),
        Value::Words(text) => text.split([',', '|', '$']).next().unwrap_or_default().to_owned(),
        Value::Uri(uri) => uri.clone(),
        _ => return None,
    })
}
