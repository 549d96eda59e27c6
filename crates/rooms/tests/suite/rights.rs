//! Amendments: from what a patient says is wrong to what stands with the entry.

use crate::house::{Answer, DAY_MS, House};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

fn note(house: &House, words: &[(&str, &str)]) -> String {
    let all: Vec<(&str, &str)> = [("patient", "zoe"), ("what", "I never had hypertension"), ("why", "a mix-up")]
        .into_iter()
        .filter(|(name, _)| words.iter().all(|(own, _)| own != name))
        .chain(words.iter().copied())
        .collect();
    house.call("zoe", "/fhir/$request-amendment", &all).good().part("request", "id").remove(0)
}

fn step(house: &House, who: &str, id: &str, words: &[(&str, &str)]) -> Answer {
    house.call(who, &format!("/fhir/Task/{id}/$amendment-step"), words)
}

/// The notices that are linked to an entry, as text.
fn notices(house: &House, who: &str, record: &str) -> Vec<String> {
    let found: Value = house.get(who, &format!("/fhir/DocumentReference?related={record}")).good().json();
    let all = found["entry"].as_array().cloned().unwrap_or_default();
    let text = |one: &Value| {
        let data = one["resource"]["content"][0]["attachment"]["data"].as_str().expect("data").to_owned();
        String::from_utf8(BASE64_STANDARD.decode(data).expect("base64")).expect("text")
    };
    all.iter().map(text).collect()
}

#[test]
fn what_is_amended_says_so_where_it_stands() {
    let house = House::new();
    let sent = house.form(
        "zoe",
        "/corrections",
        "/corrections",
        &[("what", "I never had hypertension"), ("why", "a mix-up"), ("record", "Condition/con-1"), ("tell", "Dr Lee")],
    );
    assert_eq!((sent.status, sent.location.as_str()), (303, "/corrections?patient=zoe"), "{}", sent.text());
    let due = house.get("hana", "/fhir/$due").good();
    let id = due.part("due", "id").remove(0);
    assert_eq!(due.part("due", "due"), ["2026-11-20"], "60 days (45 CFR 164.526(b)(2)(i))");
    assert_eq!((due.part("due", "room"), due.part("due", "next")), (vec!["amendment".into()], vec!["take it".into()]));
    assert!(house.get("hana", "/due").good().text().contains(&format!("/amendments?id={id}")));

    assert_eq!(step(&house, "hana", &id, &[("step", "amend"), ("how", "struck")]).status, 422, "not taken yet");
    step(&house, "hana", &id, &[("step", "take")]).good();
    assert_eq!(step(&house, "hugo", &id, &[("step", "amend"), ("how", "struck")]).status, 409, "it is hana's");
    let other = step(&house, "hana", &id, &[("step", "amend"), ("how", "struck"), ("record", "Observation/lab-ann")]);
    assert_eq!(other.status, 422, "that is Ann's");
    let done = step(&house, "hana", &id, &[("step", "amend"), ("how", "Entered in error: it is her sister's")]).good();
    assert!(done.part("said", "text")[0].contains("who should know of it"));
    assert_eq!(done.part("state", "amended"), ["Condition/con-1"]);

    let text = notices(&house, "zoe", "Condition/con-1");
    assert_eq!(text.len(), 1);
    assert!(text[0].contains("I never had hypertension") && text[0].contains("her sister's"), "{text:?}");
    let entry = house.get("zoe", "/entry?about=Condition/con-1").good().text();
    assert!(entry.contains("Amendment at the patient") && entry.contains("/corrections?patient=zoe"), "{entry}");
    let theirs = house.get("hana", "/entry?about=Condition/con-1").good().text();
    assert!(theirs.contains("Amendment at the patient") && !theirs.contains("/corrections"));
    let mine = house.get("zoe", "/corrections").good().text();
    assert!(mine.contains("amended") && mine.contains("I never had hypertension"));
    assert!(house.get("hana", "/fhir/$due").good().part("due", "id").is_empty(), "nobody has it, nobody is to be told");
    assert_eq!(step(&house, "hana", &id, &[("step", "deny"), ("ground", "accurate")]).status, 422, "it was answered");
    assert_eq!(vault::access::forgotten(), 0);
}

