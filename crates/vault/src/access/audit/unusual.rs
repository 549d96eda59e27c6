//! Unusual look-ups (45 CFR 164.308(a)(1)(ii)(D)): who looked at the record of a relative, a neighbour, a colleague, or of
//! somebody with whom they have nothing to do. Found by comparing the audit with the record and the accounts, as both are now;
//! a reason to ask, no proof of anything.

use super::event::Outcome;
use super::reading::Wanted;
use crate::access::label::Label;
use crate::access::vocabulary::vocabulary;
use crate::access::{Account, Purpose, Relationship, Relationships, Role, Roles, Visit};
use crate::error::Error;
use crate::records::{Position, Vault, Version};
use base::clock::Instant;
use fhir::json::Json;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Entries of the audit that one review looks through.
const ENTRIES_MAX: usize = 20_000;

vocabulary! {
    /// What is unusual about somebody's looking at a patient's record.
    Oddity {
        /// The record is their own, and they came as staff.
        OwnRecord = "own-record", "their own record, opened as staff";
        /// A family name in common.
        Surname = "surname", "same surname";
        /// An address in common.
        Address = "address", "same address";
        /// The patient works here.
        Colleague = "colleague", "the patient works here";
        /// The patient works on the same unit.
        Unit = "unit", "the patient works on the same unit";
        /// They treat patients, and this one is not in their care.
        NoRelationship = "no-relationship", "no relationship with the patient";
    }
}

/// One account's looking at one patient's record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusual {
    /// Account id.
    pub account: String,
    /// Id of the Patient.
    pub patient: String,
    /// What is unusual.
    pub oddities: Vec<Oddity>,
    /// How many entries.
    pub looks: usize,
    /// The first of them in the period.
    pub first: Instant,
    /// The last.
    pub last: Instant,
    /// The last one's place in the log.
    pub position: Position,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Review {
    /// The oddest first, then the latest.
    pub unusual: Vec<Unusual>,
    /// How many entries of the audit were looked through.
    pub entries: usize,
    /// Where the older entries begin that were not looked through, if there are some.
    pub next: Option<Position>,
}

/// What is compared of somebody.
#[derive(Clone, Debug, Default)]
struct Person {
    surnames: BTreeSet<String>,
    addresses: BTreeSet<String>,
    /// Surname, first name and day of birth, where all are known.
    identity: Option<String>,
    is_employee: bool,
}

impl Vault {
    /// The unusual look-ups of a period, for whoever may read all of the audit.
    pub fn unusual(&self, visit: &Visit, since: Option<Instant>, until: Option<Instant>) -> Result<Review, Error> {
        let wanted = Wanted { since, until, count: ENTRIES_MAX, names: Some(usize::MAX), ..Wanted::default() };
        let page = self.audit(visit, &wanted)?;
        let mut looks: BTreeMap<(String, String), Unusual> = BTreeMap::new();
        for found in &page.found {
            let event = &found.event;
            if event.outcome != Outcome::Served || !as_staff(&event.roles, &event.purpose) {
                continue;
            }
            for patient in found.patients.iter().filter_map(|patient| patient.strip_prefix("Patient/")) {
                let key = (event.account.clone(), patient.to_owned());
                let of = looks.entry(key).or_insert_with_key(|(account, patient)| Unusual {
                    account: account.clone(),
                    patient: patient.clone(),
                    oddities: Vec::new(),
                    looks: 0,
                    first: found.at,
                    last: found.at,
                    position: found.position,
                });
                // Newest come first.
                (of.looks, of.first) = (of.looks + 1, found.at);
            }
        }
        let mut unusual = self.judged(looks.into_values())?;
        unusual.sort_by_key(|one| (std::cmp::Reverse(one.oddities.len()), std::cmp::Reverse(one.last.0)));
        Ok(Review { unusual, entries: page.found.len(), next: page.next })
    }

