//! Whose record somebody outside the house comes for: their own, and those of patients for whom they act.

use super::frame::{At, link};
use super::{escape, words};
use fhir::json::Json;
use vault::Error;

/// A patient for whom the visitor may speak.
pub struct Whose {
    /// Id of the Patient.
    pub id: String,
    /// What people call them; `you` for the visitor.
    pub name: String,
}

/// All patients for whom the visitor speaks, as far as the gate shows them.
pub fn whose(at: &At<'_>) -> Result<Vec<Whose>, Error> {
    let principal = at.seat.visit.principal();
    let mut ids: Vec<String> = principal.ids_of("Patient").map(str::to_owned).collect();
    for id in principal.ids_of("RelatedPerson") {
        let person = at.shared.vault.read(&at.seat.visit, "RelatedPerson", id, None)?.filter(|v| !v.deleted);
        let person = person.as_ref().and_then(|version| Json::parse(&version.body).ok());
        let patient = person.as_ref().and_then(|person| person.get("patient")?.text("reference"));
        ids.extend(patient.and_then(|reference| reference.strip_prefix("Patient/")).map(str::to_owned));
    }
    let mut found = Vec::new();
    for id in ids {
        let chart = at.shared.vault.read(&at.seat.visit, "Patient", &id, None)?.filter(|v| !v.deleted);
        let Some(chart) = chart else { continue };
        let name = Json::parse(&chart.body).map(|chart| words::name(&chart)).unwrap_or_default();
        found.push(Whose { id, name });
    }
    Ok(found)
}

impl At<'_> {
    /// The one that the address names, or the first. Whom it names and who is none of them is nobody's.
    pub fn chosen<'w>(&self, people: &'w [Whose]) -> Option<&'w Whose> {
        let named = self.text("patient");
        if named.is_empty() { people.first() } else { people.iter().find(|person| person.id == named) }
    }
}

/// Whose record a page is about, and the way to the others'.
pub fn chooser(path: &str, people: &[Whose], chosen: &Whose) -> String {
    let others = people.iter().filter(|person| person.id != chosen.id);
    let others: String = others
        .map(|person| format!(" <a href=\"{}\">{}</a>", link(path, &[("patient", &person.id)]), escape(&person.name)))
        .collect();
    format!("<div class=\"banner\"><strong>{}</strong>{others}</div>", escape(&chosen.name))
}