#[test]
fn who_has_the_earlier_record_is_told() {
    let house = House::new();
    let release = [("patient", "zoe"), ("what", "problems"), ("route", "public-health"), ("recipient", "County")];
    let sent = house.call("hana", "/fhir/$request-release", &release).good().part("request", "id").remove(0);
    let release =
        |words: &[(&str, &str)]| house.call("hana", &format!("/fhir/Task/{sent}/$release-step"), words).good();
    release(&[("step", "take")]);
    release(&[("step", "decide"), ("proof", "official"), ("type", "Condition")]);
    house.call("hana", &format!("/fhir/Task/{sent}/$release-deliver"), &[]).good();

    let id = note(&house, &[("record", "Condition/con-1")]);
    step(&house, "hana", &id, &[("step", "take")]).good();
    let done = step(&house, "hana", &id, &[("step", "amend"), ("how", "struck")]).good();
    assert_eq!(done.part("state", "untold"), ["County"], "45 CFR 164.526(c)(3)(ii)");
    assert_eq!(house.get("hana", "/fhir/$due").good().part("due", "next"), ["tell those who have it"]);
    let letter = step(&house, "hana", &id, &[("step", "tell"), ("who", "County")]).good();
    assert!(letter.part("said", "text")[0].contains("Condition/con-1"));
    assert!(!letter.part("said", "text")[0].contains("hypertension"), "a letter says no more than it must");
    assert!(house.get("hana", "/fhir/$due").good().part("due", "id").is_empty());
}

