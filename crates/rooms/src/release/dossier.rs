//! What the desk has decided about one request, as it is kept.

use super::package::Selection;
use super::rules::{Ground, Proof, Route};
use base::day::Day;
use base::duty::Extended;
use fhir::json::Json;

/// The route and what goes, as somebody decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The account.
    pub by: String,
    /// What was asked then ([`Request::fingerprint`](super::request::Request::fingerprint)): a request that says something
    /// else by now is decided about again.
    pub asked: String,
    /// The legal route.
    pub route: Route,
    /// What is in hand.
    pub proofs: Vec<Proof>,
    /// Who is to have it.
    pub recipient: String,
    /// Where they are.
    pub address: String,
    /// What for.
    pub purpose: String,
    /// What goes.
    pub selection: Selection,
    /// Why the whole chart goes where the minimum necessary applies.
    pub why_all: String,
}

/// Who looked at what is sensitive, and at which versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looked {
    /// The account.
    pub by: String,
    /// [`Package::digest`](super::package::Package::digest).
    pub digest: String,
}

/// That somebody looked at a page which has signs of another person's, and found that it is the patient's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleared {
    /// The account.
    pub by: String,
    /// When.
    pub on: Day,
    /// The version, as `Type/id/_history/n`.
    pub version: String,
    /// Why it is the patient's all the same.
    pub reason: String,
}

/// That it went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The account.
    pub by: String,
    /// When.
    pub on: Day,
    /// To whom.
    pub recipient: String,
    /// SHA-256 of the package's manifest.
    pub manifest: String,
    /// What went, as `Type/id/_history/n`.
    pub versions: Vec<String>,
}

/// That it was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The account.
    pub by: String,
    /// When.
    pub on: Day,
    /// Why.
    pub ground: Ground,
    /// In words of one's own.
    pub explains: String,
}

/// Everything that was decided.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The account that works on it.
    pub claimed: Option<String>,
    /// Route and selection.
    pub decided: Option<Decided>,
    /// The second look.
    pub looked: Option<Looked>,
    /// Pages that were looked at.
    pub cleared: Vec<Cleared>,
    /// How often it was put off.
    pub extended: Vec<Extended>,
    /// The fee that was told, in cents.
    pub cents: Option<u64>,
    /// That it went.
    pub delivered: Option<Delivered>,
    /// That it was refused.
    pub refused: Option<Refused>,
}

impl State {
    /// As it is kept.
    #[must_use]
    pub fn write(&self) -> Json<'static> {
        let mut members = Vec::new();
        members.extend(self.claimed.as_deref().map(|by| ("claimed", text(by))));
        members.extend(self.decided.as_ref().map(|decided| ("decided", decided.write())));
        let looked = |looked: &Looked| Json::object([("by", text(&looked.by)), ("digest", text(&looked.digest))]);
        members.extend(self.looked.as_ref().map(|one| ("looked", looked(one))));
        let extended = |one: &Extended| {
            Json::object([
                ("told", text(&one.told.to_string())),
                ("until", text(&one.until.to_string())),
                ("reason", text(&one.reason)),
            ])
        };
        let cleared = |one: &Cleared| {
            Json::object([
                ("by", text(&one.by)),
                ("on", text(&one.on.to_string())),
                ("version", text(&one.version)),
                ("reason", text(&one.reason)),
            ])
        };
        members.push(("cleared", Json::Array(self.cleared.iter().map(cleared).collect())));
        members.push(("extended", Json::Array(self.extended.iter().map(extended).collect())));
        members.extend(self.cents.map(|cents| ("cents", Json::number(cents))));
        members.extend(self.delivered.as_ref().map(|delivered| ("delivered", delivered.write())));
        let refused = |one: &Refused| {
            Json::object([
                ("by", text(&one.by)),
                ("on", text(&one.on.to_string())),
                ("ground", text(one.ground.code())),
                ("explains", text(&one.explains)),
            ])
        };
        members.extend(self.refused.as_ref().map(|one| ("refused", refused(one))));
        Json::object(members)
    }

    /// Reads what [`State::write`] wrote; what is missing is not decided.
    #[must_use]
    pub fn read(says: &Json<'_>) -> State {
        let extended = says.get("extended").map_or(&[][..], Json::items).iter();
        State {
            claimed: says.text("claimed").map(str::to_owned),
            decided: says.get("decided").and_then(Decided::read),
            looked: says.get("looked").and_then(|one| {
                Some(Looked { by: one.text("by")?.to_owned(), digest: one.text("digest")?.to_owned() })
            }),
            cleared: says
                .get("cleared")
                .map_or(&[][..], Json::items)
                .iter()
                .filter_map(|one| {
                    let (by, version, reason) = (owned(one, "by"), owned(one, "version"), owned(one, "reason"));
                    Some(Cleared { by, on: day(one, "on")?, version, reason })
                })
                .collect(),
            extended: extended
                .filter_map(|one| {
                    Some(Extended { told: day(one, "told")?, until: day(one, "until")?, reason: owned(one, "reason") })
                })
                .collect(),
            cents: says.get("cents").and_then(Json::as_number).and_then(|cents| cents.parse().ok()),
            delivered: says.get("delivered").and_then(Delivered::read),
            refused: says.get("refused").and_then(|one| {
                let ground = Ground::from_code(one.text("ground")?)?;
                Some(Refused { by: owned(one, "by"), on: day(one, "on")?, ground, explains: owned(one, "explains") })
            }),
        }
    }
}

