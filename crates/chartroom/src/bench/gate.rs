//! What the access gate costs: a decision by the policies, who looked at a record, searches with consents in force.

use super::client::{Client, Request, run};
use super::process::Measured;
use super::report::Goal::AtMost;
use super::workload::Patients;
use super::{Report, fail_on_failures};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Instant;
use vault::access::policy::{Policies, Question, World};
use vault::access::{Action, Class, Purpose, Relationship, Role, Roles};

/// How often the one patient is looked at.
const LOOKS: u64 = 10_000;

/// Microseconds of one decision by the house's policies, asked as the gate asks them: everything a physician for
/// treatment, or a coder for payment, could be asked about. (The gate then keeps the answers in a table.)
pub fn decisions(report: &mut Report) {
    let (mut asked, started) = (0_u32, Instant::now());
    for (role, purpose) in [(Role::Physician, Purpose::Treatment), (Role::Coder, Purpose::Payment)] {
        let world = World::new(Policies::house(), Roles::NONE.with(role));
        for (action, class) in Action::ALL.iter().flat_map(|&a| Class::ALL.iter().map(move |&class| (a, class))) {
            for &relationship in Relationship::ALL {
                let question = Question { purpose, action, class, relationship, ..Question::ORDINARY };
                std::hint::black_box(world.decide(&question));
                asked += 1;
            }
        }
    }
    let each = started.elapsed().as_secs_f64() * 1e6 / f64::from(asked);
    report.add("policy.decision", "One decision by the policies", each, "µs", AtMost(50.0));
}

/// Milliseconds until the first page is there of who looked at a patient whom somebody looked at 10,000 times.
pub fn who_looked(
    address: SocketAddr,
    token: &str,
    patients: &Patients,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    let looked_at = patients.read(0);
    let look = |_| Request { method: "GET", path: looked_at.clone(), body: Vec::new() };
    fail_on_failures("reads of one patient", &run(address, token, 64, LOOKS, look)?)?;
    let id = looked_at.rsplit('/').next().unwrap_or_default();
    let path = format!("/fhir/AuditEvent?patient=Patient/{id}&_count=50");
    let mut client = Client::connect(address, token)?;
    let (status, body) = client.send("GET", &path, b"")?;
    let page = fhir::json::Json::parse(body)?;
    let shown = page.get("entry").map_or(0, |entries| entries.items().len());
    if status != 200 || shown != 50 {
        return Err(format!("who looked was answered with status {status} and {shown} entries").into());
    }
    let ask = |_| Request { method: "GET", path: path.clone(), body: Vec::new() };
    let asked = run(address, token, 1, 100, ask)?;
    fail_on_failures("who looked", &asked)?;
    let what = format!("Who looked, of a patient with {LOOKS} accesses: 99 of 100 first pages take at most");
    report.add("audit.who", what, asked.percentile_ms(0.99), "ms", AtMost(50.0));
    Ok(())
}

/// Searches by somebody whom every patient's consent has something to say to.
pub fn consented_searches(
    data: &Path,
    address: SocketAddr,
    token: &str,
    patients: &Patients,
    report: &mut Report,
) -> Result<(), Box<dyn std::error::Error>> {
    let place = data.display().to_string();
    let made = ["account", "add", "bench-him", "--name", "Bench", "--role", "him-specialist", "--data", &place];
    Measured::start(&made)?.finish()?;
    let theirs = Measured::start(&["token", "--as", "bench-him", "--data", &place])?.finish()?;
    let theirs = theirs.lines.first().cloned().ok_or("`chartroom token --as` printed nothing")?;
    let consent = |n: u64| {
        let id = patients.id(n);
        let body = format!(
            r#"{{"resourceType":"Consent","id":"bench-{id}","status":"active","dateTime":"2026-11-01","scope":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}}]}},"category":[{{"coding":[{{"system":"http://loinc.org","code":"59284-0"}}]}}],"patient":{{"reference":"Patient/{id}"}},"policyRule":{{"coding":[{{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"}}]}},"provision":{{"type":"deny","class":[{{"system":"http://hl7.org/fhir/resource-types","code":"Immunization"}}]}}}}"#
        );
        Request { method: "PUT", path: format!("/fhir/Consent/bench-{id}"), body: body.into_bytes() }
    };
    fail_on_failures("consents", &run(address, token, 8, patients.count(), consent)?)?;
    let found = |path: &str, token: &str| -> Result<bool, Box<dyn std::error::Error>> {
        let mut client = Client::connect(address, token)?;
        let (_, body) = client.send("GET", path, b"")?;
        Ok(fhir::json::Json::parse(body)?.get("entry").is_some_and(|entries| !entries.items().is_empty()))
    };
    // The figure is worth something only where consents hide something, and not everything.
    let one = |resource_type: &str, token: &str| -> Result<bool, Box<dyn std::error::Error>> {
        let of = |n| found(&format!("/fhir/{resource_type}?patient={}", patients.id(n)), token);
        (0..patients.count().min(50)).try_fold(false, |seen, n| Ok(seen || of(n)?))
    };
    if !one("Immunization", token)? || one("Immunization", &theirs)? || !one("Encounter", &theirs)? {
        return Err("the consents do not hide what they should".into());
    }
    let search = |n| Request { method: "GET", path: patients.search(n), body: Vec::new() };
    run(address, &theirs, 4, 2_000, search)?;
    let load = run(address, &theirs, 4, 12_000, search)?;
    fail_on_failures("searches with consents", &load)?;
    let what = "The same searches with a consent of every patient in force: 99 of 100 take at most";
    report.add("consent.p99", what, load.percentile_ms(0.99), "ms", AtMost(8.0));
    Ok(())
}
