//! Cancer: found by biopsy, operated on, staged from the specimen, followed. Stages are those of AJCC's 8th edition for
//! the T, N and M given.

use super::episodes;
use crate::hospital::chart::Chart;
use crate::hospital::codes::conditions::{self as c, Problem};
use crate::hospital::codes::{Code, drugs as d, labs, procedures};
use crate::hospital::day::Day;
use crate::hospital::house::{self, ONCOLOGIST, PATHOLOGIST, STAFF, SURGEON};
use crate::hospital::people::{Person, Sex, Smoking};
use crate::hospital::tree::{link, object, words};
use crate::hospital::visits::{HOME, Kind, Visit};

/// A cancer and what the pathologist finds.
pub struct Cancer {
    problem: &'static Problem,
    /// Per thousand of those at risk.
    rate: usize,
    /// From which age.
    age: i32,
    /// Only this sex.
    sex: Option<Sex>,
    /// Only those who smoke or smoked.
    smokers: bool,
    /// Per thousand who die of it.
    pub lethal: usize,
    biopsy: Code,
    surgery: Code,
    how: &'static str,
    site: &'static str,
    histology: &'static str,
    grade: Option<&'static str>,
    /// One of these applies.
    stages: &'static [Stage],
    /// Lines of the synoptic report beyond those.
    more: &'static [&'static str],
}

/// How far it went.
struct Stage {
    group: &'static str,
    t: &'static str,
    n: &'static str,
    m: &'static str,
    /// The line of the synoptic report that the T or N rests on.
    line: &'static str,
}

const fn stage(group: &'static str, t: &'static str, n: &'static str, m: &'static str, line: &'static str) -> Stage {
    Stage { group, t, n, m, line }
}

/// The five of the demo hospital.
pub static CANCERS: &[Cancer] = &[
    Cancer {
        problem: &c::BREAST,
        rate: 45,
        age: 45,
        sex: Some(Sex::Female),
        smokers: false,
        lethal: 60,
        biopsy: procedures::BREAST_BIOPSY,
        surgery: procedures::LUMPECTOMY,
        how: "a mass in the right breast on mammography",
        site: "Right breast, upper outer quadrant",
        histology: "Invasive carcinoma of no special type (ductal)",
        grade: Some("Nottingham grade 2"),
        stages: &[
            stage("IA", "pT1c", "pN0", "cM0", "Greatest dimension: 14 mm"),
            stage("IIA", "pT2", "pN0", "cM0", "Greatest dimension: 27 mm"),
        ],
        more: &[
            "Estrogen receptor: positive (95 %)",
            "Progesterone receptor: positive (80 %)",
            "HER2: negative (score 1+)",
        ],
    },
    Cancer {
        problem: &c::COLON,
        rate: 26,
        age: 50,
        sex: None,
        smokers: false,
        lethal: 250,
        biopsy: procedures::COLONOSCOPY,
        surgery: procedures::COLECTOMY,
        how: "blood in the stool",
        site: "Sigmoid colon",
        histology: "Adenocarcinoma",
        grade: Some("G2, moderately differentiated"),
        stages: &[
            stage("I", "pT2", "pN0", "cM0", "Invades the muscularis propria; lymph nodes: 0 of 17 positive"),
            stage("IIA", "pT3", "pN0", "cM0", "Invades the pericolic tissue; lymph nodes: 0 of 19 positive"),
            stage("IIIB", "pT3", "pN1b", "cM0", "Invades the pericolic tissue; lymph nodes: 2 of 16 positive"),
        ],
        more: &["Mismatch repair proteins: intact"],
    },
    Cancer {
        problem: &c::LUNG,
        rate: 40,
        age: 55,
        sex: None,
        smokers: true,
        lethal: 550,
        biopsy: procedures::LUNG_BIOPSY,
        surgery: procedures::LUNG_BIOPSY,
        how: "a nodule in the right upper lobe on the chest X-ray",
        site: "Lung, right upper lobe",
        histology: "Adenocarcinoma",
        grade: Some("G2, moderately differentiated"),
        stages: &[
            stage("IVA", "cT2a", "cN2", "cM1b", "Greatest dimension on imaging: 36 mm; one metastasis in the liver"),
            stage("IIIA", "cT2a", "cN2", "cM0", "Greatest dimension on imaging: 34 mm"),
        ],
        more: &["EGFR: no mutation found", "PD-L1 tumor proportion score: 60 %"],
    },
    Cancer {
        problem: &c::PROSTATE,
        rate: 50,
        age: 55,
        sex: Some(Sex::Male),
        smokers: false,
        lethal: 60,
        biopsy: crate::hospital::codes::snomed("65575008", "Biopsy of prostate"),
        surgery: procedures::PROSTATECTOMY,
        how: "a raised PSA",
        site: "Prostate",
        histology: "Acinar adenocarcinoma",
        grade: Some("Gleason score 3 + 4 = 7 (grade group 2)"),
        stages: &[stage("IIB", "pT2", "pN0", "cM0", "Confined to the prostate")],
        more: &["Extraprostatic extension: not identified", "Margins: negative"],
    },
    Cancer {
        problem: &c::MELANOMA,
        rate: 18,
        age: 35,
        sex: None,
        smokers: false,
        lethal: 80,
        biopsy: procedures::SKIN_BIOPSY,
        surgery: procedures::SKIN_BIOPSY,
        how: "a mole on the back that changed",
        site: "Skin of the back",
        histology: "Superficial spreading melanoma",
        grade: None,
        stages: &[
            stage("IA", "pT1a", "cN0", "cM0", "Breslow thickness: 0.6 mm"),
            stage("IB", "pT2a", "pN0", "cM0", "Breslow thickness: 1.4 mm"),
        ],
        more: &["Ulceration: not identified", "Margins: negative"],
    },
];

