//! Two records that differ only in what one person may not see: made by the same writes, in which what is hidden was
//! changed, taken away or added. Positions, key numbers and counts differ; what the person sees does not.

use crate::hospital::{Dice, PATIENTS, fact, hospital};
use crate::people::Person;
use base::clock::{Clock, Instant};
use base::id::Ids;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use tempfile::TempDir;
use vault::access::audit::Deed;
use vault::access::{Context, Visit};
use vault::records::KeySource;
use vault::{Change, Error, Expect, Options, Vault};
use web::{Server, Settings};

/// 2026-11-23T09:05:12Z.
const START: Instant = Instant(1_795_424_712_000);
/// The patient whom only one of the worlds has.
const STRANGER: usize = 90;

/// One write of the script: at which second, and what.
#[derive(Clone)]
struct Step {
    second: i64,
    /// `Type/id`.
    name: String,
    /// `None`: a deletion.
    resource: Option<Value>,
}

/// One of the two records, with a server and the person's token.
pub struct World {
    pub vault: Vault,
    pub server: Server,
    pub token: String,
    pub operator: String,
    pub clock: Clock,
    visit: Visit,
    _folder: TempDir,
}

/// What one person sees of a record: each version, with its text.
type Seen = BTreeMap<(String, u64), Vec<u8>>;

/// Both records, and the names of all that is in either.
pub struct Twins {
    pub worlds: [World; 2],
    pub names: Vec<String>,
    /// How many resources are altered, taken away and added.
    pub differences: [usize; 3],
}

impl Twins {
    /// Two records for a person, drawn by a seed.
    pub fn new(person: &Person, seed: u64) -> Twins {
        let script = script(seed);
        let first = World::new(person, &script);
        let seen = first.seen(&script);
        let visible: BTreeSet<&String> = seen.keys().map(|(name, _)| name).collect();
        let all: BTreeSet<String> = script.iter().map(|step| step.name.clone()).collect();
        let hidden: BTreeSet<String> = all.iter().filter(|name| !visible.contains(name)).cloned().collect();
        let mut spared = BTreeSet::new();
        for _ in 0..6 {
            let (other, differences) = altered(&script, (person, &hidden, &spared), seed);
            let second = World::new(person, &other);
            let now = second.seen(&other);
            if now == seen {
                let names = all.iter().cloned().chain(other.iter().map(|step| step.name.clone()));
                let names: BTreeSet<String> = names.collect();
                return Twins { worlds: [first, second], names: names.into_iter().collect(), differences };
            }
            // What was drawn is seen after all, or opened something: it stays as it was.
            let differ = now.iter().filter(|(key, text)| seen.get(*key) != Some(*text));
            let lost = seen.iter().filter(|(key, _)| !now.contains_key(*key));
            let differ: BTreeSet<String> = differ.chain(lost).map(|((name, _), _)| name.clone()).collect();
            let before = spared.len();
            spared.extend(differ.iter().cloned());
            assert!(spared.len() > before, "{}: what is hidden changes what is seen: {differ:?}", person.login);
        }
        panic!("{}: no second world is like the first, seed {seed}", person.login);
    }
}

