//! What a consent would change, as the gate answers it: everybody who sees something of the record, now and then.

use super::super::frame::table;
use super::super::{escape, words};
use fhir::json::Json;
use vault::Version;
use vault::access::{Role, Trial, Tried};

/// So many entries are named one by one; more are counted.
const NAMED_MAX: usize = 4;

/// The trial as a table, those for whom it changes something first.
pub fn shown(trial: &Trial) -> String {
    let (changed, same): (Vec<&Tried>, Vec<&Tried>) = trial.people.iter().partition(|tried| tried.now != tried.then);
    let row = |tried: &&Tried| {
        let roles: Vec<&str> = tried.roles.iter().map(Role::words).collect();
        vec![
            format!("{}<br><small>{}</small>", escape(&tried.name), escape(&roles.join(", "))),
            escape(tried.purpose.words()),
            sees(trial, &tried.now),
            change(trial, tried),
        ]
    };
    let heads = ["Who", "Comes for", "Sees now", "With this"];
    let first = match changed.is_empty() {
        true => {
            "<p role=\"status\">With this, nobody who has an account here sees more or less than now.</p>".to_owned()
        }
        false => table(&heads, changed.iter().map(row)),
    };
    let rest = match same.is_empty() {
        true => String::new(),
        false => format!(
            "<details><summary>{} for whom nothing changes</summary>{}</details>",
            people(same.len()),
            table(&heads[..3], same.iter().map(|tried| row(tried)[..3].to_vec()))
        ),
    };
    let left_out = match trial.left_out {
        0 => String::new(),
        more => format!("<p>{more} more accounts were not tried.</p>"),
    };
    format!(
        "<p>Tried on {} that you see yourself, for the purpose each usually comes for. Breaking the glass in an emergency is \
         not counted.</p>{first}{rest}{left_out}",
        entries(trial.chart.len())
    )
}

fn people(count: usize) -> String {
    if count == 1 { "1 person".to_owned() } else { format!("{count} people") }
}

fn entries(count: usize) -> String {
    if count == 1 { "the 1 entry".to_owned() } else { format!("the {count} entries") }
}

fn sees(trial: &Trial, seen: &[usize]) -> String {
    match seen.len() {
        0 => "nothing".to_owned(),
        all if all == trial.chart.len() => "everything".to_owned(),
        some if some * 2 > trial.chart.len() => {
            let hidden: Vec<usize> = (0..trial.chart.len()).filter(|i| !seen.contains(i)).collect();
            format!("all but {}", list(trial, &hidden))
        }
        _ => list(trial, seen),
    }
}

fn change(trial: &Trial, tried: &Tried) -> String {
    let lost: Vec<usize> = tried.now.iter().filter(|i| !tried.then.contains(i)).copied().collect();
    let won: Vec<usize> = tried.then.iter().filter(|i| !tried.now.contains(i)).copied().collect();
    let mut said = Vec::new();
    match (tried.then.is_empty(), tried.then.len() == trial.chart.len()) {
        (true, _) => said.push("<strong>sees nothing</strong>".to_owned()),
        (_, true) => said.push("<strong>sees everything</strong>".to_owned()),
        _ => {}
    }
    if !lost.is_empty() && !tried.then.is_empty() {
        said.push(format!("<strong>no longer</strong> {}", list(trial, &lost)));
    }
    if !won.is_empty() && tried.then.len() < trial.chart.len() {
        said.push(format!("<strong>newly</strong> {}", list(trial, &won)));
    }
    said.join("; ")
}

fn list(trial: &Trial, entries: &[usize]) -> String {
    let versions: Vec<&Version> = entries.iter().filter_map(|i| trial.chart.get(*i)).collect();
    if versions.len() <= NAMED_MAX {
        return versions.iter().map(|version| named(version)).collect::<Vec<_>>().join(", ");
    }
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for version in versions {
        match counts.iter_mut().find(|(kind, _)| *kind == version.resource_type) {
            Some((_, count)) => *count += 1,
            None => counts.push((&version.resource_type, 1)),
        }
    }
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(kind, count)| escape(&words::counted(kind, *count))).collect::<Vec<_>>().join(", ")
}

fn named(version: &Version) -> String {
    let Ok(resource) = Json::parse(&version.body) else { return escape(&version.resource_type) };
    match (version.resource_type.as_str(), words::happened(&resource)) {
        ("Patient", _) => words::counted("Patient", 1),
        (_, when) if when.is_empty() => escape(&words::title(&resource)),
        (_, when) => format!("{} ({})", escape(&words::title(&resource)), escape(&when)),
    }
}
