//! The steps: what is run, and whether it went well.

use crate::tally::Tally;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// A step and how it ended.
pub struct Step {
    /// Whether it went well.
    pub ok: bool,
}

/// What is needed and not there, each with the way to get it. Components of the toolchain are added when rustup can.
pub fn missing_tools() -> Vec<String> {
    let mut missing = Vec::new();
    for (tool, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        let there = || quiet(cargo().args([tool, "--version"]));
        let added = || quiet(Command::new("rustup").args(["component", "add", component])) && there();
        if !(there() || added()) {
            missing.push(format!("`cargo {tool}` is missing.\nnext: rustup component add {component}"));
        }
    }
    if !["cc", "gcc", "clang"].iter().any(|compiler| quiet(Command::new(compiler).arg("--version"))) {
        missing.push(
            "A C compiler is missing: SQLite, zstd and AWS-LC are built from source.\n\
             next: install gcc or clang with the system's package manager"
                .to_owned(),
        );
    }
    missing
}

/// Formatting, lints and documentation.
pub fn check() -> Vec<Step> {
    let mut doc = cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"]);
    // Everything is documented, the private parts too, so a link to one of those leads somewhere.
    doc.env("RUSTDOCFLAGS", "-D warnings -A rustdoc::private-intra-doc-links");
    vec![
        run("formatting", cargo().args(["fmt", "--all", "--check"])),
        run("lints", cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"])),
        run("documentation", &mut doc),
    ]
}

/// Runs every test once and counts; answers whether all could be built and run.
pub fn tests(tally: &mut Tally) -> bool {
    eprintln!("== tests");
    let mut command = cargo();
    command.args(["test", "--workspace", "--no-fail-fast", "--", "--show-output"]).stdout(Stdio::piped());
    let Ok(mut child) = command.spawn() else { return false };
    let before = tally.failed();
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufReader::lines) {
        let line = line.unwrap_or_else(|_| "(a line that is not UTF-8)".to_owned());
        if tally.line(&line) {
            println!("{line}");
        }
    }
    let ok = child.wait().is_ok_and(|status| status.success());
    // Failures of single tests are counted where they are named; only a build or a binary that broke adds one more.
    ok || tally.failed() > before
}

/// Runs the tests so that they write their golden files.
pub fn bless(args: &[String]) -> bool {
    run("golden files", cargo().args(["test", "--workspace"]).args(args).env("BLESS", "1")).ok
}

/// Measures, and writes the chapter of the manual; imports Synthea patients where they are.
pub fn bench(args: &[String]) -> bool {
    let mut all = vec!["--out".to_owned(), "docs/manual/performance.md".to_owned()];
    let synthea = "../shared/data/synthea";
    if std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(synthea).is_dir() {
        all.extend(["--synthea".to_owned(), synthea.to_owned()]);
    }
    all.extend_from_slice(args);
    program("bench", &all)
}

/// Looks for leaks for as long as it takes: hours for a million requests. A seed replays what was found.
pub fn worlds(args: &[String]) -> bool {
    let mut command = cargo();
    command.args(["test", "--release", "--package", "web", "--test", "suite", "two_worlds", "--", "--nocapture"]);
    command.env("TWO_WORLDS", args.first().map_or("1000000", String::as_str));
    if let Some(seed) = args.get(1) {
        command.env("TWO_WORLDS_SEED", seed);
    }
    run("two worlds", &mut command).ok
}

/// Builds the release program and runs one of its commands.
pub fn program(command: &str, args: &[String]) -> bool {
    run(command, cargo().args(["run", "--release", "--package", "chartroom", "--", command]).args(args)).ok
}

fn run(name: &str, command: &mut Command) -> Step {
    eprintln!("== {name}");
    let ok = command.status().is_ok_and(|status| status.success());
    if !ok {
        eprintln!("== {name}: failed");
    }
    Step { ok }
}

fn quiet(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command
}
