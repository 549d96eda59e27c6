//! A gate that cannot be wrong in a clever way: for each resource, at each question, it reads everything again.
//!
//! From the real gate it takes what is tested elsewhere by tables: Cedar's answer to one question, which codes carry which
//! label, what a consent's text says, the ages of minors. How these come together is written here a second time.

use super::hospital::PROGRAMS;
use super::people::Person;
use super::scoped;
use crate::search_truth::naive::{Seen, World as Record};
use crate::search_truth::values::Value;
use base::clock::Instant;
use fhir::calendar::span;
use fhir::json::Json;
use fhir::search::params::{Kind, Param, compartment, find};
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use vault::access::consent::{
    self, Consent, Content, Effect, Facts, Handling, Instance, LabelTest, Party, Provision, Proxy, Regime, Status,
    facts_of, law_of,
};
use vault::access::label::ValueSets;
use vault::access::policy::classes::class_of;
use vault::access::policy::{Policies, Question, World, element_views};
use vault::access::{Action, Class, Label, Labels, Purpose, Relationship, Role, Roles, label};

const DAY: i64 = 86_400_000;
const EMERGENCY: [Purpose; 2] = [Purpose::Emergency, Purpose::BreakGlass];

/// A question to Cedar.
type Asked = (Class, Relationship, Option<Label>, Exempt);

/// Whether the patient consented, and whether it is of the visitor's program.
type Exempt = (bool, bool);

/// One visitor before the record as it is at its end.
pub struct Gate<'r> {
    record: &'r Record,
    /// Current resources by name.
    now: HashMap<String, &'r Seen>,
    person: &'r Person,
    role: Role,
    purpose: Purpose,
    cedar: World,
    at: Instant,
    asked: RefCell<HashMap<Asked, bool>>,
    ties: RefCell<HashMap<String, Vec<Relationship>>>,
    consents: RefCell<HashMap<String, Rc<Vec<Consent>>>>,
    /// What was decided of a position.
    decided: RefCell<HashMap<(u64, char), bool>>,
    /// The labels that each resource gives to those that refer to it.
    gives: HashMap<String, Labels>,
    sets: ValueSets,
    /// What was recorded in the programs where the visitor works.
    of_program: HashSet<String>,
}

