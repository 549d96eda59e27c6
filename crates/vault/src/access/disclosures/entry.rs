//! One disclosure (45 CFR 164.528(b)(2)), and one protocol of research about many (164.528(b)(4)).

use super::rules::PEOPLE;
use super::{Basis, Day, line, said, wrong};
use crate::access::private::Document;
use crate::access::vocabulary::vocabulary;
use base::clock::Instant;
use base::refusal::Refusal;
use fhir::json::Json;

/// The type of recorded disclosures.
pub(super) const KIND: &str = "x-disclosure";

/// The type of protocols.
pub(super) const PROTOCOL: &str = "x-protocol";

/// Resources that one entry names.
const RESOURCES_MAX: usize = 100;

vocabulary! {
    /// How it went out.
    Channel {
        /// A letter or a copy.
        Paper = "paper", "paper";
        /// A fax.
        Fax = "fax", "fax";
        /// Said on the telephone.
        Phone = "phone", "telephone";
        /// Said or shown in person.
        InPerson = "in-person", "in person";
        /// Electronic mail.
        Email = "email", "electronic mail";
        /// A disc or a stick.
        Media = "media", "a disc or other medium";
        /// A portal.
        Portal = "portal", "a portal";
        /// Another system: an exchange, a registry, a direct message.
        Interface = "interface", "an interface to another system";
        /// An app.
        App = "app", "an app";
    }
}

impl Channel {
    /// Whether it went through an electronic record (42 CFR 2.25(b)(1)).
    #[must_use]
    pub const fn is_electronic(self) -> bool {
        matches!(self, Channel::Portal | Channel::Interface | Channel::App)
    }
}

/// How the house knows of a disclosure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Somebody recorded it.
    #[default]
    Recorded,
    /// The audit has it: an app, by its client id, on that day; and the entries.
    Audit {
        /// Client id.
        app: String,
        /// Entries of the log.
        entries: Vec<u64>,
    },
}

/// One disclosure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disclosure {
    /// Its id; empty for one that the audit has.
    pub id: String,
    /// The id of the patient.
    pub patient: String,
    /// When.
    pub day: Day,
    /// The name of who received it.
    pub recipient: String,
    /// Their address, if it is known.
    pub address: String,
    /// What, briefly.
    pub what: String,
    /// What for, or the basis, so that the patient understands; may repeat the written request.
    pub purpose: String,
    /// The legal ground.
    pub basis: Basis,
    /// How it went out.
    pub channel: Channel,
    /// `Type/id` of what was sent, as far as it is known.
    pub resources: Vec<String>,
    /// The consent or authorization under which it went, such as `Consent/9`.
    pub consent: Option<String>,
    /// The account that recorded it; empty for one that the audit has.
    pub by: String,
    /// When it was recorded.
    pub recorded: Instant,
    /// How many times on that day.
    pub times: u64,
    /// How the house knows.
    pub origin: Origin,
}

impl Disclosure {
    /// One that is to be recorded: with nothing but the patient, the day and the legal ground.
    #[must_use]
    pub fn new(patient: &str, day: Day, basis: Basis) -> Disclosure {
        let empty = String::new;
        Disclosure {
            id: empty(),
            patient: patient.to_owned(),
            day,
            recipient: empty(),
            address: empty(),
            what: empty(),
            purpose: empty(),
            basis,
            channel: Channel::Paper,
            resources: Vec::new(),
            consent: None,
            by: empty(),
            recorded: Instant(0),
            times: 1,
            origin: Origin::Recorded,
        }
    }

    /// As an accounting needs it, or why not (45 CFR 164.528(b)(2)). A purpose that is not said is the ground's.
    pub fn checked(mut self, today: Day) -> Result<Disclosure, Refusal> {
        self.recipient = said("recipient", &self.recipient)?;
        self.what = said("what", &self.what)?;
        self.address = line("address", &self.address)?;
        self.purpose = line("purpose", &self.purpose)?;
        if self.purpose.is_empty() {
            self.purpose = self.basis.words().to_owned();
        }
        if self.day > today {
            return Err(wrong("a disclosure is recorded after it was made; name a day that is not ahead"));
        }
        let is_reference = |text: &String| fhir::reference::Reference::local(text).is_some();
        if self.resources.len() > RESOURCES_MAX || !self.resources.iter().chain(&self.consent).all(is_reference) {
            return Err(wrong(format!(
                "resources are at most {RESOURCES_MAX}, written as Type/id, and a consent is Consent/id"
            )));
        }
        Ok(self)
    }

    /// What it was for, as a patient understands it: what was said, and the ground in plain words.
    #[must_use]
    pub fn why(&self) -> String {
        let plain = self.basis.plain();
        if self.purpose == self.basis.words() { plain.to_owned() } else { format!("{}; {plain}", self.purpose) }
    }

