//! A made-up hospital, drawn by dice: charts with labels of every sort, care teams, visits, proxies, minors, and consents
//! that permit, deny, and nest. Plain text, so that other suites can use it too.

/// Numbers that are the same for the same seed.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % (end.max(1) as u64)) as usize
    }

    pub fn one<'o, T>(&mut self, of: &'o [T]) -> &'o T {
        &of[self.below(of.len())]
    }

    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Patients `p0` to `p11`.
pub const PATIENTS: usize = 12;

const STAFF: [&str; 5] = ["kim", "lee", "ruiz", "ana", "sun"];
const LOINC: &str = "http://loinc.org";
const ICD: &str = "http://hl7.org/fhir/sid/icd-10-cm";
const ACT: &str = "http://terminology.hl7.org/CodeSystem/v3-ActCode";
const CONFIDENTIALITY: &str = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality";

/// Codes, and the labels that they give.
pub const CODES: [(&str, &str, &[&str]); 16] = [
    (LOINC, "8480-6", &[]),
    (LOINC, "2823-3", &[]),
    (LOINC, "718-7", &[]),
    (ICD, "E11.9", &[]),
    (ICD, "I10", &[]),
    (ICD, "J45.909", &[]),
    (LOINC, "7917-8", &["HIV"]),
    (ICD, "B20", &["HIV"]),
    (ICD, "F11.20", &["ETH", "OPIOIDUD"]),
    (ICD, "F32.1", &["PSY"]),
    (ICD, "C50.911", &["ONC"]),
    (ICD, "T74.12XA", &["SDV"]),
    (ICD, "Z34.00", &["SEX"]),
    (ICD, "A53.9", &["STD"]),
    (ICD, "D57.1", &["SICKLE"]),
    (ICD, "E84.0", &["GDIS"]),
];

/// Labels that somebody writes by hand.
const WRITTEN: [(&str, &str); 5] =
    [(ACT, "PSYTHPN"), (ACT, "42CFRPart2"), (CONFIDENTIALITY, "R"), (ACT, "ADOL"), (ACT, "SDV")];

/// A site's own value set: two substance use disorder programmes, by the organizations that they are.
pub const PROGRAMS: &str = r#"name = "Programs"
labels = ["42CFRPart2"]
source = "list of programs"
date = "2026-11-23"
places = ["Organization/detox", "Organization/harbor"]
"#;

