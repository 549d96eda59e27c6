//! Whose page is it? What is about to go is read for signs that it is another person's: a subject, a name, a day of birth or
//! a number that is not in the patient's chart. A page in the wrong chart is sent to the wrong person, and nothing else
//! stands in between. Pure.

use super::package::{Item, numbered};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use fhir::json::Json;
use fhir::search::extract;
use std::collections::BTreeSet;
use web::room::days_in;

/// Longest text of one resource that is read, in bytes.
const TEXT_BYTES_MAX: usize = 8 << 20;

/// So many signs of one resource are told.
const SIGNS_MAX: usize = 20;

/// What a page says about its patient that the chart does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sign {
    /// It is about somebody else.
    Subject,
    /// Another name.
    Name,
    /// Another day of birth.
    Born,
    /// A record number that the patient does not have.
    Number,
}

impl Sign {
    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Sign::Subject => "is about somebody else",
            Sign::Name => "another name",
            Sign::Born => "another day of birth",
            Sign::Number => "a record number that this patient does not have",
        }
    }
}

/// One sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The version, as `Type/id/_history/n`.
    pub version: String,
    /// `attachment, line 3`, or the element.
    pub place: String,
    /// What.
    pub sign: Sign,
    /// What stands there: for those who see the chart, and never in a message.
    pub says: String,
}

/// Who the patient is, as the chart has it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    id: String,
    /// The words of each name they have or had.
    names: Vec<BTreeSet<String>>,
    families: BTreeSet<String>,
    born: String,
    numbers: BTreeSet<String>,
}

impl Known {
    /// Of a Patient resource.
    #[must_use]
    pub fn of(id: &str, patient: &Json<'_>) -> Known {
        let list = |name: &str| patient.get(name).map_or(&[][..], Json::items).iter();
        let name = |one: &Json<'_>| {
            let given = one.get("given").map_or(&[][..], Json::items).iter().filter_map(Json::as_str);
            given.chain(one.text("family")).chain(one.text("text")).flat_map(words_of).collect()
        };
        Known {
            id: id.to_owned(),
            names: list("name").map(name).collect(),
            families: list("name").filter_map(|one| one.text("family")).flat_map(words_of).collect(),
            born: patient.text("birthDate").unwrap_or_default().to_owned(),
            numbers: list("identifier").filter_map(|one| one.text("value")).map(plain).collect(),
        }
    }

    /// Whether words may be the patient's name, in any order, with initials, and with the words of other names they had.
    fn may_be_called(&self, words: &[String]) -> bool {
        let fits = |word: &String| {
            let begins =
                |known: &String| known == word || (word.chars().count() == 1 && known.starts_with(word.as_str()));
            self.names.iter().flatten().any(begins)
        };
        let has_family = self.families.is_empty() || words.iter().any(|word| self.families.contains(word));
        self.names.is_empty() || (words.iter().all(fits) && has_family)
    }

    /// Whether one of these days may be the patient's, as exactly as both are known.
    fn may_be_born(&self, days: &[String]) -> bool {
        let fits = |day: &String| day.starts_with(&self.born) || self.born.starts_with(day.as_str());
        self.born.is_empty() || days.iter().any(fits)
    }

    fn may_have(&self, number: &str) -> bool {
        self.numbers.is_empty() || self.numbers.contains(&plain(number))
    }
}

fn words_of(text: &str) -> Vec<String> {
    let mut words = extract::words(text);
    // `O'Null` is also written in one.
    words.extend((words.len() > 1).then(|| words.concat()));
    words
}

fn plain(number: &str) -> String {
    let plain: String = number.chars().filter(|c| c.is_alphanumeric()).collect();
    plain.trim_start_matches('0').to_uppercase()
}

/// The signs in one resource of a package; `this` is the year of today.
#[must_use]
pub fn signs(item: &Item, known: &Known, this: i64) -> Vec<Found> {
    let Ok(resource) = Json::parse(&item.version.body) else { return Vec::new() };
    if item.version.resource_type == "Patient" && item.version.id == known.id {
        return Vec::new();
    }
    let mut found = Reading { version: numbered(&item.version), known, this, found: Vec::new() };
    found.subject(&resource);
    found.texts(&resource, &item.version.resource_type);
    found.found.truncate(SIGNS_MAX);
    found.found
}

struct Reading<'k> {
    version: String,
    known: &'k Known,
    this: i64,
    found: Vec<Found>,
}

