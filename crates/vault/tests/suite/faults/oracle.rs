//! What must be true of a store after whatever happened to it.

use std::collections::HashMap;
use std::path::Path;
use vault::access::Visit;
use vault::{Vault, Version};

/// Opens the store as it lies there and names every promise it breaks, given what was acknowledged.
///
/// An acknowledgement is `Type id version deleted text;` once for each resource written together.
pub fn broken<'a>(dir: &Path, acknowledged: impl Iterator<Item = &'a str>) -> Vec<String> {
    let acknowledged: Vec<&str> = acknowledged.collect();
    let nothing = !dir.join("record.sqlite").exists();
    if nothing && acknowledged.is_empty() {
        return Vec::new();
    }
    let vault = match Vault::open(super::options(dir)) {
        Ok(vault) => vault,
        Err(error) => return vec![format!("does not open: {error}")],
    };
    let mut broken = Vec::new();
    for one in acknowledged.iter().flat_map(|line| line.split(';')).filter(|one| !one.is_empty()) {
        if let Err(what) = is_kept(&vault, one) {
            broken.push(format!("{one}: {what}"));
        }
    }
    broken.extend(gaps(&vault));
    broken.extend(halves(&vault));
    broken.extend(unindexed(&vault));
    drop(vault);
    broken.extend(altered(dir));
    broken
}

fn is_kept(vault: &Vault, one: &str) -> Result<(), String> {
    let words: Vec<&str> = one.split(' ').collect();
    let [resource_type, id, version, deleted, text] = words[..] else { return Err("is not an acknowledgement".into()) };
    let found = vault.vread(&Visit::operator(), resource_type, id, version.parse().unwrap());
    let found: Version = found.map_err(|e| e.to_string())?.ok_or("is missing")?;
    if found.deleted != (deleted == "true") {
        return Err("is deleted where it was not, or the other way round".into());
    }
    if !found.deleted && !String::from_utf8_lossy(&found.body).contains(text) {
        return Err("says something else".into());
    }
    Ok(())
}

/// Everything that was ever written, oldest first.
fn everything(vault: &Vault) -> Result<Vec<Version>, String> {
    let all = vault.history(&Visit::operator(), &vault::records::Scope::System, vault.head(), None, 1_000_000);
    let mut all = all.map_err(|error| format!("the history cannot be read: {error}"))?;
    all.reverse();
    Ok(all)
}

/// What was written together is there together: a patient, then its observation with the same note.
///
/// Only a round that deletes may leave the patient alone, when there was nothing to delete.
fn halves(vault: &Vault) -> Vec<String> {
    let all = everything(vault).unwrap_or_default();
    let note = |version: &Version| {
        let text = String::from_utf8_lossy(&version.body).into_owned();
        text.split_once("note-").and_then(|(_, rest)| rest.split_once('"')).map(|(note, _)| note.to_owned())
    };
    let mut broken = Vec::new();
    for (i, version) in all.iter().enumerate() {
        let beside =
            if version.resource_type == "Patient" { all.get(i + 1) } else { i.checked_sub(1).map(|i| &all[i]) };
        let beside = beside.filter(|b| b.resource_type != version.resource_type && b.id == version.id);
        let deletes =
            note(version).is_some_and(|n| n.rsplit('-').next().is_some_and(|r| r.parse::<u32>().unwrap() % 5 == 4));
        let whole = match beside {
            None => version.resource_type == "Patient" && deletes,
            Some(beside) => version.deleted || beside.deleted || note(beside) == note(version),
        };
        if !whole {
            broken.push(format!("{} {} version {} stands alone", version.resource_type, version.id, version.version));
        }
    }
    broken
}

/// Versions count 1, 2, 3, ...
fn gaps(vault: &Vault) -> Vec<String> {
    let all = match everything(vault) {
        Ok(all) => all,
        Err(error) => return vec![error],
    };
    let mut broken = Vec::new();
    let mut next: HashMap<(&str, &str), u64> = HashMap::new();
    for version in &all {
        let expected = next.entry((&version.resource_type, &version.id)).or_insert(1);
        if version.version != *expected {
            broken.push(format!(
                "{} {} has version {} where {expected} follows",
                version.resource_type, version.id, version.version
            ));
        }
        *expected = version.version + 1;
    }
    broken
}

/// Every current version is found by search.
fn unindexed(vault: &Vault) -> Vec<String> {
    let mut broken = Vec::new();
    for resource_type in ["Patient", "Observation"] {
        let now = vault.clock().now();
        let query = fhir::search::query::parse(Some(resource_type), &[], true, now).unwrap();
        let page = vault::search::Page { count: 1000, ..Default::default() };
        let found = match vault.search(&Visit::operator(), &query, &page) {
            Ok(found) => found.matches,
            Err(error) => return vec![format!("search fails: {error}")],
        };
        for version in found {
            let current = vault.read(&Visit::operator(), resource_type, &version.id, None).unwrap().unwrap();
            if current != version {
                broken.push(format!("search gives {resource_type} {} as it is not", version.id));
            }
        }
    }
    broken
}

/// `verify` finds nothing altered, indexes included.
fn altered(dir: &Path) -> Vec<String> {
    match Vault::verify(&super::options(dir), &|_, _| {}) {
        Ok(report) => report.altered.iter().map(|a| format!("verify: {a:?}")).collect(),
        Err(error) => vec![format!("verify cannot run: {error}")],
    }
}
