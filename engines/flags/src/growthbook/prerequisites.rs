//! Detection of prerequisite cycles, without recursion.

use super::condition::Parser;
use super::features::Feature;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Seen {
    No,
    /// On the current search path.
    Open,
    Done,
}

/// Records each feature with prerequisites that lead back to it on the search path.
pub(super) fn note_circles(features: &[Feature], parser: &mut Parser<'_>) {
    let next: Vec<Vec<usize>> = features.iter().map(parents).collect();
    let mut seen = vec![Seen::No; features.len()];
    for root in 0..features.len() {
        if seen[root] != Seen::No {
            continue;
        }
        let mut way = vec![(root, 0)];
        seen[root] = Seen::Open;
        while let Some((at, step)) = way.last_mut() {
            let (feature, parent) = (*at, next[*at].get(*step).copied());
            *step += 1;
            match parent {
                None => {
                    seen[feature] = Seen::Done;
                    way.pop();
                }
                Some(parent) if seen[parent] == Seen::No => {
                    seen[parent] = Seen::Open;
                    way.push((parent, 0));
                }
                Some(parent) if seen[parent] == Seen::Open => {
                    let found = format!("a prerequisite {} that leads back here", features[parent].key);
                    parser.at(format!("features.{}", features[feature].key), |parser| {
                        parser.problem(found, "break the cycle of parentConditions");
                    });
                }
                Some(_) => {}
            }
        }
    }
}

fn parents(feature: &Feature) -> Vec<usize> {
    let parents = feature.rules.iter().flat_map(|rule| &rule.parents);
    parents.filter_map(|parent| parent.feature).collect()
}
