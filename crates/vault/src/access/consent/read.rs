//! From a FHIR Consent to its rules.
//!
//! R4 calls the root provision "an exception to the base policy of this consent" and lets it have no type. So: without
//! a type, a root with conditions does the opposite of `policyRule` (OPTIN: it withholds; OPTOUT: it lets through), and
//! one with nothing but a period is `policyRule` itself for that time. Without either it denies, and a finding says so.

use super::super::label::labels_of_code;
use super::super::{Labels, Purpose};
use super::asking::Handling;
use super::facts::coding_of;
use super::model::{Consent, Content, Effect, Instance, LabelTest, Party, Provision, Regime, Span, Status};
use base::clock::Instant;
use base::finding::Finding;
use fhir::calendar::span;
use fhir::json::Json;

/// Deeper exceptions to exceptions are nobody's wish.
const DEPTH_MAX: usize = 8;
const NEVER: Span = (1, 0);
const RESOURCE_TYPES: &str = "http://hl7.org/fhir/resource-types";

/// Reads a consent. Always gives one: what cannot be understood makes it stricter, and a finding says where.
#[must_use]
pub fn read(resource: &Json, reference: &str) -> (Consent, Vec<Finding>) {
    let mut reader = Reader { findings: Vec::new(), unreadable: false };
    let (regime, about) = (regime_of(resource), about(resource));
    let status = reader.status(resource);
    if resource.get("modifierExtension").is_some() {
        reader.cannot(
            "Consent.modifierExtension",
            "a modifier extension changes the meaning in a way that is not known here",
        );
    }
    let patient = resource.get("patient").and_then(|p| p.text("reference")).unwrap_or("").to_owned();
    if patient.is_empty() {
        reader.cannot("Consent.patient", "a consent needs a reference to its patient");
    }
    let given = resource.text("dateTime").and_then(span).map(|(first, _)| Instant(first));
    if given.is_none() {
        reader.odd("Consent.dateTime", "without a date this consent replaces no other, and no other replaces it");
    }
    let performers = resource.get("performer").map_or(&[][..], Json::items).iter();
    let performers = performers.filter_map(|who| who.text("reference")).map(str::to_owned).collect();
    let (base, provision) = reader.rules(resource, regime);
    let reference = reference.to_owned();
    let Reader { findings, unreadable } = reader;
    (Consent { reference, status, regime, patient, about, performers, given, base, provision, unreadable }, findings)
}

struct Reader {
    findings: Vec<Finding>,
    unreadable: bool,
}

impl Reader {
    fn odd(&mut self, path: impl Into<String>, message: &str) {
        self.findings.push(Finding::warning("value", path, message));
    }

    fn cannot(&mut self, path: impl Into<String>, message: &str) {
        self.unreadable = true;
        let message = format!("{message}; until it is corrected the chart is hidden from everybody but the patient");
        self.findings.push(Finding::error("invalid", path, message));
    }

    fn status(&mut self, resource: &Json) -> Status {
        match resource.text("status") {
            Some("active") => Status::Active,
            Some("draft" | "proposed" | "rejected" | "inactive" | "entered-in-error") => Status::NotInForce,
            _ => {
                self.cannot("Consent.status", "the status is none that R4 knows");
                Status::Active
            }
        }
    }

    fn rules(&mut self, resource: &Json, regime: Regime) -> (Option<Effect>, Option<Provision>) {
        let base = base_of(resource);
        let Some(root) = resource.get("provision") else { return (base, None) };
        if root.as_object().is_none() {
            self.cannot("Consent.provision", "the provision is no object");
            return (base, None);
        }
        let only_period = root
            .as_object()
            .is_some_and(|o| o.iter().all(|(name, _)| matches!(name, "id" | "extension" | "period" | "provision")));
        let effect = match (self.effect(root, "provision"), base) {
            (Some(effect), _) => Some(effect),
            (None, Some(base)) if only_period => return (None, Some(self.provision(root, "provision", Some(base), 0))),
            (None, Some(base)) => Some(base.opposite()),
            (None, None) if only_period => None,
            (None, None) => {
                self.odd(
                    "Consent.provision.type",
                    "neither type nor policyRule says whether this permits; taken as deny",
                );
                Some(Effect::Deny)
            }
        };
        let mut root = self.provision(root, "provision", effect, 0);
        if regime == Regime::SelfPay {
            // Nothing else is restricted by 164.522(a)(1)(vi): payment and operations of a health plan.
            root.purposes.get_or_insert_with(|| vec![Purpose::Payment, Purpose::Operations]);
            root.parties.get_or_insert_with(|| vec![Party::Kind("PAYOR".to_owned())]);
        }
        (base, Some(root))
    }

