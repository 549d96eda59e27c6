//! What an app's scopes let through, compiled for one interaction: asked of each version beside what its account may see.

use super::{Interaction, Level, Scopes, granular};
use crate::access::consent::Glance;
use crate::access::policy::Class;
use crate::access::policy::classes::class_of;
use crate::keys::patients::{Kid, SHARED};
use crate::search::index::Place;
use crate::search::rows::type_number;
use fhir::json::Json;
use fhir::search::query::{Filter, Hidden};
use std::collections::HashSet;
use std::sync::OnceLock;

/// What an app may do one thing with.
#[derive(Clone, Debug)]
pub(crate) struct Bounds {
    clauses: Vec<Clause>,
    /// The patient the app was launched for, by the number of the data key.
    patient: Option<Kid>,
}

#[derive(Clone, Debug)]
struct Clause {
    level: Level,
    /// 0: every type.
    type_number: u8,
    filter: Option<Filter>,
}

impl Bounds {
    /// The bounds of scopes for an interaction. A search by what is hidden would tell it: such a scope lets nothing through.
    pub fn of(scopes: &Scopes, interaction: Interaction, patient: Option<Kid>, hidden: Option<&Hidden>) -> Bounds {
        let fitting = scopes.resources().filter(|scope| scope.interactions.contains(interaction));
        let clauses = fitting.filter_map(|scope| {
            let resource_type = scope.resource_type.as_deref();
            let filter = match (resource_type, scope.filter.as_str()) {
                (_, "") => None,
                (resource_type, filter) => {
                    let query = granular::query(resource_type?, filter)?;
                    Some(query).filter(|query| !hidden.is_some_and(|hidden| hidden.is_asked_by(query)))?.filter.into()
                }
            };
            let type_number = resource_type.map_or(0, type_number);
            (resource_type.is_none() || type_number != 0).then_some(Clause { level: scope.level, type_number, filter })
        });
        Bounds { clauses: clauses.collect(), patient }
    }

    /// What can be said of a place without opening it.
    pub fn glance(&self, place: &Place) -> Glance {
        let mut glance = Glance::Hidden;
        for clause in self.fitting(place) {
            match clause.filter {
                None => return Glance::Seen,
                Some(_) => glance = Glance::Look,
            }
        }
        glance
    }

    /// Whether a resource at a place is let through.
    pub fn look(&self, place: &Place, resource: &Json) -> bool {
        self.fitting(place).any(|clause| clause.filter.as_ref().is_none_or(|filter| granular::means(filter, resource)))
    }

    /// Whether nothing of a type is ever let through.
    pub fn is_blind_to(&self, type_number: u8) -> bool {
        !self.clauses.iter().any(|clause| clause.type_number == 0 || clause.type_number == type_number)
    }

    fn fitting(&self, place: &Place) -> impl Iterator<Item = &Clause> {
        let (type_number, kid) = (place.type_number, place.kid);
        self.clauses.iter().filter(move |clause| {
            (clause.type_number == 0 || clause.type_number == type_number)
                && self.covers(clause.level, type_number, kid)
        })
    }

    /// A patient's app sees its patient, and what is about nobody: people, places, definitions.
    fn covers(&self, level: Level, type_number: u8, kid: Kid) -> bool {
        match level {
            Level::User | Level::System => true,
            Level::Patient if kid == SHARED => is_open(type_number),
            Level::Patient => self.patient == Some(kid),
        }
    }
}

/// Whether resources of a type are about nobody's health: directory and knowledge.
fn is_open(type_number: u8) -> bool {
    static OPEN: OnceLock<HashSet<u8>> = OnceLock::new();
    let open = OPEN.get_or_init(|| {
        let names = fhir::definitions::r4().resource_names();
        let open = names.filter(|name| matches!(class_of(name), Some(Class::Directory | Class::Knowledge)));
        open.map(crate::search::rows::type_number).collect()
    });
    open.contains(&type_number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Labels;

    fn place(resource_type: &str, kid: Kid) -> Place {
        Place { key: 1, type_number: type_number(resource_type), kid, labels: Labels::NONE }
    }

    fn bounds(scopes: &str, interaction: Interaction) -> Bounds {
        Bounds::of(&Scopes::parse(scopes), interaction, Some(3), None)
    }

    #[test]
    fn a_scope_lets_its_own_through_and_nothing_else() {
        for (scopes, interaction, resource_type, kid, glance) in [
            ("patient/Observation.rs", Interaction::Read, "Observation", 3, Glance::Seen),
            ("patient/Observation.rs", Interaction::Search, "Observation", 3, Glance::Seen),
            ("patient/Observation.rs", Interaction::Update, "Observation", 3, Glance::Hidden),
            ("patient/Observation.rs", Interaction::Read, "Observation", 4, Glance::Hidden),
            ("patient/Observation.rs", Interaction::Read, "Condition", 3, Glance::Hidden),
            ("patient/*.rs", Interaction::Read, "Practitioner", SHARED, Glance::Seen),
            ("patient/*.rs", Interaction::Read, "Group", SHARED, Glance::Hidden),
            ("user/Observation.r", Interaction::Read, "Observation", 4, Glance::Seen),
            ("user/Observation.r", Interaction::Search, "Observation", 4, Glance::Hidden),
            ("patient/Observation.rs?category=a", Interaction::Read, "Observation", 3, Glance::Look),
            ("patient/Observation.rs?category=a", Interaction::Read, "Observation", 4, Glance::Hidden),
            ("patient/Observation.rs?category=a patient/*.r", Interaction::Read, "Observation", 3, Glance::Seen),
            ("openid launch", Interaction::Read, "Patient", 3, Glance::Hidden),
            ("", Interaction::Read, "Patient", 3, Glance::Hidden),
        ] {
            let found = bounds(scopes, interaction).glance(&place(resource_type, kid));
            assert_eq!(found, glance, "{scopes} {interaction} {resource_type} {kid}");
        }
        let nobody = Bounds::of(&Scopes::parse("patient/*.rs"), Interaction::Read, None, None);
        assert_eq!(nobody.glance(&place("Patient", 3)), Glance::Hidden);
        assert!(nobody.glance(&place("Patient", 3)) == Glance::Hidden && !nobody.is_blind_to(type_number("Patient")));
        assert!(bounds("patient/Patient.s", Interaction::Read).is_blind_to(type_number("Patient")));
    }

    #[test]
    fn a_granular_scope_looks_at_the_resource() {
        let filters =
            "patient/Observation.rs?category=http://h/c|lab patient/Observation.rs?status=final,amended&code=x";
        let bounds = bounds(filters, Interaction::Read);
        for (body, seen) in [
            (r#"{"category":[{"coding":[{"system":"http://h/c","code":"lab"}]}]}"#, true),
            (r#"{"category":[{"coding":[{"system":"http://other","code":"lab"}]}]}"#, false),
            (r#"{"status":"amended","code":{"coding":[{"code":"x"}]}}"#, true),
            (r#"{"status":"preliminary","code":{"coding":[{"code":"x"}]}}"#, false),
            (r#"{"status":"final","code":{"coding":[{"code":"y"}]}}"#, false),
            ("{}", false),
        ] {
            let body = body.replacen('{', r#"{"resourceType":"Observation","id":"1","#, 1).replace(",}", "}");
            let resource = Json::parse(body.as_bytes()).expect("JSON");
            assert_eq!(bounds.look(&place("Observation", 3), &resource), seen, "{body}");
            assert!(!bounds.look(&place("Observation", 4), &resource), "another patient's: {body}");
        }
    }
}
