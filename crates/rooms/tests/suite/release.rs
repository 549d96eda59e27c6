//! The release desk: from the request to what the accounting says.

use crate::house::{DAY_MS, House, observation};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rooms::release::receipt::check;
use serde_json::json;
use vault::access::disclosures::{Basis, Law};
use vault::access::{Context, Visit, audit::Deed, disclosures::Ask};

fn note(house: &House, who: &str, words: &[(&str, &str)]) -> String {
    house.call(who, "/fhir/$request-release", words).good().part("request", "id").remove(0)
}

fn step(house: &House, who: &str, id: &str, words: &[(&str, &str)]) -> crate::house::Answer {
    house.call(who, &format!("/fhir/Task/{id}/$release-step"), words)
}

const ACCESS: &[(&str, &str)] = &[("patient", "zoe"), ("what", "my laboratory results"), ("route", "access")];

#[test]
fn a_patients_request_goes_from_the_portal_to_a_package_that_can_be_checked() {
    let house = House::new();
    let sent = house.form("zoe", "/request", "/request", &[("what", "my laboratory results"), ("start", "2026-01-01")]);
    assert_eq!((sent.status, sent.location.as_str()), (303, "/request?patient=zoe"), "{}", sent.text());
    let due = house.get("hana", "/fhir/$due").good();
    let id = due.part("due", "id").remove(0);
    assert_eq!(due.part("due", "due"), ["2026-10-21"], "30 days (45 CFR 164.524(b)(2)(i))");
    assert_eq!(due.part("due", "next"), ["take it"]);
    assert!(house.get("hana", "/due").good().text().contains("30 days left"));

    step(&house, "hana", &id, &[("step", "take")]).good();
    let decided =
        step(&house, "hana", &id, &[("step", "decide"), ("proof", "patient"), ("type", "Observation")]).good();
    assert_eq!(decided.part("said", "text"), ["2 resources go, 2 stay."]);
    let shown = house.get("hana", &format!("/fhir/Task/{id}/$release")).good();
    assert_eq!(shown.part("package", "goes"), ["Observation/lab-2/_history/1", "Patient/zoe/_history/1"]);
    assert_eq!(shown.part("package", "stays")[0], "Observation/lab-1: before the days asked for");
    let page = house.get("hana", &format!("/release?id={id}")).good().text();
    assert!(page.contains("before the days asked for") && page.contains("of another type than asked for"), "{page}");

    let zip = house.call("hana", &format!("/fhir/Task/{id}/$release-deliver"), &[("channel", "portal")]).good();
    let key = house.vault.log_key();
    let checked = check(&zip.bytes, None, Some(&key)).expect("a package");
    assert_eq!((checked.proved, checked.wrong.as_slice()), (2, &[][..]));
    assert_eq!(checked.request, id);

    let mine = house.get("zoe", "/request").good().text();
    assert!(mine.contains("sent") && mine.contains("my laboratory results"));
    assert!(house.get("hana", "/fhir/$due").good().part("due", "id").is_empty(), "it has ended");
    let again = house.call("hana", &format!("/fhir/Task/{id}/$release-deliver"), &[]);
    assert_eq!(again.status, 422, "nothing is sent twice");
    assert_eq!(vault::access::forgotten(), 0);
}

#[test]
fn a_package_that_was_altered_is_found_out() {
    let house = House::new();
    let id = note(&house, "hana", ACCESS);
    step(&house, "hana", &id, &[("step", "take")]).good();
    step(&house, "hana", &id, &[("step", "decide"), ("proof", "patient")]).good();
    let password = "correct horse battery";
    let sealed =
        house.call("hana", &format!("/fhir/Task/{id}/$release-deliver"), &[("password", password)]).good().bytes;
    let key = house.vault.log_key();
    assert!(check(&sealed, Some(password), Some(&key)).expect("a package").wrong.is_empty());
    assert!(check(&sealed, None, Some(&key)).is_err(), "without the password");
    assert!(check(&sealed, Some("another password"), Some(&key)).is_err(), "with another");
    assert!(!sealed.windows(8).any(|bytes| bytes == b"value of"), "nothing of the chart can be read");

    let other = House::new();
    let id = note(&other, "hana", ACCESS);
    step(&other, "hana", &id, &[("step", "take")]).good();
    step(&other, "hana", &id, &[("step", "decide"), ("proof", "patient")]).good();
    let plain = other.call("hana", &format!("/fhir/Task/{id}/$release-deliver"), &[]).good().bytes;
    let at = plain.windows(14).position(|bytes| bytes == b"value of lab-1").expect("the value");
    let mut altered = plain.clone();
    altered[at] = b'V';
    let wrong = check(&altered, None, Some(&other.vault.log_key())).expect("a package").wrong;
    assert!(wrong.iter().any(|line| line.starts_with("records/Observation-lab-1.json")), "{wrong:?}");
    let strange = vault::log::checkpoint::VerifierKey::parse(&House::new().vault.log_key().to_string());
    let wrong = check(&plain, None, strange.as_ref()).expect("a package").wrong;
    assert_eq!(wrong.len(), 4, "another log's key proves nothing: {wrong:?}");
    for cut in [0, 10, plain.len() / 2, plain.len() - 1] {
        drop(check(&plain[..cut], None, None));
    }
}

