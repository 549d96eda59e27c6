//! A browser without scripts, as the tests of pages need it.

use crate::house::{Answer, House};
use std::collections::BTreeMap;

/// A browser: keeps cookies, and reads the signs of forms.
pub struct Browser<'h> {
    house: &'h House,
    pub cookies: BTreeMap<String, String>,
    pub sign: String,
}

impl<'h> Browser<'h> {
    pub fn new(house: &'h House) -> Browser<'h> {
        Browser { house, cookies: BTreeMap::new(), sign: String::new() }
    }

    pub fn get(&mut self, path: &str) -> Answer {
        let cookies = self.cookies();
        let answer = self.house.bare("GET", path, &[("Cookie", &cookies)], b"");
        self.keep(answer)
    }

    pub fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let sign = self.sign.clone();
        self.post_as(path, &[&[("csrf", sign.as_str())], fields].concat(), &[])
    }

    pub fn post_as(&mut self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Answer {
        let cookies = self.cookies();
        let own = [("Cookie", cookies.as_str()), ("Content-Type", "application/x-www-form-urlencoded")];
        let answer = self.house.bare("POST", path, &[&own, headers].concat(), encoded(fields).as_bytes());
        self.keep(answer)
    }

    pub fn sign_in(&mut self, login: &str, password: &str) -> Answer {
        self.get("/sign-in");
        self.post("/sign-in", &[("login", login), ("password", password)])
    }

    pub fn cookies(&self) -> String {
        self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        for cookie in answer.headers("set-cookie") {
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            if cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        if let Some(sign) = field(&answer, "csrf") {
            self.sign = sign;
        }
        answer
    }
}

/// The value of a hidden field.
pub fn field(answer: &Answer, name: &str) -> Option<String> {
    let text = answer.text();
    let (_, rest) = text.split_once(&format!("name=\"{name}\" value=\""))?;
    Some(rest.split('"').next()?.to_owned())
}

/// Fields as a form sends them.
pub fn encoded(fields: &[(&str, &str)]) -> String {
    let code = |text: &str| text.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
    fields.iter().map(|(name, value)| format!("{}={}", code(name), code(value))).collect::<Vec<_>>().join("&")
}

/// Where an answer leads.
#[track_caller]
pub fn location(answer: &Answer) -> Option<&str> {
    assert_eq!(answer.status, 303, "{}", answer.text());
    answer.header("location")
}
