//! What one visit may see: worked out once, then answered for each log position from memory.
//!
//! What may not be seen does not exist: every set of positions that a search makes, every look-up of a current version and
//! every version that is read passes [`Sight::sees`]. There is no filter afterwards.

use super::authored::Authored;
use super::consent::{Facts, Glance, Veil, facts_of};
use super::label::{Label, Labels};
use super::policy::classes::class_of;
use super::policy::{Class, Consented, Relationship, Relationships};
use super::programs::Program;
use super::scopes::bounds::Bounds;
use crate::error::Error;
use crate::keys::patients::Kid;
use crate::search::index::Place;
use crate::search::rows::type_number;
use base::refusal::{Kind, Refusal};
use fhir::json::Json;
use fhir::search::query::Hidden;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

/// Numbers of types fit in a byte.
const TYPES: usize = 256;
const CLASSES: usize = Class::ALL.len();

/// What somebody with one standing sees of each class: what bears none of the labels of at least one of the sets. No
/// set: nothing.
type Reaches = [Vec<Labels>; CLASSES];

/// What one visit may see.
#[derive(Clone, Debug)]
pub(crate) enum Sight {
    /// Everything: whoever holds the keys.
    Everything,
    /// What the rules let through.
    Ruled(Box<Rules>),
    /// What an app's scopes leave of what its account sees.
    Bounded(Arc<Sight>, Bounds),
    /// What may be seen both ways, by one visitor for one purpose.
    Both(Arc<Sight>, Arc<Sight>),
}

/// The rules of one visit.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// By number: 0 of what is nobody's, 1 of patients with whom there is no relationship, then one a set of relationships.
    standings: Vec<Reach>,
    /// Classes of which something may be seen in some relationship, whether there is such a patient or not.
    open: [bool; CLASSES],
    /// Classes of which the policies show an author what a Part 2 program recorded, without any consent.
    own_part2: [bool; CLASSES],
    /// Which standing a patient has, by the number of their data key; beyond the end 1.
    of_patient: Vec<u16>,
    /// What is hidden of some patients.
    shades: HashMap<Kid, Shade>,
    /// What the visitor wrote.
    own: Option<Arc<Authored>>,
    /// What was recorded in the Part 2 programs where the visitor works.
    program: Option<Arc<Program>>,
    /// Elements that are hidden of what may be seen.
    hidden: Arc<Hidden>,
}

/// What somebody with one standing sees: of the record at large, of what they wrote, of what their program recorded, of
/// what is both.
#[derive(Clone, Debug)]
struct Reach {
    plain: Reaches,
    own: Reaches,
    in_program: Reaches,
    own_in_program: Reaches,
}

/// How a visitor stands to a patient, and what the patient has opened to the visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// In which ways.
    pub relationships: Relationships,
    /// What the patient consented to.
    pub consented: Consented,
}

impl Standing {
    /// One relationship, and no consent.
    pub fn only(relationship: Relationship) -> Standing {
        Standing { relationships: Relationships::NONE.with(relationship), consented: Consented::NOTHING }
    }
}

/// What is hidden of one patient, whatever the policies say.
#[derive(Clone, Debug)]
pub(crate) struct Shade {
    /// What the patient's consents hide.
    pub veil: Veil,
    /// What is hidden besides: from a parent, what a minor decides alone.
    pub labels: Labels,
}

impl Shade {
    fn glance(&self, type_number: u8, labels: Labels, in_program: bool) -> Glance {
        if !self.labels.intersection(labels).is_empty() {
            return Glance::Hidden;
        }
        self.veil.glance(type_number, labels, in_program)
    }
}

