//! Codes, moments and resources as people say them.

use base::clock::Instant;
use fhir::calendar::civil;
use fhir::json::Json;
use vault::access::audit::Deed;
use vault::access::{Purpose, Role};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// `23 Nov 2026, 09:05 UTC`.
pub fn moment(at: Instant) -> String {
    let minutes = at.0.div_euclid(60_000);
    let (hour, minute) = (minutes.rem_euclid(1440) / 60, minutes.rem_euclid(60));
    format!("{}, {hour:02}:{minute:02} UTC", day(at))
}

/// `23 Nov 2026`, in UTC.
pub fn day(at: Instant) -> String {
    let (year, month, day) = civil(at.0.div_euclid(86_400_000));
    format!("{day} {} {year}", MONTHS[usize::from(month).saturating_sub(1) % 12])
}

/// `2026-11-23`, in UTC, as a field for a day wants it.
pub fn iso(at: Instant) -> String {
    let (year, month, day) = civil(at.0.div_euclid(86_400_000));
    format!("{year:04}-{month:02}-{day:02}")
}

/// A FHIR date, as exact as it is: `3 Mar 1970`, `Mar 1970`, `1970`. What is no date is given back.
pub fn date(text: &str) -> String {
    let mut parts = text.get(..10).unwrap_or(text).split('-');
    let (year, month, day) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    let name = |month: &str| month.parse().ok().and_then(|n: usize| MONTHS.get(n.checked_sub(1)?));
    match (month.and_then(name), day.and_then(|day| day.parse::<u8>().ok())) {
        (Some(month), Some(day)) => format!("{day} {month} {year}"),
        (Some(month), None) => format!("{month} {year}"),
        _ => text.to_owned(),
    }
}

/// A moment as programs read it and people see it.
pub fn time(at: Instant) -> String {
    format!("<time class=\"when\" datetime=\"{at}\">{}</time>", moment(at))
}

/// Roles by their codes, separated by spaces.
pub fn roles(codes: &str) -> String {
    let words = codes.split(' ').map(|code| Role::from_code(code).map_or(code, |role| role.words()));
    words.collect::<Vec<_>>().join(", ")
}

/// A purpose by its code.
pub fn purpose(code: &str) -> &str {
    Purpose::from_code(code).map_or(code, |purpose| purpose.words())
}

/// What somebody did.
pub fn deed(deed: Deed) -> &'static str {
    match deed {
        Deed::Read => "opened",
        Deed::History => "looked at earlier versions",
        Deed::Search => "looked through",
        Deed::Create => "added",
        Deed::Update => "changed",
        Deed::Delete => "deleted",
        Deed::Preview => "looked at what a change would do, without making it",
        Deed::Batch => "made several changes",
        Deed::Operation => "asked about",
        Deed::Export => "took a copy",
        Deed::SignIn => "signed in",
        Deed::SignOut => "signed out",
        Deed::BreakGlass => "broke the glass",
        Deed::ReadAudit => "looked at who looked",
        Deed::Administer => "changed settings",
        Deed::Disclose => "sent it to somebody outside",
        Deed::RecordDisclosure => "noted what went outside, or that an agency wants it kept quiet",
        Deed::ReadDisclosures => "looked at the list of what went outside",
        Deed::Accounting => "noted, changed or answered a request for the list of what went outside",
        Deed::Agree => "let an app in",
        Deed::Launch => "opened an app from the chart",
        Deed::Decline => "kept an app out",
        Deed::Token => "an app came in",
    }
}

