//! Who gets in, and what everybody may see.

use crate::house::House;

#[test]
fn nothing_of_the_record_is_answered_without_a_token() {
    let house = House::open();
    for (method, path) in [
        ("GET", "/fhir/Patient/1"),
        ("HEAD", "/fhir/Patient/1"),
        ("GET", "/fhir/Patient"),
        ("GET", "/fhir"),
        ("POST", "/fhir"),
        ("POST", "/fhir/metadata"),
        ("POST", "/fhir/Patient/_search"),
        ("PUT", "/fhir/Patient/1"),
        ("PATCH", "/fhir/Patient/1"),
        ("DELETE", "/fhir/Patient/1"),
        ("GET", "/fhir/_history"),
        ("GET", "/fhir/Nonsense/1"),
        ("GET", "/fhir/Patient/1/$everything"),
    ] {
        for headers in [
            vec![],
            vec![("Authorization", "Bearer nonsense")],
            vec![("Authorization", "Basic b3BlcmF0b3I6")],
            vec![("X-HTTP-Method-Override", "GET")],
        ] {
            let answer = house.bare(method, path, &headers, b"");
            assert_eq!(answer.status, 401, "{method} {path} {headers:?}");
            assert!(answer.header("www-authenticate").is_some_and(|v| v.starts_with("Bearer")));
            if method != "HEAD" {
                answer.issue();
            }
        }
    }
    let in_url = house.bare("GET", &format!("/fhir/Patient/1?access_token={}", house.token), &[], b"");
    assert_eq!(in_url.status, 401);
    assert_eq!(house.get("Patient/1").status, 404);
}

#[test]
fn what_is_public_needs_no_token() {
    let house = House::open();
    for (path, status, media) in [
        ("/health", 200, "application/json"),
        ("/", 200, "text/html; charset=utf-8"),
        ("/fhir/metadata", 200, "application/fhir+json; charset=utf-8"),
        ("/fhir/metadata?_format=json&_pretty=true", 200, "application/fhir+json; charset=utf-8"),
        ("/fhir/metadata?_format=xml", 406, "application/fhir+json; charset=utf-8"),
        ("/nowhere", 404, "application/fhir+json; charset=utf-8"),
        ("/fhirx", 404, "application/fhir+json; charset=utf-8"),
    ] {
        let answer = house.bare("GET", path, &[], b"");
        assert_eq!((answer.status, answer.header("content-type")), (status, Some(media)), "{path}");
        let head = house.bare("HEAD", path, &[], b"");
        assert_eq!((head.status, head.body.len()), (status, 0), "{path}");
        assert_eq!(head.header("content-length"), answer.header("content-length"), "{path}");
    }
    assert_eq!(house.bare("POST", "/health", &[], b"").status, 405);
    let statement = house.bare("GET", "/fhir/metadata", &[], b"").json();
    assert_eq!(statement["fhirVersion"], "4.0.1");
    assert_eq!(statement["implementation"]["url"], house.base());
    assert!(statement["rest"][0]["resource"].as_array().unwrap().len() > 140);
}

#[test]
fn every_answer_is_guarded() {
    let house = House::open();
    for (method, path) in [("GET", "/"), ("GET", "/health"), ("GET", "/fhir/Patient/1"), ("BREW", "/fhir/Patient")] {
        let answer = house.bare(method, path, &[], b"");
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"), "{path}");
        assert!(answer.header("content-security-policy").is_some_and(|v| v.contains("default-src 'none'")), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.header("server"), None);
    }
}

#[test]
fn the_host_header_is_never_believed() {
    let house = House::open();
    let token = &house.token;
    let request = format!(
        "GET /fhir/Patient HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: evil.example\r\n\
         Forwarded: host=evil.example\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    );
    let answer = String::from_utf8(house.raw(request.as_bytes())).unwrap();
    assert!(answer.contains(&house.base()) && !answer.contains("evil"), "{answer}");
}
