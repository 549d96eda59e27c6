//! Operations, writes, bundles of both, and what nobody should ask.

use super::asking::{Ask, Grammar, INSTANTS, URIS, percent, pick, query};
use crate::hospital::{Dice, PATIENTS, fact};
use serde_json::{Value, json};

const FHIR: &str = "application/fhir+json";

/// What somebody may say to an operation on disclosures; now and then something is missing.
fn inputs(operation: &str, dice: &mut Dice) -> Value {
    let word = |name: &str, value: &str| json!({"name": name, "valueString": value});
    let mut all = match operation {
        "record-disclosure" => vec![
            word("recipient", "Health department"),
            word("basis", pick(dice, &["public-health", "required-by-law", "treatment"])),
            word("purpose", "a report"),
            word("what", "one result"),
            word("date", "2026-11-20"),
        ],
        "suspend-accounting" => vec![
            word("agency", "Health department"),
            word("basis", "oversight"),
            word("statement", "it would impede an inspection"),
            word("until", "2026-12-10"),
        ],
        "change-request" => vec![word("id", "nothing"), word("step", pick(dice, &["withdraw", "agree"]))],
        "resume-accounting" => vec![word("id", "nothing")],
        _ => vec![word("law", "hipaa"), word("start", "2025-01-01")],
    };
    if dice.chance(20) {
        all.pop();
    }
    json!({"resourceType": "Parameters", "parameter": all})
}

impl Grammar {
    pub(super) fn operation(&self, dice: &mut Dice) -> Ask {
        let name = self.name(dice);
        let (kind, _) = name.split_once('/').unwrap_or(("Patient", ""));
        let kind = kind.to_owned();
        let operations = self.kinds.get(&kind).map_or(&[][..], |kind| &kind.operations);
        if operations.is_empty() {
            return self.read(dice);
        }
        self.note("operation");
        let operation = if dice.chance(5) { "proof".to_owned() } else { dice.one(operations).clone() };
        let plain = |path: String| Ask { method: "GET", path, headers: Vec::new(), body: String::new() };
        match operation.as_str() {
            "everything" | "meta" | "proof" => {
                let mut pairs = Vec::new();
                if operation == "everything" && dice.chance(50) {
                    pairs.push(("_count".to_owned(), pick(dice, &["1", "3", "10"]).to_owned()));
                    if dice.chance(30) {
                        pairs.push(("_since".to_owned(), pick(dice, &INSTANTS).to_owned()));
                    }
                    if dice.chance(30) {
                        pairs.push(("_type".to_owned(), "Observation,Condition,DocumentReference".to_owned()));
                    }
                }
                plain(format!("{name}/${operation}{}", query(&pairs)))
            }
            "validate" if dice.chance(50) => {
                plain(format!("{name}/$validate?mode={}", pick(dice, &["delete", "update"])))
            }
            "validate" => self.posted(format!("{kind}/$validate"), fact("v", dice.below(PATIENTS), dice)),
            "record-disclosure" | "request-accounting" | "change-request" | "suspend-accounting"
            | "resume-accounting"
                if dice.chance(60) =>
            {
                self.note("disclosures");
                self.posted(format!("{name}/${operation}"), inputs(&operation, dice).to_string())
            }
            _ if dice.chance(50) => plain(format!("{name}/${operation}")),
            _ => {
                let url = percent(pick(dice, &URIS));
                let code = "code=8480-6&system=http%3A%2F%2Floinc.org&codeA=AMB&codeB=IMP";
                plain(format!("{kind}/${operation}?url={url}&{code}"))
            }
        }
    }

    fn posted(&self, path: String, body: String) -> Ask {
        Ask { method: "POST", path, headers: vec![("content-type", FHIR.to_owned())], body }
    }

    /// A resource to be written: about somebody seen, hidden, in one world only, or nowhere.
    fn resource(&self, id: Option<&str>, kind: Option<&str>, dice: &mut Dice) -> Value {
        let number = match dice.below(12) {
            0 => 90,
            1 => 77,
            _ => dice.below(PATIENTS),
        };
        let mut resource: Value = serde_json::from_str(&fact("w", number, dice)).expect("JSON");
        if let Some(kind) = kind.filter(|_| dice.chance(85)) {
            for _ in 0..60 {
                if resource["resourceType"] == kind {
                    break;
                }
                resource = serde_json::from_str(&fact("w", number, dice)).expect("JSON");
            }
        }
        let object = resource.as_object_mut().expect("an object");
        match id {
            Some(id) => object.insert("id".to_owned(), Value::from(id)),
            None => object.remove("id"),
        };
        if dice.chance(25) {
            // Labels by hand: put on, and left away where somebody put one on before.
            self.note("label by hand");
            let system = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";
            let labels = if dice.chance(60) { json!([{"system": system, "code": "R"}]) } else { json!([]) };
            object.insert("meta".to_owned(), json!({"security": labels}));
        }
        if dice.chance(30) {
            object.insert("identifier".to_owned(), json!([{"system": "urn:x", "value": "x1"}]));
        }
        resource
    }

