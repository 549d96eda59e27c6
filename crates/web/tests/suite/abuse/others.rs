//! Families B: somebody else's record, by every way that leads to one.

use super::{Case, NOWHERE, PLANTED, hospital, people, said};

/// Ways to one resource: `{o}` in its id.
const READS: [&str; 13] = [
    "Patient/{o}",
    "Observation/laboratory-{o}",
    "Observation/gone-{o}",
    "Condition/con-{o}",
    "Encounter/enc-{o}",
    "DocumentReference/doc-{o}",
    "Binary/bin-{o}",
    "Provenance/prov-{o}",
    "List/list-{o}",
    "Composition/comp-{o}",
    "RelatedPerson/rel-{o}",
    "Coverage/cov-{o}",
    "Patient/{o}/$everything",
];

/// Searches that name somebody or something of theirs.
const SEARCHES: [(&str, &str); 63] = [
    ("B03", "Observation?_id=laboratory-{o}&_include=Observation:subject"),
    ("B03", "Observation?_id=laboratory-{o}&_include=*"),
    ("B03", "Observation?_id=laboratory-{o}&_include=Observation:has-member&_include:iterate=Observation:subject"),
    ("B03", "Provenance?target=Observation/laboratory-{o}&_include=Provenance:target"),
    ("B03", "Provenance?_id=prov-{o}&_include=Provenance:target&_include:iterate=Observation:subject"),
    ("B03", "List?_id=list-{o}&_include=List:item&_include=List:subject"),
    ("B03", "Composition?_id=comp-{o}&_include=Composition:subject"),
    ("B03", "DocumentReference?_id=doc-{o}&_include=DocumentReference:subject"),
    ("B04", "Patient?_id={o}&_revinclude=Observation:patient"),
    ("B04", "Patient?_id={o}&_revinclude=*"),
    ("B04", "Observation?_id=laboratory-{o}&_revinclude=Provenance:target"),
    ("B04", "Patient?_id={o},ann&_revinclude=Encounter:patient"),
    ("B07", "Observation?subject:Patient.name={v}"),
    ("B07", "Observation?subject:Patient.identifier=http://hospital.example/mrn|{v}"),
    ("B07", "Condition?patient.name:exact={v}"),
    ("B07", "Provenance?target:Observation.code={v}"),
    ("B07", "Encounter?patient._id={o}"),
    ("B08", "Patient?_has:Observation:patient:code={v}"),
    ("B08", "Patient?_has:Observation:patient:_has:Provenance:target:_id=prov-{o}"),
    ("B08", "Practitioner?_has:Observation:performer:code={v}"),
    ("B08", "Practitioner?_has:Encounter:participant:subject={o}"),
    ("B08", "Organization?_has:Patient:organization:name={v}"),
    ("B08", "Organization?_has:Patient:organization:_has:Observation:patient:code={v}"),
    ("B09", "Observation?code-value-string={v}${v}"),
    ("B10", "Observation?_filter=code eq {v}"),
    ("B10", "Observation?_filter=patient eq Patient/{o}"),
    ("B11", "Condition?_list=list-{o}"),
    ("B12", "Observation?patient={o}&_sort=-date"),
    ("B12", "Patient?_id={o}&_sort=family"),
    ("B13", "Observation?patient={o}&_summary=count"),
    ("B13", "Observation?patient={o}&_total=accurate&_count=0"),
    ("B13", "Patient?identifier={v}&_summary=count"),
    ("B13", "Patient?birthdate=1951-05-05&name={v}&_total=accurate"),
    ("B14", "Patient?_id={o}&_elements=name"),
    ("B14", "Patient?_id={o}&_summary=text"),
    ("B14", "Observation?code={v}&_elements=id"),
    ("B15", "Observation?_content={v}"),
    ("B15", "Patient?_text={v}"),
    ("B15", "Patient?name:contains={v}"),
    ("B16", "Patient/{o}/Observation"),
    ("B16", "Patient/{o}/Observation?_summary=count"),
    ("B16", "Patient/{o}/Condition"),
    ("B16", "Patient/{o}/*"),
    ("B16", "Encounter/enc-{o}/Observation"),
    ("B17", "Observation?patient={o}&performer=Practitioner/kim"),
    ("B17", "Encounter?patient={o}&practitioner=kim"),
    ("B18", "Observation?subject=Patient/{o}"),
    ("B18", "Observation?subject=Patient/{o}/_history/1"),
    ("B18", "Observation?subject=urn:uuid:{o}"),
    ("B18", "Observation?subject=http://hospital.example/fhir/Patient/{o}"),
    ("B18", "Observation?patient=ann,{o}"),
    ("B18", "Observation?patient:identifier=http://hospital.example/mrn|{v}"),
    ("B18", "Observation?subject:Patient={o}"),
    ("B18", "patient/{o}"),
    ("B18", "Patient/{o}%20"),
    ("B18", "Patient/%2E/{o}"),
    ("B19", "Patient/{o}/$everything?_type=Observation"),
    ("B19", "Patient/{o}/$everything?_since=2000-01-01T00:00:00Z&_count=1"),
    ("B22", "Patient?_tag=http://canary.example|{v}"),
    ("B22", "Patient?_id={o}&_security=HIV"),
    ("B22", "Observation?_security:not=HIV&patient={o}"),
    ("B29", "DocumentReference?description={v}"),
    ("B21", "Patient/{o}/AuditEvent"),
];

