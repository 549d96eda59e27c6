//! `StructureDefinition`s become [`TypeDef`]s: one for each type, and one for each backbone element, named by its path.

use fhir::definitions::{
    Binding, BindingStrength, Constraint, Definitions, ElementDef, ElementType, TypeDef, TypeId, TypeKind,
};
use fhir::json::Json;
use fhir::terminology::model::ValueSet;
use std::collections::{BTreeSet, HashMap};

const VERSION: &str = "4.0.1";
const STRUCTURE: &str = "http://hl7.org/fhir/StructureDefinition/";
/// Invariants that a snapshot repeats at every element; each stands once, at its own type.
const EVERYWHERE: [&str; 2] = ["ele-1", "ext-1"];

/// Value sets import one another; deeper than this they go in a circle.
const IMPORT_DEPTH_MAX: usize = 8;

/// A type before its number is known: the structure it stands in, and its path.
struct Draft<'s> {
    structure: &'s Json<'static>,
    path: &'s str,
}

/// All types of the source, without search parameters and compartments.
pub fn definitions(resources: &[Json<'static>]) -> Result<Definitions, String> {
    let drafts = drafts(resources);
    let numbers: HashMap<&str, TypeId> = drafts.iter().enumerate().map(|(i, d)| (d.path, i as TypeId)).collect();
    let profiles = profile_constraints(resources);
    let value_sets = value_sets(resources);
    let reader = Reader { numbers, profiles, value_sets };
    let types = drafts.iter().map(|draft| reader.type_def(draft)).collect::<Result<_, _>>()?;
    Ok(Definitions::new(VERSION.to_owned(), types, Vec::new(), Vec::new()))
}

fn drafts<'s>(resources: &'s [Json<'static>]) -> Vec<Draft<'s>> {
    let mut structures: Vec<&Json<'static>> = resources.iter().filter(|r| is_type(r)).collect();
    structures.sort_by_key(|s| (rank(s), s.text("type")));
    let mut drafts = Vec::new();
    for structure in structures {
        let paths: Vec<&str> = snapshot(structure).iter().filter_map(|e| e.text("path")).collect();
        for (i, path) in paths.iter().enumerate() {
            let has_children = paths.get(i + 1).is_some_and(|next| parent(next) == *path);
            if has_children {
                drafts.push(Draft { structure, path });
            }
        }
    }
    drafts
}

/// Whether this defines a type (a profile constrains one; a logical model is none).
fn is_type(resource: &Json) -> bool {
    resource.text("resourceType") == Some("StructureDefinition")
        && resource.text("fhirVersion") == Some(VERSION)
        && resource.text("derivation") != Some("constraint")
        && matches!(resource.text("kind"), Some("primitive-type" | "complex-type" | "resource"))
        && resource.text("url").is_some_and(|url| url.starts_with(STRUCTURE))
}

fn rank(structure: &Json) -> u8 {
    match structure.text("kind") {
        Some("primitive-type") => 0,
        Some("complex-type") => 1,
        _ => 2,
    }
}

fn snapshot<'s>(structure: &'s Json<'static>) -> &'s [Json<'static>] {
    structure.get("snapshot").and_then(|s| s.get("element")).map(Json::items).unwrap_or_default()
}

fn parent(path: &str) -> &str {
    path.rsplit_once('.').map_or("", |(parent, _)| parent)
}

/// The constraints of data type profiles (`SimpleQuantity`), which hold at the elements that name them.
fn profile_constraints<'s>(resources: &'s [Json<'static>]) -> HashMap<&'s str, Vec<Constraint>> {
    let is_profile = |r: &&Json| {
        r.text("resourceType") == Some("StructureDefinition")
            && r.text("derivation") == Some("constraint")
            && r.text("kind") == Some("complex-type")
            && r.text("type") != Some("Extension")
    };
    resources
        .iter()
        .filter(is_profile)
        .filter_map(|r| Some((r.text("url")?, snapshot(r).first().map(constraints).unwrap_or_default())))
        .collect()
}

fn value_sets(resources: &[Json<'static>]) -> HashMap<String, ValueSet> {
    let all = resources.iter().filter(|r| r.text("resourceType") == Some("ValueSet")).filter_map(ValueSet::read);
    all.map(|v| (v.url.clone(), v)).collect()
}

struct Reader<'s> {
    numbers: HashMap<&'s str, TypeId>,
    profiles: HashMap<&'s str, Vec<Constraint>>,
    value_sets: HashMap<String, ValueSet>,
}

impl Reader<'_> {
    fn type_def(&self, draft: &Draft) -> Result<TypeDef, String> {
        let structure = draft.structure;
        let root = snapshot(structure).iter().find(|e| e.text("path") == Some(draft.path));
        let children =
            || snapshot(structure).iter().filter(|e| e.text("path").is_some_and(|p| parent(p) == draft.path));
        let is_backbone = draft.path.contains('.');
        let kind = match rank(structure) {
            _ if is_backbone => TypeKind::Backbone,
            0 => TypeKind::Primitive,
            1 => TypeKind::Complex,
            _ => TypeKind::Resource,
        };
        let is_value = |e: &&Json| kind == TypeKind::Primitive && e.text("path").is_some_and(|p| p.ends_with(".value"));
        let base = if is_backbone {
            root.and_then(|r| r.get("type")?.items().first()?.text("code"))
        } else {
            structure.text("baseDefinition").map(last_segment)
        };
        let elements = children().filter(|e| !is_value(e));
        Ok(TypeDef::new(
            draft.path.to_owned(),
            kind,
            base.map(|b| self.number(b)).transpose()?,
            !is_backbone && structure.get("abstract").and_then(Json::as_bool) == Some(true),
            elements.map(|e| self.element(structure, e)).collect::<Result<_, _>>()?,
            if is_backbone { Vec::new() } else { root.map(all_constraints).unwrap_or_default() },
            children().find(is_value).and_then(regex),
        ))
    }

    fn number(&self, name: &str) -> Result<TypeId, String> {
        self.numbers.get(name).copied().ok_or_else(|| format!("the source does not define the type {name}"))
    }

    fn element(&self, structure: &Json<'static>, element: &Json<'static>) -> Result<ElementDef, String> {
        let path = element.text("path").unwrap_or_default();
        let last = path.rsplit('.').next().unwrap_or_default();
        let max = |e: &Json| e.text("max").and_then(|m| m.parse::<u32>().ok());
        let base = element.get("base").unwrap_or(element);
        Ok(ElementDef {
            name: last.trim_end_matches("[x]").to_owned(),
            min: element.get("min").and_then(Json::as_number).and_then(|n| n.parse().ok()).unwrap_or(0),
            max: max(element),
            is_array: max(base).is_none_or(|m| m > 1),
            is_choice: last.ends_with("[x]"),
            is_summary: is_true(element, "isSummary"),
            is_modifier: is_true(element, "isModifier"),
            types: self.types(element)?,
            binding: element.get("binding").and_then(|b| self.binding(b)),
            constraints: self.element_constraints(structure, element),
        })
    }

    fn types(&self, element: &Json<'static>) -> Result<Vec<ElementType>, String> {
        let path = element.text("path").unwrap_or_default();
        if let Some(pointer) = element.text("contentReference") {
            return Ok(vec![ElementType { id: self.number(pointer.trim_start_matches('#'))?, targets: Vec::new() }]);
        }
        if self.numbers.contains_key(path) {
            return Ok(vec![ElementType { id: self.number(path)?, targets: Vec::new() }]);
        }
        // The snapshots give Resource.id the type string; the specification's text says id (R4 resource, section 2.26.3.1).
        if element.get("base").and_then(|b| b.text("path")) == Some("Resource.id") {
            return Ok(vec![ElementType { id: self.number("id")?, targets: Vec::new() }]);
        }
        element.get("type").map(Json::items).unwrap_or_default().iter().map(|ty| self.element_type(ty)).collect()
    }

    fn element_type(&self, ty: &Json<'static>) -> Result<ElementType, String> {
        let code = ty.text("code").unwrap_or_default();
        let name = if code.starts_with("http://hl7.org/fhirpath/System.") {
            extension(ty, "structuredefinition-fhir-type").and_then(|e| e.text("valueUrl")).unwrap_or("string")
        } else {
            code
        };
        let profiles = ty.get("targetProfile").map(Json::items).unwrap_or_default();
        let targets: Vec<String> =
            profiles.iter().filter_map(Json::as_str).map(|p| last_segment(p).to_owned()).collect();
        let is_any = targets.iter().any(|t| t == "Resource");
        Ok(ElementType { id: self.number(name)?, targets: if is_any { Vec::new() } else { targets } })
    }

    fn binding(&self, from: &Json<'static>) -> Option<Binding> {
        let strength = match from.text("strength")? {
            "required" => BindingStrength::Required,
            "extensible" => BindingStrength::Extensible,
            "preferred" => BindingStrength::Preferred,
            _ => BindingStrength::Example,
        };
        let value_set = without_version(from.text("valueSet")?);
        let mut systems = BTreeSet::new();
        self.systems(value_set, &mut systems, 0);
        let system = systems.first().filter(|_| systems.len() == 1).map(|s| (*s).to_owned());
        Some(Binding { strength, value_set: value_set.to_owned(), system })
    }

    /// The code systems a value set takes its codes from, those of the value sets it imports included.
    fn systems<'a>(&'a self, value_set: &str, into: &mut BTreeSet<&'a str>, depth: usize) {
        let clauses = self.value_sets.get(value_set).map(|v| &v.include[..]).unwrap_or_default();
        for clause in clauses.iter().filter(|_| depth < IMPORT_DEPTH_MAX) {
            if !clause.system.is_empty() {
                into.insert(&clause.system);
            }
            for import in &clause.value_sets {
                self.systems(without_version(import), into, depth + 1);
            }
        }
    }

    /// An element's own constraints, those of the data type profiles it names, and those of the element it points to.
    fn element_constraints(&self, structure: &Json<'static>, element: &Json<'static>) -> Vec<Constraint> {
        let mut all = constraints(element);
        for ty in element.get("type").map(Json::items).unwrap_or_default() {
            for profile in ty.get("profile").map(Json::items).unwrap_or_default().iter().filter_map(Json::as_str) {
                all.extend(self.profiles.get(profile).into_iter().flatten().cloned());
            }
        }
        if let Some(pointer) = element.text("contentReference") {
            let pointed = snapshot(structure).iter().find(|e| e.text("id") == Some(pointer.trim_start_matches('#')));
            all.extend(pointed.map(constraints).unwrap_or_default());
        }
        all
    }
}

fn all_constraints(element: &Json<'static>) -> Vec<Constraint> {
    element.get("constraint").map(Json::items).unwrap_or_default().iter().filter_map(constraint).collect()
}

fn constraints(element: &Json<'static>) -> Vec<Constraint> {
    let mut all = all_constraints(element);
    all.retain(|c| !EVERYWHERE.contains(&c.key.as_str()));
    all
}

fn constraint(from: &Json<'static>) -> Option<Constraint> {
    Some(Constraint {
        key: from.text("key")?.to_owned(),
        is_error: from.text("severity") == Some("error"),
        human: from.text("human").unwrap_or_default().to_owned(),
        expression: from.text("expression")?.to_owned(),
    })
}

fn regex(value: &Json<'static>) -> Option<String> {
    let ty = value.get("type")?.items().first()?;
    extension(ty, "regex").and_then(|e| e.text("valueString")).map(str::to_owned)
}

fn extension<'j>(of: &'j Json<'static>, name: &str) -> Option<&'j Json<'static>> {
    of.get("extension")?.items().iter().find(|e| e.text("url").is_some_and(|u| u.strip_prefix(STRUCTURE) == Some(name)))
}

fn without_version(canonical: &str) -> &str {
    canonical.split('|').next().unwrap_or_default()
}

fn is_true(element: &Json, name: &str) -> bool {
    element.get(name).and_then(Json::as_bool) == Some(true)
}

fn last_segment(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}
