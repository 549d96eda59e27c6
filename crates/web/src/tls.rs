//! TLS 1.2 and 1.3 by rustls.

use crate::settings::Tls;
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// Why TLS cannot be offered, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file is no PEM with a certificate.
    #[error("the TLS certificate cannot be read: {0}; it must be PEM, the server's own certificate first")]
    Certificate(rustls_pki_types::pem::Error),
    /// The certificate file is empty.
    #[error("the TLS certificate file holds no certificate; it must be PEM, the server's own certificate first")]
    NoCertificate,
    /// The key file is no PEM with a private key.
    #[error("the TLS key cannot be read: {0}; it must be PEM (PKCS #8, PKCS #1 or SEC 1) without a passphrase")]
    Key(rustls_pki_types::pem::Error),
    /// Key and certificate do not fit together, or are not usable.
    #[error("the TLS certificate and key cannot be used: {0}")]
    Unusable(#[from] rustls::Error),
}

/// The server's side of TLS, offering HTTP/2 and HTTP/1.1.
pub fn config(tls: &Tls) -> Result<Arc<ServerConfig>, TlsError> {
    let certificates: Vec<CertificateDer<'static>> =
        CertificateDer::pem_slice_iter(&tls.certificates).collect::<Result<_, _>>().map_err(TlsError::Certificate)?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate);
    }
    let key = PrivateKeyDer::from_pem_slice(&tls.key).map_err(TlsError::Key)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_named() {
        let junk = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
        for (certificates, said) in [("", "holds no certificate"), (junk, "cannot be read")] {
            let tls = Tls { certificates: certificates.into(), key: Vec::new() };
            let error = config(&tls).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
