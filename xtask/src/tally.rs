//! Counting what `cargo test` prints.
//!
//! libtest's JSON output is not stable yet, its text is: `test result: ok. 5 passed; 0 failed; 1 ignored; ...` ends
//! each binary. A test that could not run because its data is missing passes and prints a line that starts with
//! `skipped:`; with `--show-output` that line stands below `---- NAME stdout ----`, and the test counts as skipped.

use std::fmt;

/// What has been counted so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    section: Section,
}

#[derive(Debug, Default, PartialEq, Eq, Clone, Copy)]
enum Section {
    /// Cargo's own words and the list of tests.
    #[default]
    Plain,
    /// What passing tests printed.
    Output,
    /// The same, below a `skipped:` line of a test that was counted already.
    OutputSkipped,
}

impl Tally {
    /// Counts a step that is no test of its own: formatting, lints, or whether the tests could be built at all.
    pub fn step(&mut self, ok: bool) {
        if ok { self.passed += 1 } else { self.failed += 1 }
    }

    /// Takes one line of `cargo test -- --show-output`; answers whether a reader wants to see it.
    pub fn line(&mut self, line: &str) -> bool {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.section = Section::Plain;
            self.result(result);
            return true;
        }
        if line == "successes:" {
            self.section = Section::Output;
        } else if line == "failures:" {
            self.section = Section::Plain;
        }
        match self.section {
            Section::Plain => !line.starts_with("test ") || !line.ends_with(" ... ok"),
            Section::Output if line.starts_with("skipped:") => {
                self.section = Section::OutputSkipped;
                self.skipped += 1;
                self.passed = self.passed.wrapping_sub(1);
                true
            }
            Section::OutputSkipped if line.starts_with("---- ") => {
                self.section = Section::Output;
                false
            }
            Section::Output | Section::OutputSkipped => line.starts_with("skipped:"),
        }
    }

    /// How many failed.
    pub fn failed(&self) -> u64 {
        self.failed
    }

    fn result(&mut self, text: &str) {
        for part in text.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let (Some(Ok(n)), Some(what)) = (words.next().map(str::parse::<u64>), words.next()) else { continue };
            match what {
                "passed" => self.passed = self.passed.wrapping_add(n),
                "failed" => self.failed += n,
                "ignored" => self.skipped += n,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_says_it_was_skipped_does_not_count_as_passed() {
        let text = "\
running 4 tests
test a ... ok
test b ... ok
test c ... FAILED
test d ... ignored

successes:

---- a stdout ----
skipped: ../shared/data/fhir not found
skipped: ../shared/data/fhirpath not found

---- b stdout ----
something

successes:
    a
    b

failures:

---- c stdout ----
skipped: this is only what a failing test printed

test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s
";
        let mut tally = Tally::default();
        let shown: Vec<&str> = text.lines().filter(|line| tally.line(line)).collect();
        tally.step(true);
        assert_eq!(tally.to_string(), "2 passed, 1 failed, 2 skipped");
        assert!(!shown.contains(&"something") && !shown.contains(&"test a ... ok"));
        assert!(shown.contains(&"skipped: ../shared/data/fhir not found"));
    }
}
