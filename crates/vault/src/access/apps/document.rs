//! An app as a private document of type `x-app`.

use super::{App, Proof, Reach, Registration, Review};
use crate::access::Purpose;
use crate::access::disclosures::Basis;
use crate::access::private::Document;
use base::clock::Instant;
use fhir::json::Json;

/// The type of these documents.
pub(super) const KIND: &str = "x-app";

impl App {
    /// As it is kept.
    pub(super) fn write(&self) -> Json<'static> {
        let text = |text: &str| Json::string(text.to_owned());
        let said = &self.registration;
        let mut members = vec![
            ("resourceType", text(KIND)),
            ("id", text(&self.id)),
            ("name", text(&said.name)),
            ("proof", text(said.proof.code())),
            ("redirects", Json::Array(said.redirects.iter().map(|one| text(one)).collect())),
            ("scopes", text(&said.scopes)),
            ("review", text(self.review.code())),
            ("tokensFrom", Json::number(self.tokens_from.0)),
        ];
        match &said.proof {
            Proof::Public => {}
            Proof::Secret(hash) => members.push(("secret", text(hash))),
            Proof::Keys(keys) => members.push(("keys", text(keys))),
            Proof::KeysAt(address) => members.push(("keysAt", text(address))),
        }
        members.extend(said.launch.as_deref().map(|launch| ("launch", text(launch))));
        members.extend(said.acts_as.as_deref().map(|account| ("actsAs", text(account))));
        members.extend(said.purpose.map(|purpose| ("purpose", text(purpose.code()))));
        members.push(("reach", text(said.reach.code())));
        members.extend(said.basis.map(|basis| ("basis", text(basis.code()))));
        members.extend(Some(said.address.as_str()).filter(|at| !at.is_empty()).map(|at| ("address", text(at))));
        members.extend(said.token_seconds.map(|seconds| ("tokenSeconds", Json::number(seconds))));
        Json::object(members)
    }

    /// Reads what [`App::write`] wrote; `None` when it is something else.
    pub(super) fn read(document: &Document) -> Option<App> {
        let says = &document.says;
        let text = |name: &str| says.text(name).map(str::to_owned);
        let number = |name: &str| says.get(name)?.as_number()?.parse::<i64>().ok();
        let proof = match says.text("proof")? {
            "public" => Proof::Public,
            "secret" => Proof::Secret(text("secret")?),
            "keys" => Proof::Keys(text("keys")?),
            "keys-at" => Proof::KeysAt(text("keysAt")?),
            _ => return None,
        };
        let redirects = says.get("redirects")?.items().iter().filter_map(|one| one.as_str().map(str::to_owned));
        let registration = Registration {
            name: text("name")?,
            proof,
            redirects: redirects.collect(),
            launch: text("launch"),
            scopes: text("scopes")?,
            acts_as: text("actsAs"),
            purpose: says.text("purpose").and_then(Purpose::from_code),
            token_seconds: number("tokenSeconds").and_then(|seconds| u32::try_from(seconds).ok()),
            reach: says.text("reach").and_then(Reach::from_code).unwrap_or_default(),
            basis: says.text("basis").and_then(Basis::from_code),
            address: text("address").unwrap_or_default(),
        };
        Some(App {
            id: document.id.clone(),
            registration,
            review: Review::of_code(says.text("review")?)?,
            tokens_from: Instant(number("tokensFrom")?),
            version: document.version,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_reads_back_as_it_was_written() {
        let bare = Registration { name: "A".to_owned(), scopes: "openid".to_owned(), ..Registration::default() };
        let full = Registration {
            redirects: vec!["https://a/cb".to_owned()],
            launch: Some("https://a/launch".to_owned()),
            acts_as: Some("account".to_owned()),
            purpose: Some(Purpose::Operations),
            token_seconds: Some(300),
            reach: Reach::Outside,
            basis: Some(Basis::PublicHealth),
            address: "1 Main St".to_owned(),
            ..bare.clone()
        };
        let proofs = [
            Proof::Public,
            Proof::Secret("h".to_owned()),
            Proof::Keys("{\"keys\":[]}".to_owned()),
            Proof::KeysAt("https://a/jwks".to_owned()),
        ];
        for registration in
            proofs.iter().flat_map(|proof| [&bare, &full].map(|r| Registration { proof: proof.clone(), ..r.clone() }))
        {
            let app = App {
                id: "a".to_owned(),
                registration,
                review: Review::Suspended,
                tokens_from: Instant(7),
                version: 3,
            };
            let document = Document { id: app.id.clone(), version: 3, says: app.write() };
            let read = App::read(&document).expect("read");
            assert_eq!(read, app);
            assert!(!format!("{read:?}").contains("\"h\""));
        }
    }
}
