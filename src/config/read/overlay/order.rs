//! The order in which variables are applied.

use std::cmp::Ordering;

/// Compares names byte by byte, as `distribution` sorts them (digits, capitals, `_`, small letters), except that pieces which
/// are numbers are compared as numbers: index 2 comes before index 10.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    padded(one).cmp(&padded(other)).then_with(|| one.cmp(other))
}

fn padded(name: &str) -> String {
    let pad = |piece: &str| match piece.is_empty() || !piece.bytes().all(|byte| byte.is_ascii_digit()) {
        true => piece.to_owned(),
        false => format!("{piece:0>20}"),
    };
    name.split('_').map(pad).collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_section_comes_before_its_keys_and_small_letters_last() {
        let mut names = ["R_STORAGE_s3", "R_STORAGE_S3_A", "R_STORAGE", "R_E_10_N", "R_E_2_N", "R_STORAGE_S3"];
        names.sort_by(|one, other| compare(one, other));
        assert_eq!(names, ["R_E_2_N", "R_E_10_N", "R_STORAGE", "R_STORAGE_S3", "R_STORAGE_S3_A", "R_STORAGE_s3"]);
    }

    proptest! {
        #[test]
        fn without_numbers_it_is_the_order_of_bytes(one in "[A-Z_a-z]{0,12}", other in "[A-Z_a-z]{0,12}") {
            prop_assert_eq!(compare(&one, &other), one.as_bytes().cmp(other.as_bytes()));
        }
    }
}