impl<'r> Gate<'r> {
    pub fn new(record: &'r Record, person: &'r Person, at: Instant) -> Gate<'r> {
        let mut now = HashMap::new();
        for seen in &record.versions {
            match seen.resource {
                Some(_) => now.insert(seen.name(), seen),
                None => now.remove(&seen.name()),
            };
        }
        let role = Role::from_code(person.role).expect("a role");
        let purpose = Purpose::from_code(person.purpose).expect("a purpose");
        let cedar = World::new(Policies::house(), Roles::NONE.with(role));
        let (asked, ties, consents, decided) = Default::default();
        let mut sets = ValueSets::clone(label::shipped());
        sets.add("programs.toml", PROGRAMS).expect("a value set");
        let mut gate = Gate {
            record,
            now,
            person,
            role,
            purpose,
            cedar,
            at,
            asked,
            ties,
            consents,
            decided,
            gives: HashMap::new(),
            sets,
            of_program: HashSet::new(),
        };
        gate.pass_labels();
        gate.of_program = gate.recorded_in_program();
        gate
    }

    /// Passes labels on until nothing changes, from the last version of each resource that is no deletion.
    fn pass_labels(&mut self) {
        let mut last: HashMap<String, &Json<'static>> = HashMap::new();
        for seen in &self.record.versions {
            last.extend(seen.resource.as_ref().map(|resource| (seen.name(), resource)));
        }
        loop {
            let next = last.iter().map(|(name, resource)| (name.clone(), self.labels_of(resource))).collect();
            if self.gives == next {
                return;
            }
            self.gives = next;
        }
    }

    /// A version's own labels and those taken over.
    fn labels_of(&self, resource: &Json<'_>) -> Labels {
        let passing =
            |way| label::WAYS.iter().find(|(path, _)| *path == way).map_or(Labels::NONE, |(_, labels)| *labels);
        label::sources(resource).iter().fold(self.sets.labels_of(resource), |labels, source| {
            let given = self.gives.get(source.reference).copied().unwrap_or_default();
            labels.union(given.intersection(passing(source.way)))
        })
    }

    /// What was recorded in visits at the visitor's program alone: in every version, and all that makes it a program's.
    fn recorded_in_program(&self) -> HashSet<String> {
        let own = self.person.units.iter().copied().find(|unit| PROGRAMS.contains(unit));
        let Some(own) = own.filter(|_| self.purpose == Purpose::Treatment) else { return HashSet::new() };
        let mut versions: HashMap<String, Vec<&Json<'static>>> = HashMap::new();
        for seen in &self.record.versions {
            let Some(resource) = &seen.resource else { continue };
            versions.entry(seen.name()).or_default().push(resource);
        }
        let at = |resource: &Json<'_>| {
            let provider = resource.get("serviceProvider").and_then(|provider| provider.text("reference"));
            provider.filter(|name| PROGRAMS.contains(name)).map(str::to_owned)
        };
        let visits: HashSet<&String> = versions
            .iter()
            .filter(|(name, all)| {
                let elsewhere = all.iter().filter_map(|version| at(version)).any(|place| place != own);
                name.starts_with("Encounter/") && !elsewhere && at(all[all.len() - 1]).as_deref() == Some(own)
            })
            .map(|(name, _)| name)
            .collect();
        let part2 = |labels: Labels| labels.contains(Label::Part2);
        let mut theirs: HashSet<String> = versions.keys().cloned().collect();
        loop {
            let stays = |name: &String| {
                let labelled = versions[name].iter().filter(|version| part2(self.labels_of(version)));
                let mut sources = labelled.clone().flat_map(|version| label::sources(version));
                let gives = |name: &str| self.gives.get(name).copied().is_some_and(part2);
                let in_visit = |version: &Json<'_>| {
                    label::sources(version)
                        .iter()
                        .any(|s| s.way == label::WAYS[0].0 && visits.contains(&s.reference.to_owned()))
                };
                sources.all(|source| !gives(source.reference) || theirs.contains(source.reference))
                    && labelled.clone().all(|v| visits.contains(name) || in_visit(v) || !part2(self.sets.labels_of(v)))
            };
            let next: HashSet<String> = theirs.iter().filter(|name| stays(name)).cloned().collect();
            if next.len() == theirs.len() {
                return next;
            }
            theirs = next;
        }
    }

    /// How many records of their program a visitor sees only because they work there.
    pub fn seen_in_program(&self) -> usize {
        let seen = self.now.iter().filter(|(name, seen)| self.of_program.contains(*name) && self.sees(seen, 'r'));
        seen.filter(|(_, seen)| seen.resource.as_ref().is_some_and(|r| self.labels_of(r).contains(Label::Part2)))
            .count()
    }

    /// Whether the visitor wrote a resource, as its last version says.
    fn wrote(&self, seen: &Seen) -> bool {
        let later = self.record.versions.iter().filter(|other| other.name() == seen.name() && other.resource.is_some());
        let Some(resource) = later.max_by_key(|other| other.position).and_then(|last| last.resource.as_ref()) else {
            return false;
        };
        let element = match seen.resource_type.as_str() {
            "AllergyIntolerance" => "recorder",
            "ClinicalImpression" => "assessor",
            "Communication" => "sender",
            "Condition" => "asserter",
            "DiagnosticReport" => "resultsInterpreter",
            "Composition" | "DocumentManifest" | "DocumentReference" | "QuestionnaireResponse" => "author",
            _ => return false,
        };
        let names = at_path(resource, element);
        names.into_iter().any(|item| self.person.stands_for.contains(&item.text("reference").unwrap_or_default()))
    }

    /// Whether nothing of a type is open to this visitor, whoever it is about.
    pub fn is_blind_to(&self, resource_type: &str, letter: char) -> bool {
        let Some(class) = class_of(resource_type) else { return true };
        scoped::is_blind_to(self.person, letter, resource_type)
            || !Relationship::ALL.iter().any(|tie| self.permits(class, *tie, None, (true, false)))
    }

    /// Whether the role does not see all elements of what it sees.
    pub fn has_views(&self) -> bool {
        element_views().any(|(role, _, _)| role == self.role)
    }

    /// The record without the elements that the role does not see; `None` where it sees all.
    pub fn shown(&self) -> Option<Record> {
        let hidden = |ty: &str, member: &str| {
            let mut views = element_views().filter(|(role, name, _)| *role == self.role && *name == ty);
            views.any(|(_, _, hidden)| hidden.iter().any(|name| member.trim_start_matches('_').starts_with(name)))
        };
        let show = |seen: &Seen| {
            let mut resource = seen.resource.clone();
            if let Some(object) = resource.as_mut().and_then(Json::as_object_mut) {
                object.retain(|member, _| !hidden(&seen.resource_type, member));
            }
            let (resource_type, id) = (seen.resource_type.clone(), seen.id.clone());
            Seen { position: seen.position, updated: seen.updated, resource_type, id, resource }
        };
        self.has_views().then(|| {
            let mut shown = Record::default();
            shown.versions.extend(self.record.versions.iter().map(show));
            shown
        })
    }

    /// Whether the version at a position may be found.
    pub fn finds_at(&self, position: u64) -> bool {
        let found = self.record.versions.binary_search_by_key(&position, |seen| seen.position);
        found.is_ok_and(|i| self.sees(&self.record.versions[i], 's'))
    }

    /// Whether a version may be seen: it, and what its resource has become since. An app needs a scope with the letter.
    pub fn sees(&self, seen: &Seen, letter: char) -> bool {
        if let Some(known) = self.decided.borrow().get(&(seen.position, letter)) {
            return *known;
        }
        let later = self.record.versions.iter().filter(|other| other.name() == seen.name() && other.resource.is_some());
        let last = later.max_by_key(|other| other.position).unwrap_or(seen);
        let sees = |seen| self.sees_alone(seen) && self.is_scoped(seen, letter);
        let sees = sees(seen) && (last.position == seen.position || sees(last));
        self.decided.borrow_mut().insert((seen.position, letter), sees);
        sees
    }

    fn is_scoped(&self, seen: &Seen, letter: char) -> bool {
        scoped::lets_through(self.person, letter, seen, self.patient_of(seen).as_deref())
    }

    fn sees_alone(&self, seen: &Seen) -> bool {
        let (Some(resource), Some(class)) = (&seen.resource, class_of(&seen.resource_type)) else { return false };
        let labels = self.labels_of(resource);
        let in_program = labels.contains(Label::Part2) && self.of_program.contains(&seen.name());
        let wrote = self.wrote(seen).then_some(Relationship::Author);
        let Some(patient) = self.patient_of(seen) else {
            let ties: Vec<_> = wrote.into_iter().chain([Relationship::Nobody]).collect();
            return self.permits_all(class, &ties, labels, ("", in_program));
        };
        let ties: Vec<_> = wrote.into_iter().chain(self.ties(&patient)).collect();
        // What the policies show an author without any consent needs none when there are other consents either.
        let open_to_author = |label| self.permits(class, Relationship::Author, label, (false, false));
        let is_authors = labels.contains(Label::Part2)
            && wrote.is_some()
            && [None, Some(Label::Part2)].into_iter().all(open_to_author);
        let facts = Facts { is_exempt: in_program || is_authors, ..facts_of(resource, labels) };
        self.permits_all(class, &ties, labels, (&patient, in_program))
            && self.hidden_from_proxy(&patient).intersection(labels).is_empty()
            && !self.veils(&patient, &facts)
    }

    /// One relationship must open the resource and every label that it has.
    fn permits_all(
        &self,
        class: Class,
        ties: &[Relationship],
        labels: Labels,
        (patient, in_program): (&str, bool),
    ) -> bool {
        let one = |tie: &Relationship, label: Option<Label>| {
            let consented = !patient.is_empty() && self.consented(patient, label);
            self.permits(class, *tie, label, (consented, in_program))
        };
        ties.iter().any(|tie| one(tie, None) && labels.iter().all(|label| one(tie, Some(label))))
    }

    fn permits(&self, class: Class, relationship: Relationship, label: Option<Label>, exempt: Exempt) -> bool {
        let key = (class, relationship, label, exempt);
        if let Some(known) = self.asked.borrow().get(&key) {
            return *known;
        }
        let purpose = if relationship == Relationship::Glass { Purpose::BreakGlass } else { self.purpose };
        let action = if class == Class::Audit { Action::AuditRead } else { Action::Search };
        let (consented, in_program) = exempt;
        let question = Question { purpose, action, class, relationship, label, consented, in_program };
        let permitted = self.cedar.decide(&question).permitted;
        self.asked.borrow_mut().insert(key, permitted);
        permitted
    }

    /// `Patient/1`: whom a resource is about, as the parameters of the compartment, or one called `patient`, say.
    fn patient_of(&self, seen: &Seen) -> Option<String> {
        if seen.resource_type == "Patient" {
            return Some(seen.name());
        }
        if seen.resource_type == "Binary" {
            let context = seen.resource.as_ref()?.get("securityContext")?.text("reference")?;
            return context.starts_with("Patient/").then(|| context.to_owned());
        }
        let mut params: Vec<&Param> = compartment("Patient", &seen.resource_type).to_vec();
        params.extend(find(&seen.resource_type, "patient").filter(|param| param.kind == Kind::Reference));
        let found = params.into_iter().flat_map(|param| self.references(param, seen));
        found.into_iter().find(|reference| reference.starts_with("Patient/"))
    }

    fn references(&self, param: &Param, seen: &Seen) -> Vec<String> {
        let local = |value: &Value| if let Value::Reference(name) = value { Some(name.clone()) } else { None };
        self.record.values(param, seen).iter().filter_map(local).collect()
    }

    /// How the visitor stands to a patient.
    fn ties(&self, patient: &str) -> Vec<Relationship> {
        if let Some(known) = self.ties.borrow().get(patient) {
            return known.clone();
        }
        let holds = [
            (Relationship::None, true),
            (Relationship::Own, self.person.stands_for.contains(&patient)),
            (Relationship::Proxy, self.proxy(patient).is_some()),
            (Relationship::Care, self.now.values().any(|seen| self.cares(seen, patient))),
            (Relationship::Glass, self.person.glass.is_some_and(|id| format!("Patient/{id}") == patient)),
            (Relationship::Case, self.is_case(patient)),
        ];
        let ties: Vec<Relationship> = holds.into_iter().filter(|(_, holds)| *holds).map(|(tie, _)| tie).collect();
        self.ties.borrow_mut().insert(patient.to_owned(), ties.clone());
        ties
    }

    fn is_case(&self, patient: &str) -> bool {
        let sick = |seen: &Seen| {
            let labels = seen.resource.as_ref().map(|resource| label::shipped().labels_of(resource));
            labels.is_some_and(|labels| labels.contains(Label::Oncology))
                && self.patient_of(seen).as_deref() == Some(patient)
        };
        matches!(self.role, Role::CancerRegistrar | Role::PublicHealth) && self.now.values().copied().any(sick)
    }

    /// Whether a resource puts a patient in the visitor's care, and 90 days have not passed since its end.
    fn cares(&self, seen: &Seen, patient: &str) -> bool {
        let Some(resource) = &seen.resource else { return false };
        let (names, end): (&[&str], Option<&str>) = match seen.resource_type.as_str() {
            "CareTeam" => (&["participant.member"], end_of(resource, "period")),
            "Encounter" => {
                let start = resource.get("period").and_then(|period| period.text("start"));
                let finished = resource.text("status") == Some("finished");
                let end = end_of(resource, "period").or(start.filter(|_| finished));
                (&["participant.individual", "location.location"], end)
            }
            "EpisodeOfCare" => (&["careManager"], end_of(resource, "period")),
            "Appointment" => (&["participant.actor"], resource.text("end")),
            "ServiceRequest" => (&["performer", "requester"], resource.text("authoredOn")),
            "Patient" => (&["generalPractitioner"], None),
            _ => return false,
        };
        let names_visitor = names.iter().flat_map(|path| at_path(resource, path)).any(|item| {
            let reference = item.text("reference").unwrap_or_default();
            self.person.stands_for.contains(&reference) || self.person.units.contains(&reference)
        });
        let void = ["entered-in-error", "cancelled", "revoked", "inactive", "draft", "proposed"];
        if resource.text("status").is_some_and(|status| void.contains(&status)) {
            return false;
        }
        let last = end.map(|end| span(end).map_or(i64::MIN, |(_, last)| last));
        names_visitor
            && last.is_none_or(|last| self.at.0 < last.saturating_add(90 * DAY))
            && self.patient_of(seen).as_deref() == Some(patient)
    }

    /// The visitor's standing for a patient, and the patient's birth date.
    fn proxy(&self, patient: &str) -> Option<(Proxy, Option<&str>)> {
        let persons = self.person.stands_for.iter().filter_map(|name| self.now.get(*name)?.resource.as_ref());
        let mut proxies = persons.filter_map(|person| Proxy::read(person).ok()).filter(|p| p.patient == patient);
        let chart = self.now.get(patient).and_then(|seen| seen.resource.as_ref());
        let birth = chart.and_then(|chart| chart.text("birthDate"));
        let proxy = proxies.find(|proxy| proxy.stands(birth, law_of("US-CA"), self.at))?;
        Some((proxy, birth))
    }

    fn hidden_from_proxy(&self, patient: &str) -> Labels {
        let proxy = self.proxy(patient);
        proxy.map_or(Labels::NONE, |(proxy, birth)| proxy.hidden(birth, law_of("US-CA"), self.at))
    }

    /// The patient's consents that stand: of directives about one matter only the last.
    fn consents(&self, patient: &str) -> Rc<Vec<Consent>> {
        if let Some(known) = self.consents.borrow().get(patient) {
            return Rc::clone(known);
        }
        let of = self.now.values().filter(|seen| seen.resource_type == "Consent");
        let read = of.map(|seen| consent::read(seen.resource.as_ref().expect("current"), &seen.name()).0);
        let all: Vec<Consent> =
            read.filter(|c| c.patient == patient && c.status == Status::Active && c.regime != Regime::Other).collect();
        let timely = |c: &Consent| {
            let period = c.provision.as_ref().and_then(|provision| provision.period);
            period.is_none_or(|(first, last)| first <= self.at.0 && self.at.0 <= last)
        };
        let replaced = |one: &Consent| {
            let both = |c: &Consent| c.regime == Regime::Directive && one.regime == Regime::Directive;
            let later = |c: &Consent| c.given > one.given && one.given.is_some() && c.about == one.about;
            all.iter().any(|c| both(c) && later(c) && timely(c) && !c.unreadable && !c.about.is_empty())
        };
        let standing: Rc<Vec<Consent>> = Rc::new(all.iter().filter(|one| !replaced(one)).cloned().collect());
        self.consents.borrow_mut().insert(patient.to_owned(), Rc::clone(&standing));
        standing
    }

    fn is_emergency(&self, patient: &str) -> bool {
        EMERGENCY.contains(&self.purpose) || self.ties(patient).contains(&Relationship::Glass)
    }

    /// Whether the patient's consents, or the lack of one, hide a resource.
    fn veils(&self, patient: &str, facts: &Facts) -> bool {
        if self.person.stands_for.contains(&patient) {
            return false;
        }
        let (emergency, acts) = (self.is_emergency(patient), self.ties(patient).contains(&Relationship::Proxy));
        let consents = self.consents(patient);
        if consents.iter().any(|c| c.unreadable) && !emergency {
            return true;
        }
        let base = |c: &Consent| c.base.filter(|base| *base == Effect::Permit || !(emergency || acts));
        let denies = |c: &&Consent| {
            let hides = matches!(c.regime, Regime::Directive | Regime::Restriction | Regime::SelfPay);
            let root = c.provision.as_ref().and_then(|root| self.rule(root, patient, facts));
            hides && root.or(base(c)) == Some(Effect::Deny)
        };
        let part2 = facts.labels.contains(Label::Part2) && !emergency && !acts && !facts.is_exempt;
        consents.iter().any(|c| denies(&c)) || part2 && !consents.iter().any(|c| self.part2(c, patient, facts))
    }

    /// A consent under 42 CFR Part 2 that names somebody, or is for treatment, payment and operations alone.
    fn part2(&self, consent: &Consent, patient: &str, facts: &Facts) -> bool {
        let root = consent.provision.as_ref().filter(|root| consent.regime == Regime::Part2 && names_somebody(root));
        root.and_then(|root| self.rule(root, patient, facts)) == Some(Effect::Permit)
    }

    /// Whether the patient has opened a label to this visitor: by a provision that permits, under the law that label has.
    fn consented(&self, patient: &str, label: Option<Label>) -> bool {
        if self.ties(patient).contains(&Relationship::Proxy) {
            return false;
        }
        let resource_type = "Observation".to_owned();
        let facts = Facts { resource_type, labels: label.into_iter().collect(), ..Facts::default() };
        self.consents(patient).iter().any(|c| match label {
            Some(Label::Part2) => self.part2(c, patient, &facts),
            _ if label == Some(Label::PsychotherapyNote) && c.regime != Regime::Authorization => false,
            _ if c.regime == Regime::Part2 => self.part2(c, patient, &facts),
            _ => c.provision.as_ref().and_then(|p| self.rule(p, patient, &facts)) == Some(Effect::Permit),
        })
    }

    /// What a provision says of a resource: nothing where it is not about it; else its exceptions first, and deny first.
    fn rule(&self, provision: &Provision, patient: &str, facts: &Facts) -> Option<Effect> {
        let purpose =
            if self.ties(patient).contains(&Relationship::Glass) { Purpose::BreakGlass } else { self.purpose };
        let wider: Vec<Purpose> = std::iter::successors(Some(purpose), |purpose| purpose.part_of()).collect();
        let (deny, acts) = (provision.effect == Some(Effect::Deny), self.ties(patient).contains(&Relationship::Proxy));
        let about = provision.period.is_none_or(|(first, last)| first <= self.at.0 && self.at.0 <= last)
            && provision.parties.as_ref().is_none_or(|all| all.iter().any(|party| self.is(party)))
            && provision.handlings.as_ref().is_none_or(|all| all.contains(&Handling::Access))
            && provision.purposes.as_ref().is_none_or(|all| all.iter().any(|p| wider.contains(p)))
            && self.is_about(&provision.content, provision.effect, facts);
        if !about {
            return None;
        }
        let said: Vec<Effect> = provision.exceptions.iter().filter_map(|p| self.rule(p, patient, facts)).collect();
        let meant = provision.purposes.as_ref().is_some_and(|all| all.iter().any(|p| EMERGENCY.contains(p)));
        let lifted = deny && (self.is_emergency(patient) && !meant || acts && provision.parties.is_none());
        let exception = said.iter().copied().find(|effect| *effect == Effect::Deny).or(said.first().copied());
        exception.or(provision.effect.filter(|_| !lifted))
    }

    fn is(&self, party: &Party) -> bool {
        match party {
            Party::Named(name) => {
                self.person.stands_for.contains(&name.as_str()) || self.person.units.contains(&name.as_str())
            }
            Party::Kind(kind) => kind == self.person.role,
        }
    }

    fn is_about(&self, content: &Content, effect: Option<Effect>, facts: &Facts) -> bool {
        let deny = effect == Some(Effect::Deny);
        let any = |wanted: &Option<Vec<String>>, has: &dyn Fn(&String) -> bool| {
            wanted.as_ref().is_none_or(|all| all.iter().any(has))
        };
        content.labels.is_none_or(|test| is_labelled(test, facts.labels, deny))
            && any(&content.types, &|name| *name == facts.resource_type)
            && any(&content.authors, &|author| facts.authors.contains(author))
            && content.codes.as_ref().is_none_or(|codes| codes.iter().any(|code| facts.codes.contains(code)))
            && content.dates.is_none_or(|dates| is_dated(dates, facts, deny))
            && content.instances.as_ref().is_none_or(|all| all.iter().any(|i| self.is_instance(i, facts)))
    }

    fn is_instance(&self, instance: &Instance, facts: &Facts) -> bool {
        match instance {
            Instance::This(name) => *name == facts.reference,
            Instance::Dependents(name) => *name == facts.reference || facts.links.contains(name),
            Instance::AuthoredBy(name) => facts.authors.contains(name),
            Instance::Related(name) => {
                let resource = self.now.get(name).and_then(|seen| seen.resource.as_ref());
                let links = resource.map(|resource| facts_of(resource, Labels::NONE).links).unwrap_or_default();
                *name == facts.reference || links.contains(&facts.reference)
            }
        }
    }
}