    fn effect(&mut self, provision: &Json, path: &str) -> Option<Effect> {
        match provision.get("type").map(Json::as_str) {
            None => None,
            Some(Some("permit")) => Some(Effect::Permit),
            Some(Some("deny")) => Some(Effect::Deny),
            Some(_) => {
                self.cannot(format!("Consent.{path}.type"), "a provision is permit or deny");
                Some(Effect::Deny)
            }
        }
    }

    fn provision(&mut self, at: &Json, path: &str, effect: Option<Effect>, depth: usize) -> Provision {
        if at.get("modifierExtension").is_some() {
            self.cannot(format!("Consent.{path}.modifierExtension"), "a modifier extension is not known here");
        }
        let strict = effect != Some(Effect::Permit);
        let (parties, authors) = self.actors(at, path, strict);
        let content = Content { authors, ..self.content(at, path, strict) };
        Provision {
            path: path.to_owned(),
            effect,
            period: self.period(at, "period", path, strict),
            parties,
            handlings: self.handlings(at, path, strict),
            purposes: self.purposes(at, path, strict),
            content,
            exceptions: self.exceptions(at, path, depth),
        }
    }

    fn exceptions(&mut self, at: &Json, path: &str, depth: usize) -> Vec<Provision> {
        let nested = at.get("provision").map_or(&[][..], Json::items);
        if depth == DEPTH_MAX && !nested.is_empty() {
            self.cannot(format!("Consent.{path}.provision"), "the provisions are nested too deeply");
            return Vec::new();
        }
        let mut exceptions = Vec::with_capacity(nested.len());
        for (i, inner) in nested.iter().enumerate() {
            let path = format!("{path}.provision[{i}]");
            let effect = self.effect(inner, &path).unwrap_or_else(|| {
                self.odd(format!("Consent.{path}.type"), "R4 requires a type in nested provisions; taken as deny");
                Effect::Deny
            });
            exceptions.push(self.provision(inner, &path, Some(effect), depth + 1));
        }
        exceptions
    }

    /// Keeps what `one` understands. Something it does not: a deny is then about everything, a permit about the rest.
    fn list<T>(
        &mut self,
        at: &Json,
        name: &str,
        path: &str,
        strict: bool,
        one: impl Fn(&Json) -> Option<Vec<T>>,
    ) -> Option<Vec<T>> {
        let items = at.get(name)?;
        let (mut known, mut unknown) = (Vec::new(), items.items().is_empty());
        for item in items.items() {
            match one(item) {
                Some(some) => known.extend(some),
                None => unknown = true,
            }
        }
        if unknown {
            let taken = if strict { "this deny is about all of them" } else { "this permit is not about it" };
            self.odd(format!("Consent.{path}.{name}"), &format!("something here is not known; {taken}"));
        }
        if unknown && strict { None } else { Some(known) }
    }

    fn actors(&mut self, at: &Json, path: &str, strict: bool) -> (Option<Vec<Party>>, Option<Vec<String>>) {
        let role =
            |actor: &Json| concept_codes(actor.get("role")).first().map(|(_, code)| code.clone()).unwrap_or_default();
        let reference = |actor: &Json| actor.get("reference").and_then(|r| r.text("reference")).map(str::to_owned);
        let mut has = (false, false);
        for actor in at.get("actor").map_or(&[][..], Json::items) {
            match role(actor).as_str() {
                // The custodian is this house: it does not say who may look.
                "CST" => {}
                "AUT" => has.1 = true,
                _ => has.0 = true,
            }
        }
        let parties = self.list(at, "actor", path, strict, |actor| match (role(actor).as_str(), reference(actor)) {
            ("CST" | "AUT", _) => Some(vec![]),
            (_, Some(named)) => Some(vec![Party::Named(named)]),
            ("", None) => None,
            (kind, None) => Some(vec![Party::Kind(kind.to_owned())]),
        });
        let authors = has.1.then(|| {
            self.list(at, "actor", path, strict, |actor| {
                if role(actor) == "AUT" { reference(actor).map(|a| vec![a]) } else { Some(vec![]) }
            })
        });
        (parties.filter(|_| has.0), authors.flatten())
    }

    fn handlings(&mut self, at: &Json, path: &str, strict: bool) -> Option<Vec<Handling>> {
        self.list(at, "action", path, strict, |action| {
            let handlings: Vec<Handling> =
                concept_codes(Some(action)).iter().flat_map(|(_, code)| Handling::of_code(code)).copied().collect();
            (!handlings.is_empty()).then_some(handlings)
        })
    }

    fn purposes(&mut self, at: &Json, path: &str, strict: bool) -> Option<Vec<Purpose>> {
        self.list(at, "purpose", path, strict, |coding| Purpose::from_code(coding.text("code")?).map(|p| vec![p]))
    }

