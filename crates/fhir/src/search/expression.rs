//! The expressions of search parameters, split into paths.
//!
//! Search parameters use a small part of FHIRPath: member names, `ofType`, `where` with one equality, an index, a union.
//! This reader knows that part and gives each branch of the union one form, so that two spellings of the same path
//! (`(Observation.value as Quantity)`, `Observation.value.ofType(Quantity)`) are the same path. A test holds that every
//! expression of the pack is understood.

use std::fmt;

/// One step from an element to others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Step {
    /// `%resource`: back to the top.
    Resource,
    /// A member by its element name; the first may be a type's name.
    Child(String),
    /// `ofType(X)`, `as(X)`, `as X`.
    OfType(String),
    /// `where(member='value')`.
    Where {
        /// The member compared.
        member: String,
        /// The text it must be.
        value: String,
    },
    /// `where(hasExtension('url'))`.
    HasExtension(String),
    /// `[n]`.
    Index(usize),
    /// `where(resolve() is X)`.
    Target(String),
    /// `exists()`, understood only as part of [`Step::Holds`].
    Exists,
    /// `x.exists() and x != false`: true or false, never nothing.
    Holds,
}

/// One branch of a union.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Path(pub(super) Vec<Step>);

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, step) in self.0.iter().enumerate() {
            let dot = if i == 0 { "" } else { "." };
            match step {
                Step::Resource => f.write_str("%resource")?,
                Step::Child(name) => write!(f, "{dot}{name}")?,
                Step::OfType(name) => write!(f, "{dot}ofType({name})")?,
                Step::Where { member, value } => write!(f, "{dot}where({member}='{value}')")?,
                Step::HasExtension(url) => write!(f, "{dot}where(hasExtension('{url}'))")?,
                Step::Index(n) => write!(f, "[{n}]")?,
                Step::Target(name) => write!(f, "{dot}where(resolve() is {name})")?,
                Step::Exists => write!(f, "{dot}exists()")?,
                Step::Holds => f.write_str(" is present and not false")?,
            }
        }
        Ok(())
    }
}

/// The branches of an expression, in order. `None` when it uses what this reader does not know.
pub(super) fn paths(expression: &str) -> Option<Vec<Path>> {
    let mut reader = Reader { rest: expression };
    let paths = reader.union()?;
    reader.rest.trim().is_empty().then_some(paths)
}

struct Reader<'a> {
    rest: &'a str,
}

impl<'a> Reader<'a> {
    fn union(&mut self) -> Option<Vec<Path>> {
        let mut all = self.branch()?;
        while self.eat("|") {
            all.extend(self.branch()?);
        }
        Some(all)
    }

    /// A chain of steps, with what may follow it: `as X`, `and x != false`.
    fn branch(&mut self) -> Option<Vec<Path>> {
        let mut paths = self.chain()?;
        if self.word("as") {
            let name = self.identifier()?.to_owned();
            append(&mut paths, &Step::OfType(name));
        }
        if self.word("and") {
            let mut same = self.chain()?;
            if !(self.eat("!=") && self.word("false")) {
                return None;
            }
            append(&mut same, &Step::Exists);
            if same != paths {
                return None;
            }
            for path in &mut paths {
                path.0.pop();
                path.0.push(Step::Holds);
            }
        }
        Some(paths)
    }

    fn chain(&mut self) -> Option<Vec<Path>> {
        let mut paths = if self.eat("(") {
            let inner = self.union()?;
            self.close()?;
            inner
        } else if self.eat("%resource") {
            vec![Path(vec![Step::Resource])]
        } else {
            vec![Path(vec![Step::Child(self.identifier()?.to_owned())])]
        };
        loop {
            if self.eat("[") {
                let index = self.digits()?;
                append(&mut paths, &Step::Index(index));
            } else if self.eat(".") {
                for step in self.step()? {
                    append(&mut paths, &step);
                }
            } else {
                return Some(paths);
            }
        }
    }