#[test]
fn what_goes_is_in_the_accounting_where_the_law_lists_it() {
    let house = House::new();
    for (route, proof, listed) in [
        ("access", "patient", 0),
        ("subpoena", "assurance", 1),
        ("public-health", "official", 2),
        ("payment", "recipient", 2),
    ] {
        let id =
            note(&house, "hana", &[("patient", "zoe"), ("what", "results"), ("route", route), ("recipient", "County")]);
        step(&house, "hana", &id, &[("step", "take")]).good();
        step(&house, "hana", &id, &[("step", "decide"), ("proof", proof), ("type", "Observation")]).good();
        house.call("hana", &format!("/fhir/Task/{id}/$release-deliver"), &[("channel", "fax")]).good();
        let visit = Visit::operator().asking(Context::new(Deed::ReadAudit, "test"));
        let ask = Ask { law: Law::Hipaa, from: None, until: None };
        let done = house.vault.accounting(&visit, "zoe", ask).expect("an accounting");
        house.vault.close_now(&visit, 200).expect("closed");
        assert_eq!(done.listed.len(), listed, "after {route}");
    }
    let visit = Visit::operator().asking(Context::new(Deed::ReadAudit, "test"));
    let all = house.vault.disclosures(&visit, "zoe").expect("all");
    house.vault.close_now(&visit, 200).expect("closed");
    assert_eq!(all.len(), 4);
    assert!(
        all.iter().any(|one| one.basis == Basis::Judicial && one.resources.contains(&"Observation/lab-1".to_owned()))
    );
}

#[test]
fn what_is_not_in_hand_or_not_bounded_is_not_decided() {
    let house = House::new();
    let id =
        note(&house, "hana", &[("patient", "zoe"), ("what", "the chart"), ("route", "subpoena"), ("recipient", "Lee")]);
    let refused = |words: &[(&str, &str)], part: &str| {
        let answer = step(&house, "hana", &id, words);
        assert!((400..500).contains(&answer.status) && answer.text().contains(part), "{words:?}: {}", answer.text());
    };
    refused(&[("step", "decide")], "take it first");
    step(&house, "hana", &id, &[("step", "take")]).good();
    refused(&[("step", "decide")], "satisfactory assurance");
    refused(&[("step", "decide"), ("proof", "assurance")], "what the paper names and no more");
    refused(&[("step", "decide"), ("proof", "assurance"), ("type", "Nothing")], "does not have");
    refused(&[("step", "fee"), ("charge", "gold=1")], "copying=650");
    refused(&[("step", "extend"), ("reason", "x"), ("until", "2027-01-01")], "by 2026-11-20");
    refused(&[("step", "refuse"), ("ground", "unpaid-bill")], "unpaid bill is no ground");
    refused(&[("step", "refuse"), ("ground", "endangers")], "on this route is one of");
    let letter = step(&house, "hana", &id, &[("step", "refuse"), ("ground", "no-assurance")]).good();
    assert!(letter.part("said", "text")[0].contains("45 CFR 164.512(e)(1)(ii)"));
    refused(&[("step", "take")], "has ended");
}

