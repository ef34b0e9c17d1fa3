//! A development authority and a certificate for each node, made when there are none.

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use time::OffsetDateTime;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// The authorities that are trusted, the newest first.
pub(super) const TRUSTED: &str = "ca.pem";
/// The newest authority's key.
const AUTHORITY_KEY: &str = "ca.key";
/// How long certificates are valid, in days.
const AUTHORITY_DAYS: i64 = 3_650;
const NODE_DAYS: i64 = 397;

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// The disk.
    #[error("certificates in {0}: {1}")]
    Io(String, io::Error),
    /// The generator.
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
    /// The authority's key is not here.
    #[error("{0} is not there: only where the authority's key is can certificates be made")]
    NoAuthority(String),
    /// Nothing to retire.
    #[error("{0} holds one authority: `troupe certs rotate --authority` makes the next one first")]
    OneAuthority(String),
    /// The directory holds certificates, but none for this node.
    #[error("{0} has no certificate for node {1:?}: add NAME.pem and NAME.key signed by its authority")]
    Missing(String, String),
}

/// Makes `dir` with an authority and one certificate for each node, unless it is there. Safe when several processes do
/// it at once: the directory appears whole, and the first one wins.
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
            issue_later(dir, cluster, node)?;
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

/// New certificates for nodes, from the authority at hand. Running nodes take them up by themselves.
///
/// # Errors
/// See [`CertError`].
pub fn rotate_nodes(dir: &Path, cluster: &str, nodes: &[String]) -> Result<(), CertError> {
    let key = authority_key(dir)?;
    let issuer = Issuer::new(authority(cluster)?, KeyPair::from_pem(&key)?);
    nodes.iter().try_for_each(|node| issue(dir, &issuer, node))
}

/// A new authority. The ones before it stay trusted until [`retire_authorities`], so that nodes can get certificates of
/// the new one in any order.
///
/// # Errors
/// See [`CertError`].
pub fn rotate_authority(dir: &Path, cluster: &str) -> Result<(), CertError> {
    authority_key(dir)?;
    let trusted = read(dir, TRUSTED)?;
    let key = KeyPair::generate()?;
    let new = authority(cluster)?.self_signed(&key)?.pem();
    // Trusted before it signs anything.
    write(dir, TRUSTED, &format!("{new}{trusted}"))?;
    write(dir, AUTHORITY_KEY, &key.serialize_pem())
}

/// Ends the trust in every authority but the newest. A certificate that another one signed is refused from then on.
///
/// # Errors
/// See [`CertError`].
pub fn retire_authorities(dir: &Path) -> Result<(), CertError> {
    const END: &str = "-----END CERTIFICATE-----\n";
    let trusted = read(dir, TRUSTED)?.replace('\r', "");
    let newest = trusted.split_inclusive(END).next().filter(|first| first.len() < trusted.trim_end().len());
    let newest = newest.ok_or_else(|| CertError::OneAuthority(dir.join(TRUSTED).display().to_string()))?;
    write(dir, TRUSTED, newest)
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

/// From an hour ago, because clocks differ.
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
    // The key first: a certificate says that its key is there.
    write(dir, &format!("{node}.key"), &key.serialize_pem())?;
    write(dir, &format!("{node}.pem"), &certificate.pem())
}

/// A certificate for a node that comes later, where the development authority is at hand.
fn issue_later(dir: &Path, cluster: &str, node: &str) -> Result<(), CertError> {
    let missing = || CertError::Missing(dir.display().to_string(), node.to_owned());
    let key = fs::read_to_string(dir.join(AUTHORITY_KEY)).map_err(|_| missing())?;
    issue(dir, &Issuer::new(authority(cluster)?, KeyPair::from_pem(&key)?), node)
}

fn write(dir: &Path, name: &str, text: &str) -> Result<(), CertError> {
    let (path, draft) = (dir.join(name), dir.join(format!(".{name}-{}", std::process::id())));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let fail = |error| CertError::Io(path.display().to_string(), error);
    // A node that reads meanwhile finds the old file or the new one, whole.
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
        rotate_nodes(&certs, "test", &nodes).unwrap();
        assert_ne!(node(), first);
        let error = retire_authorities(&certs).unwrap_err();
        assert!(error.to_string().contains("rotate --authority"), "{error}");
        let old = fs::read_to_string(certs.join(TRUSTED)).unwrap();
        rotate_authority(&certs, "test").unwrap();
        assert_eq!(trusted(), 2);
        rotate_nodes(&certs, "test", &nodes).unwrap();
        retire_authorities(&certs).unwrap();
        assert_eq!(trusted(), 1);
        assert_ne!(fs::read_to_string(certs.join(TRUSTED)).unwrap(), old);
        let mode = fs::metadata(certs.join("n1.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "also when it is replaced");
        fs::remove_file(certs.join(AUTHORITY_KEY)).unwrap();
        let error = rotate_nodes(&certs, "test", &nodes).unwrap_err();
        assert!(error.to_string().contains("ca.key"), "{error}");
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
