//! The chart: whose it is on every page, what its pages show, and how it was known on a day of the past.

use super::{person, shown, stage};
use crate::stage::Stage;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vault::access::Role;

const DAY_MS: i64 = 86_400_000;

/// The name that breaks whatever does not escape.
const ODD: &str = "Zoë O'Null <b>Ltd</b> =1+1";
const SAFE: &str = "Zoë O&#39;Null &lt;b&gt;Ltd&lt;/b&gt; =1+1";

fn active() -> Value {
    json!({"coding": [{"system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical", "code": "active"}]})
}

/// A stage on which Zoë has the odd name, and somewhat more in her chart.
fn charted() -> Stage {
    let stage = stage();
    let subject = json!({"reference": "Patient/zoe", "display": ODD});
    stage.put(&json!({
        "resourceType": "Patient", "id": "zoe", "name": [{"family": "O'Null <b>Ltd</b> =1+1", "given": ["Zoë"]}],
        "birthDate": "1961-02-28", "gender": "female", "identifier": [
            {"system": "https://h/other", "value": "nothing"},
            {"system": "https://h/mrn", "value": "SV<1>", "type": {"coding": [{"code": "MR"}]}}]
    }));
    stage.put(&json!({
        "resourceType": "AllergyIntolerance", "id": "nut", "clinicalStatus": active(), "patient": subject, "criticality": "high",
        "code": {"text": "Peanut <i>"}, "reaction": [{"manifestation": [{"text": "Anaphylaxis"}], "severity": "severe"}]
    }));
    for (id, status) in [("now", "active"), ("then", "stopped")] {
        stage.put(&json!({
            "resourceType": "MedicationRequest", "id": id, "status": status, "intent": "order", "subject": subject,
            "medicationCodeableConcept": {"text": format!("drug {id}")}, "authoredOn": "2026-01-02",
            "dosageInstruction": [{"text": "one a day <b>"}], "requester": {"display": "Dr <Kim>"}
        }));
    }
    stage.put(&json!({
        "resourceType": "Appointment", "id": "soon", "status": "booked", "start": "2030-01-18T15:45:00-07:00", "end": "2030-01-18T16:00:00-07:00",
        "description": "Follow-up <u>", "participant": [{"actor": subject, "status": "accepted"}]
    }));
    stage
}

#[test]
fn every_page_of_a_chart_says_whose_it_is_and_spells_it_right() {
    let stage = charted();
    for login in ["kim", "zoe"] {
        let mut browser = stage.browser(login);
        for path in [
            "/patient?id=zoe",
            "/patient/encounters?id=zoe",
            "/patient/medications?id=zoe",
            "/patient/entries?id=zoe",
            "/patient/entries?id=zoe&kind=Condition",
            "/entry?about=Condition/con-zoe",
            "/entry?about=Appointment/soon",
            "/entry?about=Patient/zoe",
            "/patient?id=zoe&asof=2001-01-01",
        ] {
            let page = shown(&mut browser, path);
            let who = page.split("<section class=\"who\"").nth(1).and_then(|rest| rest.split("</section>").next());
            let who = who.unwrap_or_else(|| panic!("{path}: nobody is named"));
            for said in [&format!("<h1>{SAFE}</h1>"), "28 Feb 1961", "65 years", "female", "SV&lt;1&gt;"] {
                assert!(who.contains(said), "{path}: {said}: {who}");
            }
            for raw in ["<b>Ltd", "<i>", "<u>", "<Kim>", "SV<1>"] {
                assert!(!page.contains(raw), "{path}: {raw}");
            }
            assert!(page.contains("class=\"paper\">Printed by"), "{path}");
        }
    }
}