impl Reading<'_> {
    fn add(&mut self, place: &str, sign: Sign, says: &str) {
        let found =
            Found { version: self.version.clone(), place: place.to_owned(), sign, says: says.trim().to_owned() };
        if !self.found.contains(&found) {
            self.found.push(found);
        }
    }

    /// A resource that names the patient somewhere may be about another one.
    fn subject(&mut self, resource: &Json<'_>) {
        for name in ["subject", "patient", "beneficiary", "for", "individual"] {
            let Some(reference) = resource.get(name).and_then(|one| one.text("reference")) else { continue };
            let Some((_, id)) = reference.rsplit_once("Patient/") else { continue };
            if id.split('/').next() != Some(&self.known.id) {
                self.add(name, Sign::Subject, reference);
            }
        }
    }

    /// All texts for people: narratives and attachments, wherever they stand.
    fn texts(&mut self, json: &Json<'_>, element: &str) {
        match json {
            Json::Array(items) => items.iter().for_each(|item| self.texts(item, element)),
            Json::Object(object) => {
                if let (Some(kind), Some(data)) = (json.text("contentType"), json.text("data")) {
                    self.attachment(element, kind, data);
                }
                if let Some(div) = json.text("div") {
                    self.page(element, &lines_of(div));
                }
                object.iter().for_each(|(name, value)| self.texts(value, name));
            }
            _ => {}
        }
    }

    fn attachment(&mut self, element: &str, kind: &str, data: &str) {
        let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let is_markup = kind.contains("html") || kind.contains("xml");
        if !(kind.starts_with("text/") || is_markup) || data.len() > TEXT_BYTES_MAX {
            return;
        }
        let bytes: String = data.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let Ok(bytes) = BASE64_STANDARD.decode(bytes) else { return };
        let text = String::from_utf8_lossy(&bytes);
        if is_markup {
            self.header(&text);
            return self.page(element, &lines_of(&text));
        }
        self.page(element, &text);
    }

    /// The patient of a C-CDA header (`recordTarget`), which stands in attributes.
    fn header(&mut self, text: &str) {
        let Some((_, rest)) = text.split_once("<recordTarget") else { return };
        let target = rest.split("</recordTarget").next().unwrap_or_default();
        if let Some(value) = attribute(target, "<birthTime", "value") {
            let day: String = value.chars().take(8).collect();
            self.born("recordTarget", &day);
        }
        let Some((_, person)) = target.split_once("<patient>").or_else(|| target.split_once("<patient ")) else {
            return;
        };
        let name = person.split("</name>").next().unwrap_or_default();
        let parts = ["<given", "<family"].into_iter().flat_map(|tag| {
            let of = |rest: &str| rest.split_once('>').and_then(|(_, text)| text.split('<').next().map(str::to_owned));
            name.split(tag).skip(1).filter_map(of).collect::<Vec<_>>()
        });
        let said = parts.collect::<Vec<_>>().join(" ");
        self.called("recordTarget", &said);
    }

    fn page(&mut self, element: &str, text: &str) {
        for (number, line) in (1..).zip(text.lines()) {
            let place = format!("{element}, line {number}");
            let lower = line.to_lowercase();
            // Letters that grow when they are made small would shift the places.
            let line = if lower.len() == line.len() { line } else { lower.as_str() };
            for label in ["date of birth", "birth date", "birthdate", "d.o.b.", "dob", "born"] {
                for said in after(line, &lower, label) {
                    self.born(&place, said);
                }
            }
            for label in ["patient name", "name of patient", "patient"] {
                for said in after(line, &lower, label).into_iter().filter_map(name_at) {
                    self.called(&place, &said);
                }
            }
            for label in ["mrn", "medical record number", "medical record no", "record number", "chart number"] {
                for said in after(line, &lower, label) {
                    self.numbered(&place, said);
                }
            }
        }
    }

    fn born(&mut self, place: &str, said: &str) {
        let said: String = said.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
        // `3/14/1962 Sex: F` has a day at once; `14 Mar 1962` takes three words.
        let first = said.split([' ', ';', ')']).next().unwrap_or_default().trim_end_matches([',', '.']);
        let days = match days_in(first, self.this) {
            days if days.iter().any(|day| day.len() == 10) => days,
            _ => days_in(&said, self.this),
        };
        let days: Vec<String> = days.into_iter().filter(|day| day.len() == 10).collect();
        if !days.is_empty() && !self.known.may_be_born(&days) {
            self.add(place, Sign::Born, &said);
        }
    }

    fn called(&mut self, place: &str, said: &str) {
        let words: Vec<String> = extract::words(said).into_iter().filter(|word| !is_title(word)).collect();
        if words.len() >= 2 && !self.known.may_be_called(&words) {
            self.add(place, Sign::Name, said);
        }
    }

    fn numbered(&mut self, place: &str, said: &str) {
        let number = said.split([' ', ',', ';', ')', '\t']).next().unwrap_or_default().trim_end_matches('.');
        let has_digits = number.chars().filter(char::is_ascii_digit).count() >= 3;
        if has_digits && !self.known.may_have(number) {
            self.add(place, Sign::Number, number);
        }
    }
}

