//! A development authority and a certificate for each node, created if missing.

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use time::OffsetDateTime;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// The trusted authorities, the newest first. New certificates are signed by the one that the local key belongs to.
pub(super) const TRUSTED: &str = "ca.pem";
/// The newest authority's key.
const AUTHORITY_KEY: &str = "ca.key";
/// Validity of certificates, in days.
const AUTHORITY_DAYS: i64 = 3_650;
const NODE_DAYS: i64 = 397;

/// An error of creating or reading certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// The disk failed.
    #[error("certificates in {0}: {1}")]
    Io(String, io::Error),
    /// A certificate could not be generated.
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    /// The authority's key is missing.
    #[error("{0} is missing: certificates can only be made where the authority's key is")]
    NoAuthority(String),
    /// There is only one authority.
    #[error("{0} holds one authority: `troupe certs rotate --authority` makes the next one first")]
    OneAuthority(String),
    /// The authority's key belongs to no trusted authority.
    #[error(
        "{0} belongs to none of the authorities in ca.pem: put the key of one of them there, or its certificate into ca.pem"
    )]
    NotTrusted(String),
    /// The node with this certificate would be locked out.
    #[error(
        "{0} is not signed by the authority that is to stay ({1}): `troupe certs rotate` first, or remove the file if \
         that node is gone for good"
    )]
    SignedByAnother(String, String),
    /// The directory holds certificates, but not for this node.
    #[error("{0} has no certificate for node {1:?}: add NAME.pem and NAME.key signed by its authority")]
    Missing(String, String),
}

/// Creates `dir` with an authority and one certificate for each node, unless it exists. Safe for several processes at
/// once: the directory appears complete, and the first one wins.
///
/// # Errors
/// See [`CertError`].
pub fn ensure_certificates(dir: &Path, cluster: &str, nodes: &[String]) -> Result<(), CertError> {
    let fail = |error| CertError::Io(dir.display().to_string(), error);
    if !dir.exists() {
        let parent = dir.parent().unwrap_or_else(|| Path::new("."));
        fs::create_dir_all(parent).map_err(fail)?;
        static DRAFTS: AtomicU32 = AtomicU32::new(0);
        let draft = DRAFTS.fetch_add(1, Ordering::Relaxed);
        let draft = parent.join(format!(".certs-{}-{draft}", std::process::id()));
        let _ = fs::remove_dir_all(&draft);
        fs::create_dir(&draft).map_err(fail)?;
        make(&draft, cluster, nodes)?;
        let renamed = fs::rename(&draft, dir);
        let _ = fs::remove_dir_all(&draft);
        if !dir.exists() {
            renamed.map_err(fail)?;
        }
    }
    for node in nodes {
        if !dir.join(format!("{node}.pem")).exists() || !dir.join(format!("{node}.key")).exists() {
            issue_later(dir, node)?;
        }
    }
    Ok(())
}

fn make(dir: &Path, cluster: &str, nodes: &[String]) -> Result<(), CertError> {
    let key = KeyPair::generate()?;
    let authority = authority(cluster)?;
    write(dir, TRUSTED, &authority.self_signed(&key)?.pem())?;
    write(dir, AUTHORITY_KEY, &key.serialize_pem())?;
    let issuer = Issuer::new(authority, key);
    for node in nodes {
        issue(dir, &issuer, node)?;
    }
    let closed = fs::Permissions::from_mode(0o700);
    fs::set_permissions(dir, closed).map_err(|error| CertError::Io(dir.display().to_string(), error))
}

/// Creates new certificates for nodes with the local authority key. Running nodes reload them.
///
/// # Errors
/// See [`CertError`].
pub fn rotate_nodes(dir: &Path, nodes: &[String]) -> Result<(), CertError> {
    let issuer = issuer(dir, authority_key(dir)?)?;
    nodes.iter().try_for_each(|node| issue(dir, &issuer, node))
}