impl Cancer {
    /// How often it comes to this person over the years of the record.
    pub fn per_thousand(&self, person: &Person, age: i32) -> usize {
        let at_risk = age >= self.age
            && self.sex.is_none_or(|sex| sex == person.sex)
            && (!self.smokers || person.smoking != Smoking::Never);
        if at_risk { self.rate } else { 0 }
    }

    /// The one stage that this patient has; the same each time it is asked.
    fn stage(&self, chart: &Chart) -> &'static Stage {
        &self.stages[chart.person.number % self.stages.len()]
    }

    /// Histology, and the grade when there is one.
    fn diagnosis(&self) -> String {
        self.grade.map_or_else(|| self.histology.to_owned(), |grade| format!("{}, {grade}", self.histology))
    }
}

/// The biopsy and its report.
pub fn found(chart: &mut Chart, day: Day, cancer: &'static Cancer) {
    let start = day.workday().at(9, 30);
    let reason = cancer.how.to_owned();
    let mut visit = chart.arrive(Kind::Clinic, start, 60, SURGEON, procedures::SYMPTOM, reason);
    let condition = chart.diagnose(&mut visit, cancer.problem);
    marker(chart, &mut visit, cancer, 0);
    chart.procedure(&mut visit, cancer.biopsy, 30, Some(&condition));
    let text = format!("FINAL DIAGNOSIS\n{}, biopsy:\n- {}.\n", cancer.site, cancer.diagnosis());
    report(chart, &mut visit, &text, cancer, None);
    visit.plan.push("Discuss at the tumor board; surgery and oncology to see the patient.".to_owned());
    chart.leave(visit, None);
}

/// The operation, the synoptic report and the stage. What cannot be operated on is staged only.
pub fn surgery(chart: &mut Chart, day: Day, cancer: &'static Cancer) {
    let Some(active) = chart.problems.iter().find(|a| std::ptr::eq(a.problem, cancer.problem)).cloned() else { return };
    let start = day.workday().at(7, 45);
    let reason = format!("surgery of {}", cancer.problem.name);
    let operable = !std::ptr::eq(cancer.problem, &raw const c::LUNG);
    let mut visit = if operable {
        chart.arrive(Kind::Inpatient(0), start, 3 * 1440 - 300, SURGEON, procedures::ADMISSION, reason)
    } else {
        let reason = format!("staging of {}", cancer.problem.name);
        chart.arrive(Kind::Clinic, start, 60, ONCOLOGIST, procedures::FOLLOW_UP, reason)
    };
    visit.diagnoses.push((cancer.problem, active.link.clone()));
    chart.vitals(&mut visit);
    let leukocytes = chart.dice.between(55, 95);
    chart.count(&mut visit, leukocytes);
    if operable {
        chart.procedure(&mut visit, cancer.surgery, 120, Some(&active.link));
    } else {
        episodes::image(chart, &mut visit, procedures::CHEST_X_RAY, "Mass in the right upper lobe.");
    }
    let text = synoptic(cancer, cancer.stage(chart));
    report(chart, &mut visit, &text, cancer, Some(&active.link));
    let group = cancer.stage(chart).group;
    visit.plan.push(format!("Stage {group}. Oncology to see the patient in four weeks."));
    if std::ptr::eq(cancer.problem, &raw const c::BREAST) {
        chart.prescribe(&mut visit, &d::ANASTROZOLE, Some(&active.link));
    }
    chart.leave(visit, operable.then_some(HOME));
}

