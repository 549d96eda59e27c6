//! FHIR XML as the JSON tree, driven by the definitions: only for suites whose inputs are XML.

use fhir::definitions::{TypeDef, TypeKind, r4};
use fhir::json::{Json, Object};
use roxmltree::{Document, Node};

/// Reads a resource.
pub fn parse(text: &str) -> Json<'static> {
    let document = Document::parse(text).expect("the XML is well formed");
    resource(document.root_element())
}

/// A resource element.
pub fn resource(node: Node<'_, '_>) -> Json<'static> {
    let name = node.tag_name().name();
    let ty = r4().by_name(name).unwrap_or_else(|| panic!("{name} is a resource type"));
    let mut object = Object::default();
    object.set("resourceType", Json::string(name));
    members(node, ty, &mut object);
    Json::Object(object)
}

/// The children of an element as members of an object of type `ty`.
pub fn members(node: Node<'_, '_>, ty: &TypeDef, object: &mut Object<'static>) {
    for name in ["id", "url"] {
        if let Some(value) = node.attribute(name) {
            object.set(name, Json::string(value));
        }
    }
    for child in node.children().filter(Node::is_element) {
        let name = child.tag_name().name();
        let property = ty.property(name).unwrap_or_else(|| panic!("{} has no {name}", ty.name));
        let def = r4().get(property.ty);
        let (value, sibling) = element(child, def);
        if property.element.is_array {
            let has_sibling = sibling.is_some();
            push(object, name, value);
            if has_sibling || object.get(&format!("_{name}")).is_some() {
                let count = object.get(name).map_or(0, |all| all.items().len());
                let mut siblings = object.remove(&format!("_{name}")).map_or(Vec::new(), |all| all.items().to_vec());
                siblings.resize(count - 1, Json::Null);
                siblings.push(sibling.unwrap_or(Json::Null));
                object.set(format!("_{name}"), Json::Array(siblings));
            }
        } else {
            if value != Json::Null {
                object.set(name.to_owned(), value);
            }
            if let Some(sibling) = sibling {
                object.set(format!("_{name}"), sibling);
            }
        }
    }
}

fn push(object: &mut Object<'static>, name: &str, value: Json<'static>) {
    match object.get_mut(name) {
        Some(Json::Array(items)) => items.push(value),
        _ => object.set(name.to_owned(), Json::Array(vec![value])),
    }
}

/// An element as value and, for primitives with id or extensions, sibling.
pub fn element(node: Node<'_, '_>, def: &TypeDef) -> (Json<'static>, Option<Json<'static>>) {
    if def.name == "xhtml" {
        // Line ends and quotes have several spellings in XML; one is enough to compare.
        let text = node.document().input_text()[node.range()].replace("\r\n", "\n").replace("&quot;", "\"");
        return (Json::string(text), None);
    }
    if def.kind == TypeKind::Resource && def.is_abstract {
        let inner = node.children().find(Node::is_element).expect("a resource inside");
        return (resource(inner), None);
    }
    let mut object = Object::default();
    members(node, def, &mut object);
    if def.kind != TypeKind::Primitive {
        return (Json::Object(object), None);
    }
    let value = node.attribute("value").map_or(Json::Null, |value| match def.name.as_str() {
        "boolean" => Json::Bool(value == "true"),
        "integer" | "positiveInt" | "unsignedInt" | "decimal" => Json::Number(value.to_owned().into()),
        _ => Json::string(value),
    });
    (value, (!object.is_empty()).then_some(Json::Object(object)))
}
