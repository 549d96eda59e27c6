//! The definitions as the evaluator wants them: interned member names, and for each type what a name leads to.

use crate::definitions::{Definitions, TypeDef, TypeId, TypeKind, r4};
use std::collections::HashMap;
use std::sync::OnceLock;

/// The number of a member name that some type has.
pub(super) type NameId = u32;

/// Which System type a FHIR type stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// Elements with children, and types unknown.
    Complex,
    /// `Quantity` and its kin.
    Quantity,
    Boolean,
    Integer,
    Decimal,
    String,
    Date,
    DateTime,
    Time,
}

/// Where a member name leads from a type.
pub(super) struct Member {
    /// The keys under which the value may stand: one, or for `value[x]` one a type.
    pub(super) keys: Box<[Key]>,
    /// The name without type, if there are several keys.
    pub(super) choice: Option<Box<str>>,
}

/// One JSON key with its type.
pub(super) struct Key {
    pub(super) name: Box<str>,
    pub(super) ty: TypeId,
    /// `_name`, for primitives.
    pub(super) sibling: Option<Box<str>>,
}

/// The definitions, indexed.
pub(super) struct Model {
    pub(super) definitions: &'static Definitions,
    names: HashMap<Box<str>, NameId>,
    members: Vec<Vec<(NameId, Member)>>,
    classes: Vec<Class>,
    by_lower: HashMap<String, TypeId>,
    pub(super) resource: Option<TypeId>,
    pub(super) extension: Option<TypeId>,
}

static MODEL: OnceLock<Model> = OnceLock::new();

/// The model of R4.
pub(super) fn model() -> &'static Model {
    MODEL.get_or_init(|| Model::new(r4()))
}

impl Model {
    fn new(definitions: &'static Definitions) -> Model {
        let mut names = HashMap::new();
        let members = definitions.types.iter().map(|ty| type_members(definitions, ty, &mut names)).collect();
        Model {
            names,
            members,
            classes: (0..definitions.types.len()).map(|id| class_of(definitions, id as TypeId)).collect(),
            by_lower: definitions
                .types
                .iter()
                .enumerate()
                .filter(|(_, ty)| ty.kind != TypeKind::Backbone)
                .map(|(id, ty)| (ty.name.to_lowercase(), id as TypeId))
                .collect(),
            resource: definitions.type_id("Resource"),
            extension: definitions.type_id("Extension"),
            definitions,
        }
    }

    pub(super) fn name(&self, text: &str) -> Option<NameId> {
        self.names.get(text).copied()
    }

    pub(super) fn class(&self, ty: TypeId) -> Class {
        self.classes.get(ty as usize).copied().unwrap_or(Class::Complex)
    }

    pub(super) fn is_primitive(&self, ty: TypeId) -> bool {
        !matches!(self.class(ty), Class::Complex | Class::Quantity)
    }

    /// What `name` leads to from a node of type `ty`.
    pub(super) fn member(&self, ty: TypeId, name: NameId) -> Option<&Member> {
        let members = self.members.get(ty as usize)?;
        let at = members.binary_search_by_key(&name, |(id, _)| *id).ok()?;
        Some(&members[at].1)
    }

    /// The type a choice's suffix names, whatever the case of its first letter (`valueString` → `string`).
    pub(super) fn by_suffix(&self, suffix: &str) -> Option<TypeId> {
        self.by_lower.get(&suffix.to_lowercase()).copied()
    }
}

fn type_members(
    definitions: &Definitions,
    ty: &TypeDef,
    names: &mut HashMap<Box<str>, NameId>,
) -> Vec<(NameId, Member)> {
    let mut members: Vec<(NameId, Member)> = Vec::with_capacity(ty.elements.len());
    for element in &ty.elements {
        let next = names.len() as NameId;
        let id = *names.entry(element.name.as_str().into()).or_insert(next);
        let key = |ty: TypeId| key(definitions, &element.name, ty, element.is_choice);
        let keys = element.types.iter().map(|t| key(t.id)).collect();
        let choice = element.is_choice.then(|| element.name.as_str().into());
        members.push((id, Member { keys, choice }));
    }
    members.sort_by_key(|(id, _)| *id);
    members
}

fn key(definitions: &Definitions, element: &str, ty: TypeId, is_choice: bool) -> Key {
    let def = definitions.get(ty);
    let mut name = element.to_owned();
    if is_choice {
        let mut letters = def.name.chars();
        name.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        name.push_str(letters.as_str());
    }
    let sibling = (def.kind == TypeKind::Primitive).then(|| format!("_{name}").into());
    Key { name: name.into(), ty, sibling }
}

fn class_of(definitions: &Definitions, id: TypeId) -> Class {
    let mut at = Some(id);
    while let Some(ty) = at.map(|id| definitions.get(id)) {
        match ty.name.as_str() {
            "Quantity" => return Class::Quantity,
            "boolean" => return Class::Boolean,
            "integer" => return Class::Integer,
            "decimal" => return Class::Decimal,
            "date" => return Class::Date,
            "dateTime" | "instant" => return Class::DateTime,
            "time" => return Class::Time,
            _ => at = ty.base,
        }
    }
    if definitions.get(id).kind == TypeKind::Primitive { Class::String } else { Class::Complex }
}
