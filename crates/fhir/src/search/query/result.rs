//! What the answer shall look like: `_sort`, `_count`, `_include`, ... (R4 search section 3.1.1.5).

use super::condition::{Read, Trouble, known, wrong};
use super::{Contained, Hidden, Include, Query, Sort, SortBy, Summary, Total};
use crate::calendar;
use crate::definitions::r4;
use crate::search::params::Kind;
use base::clock::Instant;
use base::finding::{Finding, Severity};
use base::refusal::Refusal;

/// The largest page.
pub const COUNT_MAX: u32 = 1000;
/// Keys of one order; elements of one list; includes of one query.
const LIST_MAX: usize = 100;

/// Takes the parameter if it is about the answer; gives the value as it was understood.
pub(super) fn read(query: &mut Query, name: &str, value: &str, hidden: &Hidden) -> Option<Read<String>> {
    let (base, modifier) = name.split_once(':').map_or((name, None), |(base, m)| (base, Some(m)));
    let plain = |read: Read<()>| match modifier {
        None => read.map(|()| value.to_owned()),
        Some(_) => Err(wrong(base, "it takes no modifier").into()),
    };
    Some(match base {
        "_sort" => plain(sort(query, value, hidden)),
        "_count" => match modifier {
            None => count(query, value).map_err(Trouble::from),
            Some(_) => Err(wrong(base, "it takes no modifier").into()),
        },
        "_total" => plain(total(query, value)),
        "_summary" => plain(summary(query, value)),
        "_elements" => plain(elements(query, value)),
        "_include" | "_revinclude" => include(query, base, modifier, value, hidden).map(|()| value.to_owned()),
        "_contained" => plain(contained(query, value)),
        "_containedType" => plain(contained_type(query, value)),
        "_asof" => plain(as_of(query, value)),
        "_format" | "_pretty" => plain(Ok(())),
        _ => return None,
    })
}

fn sort(query: &mut Query, value: &str, hidden: &Hidden) -> Read<()> {
    for key in value.split(',').filter(|k| !k.is_empty()) {
        let (code, descending) = key.strip_prefix('-').map_or((key, false), |code| (code, true));
        let by = sort_key(query, code, hidden)?;
        if query.sort.len() >= LIST_MAX {
            return Err(wrong("_sort", "fewer keys were expected").into());
        }
        query.sort.push(Sort { by, descending });
    }
    Ok(())
}

fn sort_key(query: &Query, code: &str, hidden: &Hidden) -> Read<SortBy> {
    match code {
        "_lastUpdated" => return Ok(SortBy::LastUpdated),
        "_id" => return Ok(SortBy::Id),
        _ => {}
    }
    let types: Vec<&str> = query.types.iter().map(String::as_str).collect();
    let [param] = known(hidden, &types, code)?[..] else {
        return Err(wrong("_sort", "this key is not the same in all types searched; search one type").into());
    };
    if param.paths.is_empty() || matches!(param.kind, Kind::Composite | Kind::Special) {
        return Err(wrong("_sort", format!("a {} parameter has no order", param.kind.code())).into());
    }
    Ok(SortBy::Param(param))
}

fn count(query: &mut Query, value: &str) -> Result<String, Refusal> {
    let digits = !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit());
    if !digits {
        return Err(wrong("_count", "a whole number, 0 or more, was expected"));
    }
    let asked = value.parse().unwrap_or(u32::MAX);
    if asked > COUNT_MAX {
        query.findings.push(Finding {
            severity: Severity::Information,
            code: "informational",
            path: String::new(),
            message: format!("a page has at most {COUNT_MAX} entries; follow the next links for the rest"),
        });
    }
    let count = asked.min(COUNT_MAX);
    query.count = Some(count);
    Ok(count.to_string())
}

fn total(query: &mut Query, value: &str) -> Read<()> {
    query.total = match value {
        "none" => Total::None,
        "estimate" | "accurate" => Total::Accurate,
        _ => return Err(wrong("_total", "none, estimate or accurate was expected").into()),
    };
    Ok(())
}

fn summary(query: &mut Query, value: &str) -> Read<()> {
    query.summary = match value {
        "false" => Summary::False,
        "true" => Summary::True,
        "text" => Summary::Text,
        "data" => Summary::Data,
        "count" => Summary::Count,
        _ => return Err(wrong("_summary", "true, false, text, data or count was expected").into()),
    };
    Ok(())
}