/// The kinds of clinical and other facts: type, and what stands around code and subject.
const FACTS: [(&str, &str); 21] = [
    (
        "Observation",
        r#""status":"final","code":CODE,"subject":PATIENT,"encounter":VISIT,"effectiveDateTime":"DATE","performer":[STAFF],"valueQuantity":{"value":NUMBER,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}"#,
    ),
    (
        "Observation",
        r#""status":"preliminary","code":CODE,"subject":PATIENT,"effectiveDateTime":"DATE","hasMember":[{"reference":"Observation/OTHER"}]"#,
    ),
    (
        "Condition",
        r#""clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/condition-clinical","code":"active"}]},"code":CODE,"subject":PATIENT,"encounter":VISIT,"recordedDate":"DATE","asserter":STAFF"#,
    ),
    (
        "DiagnosticReport",
        r#""status":"final","code":CODE,"subject":PATIENT,"result":[{"reference":"Observation/OTHER"}],"issued":"DATET10:00:00Z""#,
    ),
    (
        "Procedure",
        r#""status":"completed","code":CODE,"subject":PATIENT,"encounter":VISIT,"performedDateTime":"DATE","performer":[{"actor":STAFF}]"#,
    ),
    (
        "DocumentReference",
        r#""status":"current","type":CODE,"subject":PATIENT,"date":"DATET09:00:00Z","author":[STAFF],"description":"note NUMBER","content":[{"attachment":{"contentType":"text/plain","data":"bm90ZQ=="}}]"#,
    ),
    (
        "Composition",
        r#""status":"final","type":CODE,"subject":PATIENT,"date":"DATE","author":[STAFF],"title":"Letter NUMBER","section":[{"title":"a","entry":[{"reference":"Observation/OTHER"}]}]"#,
    ),
    (
        "MedicationRequest",
        r#""status":"active","intent":"order","medicationCodeableConcept":CODE,"subject":PATIENT,"authoredOn":"DATE","requester":STAFF"#,
    ),
    (
        "AllergyIntolerance",
        r#""clinicalStatus":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical","code":"active"}]},"code":CODE,"patient":PATIENT,"recordedDate":"DATE""#,
    ),
    ("Immunization", r#""status":"completed","vaccineCode":CODE,"patient":PATIENT,"occurrenceDateTime":"DATE""#),
    (
        "Claim",
        r#""status":"active","use":"claim","type":CODE,"patient":PATIENT,"created":"DATE","provider":STAFF,"priority":{"coding":[{"code":"normal"}]},"insurance":[{"sequence":1,"focal":true,"coverage":{"display":"x"}}]"#,
    ),
    (
        "Coverage",
        r#""status":"active","beneficiary":PATIENT,"payor":[{"reference":"Organization/insurer"}],"period":{"start":"DATE"}"#,
    ),
    (
        "QuestionnaireResponse",
        r#""status":"completed","subject":PATIENT,"authored":"DATE","questionnaire":"http://a.org/q|1","author":STAFF"#,
    ),
    ("CarePlan", r#""status":"active","intent":"plan","category":[CODE],"subject":PATIENT,"period":{"start":"DATE"}"#),
    (
        "Communication",
        r#""status":"completed","reasonCode":[CODE],"subject":PATIENT,"sent":"DATET08:00:00Z","sender":STAFF"#,
    ),
    ("Flag", r#""status":"active","code":CODE,"subject":PATIENT,"period":{"start":"DATE"}"#),
    ("Goal", r#""lifecycleStatus":"active","description":CODE,"subject":PATIENT,"startDate":"DATE""#),
    (
        "List",
        r#""status":"current","mode":"working","code":CODE,"subject":PATIENT,"entry":[{"item":{"reference":"Observation/OTHER"}},{"item":PATIENT}]"#,
    ),
    (
        "Task",
        r#""status":"requested","intent":"order","code":CODE,"for":PATIENT,"focus":{"reference":"Observation/OTHER"},"owner":STAFF"#,
    ),
    ("Binary", r#""contentType":"text/plain","data":"bm90ZQ==","securityContext":PATIENT"#),
    ("Device", r#""status":"active","type":CODE,"patient":PATIENT,"owner":{"reference":"Organization/house"}"#),
];

/// Everything there is: the house, then one chart after the other.
pub fn hospital(seed: u64) -> Vec<String> {
    let mut dice = Dice::new(seed);
    let mut all = house();
    for number in 0..PATIENTS {
        all.extend(chart(number, &mut dice));
    }
    all.extend(proxies());
    all
}

fn house() -> Vec<String> {
    let mut all = vec![
        r#"{"resourceType":"Organization","id":"house","name":"Saguaro Valley","active":true}"#.to_owned(),
        r#"{"resourceType":"Organization","id":"insurer","name":"Mesa Health Plan","partOf":{"reference":"Organization/house"}}"#.to_owned(),
        r#"{"resourceType":"Organization","id":"detox","name":"Desert Recovery","active":true}"#.to_owned(),
        r#"{"resourceType":"Organization","id":"harbor","name":"Harbor House","active":true}"#.to_owned(),
        r#"{"resourceType":"Location","id":"icu","status":"active","name":"Intensive care"}"#.to_owned(),
        r#"{"resourceType":"Location","id":"ward","status":"active","name":"Ward","partOf":{"reference":"Location/icu"}}"#.to_owned(),
        r#"{"resourceType":"ValueSet","id":"pressure","url":"http://a.org/pressure","status":"active","name":"Pressure",
            "compose":{"include":[{"system":"http://loinc.org","concept":[{"code":"8480-6"}]}]}}"#.to_owned(),
        r#"{"resourceType":"Group","id":"g","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/p0"}}]}"#.to_owned(),
        r#"{"resourceType":"MeasureReport","id":"m","status":"complete","type":"summary","measure":"http://a.org/m","period":{"start":"2026"}}"#.to_owned(),
    ];
    for name in STAFF {
        all.push(format!(
            r#"{{"resourceType":"Practitioner","id":"{name}","active":true,"name":[{{"family":"{name}"}}],"birthDate":"1970-01-0{}"}}"#,
            1 + name.len()
        ));
    }
    all
}

/// One patient: who they are, who treats them, what is known, and what they have said about it.
pub fn chart(number: usize, dice: &mut Dice) -> Vec<String> {
    let patient = format!("Patient/p{number}");
    let year = [1950, 1988, 2012, 1971][number % 4];
    let gender = ["female", "male"][number % 2];
    let practitioner =
        if number.is_multiple_of(5) { r#","generalPractitioner":[{"reference":"Practitioner/kim"}]"# } else { "" };
    let mut all = vec![format!(
        r#"{{"resourceType":"Patient","id":"p{number}","active":true,"gender":"{gender}","birthDate":"{year}-03-0{}",
            "name":[{{"family":"Fam{number}","given":["Given{}"]}}],"address":[{{"state":"CA","city":"City{}"}}],
            "telecom":[{{"system":"phone","value":"555-010{number}"}}],
            "managingOrganization":{{"reference":"Organization/house"}}{practitioner}}}"#,
        1 + number % 9,
        number % 3,
        number % 2
    )];
    all.extend(care(number, &patient, dice));
    let count = 14 + dice.below(8);
    all.extend((0..count).map(|i| fact(&format!("p{number}-{i}"), number, dice)));
    all.extend(consents(number, &patient));
    all
}

/// Visits, teams and the rest of what makes a relationship of care; some long over.
fn care(number: usize, patient: &str, dice: &mut Dice) -> Vec<String> {
    let mut all = Vec::new();
    for i in 0..2 {
        let staff = dice.one(&STAFF);
        let start = *dice.one(&["2026-11-20", "2026-07-01", "2024-05-05"]);
        let end = if dice.chance(60) { format!(r#","end":"{start}""#) } else { String::new() };
        let place = *dice.one(&["icu", "ward"]);
        let status = if dice.chance(15) { "cancelled" } else { "finished" };
        let program = [Some("detox"), None, Some("harbor"), None, Some("detox")][(number + 3 * i) % 5];
        let program =
            program.map_or_else(String::new, |id| format!(r#""serviceProvider":{{"reference":"Organization/{id}"}},"#));
        all.push(format!(
            r#"{{"resourceType":"Encounter","id":"p{number}-v{i}","status":"{status}","class":{{"system":"{ACT}","code":"AMB"}},{program}
                "subject":{{"reference":"{patient}"}},"participant":[{{"individual":{{"reference":"Practitioner/{staff}"}}}}],
                "period":{{"start":"{start}"{end}}},"location":[{{"location":{{"reference":"Location/{place}"}}}}]}}"#
        ));
    }
    let team = [Some("kim"), None, Some("ana"), None, Some("kim"), Some("sun")][number % 6];
    if let Some(member) = team {
        all.push(format!(
            r#"{{"resourceType":"CareTeam","id":"p{number}-t","status":"active","subject":{{"reference":"{patient}"}},
                "participant":[{{"member":{{"reference":"Practitioner/{member}"}}}}]}}"#
        ));
    }
    match number % 4 {
        0 => all.push(format!(
            r#"{{"resourceType":"Appointment","id":"p{number}-a","status":"booked","start":"2026-11-24T10:00:00Z","end":"2026-11-24T10:30:00Z",
                "participant":[{{"actor":{{"reference":"{patient}"}},"status":"accepted"}},
                {{"actor":{{"reference":"Practitioner/ana"}},"status":"accepted"}}]}}"#
        )),
        1 => all.push(format!(
            r#"{{"resourceType":"ServiceRequest","id":"p{number}-r","status":"active","intent":"order","subject":{{"reference":"{patient}"}},
                "authoredOn":"2026-10-01","requester":{{"reference":"Practitioner/kim"}},"performer":[{{"reference":"Practitioner/sun"}}]}}"#
        )),
        2 => all.push(format!(
            r#"{{"resourceType":"EpisodeOfCare","id":"p{number}-e","status":"active","patient":{{"reference":"{patient}"}},
                "careManager":{{"reference":"Practitioner/ana"}},"period":{{"start":"2026-01-01","end":"2026-02-01"}}}}"#
        )),
        _ => {}
    }
    all
}