/// The report in lines, each a question of the College's protocol and its answer.
fn synoptic(cancer: &Cancer, stage: &Stage) -> String {
    let mut lines = vec![
        "SYNOPTIC REPORT".to_owned(),
        format!("Site: {}", cancer.site),
        format!("Histologic type: {}", cancer.histology),
    ];
    lines.extend(cancer.grade.map(|grade| format!("Grade: {grade}")));
    lines.push(stage.line.to_owned());
    lines.extend(cancer.more.iter().map(|line| (*line).to_owned()));
    let Stage { group, t, n, m, .. } = stage;
    lines.push(format!("Stage (AJCC 8th edition, anatomic): {t} {n} {m}, stage {group}\n"));
    lines.join("\n")
}

/// A visit to the oncologist.
pub fn after(chart: &mut Chart, day: Day, cancer: &'static Cancer) {
    let Some(active) = chart.problems.iter().find(|a| std::ptr::eq(a.problem, cancer.problem)).cloned() else { return };
    let start = day.workday().at(10, 0);
    let reason = format!("follow-up of {}", cancer.problem.name);
    let mut visit = chart.arrive(Kind::Clinic, start, 30, ONCOLOGIST, procedures::FOLLOW_UP, reason);
    visit.diagnoses.push((cancer.problem, active.link));
    chart.vitals(&mut visit);
    marker(chart, &mut visit, cancer, day.0 - active.onset.0);
    let group = cancer.stage(chart).group;
    visit.history.push(format!("Known {}, stage {group}.", cancer.problem.name));
    let words = if group.starts_with("IV") { "Progression under treatment." } else { "No sign of recurrence." };
    visit.findings.push(words.to_owned());
    visit.plan.push("Next visit in six months.".to_owned());
    chart.leave(visit, None);
}

/// The tumor marker that goes with the cancer, high before treatment and low after it.
fn marker(chart: &mut Chart, visit: &mut Visit, cancer: &Cancer, days: i32) {
    let high = days == 0;
    if std::ptr::eq(cancer.problem, &raw const c::PROSTATE) {
        let psa = if high { chart.dice.between(58, 140) } else { chart.dice.between(0, 1) };
        chart.panel(visit, &labs::PSA_TEST, &[(&labs::PSA, psa)]);
    } else if std::ptr::eq(cancer.problem, &raw const c::COLON) {
        let cea = if high { chart.dice.between(38, 190) } else { chart.dice.between(8, 26) };
        chart.panel(visit, &labs::CEA_TEST, &[(&labs::CEA, cea)]);
    }
}

/// A pathology report: order, specimen, document, and the stage when there is one.
fn report(chart: &mut Chart, visit: &mut Visit, text: &str, cancer: &Cancer, staged: Option<&str>) {
    let drawn = visit.start.plus(30);
    let done = visit.start.plus(60);
    let order = chart.order(visit, labs::PATHOLOGY, visit.start.plus(10));
    let specimen = chart.specimen(&order, labs::TISSUE, drawn);
    let person = &chart.person;
    let header = format!(
        "{}\nSURGICAL PATHOLOGY REPORT\n\nPatient: {}   MRN: {}   Born: {}\nReceived: {drawn}\nPathologist: {}\n\n",
        house::NAME,
        person.name(),
        person.record_number(),
        person.birth,
        STAFF[PATHOLOGIST].signature(),
    );
    chart.document(visit, labs::PATHOLOGY, done, &(header + text), PATHOLOGIST);
    let mut results = Vec::new();
    if let Some(condition) = staged {
        let stage = cancer.stage(chart);
        let codes = if stage.t.starts_with('p') { labs::STAGE } else { labs::CLINICAL_STAGE };
        for (code, value) in codes.into_iter().zip([stage.group, stage.t, stage.n, stage.m]) {
            results.push(link(&chart.coded(visit, code, words(value), condition, done)));
        }
    }
    let body = object! {
        "basedOn": [link(&order)],
        "status": "final",
        "category": [labs::PATHOLOGY_REPORT],
        "code": labs::PATHOLOGY,
        "subject": chart.patient(),
        "encounter": link(&visit.link),
        "effectiveDateTime": drawn,
        "issued": done,
        "performer": [link(&STAFF[PATHOLOGIST].link())],
        "specimen": [link(&specimen)],
        "result": results,
        "conclusion": format!("{}: {}", cancer.site, cancer.diagnosis()),
    };
    chart.add("DiagnosticReport", Some("diagnosticreport-note"), body);
    visit.findings.push(format!("Pathology: {}.", cancer.diagnosis()));
}
