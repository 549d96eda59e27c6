//! The book of all parameters: made once from the definitions, with every path numbered and compiled.

use super::expression::{self, Path, Step};
use super::params::{Component, FIRST_PATH, Kind, Param, PathId, PathUse, find};
use super::program::Program;
use crate::definitions::{Definitions, SearchParamDef, r4};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

/// Raised by hand when an element's values change their meaning while its path keeps its number.
const MEANING: u64 = 1;

/// All parameters, paths and programs.
pub(super) struct Book {
    /// Texts of the paths; the first has the number [`FIRST_PATH`].
    pub(super) paths: Vec<String>,
    /// What each type has.
    pub(super) types: HashMap<String, TypeBook>,
    /// See [`super::params::pack_fingerprint`].
    pub(super) fingerprint: u64,
}

/// What one resource type has.
#[derive(Default)]
pub(super) struct TypeBook {
    /// Sorted by code.
    pub(super) params: Vec<Param>,
    /// All paths of the type.
    pub(super) program: Program,
    /// Composites, by URL.
    pub(super) composites: HashMap<String, Composite>,
}

/// A compiled composite.
#[derive(Default)]
pub(super) struct Composite {
    /// Leads to the elements; the slot is an index into `parts`.
    pub(super) elements: Program,
    /// For each branch of the expression: leads from its element to the components; the slot is the component.
    pub(super) parts: Vec<Program>,
    /// Leads from the resource to components that do not hang on the element (`%resource...`).
    pub(super) shared: Program,
}

/// The book of R4.
pub(super) fn book() -> &'static Book {
    static BOOK: OnceLock<Book> = OnceLock::new();
    BOOK.get_or_init(|| write(r4()))
}

/// Compartment → resource type → parameters.
type Compartments = HashMap<&'static str, HashMap<&'static str, Vec<&'static Param>>>;

/// The compartments of R4.
pub(super) fn compartments() -> &'static Compartments {
    static COMPARTMENTS: OnceLock<Compartments> = OnceLock::new();
    COMPARTMENTS.get_or_init(|| {
        let members = |members: &'static [(String, Vec<String>)]| {
            members
                .iter()
                .map(|(ty, codes)| (ty.as_str(), codes.iter().filter_map(|c| find(ty, c)).collect()))
                .collect()
        };
        r4().compartments.iter().map(|c| (c.code.as_str(), members(&c.members))).collect()
    })
}