#[test]
fn a_summary_holds_what_counts_now_and_its_pages_the_rest() {
    let stage = charted();
    let mut kim = stage.browser("kim");
    let summary = shown(&mut kim, "/patient?id=zoe");
    for said in ["Anaphylaxis (severe)", "▲ high risk", "drug now", "one a day", "18 Jan 2030", "Last measurements"] {
        assert!(summary.contains(said), "{said}: {summary}");
    }
    assert!(!summary.contains("drug then") && !summary.contains("-ann"), "{summary}");
    let medicines = shown(&mut kim, "/patient/medications?id=zoe");
    let (now, before) = medicines.split_once("<h2>Before</h2>").unwrap();
    assert!(
        now.contains("drug now") && before.contains("drug then") && before.contains("Dr &lt;Kim&gt;"),
        "{medicines}"
    );
    let visits = shown(&mut kim, "/patient/encounters?id=zoe");
    assert!(visits.contains("18 Jan 2030, 15:45") && visits.contains("in-progress"), "{visits}");
}

#[test]
fn the_past_is_shown_as_it_was_known_and_nobody_overlooks_it() {
    let stage = charted();
    stage.clock.advance(3 * DAY_MS);
    stage.put(&json!({
        "resourceType": "AllergyIntolerance", "id": "late", "clinicalStatus": active(), "patient": {"reference": "Patient/zoe"}, "code": {"text": "Latex"}
    }));
    let mut kim = stage.browser("kim");
    let (now, then) = (shown(&mut kim, "/patient?id=zoe"), shown(&mut kim, "/patient?id=zoe&asof=2026-09-22"));
    assert!(now.contains("Latex") && !now.contains("class=\"past\""), "{now}");
    assert!(!then.contains("Latex") && then.contains("Peanut"), "{then}");
    assert!(then.contains("class=\"past\"") && then.contains("the end of 22 Sep 2026"), "{then}");
    // The day goes along: to the tabs and to the entries.
    assert!(then.matches("asof=2026-09-22").count() > 8, "{then}");
    assert_eq!(kim.get("/entry?about=AllergyIntolerance/late&asof=2026-09-22").status, 404);
    assert_eq!(kim.get("/patient?id=zoe&asof=yesterday").status, 400);
    // Today and what is to come are now.
    assert!(shown(&mut kim, "/patient?id=zoe&asof=2031-01-01").contains("Latex"));
    // Before anything was written nothing is there; whose chart it is, is said all the same.
    let before = shown(&mut kim, "/patient?id=zoe&asof=2001-01-01");
    assert!(!before.contains("Peanut") && before.contains(SAFE), "{before}");
}

#[test]
fn a_chart_says_that_some_of_it_is_specially_protected() {
    let stage = charted();
    stage.put(&json!({
        "resourceType": "Condition", "id": "hiv", "subject": {"reference": "Patient/zoe"}, "code": {"text": "HIV"},
        "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]}
    }));
    let own = shown(&mut stage.browser("zoe"), "/patient?id=zoe");
    assert!(own.contains("Specially protected") && own.contains("HIV or AIDS"), "{own}");
    // A page on which nothing is protected does not say so, nor does the page of somebody who does not see it.
    let medicines = shown(&mut stage.browser("zoe"), "/patient/medications?id=zoe");
    assert!(!medicines.contains("Specially protected"), "{medicines}");
    person(&stage, "bill", Role::Biller, &[]);
    for (login, path) in [("bill", "/patient?id=zoe"), ("kim", "/patient?id=ann")] {
        let page = shown(&mut stage.browser(login), path);
        assert!(!page.contains("Specially protected"), "{login}: {page}");
    }
}

/// A result of Zoë's, measured on a day.
fn potassium(stage: &Stage, n: usize, day: &str, value: &str, flag: &str) {
    let value: Value = serde_json::from_str(value).unwrap();
    let quantity = |value: &Value| json!({"value": value, "unit": "mmol/L"});
    stage.put(&json!({
        "resourceType": "Observation", "id": format!("k-{n}"), "status": "final",
        "subject": {"reference": "Patient/zoe"}, "effectiveDateTime": day,
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category",
                                  "code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3",
                             "display": "Potassium <k> [Moles/volume] in Serum"}]},
        "valueQuantity": quantity(&value),
        "interpretation": [{"coding": [{"code": flag}]}],
        "referenceRange": [{"low": quantity(&json!(3.5)), "high": quantity(&json!(5.1))}]
    }));
}

