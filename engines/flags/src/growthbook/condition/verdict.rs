//! What a condition comes to.

/// Whether something holds, is beyond what is understood, or cannot be read at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::growthbook) enum Verdict {
    Pass,
    Fail,
    /// An operator that is not known. Its negation is not known either.
    Unknown,
    /// Malformed, which fails the whole condition, so that a negation cannot turn a mistake into a match.
    Broken,
}

impl Verdict {
    /// Named as the operator is.
    pub(super) fn not(self) -> Verdict {
        match self {
            Verdict::Pass => Verdict::Fail,
            Verdict::Fail => Verdict::Pass,
            other => other,
        }
    }

    /// All have to hold; one that fails decides, wherever an unknown one is.
    pub(super) fn all(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
        Verdict::until(verdicts, Verdict::Fail, Verdict::Pass)
    }

    /// One has to hold.
    pub(super) fn any(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
        Verdict::until(verdicts, Verdict::Pass, Verdict::Fail)
    }

    fn until(verdicts: impl Iterator<Item = Verdict>, decisive: Verdict, otherwise: Verdict) -> Verdict {
        let mut out = otherwise;
        for verdict in verdicts {
            if verdict == decisive || verdict == Verdict::Broken {
                return verdict;
            }
            if verdict == Verdict::Unknown {
                out = Verdict::Unknown;
            }
        }
        out
    }
}

impl From<bool> for Verdict {
    fn from(holds: bool) -> Verdict {
        if holds { Verdict::Pass } else { Verdict::Fail }
    }
}
