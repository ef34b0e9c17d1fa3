//! Mutual TLS: both sides show a certificate of the cluster's authority, and its name is the node's name.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// A node's two sides of TLS.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    pub(super) connector: TlsConnector,
}

impl Tls {
    /// Loads the authority and the node's own certificate.
    pub(super) fn load(dir: &Path, node: &str) -> Result<Self, String> {
        let authority = certificates(&dir.join("ca.pem"))?;
        let own = certificates(&dir.join(format!("{node}.pem")))?;
        let key_path = dir.join(format!("{node}.key"));
        let key = || {
            PrivateKeyDer::from_pem_file(&key_path)
                .map_err(|error| format!("{}: {error}", key_path.display()))
        };
        let mut roots = RootCertStore::empty();
        for certificate in authority {
            roots.add(certificate).map_err(|error| error.to_string())?;
        }
        let roots = Arc::new(roots);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(|error| error.to_string())?;
        let server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_client_cert_verifier(verifier)
            .with_single_cert(own.clone(), key()?)
            .map_err(|error| error.to_string())?;
        let client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_client_auth_cert(own, key()?)
            .map_err(|error| error.to_string())?;
        Ok(Self { acceptor: Arc::new(server).into(), connector: Arc::new(client).into() })
    }
}

/// Which of the names a certificate was issued to.
pub(super) fn name_of<'a>(
    certificate: &CertificateDer<'_>,
    mut names: impl Iterator<Item = &'a str>,
) -> Option<&'a str> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    names.find(|name| {
        ServerName::try_from(*name)
            .is_ok_and(|server| rustls::client::verify_server_name(&parsed, &server).is_ok())
    })
}

/// A number for the session that both ends of a connection derive from its keys, and nobody else can.
pub(super) fn session_number<Side>(connection: &rustls::ConnectionCommon<Side>) -> Result<u64, String> {
    let bytes = connection
        .export_keying_material([0_u8; 8], b"EXPORTER-troupe-session", None)
        .map_err(|error| format!("TLS: {error}"))?;
    Ok(u64::from_be_bytes(bytes))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(|error| format!("{}: {error}", path.display()))
}
