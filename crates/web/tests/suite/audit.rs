//! The audit from outside: one entry a request, with its status, before the answer.

use crate::house::{Answer, House};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use vault::access::audit::{Deed, Found, Outcome, Wanted};
use vault::access::{Profile, Purpose, Role, Roles, Terms, Visit};

/// All events, newest first.
fn events(house: &House) -> Vec<Found> {
    let wanted = Wanted { count: 10_000, ..Wanted::default() };
    house.vault.audit(&Visit::operator(), &wanted).unwrap().found
}

/// The one event that a request left.
#[track_caller]
fn one(house: &House, before: usize, what: &str) -> Found {
    let mut after = events(house);
    assert_eq!(
        after.len(),
        before + 1,
        "{what}: {:?}",
        after.iter().map(|found| &found.event.place).collect::<Vec<_>>()
    );
    after.remove(0)
}

#[track_caller]
fn is_fitting(found: &Found, answer: &Answer, what: &str) {
    let event = &found.event;
    assert_eq!(event.status, answer.status, "{what}");
    let outcome = match answer.status {
        0..400 => Outcome::Served,
        400..500 => Outcome::Refused,
        _ => Outcome::Failed,
    };
    assert_eq!(event.outcome, outcome, "{what}");
    assert_eq!(answer.header("x-request-id"), Some(event.request.as_str()), "{what}");
    assert_eq!((event.account.as_str(), event.from.as_str()), ("operator", "127.0.0.1"), "{what}");
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_uppercase() || c == ' ';
    assert!(event.place.chars().all(is_plain) && event.place.contains(' '), "{what}: {}", event.place);
}

/// Every route of the capability statement, with what makes it succeed where that is simple.
fn routes(statement: &Value) -> Vec<(&'static str, String, Option<Value>)> {
    let mut routes = vec![("GET", String::new(), None), ("GET", "_history".to_owned(), None)];
    let bundle = |kind: &str| json!({"resourceType": "Bundle", "type": kind});
    routes.push(("POST", String::new(), Some(bundle("batch"))));
    routes.push(("POST", String::new(), Some(bundle("transaction"))));
    for resource in statement["rest"][0]["resource"].as_array().unwrap() {
        let name = resource["type"].as_str().unwrap();
        let body = json!({"resourceType": name, "id": "none"});
        for interaction in resource["interaction"].as_array().unwrap() {
            routes.extend(match interaction["code"].as_str().unwrap() {
                "read" => vec![("GET", format!("{name}/none"), None), ("HEAD", format!("{name}/none"), None)],
                "vread" => vec![("GET", format!("{name}/none/_history/1"), None)],
                "history-instance" => vec![("GET", format!("{name}/none/_history"), None)],
                "history-type" => vec![("GET", format!("{name}/_history?_count=1"), None)],
                "search-type" => vec![("GET", format!("{name}?_id=none"), None)],
                "create" => vec![("POST", name.to_owned(), Some(body.clone()))],
                "update" => vec![("PUT", format!("{name}/none"), Some(json!({"resourceType": "Nonsense"})))],
                "patch" => vec![("PATCH", format!("{name}/none"), Some(json!([])))],
                "delete" => vec![("DELETE", format!("{name}/none"), None)],
                other => panic!("{other} is not tried"),
            });
        }
        for operation in resource["operation"].as_array().into_iter().flatten() {
            let operation = operation["name"].as_str().unwrap();
            routes.push(("GET", format!("{name}/${operation}"), None));
            routes.push(("GET", format!("{name}/none/${operation}"), None));
        }
    }
    routes
}

