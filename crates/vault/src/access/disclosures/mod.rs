//! Disclosures: who outside received what of a patient, and the accounting of it (45 CFR 164.528; 42 CFR 2.25).
//!
//! What people send is recorded ([`entry`]), each in an entry of the log, sealed under the patient's key. What programs of
//! outside recipients read stands in the audit already and is derived from it ([`derived`]), so that nothing is kept twice
//! and nothing can be forgotten. [`basis`] says for each legal basis whether the accounting lists it, [`rules`] holds every
//! limit with its source, [`accounting`] applies them, [`request`] is the clock of an answer, [`suspension`] what an agency
//! may ask, [`letter`] what the patient gets. [`keeping`] asks the gate and keeps.

pub mod accounting;
pub mod basis;
mod derived;
pub mod entry;
mod keeping;
pub mod letter;
pub mod reading;
pub mod recipients;
pub mod report;
pub mod request;
mod requests;
pub mod rules;
#[cfg(test)]
mod spec;
pub mod suspension;

pub use accounting::{Accounting, Law, LeftOut, Period, Series};
pub use basis::Basis;
pub use entry::{Channel, Disclosure, Origin, Protocol};
pub use keeping::Ask;
pub use recipients::Recipient;
pub use request::Request;
pub use requests::Step;
pub use suspension::Suspension;

pub use base::day::Day;

use base::refusal::{Kind, Refusal};

/// Most characters of one text of an entry.
const TEXT_CHARS_MAX: usize = 2_000;

/// A text on one line, within bounds: a line of a letter must not look like two. Refused when it is too long.
fn line(name: &str, text: &str) -> Result<String, Refusal> {
    let line = text.trim().replace(char::is_control, " ");
    if line.chars().count() <= TEXT_CHARS_MAX {
        return Ok(line);
    }
    Err(wrong(format!("`{name}` takes at most {TEXT_CHARS_MAX} characters; say it more briefly")))
}

/// The same; refused when it is empty.
fn said(name: &str, text: &str) -> Result<String, Refusal> {
    let line = line(name, text)?;
    if line.is_empty() { Err(wrong(format!("`{name}` is missing; an accounting must say it"))) } else { Ok(line) }
}

/// The one of all whose id is this, or begins with it. Refused where there is none, and where it could be several.
fn meant<T>(what: &str, typed: &str, all: Vec<T>, id: fn(&T) -> &str) -> Result<T, Refusal> {
    let typed = typed.trim();
    let mut fit: Vec<T> = all.into_iter().filter(|one| !typed.is_empty() && id(one).starts_with(typed)).collect();
    if let Some(whole) = fit.iter().position(|one| id(one) == typed) {
        return Ok(fit.swap_remove(whole));
    }
    match fit.len() {
        0 => {
            let message = format!("there is no such {what} of this patient");
            Err(Refusal::new(Kind::NotFound, "not-found", message))
        }
        1 => Ok(fit.swap_remove(0)),
        _ => {
            let ids: Vec<&str> = fit.iter().map(id).collect();
            Err(wrong(format!("several {what}s begin so; write more of one of {}", ids.join(", "))))
        }
    }
}

fn wrong(message: impl Into<String>) -> Refusal {
    Refusal::new(Kind::Invalid, "business-rule", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_an_id_stands_for_it_while_no_other_begins_so() {
        for (typed, found) in [
            ("3f0c-1", Ok("3f0c-1")),
            ("3f0c", Ok("3f0c")),
            ("3f0c-2", Ok("3f0c-22")),
            ("9", Ok("9a")),
            (" 9a ", Ok("9a")),
            ("3", Err("several requests begin so; write more of one of 3f0c-1, 3f0c, 3f0c-22")),
            ("7", Err("there is no such request of this patient")),
            ("", Err("there is no such request of this patient")),
        ] {
            let said = meant("request", typed, vec!["3f0c-1", "3f0c", "3f0c-22", "9a"], |id| id);
            let said = said.map_err(|refusal| refusal.findings[0].message.to_string());
            assert_eq!(said, found.map_err(str::to_owned), "{typed:?}");
        }
    }
}
