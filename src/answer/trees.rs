//! Gradient-boosted regression trees, small and exact: inference here, fitting in [`crate::fit`].

use serde::{Deserialize, Serialize};

/// One node of a tree, in the tree's list of nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Node {
    /// Go to `left` when the feature is at most the threshold, else to `right`.
    Split {
        /// Position of the feature.
        f: u16,
        /// Threshold.
        t: f32,
        /// Node for `x ≤ t`.
        l: u16,
        /// Node for `x > t`.
        r: u16,
    },
    /// Value of the tree.
    Leaf {
        /// Value.
        v: f32,
    },
}

/// Trees whose values are added up. Empty = 0 everywhere.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Forest(pub Vec<Vec<Node>>);

impl Forest {
    /// Sum of the trees' values at `x`. A malformed tree (a reference out of range) counts 0.
    pub fn predict(&self, x: &[f32]) -> f32 {
        self.0.iter().map(|tree| Self::value(tree, x)).sum()
    }

    /// Value of one tree at `x`.
    pub fn value(tree: &[Node], x: &[f32]) -> f32 {
        leaf(tree, x)
    }
}

fn leaf(tree: &[Node], x: &[f32]) -> f32 {
    let mut at = 0_usize;
    // A well-formed tree is shallower than its number of nodes; the bound ends a cyclic one.
    for _ in 0..tree.len() {
        match tree.get(at) {
            Some(Node::Leaf { v }) => return *v,
            Some(Node::Split { f, t, l, r }) => {
                let value = x.get(usize::from(*f)).copied().unwrap_or(0.0);
                at = usize::from(if value <= *t { *l } else { *r });
            }
            None => return 0.0,
        }
    }
    0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_add_up_and_malformed_ones_end() {
        let step =
            vec![Node::Split { f: 0, t: 0.5, l: 1, r: 2 }, Node::Leaf { v: -1.0 }, Node::Leaf { v: 2.0 }];
        let cyclic = vec![Node::Split { f: 0, t: 0.5, l: 0, r: 9 }];
        let forest = Forest(vec![step.clone(), step, cyclic]);
        assert_eq!(forest.predict(&[0.5]), -2.0);
        assert_eq!(forest.predict(&[0.6]), 4.0);
        assert_eq!(Forest::default().predict(&[1.0]), 0.0);
        assert_eq!(
            serde_json::from_str::<Forest>(&serde_json::to_string(&forest).expect("plain")).expect("same"),
            forest
        );
    }
}
