//! "Why can('t) I see this?": the policies, labels and consents that decide about one resource, in plain words.
//!
//! Whoever asks about what they may not see is told what holds for their roles in general, word for word the same as
//! about what does not exist.

use super::consent::{Facts, Veil, facts_of};
use super::policy::classes::class_of;
use super::policy::{Asked, Class, Consented, Deed, Receipt, Relationship, Relationships, explain};
use super::seeing::opened;
use super::{Action, Label, Labels, Principal, Purpose, Visit};
use crate::error::Error;
use crate::keys::patients::{Kid, SHARED};
use crate::records::{Vault, Version};
use crate::search::index::Place;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use std::fmt::Write as _;

/// Said where the law asks for no consent.
const OF_PROGRAM: &str = "It was recorded in a substance use disorder programme where you work: those who work there need no \
                          consent for it (42 CFR 2.12(c)(3)).\n";

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// Whether it may be seen.
    pub permitted: bool,
    /// The policies that had a say, by id.
    pub policies: Vec<String>,
    /// All of it in words.
    pub text: String,
}

impl Vault {
    /// Why the visit sees a resource, or why it may not see one of this type.
    pub fn why(&self, visit: &Visit, resource_type: &str, id: &str) -> Result<Explained, Error> {
        let class = class_named(resource_type)?;
        let sight = self.sight(visit, Action::Read)?;
        let found = if sight.is_blind_to(resource_type) { None } else { self.standing(resource_type, id)? };
        let (principal, purpose) = (visit.principal(), visit.purpose());
        match found {
            Some(version) if self.inner.store.sees(&sight, &version)? => {
                visit.trail().show(&version);
                self.explained(visit, (principal, purpose), class, &version)
            }
            _ => Ok(self.in_general(principal, purpose, class, &format!("{resource_type}/{id}"))),
        }
    }

    /// Why somebody else would see a resource or not, for whoever may see all of it.
    pub fn why_of(
        &self,
        visit: &Visit,
        (principal, purpose): (&Principal, Purpose),
        resource_type: &str,
        id: &str,
    ) -> Result<Explained, Error> {
        let class = class_named(resource_type)?;
        if !visit.is_operator() {
            let message = "only the operator may ask what somebody else sees";
            return Err(Refusal::new(Kind::Forbidden, "forbidden", message).into());
        }
        match self.standing(resource_type, id)? {
            Some(version) => self.explained(visit, (principal, purpose), class, &version),
            None => {
                let message = format!("there is no {resource_type}/{id}");
                Err(Refusal::new(Kind::NotFound, "not-found", message).into())
            }
        }
    }

    fn standing(&self, resource_type: &str, id: &str) -> Result<Option<Version>, Error> {
        Ok(self.inner.store.read(resource_type, id, None)?.filter(|version| !version.deleted))
    }

    fn explained(
        &self,
        asking: &Visit,
        (principal, purpose): (&Principal, Purpose),
        class: Class,
        version: &Version,
    ) -> Result<Explained, Error> {
        let visit = Visit::of(principal.clone(), purpose, asking.context().cloned());
        let sight = self.sight(&visit, Action::Read)?;
        let resource = Json::parse(&version.body).unwrap_or(Json::Null);
        let position = u32::try_from(version.position.0).unwrap_or(u32::MAX);
        self.inner.store.index.wait_for(self.inner.store.changes())?;
        let place = self.inner.store.index.place(position);
        let in_program = self.is_in_program(&visit, &place)?;
        let is_exempt = sight.needs_no_part2_consent(&place);
        let facts = Facts { is_exempt, ..facts_of(&resource, place.labels) };
        let relationships = self.standing_to(principal, version, class)?;
        let (purpose, veil) = self.veil_on(principal, purpose, relationships, version.kid)?;
        let consented = veil.as_ref().map_or(Consented::NOTHING, |veil| opened(veil, relationships));
        let consented = Consented { in_program, ..consented };
        let deed = Deed { action: Action::Read, class, relationships, labels: facts.labels, consented };
        let policies = self.policies().policies();
        let mut receipt = explain(&policies, principal, Asked { purpose, deed });
        receipt.consents = said_by(veil.as_ref(), &facts);
        let permitted = self.inner.store.sees(&sight, version)?;
        let mut text = self.in_words(&receipt, permitted, &resource, facts.labels);
        if permitted && in_program {
            text.push_str(OF_PROGRAM);
        }
        Ok(Explained { permitted, policies: ids(&receipt), text })
    }

