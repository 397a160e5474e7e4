//! Names of several listings, told apart.

use std::collections::BTreeSet;

/// Names that differ from those that are taken and from each other: one that is taken gets `PREFIX/` before it, with a number from
/// the second time on.
pub(crate) fn renamed_apart(taken: &[String], names: &[String], prefix: &str) -> Vec<String> {
    let mut taken: BTreeSet<String> = taken.iter().cloned().collect();
    let mut apart = |name: &String| {
        let mut found = name.clone();
        let mut number = 1;
        while !taken.insert(found.clone()) {
            found = if number == 1 { format!("{prefix}/{name}") } else { format!("{prefix}-{number}/{name}") };
            number += 1;
        }
        found
    };
    names.iter().map(&mut apart).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken_get_a_prefix_of_their_own() {
        let own = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let found = renamed_apart(&own(&["a", "b", "x/a"]), &own(&["a", "c", "b"]), "x");
        assert_eq!(found, ["x-2/a", "c", "x/b"]);
    }
}
