//! The concepts of one code system by code, and what stands above and below each.

use super::model::{Concept, Property, System};
use std::collections::HashMap;
use std::sync::OnceLock;

/// Made when first asked for: most systems of the pack are never looked into.
#[derive(Debug, Default)]
pub struct Lines(OnceLock<Made>);

#[derive(Debug)]
struct Made {
    by_code: HashMap<String, u32>,
    children: Vec<Vec<u32>>,
}

impl Clone for Lines {
    fn clone(&self) -> Lines {
        Lines::default()
    }
}

impl PartialEq for Lines {
    /// What is made from the rest never makes a difference.
    fn eq(&self, _: &Lines) -> bool {
        true
    }
}

impl System {
    fn made(&self) -> &Made {
        self.lines.0.get_or_init(|| {
            let mut made = Made { by_code: HashMap::new(), children: vec![Vec::new(); self.concepts.len()] };
            for (i, concept) in self.concepts.iter().enumerate() {
                made.by_code.entry(self.key(&concept.code)).or_insert(i as u32);
                for &parent in &concept.parents {
                    made.children[parent as usize].push(i as u32);
                }
            }
            made
        })
    }

    fn key(&self, code: &str) -> String {
        if self.case_sensitive { code.to_owned() } else { code.to_lowercase() }
    }

    /// The place of a code in [`System::concepts`].
    #[must_use]
    pub fn position(&self, code: &str) -> Option<u32> {
        if self.case_sensitive {
            return self.made().by_code.get(code).copied();
        }
        self.made().by_code.get(&code.to_lowercase()).copied()
    }

    /// A concept by its code.
    #[must_use]
    pub fn concept(&self, code: &str) -> Option<&Concept> {
        self.position(code).map(|i| &self.concepts[i as usize])
    }

    /// The places right below a place.
    #[must_use]
    pub fn children(&self, of: u32) -> &[u32] {
        &self.made().children[of as usize]
    }

    /// All places below a place, itself left out, each once.
    #[must_use]
    pub fn descendants(&self, of: u32) -> Vec<u32> {
        self.reach(of, |at| self.children(at))
    }

    /// All places above a place, itself left out, each once.
    #[must_use]
    pub fn ancestors(&self, of: u32) -> Vec<u32> {
        self.reach(of, |at| &self.concepts[at as usize].parents)
    }

    fn reach<'s>(&'s self, from: u32, next: impl Fn(u32) -> &'s [u32]) -> Vec<u32> {
        let mut seen = vec![false; self.concepts.len()];
        seen[from as usize] = true;
        let mut found = Vec::new();
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            for &n in next(at) {
                if !std::mem::replace(&mut seen[n as usize], true) {
                    found.push(n);
                    open.push(n);
                }
            }
        }
        found.sort_unstable();
        found
    }
}

impl Concept {
    /// Whether the concept is no longer in use (properties `inactive` and `status`, R4 codesystem section 4.8.11).
    #[must_use]
    pub fn is_inactive(&self) -> bool {
        self.properties.iter().any(|(name, value)| match (name.as_str(), value) {
            ("inactive", Property::Bool(inactive)) => *inactive,
            ("status", Property::Code(status)) => matches!(status.as_str(), "retired" | "inactive"),
            _ => false,
        })
    }

    /// Whether the concept only groups others and is not for use in records.
    #[must_use]
    pub fn is_abstract(&self) -> bool {
        let groups = |name: &str| matches!(name, "notSelectable" | "abstract");
        self.properties.iter().any(|(name, value)| groups(name) && *value == Property::Bool(true))
    }
}