#[test]
fn an_authorization_is_checked_before_anything_goes() {
    let house = House::new();
    let words = [("patient", "zoe"), ("what", "results"), ("route", "authorization"), ("recipient", "Lee")];
    let id = note(&house, "hana", &words);
    step(&house, "hana", &id, &[("step", "take")]).good();
    let mut paper = vec![
        ("step", "check"),
        ("paper-patient", "Zoe"),
        ("paper-describes", "laboratory results"),
        ("paper-discloser", "the hospital"),
        ("paper-recipient", "Lee"),
        ("paper-purpose", "a suit"),
        ("paper-expires", "2027-01-01"),
        ("paper-signed-by", "Zoe"),
        ("paper-says", "revocation"),
        ("paper-says", "conditioning"),
        ("paper-says", "redisclosure"),
        ("type", "Observation"),
        ("proof", "authorization"),
    ];
    let letter = step(&house, "hana", &id, &paper).good().part("said", "text").remove(0);
    assert!(letter.contains("day on which it was signed") && letter.contains("Nothing was sent"), "{letter}");
    paper[0] = ("step", "decide");
    assert_eq!(step(&house, "hana", &id, &paper).status, 422, "a defect stops it");
    paper.push(("paper-signed", "2026-09-01"));
    step(&house, "hana", &id, &paper).good();
    paper[4] = ("paper-recipient", "Ruiz");
    assert_eq!(step(&house, "hana", &id, &paper).status, 422, "it names somebody else");
}

#[test]
fn sensitive_pages_need_a_second_person() {
    let house = House::new();
    house.put(&json!({
        "resourceType": "Observation", "id": "hiv", "status": "final", "subject": {"reference": "Patient/zoe"},
        "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]},
        "effectiveDateTime": "2026-03-01", "code": {"text": "x"}, "valueString": "reactive"
    }));
    let id = note(&house, "hana", ACCESS);
    let deliver = || house.call("hana", &format!("/fhir/Task/{id}/$release-deliver"), &[]);
    step(&house, "hana", &id, &[("step", "take")]).good();
    step(&house, "hana", &id, &[("step", "decide"), ("proof", "patient")]).good();
    assert!(deliver().text().contains("no second person"));
    assert_eq!(step(&house, "hana", &id, &[("step", "look")]).status, 422, "not the one who decided");
    step(&house, "hugo", &id, &[("step", "look")]).good();
    house.put(&observation("lab-1", "zoe", "2025-03-02", "2823-3"));
    assert!(deliver().text().contains("no second person"), "the chart says something else than what was looked at");
    step(&house, "hugo", &id, &[("step", "look")]).good();
    deliver().good();
}

#[test]
fn two_people_do_not_work_on_one_request() {
    let house = House::new();
    let id = note(&house, "hana", ACCESS);
    step(&house, "hana", &id, &[("step", "take")]).good();
    let other = step(&house, "hugo", &id, &[("step", "take")]);
    assert_eq!(other.status, 409);
    assert!(other.text().contains("hana of the house works on this request"), "{}", other.text());
    assert_eq!(step(&house, "hugo", &id, &[("step", "decide"), ("proof", "patient")]).status, 409);
    step(&house, "hugo", &id, &[("step", "take"), ("over", "yes")]).good();
    assert_eq!(step(&house, "hana", &id, &[("step", "decide"), ("proof", "patient")]).status, 409);
}

#[test]
fn a_request_that_its_patient_changes_is_decided_again() {
    let house = House::new();
    let created = house.post(
        "zoe",
        "/fhir/Task",
        &json!({
            "resourceType": "Task", "status": "requested", "intent": "order", "for": {"reference": "Patient/zoe"},
            "code": {"coding": [{"system": "https://chartroom.dev/fhir/CodeSystem/task", "code": "release"}]},
            "description": "my results", "authoredOn": "2026-09-20"
        }),
    );
    let mut task = created.good().json();
    let id = task["id"].as_str().expect("an id").to_owned();
    step(&house, "hana", &id, &[("step", "take")]).good();
    step(&house, "hana", &id, &[("step", "decide"), ("route", "access"), ("proof", "patient")]).good();
    task = house.get("zoe", &format!("/fhir/Task/{id}")).good().json();
    assert_eq!(task["restriction"]["period"]["end"], "2026-10-20", "the patient sees the clock");
    task["description"] = json!("my results, and my neighbour's");
    let put = house.send("zoe", "PUT", &format!("/fhir/Task/{id}"), "application/fhir+json", task.to_string());
    put.good();
    let sent = house.call("hana", &format!("/fhir/Task/{id}/$release-deliver"), &[]);
    assert!(sent.status == 422 && sent.text().contains("decide again"), "{}", sent.text());
}