#[test]
fn what_the_patient_says_to_a_refusal_stays_with_the_entry() {
    let house = House::new();
    let id = note(&house, &[("record", "Condition/con-1")]);
    let say =
        |who: &str| house.call(who, &format!("/fhir/Task/{id}/$amendment-statement"), &[("says", "ask my sister")]);
    assert_eq!(say("zoe").status, 422, "nothing was refused yet");
    step(&house, "hana", &id, &[("step", "take")]).good();
    for (ground, status) in [("signed", 422), ("because", 422), ("", 422)] {
        let no = step(&house, "hana", &id, &[("step", "deny"), ("ground", ground)]);
        assert_eq!(no.status, status, "{ground}: {}", no.text());
    }
    let gone = step(&house, "hana", &id, &[("step", "deny"), ("ground", "not-ours"), ("maker-gone", "yes")]);
    assert_eq!(gone.status, 422, "{}", gone.text());
    let denied = step(&house, "hana", &id, &[("step", "deny"), ("ground", "accurate"), ("explains", "measured twice")]);
    let letter = denied.good().part("said", "text").remove(0);
    assert!(letter.contains("measured twice") && letter.contains("164.526(a)(2)(iv)"), "{letter}");
    assert!(notices(&house, "hana", "Condition/con-1").is_empty());
    assert_eq!(step(&house, "hana", &id, &[("step", "link")]).status, 422, "the patient has not answered");

    assert_eq!(say("ann").status, 404, "it is Zoë's request");
    say("zoe").good();
    assert_eq!(house.get("hana", "/fhir/$due").good().part("due", "next"), ["link the statement to the record"]);
    step(&house, "hana", &id, &[("step", "link"), ("rebuttal", "both readings are hers")]).good();
    let text = notices(&house, "zoe", "Condition/con-1").remove(0);
    for part in ["I never had hypertension", "164.526(a)(2)(iv)", "ask my sister", "both readings are hers"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(house.get("zoe", "/corrections").good().text().contains("your statement goes along"));
    assert!(house.get("hana", "/fhir/$due").good().part("due", "id").is_empty());
    assert_eq!(step(&house, "hana", &id, &[("step", "link")]).status, 422, "once");
    let goes = |types: &str| goes_on_request(&house, types).iter().any(|one| one.starts_with("DocumentReference/"));
    assert!(goes("Condition"), "with the entry (45 CFR 164.526(d)(5))");
    assert!(!goes("Observation"), "and not with what it is not about");
}

/// What would go to the patient who asks for resources of a type.
fn goes_on_request(house: &House, types: &str) -> Vec<String> {
    let words = [("patient", "zoe"), ("what", "records"), ("route", "access"), ("type", types)];
    let id = house.call("hana", "/fhir/$request-release", &words).good().part("request", "id").remove(0);
    house.get("hana", &format!("/fhir/Task/{id}/$release")).good().part("package", "goes")
}

#[test]
fn a_request_is_put_off_once_in_writing_and_before_its_day() {
    let mut house = House::new();
    let id = note(&house, &[]);
    step(&house, "hana", &id, &[("step", "take")]).good();
    assert_eq!(step(&house, "hana", &id, &[("step", "extend")]).status, 422, "without a reason");
    let put_off = step(&house, "hana", &id, &[("step", "extend"), ("reason", "the author is away")]).good();
    assert_eq!(put_off.part("state", "due"), ["2026-12-20"], "30 days more");
    assert_eq!(step(&house, "hana", &id, &[("step", "extend"), ("reason", "again")]).status, 422, "once");
    let late = note(&house, &[("what", "another")]);
    house.clock.advance(61 * DAY_MS);
    for login in ["hana", "zoe"] {
        house.sign_in(login);
    }
    step(&house, "hana", &late, &[("step", "take")]).good();
    assert_eq!(step(&house, "hana", &late, &[("step", "extend"), ("reason", "busy")]).status, 422, "too late");
    assert!(house.get("hana", "/due").good().text().contains("late"));
}

#[test]
fn what_another_entity_has_amended_is_not_refused() {
    let house = House::new();
    let id = house
        .call("hana", "/fhir/$request-amendment", &[("patient", "zoe"), ("what", "no hypertension"), ("via", "entity")])
        .good()
        .part("request", "id")
        .remove(0);
    step(&house, "hana", &id, &[("step", "take")]).good();
    let no = step(&house, "hana", &id, &[("step", "deny"), ("ground", "accurate")]);
    assert!(no.status == 422 && no.text().contains("164.526(e)"), "{}", no.text());
    let done = step(&house, "hana", &id, &[("step", "amend"), ("how", "struck"), ("record", "Condition/con-1")]).good();
    assert_eq!(done.part("state", "amended"), ["Condition/con-1"]);
}

#[test]
fn a_request_says_what_and_why_about_ones_own_record() {
    let house = House::new();
    for words in [
        &[("patient", "zoe"), ("what", "x")][..],
        &[("patient", "zoe"), ("why", "x")],
        &[("what", "x"), ("why", "x")],
        &[("patient", "zoe"), ("what", "x"), ("why", "x"), ("via", "pigeon")],
        &[("patient", "zoe"), ("what", "x"), ("why", "x"), ("record", "Observation/lab-ann")],
        &[("patient", "zoe"), ("what", "x"), ("why", "x"), ("record", "nothing")],
    ] {
        let no = house.call("zoe", "/fhir/$request-amendment", words);
        assert_eq!(no.status, 422, "{words:?}: {}", no.text());
    }
    let foreign = house.call("ann", "/fhir/$request-amendment", &[("patient", "zoe"), ("what", "x"), ("why", "x")]);
    assert!([403, 404].contains(&foreign.status), "{}: {}", foreign.status, foreign.text());
    let id = note(&house, &[]);
    let task: Value = house.get("zoe", &format!("/fhir/Task/{id}")).good().json();
    assert_eq!(task["description"], json!("I never had hypertension"));
}
