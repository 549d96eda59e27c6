//! Labels that pass over: to what was recorded in a visit, and to what is made of something sensitive.

use crate::gate::visitor;
use crate::place::{Place, body, delete, json, put, read, write};
use base::id::Ids;
use fhir::json::Json;
use std::fs;
use vault::access::{Purpose, Role, Visit};
use vault::exchange::{self, Asked, Several, Terms};
use vault::search::Page;
use vault::{Change, Error, Expect, Options, Vault};

const CARE: &str = r#"{"resourceType":"CareTeam","id":"t","status":"active","subject":{"reference":"Patient/a"},
    "participant":[{"member":{"reference":"Practitioner/kim"}},{"member":{"reference":"Practitioner/lee"}},
    {"member":{"reference":"Practitioner/mo"}}]}"#;

fn encounter(security: &str) -> String {
    format!(
        r#"{{"resourceType":"Encounter","id":"e","meta":{{{security}}},"status":"finished","class":{{"code":"AMB"}},
           "subject":{{"reference":"Patient/a"}}}}"#
    )
}

const PART_2: &str =
    r#""security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"42CFRPart2"}]"#;

/// What is recorded in the visit, and what is made of that.
const CHAIN: [&str; 4] = [
    r#"{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"},
       "encounter":{"reference":"Encounter/e"}}"#,
    r#"{"resourceType":"DiagnosticReport","id":"r","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/a"},
       "result":[{"reference":"Observation/o"}]}"#,
    r#"{"resourceType":"Composition","id":"c","status":"final","type":{"text":"x"},"subject":{"reference":"Patient/a"},
       "date":"2026-01-01","title":"x","author":[{"display":"x"}],"section":[{"title":"x","entry":[{"reference":"DiagnosticReport/r"}]}]}"#,
    r#"{"resourceType":"List","id":"l","status":"current","mode":"working","subject":{"reference":"Patient/a"},
       "entry":[{"item":{"reference":"Composition/c"}}]}"#,
];

const ALL: [(&str, &str); 4] = [("Observation", "o"), ("DiagnosticReport", "r"), ("Composition", "c"), ("List", "l")];

fn seen(vault: &Vault, visit: &Visit) -> usize {
    let read = ALL.iter().filter(|(kind, id)| vault.read(visit, kind, id, None).expect("read").is_some()).count();
    let query = vault.query(visit, None, &[], true, vault.clock().now()).expect("a query");
    let found = vault.search(visit, &query, &Page { count: 100, ..Page::default() }).expect("found");
    let is_one = |kind: &str, id: &str| ALL.contains(&(kind, id));
    let found = found.matches.iter().filter(|version| is_one(&version.resource_type, &version.id)).count();
    assert_eq!(read, found, "reading and searching agree");
    read
}

