//! What an export is asked for (Bulk Data Access 2.0, "Bulk Data Kick-off Request").

use crate::rest::read_instant;
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::definitions::r4;
use fhir::reference::Reference;
use fhir::search::query::url;
use fhir::validate::is_id;

/// More patients than this in one request are refused: name a Group instead.
const PATIENTS_MAX: usize = 10_000;

/// More filters or elements than this are refused, each counted by itself. Types are as many as R4 has.
const NAMED_MAX: usize = 100;

/// Bytes of parameters in all: a job keeps them until it ends.
const BYTES_MAX: usize = 1 << 20;

/// Of more parameters than this that were left out, nothing is said.
const IGNORED_MAX: usize = 20;

/// What a parameter takes besides its text.
const BYTES_OF_PAIR: usize = 16;

/// A filter begins with a type and `?` within so many bytes.
const NAME_MAX: usize = 64;

/// What an export of FHIR JSON may be called in `_outputFormat`.
const FORMATS: [&str; 3] = ["application/fhir+ndjson", "application/ndjson", "ndjson"];

/// Parameters that shape a page of a search, and mean nothing in a filter.
const OF_PAGES: [&str; 14] = [
    "_include",
    "_revinclude",
    "_sort",
    "_count",
    "_total",
    "_summary",
    "_elements",
    "_contained",
    "_containedType",
    "_format",
    "_pretty",
    "_page",
    "_asof",
    "_type",
];

/// Whose records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Level {
    /// Everything: `$export`.
    System,
    /// Every patient's: `Patient/$export`.
    Patients,
    /// Those of the members: `Group/7/$export`.
    Group(String),
}

impl Level {
    /// The address it is asked at, below the FHIR base.
    pub fn path(&self) -> String {
        match self {
            Level::System => "$export".to_owned(),
            Level::Patients => "Patient/$export".to_owned(),
            Level::Group(id) => format!("Group/{id}/$export"),
        }
    }

    /// Reads [`Level::path`].
    pub fn of_path(path: &str) -> Option<Level> {
        match path {
            "$export" => Some(Level::System),
            "Patient/$export" => Some(Level::Patients),
            _ => {
                let id = path.strip_prefix("Group/")?.strip_suffix("/$export")?;
                is_id(id).then(|| Level::Group(id.to_owned()))
            }
        }
    }
}

/// A search of one type, as names and values.
pub type Search = Vec<(String, String)>;

/// What an export is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Whose records.
    pub level: Level,
    /// Of which types; none: of all.
    pub types: Vec<String>,
    /// Of a type only what one of these finds.
    pub filters: Vec<(String, Search)>,
    /// Only what was written then or later.
    pub since: Option<Instant>,
    /// These elements only; none: all.
    pub elements: Vec<String>,
    /// Of these patients only, by id.
    pub patients: Option<Vec<String>>,
    /// What was left out, and why.
    pub ignored: Vec<String>,
}

impl Wanted {
    /// Reads the parameters of a kick-off. What is not known is refused where the caller is strict, and told in the manifest
    /// otherwise.
    pub fn read(level: Level, pairs: &[(String, String)], strict: bool) -> Result<Wanted, Refusal> {
        let mut wanted = Wanted {
            level,
            types: Vec::new(),
            filters: Vec::new(),
            since: None,
            elements: Vec::new(),
            patients: None,
            ignored: Vec::new(),
        };
        check_size(pairs)?;
        for (name, value) in pairs {
            wanted.take(name, value)?;
        }
        wanted.check_filters();
        match wanted.ignored.first() {
            Some(why) if strict => Err(Refusal::new(Kind::Malformed, "not-supported", why.clone())),
            _ => Ok(wanted),
        }
    }

    fn take(&mut self, name: &str, value: &str) -> Result<(), Refusal> {
        match name {
            "_outputFormat" => check_format(value)?,
            "_since" => self.since = Some(since(value)?),
            "_type" => self.take_types(value)?,
            "_typeFilter" => self.take_filters(value)?,
            "_elements" => self.take_elements(value)?,
            "patient" => self.take_patient(value)?,
            _ => {
                let known = name.len() <= 64 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                let name = if known { name } else { "one of the parameters" };
                self.ignore(format!("{name} is not known to $export here, and was left out"));
            }
        }
        Ok(())
    }

