//! Dependencies are what deny.toml lets in: licence, source, and one version of each. So it holds also where cargo-deny,
//! which looks at known weaknesses besides, is not installed.

use crate::tree;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[test]
fn every_licence_is_one_that_deny_toml_allows() {
    let allowed = texts(&rules()["licenses"]["allow"]);
    let mut wrong = Vec::new();
    for package in packages() {
        let (name, licence) = (&package["name"], package["license"].as_str().unwrap_or("none"));
        if !permits(licence, &allowed) {
            wrong.push(format!("{name}: {licence}"));
        }
    }
    assert!(wrong.is_empty(), "not allowed by deny.toml: {}", wrong.join(", "));
}

#[test]
fn every_package_comes_from_the_registry_or_from_here() {
    let root = tree::root().canonicalize().unwrap();
    for package in packages() {
        let is_ours = package["manifest_path"].as_str().is_some_and(|path| path.starts_with(root.to_str().unwrap()));
        match package["source"].as_str() {
            None => assert!(is_ours, "{} is a path outside of the repository", package["name"]),
            Some(source) => assert_eq!(source, REGISTRY, "{}", package["name"]),
        }
    }
}

#[test]
fn no_package_is_here_twice_without_a_reason_and_none_that_is_banned() {
    let rules = rules();
    let bans = &rules["bans"];
    let named = |table: &str| -> Vec<String> {
        let crates = bans[table].as_array().unwrap().iter();
        crates
            .map(|entry| {
                assert!(entry["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "no reason: {entry:?}");
                entry["crate"].as_str().unwrap().to_owned()
            })
            .collect()
    };
    let (skipped, banned) = (named("skip"), named("deny"));
    let mut versions: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, version) in built() {
        assert!(!banned.contains(&name) || is_wrapped(bans, &name), "{name} is banned by deny.toml");
        versions.entry(name).or_default().push(version);
    }
    let mut explained = Vec::new();
    for (name, all) in versions.iter().filter(|(_, all)| all.len() > 1) {
        let skip = |version: &String| skipped.iter().find(|skip| is_of(skip, name, version));
        explained.extend(all.iter().filter_map(skip));
        let left: Vec<_> = all.iter().filter(|version| skip(version).is_none()).collect();
        assert!(left.len() <= 1, "{name} is here as {}; explain one in deny.toml, [bans] skip", all.join(" and "));
    }
    let idle: Vec<_> = skipped.iter().filter(|skip| !explained.contains(skip)).collect();
    assert!(idle.is_empty(), "not here twice any more: {idle:?}");
}

/// Whether a banned package is used by nobody but those who are named as its wrappers.
fn is_wrapped(bans: &toml::Value, name: &str) -> bool {
    let entry = bans["deny"].as_array().unwrap().iter().find(|entry| entry["crate"].as_str() == Some(name));
    let wrappers = entry.and_then(|entry| entry.get("wrappers")).map_or_else(Vec::new, texts);
    let tree = ["tree", "--workspace", "--target", "all", "--depth", "1", "--prefix", "none", "--invert", name];
    let users = cargo(&tree);
    users.lines().skip(1).filter_map(|line| line.split(' ').next()).all(|user| wrappers.iter().any(|w| w == user))
}

/// Whether `name@0.10` is about a version.
fn is_of(skip: &str, name: &str, version: &str) -> bool {
    skip.split_once('@').is_some_and(|(of, start)| {
        of == name && version.strip_prefix(start).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// Whether an SPDX expression can be met with the allowed licences. `/` is the old way to write OR.
fn permits(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = any(&words, allowed);
    met && rest.is_empty()
}

fn any<'w>(words: &'w [&'w str], allowed: &[String]) -> (bool, &'w [&'w str]) {
    let (mut met, mut rest) = all(words, allowed);
    while let ["OR", more @ ..] = rest {
        let (other, after) = all(more, allowed);
        (met, rest) = (met || other, after);
    }
    (met, rest)
}

fn all<'w>(words: &'w [&'w str], allowed: &[String]) -> (bool, &'w [&'w str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let ["AND", more @ ..] = rest {
        let (other, after) = one(more, allowed);
        (met, rest) = (met && other, after);
    }
    (met, rest)
}

fn one<'w>(words: &'w [&'w str], allowed: &[String]) -> (bool, &'w [&'w str]) {
    let holds = |licence: &str| allowed.iter().any(|known| known == licence);
    match words {
        ["(", inner @ ..] => match any(inner, allowed) {
            (met, [")", rest @ ..]) => (met, rest),
            (_, rest) => (false, rest),
        },
        [licence, "WITH", exception, rest @ ..] => (holds(&format!("{licence} WITH {exception}")), rest),
        [licence, rest @ ..] => (holds(licence), rest),
        [] => (false, words),
    }
}

#[test]
fn a_licence_expression_is_read_as_spdx_has_it() {
    let allowed = ["MIT", "ISC", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("ISC AND (GPL-3.0 OR MIT)", true),
        ("(MIT OR GPL-3.0) AND (GPL-3.0)", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
        ("MIT)", false),
        ("(MIT", false),
        ("", false),
        ("none", false),
    ] {
        assert_eq!(permits(expression, &allowed), met, "{expression}");
    }
}

fn rules() -> toml::Table {
    std::fs::read_to_string(tree::root().join("deny.toml")).unwrap().parse().unwrap()
}

fn texts(list: &toml::Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// Every package that any target or feature may need.
fn packages() -> Vec<Value> {
    let mut metadata: Value = serde_json::from_str(&cargo(&["metadata", "--format-version", "1"])).unwrap();
    let packages = metadata["packages"].as_array_mut().map(std::mem::take).unwrap();
    assert!(packages.len() > 100, "{} packages", packages.len());
    packages
}

/// Name and version of every package that some target is built with, each once.
fn built() -> Vec<(String, String)> {
    let text = cargo(&["tree", "--workspace", "--target", "all", "--prefix", "none", "--format", "{p}"]);
    let mut all: Vec<(String, String)> = text
        .lines()
        .filter_map(|line| {
            let (name, rest) = line.split_once(" v")?;
            Some((name.to_owned(), rest.split([' ', '+']).next()?.to_owned()))
        })
        .collect();
    all.sort();
    all.dedup();
    assert!(all.len() > 100, "{} packages", all.len());
    all
}

fn cargo(arguments: &[&str]) -> String {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output = command.args(arguments).arg("--locked").current_dir(tree::root()).output().expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}
