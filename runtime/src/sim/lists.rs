//! Checks whether a list's history is linearizable. Appends return their position and reads return everything before
//! them. So the order is known and the check is exact without a search: a list of length `n` is at version `n`.

/// An operation on a list and, if known, its result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// Appended this id; the length after it, if known.
    Append(u64, Option<u64>),
    /// Read the whole list.
    Read(Vec<u64>),
}

/// One call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    /// When it began.
    pub(super) from: u64,
    /// Time of the answer, if there was one.
    pub(super) to: Option<u64>,
    /// The operation.
    pub(super) step: Step,
}

impl Call {
    /// Time of the answer, and the version that it showed.
    pub(super) fn acknowledged(&self) -> Option<(u64, usize)> {
        let version = match &self.step {
            Step::Append(_, length) => usize::try_from((*length)?).ok()?,
            Step::Read(seen) => seen.len(),
        };
        Some((self.to?, version))
    }
}

/// Checks a list's calls against its last state.
///
/// # Errors
/// The violated property.
pub(super) fn check(calls: &[Call], last: &[u64]) -> Result<(), String> {
    if let Some(twice) = first_twice(last) {
        return Err(format!("{twice} was appended twice"));
    }
    let mut versions: Vec<(u64, Option<u64>, usize, bool)> = Vec::new();
    for call in calls {
        match &call.step {
            Step::Append(id, Some(length)) => {
                let at = usize::try_from(*length).unwrap_or(usize::MAX);
                if at == 0 || last.get(at - 1) != Some(id) {
                    return Err(format!(
                        "{id} was acknowledged as number {length}, and is not there at the end"
                    ));
                }
                versions.push((call.from, call.to, at, true));
            }
            // The outcome is unknown; if the append happened, it cannot have been visible before the call.
            Step::Append(id, None) => {
                if let Some(at) = last.iter().position(|there| there == id) {
                    versions.push((call.from, None, at + 1, true));
                }
            }
            Step::Read(seen) => {
                if last.get(..seen.len()) != Some(seen) {
                    return Err(format!("a read of {} saw what the list never was", seen.len()));
                }
                versions.push((call.from, call.to, seen.len(), false));
            }
        }
    }
    in_real_time(versions)
}

/// A call that begins after another was answered sees at least its version, and an append a later one.
fn in_real_time(mut versions: Vec<(u64, Option<u64>, usize, bool)>) -> Result<(), String> {
    versions.sort_unstable();
    let mut ended: Vec<(u64, usize)> =
        versions.iter().filter_map(|(_, to, version, _)| Some(((*to)?, *version))).collect();
    ended.sort_unstable();
    let (mut next, mut highest) = (0, 0);
    for (from, _, version, append) in versions {
        while next < ended.len() && ended[next].0 < from {
            highest = highest.max(ended[next].1);
            next += 1;
        }
        if version < highest || (append && version == highest && highest > 0) {
            return Err(format!("a call begun at {from} us got version {version}, after {highest} was seen"));
        }
    }
    Ok(())
}

fn first_twice(list: &[u64]) -> Option<u64> {
    let mut sorted = list.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn append(from: u64, to: u64, id: u64, length: u64) -> Call {
        let answered = to > 0;
        Call { from, to: answered.then_some(to), step: Step::Append(id, answered.then_some(length)) }
    }

    fn read(from: u64, to: u64, seen: &[u64]) -> Call {
        Call { from, to: Some(to), step: Step::Read(seen.to_vec()) }
    }

    #[test]
    fn linearizable_histories_are_told_from_others() {
        let last = [7, 8, 9];
        for (name, expected, calls) in [
            ("as it was", true, vec![append(1, 2, 7, 1), append(3, 4, 8, 2), read(5, 6, &[7, 8])]),
            ("a lost append", false, vec![append(1, 2, 5, 1)]),
            ("at another place", false, vec![append(1, 2, 8, 1)]),
            ("a stale read", false, vec![append(1, 2, 7, 1), read(3, 4, &[])]),
            ("a read beside an append", true, vec![append(1, 9, 7, 1), read(3, 4, &[])]),
            ("reads go back", false, vec![read(1, 2, &[7, 8]), read(3, 4, &[7])]),
            ("a read of what never was", false, vec![read(1, 2, &[8])]),
            ("an unknown append that happened", true, vec![append(1, 0, 7, 1)]),
            ("one that shows before it was asked", false, vec![read(1, 2, &[7]), append(3, 0, 7, 1)]),
            ("one that never happened", true, vec![append(1, 0, 5, 1)]),
            ("a later append that comes before", false, vec![append(1, 2, 8, 2), append(3, 4, 7, 1)]),
        ] {
            assert_eq!(check(&calls, &last).is_ok(), expected, "{name}");
        }
        assert!(check(&[], &[7, 8, 7]).is_err_and(|why| why.contains("7 was appended twice")));
    }
}
