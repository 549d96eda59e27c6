//! The policies as text: those of the house and those of the site, parsed, validated, each with its place.
//!
//! A policy is a Cedar policy with three annotations: `@id` names it in receipts, `@says` tells in plain words what it
//! permits or forbids, `@source` names the law. A site's policy with the id of one of the house takes its place.

use super::world;
use crate::error::Fault;
use cedar_policy::{Effect, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator};
use miette::Diagnostic;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::OnceLock;

const SCHEMA: &str = include_str!("chartroom.cedarschema");

/// The policies of the house, file by file.
const HOUSE: &[(&str, &str)] = &[
    ("01-everyone.cedar", include_str!("policies/01-everyone.cedar")),
    ("02-treatment.cedar", include_str!("policies/02-treatment.cedar")),
    ("03-record-room.cedar", include_str!("policies/03-record-room.cedar")),
    ("04-oversight.cedar", include_str!("policies/04-oversight.cedar")),
    ("05-patients.cedar", include_str!("policies/05-patients.cedar")),
    ("06-programs.cedar", include_str!("policies/06-programs.cedar")),
    ("07-sensitive.cedar", include_str!("policies/07-sensitive.cedar")),
];

/// One file of policies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// The name that errors show.
    pub name: String,
    /// The text.
    pub text: String,
}

/// What one policy says of itself, for receipts and pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// `@id`.
    pub id: String,
    /// `@says`: plain words.
    pub says: String,
    /// `@source`: the law.
    pub source: String,
    /// Whether it forbids.
    pub forbids: bool,
    /// The file and the line of the `@id`.
    pub place: (String, usize),
    /// Whether the site wrote it.
    pub of_site: bool,
}

/// Why a file of policies was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPolicy {
    /// The file's name.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for BadPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}, column {}: {}", self.file, self.line, self.column, self.reason)
    }
}

/// All policies that hold, validated.
#[derive(Clone, Debug)]
pub struct Policies {
    set: PolicySet,
    said: BTreeMap<String, Said>,
    /// The site's files.
    site: Vec<PolicyFile>,
    /// Why nothing is permitted.
    misunderstood: Vec<BadPolicy>,
}

impl Policies {
    /// The policies of the house alone.
    ///
    /// # Panics
    /// If the embedded policies do not hold together: the build is broken, and a test says so first.
    #[must_use]
    pub fn house() -> &'static Policies {
        static HOUSE_POLICIES: OnceLock<Policies> = OnceLock::new();
        HOUSE_POLICIES.get_or_init(|| {
            Policies::with_site(&[]).unwrap_or_else(|bad| panic!("the embedded policies are wrong: {}", list(&bad)))
        })
    }

    /// The policies of the house and those of the site. A site's policy takes the place of the one with its id.
    pub fn with_site(site: &[PolicyFile]) -> Result<Policies, Vec<BadPolicy>> {
        let house = HOUSE.iter().map(|(name, text)| PolicyFile { name: (*name).to_owned(), text: (*text).to_owned() });
        let house: Vec<PolicyFile> = house.collect();
        let mut found: BTreeMap<String, (Policy, Said)> = BTreeMap::new();
        let mut bad = Vec::new();
        for (file, of_site) in house.iter().map(|f| (f, false)).chain(site.iter().map(|f| (f, true))) {
            match read(file, of_site) {
                Ok(policies) => policies.into_iter().for_each(|one| bad.extend(place(&mut found, one))),
                Err(why) => bad.extend(why),
            }
        }
        if bad.is_empty() { assemble(found, site) } else { Err(bad) }
    }

    /// No policy: nothing is permitted to anybody, because the site's were misunderstood.
    #[must_use]
    pub fn closed(misunderstood: Vec<BadPolicy>) -> Policies {
        Policies { set: PolicySet::new(), said: BTreeMap::new(), site: Vec::new(), misunderstood }
    }

    /// Why nothing is permitted; empty where the policies hold.
    pub fn misunderstood(&self) -> &[BadPolicy] {
        &self.misunderstood
    }

    /// Whether these are the site's files, and they hold.
    #[must_use]
    pub fn is_of(&self, site: &[PolicyFile]) -> bool {
        self.misunderstood.is_empty() && self.site == site
    }

    /// One policy as Cedar text.
    #[must_use]
    pub fn text(&self, id: &str) -> Option<String> {
        self.set.policy(&PolicyId::new(id)).map(ToString::to_string)
    }

    /// Cedar's form.
    pub(super) fn set(&self) -> &PolicySet {
        &self.set
    }

    /// What each policy says, by id.
    pub fn said(&self) -> impl Iterator<Item = &Said> {
        self.said.values()
    }

    /// What one policy says.
    #[must_use]
    pub fn says(&self, id: &str) -> Option<&Said> {
        self.said.get(id)
    }
}

/// The `*.cedar` files of a directory, in alphabetical order.
pub fn read_site(dir: &Path) -> Result<Vec<PolicyFile>, Fault> {
    let fault = |source| Fault::file("reading the policies in", dir, source);
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        paths.extend(path.extension().is_some_and(|e| e == "cedar").then_some(path));
    }
    paths.sort();
    paths.iter().map(|path| read_file(path)).collect()
}

