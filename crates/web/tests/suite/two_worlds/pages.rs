//! Pages of two worlds: charts, timelines, entries and what finds patients look the same, whatever is hidden.

use super::twins::{Twins, World};
use super::{Answer, Ask, difference, send_to};
use crate::hospital::PATIENTS;
use crate::people::PEOPLE;
use tokio::runtime::Runtime;
use vault::access::{Purpose, Terms};

const OF_PATIENT: [&str; 8] = [
    "/patient",
    "/patient/timeline",
    "/patient/encounters",
    "/patient/medications",
    "/patient/results",
    "/patient/documents",
    "/patient/entries",
    "/patient/entries?kind=Observation",
];
const OF_ENTRY: [&str; 4] = ["/entry", "/entry/versions", "/document", "/why"];
const OF_NOBODY: [&str; 12] = [
    "/home",
    "/patients?q=fam",
    "/patients?q=given1",
    "/patients?q=1988",
    "/patients?q=x1",
    "/patients?all=yes",
    "/smart/launch?patient=p3",
    "/looked",
    "/consents",
    "/accounting",
    "/concerns",
    "/glass",
];

/// The cookie of somebody who signed in at a page.
fn cookie(world: &World, login: &str, purpose: &str) -> String {
    let account = world.vault.account_of_login(login).expect("accounts").expect("an account");
    let purpose = Purpose::from_code(purpose).expect("a purpose");
    let terms = Terms { idle_ms: Some(48 * 3_600_000), ..Terms::new(purpose, 48 * 3_600_000) };
    format!("chartroom={}", world.vault.issue_session(&account, terms).expect("a session").0)
}

/// The text with what stands between two words taken out, as often as they come.
fn without(text: &str, before: &str, after: char) -> String {
    let mut parts = text.split(before);
    let mut out = parts.next().unwrap_or_default().to_owned();
    parts.for_each(|part| out.push_str(part.split_once(after).map_or("", |(_, rest)| rest)));
    out
}

/// What a page says, without the sign of its forms, which each session has for itself, and how long the log is, which
/// `/log/checkpoint` tells everybody.
fn shown(runtime: &Runtime, world: &World, cookie: &str, path: &str) -> Answer {
    let headers = vec![("cookie", cookie.to_owned())];
    let ask = Ask { method: "GET", path: path.to_owned(), headers, body: String::new() };
    let mut answer = send_to(runtime, world, &ask, "", None);
    for (before, after) in
        [("name=\"csrf\" value=\"", '"'), ("from a record of ", ' '), ("sealed in a log of ", ' '), ("&amp;at=", '"')]
    {
        answer.body = without(&answer.body, before, after);
    }
    answer.headers.retain(|(name, _)| name != "content-length");
    answer
}

fn paths(twins: &Twins) -> Vec<String> {
    let ids = (0..=PATIENTS).chain([90]).map(|number| format!("p{number}"));
    let of_patients = ids
        .flat_map(|id| OF_PATIENT.map(|path| format!("{path}{}id={id}", if path.contains('?') { '&' } else { '?' })));
    let names = twins.names.iter().step_by(9);
    let of_entries = names.flat_map(|name| OF_ENTRY.map(|path| format!("{path}?about={name}")));
    of_patients.chain(of_entries).chain(OF_NOBODY.map(str::to_owned)).collect()
}

#[test]
fn pages_of_two_worlds_are_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (mut compared, mut good, mut leaks) = (0, 0, Vec::new());
    for (index, person) in PEOPLE.iter().enumerate() {
        let twins = Twins::new(person, 9_000 + index as u64);
        let cookies = [0, 1].map(|world| cookie(&twins.worlds[world], person.login, person.purpose));
        for path in paths(&twins).iter().skip(index % 3).step_by(3) {
            let [is, other] = [0, 1].map(|world| shown(&runtime, &twins.worlds[world], &cookies[world], path));
            if is != other {
                leaks.push(format!("{} {path}: {}", person.login, difference(&is, &other)));
            }
            compared += 1;
            good += usize::from(is.status == 200);
        }
    }
    assert!(
        leaks.is_empty(),
        "{} pages tell worlds apart:\n{}",
        leaks.len(),
        leaks[..leaks.len().min(12)].join("\n\n")
    );
    println!("{compared} pages are the same, {good} of them show something");
    assert!(good * 5 > compared && good > 200, "only {good} of {compared} pages show something");
}