    fn take_types(&mut self, value: &str) -> Result<(), Refusal> {
        for name in words(value) {
            if r4().resource(&name).is_none() {
                return Err(bad(
                    "_type names a resource type that FHIR R4 does not have; types are written like Patient",
                ));
            }
            if !self.types.contains(&name) {
                self.types.push(name);
            }
        }
        Ok(())
    }

    fn take_elements(&mut self, value: &str) -> Result<(), Refusal> {
        for name in words(value) {
            check_count(self.elements.len(), "elements are named in _elements")?;
            self.elements.push(name);
        }
        Ok(())
    }

    fn take_filters(&mut self, value: &str) -> Result<(), Refusal> {
        for text in each_filter(value) {
            check_count(self.filters.len(), "filters are in _typeFilter")?;
            let wrong = || bad("_typeFilter is a search such as Observation?status=final");
            let (name, query) = text.split_once('?').ok_or_else(wrong)?;
            if r4().resource(name).is_none() {
                return Err(wrong());
            }
            let search = url::pairs(query)?;
            let shapes = |name: &str| OF_PAGES.contains(&name.split(':').next().unwrap_or_default());
            if search.is_empty() || search.iter().any(|(name, _)| shapes(name)) {
                return Err(bad(
                    "_typeFilter says which resources, and not how a page of them looks: no _include, _sort, _count",
                ));
            }
            self.filters.push((name.to_owned(), search));
        }
        Ok(())
    }

    fn take_patient(&mut self, value: &str) -> Result<(), Refusal> {
        if self.level == Level::System {
            return Err(bad("patient belongs to Patient/$export and Group/[id]/$export"));
        }
        let named = Reference::local(value).filter(|to| to.resource_type == "Patient");
        let Some(named) = named else { return Err(bad("patient is a reference such as Patient/17")) };
        let patients = self.patients.get_or_insert_default();
        if patients.len() == PATIENTS_MAX {
            let message = format!("more than {PATIENTS_MAX} patients are named; export a Group of them instead");
            return Err(Refusal::new(Kind::TooCostly, "too-costly", message));
        }
        patients.push(named.id.to_owned());
        Ok(())
    }

    fn ignore(&mut self, why: String) {
        if self.ignored.len() < IGNORED_MAX {
            self.ignored.push(why);
        }
    }

    /// A filter of a type that is not exported means nothing.
    fn check_filters(&mut self) {
        let types = &self.types;
        let is_wanted = |name: &String| types.is_empty() || types.contains(name);
        if self.filters.iter().any(|(name, _)| !is_wanted(name)) {
            let why = "a _typeFilter is about a type that _type does not name, and was left out";
            self.filters.retain(|(name, _)| is_wanted(name));
            self.ignore(why.to_owned());
        }
    }
}

fn bad(message: &str) -> Refusal {
    Refusal::new(Kind::Malformed, "value", message)
}

fn check_size(pairs: &[(String, String)]) -> Result<(), Refusal> {
    let bytes: usize = pairs.iter().map(|(name, value)| name.len() + value.len() + BYTES_OF_PAIR).sum();
    if bytes <= BYTES_MAX {
        return Ok(());
    }
    Err(Refusal::new(Kind::TooLarge, "too-long", "the parameters of an export are more than 1 MiB"))
}

/// Refuses one more, where there are so many already.
fn check_count(there: usize, of_what: &str) -> Result<(), Refusal> {
    if there < NAMED_MAX {
        return Ok(());
    }
    Err(bad(&format!("more than {NAMED_MAX} {of_what}")))
}

fn check_format(value: &str) -> Result<(), Refusal> {
    // A `+` that was not percent-coded arrives as a space.
    if FORMATS.contains(&value.replace(' ', "+").as_str()) {
        return Ok(());
    }
    Err(Refusal::new(Kind::Malformed, "not-supported", "only application/fhir+ndjson is offered as _outputFormat"))
}

fn since(value: &str) -> Result<Instant, Refusal> {
    read_instant(value).ok_or_else(|| bad("_since is an instant with its time zone, such as 2026-11-23T09:05:12Z"))
}

fn words(value: &str) -> impl Iterator<Item = String> {
    value.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned)
}