    fn judged(&self, looks: impl Iterator<Item = Unusual>) -> Result<Vec<Unusual>, Error> {
        let accounts = self.accounts()?;
        let mut staff: Vec<(Arc<Account>, Person)> = Vec::new();
        for account in accounts.iter().filter(|account| account.roles.iter().any(is_staff)) {
            staff.push((Arc::clone(account), self.person_of(account)?));
        }
        let mut patients: HashMap<String, Person> = HashMap::new();
        let mut unusual = Vec::new();
        for mut look in looks {
            // The operator, and programs, are nobody's neighbour.
            let Some((account, person)) = staff.iter().find(|(account, _)| account.id == look.account) else {
                continue;
            };
            if !patients.contains_key(&look.patient) {
                let patient = self.person("Patient", &look.patient)?;
                patients.insert(look.patient.clone(), patient);
            }
            let Some(patient) = patients.get(&look.patient) else { continue };
            look.oddities = compared(account, person, &look.patient, patient, &staff);
            if self.is_stranger(account, &look.patient)? {
                look.oddities.push(Oddity::NoRelationship);
            }
            if !look.oddities.is_empty() {
                unusual.push(look);
            }
        }
        Ok(unusual)
    }

    /// Whether an account whose work needs a relationship of care has none with a patient now. A broken glass is none.
    fn is_stranger(&self, account: &Account, patient: &str) -> Result<bool, Error> {
        let needs = Roles::NONE.with(Role::Physician).with(Role::Nurse);
        let own = Roles::NONE.with(Role::Patient).with(Role::Proxy);
        if account.roles.without(own).is_empty() || !account.roles.without(own).without(needs).is_empty() {
            return Ok(false);
        }
        let known = self.relations(&account.principal())?;
        let known = self.kid_of(patient).and_then(|kid| known.of.get(&kid).copied()).unwrap_or(Relationships::NONE);
        Ok(known.iter().all(|relationship| matches!(relationship, Relationship::Glass | Relationship::None)))
    }

    /// What the record says of an account's owner, and what its name tells where the record says nothing.
    fn person_of(&self, account: &Account) -> Result<Person, Error> {
        let mut person = Person::default();
        for (kind, id) in account.stands_for.iter().filter_map(|reference| reference.split_once('/')) {
            let found = self.person(kind, id)?;
            person.surnames.extend(found.surnames);
            person.addresses.extend(found.addresses);
            person.identity = person.identity.or(found.identity);
        }
        if person.surnames.is_empty() {
            // `Rosa Tapia, RN`
            let name = account.name.split(',').next().unwrap_or_default();
            person.surnames.extend(name.split_whitespace().last().map(plain).filter(|name| !name.is_empty()));
        }
        Ok(person)
    }

    fn person(&self, kind: &str, id: &str) -> Result<Person, Error> {
        let version = self.inner.store.read(kind, id, None)?.filter(|version| !version.deleted);
        let Some(version) = version else { return Ok(Person::default()) };
        let Ok(resource) = Json::parse(&version.body) else { return Ok(Person::default()) };
        Ok(Person { is_employee: self.is_employee(&version), ..Person::read(&resource) })
    }

    fn is_employee(&self, version: &Version) -> bool {
        let position = u32::try_from(version.position.0).unwrap_or(u32::MAX);
        self.inner.store.index.place(position).labels.contains(Label::Employee)
    }
}

/// Whether somebody came for the house's work, not for a record of their own.
fn as_staff(roles: &str, purpose: &str) -> bool {
    let own = [Purpose::PatientRequest, Purpose::FamilyRequest, Purpose::PowerOfAttorney];
    let is_own = own.iter().any(|own| own.code() == purpose);
    roles.split(' ').filter_map(Role::from_code).any(is_staff) && !(is_own && is_patient_too(roles))
}

fn is_patient_too(roles: &str) -> bool {
    roles.split(' ').filter_map(Role::from_code).any(|role| !is_staff(role))
}

fn is_staff(role: Role) -> bool {
    !matches!(role, Role::Patient | Role::Proxy | Role::App | Role::InterfacePartner)
}

