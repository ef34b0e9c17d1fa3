//! Mutual TLS: both sides present a certificate of the cluster's authority, which names the node. Changed files are
//! reloaded while the node runs: existing sessions stay, new sessions use the new files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::certs::TRUSTED;
use super::channels::ALPN;
use super::expiry::{Warned, read_certificates};
use crate::time::Timestamp;

/// Time between two checks of the files.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Both sides of a node's TLS, from the current files.
#[derive(Clone)]
pub(super) struct Tls {
    files: Arc<[PathBuf; 3]>,
    node: Arc<str>,
    sides: Arc<ArcSwap<Sides>>,
}

pub(super) struct Sides {
    pub(super) acceptor: TlsAcceptor,
    pub(super) connector: TlsConnector,
}

/// The version of the files.
type Stamp = [Option<(SystemTime, u64)>; 3];

impl Tls {
    /// Loads the authorities and the node's own certificate.
    pub(super) fn load(dir: &Path, node: &str) -> Result<Self, String> {
        let files = [dir.join(TRUSTED), dir.join(format!("{node}.pem")), dir.join(format!("{node}.key"))];
        let sides = Arc::new(ArcSwap::from_pointee(Sides::load(&files)?));
        Ok(Self { files: Arc::new(files), node: node.into(), sides })
    }

    /// The configuration for new sessions.
    pub(super) fn now(&self) -> Arc<Sides> {
        self.sides.load_full()
    }

    fn stamp(&self) -> Stamp {
        let of = |path: &PathBuf| std::fs::metadata(path).and_then(|at| Ok((at.modified()?, at.len()))).ok();
        [of(&self.files[0]), of(&self.files[1]), of(&self.files[2])]
    }

    /// Why every peer would refuse this node; otherwise only the peers' logs would tell.
    fn of_another(&self) -> Option<String> {
        let own = certificates(&self.files[1]).ok()?;
        let known = name_of(own.first()?, std::iter::once(&*self.node)).is_some();
        let (file, node) = (self.files[1].display(), &self.node);
        (!known).then(|| {
            format!(
                "{file} is not of node {node}, which its subject alternative names must name: peers refuse it"
            )
        })
    }

    /// Reloads changed files and warns before certificates expire, while the node runs. `say` gets a change and its
    /// reason.
    pub(super) async fn follow(self, say: impl Fn(&'static str, String)) {
        let (mut seen, mut warned, mut complained) = (self.stamp(), Warned::default(), String::new());
        if let Some(why) = self.of_another() {
            say("certificate_of_another", why);
        }
        loop {
            let own =
                [&self.files[0], &self.files[1]].map(|path| read_certificates(path).unwrap_or_default());
            if let Some(soon) = warned.say(&own.concat(), Timestamp::wall()) {
                say("certificate_expires", soon);
            }
            tokio::time::sleep(LOOK_EVERY).await;
            let stamp = self.stamp();
            if stamp == seen {
                continue;
            }
            match Sides::load(&self.files) {
                Ok(sides) => {
                    self.sides.store(Arc::new(sides));
                    (seen, warned, complained) = (stamp, Warned::default(), String::new());
                    say("certificates_read", "new sessions use the new files".to_owned());
                    if let Some(why) = self.of_another() {
                        say("certificate_of_another", why);
                    }
                }
                // Certificate and key are two files: between the two writes they do not match, and are checked again.
                Err(why) if why != complained => {
                    complained.clone_from(&why);
                    say("certificates_unreadable", format!("{why}; the earlier files stay in use"));
                }
                Err(_) => {}
            }
        }
    }
}

impl Sides {
    fn load([trusted, own, key_path]: &[PathBuf; 3]) -> Result<Self, String> {
        let authority = certificates(trusted)?;
        let (own_path, own) = (own, certificates(own)?);
        let key = || {
            PrivateKeyDer::from_pem_file(key_path).map_err(|error| format!("{}: {error}", key_path.display()))
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
        let mut server = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_client_cert_verifier(verifier)
            .with_single_cert(own.clone(), key()?)
            .map_err(|error| format!("{} and {}: {error}", own_path.display(), key_path.display()))?;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_client_auth_cert(own, key()?)
            .map_err(|error| error.to_string())?;
        server.alpn_protocols = vec![ALPN.to_vec()];
        client.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Self { acceptor: Arc::new(server).into(), connector: Arc::new(client).into() })
    }
}

/// The name, of `names`, that a certificate was issued to.
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

/// A session number that only the two ends of a connection can derive, from its keys.
pub(super) fn session_number<Side>(connection: &rustls::ConnectionCommon<Side>) -> Result<u64, String> {
    let bytes = connection
        .export_keying_material([0_u8; 8], b"EXPORTER-troupe-session", None)
        .map_err(|error| format!("TLS: {error}"))?;
    Ok(u64::from_be_bytes(bytes))
}

/// Whether both ends speak of two channels.
pub(super) fn has_two_channels<Side>(connection: &rustls::ConnectionCommon<Side>) -> bool {
    connection.alpn_protocol() == Some(ALPN)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| error.to_string())
        .and_then(|found| if found.is_empty() { Err("no certificate in it".to_owned()) } else { Ok(found) })
        .map_err(|why| format!("{}: {why}", path.display()))
}