#[test]
fn results_show_the_last_value_its_range_and_the_way_over_time() {
    let stage = charted();
    for (n, (day, value, flag)) in
        [("2026-03-01", "5.9", "H"), ("2025-03-01", "4.2", "N"), ("2024-03-01", "3.1", "L")].into_iter().enumerate()
    {
        potassium(&stage, n, day, value, flag);
    }
    let mut kim = stage.browser("kim");
    let results = shown(&mut kim, "/patient/results?id=zoe");
    for said in ["Potassium &lt;k&gt; in Serum", "<b>5.9 mmol/L</b>", "▲ high", "3.5–5.1 mmol/L", "3.1▼", "Over time"]
    {
        assert!(results.contains(said), "{said}: {results}");
    }
    let trend = shown(&mut kim, "/patient/trend?id=zoe&code=http://loinc.org|2823-3");
    for said in
        ["<svg", "class=\"band\"", "usual 3.5–5.1", "3.1 on 1 Mar 2024 to 5.9 on 1 Mar 2026", "4.2 mmol/L", "<th"]
    {
        assert!(trend.contains(said), "{said}: {trend}");
    }
    assert!(!trend.contains("<k>") && !trend.contains("NaN"), "{trend}");
    for nothing in ["http://loinc.org|1-8", "x", "http://loinc.org|2823-3&asof=2001-01-01"] {
        let page = shown(&mut kim, &format!("/patient/trend?id=zoe&code={nothing}"));
        assert!(page.contains("None that you may see") && !page.contains("<svg"), "{nothing}: {page}");
    }
    assert_eq!(kim.get("/patient/trend?id=zoe&code=").status, 404);
}

/// Addresses of the entries that a page leads to, in order.
fn entries_of(page: &str) -> Vec<String> {
    let links = page.split("/entry?about=").skip(1);
    links.map(|rest| rest.split(['"', '&']).next().unwrap().to_owned()).collect()
}

#[test]
fn a_timeline_goes_back_page_by_page_without_drift() {
    let stage = charted();
    for n in 0..520 {
        let (year, month, day) = (2017 + n % 10, n / 10 % 12 + 1, n / 120 + 1);
        potassium(&stage, n, &format!("{year}-{month:02}-{day:02}"), "4", "N");
    }
    let mut kim = stage.browser("kim");
    let mut page = shown(&mut kim, "/patient/timeline?id=zoe");
    for year in 2017..=2026 {
        assert!(page.contains(&format!("until={year}")), "{year}");
    }
    let (mut seen, mut pages) = (entries_of(&page), 1);
    // What is written meanwhile is not part of what is being read.
    potassium(&stage, 9_999, "2026-06-01", "9", "HH");
    while let Some((before, _)) = page.split_once("\" rel=\"next\">Earlier") {
        let next = before.rsplit_once("href=\"").unwrap().1.replace("&amp;", "&");
        page = shown(&mut kim, &next);
        seen.extend(entries_of(&page));
        pages += 1;
    }
    let distinct: std::collections::BTreeSet<&String> = seen.iter().collect();
    assert_eq!((distinct.len(), pages), (seen.len(), 3), "an entry stands twice");
    assert_eq!(seen.iter().filter(|about| about.starts_with("Observation/k-")).count(), 520);
    assert!(
        seen.iter().any(|about| about == "Condition/con-zoe") && !seen.iter().any(|about| about.ends_with("k-9999"))
    );
    // Days descend.
    let old = shown(&mut kim, "/patient/timeline?id=zoe&kind=results&until=2019");
    let years: Vec<&str> = old.split("<h2>").skip(1).map(|rest| &rest[..4]).collect();
    assert_eq!(years, ["2019", "2018", "2017"], "{old}");
    assert!(!shown(&mut kim, "/patient/timeline?id=zoe&kind=documents").contains("k-1"));
    for odd in ["from=x.y.z", "from=9999999999.1", "until=99999", "kind=none", "at=18446744073709551615"] {
        shown(&mut kim, &format!("/patient/timeline?id=zoe&{odd}"));
    }
}

