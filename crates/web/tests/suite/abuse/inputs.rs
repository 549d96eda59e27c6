//! Families I and O: what is sent to break the reader, the query, or whoever reads the answer.

use super::{Case, hospital};
use crate::house::Answer;

/// Bodies that are no resource, and the status each gets.
const BODIES: [(&str, &str, &[u16]); 24] = [
    ("I01", "", &[400]),
    ("I01", "null", &[400]),
    ("I01", "[]", &[400]),
    ("I01", "\"Patient\"", &[400]),
    ("I01", "{", &[400]),
    ("I01", "{}", &[400]),
    ("I01", "{\"resourceType\":\"Patient\"}garbage", &[400]),
    ("I01", "{\"resourceType\":\"Patient\"}{\"resourceType\":\"Patient\"}", &[400]),
    ("I01", "\u{feff}{\"resourceType\":\"Patient\"}x", &[400]),
    ("I01", "{\"resourceType\":\"Patient\",\"active\":true,\"active\":false}", &[400]),
    ("I01", "{\"resourceType\":\"Patient\",\"active\":1e400}", &[400, 422]),
    ("I01", "{\"resourceType\":\"Patient\",\"multipleBirthInteger\":1e400}", &[400, 422]),
    ("I01", "{\"resourceType\":\"Patient\",\"multipleBirthInteger\":99999999999999999999}", &[400, 422]),
    ("I01", "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"\\ud800\"}]}", &[400]),
    ("I01", "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"a\\u0000b\"}]}", &[400, 422]),
    ("I01", "{\"resourceType\":\"Nonsense\"}", &[400, 404, 422]),
    ("I01", "{\"resourceType\":\"Patient\",\"name\":\"x\"}", &[400, 422]),
    ("I01", "{\"resourceType\":\"Patient\",\"birthDate\":\"1980-02-30\"}", &[400, 422]),
    ("I11", "{\"resourceType\":\"Patient\",\"birthDate\":\"0000-00-00\"}", &[400, 422]),
    ("I11", "{\"resourceType\":\"Patient\",\"birthDate\":\"99999-01-01\"}", &[400, 422]),
    ("I11", "{\"resourceType\":\"Patient\",\"deceasedDateTime\":\"2026-01-01T24:00:00Z\"}", &[400, 422]),
    ("I11", "{\"resourceType\":\"Patient\",\"deceasedDateTime\":\"2026-01-01T00:00:00+15:00\"}", &[400, 422]),
    (
        "I03",
        "{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Patient\",\"contained\":[{\"resourceType\":\"Patient\"}]}]}",
        &[400, 422],
    ),
    (
        "I04",
        "<?xml version=\"1.0\"?><!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><Patient>&e;</Patient>",
        &[400],
    ),
];

/// Addresses that hold what a database, a path, a log or a page might take for its own.
const WORDS: [(&str, &str); 22] = [
    ("I13", "' OR '1'='1"),
    ("I13", "'; DROP TABLE entry; --"),
    ("I13", "\" OR \"\"=\""),
    ("I13", "1) UNION SELECT body FROM entry --"),
    ("I13", "%27%20OR%201=1"),
    ("I13", "%"),
    ("I13", "_%_%"),
    ("I13", "*"),
    ("I13", "\\"),
    ("I13", "${7*7}"),
    ("I13", "{{7*7}}"),
    ("I13", "<%25= 7*7 %25>"),
    ("I13", "%0d%0aSet-Cookie:%20x=1"),
    ("I13", "%1b[31mred"),
    ("I13", "%e2%80%aeevil"),
    ("I13", "..%2f..%2fetc%2fpasswd"),
    ("I13", "file:///etc/passwd"),
    ("O01", "<script>alert(1)</script>"),
    ("O01", "<img src=x onerror=alert(1)>"),
    ("O01", "javascript:alert(1)"),
    ("I08", "(a+)+$"),
    ("I13", "%00"),
];

/// Where such a word stands.
const PLACES: [&str; 6] = [
    "Patient?name={w}",
    "Patient?identifier={w}",
    "Observation?code={w}",
    "Patient?_sort={w}",
    "Patient?_elements={w}",
    "Patient/{w}",
];

/// Searches that ask for too much, or for nothing that there is.
const QUERIES: [(&str, &str, &[u16]); 22] = [
    ("I09", "Patient?_count=1000000000", &[200, 400]),
    ("I09", "Patient?_count=-1", &[400]),
    ("I09", "Patient?_count=x", &[400]),
    ("I09", "Patient?_count=99999999999999999999", &[200, 400]),
    ("I09", "Patient?_offset=-1", &[200, 400]),
    ("I11", "Patient?birthdate=0000", &[200, 400]),
    ("I11", "Patient?birthdate=9999-12-31", &[200]),
    ("I11", "Patient?birthdate=2026-13-01", &[400]),
    ("I11", "Patient?birthdate=ge2026-02-30", &[400]),
    ("I11", "Observation?date=2026-12-31T23:59:60Z", &[200, 400]),
    ("I11", "Observation?value-quantity=1e400", &[200, 400]),
    ("I11", "Observation?value-quantity=NaN", &[400]),
    ("I08", "Observation?_filter=((((((((((code eq x))))))))))", &[200, 400]),
    ("I08", "Observation?_filter=code eq", &[400]),
    ("I09", "Observation?subject.subject.subject.subject.subject.name=x", &[400]),
    ("B08", "Patient?_has:Observation:patient:_has:Nonsense:x:y=z", &[400]),
    ("I09", "Patient?name:nonsense=x", &[400]),
    ("I09", "Patient?_include=Nonsense:x", &[200, 400]),
    ("I13", "Patient?__proto__=x", &[200, 400]),
    ("I12", "Patient/../Patient/zoe", &[400, 404]),
    ("I12", "Patient//zoe", &[400, 404]),
    ("I12", "Patient/zoe/_history/99999999999999999999", &[400, 404]),
];

