//! Whether a captured consent or authorization has all that the law asks for, before anybody relies on it.
//!
//! A defective authorization is none (45 CFR 164.508(b)(2)); nobody may disclose on a deficient consent (42 CFR
//! 2.31(c)). What stands only on paper (statements of rights) cannot be read from FHIR: the consent must name the form
//! that was signed, and the form is checked once, by a person.

use super::super::Purpose;
use super::super::label::labels_of_code;
use super::super::{Label, Labels};
use base::clock::Instant;
use fhir::calendar::span;
use fhir::json::Json;

/// Which law it must satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An authorization, 45 CFR 164.508(c).
    Authorization,
    /// A consent of a Part 2 program's patient, 42 CFR 2.31(a).
    Part2,
}

/// Something missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    /// Where it would stand.
    pub element: &'static str,
    /// What is missing and what would mend it.
    pub what: &'static str,
    /// The law that asks for it.
    pub source: &'static str,
}

/// What one element must hold, and which paragraph asks for it in either law.
struct Element {
    element: &'static str,
    what: &'static str,
    authorization: Option<&'static str>,
    part2: Option<&'static str>,
    present: fn(&Json, Instant) -> bool,
}

const ELEMENTS: &[Element] = &[
    Element {
        element: "Consent.patient",
        what: "it does not say whose record it is; name the patient",
        authorization: Some("45 CFR 164.508(c)(1)(i)"),
        part2: Some("42 CFR 2.31(a)(1)"),
        present: |consent, _| consent.get("patient").and_then(|p| p.text("reference")).is_some(),
    },
    Element {
        element: "Consent.organization",
        what: "it does not say who may disclose; name the organization or add an actor with role CST",
        authorization: Some("45 CFR 164.508(c)(1)(ii)"),
        part2: Some("42 CFR 2.31(a)(2)"),
        present: |consent, _| !items(consent, "organization").is_empty() || roles(consent).any(|role| role == "CST"),
    },
    Element {
        element: "Consent.provision",
        what: "it does not say what may be disclosed; name classes, codes, labels, a data period or resources",
        authorization: Some("45 CFR 164.508(c)(1)(i)"),
        part2: Some("42 CFR 2.31(a)(3)"),
        present: |consent, _| {
            ["securityLabel", "class", "code", "data", "dataPeriod"].iter().any(|name| says(consent, name))
        },
    },
    Element {
        element: "Consent.provision.actor",
        what: "it does not say to whom; name the recipient",
        authorization: Some("45 CFR 164.508(c)(1)(iii)"),
        part2: None,
        present: |consent, _| has_recipient(consent),
    },
    Element {
        element: "Consent.provision.actor",
        what: "it does not say to whom; name the recipient, or give it for treatment, payment and operations only",
        authorization: None,
        part2: Some("42 CFR 2.31(a)(4)"),
        present: |consent, _| has_recipient(consent) || is_for_tpo(consent),
    },
    Element {
        element: "Consent.provision.purpose",
        what: "it does not say what for; PATRQT serves for \"at the request of the individual\"",
        authorization: Some("45 CFR 164.508(c)(1)(iv)"),
        part2: Some("42 CFR 2.31(a)(5)"),
        present: |consent, _| !purposes(consent).is_empty(),
    },
    Element {
        element: "Consent.provision.period.end",
        what: "it does not say when it ends; give a date, or an event in an extension of the period",
        authorization: Some("45 CFR 164.508(c)(1)(v)"),
        part2: None,
        present: |consent, _| has_end(consent),
    },
    Element {
        element: "Consent.provision.period.end",
        what: "it does not say when it ends; only one for treatment, payment and operations may leave it open",
        authorization: None,
        part2: Some("42 CFR 2.31(a)(7)"),
        present: |consent, _| has_end(consent) || is_for_tpo(consent),
    },
    Element {
        element: "Consent.provision.period.end",
        what: "it has ended; ask for a new one",
        authorization: Some("45 CFR 164.508(b)(2)(i)"),
        part2: Some("42 CFR 2.31(c)(1)"),
        present: |consent, now| end_of(consent).is_none_or(|end| now.0 <= end),
    },
    Element {
        element: "Consent.source[x]",
        what: "there is no signed copy and no verified signature; attach one",
        authorization: Some("45 CFR 164.508(c)(1)(vi)"),
        part2: Some("42 CFR 2.31(a)(8)"),
        present: |consent, _| is_signed(consent),
    },
    Element {
        element: "Consent.dateTime",
        what: "it does not say when it was signed",
        authorization: Some("45 CFR 164.508(c)(1)(vi)"),
        part2: Some("42 CFR 2.31(a)(9)"),
        present: |consent, _| consent.text("dateTime").and_then(span).is_some(),
    },
    Element {
        element: "Consent.verification",
        what: "somebody signed for the patient and nothing says by what authority; verify it and say with whom",
        authorization: Some("45 CFR 164.508(c)(1)(vi)"),
        part2: Some("42 CFR 2.31(a)(8), 2.15"),
        present: |consent, _| !by_representative(consent) || is_verified(consent),
    },
    Element {
        element: "Consent.policy.uri",
        what: "it does not name the form that was signed; its wording must state the right to revoke and how, whether care \
               depends on it, and that it may be disclosed further",
        authorization: Some("45 CFR 164.508(c)(2)(i)-(iii)"),
        part2: Some("42 CFR 2.31(a)(6), (a)(10)"),
        present: |consent, _| items(consent, "policy").iter().any(|policy| policy.text("uri").is_some()),
    },
    Element {
        element: "Consent.provision.securityLabel",
        what: "psychotherapy or counseling notes stand together with something else; they need a form of their own",
        authorization: Some("45 CFR 164.508(b)(3)(ii)"),
        part2: Some("42 CFR 2.31(b)"),
        present: |consent, _| !mixes_notes(consent),
    },
];

