//! The definitions: what R4 says a resource is made of, read from the pack that `cargo x pack` makes of HL7's own files.
//!
//! The pack is embedded in the program and opened once; everything in it is plain data, indexed for the hot paths.

pub mod names;

use names::Names;
use serde::{Deserialize, Serialize};
use std::sync::OnceLock;

/// A type's number in [`Definitions::types`].
pub type TypeId = u16;

/// Everything the pack holds for structure: types, search parameters, compartments.
#[derive(Debug, Serialize, Deserialize)]
pub struct Definitions {
    /// FHIR version, `4.0.1`.
    pub version: String,
    /// Every type: primitives, data types, resources, and each backbone element (`Patient.contact`) as a type of its own.
    pub types: Vec<TypeDef>,
    /// Every search parameter of the specification (and US Core's own), in the pack's order.
    pub search_params: Vec<SearchParamDef>,
    /// The five compartments of R4.
    pub compartments: Vec<CompartmentDef>,
    #[serde(skip)]
    by_name: Names<TypeId>,
}

/// What sort of thing a type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TypeKind {
    /// `string`, `date`, ...
    Primitive,
    /// `HumanName`, `Quantity`, `Element`, ...
    Complex,
    /// An inner element such as `Patient.contact`.
    Backbone,
    /// `Patient`, `Bundle`, also the abstract `Resource` and `DomainResource`.
    Resource,
}

/// One type.
#[derive(Debug, Serialize, Deserialize)]
pub struct TypeDef {
    /// `Patient`, `HumanName`, `code`, or the path of a backbone element, `Patient.contact`.
    pub name: String,
    /// What sort.
    pub kind: TypeKind,
    /// The type it specialises: `Patient` → `DomainResource`, `Age` → `Quantity`, `code` → `string`.
    pub base: Option<TypeId>,
    /// Whether it has no instances of its own.
    pub is_abstract: bool,
    /// All elements, inherited ones first, in the order of the snapshot.
    pub elements: Vec<ElementDef>,
    /// Constraints on the type as a whole (`dom-2`, `pat-1` stands at its element).
    pub constraints: Vec<Constraint>,
    /// For primitives: the regular expression of the specification, if it gives one.
    pub regex: Option<String>,
    /// JSON member name → element index and index into its `types`.
    #[serde(skip)]
    properties: Names<(u16, u16)>,
}

/// One element of a type.
#[derive(Debug, Serialize, Deserialize)]
pub struct ElementDef {
    /// Name without `[x]`: `value`, `birthDate`.
    pub name: String,
    /// Least number of values.
    pub min: u32,
    /// Greatest number of values; `None` is `*`.
    pub max: Option<u32>,
    /// Whether the JSON is an array (max over 1 in the base definition).
    pub is_array: bool,
    /// Whether the name carries its type (`value[x]`).
    pub is_choice: bool,
    /// Whether it belongs to `_summary=true`.
    pub is_summary: bool,
    /// Whether it can change the meaning of the rest.
    pub is_modifier: bool,
    /// The types it may have. A content reference (`#Questionnaire.item`) is the type it points to.
    pub types: Vec<ElementType>,
    /// The value set its codes come from.
    pub binding: Option<Binding>,
    /// Constraints that hold at this element (`pat-1` at `Patient.contact`).
    pub constraints: Vec<Constraint>,
}

/// One possible type of an element.
#[derive(Debug, Serialize, Deserialize)]
pub struct ElementType {
    /// The type. Elements such as `Patient.id` have the primitive (`id`, `string`) here, never a FHIRPath system type.
    pub id: TypeId,
    /// For references and canonicals: the resource types allowed (`Patient`, ...); empty means any.
    pub targets: Vec<String>,
}

/// A binding to a value set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Binding {
    /// How strong.
    pub strength: BindingStrength,
    /// The value set's canonical URL without version.
    pub value_set: String,
    /// The code system all its codes come from, if that is one: the system a `code` element implies.
    pub system: Option<String>,
}

/// FHIR value set binding-strength.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BindingStrength {
    /// The code must come from the set.
    Required,
    /// It must, unless the set has nothing that fits.
    Extensible,
    /// It should.
    Preferred,
    /// It might.
    Example,
}

/// An invariant.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Constraint {
    /// `dom-3`.
    pub key: String,
    /// Whether breaking it is an error (else a warning).
    pub is_error: bool,
    /// What it says to people.
    pub human: String,
    /// What it says to machines, in FHIRPath.
    pub expression: String,
}

/// One search parameter as the specification defines it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SearchParamDef {
    /// Canonical URL.
    pub url: String,
    /// The name used in a search: `birthdate`.
    pub code: String,
    /// `number date string token reference composite quantity uri special`.
    pub kind: String,
    /// Resource types it applies to; `Resource` and `DomainResource` stand for all.
    pub base: Vec<String>,
    /// FHIRPath; empty for `_id`-like ones that the engine answers itself.
    pub expression: String,
    /// Types a reference may point to.
    pub targets: Vec<String>,
    /// For composites: the URL of each part and its expression relative to the composite's own.
    pub components: Vec<(String, String)>,
    /// Documentation.
    pub description: String,
}

