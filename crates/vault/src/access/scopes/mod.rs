//! Scopes: what an app was allowed to do, in the words of SMART App Launch 2.2 ("Scopes and Launch Context"), in both its
//! forms: `patient/Observation.rs?category=laboratory` and the older `patient/Observation.read`.
//!
//! [`bounds`] is what they let through. A scope narrows what the account behind the app may do and never widens it.

pub(crate) mod bounds;
mod granular;

use super::vocabulary::{vocabulary, vocabulary_set};
use base::refusal::{Kind, Refusal};
use fhir::definitions::r4;
use std::fmt;

/// Longest list of scopes, in bytes: it travels in every token.
pub const BYTES_MAX: usize = 4_000;

vocabulary! {
    /// What an app does with resources, by SMART's letters.
    Interaction {
        /// Create.
        Create = "c", "add";
        /// Read one, a version of it, or its history.
        Read = "r", "read";
        /// Update and patch.
        Update = "u", "change";
        /// Delete.
        Delete = "d", "delete";
        /// Search, and the histories of a type or of everything.
        Search = "s", "search";
    }
}

vocabulary_set! {
    /// What an app may do with resources.
    Interactions of Interaction in u16
}

vocabulary! {
    /// Whose resources.
    Level {
        /// Those of the one patient the app was launched for.
        Patient = "patient", "of this patient";
        /// Those that the person who signed in may see.
        User = "user", "that you may see";
        /// Those that the app itself may see (SMART Backend Services).
        System = "system", "that the app itself may see";
    }
}

vocabulary! {
    /// Scopes that are about no resource.
    Word {
        /// The chart that the app was opened from.
        Launch = "launch", "know which chart you opened it from";
        /// Which patient it is about.
        LaunchPatient = "launch/patient", "know which patient it is about";
        /// Which encounter it is about.
        LaunchEncounter = "launch/encounter", "know which visit it is about";
        /// Who signed in (OpenID Connect Core 1.0).
        OpenId = "openid", "know that it is you";
        /// Who that is in the record.
        FhirUser = "fhirUser", "know who you are in the record";
        /// As `fhirUser`, as SMART 1 has it.
        Profile = "profile", "know your name";
        /// Go on when the person is no longer there.
        Offline = "offline_access", "go on when you are not here, until you end it";
        /// Go on as long as the person is signed in.
        Online = "online_access", "go on as long as you are signed in";
    }
}

/// A scope about resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Whose.
    pub level: Level,
    /// Of which type; `None`: of all.
    pub resource_type: Option<String>,
    /// What may be done.
    pub interactions: Interactions,
    /// Which of them: a search, percent-coded as it was written; empty for all.
    pub filter: String,
    written: String,
}

/// One scope.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Item {
    Word(Word),
    Of(Scope),
}

/// A list of scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<Item>);

impl Scope {
    /// Reads one. `None`: it is none, names a type that FHIR does not have, or asks for what cannot be told of one
    /// resource alone.
    #[must_use]
    pub fn parse(text: &str) -> Option<Scope> {
        let (level, rest) = text.split_once('/')?;
        let level = Level::from_code(level)?;
        let (name, filter) = rest.split_once('?').map_or((rest, None), |(name, filter)| (name, Some(filter)));
        let (resource_type, letters) = name.split_once('.')?;
        let resource_type = match resource_type {
            "*" => None,
            name => Some(r4().resource(name).map(|_| name.to_owned())?),
        };
        let interactions = match (letters, filter) {
            ("read", None) => Interactions::NONE.with(Interaction::Read).with(Interaction::Search),
            ("write", None) => WRITES,
            ("*", None) => Interaction::ALL.iter().copied().collect(),
            (letters, _) => in_order(letters)?,
        };
        if let Some(filter) = filter {
            granular::query(resource_type.as_deref()?, filter)?;
        }
        let filter = filter.unwrap_or_default().to_owned();
        Some(Scope { level, resource_type, interactions, filter, written: text.to_owned() })
    }

    /// What is in both; `None`: nothing. Written as this one, where the other takes nothing away.
    fn meet(&self, other: &Scope) -> Option<Scope> {
        let resource_type = match (&self.resource_type, &other.resource_type) {
            (own, None) => own.clone(),
            (None, theirs) => theirs.clone(),
            (own, theirs) if own == theirs => own.clone(),
            _ => return None,
        };
        let filter = match (self.filter.as_str(), other.filter.as_str()) {
            (own, theirs) if theirs.is_empty() || own == theirs => own,
            ("", theirs) => theirs,
            _ => return None,
        };
        let interactions = self.interactions.intersection(other.interactions);
        if self.level != other.level || interactions.is_empty() {
            return None;
        }
        let same = (&resource_type, interactions, filter) == (&self.resource_type, self.interactions, &self.filter);
        let written =
            if same { self.written.clone() } else { write(self.level, resource_type.as_deref(), interactions, filter) };
        let filter = filter.to_owned();
        Some(Scope { level: self.level, resource_type, interactions, filter, written })
    }