#[test]
fn versions_are_compared_field_by_field_and_by_any_two() {
    let stage = charted();
    let mut nut = json!({
        "resourceType": "AllergyIntolerance", "id": "nut", "clinicalStatus": active(),
        "patient": {"reference": "Patient/zoe"}, "criticality": "low", "code": {"text": "Peanut <i>"},
        "reaction": [{"manifestation": [{"text": "Anaphylaxis"}], "severity": "mild"}]
    });
    stage.clock.advance(2 * DAY_MS);
    stage.put(&nut);
    nut["note"] = json!([{"text": "told by <script>alert(1)</script>"}]);
    stage.put(&nut);
    stage.put(&json!({
        "resourceType": "Provenance", "recorded": "2026-09-23T00:00:00Z", "id": "who",
        "target": [{"reference": "AllergyIntolerance/nut/_history/3"}], "agent": [{"who": {"display": "Dr <Kim>"}}]
    }));
    let mut kim = stage.browser("kim");
    let about = "about=AllergyIntolerance/nut";
    let versions = shown(&mut kim, &format!("/entry/versions?{about}"));
    for said in [
        "Criticality: high → low",
        "Severity: severe → mild",
        "Note added: told by &lt;script&gt;",
        "first written",
        SAFE,
    ] {
        assert!(versions.contains(said), "{said}: {versions}");
    }
    let changes = shown(&mut kim, &format!("/entry/changes?{about}&from=1&to=3"));
    for said in ["<del>high</del>", "<ins>low</ins>", "version 1 to 3", "<summary>Both as they are kept", SAFE] {
        assert!(changes.contains(said), "{said}: {changes}");
    }
    let first = shown(&mut kim, &format!("/entry?{about}&version=1"));
    assert!(first.contains("An earlier version") && first.contains("severe"), "{first}");
    // What was written later is not known on a day before.
    let then = shown(&mut kim, &format!("/entry/versions?{about}&asof=2026-09-22"));
    assert!(then.contains("first written") && !then.contains("Criticality"), "{then}");
    for (path, status) in [
        (format!("/entry/changes?{about}&from=1&to=3&asof=2026-09-22"), 404),
        (format!("/entry?{about}&version=3&asof=2026-09-22"), 404),
        (format!("/entry/changes?{about}&from=1&to=9"), 404),
        ("/entry/versions?about=AllergyIntolerance/none".to_owned(), 404),
        ("/entry/versions?about=Practitioner/kim".to_owned(), 404),
    ] {
        assert_eq!(kim.get(&path).status, status, "{path}");
    }
    // What was deleted still has its versions.
    assert_eq!(stage.house.send("DELETE", "AllergyIntolerance/nut", &[], b"").status, 204);
    assert!(shown(&mut kim, &format!("/entry/versions?{about}")).contains("✕ deleted"));
}

#[test]
fn an_entry_bears_its_seal_and_gives_its_proof() {
    let stage = charted();
    let mut kim = stage.browser("kim");
    let entry = shown(&mut kim, "/entry?about=Condition/con-zoe");
    assert!(entry.contains("◌ Not witnessed") && entry.contains("exactly what was written"), "{entry}");
    let proof = kim.get("/entry/proof?about=Condition/con-zoe&version=1").expect(200);
    assert!(proof.text().starts_with("c2sp.org/tlog-proof@v1\n"), "{}", proof.text());
    assert_eq!(proof.header("content-disposition"), Some("attachment; filename=\"entry.tlog-proof\""));
    let kept = kim.get("/entry/proof?about=Condition/con-zoe&version=1&file=entry").expect(200);
    assert_eq!(kept.text(), stage.house.get("Condition/con-zoe/_history/1").text());
    for nothing in ["about=Condition/none", "about=Condition/con-zoe&version=2", "about=x", ""] {
        assert_eq!(kim.get(&format!("/entry/proof?{nothing}")).status, 404, "{nothing}");
    }
}

fn document(stage: &Stage, id: &str, attachments: &[Value]) {
    let content: Vec<Value> = attachments.iter().map(|attachment| json!({"attachment": attachment})).collect();
    stage.put(&json!({
        "resourceType": "DocumentReference", "id": id, "status": "current", "docStatus": "final",
        "subject": {"reference": "Patient/zoe"}, "date": "2026-01-02T03:04:05Z", "type": {"text": "Note <x>"},
        "content": content
    }));
}

