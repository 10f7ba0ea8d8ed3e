//! The name that was probably meant.

/// The candidate that looks most like a word, if one looks enough like it.
pub(in crate::config) fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-', '.'], "");
    let word = plain(word);
    // One letter in three may be wrong; in a short word, one.
    let distance_max = (word.chars().count() / 3).clamp(1, 4);
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= distance_max)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `a, b or c`.
pub(in crate::config) fn alternatives<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("\"{word}\"")).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some((only, _)) => only.clone(),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let keys = ["rootdirectory", "maxthreads", "addr"];
        assert_eq!(nearest("rootdir_ectory", keys), Some("rootdirectory"));
        assert_eq!(nearest("RootDirectroy", keys), Some("rootdirectory"));
        assert_eq!(nearest("adr", keys), Some("addr"));
        assert_eq!(nearest("bucket", keys), None);
    }

    #[test]
    fn lists_alternatives() {
        assert_eq!(alternatives(["a", "b", "c"]), r#""a", "b" or "c""#);
        assert_eq!(alternatives(["a"]), r#""a""#);
    }
}