fn elements(query: &mut Query, value: &str) -> Read<()> {
    for name in value.split(',').filter(|n| !n.is_empty()) {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric());
        let there = query.types.is_empty() || query.types.iter().any(|t| has_element(t, name));
        if !plain || !there {
            let shown: String = name.chars().take(64).collect();
            return Err(Trouble::Unknown(format!("_elements: \"{shown}\" is not an element of the types searched")));
        }
        if query.elements.len() >= LIST_MAX {
            return Err(wrong("_elements", "fewer elements were expected").into());
        }
        query.elements.push(name.to_owned());
    }
    Ok(())
}

fn has_element(ty: &str, name: &str) -> bool {
    name == "resourceType" || r4().resource(ty).is_some_and(|t| t.element(name).is_some() || t.property(name).is_some())
}

fn include(query: &mut Query, name: &str, modifier: Option<&str>, value: &str, hidden: &Hidden) -> Read<()> {
    let iterate = match modifier {
        None => false,
        Some("iterate" | "recurse") => true,
        Some(_) => return Err(wrong(name, "it takes the modifier :iterate only").into()),
    };
    for text in value.split(',').filter(|t| !t.is_empty()) {
        let one = Include { iterate, ..one_include(name, text, hidden)? };
        let all = if name == "_include" { &mut query.include } else { &mut query.revinclude };
        if all.len() >= LIST_MAX {
            return Err(wrong(name, "fewer includes were expected").into());
        }
        if !all.contains(&one) {
            all.push(one);
        }
    }
    Ok(())
}

/// `*`, `Observation:*`, `Observation:subject`, `Observation:subject:Patient`.
fn one_include(name: &str, text: &str, hidden: &Hidden) -> Read<Include> {
    let mut parts = text.split(':');
    let source = parts.next().unwrap_or_default();
    let (param, target) = (parts.next(), parts.next().filter(|t| !t.is_empty()));
    let whole = Include { source: source.to_owned(), param: "*".to_owned(), target: None, iterate: false };
    if source == "*" && matches!(param, None | Some("*")) && target.is_none() {
        return Ok(whole);
    }
    let (Some(param), None) = (param, parts.next()) else {
        return Err(wrong(name, "Type:parameter or Type:parameter:TargetType was expected").into());
    };
    if r4().resource(source).is_none() {
        return Err(wrong(name, "the first part is not a resource type").into());
    }
    if target.is_some_and(|t| r4().resource(t).is_none()) {
        return Err(wrong(name, "the third part is not a resource type").into());
    }
    let target = target.map(str::to_owned);
    if param == "*" {
        return Ok(Include { target, ..whole });
    }
    let found = known(hidden, &[source], param)?[0];
    if found.kind != Kind::Reference {
        return Err(wrong(name, "only references can be followed").into());
    }
    if target.as_ref().is_some_and(|t| !found.targets.is_empty() && !found.targets.contains(t)) {
        return Err(wrong(name, "the parameter does not point to that type").into());
    }
    Ok(Include { param: param.to_owned(), target, ..whole })
}

fn contained(query: &mut Query, value: &str) -> Read<()> {
    query.contained = match value {
        "false" => Contained::Without,
        "true" => Contained::Only,
        "both" => Contained::Both,
        _ => return Err(wrong("_contained", "true, false or both was expected").into()),
    };
    Ok(())
}

fn contained_type(query: &mut Query, value: &str) -> Read<()> {
    query.contained_alone = match value {
        "container" => false,
        "contained" => true,
        _ => return Err(wrong("_containedType", "container or contained was expected").into()),
    };
    Ok(())
}

/// A moment, or the end of a day, month or year.
fn as_of(query: &mut Query, value: &str) -> Read<()> {
    let mended = value.replace(' ', "+");
    let moment = Instant::parse(&mended).or_else(|| calendar::span(&mended).map(|(_, last)| Instant(last)));
    let expected = || wrong("_asof", "a moment was expected, such as 2024-03-01T10:00:00Z or 2024-03-01");
    query.as_of = Some(moment.ok_or_else(expected)?);
    Ok(())
}
