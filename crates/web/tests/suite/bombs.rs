//! Hostile requests: each is answered as it deserves, and the server goes on (SECURITY.md I01, I02, I09, I12).

use crate::house::{Answer, House};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

#[track_caller]
fn is_well(house: &House) {
    assert_eq!(house.bare("GET", "/health", &[], b"").status, 200);
}

#[test]
fn bodies_that_hide_or_swell_are_refused() {
    let house = House::with(|settings| {
        settings.body_bytes_max = 4 << 20;
        settings.memory_bytes_max = 16 << 20;
    });
    let patient = |inner: &str| format!("{{\"resourceType\":\"Patient\",{inner}}}").into_bytes();
    for (name, body, statuses) in [
        ("deep arrays", patient(&format!("\"name\":{}", "[".repeat(10_000))), [400, 413]),
        ("deep objects", patient(&"\"a\":{".repeat(10_000)), [400, 413]),
        ("duplicate keys", patient("\"active\":true,\"active\":false"), [400, 400]),
        (
            "a million keys",
            patient(&(0..100_000).map(|i| format!("\"k{i}\":1")).collect::<Vec<_>>().join(",")),
            [422, 413],
        ),
        ("a huge string", patient(&format!("\"language\":\"{}\"", "a".repeat(3 << 20))), [201, 422]),
        ("a huge number", patient("\"multipleBirthInteger\":1e400"), [422, 422]),
        ("lone surrogate", patient("\"language\":\"\\ud800\""), [400, 400]),
        ("NUL", patient("\"language\":\"\\u0000\""), [400, 400]),
        (
            "byte-order mark, as Windows writes it",
            [b"\xef\xbb\xbf".to_vec(), patient("\"active\":true")].concat(),
            [201, 201],
        ),
        ("UTF-16", b"{\0\"\0}\0".to_vec(), [400, 400]),
        (
            "not UTF-8",
            patient("\"language\":\"x\"").into_iter().map(|b| if b == b'x' { 0xff } else { b }).collect(),
            [400, 400],
        ),
        ("too large", vec![b' '; (4 << 20) + 1], [413, 413]),
        ("a forest", b"[[],".repeat(1 << 19), [400, 413]),
    ] {
        let answer = house.send("POST", "Patient", &[], &body);
        assert!(statuses.contains(&answer.status), "{name}: {}", answer.status);
        is_well(&house);
    }
    let entry = r#"{"request":{"method":"POST","url":"Patient"},"resource":{"resourceType":"Patient"}}"#;
    let many =
        format!(r#"{{"resourceType":"Bundle","type":"transaction","entry":[{}]}}"#, vec![entry; 45_000].join(","));
    assert_eq!(house.send("POST", "", &[], many.as_bytes()).status, 413);
    is_well(&house);
}

#[test]
fn long_addresses_and_many_parameters_are_answered() {
    let house = House::open();
    house.put("Patient/p", &json!({"resourceType": "Patient", "id": "p"})).expect(201);
    let long = "a".repeat(10_000);
    assert_eq!(house.get(&format!("Patient?name={long}")).expect(200).json()["total"], 0);
    house.get(&format!("Patient/{long}")).expect(404);
    house.get(&format!("Patient?{}", "gender=male&".repeat(10_000))).expect(431);
    house.get(&format!("Patient?{}", "_id=p&".repeat(2_000))).expect(400);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    house.send("POST", "Patient/_search", &form, "name=x&".repeat(10_000).as_bytes()).expect(400);
    let includes = "_include=*&".repeat(100);
    assert!(house.get(&format!("Patient?{includes}")).status < 500);
    let nested = "_has:Observation:patient:".repeat(50);
    assert!(house.get(&format!("Patient?{nested}code=x")).status < 500);
    is_well(&house);
}

#[test]
fn a_request_is_never_two() {
    let house = House::open();
    let token = &house.token;
    for (name, head) in [
        ("length and chunks", "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n"),
        ("two lengths", "Content-Length: 6\r\nContent-Length: 60\r\n"),
        ("odd coding", "Transfer-Encoding: xchunked\r\n"),
        ("folded", "Transfer-Encoding:\r\n chunked\r\n"),
        ("negative", "Content-Length: -1\r\n"),
        ("plus", "Content-Length: +6\r\n"),
        ("space before the colon", "Content-Length : 6\r\n"),
    ] {
        let request = format!(
            "POST /fhir/Patient HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/fhir+json\r\n{head}\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: h\r\n\r\n"
        );
        let answer = String::from_utf8_lossy(&house.raw(request.as_bytes())).into_owned();
        assert!(!answer.contains("\"ready\""), "{name}: {answer}");
        assert!(!answer.starts_with("HTTP/1.1 2"), "{name}: {answer}");
        is_well(&house);
    }
}

#[test]
fn slow_and_broken_clients_are_let_go() {
    let house = House::with(|settings| {
        settings.header_timeout = Duration::from_millis(300);
        settings.request_timeout = Duration::from_secs(1);
    });
    let start = Instant::now();
    for sent in ["", "P", "GET /health HTTP/1.1\r\nHost: h\r\nX-Slow: "] {
        let mut stream = TcpStream::connect(house.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        let mut out = Vec::new();
        let _ = stream.read_to_end(&mut out);
        assert!(start.elapsed() < Duration::from_secs(8), "{sent:?}");
    }
    // A body that never comes ends with the request's own time.
    let head = format!(
        "POST /fhir/Patient HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {}\r\nContent-Length: 100\r\n\
         Content-Type: application/fhir+json\r\n\r\n{{",
        house.token
    );
    let answer = Answer::read(&house.raw(head.as_bytes()));
    assert_eq!(answer.status, 503);
    is_well(&house);
}

#[test]
fn half_sent_forms_keep_nobody_from_the_record() {
    let house = House::with(|settings| settings.form_timeout = Duration::from_secs(4));
    house.put("Patient/p", &json!({"resourceType": "Patient", "id": "p"})).expect(201);
    let form = b"POST /sign-in HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\na";
    let begun: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(house.address).unwrap();
            stream.write_all(form).unwrap();
            stream
        })
        .collect();
    let page = || house.bare("GET", "/sign-in", &[], b"").status;
    let becomes = |status| {
        (0..200).any(|_| {
            std::thread::sleep(Duration::from_millis(50));
            page() == status
        })
    };
    assert!(becomes(503), "the forms fill their places");
    house.get("Patient/p").expect(200);
    assert!(becomes(200), "and are let go");
    drop(begun);
}