#[test]
fn documents_are_shown_without_anything_that_acts() {
    const PIXEL: &[u8] = b"\x89PNG\r\n\x1a\n0000";
    let stage = charted();
    let inline = |media: &str, bytes: &[u8]| json!({"contentType": media, "data": STANDARD.encode(bytes)});
    let html = b"<p onclick=alert(1)>Seen <script>alert(1)</script><img src=x><b>well</b></p>";
    let cda = b"<ClinicalDocument><section><title>Plan</title><text><paragraph>Rest</paragraph></text></section></ClinicalDocument>";
    document(&stage, "text", &[inline("text/plain; charset=utf-8", b"a <b>bold</b> word"), inline("text/html", html)]);
    document(&stage, "cda", &[inline("application/xml", cda)]);
    document(
        &stage,
        "png",
        &[inline("image/png", PIXEL), inline("image/png", html), inline("application/pdf", b"%PDF-1.7")],
    );
    stage.put(&json!({
        "resourceType": "Binary", "id": "scan", "contentType": "text/plain", "data": STANDARD.encode("of the scan"),
        "securityContext": {"reference": "Patient/zoe"}
    }));
    document(&stage, "scan", &[json!({"url": "Binary/scan"}), json!({"url": "https://elsewhere.example/Binary/scan"})]);
    let mut kim = stage.browser("kim");
    let list = shown(&mut kim, "/patient/documents?id=zoe");
    for said in ["Note &lt;x&gt;", "web page", "XML (C-CDA)", "PDF", "/document?about=DocumentReference/png", SAFE] {
        assert!(list.contains(said), "{said}: {list}");
    }
    let text = shown(&mut kim, "/document?about=DocumentReference/text");
    assert!(
        text.contains("a &lt;b&gt;bold&lt;/b&gt; word") && text.contains("<p>Seen <strong>well</strong></p>"),
        "{text}"
    );
    assert!(!text.contains("alert(1)") && !text.contains("onclick"), "{text}");
    assert!(shown(&mut kim, "/document?about=DocumentReference/cda").contains("<h3>Plan</h3><div><p>Rest</p></div>"));
    let page = kim.get("/document?about=DocumentReference/png");
    let policy = page.header("content-security-policy").unwrap().to_owned();
    assert!(policy.contains("; img-src 'self';") && policy.starts_with("default-src 'none'"), "{policy}");
    assert!(
        page.text().contains("part=0\" alt=") && page.text().contains("This image is not shown here"),
        "{}",
        page.text()
    );
    for (part, media, how) in [
        (0, "image/png", "inline; filename=\"document.png\""),
        // What only says that it is an image is none.
        (1, "application/octet-stream", "attachment; filename=\"document.bin\""),
        (2, "application/pdf", "attachment; filename=\"document.pdf\""),
    ] {
        let file = kim.get(&format!("/document/file?about=DocumentReference/png&part={part}")).expect(200);
        assert_eq!((file.header("content-type"), file.header("content-disposition")), (Some(media), Some(how)));
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        assert!(file.header("content-security-policy").unwrap().ends_with("; sandbox"));
    }
    assert_eq!(kim.get("/document/file?about=DocumentReference/png&part=0").body, PIXEL);
    let scan = shown(&mut kim, "/document?about=DocumentReference/scan");
    assert!(scan.contains("kept elsewhere"), "{scan}");
    for (path, status) in [
        ("/document/file?about=DocumentReference/png&part=9", 404),
        ("/document/file?about=DocumentReference/scan&part=1", 404),
        ("/document?about=Observation/laboratory-zoe", 404),
        ("/document?about=DocumentReference/none", 404),
        ("/document?about=DocumentReference/png&asof=2001-01-01", 404),
    ] {
        assert_eq!(kim.get(path).status, status, "{path}");
    }
    assert_eq!(stage.browser("ann").get("/document?about=DocumentReference/png").status, 404);
}