/// Creates a new authority. Earlier ones stay trusted until [`retire_authorities`], so that nodes can get new
/// certificates in any order.
///
/// # Errors
/// See [`CertError`].
pub fn rotate_authority(dir: &Path, cluster: &str) -> Result<(), CertError> {
    authority_key(dir)?;
    let trusted = read(dir, TRUSTED)?;
    let key = KeyPair::generate()?;
    let new = authority(cluster)?.self_signed(&key)?.pem();
    // The authority is trusted before it signs anything.
    write(dir, TRUSTED, &format!("{new}{trusted}"))?;
    write(dir, AUTHORITY_KEY, &key.serialize_pem())
}

/// Ends the trust in every authority but the one with the local key. Certificates of other authorities would then be
/// refused, so there may be none left.
///
/// # Errors
/// See [`CertError`].
pub fn retire_authorities(dir: &Path) -> Result<(), CertError> {
    if authorities(dir)?.len() < 2 {
        return Err(CertError::OneAuthority(dir.join(TRUSTED).display().to_string()));
    }
    let key = KeyPair::from_pem(&authority_key(dir)?)?;
    let stays = own_authority(dir, &key)?;
    for node in nodes_with_certificates(dir)? {
        let path = dir.join(format!("{node}.pem"));
        signed_by(&path, &stays)
            .map_err(|why| CertError::SignedByAnother(path.display().to_string(), why))?;
    }
    write(dir, TRUSTED, &stays)
}

/// Whether certificates can be created here.
#[must_use]
pub fn authority_at_hand(dir: &Path) -> bool {
    dir.join(AUTHORITY_KEY).exists()
}

/// Names of the nodes with a certificate here.
///
/// # Errors
/// See [`CertError`].
pub fn nodes_with_certificates(dir: &Path) -> Result<Vec<String>, CertError> {
    let fail = |error| CertError::Io(dir.display().to_string(), error);
    let mut nodes = Vec::new();
    for entry in fs::read_dir(dir).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name().to_string_lossy().into_owned();
        let draft = name.starts_with('.');
        nodes.extend(name.strip_suffix(".pem").filter(|_| !draft && name != TRUSTED).map(str::to_owned));
    }
    nodes.sort_unstable();
    Ok(nodes)
}

/// The trusted authorities, each as PEM.
fn authorities(dir: &Path) -> Result<Vec<String>, CertError> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let trusted = read(dir, TRUSTED)?.replace('\r', "");
    let block = |text: &str| text.split_once(BEGIN).map(|(_, body)| format!("{BEGIN}{body}{END}\n"));
    Ok(trusted.split(END).filter_map(block).collect())
}

/// The authority that a key belongs to. It may not be the first: an interrupted rotation has trusted an authority
/// without storing its key.
fn own_authority(dir: &Path, key: &KeyPair) -> Result<String, CertError> {
    let owns = |pem: &String| {
        let Ok(certificate) = CertificateDer::from_pem_slice(pem.as_bytes()) else { return false };
        let parsed = x509_parser::parse_x509_certificate(&certificate);
        parsed.is_ok_and(|(_, parsed)| *parsed.public_key().subject_public_key.data == *key.public_key_raw())
    };
    let not_trusted = || CertError::NotTrusted(dir.join(AUTHORITY_KEY).display().to_string());
    authorities(dir)?.into_iter().find(owns).ok_or_else(not_trusted)
}

/// The local authority, under its own name.
fn issuer(dir: &Path, key: String) -> Result<Issuer<'static, KeyPair>, CertError> {
    let key = KeyPair::from_pem(&key)?;
    let pem = own_authority(dir, &key)?;
    Ok(Issuer::from_ca_cert_pem(&pem, key)?)
}

/// Whether a certificate is accepted by nodes that trust only this authority.
fn signed_by(certificate: &Path, authority: &str) -> Result<(), String> {
    let read = CertificateDer::from_pem_file(certificate).map_err(|error| error.to_string())?;
    let mut roots = RootCertStore::empty();
    let authority =
        CertificateDer::from_pem_slice(authority.as_bytes()).map_err(|error| error.to_string())?;
    roots.add(authority).map_err(|error| error.to_string())?;
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider).build();
    let verifier = verifier.map_err(|error| error.to_string())?;
    verifier.verify_client_cert(&read, &[], UnixTime::now()).map(drop).map_err(|error| error.to_string())
}