/// Bodies that name somebody else's resource.
const WRITES: [(&str, &str, &str, &str); 22] = [
    ("B20", "PUT", "Patient/{o}", r#"{"resourceType":"Patient","id":"{o}"}"#),
    (
        "B20",
        "PUT",
        "Observation/laboratory-{o}",
        r#"{"resourceType":"Observation","id":"laboratory-{o}","status":"final","code":{"text":"x"}}"#,
    ),
    ("B20", "PATCH", "Patient/{o}", r#"[{"op":"add","path":"/active","value":true}]"#),
    ("B20", "PATCH", "Observation/laboratory-{o}", r#"[{"op":"test","path":"/valueString","value":"{v}"}]"#),
    ("B20", "DELETE", "Patient/{o}", ""),
    ("B20", "DELETE", "Observation/laboratory-{o}", ""),
    (
        "B24",
        "PUT",
        "Observation/gone-{o}",
        r#"{"resourceType":"Observation","id":"gone-{o}","status":"final","code":{"text":"x"}}"#,
    ),
    (
        "B20",
        "PUT",
        "Observation?identifier={v}",
        r#"{"resourceType":"Observation","status":"final","code":{"text":"x"}}"#,
    ),
    ("B20", "DELETE", "Observation?identifier={v}", ""),
    ("B20", "PATCH", "Observation?identifier={v}", r#"[{"op":"add","path":"/status","value":"amended"}]"#),
    ("B20", "DELETE", "Patient?identifier=http://hospital.example/mrn|{v}", ""),
    (
        "B20",
        "POST",
        "",
        r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/{o}"}}]}"#,
    ),
    (
        "B20",
        "POST",
        "",
        r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"GET","url":"Patient/{o}"}}]}"#,
    ),
    (
        "B20",
        "POST",
        "",
        r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Observation?code={v}"}},{"request":{"method":"GET","url":"Patient/{o}/_history"}}]}"#,
    ),
    (
        "B20",
        "POST",
        "",
        r#"{"resourceType":"Bundle","type":"batch","entry":[{"request":{"method":"GET","url":"Patient/{o}","ifNoneMatch":"W/\"1\""}}]}"#,
    ),
    (
        "B20",
        "POST",
        "",
        r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Observation/laboratory-{o}"}}]}"#,
    ),
    (
        "B20",
        "POST",
        "",
        r#"{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Observation?identifier={v}"}}]}"#,
    ),
    (
        "B20",
        "POST",
        "",
        r#"{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient?identifier={v}"}},"request":{"method":"POST","url":"Observation"}}]}"#,
    ),
    ("B21", "POST", "Patient/{o}/$everything", r#"{"resourceType":"Parameters"}"#),
    ("B21", "POST", "Patient/{o}/$validate", r#"{"resourceType":"Patient","id":"{o}"}"#),
    ("B21", "POST", "Patient/{o}/$meta-delete", r#"{"resourceType":"Parameters"}"#),
    ("B36", "POST", "Patient/{o}/$review-glass", r#"{"resourceType":"Parameters"}"#),
];

/// Requests about everybody: what is not theirs leaves no trace.
const EVERYBODY: [(&str, &str); 16] = [
    ("B13", "Patient?_total=accurate"),
    ("B13", "Observation?_summary=count"),
    ("B12", "Patient?_sort=family"),
    ("B12", "Observation?_sort=-date&_count=1"),
    ("B05", "Observation?_count=1&_sort=_id"),
    ("B04", "Practitioner?_revinclude=*&_count=50"),
    ("B04", "Practitioner?_id=kim&_revinclude=Observation:performer&_revinclude=Encounter:participant"),
    ("B04", "Organization?_id=house&_revinclude=Patient:organization"),
    ("B23", "_history?_count=200"),
    ("B23", "Observation/_history?_count=200"),
    ("B23", "Patient/_history?_since=2000-01-01T00:00:00Z"),
    ("B02", "?_type=Patient,Observation,Encounter,List,Provenance"),
    ("B22", "Patient?_security:not=R"),
    ("B19", "Patient/ann/$everything"),
    ("B03", "Encounter?_include=*&_include:iterate=*"),
    ("B15", "Observation?_text=e"),
];

/// Asked about somebody who is there and about somebody who never was.
pub fn same() -> Vec<Case> {
    let mut all: Vec<Case> = READS.iter().map(|path| Case::get("B01", path)).collect();
    for path in &READS[..12] {
        all.push(Case::get("B01", &format!("{path}/_history")));
        all.push(Case::get("B01", &format!("{path}/_history/1")));
        all.push(Case::get("B01", &format!("{path}/$proof")));
        all.push(Case::get("B02", path).with("If-None-Match", "W/\"1\""));
    }
    all.push(Case { method: "HEAD", ..Case::get("B02", "Patient/{o}") });
    all.push(Case::get("B02", "Patient/{o}").with("If-None-Match", "*"));
    all.push(Case::get("B02", "Patient/{o}").with("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"));
    all.push(Case::get("B02", "Patient/{o}").with("If-Match", "W/\"1\""));
    for (name, value) in [
        ("X-Purpose-Of-Use", "HPAYMT"),
        ("X-HTTP-Method-Override", "DELETE"),
        ("X-Forwarded-User", "operator"),
        ("X-Original-URL", "/fhir/Patient/ann"),
        ("Prefer", "handling=strict"),
        ("Cookie", "session=operator"),
    ] {
        all.push(Case::get("B38", "Patient/{o}").with(name, value));
        all.push(Case::get("B38", "Observation?patient={o}").with(name, value));
    }
    all.extend(SEARCHES.iter().map(|(family, path)| Case::get(family, path)));
    // The same searches with a form instead of an address.
    for (family, path) in SEARCHES.iter().filter(|(_, path)| path.split('?').next().is_some_and(|ty| !ty.contains('/')))
    {
        let Some((ty, query)) = path.split_once('?') else { continue };
        let form = Case::send(family, "POST", &format!("{ty}/_search"), &query.replace('|', "%7C").replace(' ', "%20"));
        let headers = vec![("Content-Type", "application/x-www-form-urlencoded".to_owned())];
        all.push(Case { headers, ..form });
    }
    all.extend(WRITES.iter().map(|(family, method, path, body)| Case::send(family, method, path, body)));
    all.push(
        Case::send("B20", "POST", "Patient", r#"{"resourceType":"Patient","active":true}"#)
            .with("If-None-Exist", "identifier={v}"),
    );
    all
}

pub fn clean() -> Vec<Case> {
    EVERYBODY.iter().map(|(family, path)| Case::get(family, path)).collect()
}

#[test]
fn what_is_not_yours_is_as_if_it_had_never_been() {
    let stage = hospital();
    let mut wrong = Vec::new();
    for (who, token) in people(&stage) {
        for case in same() {
            let there = said(&case.ask(&stage, Some(&token), ("zoe", PLANTED)));
            let never = said(&case.ask(&stage, Some(&token), ("qqq", NOWHERE)));
            if there.replace("zoe", "qqq").replace(PLANTED, NOWHERE) != never {
                wrong.push(format!("{}, {who}: {case:?}\n--- there\n{there}\n--- never\n{never}\n", case.family));
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn what_is_asked_of_everybody_leaves_no_trace_of_others() {
    let stage = hospital();
    for (who, token) in people(&stage) {
        for case in clean() {
            let answer = case.ask(&stage, Some(&token), ("", ""));
            assert!([200, 403, 404].contains(&answer.status), "{who}: {case:?}: {}", answer.text());
            let text = answer.text();
            assert!(!text.contains("zoe") && !text.contains(PLANTED), "{who}: {case:?}: {text}");
        }
    }
    // The tables would notice: whoever may see it all gets it by the same requests.
    let seen = |case: &Case| case.ask(&stage, Some(&stage.house.token), ("zoe", PLANTED)).text().contains("zoe");
    assert!(clean().iter().filter(|case| seen(case)).count() > 10);
    assert!(SEARCHES.iter().filter(|(family, path)| seen(&Case::get(family, path))).count() > 45);
}

#[test]
fn nobody_in_particular_gets_nothing() {
    let stage = hospital();
    for case in same().into_iter().chain(clean()) {
        let answer = case.ask(&stage, None, ("zoe", PLANTED));
        assert_eq!(answer.status, 401, "{case:?}");
        assert!(!answer.text().contains("zoe") && !answer.text().contains(PLANTED), "{case:?}");
    }
}