/// A resource about a patient, with a code that may be sensitive and now and then a label by hand.
pub fn fact(id: &str, number: usize, dice: &mut Dice) -> String {
    let (kind, body) = *dice.one(&FACTS);
    let (system, code, _) = *dice.one(&CODES);
    let concept = format!(r#"{{"coding":[{{"system":"{system}","code":"{code}"}}],"text":"text {code}"}}"#);
    let staff = format!(r#"{{"reference":"Practitioner/{}"}}"#, dice.one(&STAFF));
    let visit = format!(r#"{{"reference":"Encounter/p{number}-v{}"}}"#, dice.below(2));
    let date = format!("20{}-0{}-1{}", 24 + dice.below(3), 1 + dice.below(9), dice.below(9));
    // Where a fact points: mostly into the same chart, sometimes into another's.
    let of = if dice.chance(80) { number } else { dice.below(PATIENTS) };
    let other = format!("p{of}-{}", dice.below(20));
    let label = match dice.chance(22).then(|| *dice.one(&WRITTEN)) {
        Some((system, code)) => format!(r#""meta":{{"security":[{{"system":"{system}","code":"{code}"}}]}},"#),
        None => String::new(),
    };
    let body = body
        .replace("CODE", &concept)
        .replace("PATIENT", &format!(r#"{{"reference":"Patient/p{number}"}}"#))
        .replace("STAFF", &staff)
        .replace("VISIT", &visit)
        .replace("DATE", &date)
        .replace("OTHER", &other)
        .replace("NUMBER", &dice.below(300).to_string());
    format!(r#"{{"resourceType":"{kind}","id":"{id}",{label}{body}}}"#)
}

const PRIVACY: &str = r#""scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"patient-privacy"}]},
    "category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}]"#;

fn consents(number: usize, patient: &str) -> Vec<String> {
    let rule = |code: &str| format!(r#""policyRule":{{"coding":[{{"system":"{ACT}","code":"{code}"}}]}},"#);
    let actor = |who: &str| {
        format!(r#""actor":[{{"role":{{"coding":[{{"code":"IRCP"}}]}},"reference":{{"reference":"{who}"}}}}]"#)
    };
    let role = |code: &str| format!(r#""actor":[{{"role":{{"coding":[{{"code":"{code}"}}]}}}}]"#);
    let label = |code: &str| format!(r#""securityLabel":[{{"system":"{ACT}","code":"{code}"}}]"#);
    let consent = |suffix: &str, date: &str, rest: String| {
        format!(
            r#"{{"resourceType":"Consent","id":"p{number}-{suffix}","status":"active",{PRIVACY},"patient":{{"reference":"{patient}"}},
                "dateTime":"{date}",{rest}}}"#
        )
    };
    let one = |rest: String| vec![consent("c", "2026-01-01", rest)];
    let (optin, optout) = (rule("OPTIN"), rule("OPTOUT"));
    match number {
        0 => one(format!(r#"{optin}"provision":{{"type":"deny",{}}}"#, actor("Practitioner/lee"))),
        1 => one(format!(
            r#"{optin}"provision":{{"type":"deny",{},"provision":[{{"type":"permit",{}}}]}}"#,
            label("HIV"),
            actor("Practitioner/kim")
        )),
        2 => one(format!(
            r#"{optout}"provision":{{"type":"permit","purpose":[{{"code":"TREAT"}},{{"code":"PATRQT"}}],"provision":[{{"type":"deny",
                "class":[{{"system":"http://hl7.org/fhir/resource-types","code":"DocumentReference"}}]}}]}}"#
        )),
        4 => one(format!(
            r#"{}"provision":{{"type":"permit",{},"purpose":[{{"code":"TREAT"}}]}}"#,
            rule("42CFRPart2"),
            actor("Practitioner/kim")
        )),
        5 => vec![
            consent(
                "c",
                "2026-01-01",
                format!(r#"{}"provision":{{"type":"deny",{}}}"#, rule("hipaa-restrictions"), role("biller")),
            ),
            consent(
                "d",
                "2026-02-01",
                format!(
                    r#"{}"provision":{{"type":"permit",{},{}}}"#,
                    rule("hipaa-auth"),
                    actor("Practitioner/kim"),
                    label("PSYTHPN")
                ),
            ),
        ],
        6 => one(format!(
            r#"{optin}"provision":{{"type":"deny","code":[{{"coding":[{{"system":"{ICD}","code":"E11.9"}}]}},
                {{"coding":[{{"system":"{LOINC}","code":"8480-6"}}]}}]}}"#
        )),
        7 => one(format!(
            r#"{optin}"provision":{{"type":"deny","data":[{{"meaning":"dependents","reference":{{"reference":"Encounter/p7-v0"}}}}],
                "provision":[{{"type":"permit",{}}}]}}"#,
            role("coder")
        )),
        8 => vec![
            consent("c", "2026-01-01", format!(r#"{optin}"provision":{{"type":"deny"}}"#)),
            consent(
                "d",
                "2026-03-01",
                format!(
                    r#"{optin}"provision":{{"type":"deny","dataPeriod":{{"start":"2025-01-01","end":"2025-12-31"}},{}}}"#,
                    role("him-specialist")
                ),
            ),
        ],
        9 => one(format!(
            r#"{optin}"provision":{{"type":"deny",{}}},"modifierExtension":[{{"url":"http://a.org/x","valueBoolean":true}}]"#,
            role("coder")
        )),
        10 => one(format!(r#"{optin}"provision":{{"type":"permit",{},{}}}"#, role("app"), label("ETH"))),
        11 => one(optin.trim_end_matches(',').to_owned()),
        _ => Vec::new(),
    }
}

/// A mother of a child of 14, and an agent with a document that still holds.
fn proxies() -> Vec<String> {
    vec![
        r#"{"resourceType":"RelatedPerson","id":"mother","active":true,"patient":{"reference":"Patient/p2"},
            "relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-RoleCode","code":"MTH"}]}],
            "period":{"start":"2012-03-03"}}"#
            .to_owned(),
        r#"{"resourceType":"RelatedPerson","id":"agent","active":true,"patient":{"reference":"Patient/p4"},
            "relationship":[{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-RoleCode","code":"HPOWATT"}]}],
            "period":{"start":"2025-01-01","end":"2027-01-01"}}"#
            .to_owned(),
    ]
}