fn authority_key(dir: &Path) -> Result<String, CertError> {
    let missing = |_| CertError::NoAuthority(dir.join(AUTHORITY_KEY).display().to_string());
    fs::read_to_string(dir.join(AUTHORITY_KEY)).map_err(missing)
}

fn read(dir: &Path, name: &str) -> Result<String, CertError> {
    let path = dir.join(name);
    fs::read_to_string(&path).map_err(|error| CertError::Io(path.display().to_string(), error))
}

fn authority(cluster: &str) -> Result<CertificateParams, CertError> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, format!("{cluster} development authority"));
    valid_for(&mut authority, AUTHORITY_DAYS);
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(authority)
}

/// Valid from an hour ago, because clocks differ.
fn valid_for(params: &mut CertificateParams, days: i64) {
    let now = OffsetDateTime::now_utc();
    params.not_before = now - time::Duration::HOUR;
    params.not_after = now + time::Duration::days(days);
}

fn issue(dir: &Path, issuer: &Issuer<'_, KeyPair>, node: &str) -> Result<(), CertError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![node.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, node);
    valid_for(&mut params, NODE_DAYS);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = params.signed_by(&key, issuer)?;
    // The key first: a certificate implies that its key exists.
    write(dir, &format!("{node}.key"), &key.serialize_pem())?;
    write(dir, &format!("{node}.pem"), &certificate.pem())
}

/// Creates the certificate of a later node, with the local authority key.
fn issue_later(dir: &Path, node: &str) -> Result<(), CertError> {
    let missing = || CertError::Missing(dir.display().to_string(), node.to_owned());
    let key = fs::read_to_string(dir.join(AUTHORITY_KEY)).map_err(|_| missing())?;
    issue(dir, &issuer(dir, key)?, node)
}