#[test]
fn what_was_recorded_in_a_sensitive_visit_is_as_sensitive() {
    let place = Place::new();
    let vault = place.open();
    let again = || Options { ids: Ids::seeded(2), ..place.options() };
    let patient = put(r#"{"resourceType":"Patient","id":"a","active":true}"#);
    write(&vault, vec![patient, put(CARE)]).expect("written");
    let kim = visitor(&vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment);
    // All comes before the visit that it refers to.
    for resource in CHAIN.iter().rev() {
        write(&vault, vec![put(resource)]).expect("written");
    }
    assert_eq!(seen(&vault, &kim), 4);
    write(&vault, vec![put(&encounter(PART_2))]).expect("written");
    assert_eq!(seen(&vault, &kim), 0, "labelled later, hidden at once");
    write(&vault, vec![put(&encounter(""))]).expect("written");
    assert_eq!(seen(&vault, &kim), 4, "the label was a mistake");
    write(&vault, vec![put(&encounter(PART_2))]).expect("written");
    write(&vault, vec![delete("Encounter", "e")]).expect("deleted");
    assert_eq!(seen(&vault, &kim), 0, "deleting the visit opens nothing");
    drop((kim, vault));

    let vault = Vault::open(again()).expect("opens");
    let kim = visitor(&vault, "lee", Role::Physician, &["Practitioner/lee"], Purpose::Treatment);
    assert_eq!(seen(&vault, &kim), 0, "opened again");
    drop((kim, vault));
    let (vault, rebuilt) = Vault::rebuild(Options { ids: Ids::seeded(3), ..again() }, &|_, _| ()).expect("rebuilt");
    assert_eq!(rebuilt.same, Some(true));
    let kim = visitor(&vault, "mo", Role::Physician, &["Practitioner/mo"], Purpose::Treatment);
    assert_eq!(seen(&vault, &kim), 0, "made anew");
    let pat = visitor(&vault, "pat", Role::Patient, &["Patient/a"], Purpose::PatientRequest);
    assert_eq!(seen(&vault, &pat), 4, "the patient sees all of it");
}

#[test]
fn a_site_labels_by_its_own_value_sets_and_a_change_of_them_counts() {
    let place = Place::new();
    let labels = place.dir().join("labels");
    let options = || Options { labels: Some(labels.clone()), ..place.options() };
    fs::create_dir(&labels).expect("a folder");
    let vault = Vault::open(options()).expect("opens");
    let visit =
        encounter("").replace("\"status\"", "\"serviceProvider\":{\"reference\":\"Organization/detox\"},\"status\"");
    let patient = put(r#"{"resourceType":"Patient","id":"a","active":true}"#);
    let mut changes = vec![patient, put(CARE), put(&visit)];
    changes.extend(CHAIN.map(put));
    write(&vault, changes).expect("written");
    let physician = |vault: &Vault, login: &str| {
        visitor(vault, login, Role::Physician, &[&format!("Practitioner/{login}")], Purpose::Treatment)
    };
    assert_eq!(seen(&vault, &physician(&vault, "kim")), 4);
    drop(vault);

    let own = "name = \"House\"\nlabels = [\"42CFRPart2\"]\nsource = \"site\"\ndate = \"2026-11-23\"\nplaces = [\"Organization/detox\"]";
    fs::write(labels.join("detox.toml"), own).expect("written");
    let vault = Vault::open(Options { ids: Ids::seeded(2), ..options() }).expect("opens");
    assert_eq!(seen(&vault, &physician(&vault, "lee")), 0, "what was there is labelled anew");
    drop(vault);
    let report = Vault::verify(&options(), &|_, _| ()).expect("verified");
    assert!(report.altered.is_empty(), "{:?}", report.altered);

    fs::write(labels.join("wrong.toml"), "name = 1").expect("written");
    let refusal = Vault::open(options()).err().expect("a refusal").to_string();
    assert!(refusal.contains("wrong.toml"), "{refusal}");
}

const HIV: &str =
    r#""meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"HIV"}]},"#;

fn problem(security: &str, text: &str) -> String {
    format!(
        r#"{{"resourceType":"Condition","id":"c",{security}"code":{{"text":"{text}"}},"subject":{{"reference":"Patient/a"}},
           "identifier":[{{"value":"c1"}}],
           "clinicalStatus":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}}]}}}}"#
    )
}

fn entry(method: &str, url: &str, resource: &str) -> Json<'static> {
    json(&format!(
        r#"{{"resourceType":"Bundle","type":"transaction","entry":[{{"resource":{resource},
           "request":{{"method":"{method}","url":"{url}"}}}}]}}"#
    ))
}