/// A parameter of a type before its paths have numbers.
struct Draft {
    def: &'static SearchParamDef,
    kind: Kind,
    places: Vec<Place>,
    components: Vec<(Kind, &'static str, Vec<Place>)>,
    composite: Option<Composite>,
}

/// A path of a draft.
struct Place {
    text: String,
    steps: Vec<Step>,
    target: Option<String>,
    kind: Kind,
    /// Types its references may point to; `None`: any.
    points_to: Option<Vec<String>>,
}

fn write(defs: &'static Definitions) -> Book {
    let names = defs.resource_names().chain(["Resource"]);
    let drafts: Vec<(&str, Vec<Draft>)> = names.map(|name| (name, drafts(defs, name))).collect();
    let mut texts: BTreeSet<&str> = BTreeSet::new();
    for draft in drafts.iter().flat_map(|(_, drafts)| drafts) {
        texts.extend(draft.all_places().map(|p| p.text.as_str()));
    }
    let paths: Vec<String> = texts.into_iter().map(str::to_owned).collect();
    let numbers: HashMap<&str, PathId> =
        paths.iter().zip(FIRST_PATH..).map(|(text, number)| (text.as_str(), number)).collect();
    let types: HashMap<String, TypeBook> =
        drafts.into_iter().map(|(name, drafts)| (name.to_owned(), finish(defs, name, drafts, &numbers))).collect();
    let fingerprint = fingerprint(&paths, &types);
    drop(numbers);
    Book { paths, types, fingerprint }
}

/// The parameters of a type. Of several with one code the specification's own counts, then the first by URL: US Core
/// repeats many of R4's under URLs of its own.
fn drafts(defs: &'static Definitions, name: &str) -> Vec<Draft> {
    let mut by_code: BTreeMap<&str, &SearchParamDef> = BTreeMap::new();
    let rank = |d: &SearchParamDef| (!d.url.starts_with("http://hl7.org/fhir/SearchParameter/"), d.url.clone());
    for def in defs.search_params.iter().filter(|d| d.base.iter().any(|base| applies(defs, name, base)) && answered(d))
    {
        let kept = by_code.entry(&def.code).or_insert(def);
        if rank(def) < rank(kept) {
            *kept = def;
        }
    }
    by_code.into_values().filter_map(|def| draft(defs, name, def)).collect()
}

fn applies(defs: &Definitions, name: &str, base: &str) -> bool {
    name == base
        || matches!(base, "Resource" | "DomainResource")
            && name != "Resource"
            && matches!((defs.type_id(name), defs.type_id(base)), (Some(ty), Some(base)) if defs.is_a(ty, base))
}

/// Left out are named queries, which nobody offers, and those without an expression (`Patient.age`): a search by them is
/// told that they are not known. `_filter` is no test of an element.
fn answered(def: &SearchParamDef) -> bool {
    match def.code.as_str() {
        "_query" | "_filter" => false,
        "_text" | "_content" => true,
        _ => !def.expression.is_empty(),
    }
}

fn draft(defs: &'static Definitions, name: &str, def: &'static SearchParamDef) -> Option<Draft> {
    let kind = match def.code.as_str() {
        "_text" | "_content" => Kind::Special,
        _ => Kind::parse(&def.kind)?,
    };
    let mut draft = Draft { def, kind, places: Vec::new(), components: Vec::new(), composite: None };
    match def.code.as_str() {
        "_id" | "_lastUpdated" | "_text" | "_content" => {}
        _ if kind == Kind::Composite => draft.compose(defs, name),
        _ => {
            let branches = branches(defs, name, def);
            draft.places = branches.into_iter().filter_map(|p| place(defs, name, kind, p, def)).collect();
        }
    }
    Some(draft)
}

/// The branches of the expression that start at this type, with the type's name in front. A branch without a type's name
/// (`name | alias`) starts at every type of the parameter.
fn branches(defs: &Definitions, name: &str, def: &SearchParamDef) -> Vec<Path> {
    let here = |mut path: Path| {
        let Some(Step::Child(root)) = path.0.first() else { return None };
        if root.starts_with(|c: char| c.is_ascii_lowercase()) {
            path.0.insert(0, Step::Child(name.to_owned()));
        } else if root != name && root != "Resource" && root != "DomainResource" {
            return None;
        }
        Some(path)
    };
    spelt(defs, &def.expression).into_iter().filter_map(here).collect()
}

/// The branches of an expression, types spelt as they are: R4 writes `DateTime` once for `dateTime`.
fn spelt(defs: &Definitions, expression: &str) -> Vec<Path> {
    let mut paths = expression::paths(expression).unwrap_or_default();
    for step in paths.iter_mut().flat_map(|p| &mut p.0) {
        if let Step::OfType(name) = step
            && defs.by_name(name).is_none()
            && let Some(known) = defs.types.iter().find(|t| t.name.eq_ignore_ascii_case(name))
        {
            name.clone_from(&known.name);
        }
    }
    paths
}

fn place(defs: &'static Definitions, name: &str, kind: Kind, path: Path, def: &SearchParamDef) -> Option<Place> {
    let mut steps = path.0;
    let mut target = None;
    if let Some(Step::Target(_)) = steps.last()
        && let Some(Step::Target(name)) = steps.pop()
    {
        target = Some(name);
    } else if steps.contains(&Step::Index(0)) && def.targets.len() == 1 {
        // `Bundle.entry[0].resource` is a Composition for `composition`, a MessageHeader for `message`.
        target = Some(def.targets[0].clone());
    }
    let text = format!("{} {}", kind.code(), Path(steps.clone()));
    let steps = steps.split_off(1);
    let ty = defs.type_id(name)?;
    let leads = Program::default().add(defs, ty, &steps, 0, kind);
    let points_to = target.clone().map(|t| vec![t]).or_else(|| Program::points_to(defs, ty, &steps));
    leads.then_some(Place { text, steps, target, kind, points_to })
}

impl Draft {
    fn all_places(&self) -> impl Iterator<Item = &Place> {
        self.places.iter().chain(self.components.iter().flat_map(|(_, _, places)| places))
    }

