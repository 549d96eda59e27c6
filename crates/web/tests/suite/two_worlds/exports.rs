//! Bulk exports of two worlds: the same manifest and the same lines, whatever is hidden.

use super::twins::{Twins, World};
use super::{Answer, Ask, difference, send};
use crate::people::PEOPLE;
use serde_json::Value;
use tokio::runtime::Runtime;

fn ask(path: &str) -> Ask {
    let prefer = vec![("prefer", "respond-async".to_owned())];
    Ask { method: "GET", path: path.to_owned(), headers: prefer, body: String::new() }
}

/// The answer without the job's id, which is drawn.
fn nameless(mut answer: Answer, id: &str) -> Answer {
    if !id.is_empty() {
        answer.body = answer.body.replace(id, "<id>");
        answer.headers.iter_mut().for_each(|(_, value)| *value = value.replace(id, "<id>"));
    }
    answer
}

/// Everything an export tells: kick-off, manifest, files.
fn exported(runtime: &Runtime, world: &World, path: &str) -> Vec<Answer> {
    let get = |path: &str| send(runtime, world, &ask(path), &world.token);
    let kick_off = get(path);
    let location = kick_off.headers.iter().find(|(name, _)| name == "content-location");
    let Some(id) = location.and_then(|(_, value)| value.rsplit_once('/')).map(|(_, id)| id.to_owned()) else {
        return vec![kick_off];
    };
    let mut manifest = get(&format!("$export/{id}"));
    while manifest.status == 202 {
        manifest = get(&format!("$export/{id}"));
    }
    let tree: Value = serde_json::from_str(&manifest.body).expect("a manifest");
    let urls = tree["output"].as_array().into_iter().flatten().filter_map(|file| file["url"].as_str());
    let files: Vec<Answer> = urls.map(|url| get(url.strip_prefix("http://localhost/fhir/").expect("ours"))).collect();
    [kick_off, manifest].into_iter().chain(files).map(|answer| nameless(answer, &id)).collect()
}

#[test]
fn exports_of_two_worlds_are_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut lines = 0;
    for (index, person) in PEOPLE.iter().enumerate() {
        let twins = Twins::new(person, 7_000 + index as u64);
        for path in
            ["$export", "Patient/$export", "Patient/$export?_typeFilter=Observation%3Fsubject:Patient.gender%3Dfemale"]
        {
            let [is, other] = [0, 1].map(|world| exported(&runtime, &twins.worlds[world], path));
            for (one, another) in is.iter().zip(&other) {
                assert!(one == another, "{} {path}: {}", person.login, difference(one, another));
            }
            assert_eq!(is.len(), other.len(), "{} {path}", person.login);
            lines += is.iter().skip(2).map(|file| file.body.lines().count()).sum::<usize>();
        }
    }
    assert!(lines > 500, "only {lines} lines were compared");
}