impl World {
    fn new(person: &Person, script: &[Step]) -> World {
        let shared_memory = std::path::Path::new("/dev/shm");
        let folder = if shared_memory.is_dir() { tempfile::tempdir_in(shared_memory) } else { tempfile::tempdir() };
        let folder = folder.expect("a folder");
        let clock = Clock::manual(START);
        let dir = folder.path().to_owned();
        let options = Options {
            dir: dir.clone(),
            key: KeySource::Beside,
            clock: clock.clone(),
            ids: Ids::seeded(1),
            labels: None,
        };
        let vault = Vault::open(options).expect("a vault");
        for group in script.chunk_by(|a, b| a.second == b.second) {
            clock.advance(START.0 + group[0].second * 1000 - clock.now().0);
            vault.commit(&Visit::operator(), group.iter().map(change).collect()).expect("written");
        }
        clock.advance(START.0 + 3_600_000 - clock.now().0);
        let token = person.token(&vault);
        let visit = vault.sign_in(&token).expect("signed in").asking(Context::new(Deed::Read, "test"));
        if let Some(patient) = person.glass {
            vault.break_glass(&visit, patient, "unconscious in the emergency room").expect("broken");
        }
        let operator = vault::access::issue_token(&dir, &KeySource::Beside).expect("a token");
        let mut settings = Settings::new("http://localhost");
        settings.conditional_deletes_max = 3;
        let server = Server::new(vault.clone(), settings);
        World { vault, server, token, operator, clock, visit, _folder: folder }
    }

    /// Every version of the script's resources that the person sees.
    fn seen(&self, script: &[Step]) -> Seen {
        let mut versions: BTreeMap<&String, u64> = BTreeMap::new();
        script.iter().for_each(|step| *versions.entry(&step.name).or_default() += 1);
        let mut seen = Seen::new();
        for (name, last) in versions {
            let (resource_type, id) = name.split_once('/').expect("a name");
            for number in 1..=last {
                match self.vault.vread(&self.visit, resource_type, id, number) {
                    Ok(Some(version)) => {
                        let text = [&version.updated.0.to_be_bytes(), &version.body[..]].concat();
                        seen.insert((name.clone(), number), text);
                    }
                    Ok(None) | Err(Error::Refusal(_)) => {}
                    Err(Error::Fault(fault)) => panic!("{fault}"),
                }
            }
        }
        seen
    }
}

fn change(step: &Step) -> Change {
    let (resource_type, id) = step.name.split_once('/').expect("a name");
    match &step.resource {
        Some(resource) => Change::Put {
            resource: fhir::json::Json::parse(resource.to_string().as_bytes()).expect("JSON").into_owned(),
            expect: Expect::Any,
            skip_same: false,
        },
        None => Change::Delete { resource_type: resource_type.to_owned(), id: id.to_owned(), expect: Expect::Any },
    }
}

