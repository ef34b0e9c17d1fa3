//! The three-valued result of a condition.

/// Whether a check holds, fails, is unknown, or is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::growthbook) enum Verdict {
    Pass,
    Fail,
    /// An unknown operator. Its negation is unknown as well.
    Unknown,
    /// Malformed. It fails the whole condition, so that a negation cannot turn a mistake into a match.
    Broken,
}

impl Verdict {
    /// The logical negation, named like the operator.
    pub(super) fn not(self) -> Verdict {
        match self {
            Verdict::Pass => Verdict::Fail,
            Verdict::Fail => Verdict::Pass,
            other => other,
        }
    }

    /// All must hold. A failure decides, before any unknown.
    pub(super) fn all(verdicts: impl Iterator<Item = Verdict>) -> Verdict {
        Verdict::until(verdicts, Verdict::Fail, Verdict::Pass)
    }

    /// At least one must hold.
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
