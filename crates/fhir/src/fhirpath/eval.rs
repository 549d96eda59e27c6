//! The evaluator: walks a compiled expression over the tree within a budget of steps.

use super::ast::{Ast, Call, Name, Outcome, Step, TypeSpec};
use super::context::Context;
use super::error::FhirPathError;
use super::item::{Collection, Item, Node};
use super::model::{Key, Model, model};
use super::value::{Text, Value};
use super::{navigate, types};
use crate::definitions::TypeId;
use crate::json::Json;
use std::sync::Arc;

/// What `$this`, `$index` and `$total` are.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s, 'a> {
    pub(super) this: &'s [Item<'a>],
    pub(super) index: Option<usize>,
    pub(super) total: Option<&'s Collection<'a>>,
}

/// One evaluation.
pub(super) struct Evaluator<'c, 'a> {
    pub(super) context: &'c Context<'a>,
    pub(super) model: &'static Model,
    steps_left: u64,
    /// Set by `defineVariable()`.
    pub(super) variables: Vec<(Text<'a>, Collection<'a>)>,
}

/// A call with what it is applied to.
pub(super) struct Invocation<'s, 'a> {
    pub(super) input: Collection<'a>,
    pub(super) call: &'s Call,
    pub(super) scope: Scope<'s, 'a>,
}

impl<'c, 'a> Evaluator<'c, 'a> {
    pub(super) fn new(context: &'c Context<'a>) -> Evaluator<'c, 'a> {
        Evaluator { context, model: model(), steps_left: context.steps_max, variables: Vec::new() }
    }

    pub(super) fn spend(&mut self, steps: u64) -> Outcome<()> {
        self.steps_left = self.steps_left.checked_sub(steps).ok_or(FhirPathError::TooCostly)?;
        Ok(())
    }

    /// Pays for text that is read or made.
    pub(super) fn spend_text(&mut self, bytes: usize) -> Outcome<()> {
        self.spend(1 + bytes as u64 / 32)
    }