impl Sight {
    /// The sight of somebody for whom `permits` decides. `patients` has those who stand out: because of a relationship, or
    /// because they consented to something.
    pub fn ruled(
        permits: impl Fn(Class, Relationship, Consented, Labels) -> bool,
        patients: impl IntoIterator<Item = (Kid, Standing)>,
        shades: HashMap<Kid, Shade>,
    ) -> Sight {
        let mut seen = vec![Standing::only(Relationship::Nobody), Standing::only(Relationship::None)];
        let mut of_patient = vec![0];
        for (kid, standing) in patients {
            let standing = Standing { relationships: standing.relationships.with(Relationship::None), ..standing };
            let number = seen.iter().position(|known| *known == standing).unwrap_or_else(|| {
                seen.push(standing);
                seen.len() - 1
            });
            let slot = kid as usize;
            if of_patient.len() <= slot {
                of_patient.resize(slot + 1, 1);
            }
            // More standings than numbers: the patient counts as one with whom there is no relationship.
            of_patient[slot] = u16::try_from(number).unwrap_or(1);
        }
        let reaches = |standing: Standing| std::array::from_fn(|class| reaches(Class::ALL[class], standing, &permits));
        let own = |s: Standing| Standing { relationships: s.relationships.with(Relationship::Author), ..s };
        let of_program = |s: Standing| Standing { consented: Consented { in_program: true, ..s.consented }, ..s };
        let reach = |s: Standing| Reach {
            plain: reaches(s),
            own: reaches(own(s)),
            in_program: reaches(of_program(s)),
            own_in_program: reaches(own(of_program(s))),
        };
        let standings = seen.into_iter().map(reach).collect();
        let everything = Consented { ordinary: true, labels: Label::ALL.iter().copied().collect(), in_program: true };
        let open = std::array::from_fn(|class| {
            Relationship::ALL.iter().any(|r| permits(Class::ALL[class], *r, everything, Labels::NONE))
        });
        let part2 = Labels::NONE.with(Label::Part2);
        let own_part2 =
            std::array::from_fn(|class| permits(Class::ALL[class], Relationship::Author, Consented::NOTHING, part2));
        let hidden = Arc::default();
        let (own, program) = (None, None);
        Sight::Ruled(Box::new(Rules { standings, open, own_part2, of_patient, shades, own, program, hidden }))
    }

    /// The same without some elements.
    pub fn without(self, hidden: Arc<Hidden>) -> Sight {
        match self {
            Sight::Everything => Sight::Everything,
            Sight::Ruled(rules) => Sight::Ruled(Box::new(Rules { hidden, ..*rules })),
            Sight::Bounded(sight, bounds) => {
                Sight::Bounded(Arc::new(Arc::unwrap_or_clone(sight).without(hidden)), bounds)
            }
            Sight::Both(one, other) => Sight::Both(Arc::new(Arc::unwrap_or_clone(one).without(hidden)), other),
        }
    }

    /// The same for the author of some resources.
    pub fn writing(self, own: Option<Arc<Authored>>) -> Sight {
        match self {
            Sight::Everything => Sight::Everything,
            Sight::Ruled(rules) => Sight::Ruled(Box::new(Rules { own, ..*rules })),
            Sight::Bounded(sight, bounds) => Sight::Bounded(Arc::new(Arc::unwrap_or_clone(sight).writing(own)), bounds),
            Sight::Both(one, other) => {
                let writing = |sight: Arc<Sight>| Arc::new(Arc::unwrap_or_clone(sight).writing(own.clone()));
                Sight::Both(writing(one), writing(other))
            }
        }
    }

    /// The same for somebody who works in the programs that recorded some resources.
    pub fn within(self, program: Option<Arc<Program>>) -> Sight {
        match self {
            Sight::Everything => Sight::Everything,
            Sight::Ruled(rules) => Sight::Ruled(Box::new(Rules { program, ..*rules })),
            Sight::Bounded(sight, bounds) => {
                Sight::Bounded(Arc::new(Arc::unwrap_or_clone(sight).within(program)), bounds)
            }
            Sight::Both(one, other) => {
                let within = |sight: Arc<Sight>| Arc::new(Arc::unwrap_or_clone(sight).within(program.clone()));
                Sight::Both(within(one), within(other))
            }
        }
    }

    /// The elements that are hidden of what may be seen; `None` where all of it is shown whole.
    pub fn hidden(&self) -> Option<&Hidden> {
        match self {
            Sight::Everything => None,
            Sight::Ruled(rules) => Some(&*rules.hidden).filter(|hidden| !hidden.is_empty()),
            Sight::Bounded(sight, _) | Sight::Both(sight, _) => sight.hidden(),
        }
    }

    /// Whether nothing is hidden.
    pub fn is_everything(&self) -> bool {
        matches!(self, Sight::Everything)
    }

    /// Whether what stands at a place may be seen. `open` shows the resource; it is asked only where a consent or a scope
    /// decides by what the resource says. What cannot be opened is not seen.
    pub fn sees(
        &self,
        place: &Place,
        open: impl FnOnce(&mut dyn FnMut(&Json)) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        match self.glance(place) {
            Glance::Seen => Ok(true),
            Glance::Hidden => Ok(false),
            Glance::Look => {
                let mut seen = false;
                open(&mut |resource| seen = self.look(place, resource))?;
                Ok(seen)
            }
        }
    }

