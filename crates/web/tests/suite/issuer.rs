//! A small identity provider, as good or as bad as a test needs it.

use crate::house::Answer;
use crate::stage::parameters;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, OnceLock};
use web::{ClientProof, Provider, SecondFactor};

pub const CLIENT: &str = "chartroom";

/// Keys are dear to make: the same for all tests.
fn rsa(which: usize) -> &'static RsaKeyPair {
    static KEYS: OnceLock<[RsaKeyPair; 2]> = OnceLock::new();
    &KEYS.get_or_init(|| [(); 2].map(|()| RsaKeyPair::generate(KeySize::Rsa2048).unwrap()))[which]
}

fn ec() -> &'static EcdsaKeyPair {
    static KEY: OnceLock<EcdsaKeyPair> = OnceLock::new();
    KEY.get_or_init(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
}

fn code(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The public key of an RSA key, under a name.
pub fn rsa_key(which: usize, name: &str) -> Value {
    let key = rsa(which).public_key();
    let (n, e) = (key.modulus().big_endian_without_leading_zero(), key.exponent().big_endian_without_leading_zero());
    json!({"kty": "RSA", "kid": name, "alg": "RS256", "use": "sig", "n": code(n), "e": code(e)})
}

fn ec_key() -> Value {
    let key = ec().public_key().as_ref();
    json!({"kty": "EC", "kid": "ec", "crv": "P-256", "x": code(&key[1..33]), "y": code(&key[33..])})
}

/// How a token is signed.
#[derive(Clone, Copy, Debug)]
pub enum Sign {
    Rs256,
    /// With a key that the provider does not have.
    Other,
    Es256,
    /// With the public key as a secret.
    Hs256,
    Not,
}

/// A token before it is signed.
pub struct Token {
    pub header: Value,
    pub claims: Value,
    pub sign: Sign,
    pub is_altered: bool,
}

impl Token {
    fn written(&self) -> String {
        let said = format!("{}.{}", code(self.header.to_string()), code(self.claims.to_string()));
        let random = SystemRandom::new();
        let rsa_signed = |which| {
            let mut signature = vec![0; 256];
            rsa(which).sign(&RSA_PKCS1_SHA256, &random, said.as_bytes(), &mut signature).unwrap();
            signature
        };
        let signature = match self.sign {
            Sign::Rs256 => rsa_signed(0),
            Sign::Other => rsa_signed(1),
            Sign::Es256 => ec().sign(&random, said.as_bytes()).unwrap().as_ref().to_vec(),
            Sign::Hs256 => {
                let secret = rsa_key(0, "rsa").to_string();
                let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
                aws_lc_rs::hmac::sign(&key, said.as_bytes()).as_ref().to_vec()
            }
            Sign::Not => Vec::new(),
        };
        if self.is_altered {
            let mut claims = self.claims.clone();
            claims["sub"] = json!("7");
            return format!("{}.{}.{}", code(self.header.to_string()), code(claims.to_string()), code(signature));
        }
        format!("{said}.{}", code(signature))
    }
}

/// What it does and has seen.
#[derive(Default)]
pub struct State {
    token: String,
    /// Its keys.
    pub keys: Vec<Value>,
    /// What it says of itself, over what is usual.
    pub says: Vec<(&'static str, Value)>,
    /// Requests: their first lines, headers and bodies.
    pub asked: Vec<String>,
}

/// The provider; lives as long as the test's process.
#[derive(Clone)]
pub struct Issuer {
    pub address: String,
    pub state: Arc<Mutex<State>>,
}

impl Issuer {
    pub fn open() -> Issuer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let state = State { keys: vec![rsa_key(0, "rsa"), ec_key()], ..State::default() };
        let issuer = Issuer { address, state: Arc::new(Mutex::new(state)) };
        let own = issuer.clone();
        std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| own.serve(stream)));
        issuer
    }

    /// As the operator configures it.
    pub fn configured(&self, id: &str) -> Provider {
        Provider {
            id: id.to_owned(),
            name: "Saint <Anna>".to_owned(),
            issuer: self.address.clone(),
            client: CLIENT.to_owned(),
            proof: ClientProof::Basic("s3cret".to_owned()),
            subject: "sub".to_owned(),
            scopes: Vec::new(),
            hosts: Vec::new(),
            signatures: vec!["RS256".to_owned(), "ES256".to_owned()],
            second_factor: SecondFactor::Always,
            roles: None,
            max_age_seconds: None,
            is_only: false,
        }
    }

    /// A good token for a request, at a time in seconds.
    pub fn token(&self, asked: &[(String, String)], subject: &str, now: i64) -> Token {
        let nonce = asked.iter().find(|(name, _)| name == "nonce").map_or("", |(_, value)| value);
        let claims = json!({
            "iss": self.address, "sub": subject, "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": nonce,
            "email": "kim@example.org"
        });
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": "rsa"});
        Token { header, claims, sign: Sign::Rs256, is_altered: false }
    }

    /// Gives out this token next.
    pub fn give(&self, token: &Token) {
        self.state.lock().unwrap().token = token.written();
    }

    /// How often something was asked for.
    pub fn times(&self, line: &str) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|asked| asked.starts_with(line)).count()
    }

    fn serve(&self, mut stream: TcpStream) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let (mut asked, mut length) = (String::new(), 0);
        loop {
            let before = asked.len();
            if reader.read_line(&mut asked).unwrap_or(0) == 0 {
                return;
            }
            let line = asked[before..].trim_end().to_lowercase();
            length = line.strip_prefix("content-length: ").map_or(length, |text| text.parse().unwrap());
            if line.is_empty() {
                break;
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        asked.push_str(&String::from_utf8(body).unwrap());
        let path = asked.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut state = self.state.lock().unwrap();
        state.asked.push(asked);
        let said = match path.as_str() {
            "/.well-known/openid-configuration" => self.says(&state),
            "/keys" => json!({"keys": state.keys}),
            "/token" => json!({"access_token": "x", "token_type": "Bearer", "id_token": state.token}),
            _ => json!({"error": "not_found"}),
        };
        drop(state);
        let said = said.to_string();
        // Whoever asked may have gone.
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}", said.len());
    }

    fn says(&self, state: &State) -> Value {
        let at = |path: &str| format!("{}{path}", self.address);
        let mut says = json!({
            "issuer": self.address, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
            "jwks_uri": at("/keys"), "authorization_response_iss_parameter_supported": true
        });
        for (name, value) in &state.says {
            says[*name] = value.clone();
        }
        says
    }
}

/// What the page that leads to a provider asks it.
#[track_caller]
pub fn asked_of(page: &Answer) -> Vec<(String, String)> {
    let lead = page.header("refresh").unwrap_or_else(|| panic!("{}", page.text()));
    parameters(lead.strip_prefix("0; url=").unwrap())
}