/// What is missing from a consent, in the order of the law. Empty: it may be relied on, as far as FHIR can tell.
#[must_use]
pub fn defects(form: Form, consent: &Json, now: Instant) -> Vec<Defect> {
    let asked = |element: &Element| match form {
        Form::Authorization => element.authorization,
        Form::Part2 => element.part2,
    };
    let missing = ELEMENTS.iter().filter(|element| !(element.present)(consent, now));
    missing
        .filter_map(|element| Some(Defect { element: element.element, what: element.what, source: asked(element)? }))
        .collect()
}

fn items<'j>(at: &'j Json<'j>, name: &str) -> &'j [Json<'j>] {
    at.get(name).map_or(&[], Json::items)
}

/// All provisions, the root first.
fn provisions<'j>(consent: &'j Json<'j>) -> Vec<&'j Json<'j>> {
    let mut all: Vec<&Json> = consent.get("provision").into_iter().collect();
    let mut next = 0;
    while let Some(provision) = all.get(next).copied() {
        all.extend(items(provision, "provision"));
        next += 1;
    }
    all
}

fn says(consent: &Json, name: &str) -> bool {
    provisions(consent).iter().any(|provision| provision.get(name).is_some())
}

fn actors<'j>(consent: &'j Json<'j>) -> impl Iterator<Item = &'j Json<'j>> {
    provisions(consent).into_iter().flat_map(|provision| items(provision, "actor"))
}

fn role<'j>(actor: &'j Json<'j>) -> &'j str {
    let codings = actor.get("role").map_or(&[][..], |role| items(role, "coding"));
    codings.first().and_then(|coding| coding.text("code")).unwrap_or("")
}

fn roles<'j>(consent: &'j Json<'j>) -> impl Iterator<Item = &'j str> {
    actors(consent).map(role)
}

fn has_recipient(consent: &Json) -> bool {
    actors(consent).any(|actor| !matches!(role(actor), "CST" | "AUT") && actor.get("reference").is_some())
}

fn purposes<'j>(consent: &'j Json<'j>) -> Vec<&'j str> {
    let codings = provisions(consent).into_iter().flat_map(|provision| items(provision, "purpose"));
    codings.filter_map(|coding| coding.text("code")).collect()
}

/// The single consent for all future treatment, payment and operations (42 CFR 2.31(a)(4)(i), 2.33(a)(1)).
fn is_for_tpo(consent: &Json) -> bool {
    let purposes = purposes(consent);
    let tpo = [Purpose::Treatment, Purpose::Payment, Purpose::Operations].map(Purpose::code);
    tpo.iter().all(|code| purposes.contains(code)) && purposes.iter().all(|code| tpo.contains(code))
}

fn period<'j>(consent: &'j Json<'j>) -> Option<&'j Json<'j>> {
    consent.get("provision")?.get("period")
}

fn has_end(consent: &Json) -> bool {
    period(consent).is_some_and(|period| period.get("end").is_some() || period.get("extension").is_some())
}

fn end_of(consent: &Json) -> Option<i64> {
    span(period(consent)?.text("end")?).map(|(_, last)| last)
}

fn is_signed(consent: &Json) -> bool {
    consent.get("sourceAttachment").is_some() || consent.get("sourceReference").is_some() || is_verified(consent)
}

fn is_verified(consent: &Json) -> bool {
    items(consent, "verification").iter().any(|one| one.get("verified").and_then(Json::as_bool) == Some(true))
}

fn by_representative(consent: &Json) -> bool {
    let patient = consent.get("patient").and_then(|p| p.text("reference"));
    items(consent, "performer").iter().any(|performer| performer.text("reference") != patient)
}

