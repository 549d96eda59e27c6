//! The key with which identity tokens are signed: RSA of 2,048 bits, because OpenID Connect and SMART ask every server for
//! RS256. Made when it is first needed, and kept in the record, sealed.

use crate::access::Visit;
use crate::error::{Error, Fault};
use crate::keys::root::hex;
use crate::records::{Expect, Vault};
use aws_lc_rs::digest;
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use fhir::json::Json;
use std::sync::Arc;

const KIND: &str = "x-signature";
const ID: &str = "rs256";

/// The key, ready for use. Shows nothing of itself.
pub(super) struct Signing {
    pair: RsaKeyPair,
}

/// What anybody may know of the key: big-endian numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// Names it.
    pub id: String,
    /// The modulus.
    pub modulus: Vec<u8>,
    /// The exponent.
    pub exponent: Vec<u8>,
}

impl Vault {
    /// The public half of the key that signs identity tokens.
    pub fn signing_key(&self) -> Result<PublicKey, Error> {
        let signing = self.signing()?;
        let public = signing.pair.public_key();
        let id = hex(digest::digest(&digest::SHA256, public.as_ref()).as_ref());
        Ok(PublicKey {
            id: id[..16].to_owned(),
            modulus: public.modulus().big_endian_without_leading_zero().to_vec(),
            exponent: public.exponent().big_endian_without_leading_zero().to_vec(),
        })
    }

    /// Signs a message: RSASSA-PKCS1-v1_5 with SHA-256 (`RS256`, RFC 7518 section 3.3).
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signing = self.signing()?;
        let mut signature = vec![0; signing.pair.public_modulus_len()];
        let signed = signing.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.map_err(|_| broken())?;
        Ok(signature)
    }

    fn signing(&self) -> Result<Arc<Signing>, Error> {
        let apps = &self.inner.store.gate.apps;
        if let Some(signing) = apps.signing.get() {
            return Ok(Arc::clone(signing));
        }
        let _turn = apps.turn();
        let kept = self.document(KIND, ID)?;
        let der = kept.as_ref().and_then(|document| STANDARD.decode(document.says.text("key")?).ok());
        let pair = match der {
            Some(der) => RsaKeyPair::from_pkcs8(&der).map_err(|_| broken())?,
            None => self.make_key()?,
        };
        Ok(Arc::clone(apps.signing.get_or_init(|| Arc::new(Signing { pair }))))
    }

    /// A new key, durable before it signs anything.
    fn make_key(&self) -> Result<RsaKeyPair, Error> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|_| broken())?;
        let der = pair.as_der().map_err(|_| broken())?;
        let key = Json::object([
            ("resourceType", Json::string(KIND)),
            ("id", Json::string(ID)),
            ("key", Json::string(STANDARD.encode(der.as_ref()))),
        ]);
        self.keep(&Visit::operator(), key, Expect::Absent)?;
        Ok(pair)
    }
}

fn broken() -> Fault {
    Fault::Key("The key of identity tokens cannot be used. next: run verify.".to_owned())
}
