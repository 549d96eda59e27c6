//! The form in which a consent is given, and the FHIR Consent that comes of it.

use super::super::frame::{At, line};
use super::super::{escape, words};
use super::called;
use base::refusal::{Kind, Refusal};
use fhir::calendar::span;
use fhir::json::Json;
use vault::Error;
use vault::access::{Label, Purpose, Role};
use vault::search::Page;

/// What ties a consent to those before it about the same people and things: the later one takes the earlier one's place.
const DIRECTIVE: &str = "https://chartroom.dev/fhir/CodeSystem/directive";
const ROLES: &str = "https://chartroom.dev/fhir/CodeSystem/role";

/// Staff and organizations that are offered by name.
const OFFERED: usize = 200;

/// Sensitivities that are offered.
const LABELS: [Label; 12] = [
    Label::MentalHealth,
    Label::SubstanceUse,
    Label::Part2,
    Label::Hiv,
    Label::SexuallyTransmitted,
    Label::Reproductive,
    Label::Genetic,
    Label::SickleCell,
    Label::Violence,
    Label::Minor,
    Label::PsychotherapyNote,
    Label::Restricted,
];

/// Kinds of entries that are offered.
const KINDS: [&str; 9] = [
    "Condition",
    "MedicationRequest",
    "Observation",
    "DiagnosticReport",
    "Procedure",
    "Immunization",
    "DocumentReference",
    "Encounter",
    "Claim",
];

/// Roles that are offered: those that see records of others.
const OF: [Role; 9] = [
    Role::Physician,
    Role::Nurse,
    Role::HimSpecialist,
    Role::Coder,
    Role::Biller,
    Role::CancerRegistrar,
    Role::PublicHealth,
    Role::Proxy,
    Role::App,
];

/// Purposes that are offered.
const PURPOSES: [Purpose; 6] = [
    Purpose::Treatment,
    Purpose::Payment,
    Purpose::Operations,
    Purpose::Research,
    Purpose::PublicHealth,
    Purpose::FamilyRequest,
];

/// What was chosen.
pub struct Choices<'a> {
    /// Nothing is chosen for anybody: a consent says what they said.
    permits: Option<bool>,
    who: &'a str,
    labels: Vec<&'a str>,
    kinds: Vec<&'a str>,
    purpose: &'a str,
    from: &'a str,
    until: &'a str,
}

