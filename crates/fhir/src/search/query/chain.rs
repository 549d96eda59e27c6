//! Conditions on other resources: `subject:Patient.name=...` and `_has:Observation:patient:code=...`
//! (R4 search sections 3.1.1.4.14 and 3.1.1.4.15).

use super::Filter;
use super::condition::{Read, Reader, Trouble, any, known, wrong};
use crate::definitions::r4;
use crate::search::params::{Kind, Param};

impl Reader<'_> {
    /// A reference whose target meets the rest. Without a type, any type the parameter may point to that has the rest.
    pub(super) fn chain(
        &mut self,
        types: &[&str],
        reference: &str,
        rest: &str,
        values: &str,
        depth: usize,
    ) -> Read<Filter> {
        self.follow(types, reference, &mut |reader, target| reader.condition(&[target], rest, values, depth + 1))
    }

    /// A reference (`subject`, `subject:Patient`) whose target meets what `condition` makes for the target's type.
    pub(super) fn follow(
        &mut self,
        types: &[&str],
        reference: &str,
        condition: &mut dyn FnMut(&mut Self, &str) -> Read<Filter>,
    ) -> Read<Filter> {
        let (code, wanted) = reference.split_once(':').map_or((reference, None), |(code, ty)| (code, Some(ty)));
        let mut found = Vec::new();
        for param in known(self.hidden, types, code)? {
            if param.kind != Kind::Reference {
                return Err(wrong(code, "only a reference can be followed to another resource").into());
            }
            found.push(self.targets(param, wanted, condition)?);
        }
        Ok(any(found))
    }

    fn targets(
        &mut self,
        param: &'static Param,
        wanted: Option<&str>,
        condition: &mut dyn FnMut(&mut Self, &str) -> Read<Filter>,
    ) -> Read<Filter> {
        let targets: Vec<&str> = match wanted {
            Some(wanted) => targets(param).into_iter().filter(|t| *t == wanted).collect(),
            None => targets(param),
        };
        let (mut found, mut trouble) = (Vec::new(), None);
        for target in targets {
            self.spend(1)?;
            match condition(self, target) {
                Ok(filter) => {
                    found.push(Filter::Chain { param, target: target.to_owned(), filter: Box::new(filter) });
                }
                // One type may lack the parameter, or have another kind of it, as long as some other fits.
                Err(Trouble::Refused(refusal)) if refusal.kind == base::refusal::Kind::TooCostly => {
                    return Err(Trouble::Refused(refusal));
                }
                Err(other) => trouble = trouble.or(Some(other)),
            }
        }
        match trouble {
            _ if !found.is_empty() => Ok(any(found)),
            Some(trouble) => Err(trouble),
            None => Err(wrong(&param.code, "it does not point to that type").into()),
        }
    }

    /// `Observation:patient:code`: some Observation points here by `patient` and meets the rest.
    pub(super) fn has(&mut self, types: &[&str], rest: &str, values: &str, depth: usize) -> Read<Filter> {
        let expected = || wrong("_has", "_has:Type:reference:parameter was expected");
        let (source, rest) = rest.split_once(':').ok_or_else(expected)?;
        let (code, rest) = rest.split_once(':').ok_or_else(expected)?;
        let Some(source) = r4().resource(source).map(|t| t.name.as_str()) else {
            return Err(wrong("_has", "the first part is not a resource type").into());
        };
        let param = known(self.hidden, &[source], code)?.remove(0);
        if param.kind != Kind::Reference {
            return Err(wrong("_has", "the second part is not a reference parameter").into());
        }
        let reaches = types.is_empty() || targets(param).iter().any(|t| types.contains(t));
        if !reaches {
            return Err(wrong("_has", "that reference does not point to the type searched").into());
        }
        let filter = self.condition(&[source], rest, values, depth + 1)?;
        Ok(Filter::Has { source: source.to_owned(), param, filter: Box::new(filter) })
    }
}

/// The types a reference may point to.
fn targets(param: &'static Param) -> Vec<&'static str> {
    param.targets.iter().map(String::as_str).collect()
}