fn tree(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn name_of(resource: &Value) -> String {
    format!("{}/{}", resource["resourceType"].as_str().expect("a type"), resource["id"].as_str().expect("an id"))
}

/// The hospital, then later versions and deletions of some of it.
fn script(seed: u64) -> Vec<Step> {
    let mut dice = Dice::new(seed ^ 0x5eed);
    let resources: Vec<Value> = hospital(seed).iter().map(|text| tree(text)).collect();
    let first = resources.iter().enumerate().map(|(i, resource)| Step {
        second: 1 + i as i64 / 25,
        name: name_of(resource),
        resource: Some(resource.clone()),
    });
    let mut steps: Vec<Step> = first.collect();
    for i in 0..40 {
        let resource = dice.one(&resources).clone();
        if TELLING.contains(&resource["resourceType"].as_str().expect("a type")) {
            continue;
        }
        let (name, second) = (name_of(&resource), 60 + i / 4);
        let deleted = dice.chance(20);
        let mut resource = resource;
        resource["language"] = Value::from(["de", "en", "es"][dice.below(3)]);
        // A second group at one second may not touch a resource twice.
        if steps.iter().any(|step| step.second == second && step.name == name) {
            continue;
        }
        steps.push(Step { second, name, resource: (!deleted).then_some(resource) });
    }
    steps
}

fn is_case(resource: &Value) -> bool {
    resource.to_string().contains("C50.911")
}

/// Types that decide who sees what: they are altered only where that decides nothing.
const TELLING: [&str; 8] =
    ["CareTeam", "Encounter", "EpisodeOfCare", "Appointment", "ServiceRequest", "Patient", "RelatedPerson", "Consent"];

/// The script with what is hidden altered, taken away and added to; and how much of each.
fn altered(
    script: &[Step],
    (person, hidden, spared): (&Person, &BTreeSet<String>, &BTreeSet<String>),
    seed: u64,
) -> (Vec<Step>, [usize; 3]) {
    let mut dice = Dice::new(seed ^ 0xb0b);
    let mut count = [0; 3];
    // Charts of which nothing at all is seen can go as a whole.
    let chart = |name: &str, number: usize| {
        let id = name.split_once('/').map_or("", |(_, id)| id);
        let proxy = matches!((id, number), ("mother", 2) | ("agent", 4));
        proxy || id == format!("p{number}") || id.starts_with(&format!("p{number}-"))
    };
    let all: BTreeSet<&String> = script.iter().map(|step| &step.name).collect();
    let closed = |number: &usize| all.iter().all(|name| !chart(name, *number) || hidden.contains(*name));
    let closed: Vec<usize> = (0..PATIENTS).filter(closed).collect();
    let gone: Vec<usize> = closed.iter().copied().filter(|_| dice.chance(25)).collect();
    let mut fate: BTreeMap<&String, usize> = BTreeMap::new();
    // A cancer makes its patient a case of the registry, whether it is seen itself or not.
    let cases: BTreeSet<&String> =
        script.iter().filter(|step| step.resource.as_ref().is_some_and(is_case)).map(|step| &step.name).collect();
    for name in hidden.iter().filter(|name| !spared.contains(*name)) {
        let telling = cases.contains(name) || TELLING.iter().any(|kind| name.starts_with(&format!("{kind}/")));
        let roll = dice.below(100);
        let is_gone = gone.iter().any(|number| chart(name, *number));
        let what = if is_gone {
            1
        } else if roll < 45 {
            0
        } else if roll < 65 && !telling {
            1
        } else {
            2
        };
        fate.insert(name, what);
        if what < 2 {
            count[what] += 1;
        }
    }
    let mut steps = Vec::with_capacity(script.len());
    for step in script {
        let mut step = step.clone();
        match fate.get(&step.name) {
            Some(0) => step.resource = step.resource.map(|resource| rewritten(resource, &mut dice)),
            Some(1) => continue,
            Some(_) => {}
            None if spared.contains(&step.name) => {}
            // Of what is seen, the elements that the role does not see.
            None => {
                if let Some(resource) = &mut step.resource {
                    count[0] += masked(person.role, resource, &mut dice);
                }
            }
        }
        steps.push(step);
    }
    for step in added(&closed, &gone, &mut dice) {
        if !spared.contains(&step.name) {
            count[2] += 1;
            let at = steps.partition_point(|other| other.second <= step.second);
            steps.insert(at, step);
        }
    }
    (steps, count)
}

/// Alters the elements of a resource that a role does not see, as far as there are such; how many.
fn masked(role: &str, resource: &mut Value, dice: &mut Dice) -> usize {
    let kind = resource["resourceType"].as_str().expect("a type").to_owned();
    let views = vault::access::policy::element_views().filter(|(of, name, _)| of.code() == role && *name == kind);
    let hidden: Vec<&str> = views.flat_map(|(_, _, elements)| elements.iter().copied()).collect();
    let reference = serde_json::json!({"reference": "Practitioner/lee"});
    let choices: [(&str, Value); 8] = [
        ("birthDate", Value::from(format!("19{}-02-01", 50 + dice.below(40)))),
        ("telecom", serde_json::json!([{"system": "phone", "value": format!("555-01{}", 10 + dice.below(90))}])),
        ("address", serde_json::json!([{"city": format!("City{}", dice.below(3)), "state": "CA"}])),
        ("generalPractitioner", serde_json::json!([reference])),
        ("maritalStatus", serde_json::json!({"coding": [{"code": "M"}]})),
        ("communication", serde_json::json!([{"language": {"coding": [{"code": "es"}]}}])),
        ("contact", serde_json::json!([{"name": {"family": "Fam3"}}])),
        (
            "text",
            serde_json::json!({"status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">Letter</div>"}),
        ),
    ];
    let mut count = 0;
    for (name, value) in choices.into_iter().filter(|(name, _)| hidden.contains(name)) {
        if dice.chance(60) {
            resource[name] = value;
            count += 1;
        }
    }
    count
}

/// The same resource in other words: what labels it and whose it is stay.
fn rewritten(mut resource: Value, dice: &mut Dice) -> Value {
    let kind = resource["resourceType"].as_str().expect("a type").to_owned();
    resource["language"] = Value::from(["fr", "pt", "de"][dice.below(3)]);
    resource["identifier"] = serde_json::json!([{"system": "urn:x", "value": format!("x{}", dice.below(5))}]);
    match kind.as_str() {
        "Patient" => {
            resource["name"] = serde_json::json!([{"family": format!("Fam{}", dice.below(12)), "given": ["Other"]}]);
            resource["gender"] = Value::from("other");
        }
        "Observation" => {
            resource["valueQuantity"] = serde_json::json!({"value": dice.below(400), "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"});
            resource["effectiveDateTime"] = Value::from(format!("2025-0{}-01", 1 + dice.below(9)));
            resource["performer"] = serde_json::json!([{"reference": "Practitioner/kim"}]);
        }
        "DocumentReference" | "Composition" => resource["title"] = Value::Null,
        _ => {}
    }
    if resource["title"].is_null() {
        resource.as_object_mut().expect("an object").remove("title");
        if kind == "Composition" {
            resource["title"] = Value::from("Another letter");
        }
    }
    if matches!(kind.as_str(), "QuestionnaireResponse" | "Composition") {
        resource["identifier"] = serde_json::json!({"system": "urn:x", "value": "x1"});
    }
    if matches!(kind.as_str(), "Group" | "Flag" | "ValueSet" | "Practitioner") {
        resource["active"] = Value::Null;
        resource.as_object_mut().expect("an object").remove("active");
    }
    resource
}

/// Facts nobody but their author would see, in charts that are seen; a whole chart that its patient closed; and deletions.
fn added(closed: &[usize], gone: &[usize], dice: &mut Dice) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut add = |second: i64, resource: Value| {
        steps.push(Step { second, name: name_of(&resource), resource: Some(resource) });
    };
    let patient = format!("p{STRANGER}");
    add(
        2,
        serde_json::json!({"resourceType": "Patient", "id": patient, "gender": "female", "birthDate": "1988-03-01",
        "name": [{"family": "Fam3", "given": ["Given1"]}], "managingOrganization": {"reference": "Organization/house"}}),
    );
    add(
        2,
        serde_json::json!({"resourceType": "Consent", "id": format!("{patient}-c"), "status": "active",
        "scope": {"coding": [{"code": "patient-privacy"}]}, "category": [{"coding": [{"code": "59284-0"}]}],
        "patient": {"reference": format!("Patient/{patient}")}, "dateTime": "2026-01-01", "provision": {"type": "deny"}}),
    );
    for i in 0..40 {
        let second = 3 + dice.below(60) as i64;
        let open = dice.below(PATIENTS);
        let number = if dice.chance(40) {
            STRANGER
        } else if dice.chance(50) {
            *closed.first().unwrap_or(&open)
        } else {
            open
        };
        if gone.contains(&number) {
            continue;
        }
        let mut resource = tree(&fact(&format!("x{i}"), number, dice));
        if is_case(&resource) {
            continue;
        }
        resource["meta"] = serde_json::json!({"security":
            [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSYTHPN"}]});
        add(second, resource);
    }
    let deleted: Vec<Step> = steps
        .iter()
        .filter(|step| step.name.contains("/x") && dice.chance(15))
        .map(|step| Step { second: 64, name: step.name.clone(), resource: None })
        .collect();
    steps.extend(deleted);
    steps
}