/// Methods that are none of FHIR's there.
const METHODS: [(&str, &str); 8] = [
    ("PUT", "Patient"),
    ("DELETE", ""),
    ("TRACE", "Patient/zoe"),
    ("CONNECT", "Patient/zoe"),
    ("PROPFIND", "Patient"),
    ("DEBUG", "Patient"),
    ("PATCH", "Patient"),
    ("get", "Patient/zoe"),
];

/// How many cases stand here.
pub fn count() -> usize {
    BODIES.len() + WORDS.len() * PLACES.len() + QUERIES.len() + METHODS.len() + LARGE
}

const LARGE: usize = 6;

/// What an answer to harm may not say: where the program lies, what it is made of, what went wrong inside.
fn check(answer: &Answer, what: &str) {
    let text = answer.text();
    for inner in ["panicked", "SELECT ", "sqlite", ".rs:", "/root/", "/home/", "stack backtrace", "root:x:0", "RUST_"] {
        // What was sent may be named in a refusal; what nobody sent may not.
        assert!(!text.contains(inner) || what.replace("%20", " ").contains(inner), "{what}: {text}");
    }
    assert_eq!(answer.headers("set-cookie").count(), 0, "{what}");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{what}");
    let kind = answer.header("content-type").unwrap_or("application/fhir+json");
    assert!(kind.starts_with("application/fhir+json"), "{what}: {kind}");
    if answer.status >= 400 && !text.is_empty() {
        assert_eq!(answer.json()["resourceType"], "OperationOutcome", "{what}");
    }
    assert!(answer.status < 500 || answer.status == 501, "{what}: {} {text}", answer.status);
}

#[test]
fn a_body_that_is_no_resource_is_refused_and_changes_nothing() {
    let stage = hospital();
    let before = stage.house.get("Patient?_summary=count").json()["total"].clone();
    for (family, body, statuses) in BODIES {
        let answer = Case::send(family, "POST", "Patient", body).ask(&stage, Some(&stage.house.token), ("", ""));
        check(&answer, body);
        assert!(statuses.contains(&answer.status), "{body}: {} {}", answer.status, answer.text());
    }
    let deep = format!("{{\"resourceType\":\"Patient\",\"extension\":{}1{}}}", "[".repeat(20_000), "]".repeat(20_000));
    let keys: String = (0..200_000).map(|n| format!("\"k{n}\":1,")).collect();
    let wide = format!("{{{keys}\"resourceType\":\"Patient\"}}");
    let entries = "{\"request\":{\"method\":\"GET\",\"url\":\"Patient/x\"}},".repeat(100_000);
    let many =
        format!("{{\"resourceType\":\"Bundle\",\"type\":\"batch\",\"entry\":[{}]}}", entries.trim_end_matches(','));
    for (name, path, body) in [("deep", "Patient", deep), ("wide", "Patient", wide), ("many", "", many)] {
        let answer = Case::send("I02", "POST", path, &body).ask(&stage, Some(&stage.house.token), ("", ""));
        assert!([400, 413, 422].contains(&answer.status), "{name}: {} {:.300}", answer.status, answer.text());
    }
    for (name, value) in [("Content-Encoding", "br"), ("Content-Type", "text/xml"), ("Content-Type", "image/gif")] {
        let mut case = Case::send("I05", "POST", "Patient", "{\"resourceType\":\"Patient\"}");
        case.headers.retain(|(known, _)| *known != name);
        let answer = case.with(name, value).ask(&stage, Some(&stage.house.token), ("", ""));
        assert!([400, 415].contains(&answer.status), "{name}: {value}: {}", answer.status);
    }
    assert_eq!(stage.house.get("Patient?_summary=count").json()["total"], before);
}

#[test]
fn words_of_other_languages_are_words() {
    let stage = hospital();
    for (family, word) in WORDS {
        for place in PLACES {
            let path = place.replace("{w}", &word.replace(' ', "%20").replace('<', "%3C").replace('>', "%3E"));
            let path = path.replace('\\', "%5C").replace('{', "%7B").replace('}', "%7D").replace('#', "%23");
            let answer = Case::get(family, &path).ask(&stage, Some(&stage.house.token), ("", ""));
            check(&answer, &path);
            assert!([200, 400, 404, 501].contains(&answer.status), "{path}: {}", answer.status);
            if answer.status == 200
                && (place.contains("name=") || place.contains("identifier=") || place.contains("code="))
            {
                assert_eq!(answer.ids(), [""; 0], "{path}: a word that nobody has finds nobody");
            }
        }
    }
}

#[test]
fn questions_without_sense_get_an_answer() {
    let stage = hospital();
    for (family, path, statuses) in QUERIES {
        let answer =
            Case::get(family, path).with("Prefer", "handling=strict").ask(&stage, Some(&stage.house.token), ("", ""));
        check(&answer, path);
        assert!(statuses.contains(&answer.status), "{path}: {} {}", answer.status, answer.text());
    }
    for (method, path) in METHODS {
        let case = Case { method, ..Case::get("I12", path) };
        let answer = case.ask(&stage, Some(&stage.house.token), ("", ""));
        assert!([400, 404, 405, 412, 415, 501].contains(&answer.status), "{method} {path}: {}", answer.status);
        assert!(!answer.text().contains(super::PLANTED), "{method} {path}");
    }
    assert_eq!(stage.house.get("Patient/zoe").status, 200);
}