#[test]
fn every_route_of_the_capability_statement_leaves_one_entry_with_its_status() {
    let house = House::open();
    let statement = house.bare("GET", "/fhir/metadata", &[], b"").expect(200).json();
    let mut sent = Vec::new();
    for (method, path, body) in routes(&statement) {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let answer = house.send(method, &path, &[], body.as_bytes());
        assert!(answer.status < 500 || answer.status == 501, "{method} {path}: {}", answer.text());
        sent.push((format!("{method} {path}"), answer));
    }
    let mut events = events(&house);
    events.reverse();
    assert_eq!(events.len(), sent.len());
    for (event, (what, answer)) in events.iter().zip(&sent) {
        is_fitting(event, answer, what);
    }
    assert!(sent.len() > 1_000, "{}", sent.len());
}

fn observation(id: &str, patient: &str) -> Value {
    json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"},
           "subject": {"reference": format!("Patient/{patient}")}})
}

fn entry(method: &str, url: &str, resource: &Value) -> Value {
    json!({"resource": resource, "request": {"method": method, "url": url}})
}

fn two_patients() -> Value {
    json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        entry("PUT", "Patient/a", &json!({"resourceType": "Patient", "id": "a"})),
        entry("PUT", "Patient/b", &json!({"resourceType": "Patient", "id": "b"})),
        entry("PUT", "Observation/oa", &observation("oa", "a")),
        entry("PUT", "Observation/ob", &observation("ob", "b"))]})
}

#[test]
fn an_entry_says_what_was_done_and_to_whom() {
    let house = House::open();
    let observation = |id: &str, patient: &str| {
        json!({"resourceType": "Observation", "id": id, "status": "final", "code": {"text": "x"},
               "subject": {"reference": format!("Patient/{patient}")}})
    };
    let entry = |method: &str, url: &str, resource: Value| json!({"resource": resource, "request": {"method": method, "url": url}});
    let transaction = json!({"resourceType": "Bundle", "type": "transaction", "entry": [
        entry("PUT", "Patient/a", json!({"resourceType": "Patient", "id": "a"})),
        entry("PUT", "Patient/b", json!({"resourceType": "Patient", "id": "b"})),
        entry("PUT", "Observation/oa", observation("oa", "a")),
        entry("PUT", "Observation/ob", observation("ob", "b"))]});
    let both: &[&str] = &["Patient/a", "Patient/b"];
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    for (method, path, headers, body, deed, status, patients, asked) in [
        ("POST", "", &[][..], transaction.to_string(), Deed::Batch, 200, both, ""),
        ("GET", "Patient/a", &[], String::new(), Deed::Read, 200, &["Patient/a"][..], ""),
        ("GET", "Patient/a", &[("If-None-Match", "*")], String::new(), Deed::Read, 304, &["Patient/a"], ""),
        ("GET", "Patient/c?_pretty=true", &[], String::new(), Deed::Read, 404, &[], "Patient/c?_pretty=true"),
        ("GET", "Observation?code:text=x", &[], String::new(), Deed::Search, 200, both, "Observation?code:text=x"),
        (
            "POST",
            "Observation/_search",
            &form,
            "_id=oa".to_owned(),
            Deed::Search,
            200,
            &["Patient/a"],
            "Observation/_search\n_id=oa",
        ),
        ("GET", "Patient/b/_history", &[], String::new(), Deed::History, 200, &["Patient/b"], "Patient/b/_history"),
        (
            "GET",
            "Patient/b/$everything",
            &[],
            String::new(),
            Deed::Search,
            200,
            &["Patient/b"],
            "Patient/b/$everything",
        ),
        (
            "PUT",
            "Observation/new",
            &[],
            observation("new", "a").to_string(),
            Deed::Update,
            201,
            &["Patient/a"],
            "Observation/new",
        ),
        (
            "PUT",
            "Observation?_id=new",
            &[],
            observation("new", "a").to_string(),
            Deed::Update,
            200,
            &["Patient/a"],
            "Observation?_id=new",
        ),
        (
            "PUT",
            "Observation/new",
            &[("If-Match", "W/\"9\"")],
            observation("new", "a").to_string(),
            Deed::Update,
            412,
            &[],
            "Observation/new",
        ),
        (
            "POST",
            "Observation",
            &[],
            observation("x", "b").to_string(),
            Deed::Create,
            201,
            &["Patient/b"],
            "Observation",
        ),
        ("DELETE", "Observation/new", &[], String::new(), Deed::Delete, 204, &["Patient/a"], "Observation/new"),
        ("DELETE", "Observation/new", &[], String::new(), Deed::Delete, 204, &[], "Observation/new"),
        ("POST", "Observation", &[], "{".to_owned(), Deed::Create, 400, &[], "Observation"),
        ("BREW", "Patient/a", &[], String::new(), Deed::Read, 405, &[], "Patient/a"),
        ("GET", "Patient/../x", &[], String::new(), Deed::Read, 404, &[], "Patient/../x"),
    ] {
        let (before, what) = (events(&house).len(), format!("{method} {path} {headers:?}"));
        let answer = house.send(method, path, headers, body.as_bytes());
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        let found = one(&house, before, &what);
        is_fitting(&found, &answer, &what);
        let event = &found.event;
        assert_eq!((event.deed, event.asked.as_str()), (deed, asked), "{what}");
        assert_eq!(found.patients, patients, "{what}");
    }
    assert_eq!(vault::access::forgotten(), 0);
}