    /// The types the definition names, without those that the elements of this type cannot point to: a definition that
    /// serves many types names the targets of all.
    fn targets(&self) -> Vec<String> {
        let there = |target: &String| {
            self.places.iter().any(|p| p.points_to.as_ref().is_none_or(|types| types.contains(target)))
        };
        let narrowed: Vec<String> = self.def.targets.iter().filter(|t| there(t)).cloned().collect();
        if narrowed.is_empty() { self.def.targets.clone() } else { narrowed }
    }

    /// Splits a composite into its elements and its components.
    ///
    /// R4 gives `DocumentReference?relationship` its components' definitions the wrong way round: the token has the
    /// reference's expression. The kind that the expression can give counts (docs/readings.md).
    fn compose(&mut self, defs: &'static Definitions, name: &str) {
        let elements = branches(defs, name, self.def);
        let mut composite = Composite::default();
        composite.parts.resize_with(elements.len(), Program::default);
        for (i, (url, expression)) in (0u16..).zip(&self.def.components) {
            let defined = defs.search_params.iter().find(|d| d.url == *url).and_then(|d| Kind::parse(&d.kind));
            let part = Part { defs, name, slot: i, paths: spelt(defs, expression) };
            let kinds = defined.into_iter().chain([Kind::Token, Kind::Reference]);
            let fitting = kinds.map(|kind| (kind, part.places(&elements, kind, self.def))).find(|(_, p)| !p.is_empty());
            let Some((kind, places)) = fitting else { continue };
            part.compile(&elements, kind, &mut composite);
            self.components.push((kind, expression, places));
        }
        if let Some(ty) = defs.type_id(name) {
            for (i, element) in (0u16..).zip(&elements) {
                composite.elements.add(defs, ty, &element.0[1..], i, Kind::Composite);
            }
        }
        self.composite = Some(composite);
    }
}

/// One component of a composite.
struct Part<'a> {
    defs: &'static Definitions,
    name: &'a str,
    slot: u16,
    paths: Vec<Path>,
}

impl Part<'_> {
    /// Where its values come from, seen from the resource.
    fn places(&self, elements: &[Path], kind: Kind, def: &SearchParamDef) -> Vec<Place> {
        let mut whole = Vec::new();
        for path in &self.paths {
            if let [Step::Resource, rest @ ..] = path.0.as_slice() {
                whole.push(joined(&[Step::Child(self.name.to_owned())], rest));
            } else {
                whole.extend(elements.iter().map(|element| joined(&element.0, &path.0)));
            }
        }
        whole.into_iter().filter_map(|path| place(self.defs, self.name, kind, path, def)).collect()
    }

    fn compile(&self, elements: &[Path], kind: Kind, composite: &mut Composite) {
        let Some(ty) = self.defs.type_id(self.name) else { return };
        for path in &self.paths {
            if let [Step::Resource, rest @ ..] = path.0.as_slice() {
                composite.shared.add(self.defs, ty, rest, self.slot, kind);
                continue;
            }
            for (element, program) in elements.iter().zip(&mut composite.parts) {
                if let Some(ty) = Program::lands(self.defs, ty, &element.0[1..]) {
                    program.add(self.defs, ty, &path.0, self.slot, kind);
                }
            }
        }
    }
}

fn joined(front: &[Step], back: &[Step]) -> Path {
    Path(front.iter().chain(back).cloned().collect())
}

fn finish(defs: &'static Definitions, name: &str, drafts: Vec<Draft>, numbers: &HashMap<&str, PathId>) -> TypeBook {
    let mut written = TypeBook::default();
    let mut compiled = BTreeSet::new();
    for draft in drafts {
        for place in draft.all_places() {
            let number = numbers[place.text.as_str()];
            if let Some(ty) = defs.type_id(name)
                && compiled.insert(number)
            {
                written.program.add(defs, ty, &place.steps, number, place.kind);
            }
        }
        written.params.push(numbered(&draft, numbers));
        if let Some(composite) = draft.composite {
            written.composites.insert(draft.def.url.clone(), composite);
        }
    }
    written
}

