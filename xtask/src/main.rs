//! The project's own commands: `cargo x check | test | bless | bench | demo | pack | worlds`.
//!
//! `cargo x` is an alias in `.cargo/config.toml`. Everything here calls cargo and tells what came of it; the program
//! itself knows nothing of this crate.

mod pack;
mod steps;
mod tally;

use std::process::ExitCode;

const USAGE: &str = "\
cargo x check          formatting, lints and documentation
cargo x test           everything that must hold before a change goes in; ends with one line of counts
cargo x bless [ARGS]   writes the program's answers into the golden files; read the diff before you commit it
cargo x bench [ARGS]   measures speed, memory and disk, and writes docs/manual/performance.md
cargo x demo [ARGS]    builds the release program and starts the demo hospital
cargo x pack [--from DIR]  makes packs/fhir-r4 of HL7's own files
cargo x worlds [N] [SEED]  puts N requests (1,000,000) to pairs of records that differ in what the caller may not see
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = args.split_first().map_or(("", &args[..]), |(c, rest)| (c.as_str(), rest));
    match command {
        "check" => code(steps::check().iter().all(|step| step.ok)),
        "test" => test(),
        "bless" => code(steps::bless(rest)),
        "bench" => code(steps::bench(rest)),
        "demo" => code(steps::program("demo", rest)),
        "pack" => pack(rest),
        "worlds" => code(steps::worlds(rest)),
        "" | "help" | "--help" | "-h" => {
            print!("{USAGE}");
            ExitCode::SUCCESS
        }
        unknown => {
            eprint!("There is no command `{unknown}`.\n\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// Runs the checks and all tests, and ends with `N passed, N failed, N skipped` alone on a line.
fn test() -> ExitCode {
    let missing = steps::missing_tools();
    if !missing.is_empty() {
        missing.iter().for_each(|line| eprintln!("{line}"));
        return ExitCode::from(2);
    }
    let mut tally = tally::Tally::default();
    for step in steps::check() {
        tally.step(step.ok);
    }
    let ran = steps::tests(&mut tally);
    tally.step(ran);
    println!("{tally}");
    code(tally.failed() == 0)
}

fn pack(args: &[String]) -> ExitCode {
    match pack::run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("{why}");
            ExitCode::from(2)
        }
    }
}

fn code(ok: bool) -> ExitCode {
    if ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