fn mixes_notes(consent: &Json) -> bool {
    let codes = provisions(consent).into_iter().flat_map(|provision| items(provision, "securityLabel"));
    let labels = codes.filter_map(|coding| coding.text("code")).map(labels_of_code);
    let labels = labels.fold(Labels::NONE, Labels::union);
    // A note's own label brings mental health with it, and a program's brings substance use.
    let notes: Labels =
        [Label::PsychotherapyNote, Label::MentalHealth, Label::Part2, Label::SubstanceUse].into_iter().collect();
    let others = says(consent, "class") || says(consent, "code") || !labels.without(notes).is_empty();
    labels.contains(Label::PsychotherapyNote) && others
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"resourceType":"Consent","status":"active","patient":{"reference":"Patient/1"},"dateTime":"2026-01-05",
        "performer":[{"reference":"Patient/1"}],"organization":[{"reference":"Organization/1"}],
        "policy":[{"uri":"https://saguaro-valley.example.org/forms/release-3"}],"sourceReference":{"reference":"DocumentReference/9"},
        "provision":{"type":"permit","period":{"start":"2026-01-05","end":"2027-01-05"},
          "actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Organization/2"}}],
          "purpose":[{"code":"PATRQT"}],"class":[{"system":"http://hl7.org/fhir/resource-types","code":"Observation"}]}}"#;

    fn sources(form: Form, text: &str) -> Vec<&'static str> {
        let consent = Json::parse(text.as_bytes()).expect("JSON");
        let now = Instant::parse("2026-11-23T12:00:00Z").expect("an instant");
        defects(form, &consent, now).into_iter().map(|defect| defect.source).collect()
    }

    #[test]
    fn a_whole_form_has_no_defect_and_each_missing_part_is_named() {
        let cases: [(&str, &str, &[&str], &[&str]); 9] = [
            ("", "", &[], &[]),
            (
                r#""organization":[{"reference":"Organization/1"}],"#,
                "",
                &["45 CFR 164.508(c)(1)(ii)"],
                &["42 CFR 2.31(a)(2)"],
            ),
            (r#""purpose":[{"code":"PATRQT"}],"#, "", &["45 CFR 164.508(c)(1)(iv)"], &["42 CFR 2.31(a)(5)"]),
            (r#","end":"2027-01-05""#, "", &["45 CFR 164.508(c)(1)(v)"], &["42 CFR 2.31(a)(7)"]),
            ("2027-01-05", "2026-06-01", &["45 CFR 164.508(b)(2)(i)"], &["42 CFR 2.31(c)(1)"]),
            (r#""dateTime":"2026-01-05","#, "", &["45 CFR 164.508(c)(1)(vi)"], &["42 CFR 2.31(a)(9)"]),
            (
                r#"performer":[{"reference":"Patient/1"#,
                r#"performer":[{"reference":"RelatedPerson/1"#,
                &["45 CFR 164.508(c)(1)(vi)"],
                &["42 CFR 2.31(a)(8), 2.15"],
            ),
            (
                r#""sourceReference":{"reference":"DocumentReference/9"},"#,
                "",
                &["45 CFR 164.508(c)(1)(vi)"],
                &["42 CFR 2.31(a)(8)"],
            ),
            (
                r#""purpose":[{"code":"PATRQT"}],"#,
                r#""purpose":[{"code":"PATRQT"}],"securityLabel":[{"code":"PSYTHPN"},{"code":"HIV"}],"#,
                &["45 CFR 164.508(b)(3)(ii)"],
                &["42 CFR 2.31(b)"],
            ),
        ];
        for (from, to, authorization, part2) in cases {
            let text = if from.is_empty() { WHOLE.to_owned() } else { WHOLE.replacen(from, to, 1) };
            assert_eq!(sources(Form::Authorization, &text), authorization, "{from}");
            assert_eq!(sources(Form::Part2, &text), part2, "{from}");
        }
    }

    #[test]
    fn a_part_2_consent_for_care_payment_and_operations_needs_no_name_and_no_end() {
        let tpo = WHOLE
            .replace(r#"[{"code":"PATRQT"}]"#, r#"[{"code":"TREAT"},{"code":"HPAYMT"},{"code":"HOPERAT"}]"#)
            .replace(r#","end":"2027-01-05""#, "")
            .replace(
                r#""actor":[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"Organization/2"}}],"#,
                "",
            );
        assert!(sources(Form::Part2, &tpo).is_empty());
        assert_eq!(sources(Form::Authorization, &tpo), ["45 CFR 164.508(c)(1)(iii)", "45 CFR 164.508(c)(1)(v)"]);
        assert_eq!(sources(Form::Authorization, "{}").len(), 9);
    }
}