    /// The same for one type; `None`: it is about another.
    #[must_use]
    pub fn narrowed_to(&self, resource_type: &str) -> Option<Scope> {
        Scope::parse(&write(self.level, Some(resource_type), self.interactions, &self.filter))
            .and_then(|narrow| narrow.meet(self))
    }
}

const WRITES: Interactions =
    Interactions::NONE.with(Interaction::Create).with(Interaction::Update).with(Interaction::Delete);

/// Letters of `cruds`, each once, in this order.
fn in_order(letters: &str) -> Option<Interactions> {
    let mut found = Interactions::NONE;
    let mut next = 0;
    for letter in letters.chars() {
        let at = Interaction::ALL.iter().skip(next).position(|one| one.code().starts_with(letter))?;
        found = found.with(Interaction::ALL[next + at]);
        next += at + 1;
    }
    (!found.is_empty()).then_some(found)
}

fn write(level: Level, resource_type: Option<&str>, interactions: Interactions, filter: &str) -> String {
    let letters: String = interactions.iter().map(Interaction::code).collect();
    let question = if filter.is_empty() { "" } else { "?" };
    format!("{level}/{}.{letters}{question}{filter}", resource_type.unwrap_or("*"))
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Item {
    fn parse(text: &str) -> Option<Item> {
        Word::from_code(text).map(Item::Word).or_else(|| Scope::parse(text).map(Item::Of))
    }
}

impl Scopes {
    /// Reads a list, separated by spaces. What is unknown is left out: an app is told what it got (RFC 6749 section 3.3).
    #[must_use]
    pub fn parse(text: &str) -> Scopes {
        let text = if text.len() <= BYTES_MAX { text } else { "" };
        let mut items: Vec<Item> = Vec::new();
        for item in text.split(' ').filter_map(Item::parse) {
            if !items.contains(&item) {
                items.push(item);
            }
        }
        Scopes(items)
    }

    /// Reads a list and refuses what is unknown.
    pub fn strict(text: &str) -> Result<Scopes, Refusal> {
        if text.len() > BYTES_MAX {
            return Err(unknown("the list of scopes is longer than 4,000 bytes; name fewer"));
        }
        if let Some(strange) = text.split_ascii_whitespace().find(|one| Item::parse(one).is_none()) {
            return Err(unknown(&format!("{strange} is no scope; they are written like patient/Observation.rs")));
        }
        Ok(Scopes::parse(&text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")))
    }

    /// Those of this list that another allows, each as far as it does.
    #[must_use]
    pub fn within(&self, allowed: &Scopes) -> Scopes {
        let mut met: Vec<Item> = Vec::new();
        for item in &self.0 {
            let found: Vec<Item> = match item {
                Item::Word(word) => allowed.has(*word).then_some(Item::Word(*word)).into_iter().collect(),
                Item::Of(scope) => allowed.resources().filter_map(|other| scope.meet(other)).map(Item::Of).collect(),
            };
            // One that is allowed whole needs no parts beside it.
            let whole = found.iter().find(|one| *one == item).cloned();
            for one in whole.map_or(found, |whole| vec![whole]) {
                if !met.contains(&one) {
                    met.push(one);
                }
            }
        }
        Scopes(met)
    }

    /// Whether it has a word.
    #[must_use]
    pub fn has(&self, word: Word) -> bool {
        self.0.contains(&Item::Word(word))
    }

    /// Those about resources.
    pub fn resources(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter().filter_map(|item| match item {
            Item::Of(scope) => Some(scope),
            Item::Word(_) => None,
        })
    }

    /// Those about no resource.
    pub fn words(&self) -> impl Iterator<Item = Word> {
        self.0.iter().filter_map(|item| match item {
            Item::Word(word) => Some(*word),
            Item::Of(_) => None,
        })
    }

    /// Those that fit.
    #[must_use]
    pub fn only(&self, word: impl Fn(Word) -> bool, scope: impl Fn(&Scope) -> bool) -> Scopes {
        let fits = |item: &&Item| match item {
            Item::Word(own) => word(*own),
            Item::Of(own) => scope(own),
        };
        Scopes(self.0.iter().filter(fits).cloned().collect())
    }

    /// These and one more.
    #[must_use]
    pub fn with(mut self, scope: Scope) -> Scopes {
        let item = Item::Of(scope);
        if !self.0.contains(&item) {
            self.0.push(item);
        }
        self
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an app with these is about one patient.
    #[must_use]
    pub fn needs_patient(&self) -> bool {
        self.has(Word::LaunchPatient) || self.resources().any(|scope| scope.level == Level::Patient)
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, item) in self.0.iter().enumerate() {
            f.write_str(if number == 0 { "" } else { " " })?;
            match item {
                Item::Word(word) => f.write_str(word.code())?,
                Item::Of(scope) => write!(f, "{scope}")?,
            }
        }
        Ok(())
    }
}

fn unknown(message: &str) -> Refusal {
    Refusal::new(Kind::Invalid, "invalid", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_read_in_both_forms_and_nothing_else_is_one() {
        for (text, letters) in [
            ("patient/Observation.rs", "rs"),
            ("user/*.cruds", "cruds"),
            ("system/Patient.r", "r"),
            ("patient/Observation.read", "rs"),
            ("patient/*.write", "cud"),
            ("user/Condition.*", "cruds"),
            ("patient/Observation.rs?category=http://h/c|laboratory", "rs"),
        ] {
            let scope = Scope::parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!(scope.interactions.iter().map(Interaction::code).collect::<String>(), letters, "{text}");
            assert_eq!(scope.to_string(), text);
        }
        for text in [
            "",
            "patient",
            "patient/",
            "patient/.rs",
            "patient/Observation",
            "patient/Observation.",
            "patient/Observation.sr",
            "patient/Observation.rrs",
            "patient/Observation.rx",
            "patient/Observation.reads",
            "patient/Nonsense.rs",
            "patient/observation.rs",
            "Patient/Observation.rs",
            "practitioner/Observation.rs",
            "patient/Observation.read?category=a",
            "patient/*.rs?category=a",
            "patient/Observation.rs?",
            "patient/Observation.rs?nonsense=a",
            "patient/Observation.rs?subject:Patient.name=a",
            "patient/Observation.rs?_has:Provenance:target:agent=a",
            "patient/Observation.rs?_include=*",
            "patient/Observation.rs?_count=1",
            "patient/Observation.rs?code:in=http://h/vs",
        ] {
            assert_eq!(Scope::parse(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_allowed_is_what_both_lists_have() {
        for (asked, allowed, met) in [
            ("patient/Observation.rs openid", "patient/*.rs", "patient/Observation.rs"),
            ("patient/*.cruds", "patient/*.rs", "patient/*.rs"),
            ("patient/*.read", "patient/*.rs", "patient/*.read"),
            (
                "patient/*.rs",
                "patient/Observation.rs patient/Condition.r",
                "patient/Observation.rs patient/Condition.r",
            ),
            ("user/Observation.rs", "patient/*.cruds", ""),
            ("patient/Observation.rs", "patient/Observation.rs?category=a", "patient/Observation.rs?category=a"),
            ("patient/Observation.rs?category=b", "patient/Observation.rs?category=a", ""),
            ("patient/Observation.rs?category=b", "patient/Observation.r", "patient/Observation.r?category=b"),
            ("openid fhirUser launch", "launch openid", "openid launch"),
            ("patient/Observation.d", "patient/Observation.rs", ""),
            ("patient/*.rs", "patient/*.rs patient/Observation.rs", "patient/*.rs"),
        ] {
            assert_eq!(Scopes::parse(asked).within(&Scopes::parse(allowed)).to_string(), met, "{asked} in {allowed}");
        }
    }

    #[test]
    fn what_is_unknown_is_left_out_or_refused() {
        assert_eq!(Scopes::parse("openid email  openid patient/X.rs launch").to_string(), "openid launch");
        assert!(Scopes::strict("openid\nlaunch").is_ok_and(|scopes| scopes.to_string() == "openid launch"));
        assert!(Scopes::strict("openid email").is_err() && Scopes::strict(&"a ".repeat(3_000)).is_err());
        assert!(Scopes::parse(&"openid ".repeat(3_000)).is_empty());
        assert!(Scopes::parse("patient/*.r").needs_patient() && Scopes::parse("launch/patient").needs_patient());
        assert!(!Scopes::parse("user/*.r launch").needs_patient());
    }
}