#[test]
fn the_changes_of_a_batch_have_their_entries_with_them() {
    let house = House::open();
    house.post("", &two_patients()).expect(200);
    let before = events(&house).len();
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": [
        entry("PUT", "Observation/oa", &observation("oa", "a")),
        entry("PUT", "Observation/oc", &observation("oc", "b")),
        {"request": {"method": "GET", "url": "Observation?subject=Patient/nobody"}}]});
    // The changes of a batch are independent: each has its entry with it, and those that go to the disk together share one.
    let answer = house.send("POST", "", &[], batch.to_string().as_bytes());
    let of_batch: Vec<_> = events(&house).into_iter().rev().skip(before).collect();
    let changed: u64 = of_batch.iter().map(|found| found.event.changed).sum();
    let patients: BTreeSet<_> = of_batch.iter().flat_map(|found| found.patients.clone()).collect();
    assert_eq!((changed, patients), (2, ["Patient/a", "Patient/b"].map(str::to_owned).into()));
    assert!(of_batch.len() <= 2 && of_batch.iter().all(|f| answer.header("x-request-id") == Some(&f.event.request)));
}

#[test]
fn a_request_may_bring_its_id() {
    let house = House::open();
    for (given, is_taken) in [("trace-7.a_B", true), ("", false), ("a b", false), ("Ann Miller\t", false)] {
        let answer = house.send("GET", "Patient/1", &[("X-Request-Id", given)], b"");
        let named = answer.header("x-request-id").unwrap();
        assert_eq!(named == given, is_taken, "{given} {named}");
        assert_eq!(events(&house)[0].event.request, named);
    }
    let long = "a".repeat(65);
    assert_ne!(house.send("GET", "Patient/1", &[("X-Request-Id", &long)], b"").header("x-request-id"), Some(&*long));
}

#[test]
fn strangers_are_counted_and_cannot_flood_the_log() {
    let house = House::open();
    for _ in 0..40 {
        assert_eq!(house.bare("GET", "/fhir/Patient/1", &[], b"").status, 401);
        assert_eq!(house.bare("GET", "/fhir/Patient", &[("Authorization", "Bearer no")], b"").status, 401);
    }
    let start = Instant::now();
    let counted = |place: &str| -> (u64, usize) {
        let all = events(&house);
        let of_place = all.iter().filter(|found| found.event.place == place);
        of_place.fold((0, 0), |(times, count), found| (times + found.event.times, count + 1))
    };
    let places = ["without a token", "with a token that is not good"];
    while places.iter().any(|place| counted(place).0 < 40) {
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", events(&house));
        std::thread::sleep(Duration::from_millis(100));
    }
    for place in places {
        let (times, entries) = counted(place);
        assert!(times == 40 && entries < 8, "{place}: {times} in {entries}");
    }
    let events = events(&house);
    let event = &events[0].event;
    assert_eq!((event.status, event.outcome, event.account.as_str()), (401, Outcome::Refused, ""));
    assert_eq!(event.from, "127.0.0.1");
}

