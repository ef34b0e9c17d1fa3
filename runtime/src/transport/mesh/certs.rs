//! A development authority and a certificate for each node, made when there are none.

use std::fs;
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertError {
    /// The disk.
    #[error("certificates in {0}: {1}")]
    Io(String, io::Error),
    /// The generator.
    #[error("a certificate could not be made: {0}")]
    Make(#[from] rcgen::Error),
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
    write(dir, "ca.pem", &authority.self_signed(&key)?.pem())?;
    write(dir, "ca.key", &key.serialize_pem())?;
    let issuer = Issuer::new(authority, key);
    for node in nodes {
        issue(dir, &issuer, node)?;
    }
    let closed = fs::Permissions::from_mode(0o700);
    fs::set_permissions(dir, closed).map_err(|error| CertError::Io(dir.display().to_string(), error))
}

fn authority(cluster: &str) -> Result<CertificateParams, CertError> {
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name.push(DnType::CommonName, format!("{cluster} development authority"));
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    Ok(authority)
}

fn issue(dir: &Path, issuer: &Issuer<'_, KeyPair>, node: &str) -> Result<(), CertError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::new(vec![node.to_owned()])?;
    params.distinguished_name.push(DnType::CommonName, node);
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
    let key = fs::read_to_string(dir.join("ca.key")).map_err(|_| missing())?;
    issue(dir, &Issuer::new(authority(cluster)?, KeyPair::from_pem(&key)?), node)
}

fn write(dir: &Path, name: &str, text: &str) -> Result<(), CertError> {
    let path = dir.join(name);
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let fail = |error| CertError::Io(path.display().to_string(), error);
    let mut file = options.open(&path).map_err(fail)?;
    io::Write::write_all(&mut file, text.as_bytes()).map_err(fail)
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
