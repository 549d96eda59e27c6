//! Kidney function from creatinine: CKD-EPI 2021 (Inker et al., N Engl J Med 2021;385:1737), the same on any machine.

use super::people::Sex;

/// Estimated glomerular filtration rate in mL/min/1.73 m2, rounded. `creatinine` is in hundredths of mg/dL.
pub fn egfr(creatinine: i32, age: i32, sex: Sex) -> i32 {
    let (kappa, alpha, factor) = if sex == Sex::Female { (70.0, -0.241, 1.012) } else { (90.0, -0.302, 1.0) };
    let ratio = f64::from(creatinine.max(1)) / kappa;
    let exponent = if ratio < 1.0 { alpha } else { -1.2 };
    let rate = 142.0 * power(ratio, exponent) * power(0.9938, f64::from(age)) * factor;
    (rate + 0.5) as i32
}

/// `base` to a power, for bases near 1, by the four operations only: IEEE 754 makes those equal everywhere, while `powf`
/// is the platform's own.
fn power(base: f64, exponent: f64) -> f64 {
    exp(exponent * ln(base))
}

fn ln(x: f64) -> f64 {
    // 2 atanh((x-1)/(x+1)): the terms fall by (2/3)^2 or faster for x between 1/5 and 5.
    let t = (x - 1.0) / (x + 1.0);
    let (mut term, mut sum) = (t, 0.0);
    for k in 0..40 {
        sum += term / f64::from(2 * k + 1);
        term *= t * t;
    }
    2.0 * sum
}

fn exp(x: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for k in 1..30 {
        term *= x / f64::from(k);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_paper() {
        // By the formula on the National Kidney Foundation's page, calculated by hand.
        for (creatinine, age, sex, rate) in
            [(100, 50, Sex::Male, 92), (100, 50, Sex::Female, 69), (180, 70, Sex::Female, 30), (60, 30, Sex::Male, 133)]
        {
            assert_eq!(egfr(creatinine, age, sex), rate, "{creatinine} at {age}");
        }
    }
}