impl<'a> Choices<'a> {
    /// Those of a form; nothing chosen yet where it is empty.
    pub fn of(at: &'a At<'_>) -> Choices<'a> {
        let all = |name: &str| {
            let named = at.form.fields().filter(|(known, _)| known == name);
            let mut all: Vec<&str> = named.map(|(_, value)| value.as_str()).collect();
            all.sort_unstable();
            all
        };
        Choices {
            permits: match at.text("effect") {
                "permit" => Some(true),
                "deny" => Some(false),
                _ => None,
            },
            who: at.text("who"),
            labels: all("label"),
            kinds: all("kind"),
            purpose: at.text("purpose"),
            from: at.text("from"),
            until: at.text("until"),
        }
    }

    /// The fields of the form.
    pub fn fields(&self, at: &At<'_>) -> Result<String, Error> {
        let effect = |value: &str, words: &str, is_chosen: bool| {
            let checked = if is_chosen { " checked" } else { "" };
            format!(
                "<label class=\"choice\"><input type=\"radio\" name=\"effect\" value=\"{value}\" required{checked}> {words}</label>"
            )
        };
        let tick = |name: &str, value: &str, words: &str, is_chosen: bool| {
            let checked = if is_chosen { " checked" } else { "" };
            let words = escape(words);
            format!(
                "<label class=\"choice\"><input type=\"checkbox\" name=\"{name}\" value=\"{value}\"{checked}> {words}</label>"
            )
        };
        let labels: String =
            LABELS.iter().map(|l| tick("label", l.code(), l.words(), self.labels.contains(&l.code()))).collect();
        let kinds: String = KINDS.iter().map(|k| tick("kind", k, words::several(k), self.kinds.contains(k))).collect();
        let purposes: String =
            PURPOSES.iter().map(|purpose| option(purpose.code(), purpose.words(), self.purpose)).collect();
        Ok(format!(
            "<fieldset><legend>May they see it?</legend>{}{}</fieldset>\
             <label for=\"who\">Who</label><select id=\"who\" name=\"who\" required>{}</select>\
             <fieldset><legend>What is sensitive in these ways (none ticked: everything)</legend><div class=\"side\">{labels}\
             </div></fieldset>\
             <fieldset><legend>Only these kinds of entries (none ticked: all kinds)</legend><div class=\"side\">{kinds}</div>\
             </fieldset>\
             <label for=\"purpose\">For what</label><select id=\"purpose\" name=\"purpose\">\
             <option value=\"\">whatever they come for</option>{purposes}</select>\
             <div class=\"side\">{}{}</div>\
             <p class=\"soft\">In an emergency those who treat you see the record all the same. What you tick in both lists must \
             both be true of an entry.</p>",
            effect("deny", "No, they may not", self.permits == Some(false)),
            effect("permit", "Yes, they may", self.permits == Some(true)),
            self.people(at)?,
            line("from", "From day (empty: at once)", self.from, "type=\"date\""),
            line("until", "To day (empty: until withdrawn)", self.until, "type=\"date\""),
        ))
    }

    /// Everybody, roles, and who stands in the directory.
    fn people(&self, at: &At<'_>) -> Result<String, Error> {
        let mut options = option("everybody", "everybody", self.who);
        let roles: String = OF
            .iter()
            .map(|role| {
                let words = format!("whoever works as {}", role.words().to_lowercase());
                option(&format!("role {role}"), &words, self.who)
            })
            .collect();
        options.push_str(&format!("<optgroup label=\"Roles\">{roles}</optgroup>"));
        for (kind, words) in [("Practitioner", "People"), ("Organization", "Organizations")] {
            let found = at.find(kind, &[("_sort", "name")], &Page { count: OFFERED, ..Page::default() })?;
            let each = found.matches.iter().filter_map(|version| {
                let name = called(&Json::parse(&version.body).ok()?);
                Some(option(&format!("{kind}/{}", version.id), &name, self.who))
            });
            options.push_str(&format!("<optgroup label=\"{words}\">{}</optgroup>", each.collect::<String>()));
        }
        Ok(options)
    }

    /// The consent, as it would be written. Refuses what was not offered.
    pub fn consent(&self, at: &At<'_>, patient: &str) -> Result<Json<'static>, Refusal> {
        let offered = self.labels.iter().all(|code| LABELS.iter().any(|label| label.code() == *code))
            && self.kinds.iter().all(|kind| KINDS.contains(kind))
            && (self.purpose.is_empty() || PURPOSES.iter().any(|purpose| purpose.code() == self.purpose));
        if !offered {
            return Err(wrong("something was chosen that the form does not offer"));
        }
        if self.permits.is_none() {
            return Err(wrong("choose whether they may see it or may not"));
        }
        let by_law = self.by_law()?;
        let mut provision = vec![("type", text(if self.permits == Some(true) { "permit" } else { "deny" }))];
        provision.extend(self.period()?.map(|period| ("period", period)));
        provision.extend(self.actor()?.map(|actor| ("actor", Json::Array(vec![actor]))));
        let coding = |system: &str, code: &str| Json::object([("system", text(system)), ("code", text(code))]);
        if !self.labels.is_empty() {
            let system = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
            let all = self.labels.iter().map(|code| {
                let is_r = *code == Label::Restricted.code();
                coding(if is_r { "http://terminology.hl7.org/CodeSystem/v3-Confidentiality" } else { system }, code)
            });
            provision.push(("securityLabel", Json::Array(all.collect())));
        }
        if !self.purpose.is_empty() {
            let system = "http://terminology.hl7.org/CodeSystem/v3-ActReason";
            provision.push(("purpose", Json::Array(vec![coding(system, self.purpose)])));
        }
        if !self.kinds.is_empty() {
            let all = self.kinds.iter().map(|kind| coding("http://hl7.org/fhir/resource-types", kind));
            provision.push(("class", Json::Array(all.collect())));
        }
        let concept = |coding: Json<'static>| Json::object([("coding", Json::Array(vec![coding]))]);
        let mut categories =
            vec![concept(coding("http://loinc.org", "59284-0")), concept(coding(DIRECTIVE, &self.key()))];
        categories.extend(by_law.map(|code| {
            let system = "http://terminology.hl7.org/CodeSystem/consentpolicycodes";
            concept(coding(system, code))
        }));
        let scope = coding("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy");
        let rule = coding("http://terminology.hl7.org/CodeSystem/v3-ActCode", "OPTIN");
        let mut members = vec![
            ("resourceType", text("Consent")),
            ("status", text("active")),
            ("scope", concept(scope)),
            ("category", Json::Array(categories)),
            ("patient", reference(&format!("Patient/{patient}"))),
            ("dateTime", text(&at.shared.vault.clock().now().to_string())),
        ];
        members.extend(at.seat.account.stands_for.first().map(|own| ("performer", Json::Array(vec![reference(own)]))));
        members.extend([("policyRule", concept(rule)), ("provision", Json::object(provision))]);
        Ok(Json::object(members))
    }

    /// The law under which a consent must stand to open what the law closes.
    fn by_law(&self) -> Result<Option<&'static str>, Refusal> {
        let has = |label: Label| self.permits == Some(true) && self.labels.contains(&label.code());
        match (has(Label::Part2), has(Label::PsychotherapyNote)) {
            (true, true) => Err(wrong("psychotherapy notes and programme records need a consent each; give two")),
            (true, false) => Ok(Some("42CFRPart2")),
            (false, true) => Ok(Some("hipaa-auth")),
            (false, false) => Ok(None),
        }
    }

    /// Names what and whom it is about; the same for a permit and a deny, so that the later one counts.
    fn key(&self) -> String {
        let parts = [self.who, &self.labels.join("+"), &self.kinds.join("+"), self.purpose];
        parts.map(|part| part.replace(char::is_whitespace, "-")).join(":")
    }

    fn actor(&self) -> Result<Option<Json<'static>>, Refusal> {
        let concept = |system: &str, code: &str| {
            let coding = Json::object([("system", text(system)), ("code", text(code))]);
            Json::object([("coding", Json::Array(vec![coding]))])
        };
        if self.who == "everybody" {
            return Ok(None);
        }
        if let Some(role) = self.who.strip_prefix("role ") {
            let known = OF.iter().find(|known| known.code() == role).ok_or_else(nobody)?;
            let display = Json::object([("display", text(known.words()))]);
            return Ok(Some(Json::object([("role", concept(ROLES, role)), ("reference", display)])));
        }
        let (kind, id) = self.who.split_once('/').ok_or_else(nobody)?;
        if !["Practitioner", "Organization"].contains(&kind) || id.is_empty() {
            return Err(nobody());
        }
        let role = concept("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "PRCP");
        Ok(Some(Json::object([("role", role), ("reference", reference(self.who))])))
    }

    fn period(&self) -> Result<Option<Json<'static>>, Refusal> {
        let mut period = Vec::new();
        for (name, day) in [("start", self.from), ("end", self.until)] {
            if day.is_empty() {
                continue;
            }
            span(day).filter(|_| day.len() == 10).ok_or_else(|| wrong("a day is written as 2026-11-23"))?;
            period.push((name, text(day)));
        }
        if !self.from.is_empty() && !self.until.is_empty() && self.until < self.from {
            return Err(wrong("the last day comes before the first"));
        }
        Ok((!period.is_empty()).then(|| Json::object(period)))
    }
}

fn option(value: &str, words: &str, chosen: &str) -> String {
    let selected = if value == chosen { " selected" } else { "" };
    format!("<option value=\"{}\"{selected}>{}</option>", escape(value), escape(words))
}

fn text(text: &str) -> Json<'static> {
    Json::string(text.to_owned())
}

fn reference(to: &str) -> Json<'static> {
    Json::object([("reference", text(to))])
}

fn nobody() -> Refusal {
    wrong("choose from the list whom it is about")
}

fn wrong(message: &str) -> Refusal {
    Refusal::new(Kind::Invalid, "invalid", message)
}
