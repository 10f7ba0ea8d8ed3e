//! What must not stand in a log.

/// The query parameter that carries an upload's signed state. Whoever has it can continue the upload.
const STATE: &str = "_state=";

/// Adds a request target, with the value of `_state` replaced by `***`.
pub(super) fn target(target: &str, mut add: impl FnMut(&str)) {
    let Some(query_at) = target.find('?') else { return add(target) };
    let (path, query) = target.split_at(query_at + 1);
    add(path);
    for (n, pair) in query.split('&').enumerate() {
        if n > 0 {
            add("&");
        }
        if pair.starts_with(STATE) {
            add(STATE);
            add("***");
        } else {
            add(pair);
        }
    }
}

/// The same as a text.
pub fn redacted(text: &str) -> std::borrow::Cow<'_, str> {
    if !text.contains(STATE) {
        return text.into();
    }
    let mut out = String::with_capacity(text.len());
    target(text, |part| out.push_str(part));
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_of_an_upload_is_left_out() {
        assert_eq!(redacted("/v2/"), "/v2/");
        assert_eq!(redacted("/v2/a/blobs/uploads/1?_state=secret"), "/v2/a/blobs/uploads/1?_state=***");
        assert_eq!(redacted("/u?_state=a&digest=sha256:b&_state=c"), "/u?_state=***&digest=sha256:b&_state=***");
        assert_eq!(redacted("/u?x_state=a"), "/u?x_state=a");
    }
}
