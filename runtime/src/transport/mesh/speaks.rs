//! The frame formats of a node, and the format that two nodes agree on. Pure.

use crate::transport::frame::FORMAT;

/// The oldest supported format: a cluster is upgraded node by node, so it is the newest of the previous version.
const OLDEST: u8 = 1;

/// A range of formats, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Speaks {
    oldest: u8,
    newest: u8,
}

impl Speaks {
    /// The formats of this version.
    pub(super) const HERE: Self = Self { oldest: OLDEST, newest: FORMAT };

    /// The newest format that both nodes support.
    pub(super) fn agree(self, other: Self) -> Result<u8, String> {
        let (oldest, newest) = (self.oldest.max(other.oldest), self.newest.min(other.newest));
        if oldest <= newest {
            return Ok(newest);
        }
        let behind = if self.newest < other.oldest { "this node" } else { "the peer" };
        Err(format!(
            "the peer speaks frame formats {other}, and this node {self}: upgrade {behind}, one version at a time"
        ))
    }

    /// From a name: `v1`, or `v1-3`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let fail = || format!("the peer's frame formats {text:?} are not a range such as v1 or v1-2");
        let range = text.strip_prefix('v').ok_or_else(fail)?;
        let (oldest, newest) = range.split_once('-').unwrap_or((range, range));
        let number = |text: &str| text.parse::<u8>().ok().filter(|number| *number > 0);
        match (number(oldest), number(newest)) {
            (Some(oldest), Some(newest)) if oldest <= newest => Ok(Self { oldest, newest }),
            _ => Err(fail()),
        }
    }
}

impl std::fmt::Display for Speaks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A single format is written as in versions before ranges.
        if self.oldest == self.newest {
            write!(f, "v{}", self.newest)
        } else {
            write!(f, "v{}-{}", self.oldest, self.newest)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_nodes_speak_the_newest_that_both_know() {
        for (ours, theirs, agreed) in [
            ("v1", "v1", Ok(1)),
            ("v1-2", "v1", Ok(1)),
            ("v1-2", "v2-3", Ok(2)),
            ("v1-4", "v2-3", Ok(3)),
            ("v1", "v2-3", Err("upgrade this node")),
            ("v3-4", "v1-2", Err("upgrade the peer")),
        ] {
            let (ours, theirs) = (Speaks::parse(ours).unwrap(), Speaks::parse(theirs).unwrap());
            match (ours.agree(theirs), agreed) {
                (Ok(format), Ok(agreed)) => assert_eq!(format, agreed, "{ours} and {theirs}"),
                (Err(error), Err(part)) => assert!(error.contains(part), "{error}"),
                (got, _) => panic!("{ours} and {theirs}: {got:?}"),
            }
            assert_eq!(Speaks::parse(&ours.to_string()), Ok(ours));
        }
        for bad in ["", "1", "v", "v0", "v2-1", "v1-", "v300", "v1-2-3"] {
            assert!(Speaks::parse(bad).is_err(), "{bad}");
        }
        assert_eq!(
            Speaks::parse("v1").unwrap().agree(Speaks::HERE),
            Ok(1),
            "what the first version says of itself"
        );
    }
}
