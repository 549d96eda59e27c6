//! The versions of an entry: what changed each time, and any two compared.

use super::entry::chart_of;
use super::{Chart, Shown, changes, nothing, shown};
use crate::answer::Outcome;
use crate::pages::frame::{At, seated, table};
use crate::pages::{escape, words};
use crate::server::Shared;
use crate::sign_in::Asked;
use crate::sign_in::html::field;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use std::collections::HashMap;
use vault::access::audit::Deed;
use vault::records::Scope;
use vault::search::Page;
use vault::{Error, Position, Version};

/// Versions on a page.
const SHOWN: usize = 50;

/// `GET /entry/versions?about=TYPE/ID&below=POSITION`.
pub fn page(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::History, |at| {
        let (chart, kind, id) = named(at)?;
        let top = chart.position().unwrap_or_else(|| shared.vault.head());
        let below = at.text("below").parse().ok().map(Position).unwrap_or(top);
        let scope = Scope::Instance(kind.to_owned(), id.to_owned());
        // One more than is shown: what the last of them changed.
        let mut versions = shared.vault.history(&at.seat.visit, &scope, below.min(top), None, SHOWN + 1)?;
        versions.iter().for_each(|version| chart.note(version));
        let is_more = versions.len() > SHOWN;
        let writers = writers(&chart, kind, id)?;
        let rows: Vec<Vec<String>> =
            (0..versions.len().min(SHOWN)).map(|n| row(&chart, &versions, n, &writers)).collect();
        versions.truncate(SHOWN);
        let about = at.text("about");
        let older = versions.last().filter(|_| is_more).map(|last| {
            let to = chart.about("/entry/versions", about, &[("below", &last.position.0.to_string())]);
            format!("<p><a href=\"{to}\" rel=\"next\">Earlier versions</a></p>")
        });
        let body = format!(
            "<h2>Versions</h2><p><a href=\"{}\">{}</a></p>{}{}{}",
            chart.about("/entry", about, &[]),
            escape(&words::one(kind)),
            table(&["Version", "Written", "By", "What changed", ""], rows),
            older.unwrap_or_default(),
            chooser(&chart, about, &versions)
        );
        Ok(chart.page("Versions", &[("about", about)], &body))
    })
}

/// The chart, the type and the id of what the address names.
fn named<'a>(at: &'a At<'a>) -> Result<(Chart<'a>, &'a str, &'a str), Error> {
    let about = at.text("about");
    let (kind, id) = about.split_once('/').ok_or_else(|| nothing(about, ""))?;
    let vault = &at.shared.vault;
    let whole = vault.read(&at.seat.visit, kind, id, None)?.ok_or_else(|| nothing(kind, id))?;
    // A deletion does not say whose it was; the version before it does.
    let whole = match whole.deleted {
        false => Some(whole),
        true => vault.vread(&at.seat.visit, kind, id, whole.version.saturating_sub(1))?,
    };
    let chart = chart_of(at, &whole.ok_or_else(|| nothing(kind, id))?)?;
    Ok((chart.ok_or_else(|| nothing(kind, id))?, kind, id))
}

fn parsed(version: &Version) -> Json<'_> {
    Json::parse(&version.body).unwrap_or(Json::Null)
}

fn row(chart: &Chart<'_>, versions: &[Version], n: usize, writers: &HashMap<String, String>) -> Vec<String> {
    let version = &versions[n];
    let about = chart.at.text("about");
    let before = versions.get(n + 1);
    let number = version.version.to_string();
    let changed = match before {
        _ if version.deleted => "<span class=\"mark due\">✕ deleted</span>".to_owned(),
        Some(before) if before.deleted => "written again".to_owned(),
        Some(before) => escape(&changes::brief(&changes::between(&parsed(before), &parsed(version)), 4)),
        None if version.version == 1 => "first written".to_owned(),
        None => String::new(),
    };
    let whole = before.filter(|before| !before.deleted && !version.deleted).map(|before| {
        let pair = [("from", &*before.version.to_string()), ("to", &*number)];
        format!("<a class=\"nowrap\" href=\"{}\">Compare</a>", chart.about("/entry/changes", about, &pair))
    });
    let to = chart.about("/entry", about, &[("version", &number)]);
    vec![
        if version.deleted { number } else { format!("<a href=\"{to}\">{number}</a>") },
        words::time(version.updated),
        escape(writers.get(&version.version.to_string()).map_or("", String::as_str)),
        if changed.is_empty() { "<span class=\"soft\">nothing that people read</span>".to_owned() } else { changed },
        whole.unwrap_or_default(),
    ]
}

