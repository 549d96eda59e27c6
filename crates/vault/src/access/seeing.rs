//! From policies, relationships and consents to what one visit may see; worked out once, and kept until something is
//! written that could change it.

use super::belonging::Belonging;
use super::consent::{self, Asker, Consent, Facts, Handling, Question};
use super::policy::{Consented, Deed, Grants, Relationship, Relationships};
use super::scopes::bounds::Bounds;
use super::scopes::{Interaction, Level, Scopes};
use super::sight::{Shade, Sight, Standing};
use super::{Action, Class, Label, Labels, Principal, Purpose, Visit};
use crate::error::Error;
use crate::keys::patients::{Kid, SHARED};
use crate::records::{Position, Vault, Version};
use crate::search::index::ListName;
use crate::search::rows::{Names, Sort, TYPE, type_number};
use base::clock::Instant;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// How long what depends on dates in consents is kept.
const FRESH_MS: i64 = 60_000;

/// More visitors than this at once; then all is forgotten and worked out again.
const KEPT_MAX: usize = 4_096;

/// What was worked out for visits.
#[derive(Default)]
pub(crate) struct Sights {
    kept: Mutex<HashMap<Key, Kept>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    account: String,
    app: Option<String>,
    purpose: Purpose,
    action: Action,
}

struct Kept {
    sight: Arc<Sight>,
    principal: Principal,
    /// True for the log's first entries.
    at: u32,
    policies: u64,
    glass: u64,
    until: Instant,
}

/// Consents with the keyed hashes of their identities, by the number of the patient's data key.
pub(super) type ByPatient = HashMap<Kid, Arc<Vec<(i64, Consent)>>>;

/// The consents that stand in the record, read, by the number of the patient's data key.
#[derive(Default)]
pub(crate) struct Consents {
    known: Mutex<Stood>,
}

#[derive(Default)]
struct Stood {
    at: u32,
    of: ByPatient,
}

impl Vault {
    /// The labels of a version that a visit was shown, those taken over from others among them.
    #[must_use]
    pub fn labels_of(&self, shown: &Version) -> Labels {
        self.inner.store.index.place(u32::try_from(shown.position.0).unwrap_or(u32::MAX)).labels
    }

    /// What a visit may do an action with.
    pub(crate) fn sight(&self, visit: &Visit, action: Action) -> Result<Arc<Sight>, Error> {
        self.sight_for(visit, action, interaction(action))
    }

    /// What a visit may do an action with, where an app needs a scope for this interaction. Without one: no app's.
    pub(crate) fn sight_for(
        &self,
        visit: &Visit,
        action: Action,
        interaction: Option<Interaction>,
    ) -> Result<Arc<Sight>, Error> {
        let whole = self.whole_sight(visit, action)?;
        let principal = visit.principal();
        if principal.app.is_none() {
            return Ok(whole);
        }
        let patient = principal.launched_for.as_deref().and_then(|patient| self.kid_of(patient));
        let scopes = if interaction.is_some() { Scopes::parse(&principal.scopes) } else { Scopes::default() };
        let bounds = Bounds::of(&scopes, interaction.unwrap_or(Interaction::Read), patient, whole.hidden());
        Ok(Arc::new(Sight::Bounded(whole, bounds)))
    }

    /// What the account behind a visit may do an action with, whatever an app's scopes say.
    fn whole_sight(&self, visit: &Visit, action: Action) -> Result<Arc<Sight>, Error> {
        let (store, principal) = (&self.inner.store, visit.principal());
        if principal.is_operator() {
            return Ok(Arc::new(Sight::Everything));
        }
        visit.must_ask()?;
        let head = self.inner.store.changes();
        store.index.wait_for(head)?;
        let at = u32::try_from(head.0).unwrap_or(u32::MAX);
        // Also brings the sets up to date that a kept sight has.
        let authored = self.authored(principal, at)?;
        let program = self.program(visit, action, at)?;
        // Scopes and patient of a launch bound what is worked out here; they are no part of it.
        let principal = &principal.unbounded();
        let app = principal.app.clone();
        let key = Key { account: principal.account.clone(), app, purpose: visit.purpose(), action };
        if let Some(sight) = self.kept(&key, principal, at) {
            return Ok(sight);
        }
        let (policies, glass) = (self.policies().generation(), store.gate.glass.generation());
        let now = store.clock.now();
        let relations = self.relations(principal)?;
        let consents = self.consents(at)?;
        let sight = self.work_out(visit, action, &relations, &consents)?.writing(authored).within(program);
        let sight = Arc::new(sight);
        let until = Instant(relations.until.map_or(i64::MAX, |until| until.0).min(now.0.saturating_add(FRESH_MS)));
        let mut kept = store.gate.sights.kept.lock();
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        let principal = principal.clone();
        kept.insert(key, Kept { sight: Arc::clone(&sight), principal, at, policies, glass, until });
        Ok(sight)
    }