#[test]
fn a_deadline_is_put_off_once_and_shows_when_it_is_late() {
    let mut house = House::new();
    let id = note(&house, "hana", ACCESS);
    step(&house, "hana", &id, &[("step", "take")]).good();
    let letter = step(&house, "hana", &id, &[("step", "extend"), ("reason", "paper elsewhere")]).good();
    assert!(letter.part("said", "text")[0].contains("2026-11-20"), "{}", letter.text());
    assert_eq!(step(&house, "hana", &id, &[("step", "extend"), ("reason", "again")]).status, 422);
    house.clock.advance(61 * DAY_MS);
    house.sign_in("hana");
    let due = house.get("hana", "/fhir/$due").good();
    assert_eq!(
        (due.part("due", "due"), due.part("due", "stands")),
        (vec!["2026-11-20".to_owned()], vec!["1 day late".to_owned()])
    );
}

#[test]
fn who_has_what_was_amended_is_listed() {
    let house = House::new();
    let id = note(&house, "hana", ACCESS);
    step(&house, "hana", &id, &[("step", "take")]).good();
    step(&house, "hana", &id, &[("step", "decide"), ("proof", "patient"), ("recipient", "Dr Ruiz")]).good();
    house.call("hana", &format!("/fhir/Task/{id}/$release-deliver"), &[]).good();
    assert!(house.get("hana", "/fhir/$release-recall").good().part("recall", "about").is_empty());
    let mut amended = observation("lab-1", "zoe", "2025-03-01", "2823-3");
    amended["status"] = json!("entered-in-error");
    house.put(&amended);
    let recalls = house.get("hana", "/fhir/$release-recall").good();
    assert_eq!(recalls.part("recall", "about"), ["Observation/lab-1"]);
    assert_eq!(recalls.part("recall", "recipient"), ["Dr Ruiz"]);
    let page = house.get("hana", "/release/recall").good().text();
    assert!(page.contains("Dr Ruiz") && page.contains("withdrawn"));
}

#[test]
fn another_persons_page_stops_a_release_until_somebody_has_looked() {
    let house = House::new();
    let page = |id: &str, text: &str| {
        json!({
            "resourceType": "DocumentReference", "id": id, "status": "current", "subject": {"reference": "Patient/zoe"},
            "content": [{"attachment": {"contentType": "text/plain", "data": BASE64_STANDARD.encode(text)}}]
        })
    };
    house.put(&page("own", "DOB: 2/3/1980\nSeen for cough."));
    house.put(&page("stray", "Seen for cough.\nDate of Birth: 9 Sep 1951"));
    house.put(&page("scanned", "DOB: 2/3/1890"));
    let id = note(&house, "hana", ACCESS);
    let take = |words: &[(&str, &str)]| step(&house, "hana", &id, words);
    let send = || house.call("hana", &format!("/fhir/Task/{id}/$release-deliver"), &[]);
    take(&[("step", "take")]).good();
    let decided = take(&[("step", "decide"), ("proof", "patient")]).good();
    assert!(decided.part("said", "text")[0].contains("looks like another person's"), "{}", decided.text());
    let shown = house.get("hana", &format!("/fhir/Task/{id}/$release")).good();
    assert_eq!(
        shown.part("package", "foreign"),
        [
            "DocumentReference/scanned/_history/1: attachment, line 1: another day of birth",
            "DocumentReference/stray/_history/1: attachment, line 2: another day of birth"
        ]
    );
    let no = send();
    assert_eq!(no.status, 422);
    assert!(no.text().contains("line 1") && !no.text().contains("1890"), "{}", no.text());
    let desk = house.get("hana", &format!("/release?id={id}")).good().text();
    assert!(desk.contains("“9 Sep 1951”") && desk.contains("Looks like another person's"), "{desk}");

    let clear = |page: &str, reason: &str| take(&[("step", "clear"), ("page", page), ("reason", reason)]);
    assert_eq!(clear("DocumentReference/own/_history/1", "x").status, 422, "nothing is wrong with it");
    assert_eq!(clear("DocumentReference/scanned/_history/1", "").status, 422, "without a reason");
    clear("DocumentReference/scanned/_history/1", "a slip in the scan: 1980").good();
    assert_eq!(send().status, 422, "the other one is still there");
    take(&[("step", "decide"), ("proof", "patient"), ("but", "DocumentReference/stray")]).good();
    send().good();
    assert_eq!(vault::access::forgotten(), 0);
}