/// The searches of one value: a comma parts two where a type and `?` follow. Other commas are the searches' own.
fn each_filter(value: &str) -> Vec<&str> {
    let begins = |rest: &str| {
        let end = rest.bytes().take(NAME_MAX).position(|byte| byte == b'?');
        end.is_some_and(|end| r4().resource(&rest[..end]).is_some())
    };
    let (mut all, mut from) = (Vec::new(), 0);
    for (at, _) in value.match_indices(',') {
        if begins(&value[at + 1..]) {
            all.push(&value[from..at]);
            from = at + 1;
        }
    }
    all.push(&value[from..]);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Search {
        url::pairs(text).unwrap()
    }

    #[test]
    fn parameters_are_read_or_refused() {
        for (text, level, good) in [
            ("", Level::System, true),
            ("_outputFormat=ndjson", Level::System, true),
            ("_outputFormat=application/fhir+ndjson", Level::System, true),
            ("_outputFormat=text/csv", Level::System, false),
            ("_since=2026-11-23T09:05:12Z", Level::System, true),
            ("_since=yesterday", Level::System, false),
            ("_type=Patient,Observation", Level::System, true),
            ("_type=Nonsense", Level::System, false),
            ("_typeFilter=Observation%3Fstatus%3Dfinal", Level::System, true),
            ("_typeFilter=Observation", Level::System, false),
            ("_typeFilter=Observation%3F_sort%3Ddate", Level::System, false),
            ("_typeFilter=Observation%3F_include:iterate%3D*", Level::System, false),
            ("_typeFilter=Nonsense%3Fa%3Db", Level::System, false),
            ("patient=Patient/1", Level::Patients, true),
            ("patient=Patient/1", Level::System, false),
            ("patient=Group/1", Level::Patients, false),
        ] {
            assert_eq!(Wanted::read(level, &pairs(text), true).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn what_is_unknown_is_told_or_refused() {
        for text in ["nonsense=1", "includeAssociatedData=x", "_type=Patient&_typeFilter=Observation%3Fstatus%3Dfinal"]
        {
            assert!(Wanted::read(Level::System, &pairs(text), true).is_err(), "{text}");
            let wanted = Wanted::read(Level::System, &pairs(text), false).unwrap();
            assert!(wanted.ignored.len() == 1 && wanted.filters.is_empty(), "{text}");
        }
    }

    #[test]
    fn commas_part_filters_where_a_type_follows() {
        for (text, parts) in [
            ("Observation?code=a,b", vec!["Observation?code=a,b"]),
            ("Observation?code=a,b,Condition?code=c", vec!["Observation?code=a,b", "Condition?code=c"]),
            ("Observation?code=a,Nonsense?b", vec!["Observation?code=a,Nonsense?b"]),
        ] {
            assert_eq!(each_filter(text), parts);
        }
    }

    #[test]
    fn more_than_a_job_keeps_is_refused() {
        let read = |name: &str, value: String| Wanted::read(Level::System, &[(name.to_owned(), value)], false);
        let commas = ",".repeat(1_000_000);
        assert_eq!(read("_typeFilter", commas.clone()).unwrap_err().kind, Kind::Malformed);
        assert_eq!(read("_typeFilter", format!("{commas}?")).unwrap_err().kind, Kind::Malformed);
        assert_eq!(read("_typeFilter", commas.repeat(2)).unwrap_err().kind, Kind::TooLarge);
        let unknown = vec![("nonsense".to_owned(), String::new()); 1_000];
        assert_eq!(Wanted::read(Level::System, &unknown, false).unwrap().ignored.len(), 20);
        let filters = |count: usize| vec!["Patient?_id=a"; count].join(",");
        assert_eq!(read("_typeFilter", filters(100)).unwrap().filters.len(), 100);
        assert!(read("_typeFilter", filters(101)).is_err());
        let elements = |count: usize| vec!["name"; count].join(",");
        assert!(read("_elements", elements(100)).is_ok() && read("_elements", elements(101)).is_err());
        let all: Vec<&str> = r4().resource_names().collect();
        let twice = [all.join(","), all.join(",")].join(",");
        assert_eq!(read("_type", twice).unwrap().types.len(), all.len(), "each type counts once");
    }

    #[test]
    fn a_level_is_its_address() {
        for level in [Level::System, Level::Patients, Level::Group("7".to_owned())] {
            assert_eq!(Level::of_path(&level.path()), Some(level));
        }
        assert_eq!(Level::of_path("Group/a_b/$export"), None);
    }
}
