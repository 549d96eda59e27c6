//! A thousand requests of all kinds, generated from a seed: none is late by rule, none leaves without its place in the
//! accounting, and no page of another person's goes.

use crate::house::{DAY_MS, House, START};
use base::day::Day;
use base::id::Ids;
use rooms::release::case::Case;
use rooms::release::rules::{Minimum, Route};
use rooms::release::work::{deliver, step, take_in};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use vault::Error;
use vault::access::audit::Deed;
use vault::access::disclosures::{Ask, Law};
use vault::access::{Context, Visit};

const REQUESTS: usize = 1_000;
const PEOPLE: [&str; 6] = ["ada", "ben", "cleo", "dan", "eve", "finn"];

/// Pages of somebody else's, each wrong in its own way, in the charts of half of the people.
const STRAY: [(&str, &str); 3] = [("dan", "Patient: Walter Ramos"), ("eve", "DOB: 1/1/1950"), ("finn", "MRN: 4711")];

struct Dice(Ids);

impl Dice {
    fn below(&self, n: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % n as u64) as usize
    }
}

type Words = Vec<(String, String)>;

fn words(all: &[(&str, &str)]) -> Words {
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn of_a_thousand_requests_none_is_late_unaccounted_or_anothers() {
    let (house, dice) = (House::new(), Dice(Ids::seeded(11)));
    fill(&house);
    let visit = Visit::operator().asking(Context::new(Deed::Operation, "a thousand requests"));
    let today = Day::at(START);
    let mut sent: BTreeMap<&str, Vec<(String, bool)>> = BTreeMap::new();
    let (mut stopped, mut put_off, mut late) = (0, 0, 0);
    for number in 0..REQUESTS {
        let (route, patient) = (Route::ALL[dice.below(Route::ALL.len())], PEOPLE[dice.below(PEOPLE.len())]);
        let received = today.plus(-(dice.below(40) as i64));
        let recipient = format!("Recipient {number}");
        let asked = words(&[
            ("patient", patient),
            ("what", "records"),
            ("route", route.code()),
            ("recipient", &recipient),
            ("received", &received.to_string()),
        ]);
        let id = take_in(&house.vault, &visit, &asked).expect("noted").id;
        let act = |what: &str, more: &Words| step(&house.vault, &visit, &id, what, more).map(|done| done.says);
        act("take", &Words::new()).expect("taken");
        act("decide", &decision(route, &recipient, None)).unwrap_or_else(|e| panic!("{route}: {e}"));
        // The clock, against the law counted by hand.
        let naive = route.terms().clock.map(|_| received.plus(30));
        let mut due = naive;
        if dice.below(3) == 0 {
            let told = act("extend", &words(&[("reason", "the paper chart is in the archive")]));
            let may = naive.is_some_and(|due| today <= due);
            assert_eq!(told.is_ok(), may, "{route}, received {received}");
            due = if may { naive.map(|day| day.plus(30)) } else { naive };
            put_off += usize::from(may);
        }
        let case = Case::find(&house.vault, &visit, &id).expect("found");
        assert_eq!(case.due(), due, "{route}, received {received}");
        let stands = case.standing(START);
        let is_late = matches!(stands, Some(base::duty::Standing::Late(_)));
        assert_eq!(is_late, due.is_some_and(|due| today > due), "{route}, received {received}: {stands:?}");
        late += usize::from(is_late);
        // Another person's page stops it.
        let go = || deliver(&house.vault, &visit, &id, &words(&[("channel", "fax")]), 1 << 20);
        let stray = STRAY.iter().any(|(whose, _)| *whose == patient);
        match go() {
            Ok(_) => assert!(!stray, "a page of another's went out of {patient}'s chart on {route}"),
            Err(Error::Refusal(no)) => {
                assert!(stray && no.to_string().contains("another person's"), "{route} of {patient}: {no}");
                stopped += 1;
                act("decide", &decision(route, &recipient, Some(patient))).expect("decided again");
                go().unwrap_or_else(|e| panic!("{route} of {patient}: {e}"));
            }
            Err(error) => panic!("{error}"),
        }
        let listed = route.terms().basis.exclusion().is_none();
        let to = if route == Route::Access { "the patient".to_owned() } else { recipient };
        sent.entry(patient).or_default().push((to, listed));
    }
    accounted(&house, &sent);
    assert!(stopped > 300 && put_off > 30 && late > 5, "{stopped} stopped, {put_off} put off, {late} late");
    println!("{REQUESTS} requests: {stopped} stopped for another's page, {put_off} put off, {late} late");
}

fn fill(house: &House) {
    for (n, id) in PEOPLE.iter().enumerate() {
        house.put(&json!({
            "resourceType": "Patient", "id": id, "name": [{"family": format!("Family{}", ["x", "y"][n % 2]), "given": [id]}],
            "birthDate": format!("19{}0-02-03", n + 3), "identifier": [{"value": format!("SV-{n}000")}]
        }));
        house.put(&crate::house::observation(&format!("lab-{id}"), id, "2026-03-01", "2823-3"));
        let own = format!("DOB: 2/3/19{}0\nMRN: SV {n}000\nSeen for cough.", n + 3);
        house.put(&document(&format!("own-{id}"), id, &own));
    }
    for (id, text) in STRAY {
        house.put(&document(&format!("stray-{id}"), id, &format!("{text}\nSeen for cough.")));
    }
}

fn document(id: &str, patient: &str, text: &str) -> serde_json::Value {
    use base64::Engine;
    let data = base64::prelude::BASE64_STANDARD.encode(text);
    json!({
        "resourceType": "DocumentReference", "id": id, "status": "current",
        "subject": {"reference": format!("Patient/{patient}")},
        "content": [{"attachment": {"contentType": "text/plain", "data": data}}]
    })
}

/// What is said to decide; `without`: the stray page of that person stays.
fn decision(route: Route, recipient: &str, without: Option<&str>) -> Words {
    let terms = route.terms();
    let mut all = words(&[("route", route.code()), ("recipient", recipient), ("purpose", "as asked")]);
    if route == Route::Access {
        all.retain(|(name, _)| name != "recipient");
        all.extend(words(&[("recipient", "the patient")]));
    }
    all.extend(terms.proofs.iter().map(|proof| ("proof".to_owned(), proof.code().to_owned())));
    if !matches!(terms.minimum, Minimum::Exempt(_)) {
        all.extend(words(&[("why-all", "all of it is in question")]));
    }
    all.extend(without.map(|patient| ("but".to_owned(), format!("DocumentReference/stray-{patient}"))));
    if matches!(route, Route::Authorization | Route::Part2Consent | Route::Part2Tpo) {
        all.extend(words(&[
            ("paper-patient", "the patient"),
            ("paper-describes", "laboratory results and notes of 2026"),
            ("paper-discloser", "the hospital"),
            ("paper-recipient", recipient),
            ("paper-purpose", "treatment, payment and health care operations"),
            ("paper-expires", "2027-01-01"),
            ("paper-signed-by", "the patient"),
            ("paper-signed", "2026-08-01"),
            ("paper-says", "revocation"),
            ("paper-says", "conditioning"),
            ("paper-says", "redisclosure"),
        ]));
    }
    all
}

/// What went stands in the accounting where the law lists it, once, and nowhere else.
fn accounted(house: &House, sent: &BTreeMap<&str, Vec<(String, bool)>>) {
    house.clock.advance(DAY_MS);
    let visit = Visit::operator().asking(Context::new(Deed::ReadAudit, "the accounting"));
    for (patient, all) in sent {
        assert_eq!(house.vault.disclosures(&visit, patient).expect("all").len(), all.len(), "{patient}");
        let ask = Ask { law: Law::Hipaa, from: None, until: None };
        let accounting = house.vault.accounting(&visit, patient, ask).expect("an accounting");
        let listed: BTreeSet<String> = accounting.listed.iter().map(|one| one.first.recipient.clone()).collect();
        let owed: BTreeSet<String> = all.iter().filter(|(_, listed)| *listed).map(|(to, _)| to.clone()).collect();
        assert_eq!(listed, owed, "{patient}");
        assert_eq!(accounting.listed.len(), owed.len(), "{patient}: each once");
    }
    house.vault.close_now(&visit, 200).expect("closed");
}