/// One file of policies, by its name without the directory.
pub fn read_file(path: &Path) -> Result<PolicyFile, Fault> {
    let text = std::fs::read_to_string(path).map_err(|source| Fault::file("reading", path, source))?;
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(PolicyFile { name: name.to_string_lossy().into_owned(), text })
}

/// Adds a policy. Two of one site (or one house) may not share an id.
fn place(found: &mut BTreeMap<String, (Policy, Said)>, one: (Policy, Said)) -> Option<BadPolicy> {
    let id = one.1.id.clone();
    let before = found.get(&id).filter(|(_, said)| said.of_site == one.1.of_site).map(|(_, said)| said.place.clone());
    if let Some((file, line)) = before {
        let reason = format!("the policy `{id}` stands already in {file}, line {line}");
        return Some(BadPolicy { file: one.1.place.0, line: one.1.place.1, column: 1, reason });
    }
    found.insert(id, one);
    None
}

fn assemble(found: BTreeMap<String, (Policy, Said)>, site: &[PolicyFile]) -> Result<Policies, Vec<BadPolicy>> {
    let mut set = PolicySet::new();
    let mut said = BTreeMap::new();
    let mut bad = Vec::new();
    let validator = Validator::new(schema().clone());
    for (id, (policy, words)) in found {
        let (file, line) = &words.place;
        let text = site.iter().find(|known| words.of_site && known.name == *file).map_or("", |known| &known.text);
        for (offset, reason) in invalid(&validator, &policy) {
            let (line, column) = offset.filter(|_| !text.is_empty()).map_or((*line, 1), |offset| at(text, offset));
            bad.push(BadPolicy { file: file.clone(), line, column, reason });
        }
        let added = set.add(policy).err();
        bad.extend(added.map(|why| BadPolicy { file: file.clone(), line: *line, column: 1, reason: why.to_string() }));
        said.insert(id, words);
    }
    let (site, misunderstood) = (site.to_vec(), Vec::new());
    if bad.is_empty() { Ok(Policies { set, said, site, misunderstood }) } else { Err(bad) }
}

/// What Cedar's strict validator says against a policy. One at a time: its messages do not always say which they mean.
fn invalid(validator: &Validator, policy: &Policy) -> Vec<(Option<usize>, String)> {
    let alone = match PolicySet::from_policies([policy.clone()]) {
        Ok(alone) => alone,
        Err(why) => return vec![(None, why.to_string())],
    };
    let result = validator.validate(&alone, ValidationMode::Strict);
    result.validation_errors().map(|error| (offset_of(error), error.to_string())).collect()
}

/// Where in the file an error of Cedar's points.
fn offset_of(error: &dyn Diagnostic) -> Option<usize> {
    error.labels().and_then(|mut labels| labels.next()).map(|label| label.offset())
}

/// The schema of every question.
fn schema() -> &'static Schema {
    static SCHEMA_READ: OnceLock<Schema> = OnceLock::new();
    SCHEMA_READ.get_or_init(|| Schema::from_cedarschema_str(SCHEMA).expect("the embedded schema is Cedar").0)
}

/// Parses one file.
fn read(file: &PolicyFile, of_site: bool) -> Result<Vec<(Policy, Said)>, Vec<BadPolicy>> {
    let set = PolicySet::from_str(&file.text).map_err(|errors| {
        let bad = errors.iter().map(|error| {
            let (line, column) = offset_of(error).map_or((1, 1), |offset| at(&file.text, offset));
            BadPolicy { file: file.name.clone(), line, column, reason: error.to_string() }
        });
        bad.collect::<Vec<_>>()
    })?;
    let mut bad = Vec::new();
    if set.num_of_templates() > 0 {
        bad.push(BadPolicy {
            file: file.name.clone(),
            line: 1,
            column: 1,
            reason: "templates (`?principal`) are not used".to_owned(),
        });
    }
    let read = set.policies().map(|policy| named(file, policy, of_site));
    let mut policies = Vec::new();
    read.for_each(|one| match one {
        Ok(one) => policies.push(one),
        Err(why) => bad.push(why),
    });
    if bad.is_empty() { Ok(policies) } else { Err(bad) }
}

