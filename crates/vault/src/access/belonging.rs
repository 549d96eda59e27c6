//! What the record says a visitor belongs to, as consents name people: their roles, the organizations they work for, their
//! care teams.

use super::Principal;
use crate::error::Error;
use crate::records::{Position, Vault, Version};
use crate::search::index::{ListName, Reading};
use crate::search::rows::{Names, type_number};
use base::clock::Instant;
use fhir::calendar::span;
use fhir::json::Json;
use fhir::search::params;

/// Organizations above the one somebody works for that count.
const ABOVE_MAX: usize = 8;

/// What somebody belongs to, and the codes of what they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Belonging {
    /// `PractitionerRole/9`, `Organization/oncology`, `CareTeam/3`.
    pub references: Vec<String>,
    /// Codes of their roles.
    pub kinds: Vec<String>,
}

impl Vault {
    /// What the record says of a visitor, when the log has `at` entries.
    pub(super) fn belonging(&self, principal: &Principal, at: u32) -> Result<Belonging, Error> {
        let mut belonging = Belonging::default();
        let reading = self.inner.store.index.reading(at)?;
        for practitioner in principal.stands_for.iter().filter(|name| name.starts_with("Practitioner/")) {
            for role in self.naming(&reading, ("PractitionerRole", "practitioner"), practitioner)? {
                self.add_role(&role, &mut belonging);
            }
        }
        for name in principal.stands_for.iter().chain(&principal.units) {
            for team in self.naming(&reading, ("CareTeam", "participant"), name)? {
                belonging.add(format!("CareTeam/{}", team.id));
            }
        }
        for organization in principal.units.iter().filter(|unit| unit.starts_with("Organization/")) {
            self.add_above(organization, &mut belonging);
        }
        Ok(belonging)
    }

    fn add_role(&self, version: &Version, belonging: &mut Belonging) {
        let Ok(role) = Json::parse(&version.body) else { return };
        let now = self.inner.store.clock.now();
        if role.get("active").and_then(Json::as_bool) == Some(false) || !holds(role.get("period"), now) {
            return;
        }
        belonging.add(format!("PractitionerRole/{}", version.id));
        let codes = role.get("code").map_or(&[][..], Json::items).iter();
        let codings = codes.flat_map(|code| code.get("coding").map_or(&[][..], Json::items));
        belonging.kinds.extend(codings.filter_map(|coding| coding.text("code").map(str::to_owned)));
        if let Some(organization) = role.get("organization").and_then(|organization| organization.text("reference")) {
            belonging.add(organization.to_owned());
            self.add_above(organization, belonging);
        }
    }

    /// The organizations that one is part of.
    fn add_above(&self, organization: &str, belonging: &mut Belonging) {
        let mut next = organization.to_owned();
        for _ in 0..ABOVE_MAX {
            let Some(id) = next.strip_prefix("Organization/") else { return };
            let Ok(Some(version)) = self.inner.store.read("Organization", id, None) else { return };
            let Ok(resource) = Json::parse(&version.body) else { return };
            let Some(above) = resource.get("partOf").and_then(|above| above.text("reference")) else { return };
            next = above.to_owned();
            if !belonging.add(next.clone()) {
                return;
            }
        }
    }

    /// The current versions of a type that refer to somebody.
    fn naming(
        &self,
        reading: &Reading<'_>,
        (resource_type, code): (&str, &str),
        reference: &str,
    ) -> Result<Vec<Version>, Error> {
        let (Some((kind, id)), Some(param)) = (reference.split_once('/'), params::find(resource_type, code)) else {
            return Ok(Vec::new());
        };
        let mut names = Names::new(reading.hasher());
        let (key, mut positions) = (names.resource(kind, id), Vec::new());
        for path in &param.paths {
            reading.list(ListName::plain(names.local(path.path, key)), &mut positions)?;
        }
        positions.sort_unstable();
        positions.dedup();
        let wanted = type_number(resource_type);
        let places = reading.places();
        positions.retain(|&p| places.type_number(p) == wanted && places.current(p, reading.at));
        drop(places);
        let store = &self.inner.store;
        let version = |position: u32| store.readers.with(|db| store.version_at(db, Position(position.into())));
        let found = positions.into_iter().map(version).collect::<Result<Vec<_>, _>>()?;
        Ok(found.into_iter().flatten().collect())
    }
}

impl Belonging {
    /// Adds a reference; whether it is new.
    fn add(&mut self, reference: String) -> bool {
        let is_new = !self.references.contains(&reference);
        if is_new {
            self.references.push(reference);
        }
        is_new
    }
}

/// Whether a period holds; one that cannot be read does not.
fn holds(period: Option<&Json<'_>>, now: Instant) -> bool {
    let edge = |name: &str| period.and_then(|period| period.text(name)).map(span);
    let began = edge("start").is_none_or(|start| start.is_some_and(|(first, _)| first <= now.0));
    began && edge("end").is_none_or(|end| end.is_some_and(|(_, last)| now.0 <= last))
}