#[test]
fn strangers_are_written_down_when_the_server_stops() {
    let mut house = House::open();
    assert_eq!(house.bare("GET", "/fhir/Patient/1", &[], b"").status, 401);
    house.stop();
    assert_eq!(events(&house)[0].event.times, 1);
}

/// A token of somebody new.
fn somebody(house: &House, login: &str, role: Role, stands_for: &str, purpose: Purpose) -> String {
    let profile = Profile {
        login: login.to_owned(),
        name: format!("=Dr {login}"),
        roles: Roles::NONE.with(role),
        stands_for: vec![stands_for.to_owned()],
        ..Profile::default()
    };
    let account = house.vault.create_account(&Visit::operator(), profile).unwrap();
    house.vault.issue_session(&account, Terms::new(purpose, 3_600_000)).unwrap().0
}

fn ask(house: &House, token: &str, method: &str, path: &str, body: &str) -> Answer {
    let bearer = format!("Bearer {token}");
    let headers = [("Authorization", bearer.as_str()), ("Content-Type", "application/fhir+json")];
    house.bare(method, &format!("/fhir/{path}"), &headers, body.as_bytes())
}

#[test]
fn who_looked_is_answered_as_audit_events() {
    let house = House::open();
    house.post("", &two_patients()).expect(200);
    for _ in 0..3 {
        house.get("Patient/a").expect(200);
    }
    house.get("Patient/b").expect(200);
    let officer = somebody(&house, "pat", Role::PrivacyOfficer, "Practitioner/pat", Purpose::Compliance);
    let ann = somebody(&house, "ann", Role::Patient, "Patient/a", Purpose::PatientRequest);
    for (token, path, status, count) in [
        (&officer, "AuditEvent?patient=Patient/a&subtype=read", 200, 3),
        (&officer, "AuditEvent?patient=a&action=R&_count=2", 200, 2),
        (&officer, "AuditEvent?patient=a&date=ge2020-01-01&date=lt2021", 200, 0),
        (&officer, "AuditEvent?patient=a&entity-type=1&outcome=0&subtype=batch", 200, 1),
        (&officer, "AuditEvent?agent=Practitioner/pat&patient=a", 200, 4),
        (&officer, "AuditEvent?agent=Practitioner/nobody", 200, 0),
        (&officer, "AuditEvent?altid=operator&patient=b&subtype=read", 200, 1),
        (&officer, "Patient/a/AuditEvent?subtype=read", 200, 3),
        (&officer, "AuditEvent?_sort=date", 400, 0),
        (&officer, "AuditEvent/log-0-0", 404, 0),
        (&officer, "AuditEvent/log-99999-0", 404, 0),
        (&ann, "AuditEvent?patient=a&subtype=read", 200, 3),
        (&ann, "AuditEvent?patient=b", 403, 0),
        (&ann, "AuditEvent", 403, 0),
    ] {
        let before = events(&house).len();
        let answer = ask(&house, token, "GET", path, "").expect(status);
        assert_eq!(one(&house, before, path).event.deed, Deed::ReadAudit, "{path}");
        if status == 200 {
            assert_eq!(answer.ids().len(), count, "{path}");
        }
    }
    // Pages go on where the one before ended, though each request adds to the log.
    let (mut path, mut ids) = ("AuditEvent?patient=a&subtype=read&_count=1".to_owned(), Vec::new());
    loop {
        let page = ask(&house, &officer, "GET", &path, "").expect(200);
        ids.extend(page.ids());
        let Some(next) = page.link("next") else { break };
        path = next;
    }
    assert_eq!(ids.len(), 3);
    let event = ask(&house, &officer, "GET", &format!("AuditEvent/{}", ids[0]), "").expect(200).json();
    assert_eq!((&event["id"], &event["entity"][0]["what"]["reference"]), (&json!(ids[0]), &json!("Patient/a")));
    let table =
        ask(&house, &officer, "GET", "AuditEvent?agent=Practitioner/pat&_format=csv&_count=1000", "").expect(200);
    assert_eq!(table.header("content-type"), Some("text/csv; charset=utf-8"));
    assert!(
        table.text().starts_with("time,entry,account,name,") && table.text().contains("\"'=Dr pat\""),
        "{}",
        table.text()
    );
    // What somebody stored from elsewhere stays a resource.
    let stored = json!({"resourceType": "AuditEvent", "id": "e", "type": {"code": "rest"}, "recorded": "2026-01-01T00:00:00Z",
        "agent": [{"requestor": true}], "source": {"observer": {"display": "x"}}});
    house.put("AuditEvent/e", &stored).expect(201);
    house.get("AuditEvent/e").expect(200);
}