/// A policy under its own name, with its words; refused when one of them is missing or it names what does not exist.
fn named(file: &PolicyFile, policy: &Policy, of_site: bool) -> Result<(Policy, Said), BadPolicy> {
    let id = policy.annotation("id").unwrap_or_default();
    let line = line_after(&file.text, &format!("@id(\"{id}\")"));
    let bad = |(line, column), reason| BadPolicy { file: file.name.clone(), line, column, reason };
    let (says, source) =
        (policy.annotation("says").unwrap_or_default(), policy.annotation("source").unwrap_or_default());
    for (name, value) in [("id", id), ("says", says), ("source", source)] {
        if value.trim().is_empty() {
            return Err(bad((line, 1), format!("the policy {} has no @{name}(\"...\")", called(id, policy))));
        }
    }
    if let Some(unknown) = policy.entity_literals().iter().find(|uid| !names().contains(&uid.to_string())) {
        let written = unknown.to_string();
        let near = base::near::nearest(&written, names().iter().map(String::as_str));
        let hint = near.map_or_else(String::new, |near| format!("; did you mean {near}?"));
        return Err(bad(
            word_at(&file.text, line, &written),
            format!("the policy `{id}` names {written}, which does not exist{hint}"),
        ));
    }
    let said = Said {
        id: id.to_owned(),
        says: says.to_owned(),
        source: source.to_owned(),
        forbids: policy.effect() == Effect::Forbid,
        place: (file.name.clone(), line),
        of_site,
    };
    Ok((policy.new_id(PolicyId::new(id)), said))
}

fn called(id: &str, policy: &Policy) -> String {
    if id.is_empty() {
        format!("number {}", policy.id().to_string().trim_start_matches("policy"))
    } else {
        format!("`{id}`")
    }
}

/// Everything a policy may name, as Cedar writes it.
fn names() -> &'static HashSet<String> {
    static NAMES: OnceLock<HashSet<String>> = OnceLock::new();
    NAMES.get_or_init(|| world::known().map(|entity| entity.uid().to_string()).collect())
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn line_after(text: &str, words: &str) -> usize {
    text.find(words).map_or(1, |offset| line_of(text, offset))
}

/// Line and column of a byte of a text, from 1.
fn at(text: &str, offset: usize) -> (usize, usize) {
    let begin =
        text.as_bytes()[..offset.min(text.len())].iter().rposition(|byte| *byte == b'\n').map_or(0, |nl| nl + 1);
    let column = text.get(begin..offset.min(text.len())).map_or(1, |before| before.chars().count() + 1);
    (line_of(text, offset), column)
}

/// Where the words first stand from a line on; else the beginning of that line.
fn word_at(text: &str, from: usize, words: &str) -> (usize, usize) {
    let later = text.lines().enumerate().skip(from.saturating_sub(1));
    let found = later.filter_map(|(number, line)| Some((number + 1, line[..line.find(words)?].chars().count() + 1)));
    found.take(1).next().unwrap_or((from, 1))
}

fn list(bad: &[BadPolicy]) -> String {
    bad.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site(text: &str) -> Result<Policies, Vec<BadPolicy>> {
        Policies::with_site(&[PolicyFile { name: "site.cedar".to_owned(), text: text.to_owned() }])
    }

    const WORDS: &str = "@says(\"x\")\n@source(\"house rule\")\n";

    #[test]
    fn the_policies_of_the_house_are_valid_and_explain_themselves() {
        let policies = Policies::house();
        assert!(policies.said().count() > 20);
        for said in policies.said() {
            assert!(said.says.ends_with('.'), "{}", said.id);
            assert!(said.place.1 > 0 && !said.of_site);
        }
    }

    #[test]
    fn a_site_adds_and_replaces() {
        let house = Policies::house().said().count();
        let rule = |id: &str| format!("@id(\"{id}\")\n{WORDS}forbid (principal in Role::\"nurse\", action, resource);");
        let added = site(&rule("no-nurses")).expect("valid");
        assert_eq!(added.said().count(), house + 1);
        let replaced = site(&rule("nurse-care")).expect("valid");
        assert_eq!(replaced.said().count(), house);
        assert!(replaced.says("nurse-care").is_some_and(|said| said.forbids && said.of_site));
    }

    #[test]
    fn a_wrong_policy_is_refused_with_its_line_and_reason() {
        let named = |rest: &str| format!("@id(\"a\")\n{WORDS}{rest}");
        let cases = [
            (named("permit (principal, action,\n resource"), (5, 10), "unexpected"),
            (format!("{WORDS}permit (principal, action, resource);"), (1, 1), "has no @id"),
            ("@id(\"a\")\npermit (principal, action, resource);".to_owned(), (1, 1), "has no @says"),
            (
                named("permit (principal in\nRole::\"phisician\", action, resource);"),
                (5, 1),
                "did you mean Role::\"physician\"?",
            ),
            (
                named("permit (principal, action, resource in Class::\"chrat\");"),
                (4, 40),
                "Class::\"chrat\", which does not exist",
            ),
            (named("permit (principal, action, resource) when { context.reason == \"x\" };"), (4, 45), "reason"),
            (named("permit (principal, action, resource) when { context.purpose == \"TREAT\" };"), (4, 45), "types"),
            (named("permit (principal == ?principal, action, resource);"), (1, 1), "templates"),
            (format!("{0}\n{0}", named("forbid (principal, action, resource);")), (1, 1), "stands already"),
        ];
        for (text, place, reason) in cases {
            let bad = site(&text).expect_err(&text);
            assert!(bad[0].reason.contains(reason), "{text}\n{}", list(&bad));
            assert_eq!((bad[0].line, bad[0].column), place, "{text}\n{}", list(&bad));
            assert!(bad[0].to_string().starts_with("site.cedar, line "));
        }
    }
}