    fn kept(&self, key: &Key, principal: &Principal, at: u32) -> Option<Arc<Sight>> {
        let store = &self.inner.store;
        let mut all = store.gate.sights.kept.lock();
        let kept = all.get_mut(key)?;
        let holds = kept.principal == *principal
            && kept.policies == self.policies().generation()
            && kept.glass == store.gate.glass.generation()
            && store.clock.now() < kept.until
            && !self.is_telling(kept.at, at);
        if !holds {
            // What takes its place may fail to be worked out: then nothing is better than this.
            all.remove(key);
            return None;
        }
        kept.at = at;
        Some(Arc::clone(&kept.sight))
    }

    pub(super) fn work_out(
        &self,
        visit: &Visit,
        action: Action,
        relations: &super::relations::Relations,
        consents: &ByPatient,
    ) -> Result<Sight, Error> {
        let principal = visit.principal();
        let grants = self.policies().grants(principal, visit.purpose());
        // Whoever broke a glass is there, for that patient, because of the emergency.
        let behind_glass = self.policies().grants(principal, Purpose::BreakGlass);
        let mut standings: HashMap<Kid, Standing> = HashMap::with_capacity(relations.of.len());
        for (kid, relationships) in &relations.of {
            standings.insert(*kid, Standing { relationships: *relationships, consented: Consented::NOTHING });
        }
        let mut shades = HashMap::new();
        for (kid, labels) in &relations.hidden {
            shades.insert(*kid, Shade { veil: consent::Veil::none(), labels: *labels });
        }
        // Consents are about who sees: they stop nobody who delivers and sees nothing, or the refusal would tell of them.
        let delivers = action == Action::Write && !grants.ever(Action::Read, Class::Identity);
        for (kid, consents) in consents.iter().filter(|_| !delivers) {
            let relationships = relations.of.get(kid).copied().unwrap_or(Relationships::NONE);
            let broken = relationships.contains(Relationship::Glass);
            let purpose = if broken { Purpose::BreakGlass } else { visit.purpose() };
            let asker = (principal, &relations.belonging);
            let veil = self.veil(consents, (asker, purpose), action, relationships);
            let standing = standings.entry(*kid).or_insert(Standing { relationships, consented: Consented::NOTHING });
            standing.consented = opened(&veil, relationships);
            let labels = relations.hidden.get(kid).copied().unwrap_or(Labels::NONE);
            shades.insert(*kid, Shade { veil, labels });
        }
        let permits = |class, relationship, consented, labels| {
            let relationships = Relationships::NONE.with(relationship);
            let grants = if relationship == Relationship::Glass { &behind_glass } else { &grants };
            grants.permits(&Deed { action: asked_as(action, class), class, relationships, labels, consented })
        };
        Ok(Sight::ruled(permits, standings, shades).without(Arc::clone(grants.elements())))
    }

    /// What one patient's consents hide from somebody.
    fn veil(
        &self,
        consents: &[(i64, Consent)],
        ((principal, belonging), purpose): ((&Principal, &Belonging), Purpose),
        action: Action,
        relationships: Relationships,
    ) -> consent::Veil {
        let patient = consents.first().map_or("", |(_, consent)| consent.patient.as_str());
        let mut asker = Asker::of(principal, patient).belonging(&belonging.references, &belonging.kinds);
        asker.acts_for_patient = relationships.contains(Relationship::Proxy);
        let now = self.inner.store.clock.now();
        let question = Question { asker: &asker, purpose, handling: handling(action), now };
        let consents: Vec<Consent> = consents.iter().map(|(_, consent)| consent.clone()).collect();
        consent::veil(&consents, &question, &|reference| self.links_of(reference))
    }

    /// The same for a patient by the number of the data key; `None`: the patient has no consents.
    pub(super) fn veil_of(
        &self,
        kid: Kid,
        (principal, purpose): (&Principal, Purpose),
        action: Action,
        relationships: Relationships,
    ) -> Result<Option<consent::Veil>, Error> {
        let head = self.inner.store.changes();
        self.inner.store.index.wait_for(head)?;
        let consents = self.consents(u32::try_from(head.0).unwrap_or(u32::MAX))?;
        let relations = self.relations(principal)?;
        let asking = ((principal, &relations.belonging), purpose);
        Ok(consents.get(&kid).map(|consents| self.veil(consents, asking, action, relationships)))
    }

    /// What a resource refers to, for consents about what is related to one.
    fn links_of(&self, reference: &str) -> Vec<String> {
        let found = reference.split_once('/').map(|(kind, id)| self.inner.store.read(kind, id, None));
        let Some(Ok(Some(version))) = found else { return Vec::new() };
        Json::parse(&version.body).map_or_else(|_| Vec::new(), |r| consent::facts_of(&r, Labels::NONE).links)
    }