fn is_title(word: &str) -> bool {
    matches!(word, "mr" | "mrs" | "ms" | "miss" | "dr" | "jr" | "sr" | "ii" | "iii" | "md")
}

/// What stands behind a label and its colon on a line.
fn after<'l>(line: &'l str, lower: &str, label: &str) -> Vec<&'l str> {
    let mut all = Vec::new();
    for (at, _) in lower.match_indices(label) {
        let before = lower[..at].chars().next_back();
        let Some(rest) = line.get(at + label.len()..) else { continue };
        let rest = rest.trim_start_matches(['#', '.', ' ', '\t']);
        if before.is_some_and(char::is_alphanumeric) {
            continue;
        }
        match rest.strip_prefix([':', '=']) {
            Some(said) => all.push(said.trim_start()),
            // `DOB 3/14/1962` and `MRN 4711` go without.
            None if label != "patient" && rest.starts_with(|c: char| c.is_ascii_digit()) => all.push(rest),
            None => {}
        }
    }
    all
}

/// A name at the start of a text: two to four words that begin with capitals, before anything else. `Patient: resting` is
/// none.
fn name_at(text: &str) -> Option<String> {
    let text = text.split(['(', ';', '|', '\t']).next()?.split("  ").next()?;
    let is_name = |word: &&str| {
        let word = word.trim_end_matches([',', '.']);
        word.chars().next().is_some_and(char::is_uppercase)
            && word.chars().all(|c| c.is_alphabetic() || "'’-".contains(c))
    };
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).take_while(is_name).take(5).collect();
    let ends = |word: &&&str| !matches!(word.to_lowercase().as_str(), "dob" | "mrn" | "sex" | "date" | "age" | "born");
    let words: Vec<&str> = words.iter().take_while(ends).copied().collect();
    (2..=4).contains(&words.len()).then(|| words.join(" "))
}

/// Markup as lines: each element ends one where people see a new line or a new cell.
fn lines_of(markup: &str) -> String {
    let mut text = String::with_capacity(markup.len());
    for piece in markup.split('<') {
        let (tag, rest) = piece.split_once('>').unwrap_or(("", piece));
        let name = tag.trim_start_matches('/').split([' ', '/', '\n']).next().unwrap_or_default().to_ascii_lowercase();
        let is_inline = matches!(name.as_str(), "" | "b" | "i" | "em" | "strong" | "span" | "a" | "sub" | "sup" | "u");
        text.push_str(if is_inline {
            ""
        } else if matches!(name.as_str(), "td" | "th") {
            " "
        } else {
            "\n"
        });
        text.push_str(rest);
    }
    text.replace("&nbsp;", " ")
        .replace("&#160;", " ")
        .replace("&amp;", "&")
        .replace("&#39;", "'")
        .replace("&apos;", "'")
}