    pub(crate) fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let mut members = vec![
            ("resourceType", text(KIND)),
            ("id", text(&self.id)),
            ("about", text(&format!("Patient/{}", self.patient))),
            ("day", text(&self.day.to_string())),
            ("recipient", text(&self.recipient)),
            ("address", text(&self.address)),
            ("what", text(&self.what)),
            ("purpose", text(&self.purpose)),
            ("basis", text(self.basis.code())),
            ("channel", text(self.channel.code())),
            ("resources", Json::Array(self.resources.iter().map(|one| text(one)).collect())),
            ("by", text(&self.by)),
            ("recorded", text(&self.recorded.to_string())),
        ];
        members.extend(self.consent.as_deref().map(|consent| ("consent", text(consent))));
        Json::object(members)
    }

    pub(super) fn read(document: &Document) -> Option<Disclosure> {
        let says = &document.says;
        let text = |name: &str| says.text(name).map(str::to_owned);
        let resources = says.get("resources")?.items().iter().filter_map(|one| one.as_str().map(str::to_owned));
        Some(Disclosure {
            id: document.id.clone(),
            patient: says.text("about")?.strip_prefix("Patient/")?.to_owned(),
            day: Day::parse(says.text("day")?)?,
            recipient: text("recipient")?,
            address: text("address")?,
            what: text("what")?,
            purpose: text("purpose")?,
            basis: Basis::from_code(says.text("basis")?)?,
            channel: Channel::from_code(says.text("channel")?)?,
            resources: resources.collect(),
            consent: text("consent"),
            by: text("by")?,
            recorded: Instant::parse(says.text("recorded")?)?,
            times: 1,
            origin: Origin::Recorded,
        })
    }
}

/// A protocol of research with a waiver, about so many people that the accounting may list it by itself. It is about no
/// patient: anybody's information may have been among it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it is for, and by what people were chosen, in plain words.
    pub describes: String,
    /// What sort of information.
    pub what: String,
    /// First day on which something was or may have been disclosed.
    pub from: Day,
    /// The last.
    pub until: Day,
    /// Name, address and telephone of who paid for it.
    pub sponsor: String,
    /// Name, address and telephone of the researcher.
    pub researcher: String,
    /// How many people.
    pub people: u64,
}

impl Protocol {
    /// As an accounting needs it, or why not (45 CFR 164.528(b)(4)(i)).
    pub fn checked(mut self, today: Day) -> Result<Protocol, Refusal> {
        for (name, text) in [
            ("name", &mut self.name),
            ("describes", &mut self.describes),
            ("what", &mut self.what),
            ("sponsor", &mut self.sponsor),
            ("researcher", &mut self.researcher),
        ] {
            *text = said(name, text)?;
        }
        if self.people < PEOPLE.limit.unsigned_abs() {
            let (limit, source) = (PEOPLE.limit, PEOPLE.source);
            return Err(wrong(format!(
                "research is listed by protocol from {limit} people on ({source}); record each disclosure instead"
            )));
        }
        if self.from > self.until || self.until > today {
            return Err(wrong("the days of a protocol are in order and not ahead; name the first and the last"));
        }
        Ok(self)
    }

    pub(super) fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        Json::object([
            ("resourceType", text(PROTOCOL)),
            ("id", text(&self.id)),
            ("name", text(&self.name)),
            ("describes", text(&self.describes)),
            ("what", text(&self.what)),
            ("from", text(&self.from.to_string())),
            ("until", text(&self.until.to_string())),
            ("sponsor", text(&self.sponsor)),
            ("researcher", text(&self.researcher)),
            ("people", Json::number(self.people)),
        ])
    }

    pub(super) fn read(document: &Document) -> Option<Protocol> {
        let says = &document.says;
        let text = |name: &str| says.text(name).map(str::to_owned);
        Some(Protocol {
            id: document.id.clone(),
            name: text("name")?,
            describes: text("describes")?,
            what: text("what")?,
            from: Day::parse(says.text("from")?)?,
            until: Day::parse(says.text("until")?)?,
            sponsor: text("sponsor")?,
            researcher: text("researcher")?,
            people: says.get("people")?.as_number()?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Day = Day::of(2026, 11, 23);

    fn full() -> Disclosure {
        Disclosure {
            id: "d".to_owned(),
            recipient: "County health".to_owned(),
            address: "1 Main St".to_owned(),
            what: "laboratory report".to_owned(),
            purpose: "reportable disease".to_owned(),
            channel: Channel::Fax,
            resources: vec!["Observation/1".to_owned()],
            consent: Some("Consent/9".to_owned()),
            by: "kim".to_owned(),
            ..Disclosure::new("p", TODAY, Basis::PublicHealth)
        }
    }

    #[test]
    fn an_entry_reads_back_as_it_was_written() {
        for disclosure in [full(), Disclosure { consent: None, resources: Vec::new(), ..full() }] {
            let document = Document { id: "d".to_owned(), version: 1, says: disclosure.write() };
            assert_eq!(Disclosure::read(&document), Some(disclosure));
        }
    }

    #[test]
    fn an_entry_says_what_the_law_asks_for() {
        let cases: [(&str, Disclosure, bool); 7] = [
            ("all", full(), true),
            ("no recipient", Disclosure { recipient: " ".to_owned(), ..full() }, false),
            ("no description", Disclosure { what: String::new(), ..full() }, false),
            ("address unknown", Disclosure { address: String::new(), ..full() }, true),
            ("tomorrow", Disclosure { day: TODAY.plus(1), ..full() }, false),
            ("no reference", Disclosure { resources: vec!["the chart".to_owned()], ..full() }, false),
            ("too long", Disclosure { what: "x".repeat(2_001), ..full() }, false),
        ];
        for (case, disclosure, is_good) in cases {
            assert_eq!(disclosure.checked(TODAY).is_ok(), is_good, "{case}");
        }
        let two_lines = Disclosure { what: "a\nLeft out: 0".to_owned(), purpose: String::new(), ..full() };
        let checked = two_lines.checked(TODAY).expect("good");
        assert_eq!((checked.what.as_str(), checked.purpose.as_str()), ("a Left out: 0", "public health"));
    }
}