/// Who stands behind each version, as far as a Provenance of it names somebody.
fn writers(chart: &Chart<'_>, kind: &str, id: &str) -> Result<HashMap<String, String>, Error> {
    let about = format!("{kind}/{id}");
    let pairs = [("target", about.as_str()), ("_total", "none")];
    let found = match chart.at.find("Provenance", &pairs, &Page { at: None, offset: 0, count: SHOWN }) {
        Ok(found) => shown(found.matches),
        Err(Error::Refusal(refusal)) if matches!(refusal.kind, Kind::Forbidden | Kind::Malformed) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut writers = HashMap::new();
    for Shown { resource, .. } in &found {
        let agents = resource.get("agent").map_or(&[][..], Json::items).iter();
        let who = agents.filter_map(|agent| agent.get("who")?.text("display")).collect::<Vec<_>>().join(", ");
        for target in resource.get("target").map_or(&[][..], Json::items) {
            let named = target.text("reference").and_then(|text| text.strip_prefix(&about)?.strip_prefix("/_history/"));
            writers.extend(named.map(|number| (number.to_owned(), who.clone())));
        }
    }
    Ok(writers)
}

/// A form with which any two versions are compared.
fn chooser(chart: &Chart<'_>, about: &str, versions: &[Version]) -> String {
    let there: Vec<&Version> = versions.iter().filter(|version| !version.deleted).collect();
    if there.len() < 3 {
        return String::new();
    }
    let options = |chosen: usize| {
        let option = |(n, version): (usize, &&Version)| {
            let selected = if n == chosen { " selected" } else { "" };
            format!("<option{selected}>{}</option>", version.version)
        };
        there.iter().enumerate().map(option).collect::<String>()
    };
    let day = chart.then.as_ref().map(|then| field("asof", &then.text)).unwrap_or_default();
    format!(
        "<form method=\"get\" action=\"/entry/changes\">{}{day}<div class=\"side\"><div><label for=\"from\">From version</label>\
         <select id=\"from\" name=\"from\">{}</select></div><div><label for=\"to\">to version</label>\
         <select id=\"to\" name=\"to\">{}</select></div></div><button class=\"plain\">Compare</button></form>",
        field("about", about),
        options(there.len() - 1),
        options(0)
    )
}

/// `GET /entry/changes?about=TYPE/ID&from=N&to=N`: two versions, field by field.
pub fn compared(shared: &Shared, asked: &Asked) -> Outcome {
    seated(shared, asked, Deed::History, |at| {
        let (chart, kind, id) = named(at)?;
        let version = |name: &str| {
            let number = at.text(name).parse().unwrap_or(0);
            let found = shared.vault.vread(&at.seat.visit, kind, id, number)?;
            let known =
                |version: &Version| !version.deleted && chart.position().is_none_or(|then| version.position < then);
            let none = || Refusal::new(Kind::NotFound, "not-found", "there is no such version to compare");
            let found = found.filter(known).ok_or_else(none)?;
            chart.note(&found);
            Ok::<_, Error>(found)
        };
        let (from, to) = (version("from")?, version("to")?);
        let (before, after) = (parsed(&from), parsed(&to));
        let about = at.text("about");
        let raw = |json: &Json<'_>| {
            let mut pretty = Vec::new();
            json.write_pretty(&mut pretty);
            format!("<pre>{}</pre>", escape(&String::from_utf8_lossy(&pretty)))
        };
        let body = format!(
            "<h2>{}: version {} to {}</h2><p>Written {} and {}. <a href=\"{}\">All versions</a></p>{}\
             <details><summary>Both as they are kept (FHIR)</summary><div class=\"both\">{}{}</div></details>",
            escape(&words::one(kind)),
            from.version,
            to.version,
            words::time(from.updated),
            words::time(to.updated),
            chart.about("/entry/versions", about, &[]),
            changes::listed(&changes::between(&before, &after)),
            raw(&before),
            raw(&after)
        );
        let kept = [("about", about), ("from", at.text("from")), ("to", at.text("to"))];
        Ok(chart.page("Changes", &kept, &body))
    })
}
