//! Vaccines (CVX) and when children get them: the CDC's schedule for the United States, in days of age.

use super::{Code, cvx};

const HEPATITIS_B: Code = cvx("08", "Hep B, adolescent or pediatric");
const ROTAVIRUS: Code = cvx("119", "rotavirus, monovalent");
const DTAP: Code = cvx("20", "DTaP");
const HIB: Code = cvx("49", "Hib (PRP-OMP)");
const PNEUMOCOCCUS: Code = cvx("133", "Pneumococcal conjugate PCV 13");
const POLIO: Code = cvx("10", "IPV");
const MMR: Code = cvx("03", "MMR");
const VARICELLA: Code = cvx("21", "varicella");
const HEPATITIS_A: Code = cvx("83", "Hep A, ped/adol, 2 dose");
/// Tetanus, diphtheria, pertussis for adolescents, adults and each pregnancy.
pub const TDAP: Code = cvx("115", "Tdap");
const MENINGOCOCCUS: Code = cvx("114", "meningococcal MCV4P");
/// Each autumn.
pub const INFLUENZA: Code = cvx("140", "Influenza, seasonal, injectable, preservative free");
/// From 65.
pub const PNEUMOCOCCUS_23: Code = cvx("33", "pneumococcal polysaccharide PPV23");
/// From 50.
pub const ZOSTER: Code = cvx("187", "zoster recombinant");

/// Age in days, vaccine, which dose of it.
pub static CHILDHOOD: &[(i32, Code, i32)] = &[
    (1, HEPATITIS_B, 1),
    (61, HEPATITIS_B, 2),
    (61, ROTAVIRUS, 1),
    (61, DTAP, 1),
    (61, HIB, 1),
    (61, PNEUMOCOCCUS, 1),
    (61, POLIO, 1),
    (122, ROTAVIRUS, 2),
    (122, DTAP, 2),
    (122, HIB, 2),
    (122, PNEUMOCOCCUS, 2),
    (122, POLIO, 2),
    (183, HEPATITIS_B, 3),
    (183, DTAP, 3),
    (183, PNEUMOCOCCUS, 3),
    (183, POLIO, 3),
    (375, MMR, 1),
    (375, VARICELLA, 1),
    (375, HEPATITIS_A, 1),
    (375, HIB, 3),
    (375, PNEUMOCOCCUS, 4),
    (470, DTAP, 4),
    (560, HEPATITIS_A, 2),
    (1480, DTAP, 5),
    (1480, POLIO, 4),
    (1480, MMR, 2),
    (1480, VARICELLA, 2),
    (4040, TDAP, 1),
    (4040, MENINGOCOCCUS, 1),
];