/// The value of an attribute of the first element that begins so.
fn attribute<'t>(text: &'t str, tag: &str, name: &str) -> Option<&'t str> {
    let element = text.split_once(tag)?.1.split('>').next()?;
    element.split_once(&format!("{name}=\""))?.1.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vault::access::Labels;

    fn zoe() -> Known {
        let patient = r#"{"resourceType":"Patient","id":"zoe","birthDate":"1962-03-14",
            "name":[{"family":"O'Null","given":["Zoë","Maria"]},{"use":"maiden","family":"Garcia"}],
            "identifier":[{"value":"SV-1000003"}]}"#;
        Known::of("zoe", &Json::parse(patient.as_bytes()).expect("a patient"))
    }

    fn read(kind: &str, text: &str) -> Vec<Sign> {
        let data = BASE64_STANDARD.encode(text);
        let body = format!(
            r#"{{"resourceType":"DocumentReference","id":"d","subject":{{"reference":"Patient/zoe"}},
            "content":[{{"attachment":{{"contentType":"{kind}","data":"{data}"}}}}]}}"#
        );
        of(&body)
    }

    fn of(body: &str) -> Vec<Sign> {
        let json = Json::parse(body.as_bytes()).expect("JSON");
        let version = vault::Version {
            resource_type: json.text("resourceType").expect("a type").to_owned(),
            id: "d".to_owned(),
            version: 1,
            position: vault::Position(0),
            kid: 0,
            updated: base::clock::Instant(0),
            deleted: false,
            partial: false,
            body: body.as_bytes().to_vec().into(),
        };
        let found = signs(&Item { version, labels: Labels::NONE }, &zoe(), 2026);
        found.into_iter().map(|one| one.sign).collect()
    }

    #[test]
    fn ones_own_pages_are_no_sign() {
        for text in [
            "Patient: Zoë O'Null  DOB: 3/14/1962  MRN: SV 1000003",
            "PATIENT NAME: O'NULL, ZOE M.\nDate of Birth: 14 Mar 1962\nMRN SV-1000003",
            "Patient: Z. ONull\nDOB 1962-03-14",
            "Patient: Maria Garcia (born: March 14, 1962)",
            "Patient: Alert and oriented. Born in Texas. MRN: pending",
            "Patient: resting.\nDOB: 14.3.1962, Sex: F",
            "The patient was born 1962 in Ohio; DOB: 3/1962",
            "",
        ] {
            assert_eq!(read("text/plain", text), [], "{text}");
        }
        assert_eq!(read("application/pdf", "DOB: 1/1/1950"), [], "what cannot be read gives no sign");
    }

    #[test]
    fn another_persons_page_is_found() {
        for (text, sign) in [
            ("Patient: Walter Ramos", Sign::Name),
            ("Patient Name: RAMOS, WALTER", Sign::Name),
            ("Patient: Zoë Ramos", Sign::Name),
            ("x\nDOB: 3/15/1962", Sign::Born),
            ("Date of Birth: 15 Mar 1962", Sign::Born),
            ("born: 1950-01-01", Sign::Born),
            ("D.O.B.: 01/02/1950 Sex: M", Sign::Born),
            ("MRN: 4711", Sign::Number),
            ("Medical Record Number: SV-1000004.", Sign::Number),
        ] {
            assert_eq!(read("text/plain; charset=utf-8", text), [sign], "{text}");
            assert_eq!(read("text/html", &format!("<p><b>{text}</b></p>")), [sign], "{text}");
        }
        let table = "<table><tr><th>DOB:</th><td>1/1/1950</td></tr></table>";
        assert_eq!(read("text/html", table), [Sign::Born]);
        let header = r#"<ClinicalDocument><recordTarget><patientRole><patient><name use="L"><given>Walter</given>
            <family>Ramos</family></name><birthTime value="19500101"/></patient></patientRole></recordTarget></ClinicalDocument>"#;
        assert_eq!(read("text/xml", header), [Sign::Born, Sign::Name]);
        let own = header.replace("Walter", "Zoe").replace("Ramos", "O'Null").replace("19500101", "196203140800");
        assert_eq!(read("text/xml", &own), []);
    }

    #[test]
    fn what_names_the_patient_and_is_about_another_is_found() {
        let about = |subject: &str| {
            of(&format!(
                r#"{{"resourceType":"Observation","id":"d","subject":{{"reference":"{subject}"}},
                "performer":[{{"reference":"Patient/zoe"}}]}}"#
            ))
        };
        assert_eq!(about("Patient/ann"), [Sign::Subject]);
        assert_eq!((about("Patient/zoe"), about("Patient/zoe/_history/2")), (vec![], vec![]));
        let narrative = r#"{"resourceType":"Condition","id":"d","subject":{"reference":"Patient/zoe"},
            "text":{"status":"generated","div":"<div>Patient: Walter Ramos</div>"}}"#;
        assert_eq!(of(narrative), [Sign::Name]);
    }

    #[test]
    fn no_text_is_too_strange_to_be_read() {
        for text in ["İİİ dob: 1", "patient:", "<", "<a", "&", "dob:", "patient: É", "mrn:\u{0}", "𝔓atient: A B"]
        {
            drop(read("text/html", text));
            drop(read("text/plain", text));
        }
    }
}