fn compared(
    account: &Account,
    person: &Person,
    id: &str,
    patient: &Person,
    staff: &[(Arc<Account>, Person)],
) -> Vec<Oddity> {
    let is = |(other, known): &&(Arc<Account>, Person)| {
        let stands = other.stands_for.iter().any(|own| own.strip_prefix("Patient/") == Some(id));
        stands || (known.identity.is_some() && known.identity == patient.identity)
    };
    let owner = staff.iter().find(is).map(|(other, _)| other);
    if owner.is_some_and(|owner| owner.id == account.id) {
        return vec![Oddity::OwnRecord];
    }
    let mut oddities = Vec::new();
    if !person.surnames.is_disjoint(&patient.surnames) {
        oddities.push(Oddity::Surname);
    }
    if !person.addresses.is_disjoint(&patient.addresses) {
        oddities.push(Oddity::Address);
    }
    match owner {
        Some(owner) if owner.units.iter().any(|unit| account.units.contains(unit)) => oddities.push(Oddity::Unit),
        Some(_) => oddities.push(Oddity::Colleague),
        None if patient.is_employee => oddities.push(Oddity::Colleague),
        None => {}
    }
    oddities
}

impl Person {
    fn read(resource: &Json<'_>) -> Person {
        let items = |name: &str| resource.get(name).map_or(&[][..], Json::items).iter();
        let surnames: BTreeSet<String> = items("name").filter_map(|name| name.text("family")).map(plain).collect();
        let home = items("address").filter(|address| !matches!(address.text("use"), Some("work" | "billing")));
        let addresses = home.filter_map(address).collect();
        let first = items("name").next();
        let given = first.and_then(|name| name.get("given")?.items().first()?.as_str());
        let family = first.and_then(|name| name.text("family"));
        let identity = family.zip(given).zip(resource.text("birthDate"));
        let identity = identity.map(|((family, given), born)| format!("{} {} {born}", plain(family), plain(given)));
        let surnames = surnames.into_iter().filter(|name| !name.is_empty()).collect();
        Person { surnames, addresses, identity, is_employee: false }
    }
}

/// Street and place, comparable; `None` where one is missing.
fn address(address: &Json<'_>) -> Option<String> {
    let street = plain(address.get("line")?.items().first()?.as_str()?);
    let place = plain(address.text("postalCode").or_else(|| address.text("city"))?);
    (!street.is_empty() && !place.is_empty()).then(|| format!("{street} {place}"))
}

/// Small letters and digits only, so that `O'Neil` is `oneil` however it is typed.
fn plain(text: &str) -> String {
    let letters = text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase);
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_are_compared_without_their_dress() {
        let text = r#"{"name":[{"family":"O'Neil","given":["Zoë"]}],"birthDate":"1970-01-01",
            "address":[{"line":["1 Main St."],"postalCode":"85001"},{"use":"work","line":["9 Work"],"city":"X"},{"city":"Y"}]}"#;
        let person = Person::read(&Json::parse(text.as_bytes()).expect("JSON"));
        assert_eq!(person.surnames.iter().collect::<Vec<_>>(), ["oneil"]);
        assert_eq!(person.addresses.iter().collect::<Vec<_>>(), ["1mainst 85001"]);
        assert_eq!(person.identity.as_deref(), Some("oneil zoë 1970-01-01"));
        assert_eq!(plain("O’NEIL"), "oneil");
    }

    #[test]
    fn who_comes_for_their_own_record_is_no_staff() {
        for (roles, purpose, is) in [
            ("nurse", "TREAT", true),
            ("patient", "PATRQT", false),
            ("nurse patient", "PATRQT", false),
            ("nurse patient", "TREAT", true),
            ("him-specialist", "PATRQT", true),
            ("app", "TREAT", false),
            ("", "", false),
        ] {
            assert_eq!(as_staff(roles, purpose), is, "{roles} {purpose}");
        }
    }
}