    /// The consents in the record when it has `at` entries, by patient. Those written since the last time are read.
    pub(super) fn consents(&self, at: u32) -> Result<ByPatient, Error> {
        let store = &self.inner.store;
        let mut known = store.gate.consents.known.lock();
        if known.at < at {
            let wanted = type_number("Consent");
            for position in self.consents_since(known.at, at)? {
                let place = store.index.place(position);
                let known = Arc::make_mut(known.of.entry(place.kid).or_default());
                known.retain(|(key, _)| *key != place.key);
                if place.type_number != wanted {
                    continue;
                }
                let version = store.readers.with(|db| store.version_at(db, Position(position.into())))?;
                let Some(version) = version else { continue };
                if let Ok(resource) = Json::parse(&version.body) {
                    let (consent, _) = consent::read(&resource, &format!("Consent/{}", version.id));
                    known.push((place.key, consent));
                }
            }
            known.of.retain(|_, consents| !consents.is_empty());
            known.at = at;
        }
        Ok(known.of.clone())
    }

    /// Positions of consents, and of deletions of something of a patient, from one position to another.
    fn consents_since(&self, from: u32, to: u32) -> Result<Vec<u32>, Error> {
        let store = &self.inner.store;
        if from == 0 {
            let reading = store.index.reading(to)?;
            let list = ListName::plain(Names::new(reading.hasher()).list(TYPE, Sort::Type, &["Consent"]));
            let mut positions = Vec::new();
            reading.list(list, &mut positions)?;
            positions.sort_unstable();
            let places = reading.places();
            positions.retain(|&position| places.current(position, to));
            return Ok(positions);
        }
        let wanted = type_number("Consent");
        let tells = |position: &u32| {
            let place = store.index.place(*position);
            place.kid != SHARED && (place.type_number == wanted || place.type_number == 0)
        };
        Ok((from..to).filter(tells).collect())
    }

    /// Refuses an action on a class that no policy permits to the visit, for one patient or, without one, for all.
    pub(crate) fn permit(
        &self,
        visit: &Visit,
        action: Action,
        class: Class,
        patient: Option<Kid>,
    ) -> Result<(), Error> {
        let principal = visit.principal();
        if principal.app.is_some() && !reads_audit(action, principal) {
            return Err(Refusal::new(Kind::Forbidden, "forbidden", "no app may do this; do it here yourself").into());
        }
        let grants = self.policies().grants(principal, visit.purpose());
        let mut relationships = Relationships::NONE.with(Relationship::None);
        if let Some(kid) = patient {
            relationships =
                relationships.union(self.relations(principal)?.of.get(&kid).copied().unwrap_or(Relationships::NONE));
        }
        if permits(&grants, action, class, relationships) {
            return Ok(());
        }
        let message = format!("no policy permits you, for this purpose, to {} here", action.words());
        Err(Refusal::new(Kind::Forbidden, "forbidden", message).into())
    }
}

fn permits(grants: &Grants, action: Action, class: Class, relationships: Relationships) -> bool {
    grants.permits(&Deed { action, class, relationships, labels: Labels::NONE, consented: Consented::NOTHING })
}

/// The scope that an app needs for an action; `None`: no scope permits it.
fn interaction(action: Action) -> Option<Interaction> {
    match action {
        Action::Read | Action::AuditRead => Some(Interaction::Read),
        Action::Search | Action::Export => Some(Interaction::Search),
        Action::Write => Some(Interaction::Update),
        Action::Delete => Some(Interaction::Delete),
        Action::Disclose
        | Action::BreakGlass
        | Action::Operate
        | Action::PolicyEdit
        | Action::RecordDisclosure
        | Action::Account
        | Action::Unlabel => None,
    }
}

/// Whether an app reads the audit, and has a scope for it that is not bound to one patient.
fn reads_audit(action: Action, principal: &Principal) -> bool {
    let scopes = Scopes::parse(&principal.scopes);
    let mut of_audit = scopes.resources().filter(|scope| scope.level != Level::Patient && scope.filter.is_empty());
    action == Action::AuditRead
        && of_audit.any(|scope| {
            scope.interactions.contains(Interaction::Read)
                && scope.resource_type.as_deref().is_none_or(|name| name == "AuditEvent")
        })
}

/// The audit is never read as other resources are: whoever reads it is asked for `audit-read`.
fn asked_as(action: Action, class: Class) -> Action {
    match (action, class) {
        (Action::Read | Action::Search, Class::Audit) => Action::AuditRead,
        _ => action,
    }
}

/// What consents speak of.
fn handling(action: Action) -> Handling {
    match action {
        Action::Export | Action::Disclose => Handling::Disclose,
        _ => Handling::Access,
    }
}

/// What the consents open to somebody. Whoever acts for the patient also writes the patient's consents: these open nothing
/// to them.
pub(super) fn opened(veil: &consent::Veil, relationships: Relationships) -> Consented {
    if relationships.contains(Relationship::Proxy) { Consented::NOTHING } else { consented(veil) }
}

/// What the consents open where a policy asks for consent: judged by label alone, so that a consent to less than all of a
/// label opens nothing.
fn consented(veil: &consent::Veil) -> Consented {
    let granted = |labels| {
        let facts = Facts { resource_type: "Observation".to_owned(), labels, ..Facts::default() };
        veil.granted(&facts).is_some()
    };
    let open = |label: &&Label| granted(Labels::NONE.with(**label));
    let labels = Label::ALL.iter().filter(open).copied().collect();
    Consented { ordinary: granted(Labels::NONE), labels, in_program: false }
}
