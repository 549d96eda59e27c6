//! A patient's chart: one file a page. Each page says whose chart it is and, where a day was chosen, that the past is shown.
//!
//! [`Chart`] asks the gate for what the pages show, at one position of the log, and keeps the day through all links.

mod banner;
mod changes;
mod documents;
mod encounters;
mod entries;
mod entry;
mod medications;
mod narrative;
mod results;
mod seal;
mod sections;
mod summary;
mod then;
mod timeline;
mod versions;

pub use documents::{file as document_file, page as documents, viewer as document};
pub use encounters::page as encounters;
pub use entries::page as list;
pub use entry::page as entry;
pub use medications::page as medications;
pub use results::{page as results, trend_page as trend};
pub use seal::proof;
pub use summary::page;
pub use timeline::page as timeline;
pub use versions::{compared as changes, page as versions};

use super::frame::{At, link};
use crate::answer::Outcome;
use axum::http::Response;
use base::refusal::{Kind, Refusal};
use bytes::Bytes;
use fhir::json::Json;
use std::cell::Cell;
use then::Then;
use vault::access::Labels;
use vault::search::{Found, Page};
use vault::{Error, Position, Version};

/// The pages of a chart, in their order, with what each shows; nothing: of all kinds.
const TABS: &[(&str, &str, &[&str])] = &[
    ("/patient", "Summary", &[]),
    ("/patient/timeline", "Timeline", &[]),
    ("/patient/encounters", "Visits", &["Encounter", "Appointment"]),
    ("/patient/medications", "Medicines", &["MedicationRequest", "MedicationStatement"]),
    ("/patient/results", "Results", &["Observation"]),
    ("/patient/documents", "Documents", &["DocumentReference"]),
    ("/patient/entries", "Everything", &[]),
];

/// A chart that somebody looks at, as it is now or was then.
pub struct Chart<'a> {
    at: &'a At<'a>,
    id: String,
    patient: Json<'static>,
    then: Option<Then>,
    /// What makes some of what this page shows more sensitive than the rest.
    labels: Cell<Labels>,
}

