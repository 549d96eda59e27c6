//! The floors and the homes: who may use whom, and what lives only where.
//!
//! The picture is in ARCHITECTURE.md. A crate uses the floors below it, never its neighbour, never a floor above.

use crate::tree;

/// Crates by floor.
const FLOORS: &[(&str, u8)] = &[
    ("base", 0),
    ("fhir", 1),
    ("vault", 2),
    ("web", 3),
    ("formats", 3),
    ("rooms", 4),
    ("analytics", 4),
    ("chartroom", 5),
];

/// Dependencies that have one home.
const GUESTS: &[(&str, &[&str])] = &[
    ("rusqlite", &["vault"]),
    // web seals the links of pages with it; the keys of the record stay in vault.
    ("aws-lc-rs", &["vault", "web"]),
    ("argon2", &["vault"]),
    ("qrcodegen", &["web"]),
    ("signed_note", &["vault"]),
    ("tlog_tiles", &["vault"]),
    ("zip", &["rooms"]),
    ("axum", &["web"]),
    ("hyper", &["web"]),
    ("hyper-util", &["web"]),
    ("rustls", &["web"]),
    ("tokio-rustls", &["web"]),
    ("tokio", &["web", "chartroom"]),
    ("clap", &["chartroom"]),
    ("getrandom", &["base"]),
    ("rand", &[]),
    ("chrono", &[]),
    ("openssl", &[]),
];

/// Words in the source that have one home, and why.
const WORDS: &[(&str, &[&str], &str)] = &[
    ("SystemTime::now", &["crates/base/src/clock.rs"], "a test owns the clock: base::clock::Clock"),
    ("Timestamp::now", &["crates/base/src/clock.rs"], "a test owns the clock: base::clock::Clock"),
    ("Zoned::now", &["crates/base/src/clock.rs"], "a test owns the clock: base::clock::Clock"),
    (
        // The monotonic clock measures how long something took; it never decides what is written.
        "Instant::now()",
        &["crates/vault/src/", "crates/web/src/", "crates/chartroom/src/"],
        "pure crates have no time",
    ),
    ("getrandom", &["crates/base/src/id.rs"], "a seed replays a test: base::id::Ids"),
    ("std::fs", &["crates/vault/src/", "crates/chartroom/src/"], "only the vault and the command line touch disk"),
    ("fs::File", &["crates/vault/src/", "crates/chartroom/src/"], "only the vault and the command line touch disk"),
    ("std::net", &["crates/web/src/", "crates/chartroom/src/"], "only web speaks HTTP"),
    ("env::var", &["crates/chartroom/src/"], "configuration is an argument"),
    ("println!", &["crates/chartroom/src/"], "a library prints nothing: PHI could be in it"),
    (
        "eprintln!",
        &[
            "crates/chartroom/src/",
            "crates/web/src/answer.rs",
            "crates/web/src/server.rs",
            "crates/web/src/witnesses/mod.rs",
        ],
        "faults are logged where they are handled, once, without a value of the record",
    ),
];

#[test]
fn a_crate_uses_only_the_floors_below() {
    let floor = |name: &str| FLOORS.iter().find(|(n, _)| *n == name).map(|(_, floor)| *floor);
    for (name, manifest) in manifests() {
        let own = floor(&name).unwrap_or_else(|| panic!("crates/{name} has no floor; see ARCHITECTURE.md"));
        for used in dependencies(&manifest, &["dependencies", "dev-dependencies", "build-dependencies"]) {
            if let Some(below) = floor(&used) {
                assert!(below < own, "{name} (floor {own}) uses {used} (floor {below})");
            }
        }
    }
}

#[test]
fn a_heavy_dependency_stays_at_home() {
    for (name, manifest) in manifests() {
        for used in dependencies(&manifest, &["dependencies", "build-dependencies"]) {
            if let Some((_, homes)) = GUESTS.iter().find(|(guest, _)| *guest == used) {
                assert!(homes.contains(&name.as_str()), "{name} depends on {used}, whose home is {homes:?}");
            }
        }
    }
}

#[test]
fn clock_random_disk_and_network_are_touched_only_at_home() {
    let mut strays = Vec::new();
    for (name, text) in tree::rust_files("crates") {
        if !name.contains("/src/") {
            continue;
        }
        for (number, line) in tree::program_lines(&text) {
            for (word, homes, why) in WORDS {
                if says(line, word) && !homes.iter().any(|home| name.starts_with(home)) {
                    strays.push(format!("{name}:{number}: {word}: {why}"));
                }
            }
        }
    }
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

/// Whether a line has the word, and not as the end of a longer one (`eprintln!` is not `println!`).
fn says(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_'))
}

fn manifests() -> Vec<(String, String)> {
    let folder = tree::root().join("crates");
    let mut found: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("Cargo.toml").exists())
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path.join("Cargo.toml")).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// The names in some tables of a manifest. Our manifests write one dependency a line.
fn dependencies(manifest: &str, tables: &[&str]) -> Vec<String> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            inside = tables.iter().any(|t| table == *t || (table.starts_with("target.") && table.ends_with(t)));
        } else if inside && !line.is_empty() && !line.starts_with('#') {
            names.extend(line.split(['.', '=', ' ']).next().map(str::to_owned));
        }
    }
    names
}
