//! What the load generator asks for.

use super::client::Client;
use crate::hospital::Hospital;
use fhir::json::Json;
use std::net::SocketAddr;

/// Counts over the whole population, all tokens.
pub const COUNTS: [&str; 4] = [
    "/fhir/Observation?status=final&_summary=count",
    "/fhir/Observation?category=vital-signs&_summary=count",
    "/fhir/Encounter?status=finished&_summary=count",
    "/fhir/Patient?gender=female&_summary=count",
];

/// What clinicians ask about one patient; `{p}` is the patient's id.
const SEARCHES: [&str; 12] = [
    "Observation?patient={p}&category=laboratory&_count=20",
    "Observation?patient={p}&category=vital-signs&_count=20",
    "Observation?patient={p}&code=http://loinc.org|8480-6&_count=20",
    "Observation?patient={p}&date=ge2024-01-01&_count=20",
    "Condition?patient={p}",
    "Condition?patient={p}&clinical-status=active",
    "MedicationRequest?patient={p}&status=active",
    "Encounter?patient={p}&_sort=-date&_count=10",
    "Procedure?patient={p}&_count=20",
    "DiagnosticReport?patient={p}&_count=10",
    "Immunization?patient={p}&_count=20",
    "DocumentReference?patient={p}&_count=10",
];

/// The patients of a store.
pub struct Patients {
    ids: Vec<String>,
}

impl Patients {
    /// Asks the server for a thousand patients at most.
    pub fn list(address: SocketAddr, token: &str) -> Result<Patients, Box<dyn std::error::Error>> {
        let mut client = Client::connect(address, token)?;
        let (status, body) = client.send("GET", "/fhir/Patient?_count=1000&_elements=id&_total=none", b"")?;
        if status != 200 {
            return Err(format!("listing the patients was answered with status {status}").into());
        }
        let bundle = Json::parse(body)?;
        let entries = bundle.get("entry").map(Json::items).unwrap_or_default();
        let ids: Vec<String> =
            entries.iter().filter_map(|e| e.get("resource")?.text("id").map(str::to_owned)).collect();
        if ids.is_empty() {
            return Err("the store under measurement has no patients".into());
        }
        Ok(Patients { ids })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.ids.len() as u64
    }

    /// The id of the n-th.
    pub fn id(&self, n: u64) -> &str {
        // A stride that visits all patients in an order no cache expects.
        &self.ids[(n.wrapping_mul(7919) % self.ids.len() as u64) as usize]
    }

    /// The path of the n-th read.
    pub fn read(&self, n: u64) -> String {
        format!("/fhir/Patient/{}", self.id(n))
    }

    /// The path of the n-th search.
    pub fn search(&self, n: u64) -> String {
        let kinds = SEARCHES.len() as u64;
        format!("/fhir/{}", SEARCHES[(n % kinds) as usize].replace("{p}", self.id(n / kinds)))
    }
}

/// Transaction bundles, one a patient, whose entries are new to the store; and how many entries they have together.
pub fn transactions(seed: u64, patients: u32) -> (Vec<Vec<u8>>, u64) {
    let mut entries = 0;
    let hospital = Hospital::new(seed, patients as usize);
    let bundles = (1..=patients as usize)
        .map(|n| {
            let items = hospital.group(n).into_iter().map(|resource| {
                entries += 1;
                let url =
                    format!("{}/{}", resource.text("resourceType").unwrap_or(""), resource.text("id").unwrap_or(""));
                let request = Json::object([("method", Json::string("PUT")), ("url", Json::string(url))]);
                Json::object([("resource", resource), ("request", request)])
            });
            Json::object([
                ("resourceType", Json::string("Bundle")),
                ("type", Json::string("transaction")),
                ("entry", Json::Array(items.collect())),
            ])
            .to_bytes()
        })
        .collect();
    (bundles, entries)
}

/// One small valid patient.
pub fn single_patient() -> Vec<u8> {
    br#"{"resourceType":"Patient","identifier":[{"system":"http://hospital.example/mrn","value":"90001"}],"active":true,"name":[{"family":"Benchmark","given":["Anna"]}],"gender":"female","birthDate":"1980-02-29"}"#.to_vec()
}