/// Types as people call them: one of them, several of them.
const KINDS: &[(&str, &str, &str)] = &[
    ("AllergyIntolerance", "allergy", "Allergies"),
    ("Condition", "diagnosis", "Diagnoses"),
    ("MedicationRequest", "prescription", "Prescriptions"),
    ("MedicationStatement", "medicine", "Medicines"),
    ("MedicationAdministration", "dose given", "Doses given"),
    ("MedicationDispense", "medicine handed out", "Medicines handed out"),
    ("Immunization", "vaccination", "Vaccinations"),
    ("Observation", "result or measurement", "Results and measurements"),
    ("DiagnosticReport", "report", "Reports"),
    ("Procedure", "procedure", "Procedures"),
    ("Encounter", "visit", "Visits"),
    ("Appointment", "appointment", "Appointments"),
    ("DocumentReference", "note or document", "Notes and documents"),
    ("Composition", "document", "Documents"),
    ("CarePlan", "care plan", "Care plans"),
    ("CareTeam", "care team", "Care teams"),
    ("Goal", "goal", "Goals"),
    ("ServiceRequest", "order", "Orders"),
    ("FamilyMemberHistory", "family history", "Family history"),
    ("Specimen", "specimen", "Specimens"),
    ("ImagingStudy", "imaging study", "Imaging studies"),
    ("Device", "device", "Devices"),
    ("Coverage", "insurance", "Insurances"),
    ("Claim", "claim", "Claims"),
    ("ExplanationOfBenefit", "statement of benefits", "Statements of benefits"),
    ("QuestionnaireResponse", "form", "Forms"),
    ("Consent", "consent", "Consents"),
    ("Task", "task", "Tasks"),
    ("Provenance", "origin of an entry", "Origins of entries"),
    ("RelatedPerson", "related person", "Related people"),
    ("EpisodeOfCare", "episode of care", "Episodes of care"),
    ("Communication", "message", "Messages"),
    ("Patient", "name and address", "Name and address"),
];

/// Types in the order in which a chart shows them.
pub fn kinds() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|(kind, ..)| *kind).filter(|kind| *kind != "Patient")
}

/// What people call several of a type.
pub fn several(kind: &str) -> &str {
    KINDS.iter().find(|(known, ..)| *known == kind).map_or(kind, |(.., words)| words)
}