    pub(super) fn write(&self, dice: &mut Dice) -> Ask {
        let name = self.name(dice);
        let (kind, id) = name.split_once('/').expect("a name");
        let mut headers = vec![("content-type", FHIR.to_owned())];
        match dice.below(8) {
            0 => headers.push(("if-match", format!("W/\"{}\"", 1 + dice.below(3)))),
            1 => headers.push(("if-match", "W/\"1\", W/\"2\"".to_owned())),
            2 => headers.push(("if-none-match", "*".to_owned())),
            3 => headers.push(("prefer", pick(dice, &["return=minimal", "return=OperationOutcome"]).to_owned())),
            _ => {}
        }
        let condition = format!(
            "?{}",
            pick(dice, &["identifier=urn:x|x1", "identifier=x2", "_id=p0-1", "status=final", "patient=p3&code=8480-6"])
        );
        match dice.below(9) {
            0 | 1 => {
                let resource = self.resource(None, None, dice);
                let kind = resource["resourceType"].as_str().expect("a type").to_owned();
                if dice.chance(35) {
                    self.note("conditional create");
                    headers.push(("if-none-exist", condition[1..].to_owned()));
                }
                self.note("create");
                Ask { method: "POST", path: kind, headers, body: resource.to_string() }
            }
            2 | 3 => {
                self.note("update");
                let resource = self.resource(Some(id), Some(kind), dice);
                Ask { method: "PUT", path: name.clone(), headers, body: resource.to_string() }
            }
            4 => {
                self.note("conditional update");
                let resource = self.resource(None, Some(kind), dice);
                let kind = resource["resourceType"].as_str().expect("a type").to_owned();
                Ask { method: "PUT", path: format!("{kind}{condition}"), headers, body: resource.to_string() }
            }
            5 | 6 => {
                headers[0].1 = "application/json-patch+json".to_owned();
                let body = r#"[{"op":"add","path":"/language","value":"nl"}]"#.to_owned();
                let path = if dice.chance(30) { format!("{kind}{condition}") } else { name.clone() };
                self.note("patch");
                Ask { method: "PATCH", path, headers, body }
            }
            7 => {
                self.note("delete");
                headers.remove(0);
                Ask { method: "DELETE", path: name.clone(), headers, body: String::new() }
            }
            _ => {
                self.note("conditional delete");
                headers.remove(0);
                Ask { method: "DELETE", path: format!("{kind}{condition}"), headers, body: String::new() }
            }
        }
    }

    pub(super) fn bundle(&self, dice: &mut Dice) -> Ask {
        let kind = pick(dice, &["batch", "transaction"]);
        if !self.system.iter().any(|interaction| interaction == kind) {
            return self.read(dice);
        }
        self.note(if kind == "batch" { "batch" } else { "transaction" });
        let mut entries = Vec::new();
        for i in 0..1 + dice.below(4) {
            let ask = match dice.below(5) {
                0 | 1 => self.read(dice),
                2 => self.search(dice),
                _ => self.write(dice),
            };
            let mut entry = json!({"request": {"method": ask.method, "url": ask.path}});
            if ask.method == "POST" && ask.path.contains("_search") {
                continue;
            }
            if let Ok(resource) = serde_json::from_str::<Value>(&ask.body)
                .map_err(drop)
                .and_then(|r| r.is_object().then_some(r).ok_or(()))
            {
                entry["resource"] = resource;
                entry["fullUrl"] = Value::from(format!("urn:uuid:0000000{i}-0000-4000-8000-000000000000"));
            } else if ask.method == "PATCH" {
                continue;
            }
            for (name, value) in &ask.headers {
                match *name {
                    "if-match" => entry["request"]["ifMatch"] = Value::from(value.as_str()),
                    "if-none-match" => entry["request"]["ifNoneMatch"] = Value::from(value.as_str()),
                    "if-none-exist" => entry["request"]["ifNoneExist"] = Value::from(value.as_str()),
                    _ => {}
                }
            }
            entries.push(entry);
        }
        self.posted(String::new(), json!({"resourceType": "Bundle", "type": kind, "entry": entries}).to_string())
    }

    /// What nobody should ask, and the statement itself.
    pub(super) fn odd(&self, dice: &mut Dice) -> Ask {
        self.note("odd");
        let name = self.name(dice);
        let path = match dice.below(8) {
            0 => "metadata".to_owned(),
            1 => format!("{name}/$nothing"),
            2 => format!("{name}/_history/999"),
            3 => "Nonsense/1".to_owned(),
            4 => format!("{name}?_page=AAAA"),
            5 => format!("{}?_page=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", self.kind(dice)),
            6 => format!("{name}%2F_history"),
            _ => format!("{}?patient=p90&patient=p0", self.kind(dice)),
        };
        Ask { method: pick(dice, &["GET", "HEAD", "OPTIONS"]), path, headers: Vec::new(), body: String::new() }
    }
}