/// A compartment: which parameters tie which resource types to its patient (or encounter, practitioner, device, ...).
#[derive(Debug, Serialize, Deserialize)]
pub struct CompartmentDef {
    /// `Patient`.
    pub code: String,
    /// Resource type → names of search parameters (`{def}` for the compartment's own resource is an empty list).
    pub members: Vec<(String, Vec<String>)>,
}

/// A JSON member resolved to its element and type.
#[derive(Clone, Copy, Debug)]
pub struct Property<'d> {
    /// The element.
    pub element: &'d ElementDef,
    /// The index of the element in its type.
    pub index: usize,
    /// The type this member has.
    pub ty: TypeId,
}

impl Definitions {
    /// Definitions from their parts; [`Definitions::index`] makes them ready for use.
    #[must_use]
    pub fn new(
        version: String,
        types: Vec<TypeDef>,
        search_params: Vec<SearchParamDef>,
        compartments: Vec<CompartmentDef>,
    ) -> Definitions {
        Definitions { version, types, search_params, compartments, by_name: Names::default() }
    }

    /// Fills the indexes that are not stored.
    pub fn index(mut self) -> Definitions {
        self.by_name = self.types.iter().enumerate().map(|(i, t)| (t.name.clone(), i as TypeId)).collect();
        let names: Vec<String> = self.types.iter().map(|t| t.name.clone()).collect();
        for ty in &mut self.types {
            for (e, element) in ty.elements.iter().enumerate() {
                for (t, element_type) in element.types.iter().enumerate() {
                    let name = if element.is_choice {
                        format!("{}{}", element.name, capital(&names[element_type.id as usize]))
                    } else {
                        element.name.clone()
                    };
                    ty.properties.entry(name).or_insert((e as u16, t as u16));
                }
            }
        }
        self
    }

    /// The number of a type, by name.
    pub fn type_id(&self, name: &str) -> Option<TypeId> {
        self.by_name.get(name).copied()
    }

    /// A type by its number.
    pub fn get(&self, id: TypeId) -> &TypeDef {
        &self.types[id as usize]
    }

    /// A type by name.
    pub fn by_name(&self, name: &str) -> Option<&TypeDef> {
        self.type_id(name).map(|id| self.get(id))
    }

    /// A resource type that can have instances.
    pub fn resource(&self, name: &str) -> Option<&TypeDef> {
        self.by_name(name).filter(|t| t.kind == TypeKind::Resource && !t.is_abstract)
    }

    /// The names of all resource types, in alphabetical order.
    pub fn resource_names(&self) -> impl Iterator<Item = &str> {
        self.types.iter().filter(|t| t.kind == TypeKind::Resource && !t.is_abstract).map(|t| t.name.as_str())
    }

    /// Whether `ty` is `ancestor` or specialises it.
    pub fn is_a(&self, ty: TypeId, ancestor: TypeId) -> bool {
        let mut at = Some(ty);
        while let Some(id) = at {
            if id == ancestor {
                return true;
            }
            at = self.get(id).base;
        }
        false
    }
}

impl TypeDef {
    /// A type from its parts, in the order of the fields.
    #[must_use]
    pub fn new(
        name: String,
        kind: TypeKind,
        base: Option<TypeId>,
        is_abstract: bool,
        elements: Vec<ElementDef>,
        constraints: Vec<Constraint>,
        regex: Option<String>,
    ) -> TypeDef {
        TypeDef { name, kind, base, is_abstract, elements, constraints, regex, properties: Names::default() }
    }

    /// The element and type behind a JSON member name (`valueQuantity`, `birthDate`; not `_birthDate`).
    pub fn property(&self, name: &str) -> Option<Property<'_>> {
        let &(e, t) = self.properties.get(name)?;
        let element = &self.elements[e as usize];
        Some(Property { element, index: e as usize, ty: element.types[t as usize].id })
    }

    /// All JSON member names of the type, `_` ones left out, in no order.
    pub fn member_names(&self) -> impl Iterator<Item = &str> {
        self.properties.keys().map(String::as_str)
    }

    /// An element by its name without `[x]`.
    pub fn element(&self, name: &str) -> Option<&ElementDef> {
        self.elements.iter().find(|e| e.name == name)
    }
}

/// A name with a capital first letter: `valueQuantity` is `value` and `Quantity`.
#[must_use]
pub fn capital(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

static R4: OnceLock<Definitions> = OnceLock::new();

/// FHIR R4 as the pack has it.
///
/// # Panics
/// If the embedded pack cannot be read: the build is broken.
pub fn r4() -> &'static Definitions {
    R4.get_or_init(|| open(include_bytes!("../../../../packs/fhir-r4/structures.pack")).index())
}

fn open(pack: &[u8]) -> Definitions {
    let plain = zstd::decode_all(pack).expect("the embedded pack is not zstd");
    postcard::from_bytes(&plain).expect("the embedded pack does not fit this program; run `cargo x pack`")
}