    /// Whether what stands at a place is hidden for certain, without a look at it.
    pub fn hides(&self, place: &Place) -> bool {
        self.glance(place) == Glance::Hidden
    }

    fn glance(&self, place: &Place) -> Glance {
        match self {
            Sight::Everything => Glance::Seen,
            Sight::Ruled(rules) => rules.glance(place),
            Sight::Bounded(sight, bounds) => narrower(sight.glance(place), bounds.glance(place)),
            Sight::Both(one, other) => narrower(one.glance(place), other.glance(place)),
        }
    }

    fn look(&self, place: &Place, resource: &Json) -> bool {
        match self {
            Sight::Everything => true,
            Sight::Ruled(rules) => rules.look(place, resource),
            Sight::Bounded(sight, bounds) => sight.look(place, resource) && bounds.look(place, resource),
            Sight::Both(one, other) => one.look(place, resource) && other.look(place, resource),
        }
    }

    /// Whether no consent under Part 2 is asked for what stands at a place.
    pub fn needs_no_part2_consent(&self, place: &Place) -> bool {
        match self {
            Sight::Everything => true,
            Sight::Ruled(rules) => rules.needs_no_part2_consent(place),
            Sight::Bounded(sight, _) => sight.needs_no_part2_consent(place),
            Sight::Both(one, other) => one.needs_no_part2_consent(place) && other.needs_no_part2_consent(place),
        }
    }

    /// Refuses a type of which nothing can ever be seen, before any look at the record.
    pub fn require(&self, resource_type: &str) -> Result<(), Refusal> {
        if self.is_blind_to(resource_type) {
            let message = format!("{resource_type} is not open to you for this purpose, whoever it is about");
            return Err(Refusal::new(Kind::Forbidden, "forbidden", message));
        }
        Ok(())
    }

    /// Whether nothing of a type can ever be seen, whoever it is about.
    pub fn is_blind_to(&self, resource_type: &str) -> bool {
        match self {
            Sight::Everything => false,
            Sight::Ruled(rules) => rules.is_blind_to(type_number(resource_type)),
            Sight::Bounded(sight, bounds) => {
                sight.is_blind_to(resource_type) || bounds.is_blind_to(type_number(resource_type))
            }
            Sight::Both(one, other) => one.is_blind_to(resource_type) || other.is_blind_to(resource_type),
        }
    }
}

impl Rules {
    fn glance(&self, place: &Place) -> Glance {
        let Place { key, type_number, kid, labels } = *place;
        let Some(class) = class_number(type_number) else { return Glance::Hidden };
        let standing = usize::from(self.of_patient.get(kid as usize).copied().unwrap_or(1));
        let reach = &self.standings[standing];
        let opens = |reaches: &Reaches| reaches[class].iter().any(|denied| denied.intersection(labels).is_empty());
        let is_own = || self.is_own(key);
        let is_open = opens(&reach.plain)
            || opens(&reach.own) && is_own()
            || opens(&reach.in_program) && self.is_in_program(place)
            || opens(&reach.own_in_program) && self.is_in_program(place) && is_own();
        if !is_open {
            return Glance::Hidden;
        }
        let Some(shade) = self.shades.get(&kid) else { return Glance::Seen };
        shade.glance(type_number, labels, self.needs_no_part2_consent(place))
    }

    fn is_own(&self, key: i64) -> bool {
        self.own.as_ref().is_some_and(|own| own.has(key))
    }

    /// Whether no consent under Part 2 is asked for, whatever else the patient has said: the visitor works in the program
    /// that recorded it, or wrote it and comes for what the policies let its author see it for.
    fn needs_no_part2_consent(&self, place: &Place) -> bool {
        let is_open_to_author = || class_number(place.type_number).is_some_and(|class| self.own_part2[class]);
        self.is_in_program(place)
            || place.labels.contains(Label::Part2) && is_open_to_author() && self.is_own(place.key)
    }

    /// Whether a Part 2 program in which the visitor works recorded it.
    fn is_in_program(&self, place: &Place) -> bool {
        let has = |program: &Arc<Program>| program.has(place.key);
        place.labels.contains(Label::Part2) && self.program.as_ref().is_some_and(has)
    }