#[test]
fn a_glass_is_broken_with_a_reason_and_reviewed() {
    let house = House::open();
    house.post("", &two_patients()).expect(200);
    let kim = somebody(&house, "kim", Role::Physician, "Practitioner/kim", Purpose::Treatment);
    let officer = somebody(&house, "pat", Role::PrivacyOfficer, "Practitioner/pat", Purpose::Compliance);
    let given = |members: &[(&str, &str)]| {
        let parameter: Vec<_> =
            members.iter().map(|(name, value)| json!({"name": name, "valueString": value})).collect();
        json!({"resourceType": "Parameters", "parameter": parameter}).to_string()
    };
    ask(&house, &kim, "GET", "Observation/oa", "").expect(404);
    let reason = given(&[("reason", "unconscious in the emergency room")]);
    for (token, method, path, body, status) in [
        (&kim, "POST", "Patient/a/$break-glass", given(&[("reason", "x")]), 422),
        (&kim, "GET", "Patient/a/$break-glass?reason=unconscious%20in%20the%20street", String::new(), 405),
        (&kim, "POST", "Patient/nobody/$break-glass", reason.clone(), 404),
        (&officer, "POST", "Patient/a/$break-glass", reason.clone(), 403),
        (&kim, "GET", "$broken-glass", String::new(), 403),
        (&kim, "POST", "Patient/a/$break-glass", reason, 200),
        (&kim, "GET", "Observation/oa", String::new(), 200),
        (&kim, "GET", "Observation/ob", String::new(), 404),
        (&officer, "POST", "$review-glass", given(&[("id", "none"), ("finding", "fine")]), 404),
    ] {
        let before = events(&house).len();
        let answer = ask(&house, token, method, path, &body);
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert_eq!(one(&house, before, path).event.status, status, "{method} {path}");
    }
    let list = ask(&house, &officer, "GET", "$broken-glass", "").expect(200).json();
    let glass = list["parameter"][0]["part"][0]["valueString"].as_str().unwrap().to_owned();
    let finding = given(&[("id", &glass), ("finding", "she was in care")]);
    ask(&house, &officer, "POST", "$review-glass", &finding).expect(200);
    let other = given(&[("id", &glass), ("finding", "she was not")]);
    ask(&house, &officer, "POST", "$review-glass", &other).expect(409);
    let list = ask(&house, &officer, "GET", "$broken-glass", "").expect(200).text();
    assert!(list.contains("she was in care") && list.contains("unconscious in the emergency room"), "{list}");
    let broken =
        events(&house).into_iter().find(|found| found.event.deed == Deed::BreakGlass && found.event.status == 200);
    let broken = broken.unwrap();
    assert_eq!(
        (broken.event.reason.as_str(), broken.patients),
        ("unconscious in the emergency room", vec!["Patient/a".to_owned()])
    );
}