impl Decided {
    fn write(&self) -> Json<'static> {
        let selection = &self.selection;
        let proofs: Vec<String> = self.proofs.iter().map(ToString::to_string).collect();
        let mut members = vec![
            ("by", text(&self.by)),
            ("asked", text(&self.asked)),
            ("route", text(self.route.code())),
            ("proofs", texts(&proofs)),
            ("recipient", text(&self.recipient)),
            ("address", text(&self.address)),
            ("purpose", text(&self.purpose)),
            ("types", texts(&selection.types)),
            ("but", texts(&selection.but)),
            ("notes", Json::Bool(selection.opens_notes)),
            ("whyAll", text(&self.why_all)),
        ];
        members.extend(selection.from.map(|day| ("from", text(&day.to_string()))));
        members.extend(selection.until.map(|day| ("until", text(&day.to_string()))));
        Json::object(members)
    }

    fn read(json: &Json<'_>) -> Option<Decided> {
        Some(Decided {
            by: owned(json, "by"),
            asked: owned(json, "asked"),
            route: Route::from_code(json.text("route")?)?,
            proofs: list(json, "proofs").iter().filter_map(|code| Proof::from_code(code)).collect(),
            recipient: owned(json, "recipient"),
            address: owned(json, "address"),
            purpose: owned(json, "purpose"),
            selection: Selection {
                types: list(json, "types"),
                from: day(json, "from"),
                until: day(json, "until"),
                but: list(json, "but"),
                opens_notes: json.get("notes").and_then(Json::as_bool).unwrap_or(false),
            },
            why_all: owned(json, "whyAll"),
        })
    }
}

impl Delivered {
    fn write(&self) -> Json<'static> {
        Json::object([
            ("by", text(&self.by)),
            ("on", text(&self.on.to_string())),
            ("recipient", text(&self.recipient)),
            ("manifest", text(&self.manifest)),
            ("versions", texts(&self.versions)),
        ])
    }

    fn read(json: &Json<'_>) -> Option<Delivered> {
        Some(Delivered {
            by: owned(json, "by"),
            on: day(json, "on")?,
            recipient: owned(json, "recipient"),
            manifest: owned(json, "manifest"),
            versions: list(json, "versions"),
        })
    }
}

fn text(text: &str) -> Json<'static> {
    Json::string(text.to_owned())
}

fn texts(all: &[String]) -> Json<'static> {
    Json::Array(all.iter().map(|one| text(one)).collect())
}

fn owned(json: &Json<'_>, name: &str) -> String {
    json.text(name).unwrap_or_default().to_owned()
}

fn day(json: &Json<'_>, name: &str) -> Option<Day> {
    json.text(name).and_then(Day::parse)
}

fn list(json: &Json<'_>, name: &str) -> Vec<String> {
    let items = json.get(name).map_or(&[][..], Json::items).iter();
    items.filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_decided_reads_back_as_it_was_written() {
        let day = Day::of(2026, 11, 23);
        let selection = Selection {
            types: vec!["Observation".to_owned()],
            from: Some(day),
            until: None,
            but: vec!["Observation/1".to_owned()],
            opens_notes: true,
        };
        let decided = Decided {
            by: "kim".to_owned(),
            asked: "aa".to_owned(),
            route: Route::Subpoena,
            proofs: vec![Proof::Assurance],
            recipient: "Lee".to_owned(),
            address: String::new(),
            purpose: "suit".to_owned(),
            selection,
            why_all: String::new(),
        };
        let full = State {
            claimed: Some("kim".to_owned()),
            decided: Some(decided),
            looked: Some(Looked { by: "ann".to_owned(), digest: "00".to_owned() }),
            cleared: vec![Cleared {
                by: "kim".to_owned(),
                on: day,
                version: "Observation/1/_history/2".to_owned(),
                reason: "her maiden name".to_owned(),
            }],
            extended: vec![Extended { told: day, until: day.plus(3), reason: "paper".to_owned() }],
            cents: Some(650),
            delivered: Some(Delivered {
                by: "kim".to_owned(),
                on: day,
                recipient: "Lee".to_owned(),
                manifest: "ff".to_owned(),
                versions: vec!["Observation/1/_history/2".to_owned()],
            }),
            refused: Some(Refused { by: "kim".to_owned(), on: day, ground: Ground::NotHeld, explains: "x".to_owned() }),
        };
        for state in [State::default(), full] {
            assert_eq!(State::read(&state.write()), state);
        }
    }
}