    fn content(&mut self, at: &Json, path: &str, strict: bool) -> Content {
        Content {
            labels: self.labels(at, path, strict),
            types: self.list(at, "class", path, strict, |coding| {
                (coding.text("system") == Some(RESOURCE_TYPES))
                    .then(|| coding.text("code").map(|c| vec![c.to_owned()]))?
            }),
            codes: self.list(at, "code", path, strict, |concept| {
                let codes = concept_codes(Some(concept));
                (!codes.is_empty()).then_some(codes)
            }),
            dates: self.period(at, "dataPeriod", path, strict),
            instances: self.list(at, "data", path, strict, |data| instance(data).map(|i| vec![i])),
            authors: None,
        }
    }

    fn labels(&mut self, at: &Json, path: &str, strict: bool) -> Option<LabelTest> {
        let tests = self.list(at, "securityLabel", path, strict, |coding| label_test(coding.text("code")?, strict))?;
        let none = LabelTest { named: Labels::NONE, plain: false, sensitive: false };
        Some(tests.into_iter().fold(none, |all, one| LabelTest {
            named: all.named.union(one.named),
            plain: all.plain || one.plain,
            sensitive: all.sensitive || one.sensitive,
        }))
    }

    fn period(&mut self, at: &Json, name: &str, path: &str, strict: bool) -> Option<Span> {
        let period = at.get(name)?;
        let (start, end) = (period.text("start"), period.text("end"));
        let first = start.map_or(Some(i64::MIN), |text| span(text).map(|(first, _)| first));
        let last = end.map_or(Some(i64::MAX), |text| span(text).map(|(_, last)| last));
        match (first, last) {
            (Some(first), Some(last)) => Some((first, last)),
            _ => {
                self.odd(format!("Consent.{path}.{name}"), "this is no period; a deny holds always, a permit never");
                if strict { None } else { Some(NEVER) }
            }
        }
    }
}

fn label_test(code: &str, strict: bool) -> Option<Vec<LabelTest>> {
    let test = |named, plain, sensitive| Some(vec![LabelTest { named, plain, sensitive }]);
    match code {
        // A normal chart is the whole chart, to somebody who wants it withheld.
        "U" | "L" | "M" | "N" if strict => test(Labels::NONE, true, true),
        "U" | "L" | "M" | "N" => test(Labels::NONE, true, false),
        "R" | "V" if strict => test(labels_of_code(code), false, true),
        _ => {
            let named = labels_of_code(code);
            if named.is_empty() { None } else { test(named, false, false) }
        }
    }
}

fn instance(data: &Json) -> Option<Instance> {
    let reference = data.get("reference")?.text("reference")?.to_owned();
    Some(match data.text("meaning")? {
        "instance" => Instance::This(reference),
        "related" => Instance::Related(reference),
        "dependents" => Instance::Dependents(reference),
        "authoredby" => Instance::AuthoredBy(reference),
        _ => return None,
    })
}

fn concept_codes(concept: Option<&Json>) -> Vec<(String, String)> {
    concept.and_then(|c| c.get("coding")).map_or(&[][..], Json::items).iter().filter_map(coding_of).collect()
}

fn all_codes(resource: &Json) -> Vec<(String, String)> {
    let mut codes: Vec<_> =
        resource.get("category").map_or(&[][..], Json::items).iter().flat_map(|c| concept_codes(Some(c))).collect();
    codes.extend(concept_codes(resource.get("policyRule")));
    codes
}

fn base_of(resource: &Json) -> Option<Effect> {
    concept_codes(resource.get("policyRule")).iter().find_map(|(_, code)| match code.as_str() {
        "OPTIN" | "OPTINR" => Some(Effect::Permit),
        "OPTOUT" | "OPTOUTE" => Some(Effect::Deny),
        _ => None,
    })
}

fn regime_of(resource: &Json) -> Regime {
    let codes = all_codes(resource);
    let says = |wanted: &str| codes.iter().any(|(_, code)| code == wanted);
    let scope = concept_codes(resource.get("scope"));
    if says("42CFRPart2") {
        Regime::Part2
    } else if says("hipaa-self-pay") {
        Regime::SelfPay
    } else if says("hipaa-restrictions") {
        Regime::Restriction
    } else if says("hipaa-auth") || says("hipaa-research") {
        Regime::Authorization
    } else if scope.iter().any(|(_, code)| matches!(code.as_str(), "adr" | "treatment")) {
        Regime::Other
    } else {
        Regime::Directive
    }
}

fn about(resource: &Json) -> Vec<String> {
    let mut about: Vec<String> = concept_codes(resource.get("scope"))
        .into_iter()
        .map(|(system, code)| format!("scope {system}|{code}"))
        .collect();
    let categories = resource.get("category").map_or(&[][..], Json::items).iter().flat_map(|c| concept_codes(Some(c)));
    about.extend(categories.map(|(system, code)| format!("category {system}|{code}")));
    about.sort();
    about.dedup();
    about
}