fn write(dir: &Path, name: &str, text: &str) -> Result<(), CertError> {
    let (path, draft) = (dir.join(name), dir.join(format!(".{name}-{}", std::process::id())));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let fail = |error| CertError::Io(path.display().to_string(), error);
    // A node that reads at this time finds the old or the new file, complete.
    let mut file = options.open(&draft).map_err(fail)?;
    io::Write::write_all(&mut file, text.as_bytes()).and_then(|()| file.sync_all()).map_err(fail)?;
    fs::rename(&draft, &path).map_err(fail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_made_once_and_kept_private() {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        let nodes = ["n1".to_owned(), "n2".to_owned()];
        ensure_certificates(&certs, "test", &nodes).unwrap();
        let first = fs::read(certs.join("n1.pem")).unwrap();
        ensure_certificates(&certs, "test", &nodes).unwrap();
        assert_eq!(fs::read(certs.join("n1.pem")).unwrap(), first);
        let mode = fs::metadata(certs.join("n1.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        ensure_certificates(&certs, "test", &["n8".to_owned()]).unwrap();
        assert!(certs.join("n8.pem").exists(), "the development authority is at hand");
        assert_eq!(nodes_with_certificates(&certs).unwrap(), ["n1", "n2", "n8"]);
        fs::remove_file(certs.join("ca.key")).unwrap();
        let error = ensure_certificates(&certs, "test", &["n9".to_owned()]).unwrap_err();
        assert!(error.to_string().contains("n9"), "{error}");
    }

    #[test]
    fn an_authority_is_replaced_in_three_steps_that_each_leave_one_that_is_trusted() {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        let nodes = ["n1".to_owned()];
        ensure_certificates(&certs, "test", &nodes).unwrap();
        let node = || fs::read_to_string(certs.join("n1.pem")).unwrap();
        let trusted = || fs::read_to_string(certs.join(TRUSTED)).unwrap().matches("BEGIN").count();
        let first = node();
        rotate_nodes(&certs, &nodes).unwrap();
        assert_ne!(node(), first);
        let error = retire_authorities(&certs).unwrap_err();
        assert!(error.to_string().contains("rotate --authority"), "{error}");
        let old = fs::read_to_string(certs.join(TRUSTED)).unwrap();
        rotate_authority(&certs, "test").unwrap();
        assert_eq!(trusted(), 2);
        rotate_nodes(&certs, &nodes).unwrap();
        retire_authorities(&certs).unwrap();
        assert_eq!(trusted(), 1);
        assert_ne!(fs::read_to_string(certs.join(TRUSTED)).unwrap(), old);
        let mode = fs::metadata(certs.join("n1.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "also when it is replaced");
        fs::remove_file(certs.join(AUTHORITY_KEY)).unwrap();
        let error = rotate_nodes(&certs, &nodes).unwrap_err();
        assert!(error.to_string().contains("ca.key"), "{error}");
    }

    #[test]
    fn an_authority_is_not_retired_while_a_certificate_that_it_signed_is_in_use() {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        let nodes = ["n1".to_owned(), "n2".to_owned()];
        ensure_certificates(&certs, "test", &nodes).unwrap();
        let first = fs::read_to_string(certs.join(TRUSTED)).unwrap();
        rotate_authority(&certs, "test").unwrap();
        rotate_nodes(&certs, &nodes[..1]).unwrap();
        let both = fs::read_to_string(certs.join(TRUSTED)).unwrap();
        let error = retire_authorities(&certs).unwrap_err().to_string();
        assert!(error.contains("n2.pem") && error.contains("troupe certs rotate"), "{error}");
        assert_eq!(fs::read_to_string(certs.join(TRUSTED)).unwrap(), both, "nothing was done");
        rotate_nodes(&certs, &nodes).unwrap();
        retire_authorities(&certs).unwrap();
        let left = authorities(&certs).unwrap();
        assert_eq!(left.len(), 1);
        assert_ne!(left[0], first);
        signed_by(&certs.join("n2.pem"), &left[0]).unwrap();
        signed_by(&certs.join("n2.pem"), &first).unwrap_err();
    }

    /// The new authority is trusted before its key is stored: after an interruption in between, the local key is the
    /// old one.
    #[test]
    fn a_rotation_that_was_cut_off_leaves_an_authority_that_signs_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        let nodes = ["n1".to_owned()];
        ensure_certificates(&certs, "test", &nodes).unwrap();
        let old = fs::read_to_string(certs.join(TRUSTED)).unwrap();
        let key = fs::read_to_string(certs.join(AUTHORITY_KEY)).unwrap();
        rotate_authority(&certs, "test").unwrap();
        write(&certs, AUTHORITY_KEY, &key).unwrap();
        rotate_nodes(&certs, &nodes).unwrap();
        signed_by(&certs.join("n1.pem"), &old).unwrap();
        retire_authorities(&certs).unwrap();
        assert_eq!(fs::read_to_string(certs.join(TRUSTED)).unwrap(), old);
        write(&certs, AUTHORITY_KEY, &KeyPair::generate().unwrap().serialize_pem()).unwrap();
        let error = rotate_nodes(&certs, &nodes).unwrap_err().to_string();
        assert!(error.contains("ca.key belongs to none"), "{error}");
    }

    #[test]
    fn an_authority_of_ones_own_signs_under_its_own_name() {
        let dir = tempfile::tempdir().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut own = authority("any").unwrap();
        own.distinguished_name = rcgen::DistinguishedName::new();
        own.distinguished_name.push(DnType::OrganizationName, "Example Works");
        let own = own.self_signed(&key).unwrap().pem();
        write(dir.path(), TRUSTED, &own).unwrap();
        write(dir.path(), AUTHORITY_KEY, &key.serialize_pem()).unwrap();
        ensure_certificates(dir.path(), "test", &["n1".to_owned()]).unwrap();
        signed_by(&dir.path().join("n1.pem"), &own).unwrap();
        rotate_nodes(dir.path(), &["n1".to_owned()]).unwrap();
        signed_by(&dir.path().join("n1.pem"), &own).unwrap();
    }

    #[test]
    fn nodes_that_start_together_agree_on_one_authority() {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        let nodes = ["n1".to_owned(), "n2".to_owned(), "n3".to_owned()];
        let together = std::sync::Barrier::new(8);
        let seen: Vec<(Vec<u8>, Vec<u8>)> = std::thread::scope(|scope| {
            let make = || {
                together.wait();
                ensure_certificates(&certs, "test", &nodes).unwrap();
                (fs::read(certs.join("ca.pem")).unwrap(), fs::read(certs.join("n3.key")).unwrap())
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(seen.windows(2).all(|pair| pair[0] == pair[1]));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft is left behind");
    }
}