    pub(super) fn eval(&mut self, ast: &Ast, scope: Scope<'_, 'a>) -> Outcome<Collection<'a>> {
        self.spend(1)?;
        match ast {
            Ast::Empty => Ok(Collection::EMPTY),
            Ast::Literal(value) => Ok(Collection::from(value.clone())),
            Ast::This => Ok(scope.this.iter().cloned().collect()),
            Ast::Index => Ok(scope.index.map_or(Collection::EMPTY, Collection::integer)),
            Ast::Total => Ok(scope.total.cloned().unwrap_or_default()),
            Ast::Constant(name) => self.constant(name),
            Ast::Path { start, steps } => self.path(start.as_deref(), steps, scope),
            Ast::Chain { first, rest } => self.chain(first, rest, scope),
            Ast::Sign { is_negative, of } => self.sign(*is_negative, of, scope),
            Ast::Is(of, ty) => {
                let input = self.eval(of, scope)?;
                self.is(&input, *ty)
            }
            // R4's search parameters use `as` on repeating elements, where FHIRPath 2.0 would refuse.
            Ast::As(of, ty) => Ok(types::only(self.eval(of, scope)?, *ty)),
        }
    }

    pub(super) fn is(&mut self, input: &Collection<'a>, ty: TypeSpec) -> Outcome<Collection<'a>> {
        let item = single(input, "is")?;
        Ok(Collection::optional_boolean(item.map(|item| types::is(item, ty))))
    }

    fn path(&mut self, start: Option<&Ast>, steps: &[Step], scope: Scope<'_, 'a>) -> Outcome<Collection<'a>> {
        let (mut current, steps) = match (start, steps.split_first()) {
            (Some(start), _) => (self.eval(start, scope)?, steps),
            (None, Some((Step::Members(names), rest))) => (self.walk_focus(scope.this, names)?, rest),
            (None, _) => (scope.this.iter().cloned().collect(), steps),
        };
        for step in steps {
            current = match step {
                Step::Members(names) => self.walk(&current, names)?,
                Step::Call(call) => self.call(call, current, scope)?,
                Step::Item(index) => self.item(&current, index, scope)?,
            };
        }
        Ok(current)
    }

    fn call(&mut self, call: &Call, input: Collection<'a>, scope: Scope<'_, 'a>) -> Outcome<Collection<'a>> {
        self.spend(1)?;
        (call.function.run)(self, Invocation { input, call, scope })
    }

    fn item(&mut self, input: &Collection<'a>, index: &Ast, scope: Scope<'_, 'a>) -> Outcome<Collection<'a>> {
        let index = self.eval(index, scope)?;
        let Some(item) = single(&index, "an index")? else { return Ok(Collection::EMPTY) };
        let Some(Value::Integer(n)) = item.value() else {
            return Err(FhirPathError::evaluation("an index must be an integer"));
        };
        let item = usize::try_from(n).ok().and_then(|n| input.get(n));
        Ok(item.cloned().map(Collection::from).unwrap_or_default())
    }

    /// The first names of a path: a type's name stands for the focus itself if it has that type.
    fn walk_focus(&mut self, focus: &[Item<'a>], names: &[Name]) -> Outcome<Collection<'a>> {
        let Some((Name { root: Some(root), .. }, rest)) = names.split_first() else { return self.walk(focus, names) };
        let mut out = Collection::EMPTY;
        for item in focus.iter().filter(|item| types::is_fhir(item, *root)) {
            self.walk_item(item, rest, &mut out)?;
        }
        Ok(out)
    }

    /// What the names lead to, one after the other, from each item.
    fn walk(&mut self, from: &[Item<'a>], names: &[Name]) -> Outcome<Collection<'a>> {
        let mut out = Collection::EMPTY;
        for item in from {
            self.walk_item(item, names, &mut out)?;
        }
        Ok(out)
    }

    fn walk_item(&mut self, item: &Item<'a>, names: &[Name], out: &mut Collection<'a>) -> Outcome<()> {
        match (item, names.split_first()) {
            (_, None) => out.push(item.clone()),
            (Item::Node(node), Some(_)) => self.walk_node(*node, names, out)?,
            (_, Some((name, rest))) => {
                if let Some(part) = navigate::parts(item, &name.text) {
                    self.walk_item(&part, rest, out)?;
                }
            }
        }
        Ok(())
    }

    fn walk_node(&mut self, node: Node<'a>, names: &[Name], out: &mut Collection<'a>) -> Outcome<()> {
        self.spend(1)?;
        let Some((name, rest)) = names.split_first() else {
            out.push(node);
            return Ok(());
        };
        let Some(ty) = node.ty else { return self.walk_untyped(node, name, rest, out) };
        let Some(member) = name.id.and_then(|id| self.model.member(ty, id)) else { return Ok(()) };
        let Some(object) = node.json.as_object() else {
            // A primitive has children in its sibling only: id and extensions.
            let Some(sibling) = node.sibling else { return Ok(()) };
            let Some(key) = member.keys.first() else { return Ok(()) };
            return self.walk_values(sibling.get(&key.name), None, Some(key.ty), rest, out);
        };
        let key = match &member.choice {
            None => member.keys.first(),
            Some(stem) => chosen(object.iter().map(|(name, _)| name), stem, &member.keys),
        };
        let Some(key) = key else { return Ok(()) };
        let sibling = key.sibling.as_deref().and_then(|sibling| object.get(sibling));
        self.walk_values(object.get(&key.name), sibling, Some(key.ty), rest, out)
    }

    fn walk_untyped(&mut self, node: Node<'a>, name: &Name, rest: &[Name], out: &mut Collection<'a>) -> Outcome<()> {
        let Some(object) = node.json.as_object() else { return Ok(()) };
        let (value, sibling) = (object.get(&name.text), object.get(&name.sibling));
        if value.is_some() || sibling.is_some() {
            return self.walk_values(value, sibling, None, rest, out);
        }
        let choice = object.iter().find_map(|(key, value)| {
            let suffix = key.strip_prefix(&*name.text).filter(|s| s.starts_with(|c: char| c.is_ascii_uppercase()))?;
            Some((value, self.model.by_suffix(suffix)?))
        });
        match choice {
            Some((value, ty)) => self.walk_values(Some(value), None, Some(ty), rest, out),
            None => Ok(()),
        }
    }

    fn walk_values(
        &mut self,
        value: Option<&'a Json<'a>>,
        sibling: Option<&'a Json<'a>>,
        ty: Option<TypeId>,
        rest: &[Name],
        out: &mut Collection<'a>,
    ) -> Outcome<()> {
        for node in navigate::values(value, sibling, ty) {
            self.walk_node(node, rest, out)?;
        }
        Ok(())
    }

    fn sign(&mut self, is_negative: bool, of: &Ast, scope: Scope<'_, 'a>) -> Outcome<Collection<'a>> {
        let input = self.eval(of, scope)?;
        let Some(item) = single(&input, "a sign")? else { return Ok(Collection::EMPTY) };
        let value = match item.value() {
            Some(value) if !is_negative && value.as_decimal().is_some() => value,
            Some(Value::Integer(n)) => Value::Integer(n.checked_neg().unwrap_or(n)),
            Some(Value::Decimal(d)) => Value::Decimal(-d),
            Some(Value::Quantity(mut q)) => {
                q.value = if is_negative { -q.value } else { q.value };
                Value::Quantity(q)
            }
            _ => return Err(FhirPathError::evaluation("a sign stands before a number or quantity only")),
        };
        Ok(Collection::from(value))
    }

    fn constant(&mut self, name: &str) -> Outcome<Collection<'a>> {
        let node = |node: Option<Node<'a>>| node.map(Collection::from).unwrap_or_default();
        let own = self.variables.iter().rev().find(|(n, _)| **n == *name).map(|(_, value)| value);
        let given = self.context.constants.iter().find(|(n, _)| n == name).map(|(_, value)| value);
        if let Some(value) = own.or(given) {
            return Ok(value.clone());
        }
        match name {
            "resource" => Ok(node(self.context.resource)),
            "rootResource" => Ok(node(self.context.root)),
            "context" => Ok(node(self.context.focus)),
            _ => match constant_text(name) {
                Some(text) => Ok(Collection::from(Value::String(Text::Shared(text)))),
                None => Err(FhirPathError::evaluation(format!("nobody said what %{name} is"))),
            },
        }
    }

    /// The argument at `index`, evaluated where the call stands; empty if there is none.
    pub(super) fn arg(&mut self, inv: &Invocation<'_, 'a>, index: usize) -> Outcome<Collection<'a>> {
        inv.call.args.get(index).map_or(Ok(Collection::EMPTY), |ast| self.eval(ast, inv.scope))
    }

    /// The argument at `index`, evaluated for one item of the input.
    pub(super) fn each(
        &mut self,
        inv: &Invocation<'_, 'a>,
        index: usize,
        item: &Item<'a>,
        at: usize,
    ) -> Outcome<Collection<'a>> {
        let scope = Scope { this: std::slice::from_ref(item), index: Some(at), total: inv.scope.total };
        let known = self.variables.len();
        let result = inv.call.args.get(index).map_or(Ok(Collection::EMPTY), |ast| self.eval(ast, scope));
        self.variables.truncate(known);
        result
    }

    /// A single text argument.
    pub(super) fn arg_text(&mut self, inv: &Invocation<'_, 'a>, index: usize) -> Outcome<Option<Text<'a>>> {
        let arg = self.arg(inv, index)?;
        text(&arg, inv.call.function.name)
    }

    /// A single integer argument.
    pub(super) fn arg_integer(&mut self, inv: &Invocation<'_, 'a>, index: usize) -> Outcome<Option<i64>> {
        let arg = self.arg(inv, index)?;
        let name = inv.call.function.name;
        match single(&arg, name)?.map(Item::value) {
            None => Ok(None),
            Some(Some(Value::Integer(n))) => Ok(Some(n)),
            Some(_) => Err(FhirPathError::evaluation(format!("{name}() takes an integer"))),
        }
    }
}

