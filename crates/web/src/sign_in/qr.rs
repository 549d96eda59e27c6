//! A QR code as SVG, drawn by us: no picture is fetched from anywhere.

use qrcodegen::{QrCode, QrCodeEcc};

/// Modules of white around the code (ISO/IEC 18004 section 9.1).
const QUIET: i32 = 4;

/// The code of a text; empty when the text is too long for one.
pub fn svg(text: &str) -> String {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else { return String::new() };
    let size = code.size();
    let mut path = String::new();
    for y in 0..size {
        for x in (0..size).filter(|x| code.get_module(*x, y)) {
            path.push_str(&format!("M{} {}h1v1h-1z", x + QUIET, y + QUIET));
        }
    }
    let side = size + 2 * QUIET;
    format!(
        "<svg viewBox=\"0 0 {side} {side}\" width=\"240\" height=\"240\" role=\"img\" aria-label=\"QR code of the secret\">\
         <path d=\"M0 0h{side}v{side}H0z\" fill=\"#fff\"/><path d=\"{path}\" fill=\"#000\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_drawn_and_too_much_is_not() {
        assert!(svg("otpauth://totp/Chartroom:kim?secret=ABC").starts_with("<svg viewBox=\"0 0 37 37\""));
        assert_eq!(svg(&"x".repeat(5_000)), "");
    }
}