impl<'a> Chart<'a> {
    /// The chart of the patient whom the address names, or who is asking.
    fn named(at: &'a At<'a>) -> Result<Chart<'a>, Error> {
        let id = at.text("id");
        let own = || super::whose::whose(at).map(|people| people.into_iter().next().map(|person| person.id));
        let id = if id.is_empty() { own()? } else { Some(id.to_owned()) };
        let none = || Refusal::new(Kind::NotFound, "not-found", "name a patient; find one under /patients");
        Chart::of(at, id.ok_or_else(none)?)
    }

    /// The chart of a patient. Who it is, is said as it is known today, whatever day is shown.
    fn of(at: &'a At<'a>, id: String) -> Result<Chart<'a>, Error> {
        let found = at.shared.vault.read(&at.seat.visit, "Patient", &id, None)?.filter(|version| !version.deleted);
        let version = found.ok_or_else(|| nothing("Patient", &id))?;
        let patient = Json::parse(&version.body).unwrap_or(Json::Null).into_owned();
        let chart = Chart { at, id, patient, then: Then::asked(at)?, labels: Cell::default() };
        chart.note(&version);
        Ok(chart)
    }

    /// An address of this chart, of the same moment.
    fn link(&self, path: &str, pairs: &[(&str, &str)]) -> String {
        let day = self.then.as_ref().map_or("", |then| then.text.as_str());
        link(path, &[&[("id", self.id.as_str())], pairs, &[("asof", day)]].concat())
    }

    /// An address of an entry, of the same moment.
    fn entry(&self, version: &Version) -> String {
        let path = if version.resource_type == "DocumentReference" { "/document" } else { "/entry" };
        self.about(path, &format!("{}/{}", version.resource_type, version.id), &[])
    }

    /// An address about an entry, of the same moment.
    fn about(&self, path: &str, about: &str, pairs: &[(&str, &str)]) -> String {
        let day = self.then.as_ref().map_or("", |then| then.text.as_str());
        link(path, &[&[("about", about)], pairs, &[("asof", day)]].concat())
    }

    /// What the gate shows of one kind, of this patient; `None` where the visitor never sees any of it, or where nothing of
    /// the kind is about a patient.
    fn find(&self, kind: &str, pairs: &[(&str, &str)], page: &Page) -> Result<Option<Found>, Error> {
        let patient = format!("Patient/{}", self.id);
        let pairs = [&[("patient", patient.as_str()), ("_total", "none")], pairs].concat();
        let page = Page { at: page.at.or(self.position()), ..page.clone() };
        match self.at.find(kind, &pairs, &page) {
            Ok(found) => {
                found.matches.iter().for_each(|version| self.note(version));
                Ok(Some(found))
            }
            Err(Error::Refusal(refusal)) if matches!(refusal.kind, Kind::Forbidden | Kind::Malformed) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The first of one kind, parsed, with the version each came from.
    fn first(&self, kind: &str, pairs: &[(&str, &str)], count: usize) -> Result<Vec<Shown>, Error> {
        let found = self.find(kind, pairs, &Page { count, ..Page::default() })?;
        Ok(found.map(|found| shown(found.matches)).unwrap_or_default())
    }

    /// Where the log stood at the moment that is shown; `None` for now.
    fn position(&self) -> Option<Position> {
        self.then.as_ref().map(|then| then.position)
    }

    fn note(&self, version: &Version) {
        let more = self.at.shared.vault.labels_of(version);
        self.labels.set(self.labels.get().iter().chain(more.iter()).collect());
    }

    /// A page of the chart. `kept` is what stands in its address besides patient and day.
    fn page(&self, title: &str, kept: &[(&str, &str)], body: &str) -> Response<Bytes> {
        let open = TABS.iter().filter(|(.., kinds)| kinds.is_empty() || kinds.iter().any(|kind| self.could_show(kind)));
        let tabs: String = open.map(|(path, name, _)| self.tab(path, name)).collect();
        let body = format!(
            "{}<div class=\"chart\"><nav aria-label=\"Chart\">{tabs}</nav>{}{}{body}{}</div>",
            banner::strip(self),
            then::strip(self, kept),
            then::bar(self, kept),
            banner::paper(self)
        );
        self.at.page(title, &body)
    }

    /// Whether the roles of the visitor ever see something of a kind. What is in this chart plays no part in it.
    fn could_show(&self, kind: &str) -> bool {
        self.at.shared.vault.could_read(&self.at.seat.visit, kind)
    }

    fn tab(&self, path: &str, name: &str) -> String {
        let is_here = self.at.is_at(path)
            || matches!(
                (path, self.at.path()),
                ("/patient/results", "/patient/trend") | ("/patient/documents", "/document")
            );
        let here = if is_here { " aria-current=\"page\"" } else { "" };
        format!("<a href=\"{}\"{here}>{name}</a>", self.link(path, &[]))
    }
}

/// A version with what it says.
struct Shown {
    version: Version,
    resource: Json<'static>,
}

fn shown(versions: Vec<Version>) -> Vec<Shown> {
    let parsed = |version: Version| {
        let resource = Json::parse(&version.body).ok()?.into_owned();
        Some(Shown { version, resource })
    };
    versions.into_iter().filter_map(parsed).collect()
}

/// Does a page of a chart.
fn page_of(
    shared: &crate::server::Shared,
    asked: &crate::sign_in::Asked,
    page: impl FnOnce(&Chart<'_>) -> Outcome,
) -> Outcome {
    super::frame::seated(shared, asked, vault::access::audit::Deed::Search, |at| page(&Chart::named(at)?))
}

fn nothing(kind: &str, id: &str) -> Refusal {
    Refusal::new(Kind::NotFound, "not-found", format!("there is no {kind}/{id} that is open to you"))
}
