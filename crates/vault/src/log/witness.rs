//! A witness: says that a log only ever grew (C2SP tlog-witness, tlog-cosignature).

/// Signature type of an Ed25519 cosignature.
pub(crate) const COSIGNATURE: u8 = 0x04;