    fn look(&self, place: &Place, resource: &Json) -> bool {
        match self.glance(place) {
            Glance::Seen => true,
            Glance::Hidden => false,
            Glance::Look => {
                let is_exempt = self.needs_no_part2_consent(place);
                let facts = Facts { is_exempt, ..facts_of(resource, place.labels) };
                self.shades.get(&place.kid).is_some_and(|shade| shade.veil.look(&facts).is_none())
            }
        }
    }

    fn is_blind_to(&self, type_number: u8) -> bool {
        !class_number(type_number).is_some_and(|class| self.open[class])
    }
}

/// What is left where both must let it through.
fn narrower(one: Glance, other: Glance) -> Glance {
    match (one, other) {
        (Glance::Hidden, _) | (_, Glance::Hidden) => Glance::Hidden,
        (Glance::Seen, Glance::Seen) => Glance::Seen,
        (Glance::Look, _) | (_, Glance::Look) => Glance::Look,
    }
}

/// For each relationship that opens a class at all: the labels that stay closed.
fn reaches(
    class: Class,
    standing: Standing,
    permits: &impl Fn(Class, Relationship, Consented, Labels) -> bool,
) -> Vec<Labels> {
    let permitted = |relationship, labels| permits(class, relationship, standing.consented, labels);
    let open = standing.relationships.iter().filter(|r| permitted(*r, Labels::NONE));
    let closed = |r| Label::ALL.iter().copied().filter(|label| !permitted(r, Labels::NONE.with(*label))).collect();
    let mut sets: Vec<Labels> = open.map(closed).collect();
    sets.sort_unstable();
    sets.dedup();
    sets
}

