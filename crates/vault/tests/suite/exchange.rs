//! What a FHIR interaction does: whole or not at all, in the order the specification gives, once where it must be once.

use crate::place::{Place, json, read};
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use std::thread;
use vault::access::Visit;
use vault::exchange::{self, Answer, Answers, Asked, Several, Terms};
use vault::{Error, Expect, Vault, Written};

fn visit() -> Visit {
    Visit::operator()
}

fn patient(value: &str) -> Json<'static> {
    json(&format!(r#"{{"resourceType":"Patient","identifier":[{{"system":"urn:s","value":"{value}"}}]}}"#))
}

/// Answers a GET entry with the stored version.
fn carry_out(vault: &Vault, kind: &str, entries: &[String]) -> Result<Answers, Error> {
    let bundle = json(&format!(r#"{{"resourceType":"Bundle","type":"{kind}","entry":[{}]}}"#, entries.join(",")));
    let get = |asked: &Asked<'_>| {
        let (resource_type, id) = asked.url.split_once('/').expect("Type/id");
        let found = vault.read(&visit(), resource_type, id, None)?;
        let missing = || Error::from(Refusal::new(Kind::NotFound, "not-found", "no such thing"));
        let version = found.ok_or_else(missing)?;
        Ok(Answer { status: 200, body: Some(version.body.clone()), version: Some(version), findings: Vec::new() })
    };
    let terms = Terms { get: &get, several: Several::UpTo(2), base: "http://h/fhir" };
    exchange::bundle(vault, &visit(), bundle, terms)
}

fn entry(full_url: &str, resource: &str, method: &str, url: &str, more: &str) -> String {
    let resource = if resource.is_empty() { String::new() } else { format!(r#""resource":{resource},"#) };
    format!(r#"{{"fullUrl":"{full_url}",{resource}"request":{{"method":"{method}","url":"{url}"{more}}}}}"#)
}

#[track_caller]
fn refused<T>(answer: Result<T, Error>) -> Refusal {
    match answer {
        Err(Error::Refusal(refusal)) => refusal,
        Err(fault) => panic!("a fault: {fault}"),
        Ok(_) => panic!("it was taken"),
    }
}

fn statuses(answers: &Answers) -> Vec<u16> {
    answers.entries.iter().map(|answer| answer.status).collect()
}

#[test]
fn two_conditional_creates_at_once_make_one_resource() {
    let place = Place::new();
    let vault = place.open();
    let written: Vec<Written> = thread::scope(|scope| {
        let create = || {
            let query = Some("identifier=urn:s%7C1");
            exchange::create(&vault, &visit(), "Patient", patient("1"), query).expect("created or found").written
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(create)).collect();
        threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(written.iter().filter(|w| matches!(w, Written::Created(_))).count(), 1);
    assert_eq!(vault.head().0, 1);
    exchange::create(&vault, &visit(), "Patient", patient("1"), None).expect("a plain create asks nobody");
    let again = exchange::create(&vault, &visit(), "Patient", patient("1"), Some("identifier=urn:s|1"));
    assert_eq!(refused(again).kind, Kind::Precondition, "several match");
}

#[test]
fn a_conditional_update_finds_creates_or_refuses() {
    let place = Place::new();
    let vault = place.open();
    let update = |query: &str, resource: Json<'_>| {
        exchange::conditional_update(&vault, &visit(), "Patient", query, resource, Expect::Any)
    };
    let Written::Created(first) = update("identifier=urn:s|1", patient("1")).expect("created").written else {
        panic!()
    };
    let Written::Updated(next) = update("identifier=urn:s|1", patient("1")).expect("updated").written else { panic!() };
    assert_eq!((next.id.as_str(), next.version), (first.id.as_str(), 2));
    let other = json(r#"{"resourceType":"Patient","id":"other"}"#);
    assert_eq!(
        refused(update("identifier=urn:s|1", other.clone())).kind,
        Kind::Malformed,
        "another id than the match's"
    );
    assert_eq!(refused(update("", other.clone())).kind, Kind::Malformed, "a condition that selects nothing");
    assert_eq!(refused(update("identifer=x", other.clone())).kind, Kind::Malformed, "a misspelt parameter");
    let Written::Created(own) = update("identifier=urn:s|2", other).expect("created").written else { panic!() };
    assert_eq!(own.id, "other");
}

#[test]
fn a_conditional_delete_takes_one_or_all_as_asked() {
    let place = Place::new();
    let vault = place.open();
    for _ in 0..3 {
        exchange::create(&vault, &visit(), "Patient", patient("1"), None).expect("created");
    }
    let delete = |several| exchange::conditional_delete(&vault, &visit(), "Patient", "identifier=urn:s|1", several);
    assert_eq!(refused(delete(Several::Refuse)).kind, Kind::Precondition);
    let many = refused(delete(Several::UpTo(2)));
    assert_eq!(many.kind, Kind::Precondition);
    assert!(many.to_string().contains("more than the 2 resources"), "{many}");
    assert_eq!(vault.head().0, 3, "too many: nothing was deleted");
    assert_eq!(delete(Several::UpTo(3)).expect("deleted").len(), 3);
    assert_eq!(delete(Several::Refuse).expect("nothing to do").len(), 0);
}

#[test]
fn a_patch_changes_what_it_says_and_never_the_id() {
    let place = Place::new();
    let vault = place.open();
    let resource = json(r#"{"resourceType":"Patient","id":"a","active":true}"#);
    exchange::update(&vault, &visit(), "Patient", "a", resource, Expect::Any).expect("written");
    let patch = |id: &str, name: &'static str, value: Json<'static>, expect| {
        exchange::patch(&vault, &visit(), "Patient", id, expect, &move |resource| {
            resource.as_object_mut().expect("an object").set(name, value.clone());
            Ok(())
        })
    };
    patch("a", "active", Json::Bool(false), Expect::Any).expect("patched");
    assert_eq!(refused(patch("a", "id", Json::string("b"), Expect::Any)).kind, Kind::Invalid);
    assert_eq!(refused(patch("a", "activ", Json::Bool(false), Expect::Any)).kind, Kind::Invalid);
    assert_eq!(refused(patch("b", "active", Json::Bool(false), Expect::Any)).kind, Kind::NotFound);
    let stale = refused(patch("a", "active", Json::Bool(true), Expect::Version(1)));
    assert!(matches!(stale.kind, Kind::Precondition | Kind::Conflict), "{stale}");
    exchange::delete(&vault, &visit(), "Patient", "a", Expect::Any).expect("deleted");
    assert_eq!(refused(patch("a", "active", Json::Bool(false), Expect::Any)).kind, Kind::Gone);
}

#[test]
fn patches_at_once_all_count() {
    let place = Place::new();
    let vault = place.open();
    let resource = json(r#"{"resourceType":"Patient","id":"a"}"#);
    exchange::update(&vault, &visit(), "Patient", "a", resource, Expect::Any).expect("written");
    let add = |resource: &mut Json<'static>| {
        let name = json(r#"{"family":"one more"}"#);
        let object = resource.as_object_mut().expect("an object");
        match object.get_mut("name") {
            Some(Json::Array(names)) => names.push(name),
            _ => object.set("name", Json::Array(vec![name])),
        }
        Ok(())
    };
    let bundled = r#"{"resourceType":"Parameters","parameter":[{"name":"operation","part":[
        {"name":"type","valueCode":"add"},{"name":"path","valueString":"Patient"},{"name":"name","valueString":"name"},
        {"name":"value","valueHumanName":{"family":"one more"}}]}]}"#;
    thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| exchange::patch(&vault, &visit(), "Patient", "a", Expect::Any, &add).expect("patched"));
        }
        for kind in ["batch", "transaction", "batch", "transaction"] {
            let vault = &vault;
            scope.spawn(move || {
                let entries = [entry("", bundled, "PATCH", "Patient/a", "")];
                assert_eq!(statuses(&carry_out(vault, kind, &entries).expect("done")), [200], "{kind}");
            });
        }
    });
    let version = read(&vault, "Patient", "a").expect("there");
    assert_eq!(Json::parse(&version.body).expect("JSON").get("name").expect("names").items().len(), 68);
}

#[test]
fn a_transaction_is_done_in_fhirs_order_and_answered_in_its_own() {
    let place = Place::new();
    let vault = place.open();
    for id in ["old", "kept"] {
        let resource = json(&format!(r#"{{"resourceType":"Patient","id":"{id}"}}"#));
        exchange::update(&vault, &visit(), "Patient", id, resource, Expect::Any).expect("written");
    }
    let observation = r#"{"resourceType":"Observation","status":"final","code":{"text":"x"},
        "subject":{"reference":"urn:uuid:p"},"performer":[{"reference":"Practitioner?identifier=urn:n|1"}]}"#;
    let who = r#"{"resourceType":"Practitioner","id":"w","identifier":[{"system":"urn:n","value":"1"}]}"#;
    exchange::update(&vault, &visit(), "Practitioner", "w", json(who), Expect::Any).expect("written");
    let entries = [
        entry("", "", "GET", "Patient/kept", ""),
        entry("", r#"{"resourceType":"Patient","id":"kept","active":true}"#, "PUT", "Patient/kept", ""),
        entry("urn:uuid:o", observation, "POST", "Observation", ""),
        entry("urn:uuid:p", r#"{"resourceType":"Patient"}"#, "POST", "Patient", ""),
        entry("", "", "DELETE", "Patient/old", ""),
        entry("", "", "DELETE", "Patient/never", ""),
        entry("", who, "POST", "Practitioner", r#","ifNoneExist":"identifier=urn:n|1""#),
    ];
    let answers = carry_out(&vault, "transaction", &entries).expect("done");
    assert_eq!(statuses(&answers), [200, 200, 201, 201, 204, 204, 200]);
    let version = |i: usize| answers.entries[i].version.as_ref().expect("a version");
    let text = String::from_utf8(version(2).body.to_vec()).expect("UTF-8");
    let links = [format!("\"Patient/{}\"", version(3).id), "\"Practitioner/w\"".to_owned()];
    assert!(links.iter().all(|link| text.contains(link)), "{text}");
    assert!(version(4).position < version(3).position && version(3).position < version(1).position);
    let seen = answers.entries[0].body.as_deref().expect("a body");
    assert!(String::from_utf8_lossy(seen).contains("\"active\":true"), "a GET sees what the transaction wrote");
}

#[test]
fn a_transaction_with_one_bad_entry_writes_nothing_and_names_it() {
    let place = Place::new();
    let vault = place.open();
    let good = || entry("urn:uuid:p", r#"{"resourceType":"Patient"}"#, "POST", "Patient", "");
    let refers = |to: &str| {
        format!(
            r#"{{"resourceType":"Group","type":"person","actual":true,"member":[{{"entity":{{"reference":"{to}"}}}}]}}"#
        )
    };
    let update = r#"{"resourceType":"Patient","id":"a"}"#;
    for (what, bad, kind, path) in [
        (
            "does not validate",
            entry("", r#"{"resourceType":"Patient","gender":"x"}"#, "POST", "Patient", ""),
            Kind::Invalid,
            "Bundle.entry[1].resource.gender",
        ),
        (
            "another type",
            entry("", r#"{"resourceType":"Group"}"#, "POST", "Patient", ""),
            Kind::Malformed,
            "Bundle.entry[1]",
        ),
        ("another id", entry("", update, "PUT", "Patient/b", ""), Kind::Malformed, "Bundle.entry[1].resource.id"),
        ("no resource", entry("", "", "POST", "Patient", ""), Kind::Malformed, "Bundle.entry[1].resource"),
        ("no such method", entry("", "", "LOOK", "Patient", ""), Kind::Malformed, "Bundle.entry[1].request.method"),
        ("no such type", entry("", update, "POST", "Person1", ""), Kind::Malformed, "Bundle.entry[1].request.url"),
        (
            "a link to nowhere",
            entry("", &refers("urn:uuid:q"), "POST", "Group", ""),
            Kind::Invalid,
            "Bundle.entry[1].resource.member[0].entity.reference",
        ),
        (
            "a condition nobody meets",
            entry("", &refers("Patient?identifier=7"), "POST", "Group", ""),
            Kind::Precondition,
            "Bundle.entry[1].resource.member[0].entity.reference",
        ),
        ("an old version", entry("", update, "PUT", "Patient/a", r#","ifMatch":"W/\"3\"""#), Kind::Precondition, ""),
        (
            "an odd version tag",
            entry("", update, "PUT", "Patient/a", r#","ifMatch":"3""#),
            Kind::Malformed,
            "Bundle.entry[1].request.ifMatch",
        ),
    ] {
        let refusal = refused(carry_out(&vault, "transaction", &[good(), bad]));
        let odd = kind == Kind::Precondition && refusal.kind == Kind::Conflict;
        assert!(refusal.kind == kind || odd, "{what}: {refusal:?}");
        assert!(refusal.findings[0].path.starts_with(path), "{what}: {refusal:?}");
        assert_eq!(vault.head().0, 0, "{what}: something was written");
    }
    assert_eq!(refused(carry_out(&vault, "collection", &[])).kind, Kind::Malformed);
}

#[test]
fn a_transaction_whose_order_would_matter_is_refused_and_both_entries_are_named() {
    let place = Place::new();
    let vault = place.open();
    let named = |id: &str| format!(r#"{{"resourceType":"Patient","id":"{id}","identifier":[{{"value":"{id}"}}]}}"#);
    for id in ["old", "older"] {
        exchange::update(&vault, &visit(), "Patient", id, json(&named(id)), Expect::Any).expect("written");
    }
    let (a, b) = (named("a"), named("b"));
    let post = |url: &str, body: &str, more: &str| entry(url, body, "POST", "Patient", more);
    let versioned = |n: u32| format!(r#"{{"resourceType":"Patient","meta":{{"versionId":"{n}"}}}}"#);
    let one = r#","ifNoneExist":"identifier=1""#;
    for (what, first, second) in [
        ("one fullUrl, two creates", post("urn:uuid:p", &a, ""), post("urn:uuid:p", &b, "")),
        ("one fullUrl, twice the same", post("urn:uuid:p", &a, ""), post("urn:uuid:p", &a, "")),
        ("one fullUrl, two versions", post("urn:uuid:p", &versioned(1), ""), post("urn:uuid:p", &versioned(2), "")),
        ("update and delete", entry("", &a, "PUT", "Patient/a", ""), entry("", "", "DELETE", "Patient/a", "")),
        ("one condition, two creates", post("", &a, one), post("", &b, one)),
        ("create and update", post("", &a, one), entry("", &a, "PUT", "Patient?identifier=1", "")),
        (
            "two conditional updates",
            entry("", &a, "PUT", "Patient?identifier=1", ""),
            entry("", &a, "PUT", "Patient?identifier=1", ""),
        ),
        (
            "found by a create and deleted",
            post("", &a, r#","ifNoneExist":"identifier=old""#),
            entry("", "", "DELETE", "Patient/old", ""),
        ),
        (
            "found by a create and deleted by a condition",
            post("", &a, r#","ifNoneExist":"identifier=old""#),
            entry("", "", "DELETE", "Patient?identifier=old", ""),
        ),
        (
            "deleted by two conditions",
            entry("", "", "DELETE", "Patient?identifier=old", ""),
            entry("", "", "DELETE", "Patient?identifier=old,older", ""),
        ),
    ] {
        let refusal =
            refused(carry_out(&vault, "transaction", &[first, entry("", "", "GET", "Patient/old", ""), second]));
        assert_eq!(refusal.kind, Kind::Malformed, "{what}: {refusal}");
        assert!(refusal.findings[0].path.starts_with("Bundle.entry[2]"), "{what}: {refusal:?}");
        assert!(refusal.to_string().contains("entries 0 and 2"), "{what}: {refusal}");
        assert_eq!(vault.head().0, 2, "{what}: something was written");
    }
}

#[test]
fn the_same_conditional_create_twice_in_a_transaction_makes_one_resource() {
    let place = Place::new();
    let vault = place.open();
    let group = |to: &str| {
        let member = format!(r#"[{{"entity":{{"reference":"{to}"}}}}]"#);
        entry(
            "",
            &format!(r#"{{"resourceType":"Group","type":"person","actual":true,"member":{member}}}"#),
            "POST",
            "Group",
            "",
        )
    };
    let who = r#"{"resourceType":"Patient","identifier":[{"system":"urn:s","value":"1"}]}"#;
    let create = |url: &str, query: &str| entry(url, who, "POST", "Patient", &format!(r#","ifNoneExist":"{query}""#));
    let entries = [
        group("urn:uuid:b"),
        create("urn:uuid:a", "identifier=urn:s|1&active:missing=true"),
        create("urn:uuid:b", "active:missing=true&identifier=urn:s%7C1"),
    ];
    let answers = carry_out(&vault, "transaction", &entries).expect("done");
    assert_eq!(statuses(&answers), [201, 201, 200]);
    let version = |i: usize| answers.entries[i].version.as_ref().expect("a version");
    assert_eq!(version(1), version(2));
    let said = String::from_utf8(version(0).body.to_vec()).expect("UTF-8");
    assert!(said.contains(&format!("Patient/{}", version(1).id)), "{said}");
    assert_eq!(vault.head().0, 2);
    assert_eq!(statuses(&carry_out(&vault, "transaction", &entries).expect("again")), [201, 200, 200]);
}

#[test]
fn a_transaction_deletes_all_that_a_condition_matches_up_to_the_bound() {
    let place = Place::new();
    let vault = place.open();
    for _ in 0..2 {
        exchange::create(&vault, &visit(), "Patient", patient("1"), None).expect("created");
    }
    let delete = || [entry("", "", "DELETE", "Patient?identifier=urn:s|1", "")];
    assert_eq!(statuses(&carry_out(&vault, "transaction", &delete()).expect("both")), [204]);
    assert_eq!(vault.head().0, 4);
    assert_eq!(statuses(&carry_out(&vault, "transaction", &delete()).expect("none")), [204]);
    for _ in 0..3 {
        exchange::create(&vault, &visit(), "Patient", patient("1"), None).expect("created");
    }
    let many = refused(carry_out(&vault, "transaction", &delete()));
    assert_eq!((many.kind, many.findings[0].path.as_str()), (Kind::Precondition, "Bundle.entry[0]"));
    assert_eq!(statuses(&carry_out(&vault, "batch", &delete()).expect("an answer")), [412]);
    assert_eq!(vault.head().0, 7, "too many: nothing was deleted");
}

#[test]
fn an_entry_may_begin_with_the_servers_own_address() {
    let place = Place::new();
    let vault = place.open();
    let own = |path: &str| format!("http://h/fhir/{path}");
    let body = r#"{"resourceType":"Patient","id":"a"}"#;
    for kind in ["transaction", "batch"] {
        let entries = [
            entry("", body, "PUT", &own("Patient/a"), ""),
            entry("", body, "POST", &own("Patient"), ""),
            entry("", "", "GET", &own("Patient/a"), ""),
        ];
        let status = if kind == "batch" { [200, 201, 200] } else { [201, 201, 200] };
        assert_eq!(statuses(&carry_out(&vault, kind, &entries).expect("done")), status, "{kind}");
        let delete = [entry("", "", "DELETE", &own("Patient?_id=b"), "")];
        assert_eq!(statuses(&carry_out(&vault, kind, &delete).expect("done")), [204], "{kind}");
    }
    for other in ["http://other/fhir/Patient/a", "http://h/fhirPatient/a", "http://h/Patient/a"] {
        let refusal = refused(carry_out(&vault, "transaction", &[entry("", body, "PUT", other, "")]));
        assert_eq!(refusal.findings[0].path, "Bundle.entry[0].request.url", "{other}");
    }
}

#[test]
fn a_batch_does_each_entry_on_its_own() {
    let place = Place::new();
    let vault = place.open();
    let create = |n: u32| entry("", &format!(r#"{{"resourceType":"Patient","id":"x{n}"}}"#), "POST", "Patient", "");
    let mut entries: Vec<String> = (0..50).map(create).collect();
    entries.push(entry("", r#"{"resourceType":"Patient","gender":"x"}"#, "POST", "Patient", ""));
    entries.push(entry("", "", "LOOK", "Patient", ""));
    entries.push(entry("", "", "GET", "Patient/put", ""));
    entries.push(entry("", r#"{"resourceType":"Patient","id":"put"}"#, "PUT", "Patient/put", ""));
    let who = r#"{"resourceType":"Patient","identifier":[{"value":"1"}]}"#;
    entries.push(entry("", who, "POST", "Patient", r#","ifNoneExist":"identifier=1""#));
    entries.push(entry("", who, "POST", "Patient", r#","ifNoneExist":"identifier=1""#));
    let answers = carry_out(&vault, "batch", &entries).expect("done");
    let mut want = vec![201; 50];
    want.extend([422, 400, 200, 201, 201, 200]);
    assert_eq!(statuses(&answers), want);
    assert_eq!(answers.entries[50].findings[0].path, "Bundle.entry[50].resource.gender");
    assert_eq!(vault.head().0, 52);
}