#[test]
fn a_large_batch_does_not_wait_for_itself() {
    let house = House::with(|settings| settings.memory_bytes_max = 16 << 20);
    let numbers = vec!["1"; 90_000].join(",");
    let large = format!(
        r#"{{"request":{{"method":"PUT","url":"Basic/b"}},"resource":{{"resourceType":"Basic","id":"b","x":[{numbers}]}}}}"#
    );
    let search = r#"{"request":{"method":"GET","url":"Patient?name=x"}}"#;
    let entries = [vec![large.as_str()], vec![search; 3]].concat().join(",");
    let batch = format!(r#"{{"resourceType":"Bundle","type":"batch","entry":[{entries}]}}"#);
    let start = Instant::now();
    let answer = house.send("POST", "", &[], batch.as_bytes()).expect(200).json();
    assert!(start.elapsed() < Duration::from_secs(15));
    for entry in &answer["entry"].as_array().unwrap()[1..] {
        assert_eq!(entry["response"]["status"], "200 OK", "{entry}");
    }
}

#[test]
fn odd_requests_are_refused() {
    let house = House::open();
    for (name, bytes, statuses) in [
        ("no HTTP", b"\x16\x03\x01\x00\x00".to_vec(), [400, 0]),
        ("no version", b"GET /\r\n\r\n".to_vec(), [400, 0]),
        (
            "many headers",
            [b"GET /health HTTP/1.1\r\n".to_vec(), b"A: b\r\n".repeat(200), b"\r\n".to_vec()].concat(),
            [431, 400],
        ),
        (
            "a huge header",
            [b"GET /health HTTP/1.1\r\nA: ".to_vec(), vec![b'a'; 200_000], b"\r\n\r\n".to_vec()].concat(),
            [431, 0],
        ),
        ("upward", b"GET /fhir/../health HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".to_vec(), [401, 404]),
    ] {
        let answer = Answer::read(&house.raw(&bytes));
        assert!(statuses.contains(&answer.status), "{name}: {}", answer.status);
        is_well(&house);
    }
    let ranges = format!("bytes={}", (0..2_000).map(|i| format!("{i}-{i}")).collect::<Vec<_>>().join(","));
    assert_eq!(house.bare("GET", "/health", &[("Range", &ranges)], b"").status, 200);
    let encoded = house.send("POST", "Patient", &[("Content-Encoding", "gzip")], b"\x1f\x8b");
    assert_eq!(encoded.status, 415);
}

#[test]
fn errors_say_nothing_about_a_patient_or_the_machine() {
    let house = House::open();
    for (method, path, body) in [
        ("GET", "Patient/ZQX-CANARY-1", ""),
        ("GET", "Patient?nonsense=ZQX-CANARY-1", ""),
        ("GET", "Patient/ZQX-CANARY-1?x=ZQX-CANARY-1", ""),
        ("GET", "ZQX-CANARY-1", ""),
        ("POST", "Patient", "{\"resourceType\":\"Patient\",\"gender\":\"ZQX-CANARY-1\"}"),
        ("POST", "Patient", "{\"resourceType\":\"Patient\",\"birthDate\":\"ZQX-CANARY-1\"}"),
        ("POST", "Patient", "ZQX-CANARY-1"),
        ("GET", "Patient?birthdate=ZQX-CANARY-1", ""),
    ] {
        let answer = house.send(method, path, &[("Prefer", "handling=strict")], body.as_bytes());
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(answer.status >= 400, "{method} {path}");
        assert!(!text.contains("CANARY") && !text.contains("/tmp") && !text.contains("SELECT"), "{path}: {text}");
    }
}

#[test]
fn a_page_and_a_batch_of_large_resources_stay_within_bounds() {
    let house = House::open();
    let text = "A".repeat(3 << 20);
    for i in 0..4 {
        let binary =
            json!({"resourceType": "Binary", "id": format!("b{i}"), "contentType": "text/plain", "data": text});
        house.put(&format!("Binary/b{i}"), &binary).expect(201);
    }
    // The page ends early, and the rest is on the next: of a search and of a history.
    for (what, counts) in [("Binary", [2, 2]), ("Binary/_history", [3, 1])] {
        let first = house.get(what).expect(200).json();
        assert_eq!(first["entry"].as_array().unwrap().len(), counts[0], "{what}");
        let links = first["link"].as_array().unwrap();
        let next = links.iter().find(|link| link["relation"] == "next").unwrap()["url"].as_str().unwrap();
        let next = next.strip_prefix(&format!("{}/", house.base())).unwrap();
        let second = house.get(next).expect(200).json();
        assert_eq!(second["entry"].as_array().unwrap().len(), counts[1], "{what}");
        assert!(second["link"].as_array().unwrap().iter().all(|link| link["relation"] != "next"), "{what}");
    }
    let entry = json!({"request": {"method": "GET", "url": "Binary?_count=4"}});
    let batch = json!({"resourceType": "Bundle", "type": "batch", "entry": vec![entry; 100]});
    let answer = house.send("POST", "", &[], &serde_json::to_vec(&batch).unwrap()).expect(200);
    assert!(answer.body.len() < 64 << 20, "{}", answer.body.len());
    let entries = answer.json()["entry"].as_array().unwrap().clone();
    assert_eq!(entries.len(), 100);
    let is_refused = |i: usize| entries[i]["response"]["status"].as_str().unwrap().starts_with("422");
    assert!(!is_refused(0) && is_refused(99), "{} {}", entries[0]["response"], entries[99]["response"]);
    is_well(&house);
}
