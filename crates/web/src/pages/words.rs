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
        Deed::Batch => "made several changes",
        Deed::Operation => "asked about",
        Deed::Export => "took a copy",
        Deed::SignIn => "signed in",
        Deed::SignOut => "signed out",
        Deed::BreakGlass => "broke the glass",
        Deed::ReadAudit => "looked at who looked",
        Deed::Administer => "changed settings",
        Deed::Disclose => "sent it to somebody outside",
        Deed::Agree => "let an app in",
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
    ("Coverage", "insurance", "Insurance"),
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
    fn things_are_counted_in_words() {
        assert_eq!(counted("Condition", 1), "1 diagnosis");
        assert_eq!(counted("Condition", 2), "2 diagnoses");
        assert_eq!(counted("Basic", 2), "2 Basic");
        assert_eq!(roles("nurse privacy-officer"), "Nurse, Privacy officer");
    }
}
