//! Deeds at a desk of the rooms, by the operator: named texts about one request.

use super::deed::Note;
use super::{Done, amendment, release};
use crate::stop::Stop;
use fhir::json::Json;
use vault::access::Visit;
use vault::access::audit::Deed;
use vault::{Error, Vault};

/// Bytes of one answer, so that it fits through the door.
const ANSWER_BYTES_MAX: usize = 900 << 10;

/// A desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Desk {
    /// Release of information.
    Release,
    /// Amendments.
    Amendment,
}

impl Desk {
    const ALL: [Desk; 2] = [Desk::Release, Desk::Amendment];

    /// As the command is called.
    const fn code(self) -> &'static str {
        match self {
            Desk::Release => "release",
            Desk::Amendment => "amendment",
        }
    }

    fn act(self) -> fn(&DeskDeed, &Vault, &Visit) -> Result<String, Error> {
        match self {
            Desk::Release => release::act,
            Desk::Amendment => amendment::act,
        }
    }

    const fn whats(self) -> &'static [&'static str] {
        match self {
            Desk::Release => &release::WHATS,
            Desk::Amendment => &amendment::WHATS,
        }
    }

    /// Said when it was not done.
    pub const fn undone(self) -> &'static str {
        match self {
            Desk::Release => "Nothing was done at the release desk, and nothing was sent.",
            Desk::Amendment => "Nothing was done about amendments.",
        }
    }

    /// Said when nobody answered any more.
    pub const fn look(self) -> &'static str {
        match self {
            Desk::Release => "look with `chartroom release due` and `chartroom release show`",
            Desk::Amendment => "look with `chartroom release due` and `chartroom amendment show`",
        }
    }
}

/// A deed at a desk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeskDeed {
    pub(super) desk: Desk,
    pub(super) what: String,
    pub(super) id: String,
    pub(super) words: Vec<(String, String)>,
}

impl DeskDeed {
    /// A deed, about a request if it is about one.
    pub fn new(desk: Desk, what: &str, id: &str, words: Vec<(String, String)>) -> DeskDeed {
        DeskDeed { desk, what: what.to_owned(), id: id.to_owned(), words }
    }

    /// Where.
    pub fn desk(&self) -> Desk {
        self.desk
    }

    /// As it is sent.
    pub fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let words = self.words.iter().map(|(name, value)| Json::Array(vec![text(name), text(value)]));
        Json::object([
            ("do", text(self.desk.code())),
            ("what", text(&self.what)),
            ("id", text(&self.id)),
            ("words", Json::Array(words.collect())),
        ])
    }

    /// Reads what [`DeskDeed::write`] wrote. `None`: it is no such deed.
    pub fn read(json: &Json<'_>) -> Option<DeskDeed> {
        let word = |pair: &Json<'_>| match pair.items() {
            [name, value] => Some((name.as_str()?.to_owned(), value.as_str()?.to_owned())),
            _ => None,
        };
        let desk = Desk::ALL.into_iter().find(|desk| json.text("do") == Some(desk.code()))?;
        Some(DeskDeed {
            desk,
            what: json.text("what").filter(|what| desk.whats().contains(what))?.to_owned(),
            id: json.text("id")?.to_owned(),
            words: json.get("words")?.items().iter().map(word).collect::<Option<_>>()?,
        })
    }

    /// What the audit is to say of it. Whom it is about, the entry names by itself.
    pub fn noted(&self) -> Note {
        let deed = match self.what.as_str() {
            "send" => Deed::Disclose,
            "note" | "answer" => Deed::Create,
            "step" => Deed::Operation,
            _ => Deed::Search,
        };
        Note::new(deed, &format!("{} {}", self.desk.code(), self.what), "")
    }

    /// Does it.
    pub fn carry_out(&self, vault: &Vault, visit: &Visit) -> Result<Done, Stop> {
        let said = self.desk.act()(self, vault, visit).map_err(|e| Stop::vault(self.desk.undone(), e))?;
        if said.len() <= ANSWER_BYTES_MAX || self.what == "send" {
            return Ok(Done::well(said));
        }
        let next = "ask for one patient with --patient, or look at the page /release";
        Err(Stop::cannot(self.desk.undone(), "there is more of it than one answer holds", next))
    }
}

/// One line of JSON.
pub(super) fn json_line(json: &Json<'_>) -> String {
    format!("{}\n", String::from_utf8_lossy(&json.to_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deed_of_a_desk_is_read_as_it_was_written() {
        for desk in Desk::ALL {
            for what in desk.whats() {
                let deed = DeskDeed::new(desk, what, "1", vec![("a".to_owned(), "b \" c".to_owned())]);
                assert_eq!(DeskDeed::read(&deed.write()), Some(deed));
            }
            assert_eq!(DeskDeed::read(&DeskDeed::new(desk, "other", "", Vec::new()).write()), None);
        }
    }
}
