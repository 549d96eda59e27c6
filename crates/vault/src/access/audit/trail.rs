//! What a visit was shown so far: gathered by the gate, where it lets something through, so that no way of reading can
//! forget to say what it gave away.

use super::event::{ASKED_BYTES_MAX, Deed, NAMED_MAX};
use crate::keys::patients::{Kid, SHARED};
use crate::records::Version;
use std::collections::BTreeSet;

/// The questions of one bundle take at most this many bytes together.
const ASKED_IN_ALL_MAX: usize = 4 * ASKED_BYTES_MAX;

/// A question as one line of at most [`ASKED_BYTES_MAX`] bytes: what was sent must not look like a second one.
pub(crate) fn one_line(text: &str) -> String {
    text[..text.floor_char_boundary(ASKED_BYTES_MAX)].replace(char::is_control, "\u{fffd}")
}

/// What one request was shown and has changed.
#[derive(Debug, Default)]
pub(crate) struct Trail {
    pub patients: BTreeSet<Kid>,
    pub about: Vec<String>,
    /// What was asked besides the address.
    asked: String,
    /// How many questions found no room there.
    unlisted: u64,
    pub shown: u64,
    pub changed: u64,
    /// What it turned out to be, if not what it was taken for.
    pub deed: Option<Deed>,
    /// How much of what was shown the log has already, with a change; `None`: there is no entry of this request yet.
    pub told: Option<u64>,
    /// Whether the request was ended ([`Vault::close`](crate::Vault::close)).
    pub is_closed: bool,
}

impl Trail {
    /// Notes what is asked besides the address.
    pub fn ask(&mut self, text: &str) {
        if self.asked.len() + text.len() > ASKED_IN_ALL_MAX {
            self.unlisted += 1;
            return;
        }
        if !self.asked.is_empty() {
            self.asked.push('\n');
        }
        self.asked.push_str(&one_line(text));
    }

    /// What was asked besides the address, a question a line.
    pub fn asked(&self) -> String {
        match self.unlisted {
            0 => self.asked.clone(),
            more => format!("{}\n... and {more} more that found no room here", self.asked),
        }
    }

    /// Notes a version that is shown.
    pub fn show(&mut self, version: &Version) {
        self.shown += 1;
        self.touch(version);
    }

    /// Notes a version that was written.
    pub fn change(&mut self, version: &Version) {
        self.changed += 1;
        self.touch(version);
    }

    /// Notes whose information it is.
    pub fn concern(&mut self, kid: Kid) {
        if kid != SHARED {
            self.patients.insert(kid);
        }
    }

    fn touch(&mut self, version: &Version) {
        self.concern(version.kid);
        if self.about.len() < NAMED_MAX {
            // A contained resource is found under `Holder/id#inner`; the holder is what was shown.
            let id = version.id.split('#').next().unwrap_or_default();
            let about = format!("{}/{id}", version.resource_type);
            if !self.about.contains(&about) {
                self.about.push(about);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_one_line_and_what_finds_no_room_is_counted() {
        let mut trail = Trail::default();
        trail.ask("a\nPatient/zoe");
        trail.ask("b");
        assert_eq!(trail.asked(), "a\u{fffd}Patient/zoe\nb");
        (0..6).for_each(|_| trail.ask(&"x".repeat(ASKED_BYTES_MAX)));
        trail.ask("Patient/last");
        assert!(
            trail.asked().contains("Patient/last") && trail.asked().ends_with("and 3 more that found no room here")
        );
    }
}