fn is_labelled(test: LabelTest, labels: Labels, deny: bool) -> bool {
    let sensitive = labels.without(Labels::NONE.with(Label::Oncology));
    match (sensitive.is_empty(), deny) {
        (true, _) => test.plain || !labels.intersection(test.named).is_empty(),
        (false, true) => test.sensitive || !sensitive.intersection(test.named).is_empty(),
        (false, false) => sensitive.without(test.named).is_empty(),
    }
}

fn is_dated((first, last): (i64, i64), facts: &Facts, deny: bool) -> bool {
    let overlaps = facts.dates.iter().any(|(from, to)| *from <= last && first <= *to);
    let inside = facts.dates.iter().all(|(from, to)| first <= *from && *to <= last);
    if deny { facts.dates.is_empty() || overlaps } else { !facts.dates.is_empty() && inside }
}

fn names_somebody(root: &Provision) -> bool {
    let tpo = [Purpose::Treatment, Purpose::Payment, Purpose::Operations];
    let only_tpo = root.purposes.as_ref().is_some_and(|all| !all.is_empty() && all.iter().all(|p| tpo.contains(p)));
    let inner = || root.exceptions.iter().all(|p| p.effect == Some(Effect::Deny) || names_somebody(p));
    root.parties.is_some() || only_tpo || root.effect.is_none() && inner()
}

fn end_of<'j>(resource: &'j Json<'j>, name: &str) -> Option<&'j str> {
    resource.get(name)?.text("end")
}

fn at_path<'j>(resource: &'j Json<'j>, path: &str) -> Vec<&'j Json<'j>> {
    path.split('.').fold(vec![resource], |found, name| {
        let inner = found.into_iter().filter_map(|json| json.get(name));
        inner
            .flat_map(|json| if json.as_object().is_some() { vec![json] } else { json.items().iter().collect() })
            .collect()
    })
}