    fn step(&mut self) -> Option<Vec<Step>> {
        let name = self.identifier()?;
        if !self.eat("(") {
            return Some(vec![Step::Child(name.to_owned())]);
        }
        let steps = match name {
            "as" | "ofType" => vec![Step::OfType(self.identifier()?.to_owned())],
            "extension" => {
                let value = self.literal()?;
                vec![Step::Child(name.to_owned()), Step::Where { member: "url".to_owned(), value }]
            }
            "exists" => vec![Step::Exists],
            "where" => vec![self.condition()?],
            _ => return None,
        };
        self.close()?;
        Some(steps)
    }

    fn condition(&mut self) -> Option<Step> {
        let name = self.identifier()?;
        match name {
            "resolve" => {
                self.eat("(");
                self.close()?;
                self.word("is").then_some(())?;
                Some(Step::Target(self.identifier()?.to_owned()))
            }
            "hasExtension" => {
                self.eat("(");
                let url = self.literal()?;
                self.close()?;
                Some(Step::HasExtension(url))
            }
            _ => {
                self.eat("=").then_some(())?;
                Some(Step::Where { member: name.to_owned(), value: self.literal()? })
            }
        }
    }

    fn eat(&mut self, token: &str) -> bool {
        let Some(rest) = self.rest.trim_start().strip_prefix(token) else { return false };
        self.rest = rest;
        true
    }

    fn close(&mut self) -> Option<()> {
        self.eat(")").then_some(())
    }

    /// A word that ends where it ends: `as`, not the start of `assigner`.
    fn word(&mut self, word: &str) -> bool {
        let before = self.rest;
        if self.identifier() == Some(word) {
            return true;
        }
        self.rest = before;
        false
    }

    fn identifier(&mut self) -> Option<&'a str> {
        let text = self.rest.trim_start();
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        if end == 0 || text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        self.rest = &text[end..];
        Some(&text[..end])
    }

    fn digits(&mut self) -> Option<usize> {
        let (digits, rest) = self.rest.split_once(']')?;
        self.rest = rest;
        digits.trim().parse().ok()
    }

    fn literal(&mut self) -> Option<String> {
        self.eat("'").then_some(())?;
        let (literal, rest) = self.rest.split_once('\'')?;
        self.rest = rest;
        Some(literal.to_owned())
    }
}

fn append(paths: &mut [Path], step: &Step) {
    for path in paths {
        path.0.push(step.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_branch_has_one_spelling() {
        let cases = [
            ("Patient.name", "Patient.name"),
            ("(Observation.value as Quantity)", "Observation.value.ofType(Quantity)"),
            (
                "Condition.onset.as(Age) | Condition.onset.as(Range)",
                "Condition.onset.ofType(Age); Condition.onset.ofType(Range)",
            ),
            ("(Observation.value as CodeableConcept).text", "Observation.value.ofType(CodeableConcept).text"),
            ("Composition.relatesTo.target as Identifier", "Composition.relatesTo.target.ofType(Identifier)"),
            ("Account.subject.where(resolve() is Patient)", "Account.subject.where(resolve() is Patient)"),
            ("Patient.telecom.where(system='email')", "Patient.telecom.where(system='email')"),
            (
                "Patient.extension.where(url = 'http://x').value.code",
                "Patient.extension.where(url='http://x').value.code",
            ),
            ("Patient.extension('http://x')", "Patient.extension.where(url='http://x')"),
            ("Bundle.entry[0].resource", "Bundle.entry[0].resource"),
            ("Patient.deceased.exists() and Patient.deceased != false", "Patient.deceased is present and not false"),
            ("%resource.referenceSeq.chromosome", "%resource.referenceSeq.chromosome"),
            (
                "QuestionnaireResponse.item.where(hasExtension('http://e')).answer.value.ofType(Reference)",
                "QuestionnaireResponse.item.where(hasExtension('http://e')).answer.value.ofType(Reference)",
            ),
            ("(A.b | C.d).e", "A.b.e; C.d.e"),
        ];
        for (expression, expected) in cases {
            let found: Vec<String> = paths(expression).unwrap_or_default().iter().map(ToString::to_string).collect();
            assert_eq!(found.join("; "), expected, "{expression}");
        }
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        for expression in
            ["", "Patient.name.first()", "A.b and C.d != false", "A.where(b > 3)", "A.", "A | ", "A.b)", "(A.b"]
        {
            assert_eq!(paths(expression), None, "{expression}");
        }
    }
}