/// A way to write a problem: what is called, and how. Answers whether it was written.
type Way = (&'static str, fn(&Vault, &Visit) -> Result<(), Error>);

fn bundle(vault: &Vault, visit: &Visit, kind: &str, url: &str, text: &str) -> Result<(), Error> {
    let mut bundle = entry("PUT", url, &problem("", text));
    if let Some(object) = bundle.as_object_mut() {
        object.set("type", Json::string(kind.to_owned()));
    }
    let get = |_: &Asked<'_>| unreachable!("nothing is read");
    let terms = Terms { get: &get, several: Several::up_to(1), base: "" };
    exchange::bundle(vault, visit, bundle, terms).map(drop)
}

const WAYS_TO_WRITE: [Way; 7] = [
    ("update", |vault, visit| {
        exchange::update(vault, visit, "Condition", "c", json(&problem("", "update")), Expect::Any).map(drop)
    }),
    ("update of a version", |vault, visit| {
        let version = read(vault, "Condition", "c").expect("there").version;
        let resource = json(&problem("", "update of a version"));
        exchange::update(vault, visit, "Condition", "c", resource, Expect::Version(version)).map(drop)
    }),
    ("patch", |vault, visit| {
        let edit = |resource: &mut Json<'static>| {
            let object = resource.as_object_mut().expect("an object");
            object.remove("meta");
            object.set("code", json(r#"{"text":"patch"}"#));
            Ok(())
        };
        exchange::patch(vault, visit, "Condition", "c", Expect::Any, &edit).map(drop)
    }),
    ("conditional update", |vault, visit| {
        let resource = json(&problem("", "conditional update"));
        exchange::conditional_update(vault, visit, "Condition", "identifier=c1", resource, Expect::Any).map(drop)
    }),
    ("transaction", |vault, visit| bundle(vault, visit, "transaction", "Condition/c", "transaction")),
    ("conditional transaction", |vault, visit| {
        bundle(vault, visit, "transaction", "Condition?identifier=c1", "conditional transaction")
    }),
    ("batch", |vault, visit| bundle(vault, visit, "batch", "Condition/c", "batch")),
];

#[test]
fn a_label_by_hand_is_taken_off_by_those_who_may_and_by_no_way_of_others() {
    let place = Place::new();
    let vault = place.open();
    let patient = put(r#"{"resourceType":"Patient","id":"a","active":true}"#);
    write(&vault, vec![patient, put(CARE), put(&problem(HIV, "first"))]).expect("written");
    let kim = visitor(&vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment);
    let him = visitor(&vault, "him", Role::HimSpecialist, &[], Purpose::RecordManagement);
    let now = || body(&read(&vault, "Condition", "c").expect("there"));
    for (way, write_by) in WAYS_TO_WRITE {
        write_by(&vault, &kim).unwrap_or_else(|error| panic!("{way}: {error}"));
        assert!(now().contains(way) && now().contains("\"HIV\""), "{way}: {}", now());
    }
    // A feed keeps it, whoever hands it in; so does what comes back after it was deleted.
    let (told, heard) = std::sync::mpsc::channel();
    let arrived = put(&problem("", "import"));
    vault.submit_arrivals(
        &Visit::operator(),
        vec![arrived],
        Box::new(move |done| told.send(done.is_ok()).expect("heard")),
    );
    assert!(heard.recv().expect("answered") && now().contains("import") && now().contains("\"HIV\""), "{}", now());
    exchange::delete(&vault, &him, "Condition", "c", Expect::Any).expect("deleted");
    let partner = visitor(&vault, "lab", Role::InterfacePartner, &[], Purpose::Operations);
    let again = Change::Put { resource: json(&problem("", "again")), expect: Expect::Any, skip_same: false };
    match vault.commit(&partner, vec![again]) {
        Ok(_) => assert!(now().contains("again") && now().contains("\"HIV\""), "{}", now()),
        Err(error) => panic!("{error}"),
    }
    for (way, write_by) in WAYS_TO_WRITE {
        write(&vault, vec![put(&problem(HIV, "labelled"))]).expect("written");
        write_by(&vault, &him).unwrap_or_else(|error| panic!("{way}: {error}"));
        assert!(now().contains(way) && !now().contains("\"HIV\""), "{way}: {}", now());
    }
    // Nobody needs leave to put one on.
    let labelled = json(&problem(HIV, "labelled"));
    exchange::update(&vault, &kim, "Condition", "c", labelled, Expect::Any).expect("written");
    assert!(now().contains("\"HIV\""));
}

#[test]
fn who_changes_what_another_has_just_labelled_is_told() {
    let place = Place::new();
    let vault = place.open();
    let patient = put(r#"{"resourceType":"Patient","id":"a","active":true}"#);
    write(&vault, vec![patient, put(CARE), put(&problem("", "first"))]).expect("written");
    let kim = visitor(&vault, "kim", Role::Physician, &["Practitioner/kim"], Purpose::Treatment);
    let (mut lost, mut refused) = (0, 0);
    for round in 0..40 {
        write(&vault, vec![put(&problem("", &format!("round {round}")))]).expect("written");
        std::thread::scope(|scope| {
            let label = scope.spawn(|| write(&vault, vec![put(&problem(HIV, "labelled"))]).map(drop));
            let text = json(&problem("", "kim's"));
            let kims = exchange::update(&vault, &kim, "Condition", "c", text, Expect::Any);
            label.join().expect("no panic").expect("written");
            refused +=
                usize::from(matches!(&kims, Err(Error::Refusal(no)) if no.kind == base::refusal::Kind::Conflict));
        });
        let last = body(&read(&vault, "Condition", "c").expect("there"));
        lost += usize::from(!last.contains("\"HIV\""));
    }
    assert_eq!(lost, 0, "{refused} were told");
}