fn numbered(draft: &Draft, numbers: &HashMap<&str, PathId>) -> Param {
    let uses = |places: &[Place]| {
        let mut uses: Vec<PathUse> = Vec::new();
        for place in places {
            let one = PathUse { path: numbers[place.text.as_str()], target: place.target.clone() };
            if !uses.contains(&one) {
                uses.push(one);
            }
        }
        uses
    };
    let component = |(kind, expression, places): &(Kind, &str, Vec<Place>)| Component {
        kind: *kind,
        expression: (*expression).to_owned(),
        paths: uses(places),
    };
    Param {
        code: draft.def.code.clone(),
        url: draft.def.url.clone(),
        kind: draft.kind,
        paths: uses(&draft.places),
        targets: draft.targets(),
        components: draft.components.iter().map(component).collect(),
        expression: draft.def.expression.clone(),
    }
}

/// FNV-1a over everything that gives a stored row its meaning.
fn fingerprint(paths: &[String], types: &HashMap<String, TypeBook>) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ MEANING;
    let mut add = |text: &str| {
        for byte in text.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    paths.iter().for_each(|path| add(path));
    let names: BTreeSet<&String> = types.keys().collect();
    for name in names {
        add(name);
        types[name].params.iter().for_each(|param| add(&format!("{param:?}")));
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::super::params::{of, path_text};
    use super::*;

    #[test]
    fn every_expression_is_understood() {
        for def in r4().search_params.iter().filter(|d| !d.expression.is_empty()) {
            assert!(expression::paths(&def.expression).is_some(), "{}: {}", def.url, def.expression);
            for (url, expression) in &def.components {
                assert!(expression::paths(expression).is_some(), "{}: {expression}", def.url);
                assert!(r4().search_params.iter().any(|d| d.url == *url), "{}: {url}", def.url);
            }
        }
    }

    /// The branches that lead to nothing searchable, all of them known: a list that grows hides a mistake.
    #[test]
    fn every_branch_leads_to_values() {
        let mut nowhere = Vec::new();
        for name in r4().resource_names() {
            for def in r4().search_params.iter().filter(|d| d.base.iter().any(|b| b == name)) {
                let Some(kind) = Kind::parse(&def.kind).filter(|k| *k != Kind::Composite) else { continue };
                for path in branches(r4(), name, def) {
                    let text = path.to_string();
                    if place(r4(), name, kind, path, def).is_none() {
                        nowhere.push(format!("{} {text}", kind.code()));
                    }
                }
                let known = find(name, &def.code).is_some_and(|p| !p.paths.is_empty());
                if !known && answered(def) && def.code != "_id" {
                    nowhere.push(format!("{name}?{}", def.code));
                }
            }
        }
        nowhere.sort();
        nowhere.dedup();
        let known = ["component.value", "value"].map(|p| format!("quantity Observation.{p}.ofType(SampledData)"));
        assert_eq!(nowhere, known);
    }

    #[test]
    fn a_composite_has_paths_for_each_component() {
        for (name, param) in r4().resource_names().flat_map(|n| of(n).iter().map(move |p| (n, p))) {
            let whole = param.components.iter().all(|c| !c.paths.is_empty());
            assert_eq!(whole && !param.components.is_empty(), param.kind == Kind::Composite, "{name}?{}", param.code);
        }
    }

    #[test]
    fn a_compartment_names_its_parameters() {
        let names = |kind, ty| compartments()[kind][ty].iter().map(|p| p.code.as_str()).collect::<Vec<_>>();
        assert_eq!(names("Patient", "Observation"), ["subject", "performer"]);
        assert_eq!(names("Encounter", "Condition"), ["encounter"]);
    }

    #[test]
    fn one_path_has_one_number() {
        let paths = |ty: &str, code: &str| find(ty, code).map(|p| p.paths.clone()).unwrap_or_default();
        assert_eq!(paths("Observation", "subject")[0].path, paths("Observation", "patient")[0].path);
        assert_eq!(paths("Observation", "patient")[0].target.as_deref(), Some("Patient"));
        assert_eq!(paths("Observation", "code")[0], paths("Observation", "combo-code")[0]);
        assert_eq!(paths("Patient", "_tag"), paths("Observation", "_tag"));
        assert_eq!(paths("Patient", "_id"), []);
        assert!(of("Nothing").is_empty());
        assert_eq!(path_text(paths("Patient", "_tag")[0].path), Some("token Resource.meta.tag"));
    }
}