/// What people call one of a type, at the beginning of a line.
pub fn one(kind: &str) -> String {
    let word = KINDS.iter().find(|(known, ..)| *known == kind).map_or(kind, |(_, word, _)| word);
    let mut letters = word.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `2 results and measurements`.
pub fn counted(kind: &str, count: usize) -> String {
    let Some((_, one, many)) = KINDS.iter().find(|(known, ..)| *known == kind) else {
        return format!("{count} {kind}");
    };
    match (kind, count) {
        ("Patient", _) => (*one).to_owned(),
        (_, 1) => format!("1 {one}"),
        _ => format!("{count} {}", many.to_lowercase()),
    }
}

/// A person's first name in a list of `HumanName`.
pub fn name(resource: &Json<'_>) -> String {
    let Some(name) = resource.get("name").and_then(|names| names.items().first()) else { return String::new() };
    if let Some(text) = name.text("text") {
        return text.to_owned();
    }
    let given = name.get("given").map_or(&[][..], Json::items).iter().filter_map(Json::as_str);
    given.chain(name.text("family")).collect::<Vec<_>>().join(" ")
}

/// What a resource is about, in a line: the words of its code, and its value or state.
pub fn title(resource: &Json<'_>) -> String {
    const CODES: [&str; 9] = [
        "code",
        "medicationCodeableConcept",
        "vaccineCode",
        "type",
        "serviceType",
        "category",
        "scope",
        "relationship",
        "description",
    ];
    let named = [name(resource), resource.text("title").unwrap_or_default().to_owned()];
    let mut found = named.into_iter().chain(CODES.iter().filter_map(|code| resource.get(code)).map(concept));
    let found = found.find(|text| !text.is_empty());
    let found = found.or_else(|| resource.text("description").map(str::to_owned));
    let what = found.unwrap_or_else(|| one(resource.text("resourceType").unwrap_or_default()));
    match value(resource) {
        value if value.is_empty() => what,
        value => format!("{what}: {value}"),
    }
}

/// What was tested, without its result and without LOINC's property in brackets.
pub fn test(resource: &Json<'_>) -> String {
    let named = resource.get("code").map(concept).map(|name| brief(&name)).filter(|name| !name.is_empty());
    named.unwrap_or_else(|| one("Observation"))
}

/// `Potassium [Moles/volume] in Serum or Plasma` as `Potassium in Serum or Plasma`.
fn brief(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once(" [") {
        let Some((_, after)) = after.split_once(']') else { break };
        out.push_str(before);
        rest = after;
    }
    out + rest
}

/// A unit of UCUM as people write it: `mm[Hg]` as `mmHg`, `10*3/uL` as `10³/µL`.
pub fn unit(code: &str) -> String {
    const SAID: [(&str, &str); 14] = [
        ("mm[Hg]", "mmHg"),
        ("{1.73_m2}", "1.73 m²"),
        ("{1.73m2}", "1.73 m²"),
        ("[degF]", "°F"),
        ("Cel", "°C"),
        ("kg/m2", "kg/m²"),
        ("10*3", "10³"),
        ("10*6", "10⁶"),
        ("10*9", "10⁹"),
        ("10*12", "10¹²"),
        ("ug", "µg"),
        ("uL", "µL"),
        ("umol", "µmol"),
        ("{score}", "points"),
    ];
    SAID.iter().fold(code.to_owned(), |said, (code, word)| said.replace(code, word))
}

/// What the laboratory says of a value: high, low, abnormal; as a mark that is no colour alone.
pub fn flag(resource: &Json<'_>) -> String {
    flagged(resource).map(|(class, said)| format!(" <span class=\"mark {class}\">{said}</span>")).unwrap_or_default()
}

/// The sign of that mark alone, where values stand close together.
pub fn sign(resource: &Json<'_>) -> &'static str {
    flagged(resource).and_then(|(_, said)| said.split(' ').next()).unwrap_or_default()
}

fn flagged(resource: &Json<'_>) -> Option<(&'static str, &'static str)> {
    let codings = resource.get("interpretation").and_then(|list| list.items().first()?.get("coding"));
    let code = codings.and_then(|codings| codings.items().first()?.text("code")).unwrap_or_default();
    Some(match code {
        "HH" | "HU" => ("bad", "▲▲ very high"),
        "LL" | "LU" => ("bad", "▼▼ very low"),
        "H" => ("due", "▲ high"),
        "L" => ("due", "▼ low"),
        "AA" => ("bad", "◆ very abnormal"),
        "A" => ("due", "◆ abnormal"),
        "POS" => ("due", "◆ positive"),
        _ => return None,
    })
}

/// How a medicine is to be taken, as it was written.
pub fn dosage(resource: &Json<'_>) -> String {
    let lists = ["dosageInstruction", "dosage"].into_iter().filter_map(|name| resource.get(name));
    let texts: Vec<&str> = lists.flat_map(Json::items).filter_map(|dosage| dosage.text("text")).collect();
    texts.join("; ")
}

/// What an allergy did, with the worst first said.
pub fn reactions(resource: &Json<'_>) -> String {
    let reactions = resource.get("reaction").map_or(&[][..], Json::items).iter();
    let said = reactions.map(|reaction| {
        let what = reaction.get("manifestation").map(concept).unwrap_or_default();
        reaction.text("severity").map_or_else(|| what.clone(), |severity| format!("{what} ({severity})"))
    });
    said.filter(|text| !text.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Who did, ordered or will do it, as far as the entry names somebody.
pub fn by_whom(resource: &Json<'_>) -> String {
    let within = |name: &str, inner: &str| {
        let list = resource.get(name).map_or(&[][..], Json::items).iter();
        list.filter_map(|one| one.get(inner)).filter(|link| !is_patient(link)).find_map(|link| link.text("display"))
    };
    let own = |name: &str| {
        let member = resource.get(name)?;
        member.text("display").or_else(|| member.items().iter().find_map(|link| link.text("display")))
    };
    let said = within("participant", "individual").or_else(|| within("participant", "actor"));
    let said = said.or_else(|| within("performer", "actor"));
    let said = said.or_else(|| ["requester", "performer", "author", "recorder"].into_iter().find_map(own));
    said.unwrap_or_default().to_owned()
}

fn is_patient(link: &Json<'_>) -> bool {
    link.text("reference").is_some_and(|reference| reference.starts_with("Patient/"))
}

/// When something with a clock begins, in the time that was written: `18 Jan 2027, 15:45`.
pub fn at(resource: &Json<'_>) -> String {
    let text = resource.text("start").or_else(|| resource.get("period")?.text("start")).unwrap_or_default();
    match text.get(11..16) {
        Some(clock) => format!("{}, {clock}", date(text)),
        None => date(text),
    }
}

/// From when to when something was, in days, as HTML: one day said once.
pub fn span(resource: &Json<'_>) -> String {
    let edge = |name: &str| resource.get("period").and_then(|period| period.text(name)).map(date).unwrap_or_default();
    let (start, end) = (edge("start"), edge("end"));
    let until = match end.is_empty() || end == start {
        true => String::new(),
        false => format!("<br>to {}", crate::pages::escape(&end)),
    };
    format!("{}{until}", crate::pages::escape(&start))
}

/// What an entry says in a line of a list: a result with its test said briefly, everything else by its title.
pub fn line(resource: &Json<'_>) -> String {
    if resource.text("resourceType") != Some("Observation") {
        return brief(&title(resource));
    }
    match value(resource) {
        value if value.is_empty() => test(resource),
        value => format!("{}: {value}", test(resource)),
    }
}

/// The words of a CodeableConcept, a Coding, or the first of a list of them.
pub fn concept(concept: &Json<'_>) -> String {
    if let Some(first) = concept.items().first() {
        return self::concept(first);
    }
    let said = concept.text("text").or_else(|| concept.text("display"));
    let codings = concept.get("coding").map_or(&[][..], Json::items);
    let said = said.or_else(|| codings.iter().find_map(|coding| coding.text("display")));
    said.or_else(|| codings.iter().find_map(|coding| coding.text("code"))).unwrap_or_default().to_owned()
}

/// What was measured or found, with its unit; empty where it is not said.
pub fn value(resource: &Json<'_>) -> String {
    let number = |quantity: &Json<'_>| {
        let number = quantity.get("value").and_then(Json::as_number).unwrap_or_default();
        let said = quantity.text("unit").or_else(|| quantity.text("code")).map(unit).unwrap_or_default();
        format!("{number} {said}")
    };
    let quantity = resource.get("valueQuantity").map(number);
    let coded = || resource.get("valueCodeableConcept").map(concept);
    let text = || resource.text("valueString").map(str::to_owned);
    let parts = || {
        let parts = resource.get("component").map_or(&[][..], Json::items).iter();
        let parts: Vec<String> = parts.filter_map(|part| part.get("valueQuantity").map(number)).collect();
        // A blood pressure: `137/83 mmHg`.
        let pair = match &parts[..] {
            [first, second] => match (first.split_once(' '), second.split_once(' ')) {
                (Some((high, unit)), Some((_, same))) if unit == same => Some(format!("{high}/{second}")),
                _ => None,
            },
            _ => None,
        };
        pair.or_else(|| (!parts.is_empty()).then(|| parts.join(", ")))
    };
    quantity.or_else(coded).or_else(text).or_else(parts).unwrap_or_default().trim().to_owned()
}

/// When a resource's matter happened, as it says itself: `3 Mar 1970`; empty where it does not.
pub fn happened(resource: &Json<'_>) -> String {
    begun(resource).map(date).unwrap_or_default()
}

/// The FHIR date on which a resource's matter happened or began.
pub fn begun<'r>(resource: &'r Json<'_>) -> Option<&'r str> {
    const DATES: [&str; 14] = [
        "effectiveDateTime",
        "effectivePeriod",
        "effectiveInstant",
        "onsetDateTime",
        "performedDateTime",
        "performedPeriod",
        "occurrenceDateTime",
        "period",
        "recordedDate",
        "authoredOn",
        "date",
        "start",
        "created",
        "issued",
    ];
    let text = |value: &'r Json<'_>| value.as_str().or_else(|| value.text("start"));
    DATES.iter().filter_map(|name| resource.get(name)).find_map(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_dates_cannot_be_misread() {
        assert_eq!(moment(Instant(1_763_888_712_000)), "23 Nov 2025, 09:05 UTC");
        for (text, said) in [("1970-03-03", "3 Mar 1970"), ("1970-03", "Mar 1970"), ("1970", "1970"), ("", "")] {
            assert_eq!(date(text), said);
        }
        for odd in ["1970-13-01", "é\u{301}xx-yy-zzzz", "2026-00-00"] {
            assert!(!date(odd).is_empty());
        }
    }

    #[test]
    fn tests_and_units_are_said_as_people_write_them() {
        for (name, said) in [
            ("Potassium [Moles/volume] in Serum or Plasma", "Potassium in Serum or Plasma"),
            ("Body mass index (BMI) [Ratio]", "Body mass index (BMI)"),
            ("odd [ name", "odd [ name"),
        ] {
            assert_eq!(brief(name), said);
        }
        for (code, said) in [("mm[Hg]", "mmHg"), ("10*3/uL", "10³/µL"), ("mL/min/{1.73_m2}", "mL/min/1.73 m²")] {
            assert_eq!(unit(code), said);
        }
    }

    #[test]
    fn things_are_counted_in_words() {
        assert_eq!(counted("Condition", 1), "1 diagnosis");
        assert_eq!(counted("Condition", 2), "2 diagnoses");
        assert_eq!(counted("Basic", 2), "2 Basic");
        assert_eq!(roles("nurse privacy-officer"), "Nurse, Privacy officer");
    }
}
