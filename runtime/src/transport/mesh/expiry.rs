//! Expiry of certificates, and when to warn about it.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Serialize;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use crate::time::Timestamp;

/// Remaining validity, in days, below which nodes warn.
pub const WARN_DAYS: i64 = 14;
const DAY_MS: i64 = 86_400_000;

/// The content of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Its file.
    pub file: String,
    /// Its subject.
    pub subject: String,
    /// The names that it is valid for; empty for an authority.
    pub names: Vec<String>,
    /// Start of its validity.
    pub not_before: Timestamp,
    /// End of its validity.
    pub not_after: Timestamp,
    /// Its serial number in hexadecimal: two authorities may have the same name.
    pub serial: String,
}

impl Certificate {
    /// Whole days left; negative if it has expired.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> i64 {
        let (until, now) = (self.not_after.0.cast_signed(), now.0.cast_signed());
        (until - now).div_euclid(DAY_MS)
    }
}

/// The certificates in a PEM file.
///
/// # Errors
/// The file cannot be read or has other content; the text names it.
pub fn read_certificates(path: &Path) -> Result<Vec<Certificate>, String> {
    let fail = |why: &dyn std::fmt::Display| format!("{}: {why}", path.display());
    let chain: Vec<CertificateDer<'_>> =
        CertificateDer::pem_file_iter(path).and_then(Iterator::collect).map_err(|error| fail(&error))?;
    chain.iter().map(|one| parse(path, one).map_err(|error| fail(&error))).collect()
}

fn parse(path: &Path, certificate: &CertificateDer<'_>) -> Result<Certificate, String> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|error| error.to_string())?;
    let millis = |seconds: i64| Timestamp(u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000));
    let alternative = parsed.subject_alternative_name().ok().flatten();
    let names =
        alternative.iter().flat_map(|names| &names.value.general_names).filter_map(|name| match name {
            GeneralName::DNSName(name) => Some((*name).to_owned()),
            _ => None,
        });
    Ok(Certificate {
        file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        subject: parsed.subject().to_string(),
        names: names.collect(),
        not_before: millis(parsed.validity().not_before.timestamp()),
        not_after: millis(parsed.validity().not_after.timestamp()),
        serial: parsed.raw_serial_as_string().replace(':', ""),
    })
}

/// Rate limit of expiry warnings: one a day, from two weeks before the expiry.
#[derive(Debug, Default)]
pub(super) struct Warned {
    at: Option<Timestamp>,
}

impl Warned {
    /// The warning that is due now, if any.
    pub(super) fn say(&mut self, certificates: &[Certificate], now: Timestamp) -> Option<String> {
        let first = certificates.iter().min_by_key(|one| one.not_after)?;
        let left = first.days_left(now);
        let lately = self.at.is_some_and(|at| now.0.saturating_sub(at.0) < DAY_MS.unsigned_abs());
        if left >= WARN_DAYS || lately {
            return None;
        }
        self.at = Some(now);
        let when = if left < 0 { "has expired".to_owned() } else { format!("expires in {left} days") };
        Some(format!("{} ({}) {when}: `troupe certs rotate` makes new ones", first.file, first.subject))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(days: u64) -> Certificate {
        let not_after = Timestamp(days * DAY_MS.unsigned_abs());
        Certificate {
            file: "n1.pem".into(),
            subject: "CN=n1".into(),
            names: vec!["n1".into()],
            not_before: Timestamp(0),
            not_after,
            serial: "00".into(),
        }
    }

    #[test]
    fn from_two_weeks_before_the_first_expiry_there_is_one_warning_a_day() {
        let both = [certificate(400), certificate(100)];
        let mut warned = Warned::default();
        let mut warnings = Vec::new();
        for hour in (80 * 24)..(102 * 24) {
            let now = Timestamp(hour * 3_600_000);
            warnings.extend(warned.say(&both, now).map(|text| (hour / 24, text)));
        }
        let days: Vec<u64> = warnings.iter().map(|(day, _)| *day).collect();
        assert_eq!(days, (86..102).collect::<Vec<u64>>());
        assert!(warnings[0].1.contains("expires in 13 days"), "{}", warnings[0].1);
        assert!(warnings.last().unwrap().1.contains("has expired"));
        assert_eq!(Warned::default().say(&[], Timestamp(0)), None);
    }

    #[test]
    fn what_was_made_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        let certs = dir.path().join("certs");
        super::super::ensure_certificates(&certs, "test", &["n1".to_owned()]).unwrap();
        let now = Timestamp::wall();
        let node = &read_certificates(&certs.join("n1.pem")).unwrap()[0];
        assert_eq!((node.names.as_slice(), node.days_left(now)), (&["n1".to_owned()][..], 396));
        let authority = &read_certificates(&certs.join("ca.pem")).unwrap()[0];
        assert!(authority.names.is_empty() && authority.days_left(now) == 3_649, "{authority:?}");
        std::fs::write(certs.join("n1.pem"), "no certificate").unwrap();
        assert_eq!(read_certificates(&certs.join("n1.pem")), Ok(Vec::new()));
    }
}
