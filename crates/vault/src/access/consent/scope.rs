//! Whether a resource is among those a provision is about: yes, no, or not to be told without a look at it.

use super::super::{Label, Labels};
use super::facts::Facts;
use super::model::{Content, Effect, Instance, LabelTest, Span};
use crate::search::rows::type_number;

/// Cancer is no sensitivity; everything else is.
pub(super) const SENSITIVE: Labels = Labels::from_bits(!Labels::NONE.with(Label::Oncology).bits());

/// What is known of a position: always its type and labels, its facts only after a look.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    pub type_number: u8,
    pub labels: Labels,
    pub facts: Option<&'p Facts>,
}

/// An answer before a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    No,
    Yes,
    Unknown,
}

/// The conditions of a provision on resources, ready to be asked.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    deny: bool,
    labels: Option<LabelTest>,
    types: Option<[u64; 4]>,
    closer: Option<Box<Closer>>,
}

/// Conditions that need a look.
#[derive(Clone, Debug)]
struct Closer {
    codes: Option<Vec<(String, String)>>,
    dates: Option<Span>,
    instances: Option<Vec<Instance>>,
    authors: Option<Vec<String>>,
}

impl Scope {
    /// Compiles conditions. `links_of` gives what a resource refers to, for `provision.data` with meaning `related`.
    pub(super) fn new(content: &Content, effect: Option<Effect>, links_of: &dyn Fn(&str) -> Vec<String>) -> Scope {
        let closer = Closer {
            codes: content.codes.clone(),
            dates: content.dates,
            instances: content.instances.as_ref().map(|all| resolved(all, links_of)),
            authors: content.authors.clone(),
        };
        let needed =
            closer.codes.is_some() || closer.dates.is_some() || closer.instances.is_some() || closer.authors.is_some();
        Scope {
            deny: effect != Some(Effect::Permit),
            labels: content.labels,
            types: content.types.as_deref().map(type_set),
            closer: needed.then(|| Box::new(closer)),
        }
    }

    pub(super) fn holds(&self, place: Place) -> Told {
        let typed =
            self.types.is_none_or(|set| set[usize::from(place.type_number >> 6)] >> (place.type_number & 63) & 1 == 1);
        if !typed || !self.labels.is_none_or(|test| labelled(test, place.labels, self.deny)) {
            return Told::No;
        }
        match (&self.closer, place.facts) {
            (None, _) => Told::Yes,
            (Some(_), None) => Told::Unknown,
            (Some(closer), Some(facts)) if closer.holds(facts, self.deny) => Told::Yes,
            (Some(_), Some(_)) => Told::No,
        }
    }
}

/// A deny is about whatever has one of its labels; a permit only about what has no sensitive label besides.
fn labelled(test: LabelTest, labels: Labels, deny: bool) -> bool {
    let sensitive = labels.intersection(SENSITIVE);
    if sensitive.is_empty() {
        return test.plain || !labels.intersection(test.named).is_empty();
    }
    if deny {
        return test.sensitive || !sensitive.intersection(test.named).is_empty();
    }
    sensitive.without(test.named).is_empty()
}

fn type_set(types: &[String]) -> [u64; 4] {
    let mut set = [0; 4];
    for number in types.iter().map(|name| type_number(name)).filter(|number| *number > 0) {
        set[usize::from(number >> 6)] |= 1 << (number & 63);
    }
    set
}

fn resolved(instances: &[Instance], links_of: &dyn Fn(&str) -> Vec<String>) -> Vec<Instance> {
    let related = |reference: &str| links_of(reference).into_iter().map(Instance::This);
    instances
        .iter()
        .flat_map(|instance| match instance {
            Instance::Related(reference) => {
                std::iter::once(Instance::This(reference.clone())).chain(related(reference)).collect()
            }
            other => vec![other.clone()],
        })
        .collect()
}

impl Closer {
    fn holds(&self, facts: &Facts, deny: bool) -> bool {
        let coded = self.codes.as_ref().is_none_or(|codes| codes.iter().any(|code| facts.codes.contains(code)));
        let written = self.authors.as_ref().is_none_or(|all| all.iter().any(|author| facts.authors.contains(author)));
        let named = self.instances.as_ref().is_none_or(|all| all.iter().any(|instance| is_instance(instance, facts)));
        coded && written && named && self.dates.is_none_or(|dates| dated(dates, facts, deny))
    }
}

/// What has no date may lie inside: a deny takes it in, a permit does not. What reaches over the edge is denied and not
/// permitted.
fn dated((first, last): Span, facts: &Facts, deny: bool) -> bool {
    let overlaps = |(from, to): &(i64, i64)| *from <= last && first <= *to;
    let inside = |(from, to): &(i64, i64)| first <= *from && *to <= last;
    match deny {
        true => facts.dates.is_empty() || facts.dates.iter().any(overlaps),
        false => !facts.dates.is_empty() && facts.dates.iter().all(inside),
    }
}

fn is_instance(instance: &Instance, facts: &Facts) -> bool {
    match instance {
        Instance::This(reference) | Instance::Related(reference) => facts.reference == *reference,
        Instance::Dependents(reference) => facts.reference == *reference || facts.links.contains(reference),
        Instance::AuthoredBy(reference) => facts.authors.contains(reference),
    }
}
