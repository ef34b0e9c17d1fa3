//! What a node shows to its peers: its certificates, and the cookie.

use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use troupe_runtime::transport::mesh::{authority_at_hand, ensure_certificates};

use crate::config::Config;

const FILE: &str = "cookie";
const VARIABLE: &str = "TROUPE_COOKIE";

/// Sees to it that there are certificates for every node of the configuration, and returns the cookie.
///
/// # Errors
/// Files that are missing and cannot be made here, or that cannot be read; the text names them.
pub fn ready(config: &Config, certs: &Path) -> anyhow::Result<String> {
    let names: Vec<String> = config.nodes.iter().map(|node| node.name.clone()).collect();
    ensure_certificates(certs, &config.cluster.name, &names)?;
    match std::env::var(VARIABLE) {
        Ok(cookie) => Ok(cookie),
        Err(_) => cookie(certs),
    }
}

/// The shared secret in the folder. It is made where the development authority is: on a machine that was only given its
/// certificates, another one would let this node into no session.
fn cookie(certs: &Path) -> anyhow::Result<String> {
    let path = certs.join(FILE);
    let named = || path.display().to_string();
    match std::fs::read_to_string(&path) {
        Ok(cookie) => return Ok(cookie),
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(named),
        Err(_) if !authority_at_hand(certs) => bail!(
            "{} is not there: copy it from another node of the cluster, or set {VARIABLE} to what is in it",
            path.display()
        ),
        Err(_) => {}
    }
    let made: String = (0..32).map(|_| char::from(b"0123456789abcdef"[rand::random_range(0..16)])).collect();
    let draft = certs.join(format!(".cookie-{}", std::process::id()));
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(&draft).with_context(named)?;
    file.write_all(made.as_bytes()).and_then(|()| file.sync_all()).with_context(named)?;
    // A link fails where the name exists: the first of several nodes wins.
    let _ = std::fs::hard_link(&draft, &path);
    std::fs::remove_file(&draft).with_context(named)?;
    std::fs::read_to_string(&path).with_context(named)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn the_cookie_is_made_once_where_the_authority_is_and_asked_for_elsewhere() {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        ensure_certificates(&certs, "test", &["n1".to_owned()]).unwrap();
        let made = cookie(&certs).unwrap();
        assert_eq!(cookie(&certs).unwrap(), made);
        let mode = std::fs::metadata(certs.join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::remove_file(certs.join("ca.key")).unwrap();
        assert_eq!(cookie(&certs).unwrap(), made);
        std::fs::remove_file(certs.join(FILE)).unwrap();
        let said = cookie(&certs).unwrap_err().to_string();
        assert!(said.contains("certs/cookie is not there") && said.contains(VARIABLE), "{said}");
    }

    #[test]
    fn a_folder_that_cannot_be_written_to_is_enough_where_everything_is_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        let nodes = ["n1".to_owned()];
        ensure_certificates(&certs, "test", &nodes).unwrap();
        let made = cookie(&certs).unwrap();
        std::fs::set_permissions(&certs, std::fs::Permissions::from_mode(0o500)).unwrap();
        ensure_certificates(&certs, "test", &nodes).unwrap();
        let read = cookie(&certs);
        std::fs::set_permissions(&certs, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(read.unwrap(), made);
        assert_eq!(std::fs::read_dir(&certs).unwrap().count(), 5, "no draft");
    }
}