    /// Whether it was recorded in a Part 2 program where the visitor works.
    fn is_in_program(&self, visit: &Visit, place: &Place) -> Result<bool, Error> {
        let at = u32::try_from(self.inner.store.changes().0).unwrap_or(u32::MAX);
        let program = self.program(visit, Action::Read, at)?;
        Ok(place.labels.contains(Label::Part2) && program.is_some_and(|program| program.has(place.key)))
    }

    fn standing_to(&self, principal: &Principal, version: &Version, class: Class) -> Result<Relationships, Error> {
        if version.kid == SHARED && class != Class::Identity {
            return Ok(Relationships::NONE.with(Relationship::Nobody));
        }
        let known = self.relations(principal)?.of.get(&version.kid).copied().unwrap_or(Relationships::NONE);
        Ok(known.with(Relationship::None))
    }

    /// The patient's consents as this visitor meets them; behind a broken glass it is an emergency.
    fn veil_on(
        &self,
        principal: &Principal,
        purpose: Purpose,
        relationships: Relationships,
        kid: Kid,
    ) -> Result<(Purpose, Option<Veil>), Error> {
        let glass = relationships.contains(Relationship::Glass);
        let purpose = if glass { Purpose::BreakGlass } else { purpose };
        let veil = self.veil_of(kid, (principal, purpose), Action::Read, relationships)?;
        Ok((purpose, veil))
    }

    /// The receipt, the reasons of the labels, and whether what is behind them agrees.
    fn in_words(&self, receipt: &Receipt, permitted: bool, resource: &Json<'_>, labels: Labels) -> String {
        let mut text = receipt.to_string();
        let reasons = self.inner.store.labels.reasons_of(resource);
        let own = reasons.iter().fold(Labels::NONE, |own, reason| own.union(reason.labels));
        for reason in &reasons {
            let set = reason.value_set.as_ref().map_or_else(|| "written there".to_owned(), |set| format!("\"{set}\""));
            let _ = writeln!(text, "Labelled {}: {} is {} ({set}).", words(reason.labels), reason.path, reason.code);
        }
        let taken = labels.without(own);
        if !taken.is_empty() {
            let _ = writeln!(text, "Labelled {}: taken over from what it refers to.", words(taken));
        }
        if receipt.permitted && !permitted {
            text.push_str("All the same it is not shown: a consent, or the scope of the app, keeps it back.\n");
        }
        text
    }

    /// What holds for somebody's roles, whatever is there.
    fn in_general(&self, principal: &Principal, purpose: Purpose, class: Class, reference: &str) -> Explained {
        let nobody = Relationships::NONE.with(Relationship::None).with(Relationship::Nobody);
        let deed = Deed {
            action: Action::Read,
            class,
            relationships: nobody,
            labels: Labels::NONE,
            consented: Consented::NOTHING,
        };
        let policies = self.policies().policies();
        let receipt = explain(&policies, principal, Asked { purpose, deed });
        let mut text = format!("There is no {reference}, or it is not open to you; which of the two is not told.\n");
        if receipt.permitted {
            text.push_str(
                "What holds for you in general follows. A label or the patient's consent may still close it.\n",
            );
        } else {
            text.push_str("What holds for you in general:\n");
        }
        let _ = write!(text, "{receipt}");
        let break_glass = Deed { action: Action::BreakGlass, class: Class::Identity, ..deed };
        if self.policies().grants(principal, purpose).permits(&break_glass) {
            text.push_str("In an emergency you can break the glass for the patient, with a reason.\n");
        }
        Explained { permitted: false, policies: ids(&receipt), text }
    }
}

fn class_named(resource_type: &str) -> Result<Class, Refusal> {
    class_of(resource_type).ok_or_else(|| {
        let message = "this is not a resource type of R4";
        Refusal::new(Kind::NotFound, "not-supported", message)
    })
}

/// The consents that close or open it.
fn said_by(veil: Option<&Veil>, facts: &Facts) -> Vec<String> {
    let Some(veil) = veil else { return Vec::new() };
    let closed = veil.look(facts).map(|why| (why, "keeps it back"));
    let opened = || veil.granted(facts).map(|why| (why, "opens it"));
    let said = closed.or_else(opened).map(|(why, does)| {
        let by = if why.consent.is_empty() { "the law" } else { &why.consent };
        let at = if why.provision.is_empty() { String::new() } else { format!(", {}", why.provision) };
        format!("{by}{at} {does} ({})", why.law)
    });
    said.into_iter().collect()
}

fn ids(receipt: &Receipt) -> Vec<String> {
    let mut ids: Vec<String> =
        receipt.reasons.iter().flat_map(|reason| &reason.policies).map(|said| said.id.clone()).collect();
    ids.sort();
    ids.dedup();
    ids
}

fn words(labels: Labels) -> String {
    labels.iter().map(Label::words).collect::<Vec<_>>().join(", ")
}