/// The number of the class of a type; `None` for what is no resource.
fn class_number(type_number: u8) -> Option<usize> {
    static CLASS: OnceLock<[u8; TYPES]> = OnceLock::new();
    let classes = CLASS.get_or_init(|| {
        let mut classes = [u8::MAX; TYPES];
        for name in fhir::definitions::r4().resource_names() {
            let number = class_of(name).and_then(|class| Class::ALL.iter().position(|c| *c == class));
            classes[usize::from(crate::search::rows::type_number(name))] =
                number.and_then(|n| u8::try_from(n).ok()).unwrap_or(u8::MAX);
        }
        classes
    });
    let class = usize::from(classes[usize::from(type_number)]);
    (class < CLASSES).then_some(class)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Purpose;
    use crate::access::consent::{Asker, Handling, Question, veil};
    use crate::keys::patients::SHARED;
    use base::clock::Instant;

    fn sees(sight: &Sight, place: &Place) -> bool {
        sight.sees(place, |_| Ok(())).expect("an answer")
    }

    fn place(resource_type: &str, kid: Kid, labels: Labels) -> Place {
        Place { key: 1, type_number: type_number(resource_type), kid, labels }
    }

    /// Sees the directory, patients in care but for HIV, and nothing else.
    fn sight(shades: HashMap<Kid, Shade>) -> Sight {
        let permits = |class, relationship, consented: Consented, labels: Labels| match (class, relationship) {
            (Class::Directory, Relationship::Nobody) => true,
            (Class::Clinical | Class::Identity, Relationship::Care) => {
                !labels.contains(Label::Hiv) || consented.labels.contains(Label::Hiv)
            }
            (Class::Clinical, Relationship::Glass) => true,
            _ => false,
        };
        let care = Standing::only(Relationship::Care);
        let glass = Standing { relationships: care.relationships.with(Relationship::Glass), ..care };
        let consented = Consented { labels: Labels::NONE.with(Label::Hiv), ..Consented::NOTHING };
        Sight::ruled(permits, [(3, care), (5, glass), (6, Standing { consented, ..care })], shades)
    }

    #[test]
    fn what_is_seen_depends_on_class_relationship_and_label() {
        let (sight, hiv) = (sight(HashMap::new()), Labels::NONE.with(Label::Hiv));
        assert!(sees(&sight, &place("Practitioner", SHARED, Labels::NONE)));
        assert!(sees(&sight, &place("Observation", 3, Labels::NONE)));
        assert!(sees(&sight, &place("Observation", 5, hiv)), "the broken glass shows more");
        assert!(sees(&sight, &place("Patient", 6, hiv)), "the patient consented");
        for (resource_type, kid, labels) in [
            ("Observation", 3, hiv),
            ("Observation", 4, Labels::NONE),
            ("Observation", 1_000_000, Labels::NONE),
            ("Observation", SHARED, Labels::NONE),
            ("Claim", 3, Labels::NONE),
            ("Patient", 5, hiv),
            ("no such type", SHARED, Labels::NONE),
        ] {
            assert!(!sees(&sight, &place(resource_type, kid, labels)), "{resource_type} {kid} {labels:?}");
        }
        assert!(sight.is_blind_to("Claim") && !sight.is_blind_to("Patient"));
        assert!(sees(&Sight::Everything, &Place::NONE));
    }

    #[test]
    fn an_author_sees_what_they_wrote_whoever_it_is_about() {
        let permits = |class, relationship, _: Consented, labels: Labels| {
            class == Class::Note && relationship == Relationship::Author && !labels.contains(Label::Part2)
        };
        let sight = Sight::ruled(permits, [], HashMap::new()).writing(Some(Arc::new(Authored::of([1]))));
        let notes = Labels::NONE.with(Label::PsychotherapyNote);
        assert!(sees(&sight, &place("DocumentReference", 4, notes)));
        assert!(!sees(&sight, &place("DocumentReference", 4, notes.with(Label::Part2))));
        assert!(!sees(&sight, &Place { key: 2, ..place("DocumentReference", 4, notes) }));
        assert!(!sees(&sight, &place("Observation", 4, Labels::NONE)));
    }

    #[test]
    fn whoever_works_in_a_program_sees_its_records_and_no_others() {
        let permits = |class, relationship, consented: Consented, labels: Labels| {
            let part2 = !labels.contains(Label::Part2) || consented.in_program;
            class == Class::Clinical && relationship == Relationship::Care && part2
        };
        let care = Standing::only(Relationship::Care);
        let part2 = Labels::NONE.with(Label::Part2);
        let sight = |shades| Sight::ruled(permits, [(3, care)], shades).within(Some(Arc::new(Program::of([1]))));
        let clear = sight(HashMap::new());
        assert!(sees(&clear, &place("Observation", 3, part2)));
        assert!(!sees(&clear, &Place { key: 2, ..place("Observation", 3, part2) }), "another program's");
        assert!(!sees(&clear, &place("Observation", 4, part2)), "not in care");
        let hiv = Labels::NONE.with(Label::Hiv);
        let shaded = sight(HashMap::from([(3, Shade { veil: Veil::none(), labels: hiv })]));
        assert!(sees(&shaded, &place("Observation", 3, part2)));
        assert!(!sees(&shaded, &place("Observation", 3, part2.with(Label::Hiv))));
    }

    #[test]
    fn a_consent_about_something_else_does_not_keep_an_author_from_a_programs_record() {
        let part2 = Labels::NONE.with(Label::Part2);
        let note = place("DocumentReference", 3, part2);
        let asker = Asker::default();
        let asker =
            Question { asker: &asker, purpose: Purpose::Treatment, handling: Handling::Access, now: Instant(0) };
        let veiled = || HashMap::from([(3, Shade { veil: veil(&[], &asker, &|_| Vec::new()), labels: Labels::NONE })]);
        for (without_consent, sees_own) in [(true, true), (false, false)] {
            let permits = move |class, relationship, consented: Consented, labels: Labels| {
                let opened =
                    !labels.contains(Label::Part2) || without_consent || consented.labels.contains(Label::Part2);
                class == Class::Note && relationship == Relationship::Author && opened
            };
            // The patient has opened the label, but not this record: the veil has the last word on that.
            let consented = Consented { labels: part2, ..Consented::NOTHING };
            let standing = Standing { consented, ..Standing::only(Relationship::None) };
            let sight = Sight::ruled(permits, [(3, standing)], veiled()).writing(Some(Arc::new(Authored::of([1]))));
            assert_eq!(sees(&sight, &note), sees_own, "{without_consent}");
            assert!(!sees(&sight, &Place { key: 2, ..note }), "somebody else's");
        }
    }

    #[test]
    fn what_is_shaded_is_hidden_whatever_the_policies_say() {
        let genetic = Labels::NONE.with(Label::Genetic);
        let sight = sight(HashMap::from([(3, Shade { veil: Veil::none(), labels: genetic })]));
        assert!(sees(&sight, &place("Observation", 3, Labels::NONE)));
        assert!(!sees(&sight, &place("Observation", 3, genetic)));
        assert!(sees(&sight, &place("Observation", 5, genetic)));
    }
}