/// The key of a choice that is there: of `valueString`, `_valueString` the name without underscore.
fn chosen<'k, 'm>(names: impl Iterator<Item = &'k str>, stem: &str, keys: &'m [Key]) -> Option<&'m Key> {
    names
        .filter_map(|name| {
            let plain = name.strip_prefix('_').unwrap_or(name);
            plain.strip_prefix(stem).filter(|suffix| !suffix.is_empty()).map(|_| plain)
        })
        .find_map(|plain| keys.iter().find(|key| *key.name == *plain))
}

fn constant_text(name: &str) -> Option<Arc<str>> {
    Some(match name {
        "ucum" => "http://unitsofmeasure.org".into(),
        "sct" => "http://snomed.info/sct".into(),
        "loinc" => "http://loinc.org".into(),
        _ => {
            let (stem, rest) = match (name.strip_prefix("vs-"), name.strip_prefix("ext-")) {
                (Some(rest), _) => ("ValueSet", rest),
                (_, Some(rest)) => ("StructureDefinition", rest),
                _ => return None,
            };
            format!("http://hl7.org/fhir/{stem}/{rest}").into()
        }
    })
}

/// The one item, none of none; an error of several.
pub(super) fn single<'i, 'a>(items: &'i [Item<'a>], what: &str) -> Outcome<Option<&'i Item<'a>>> {
    match items {
        [] => Ok(None),
        [item] => Ok(Some(item)),
        _ => Err(FhirPathError::evaluation(format!("{what} works on one item, not several"))),
    }
}

/// Three-valued truth: empty is unknown, a single item that is no boolean counts as true (FHIRPath section 4.5).
pub(super) fn truth(items: &[Item<'_>]) -> Outcome<Option<bool>> {
    Ok(single(items, "a condition")?.map(|item| item.as_bool().unwrap_or(true)))
}

/// A single text.
pub(super) fn text<'a>(items: &[Item<'a>], what: &str) -> Outcome<Option<Text<'a>>> {
    let Some(item) = single(items, what)? else { return Ok(None) };
    match item {
        Item::Value(Value::String(text)) => Ok(Some(text.clone())),
        // The text of any FHIR primitive that is written as one, dates included.
        Item::Node(Node { json: Json::String(text), .. }) => Ok(Some(Text::Borrowed(text))),
        Item::Node(Node { json: Json::Null, .. }) => Ok(None),
        _ => wrong(what),
    }
}

fn wrong<T>(what: &str) -> Outcome<T> {
    Err(FhirPathError::evaluation(format!("{what}() works on text")))
}
