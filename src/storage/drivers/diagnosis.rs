//! What is behind a store's error, in a sentence that names the key to change.

use std::error::Error as _;

use ::opendal::Error;

use super::transport::reasons;
use crate::storage::StorageError;
use crate::storage::probe::Explained;

/// The keys of a driver that a sentence may point at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Keys {
    pub(super) driver: &'static str,
    pub(super) bucket: &'static str,
    pub(super) region: &'static str,
    pub(super) endpoint: &'static str,
    pub(super) access: &'static str,
    pub(super) secret: &'static str,
    pub(super) skipverify: Option<&'static str>,
}

/// Words of errors on the way to a store that no waiting mends.
const LASTING: [&str; 5] =
    ["certificate", "invalidcontenttype", "wrong version number", "can't be signed", "https server"];

/// Explains a failed operation on a store.
pub(super) fn explain(keys: &Keys, place: &str, error: &StorageError) -> Explained {
    let text = reasons(error).to_lowercase();
    let lasts = LASTING.iter().any(|words| text.contains(words));
    Explained { sentence: sentence(keys, place, error), may_pass: error.is_retryable() && !lasts }
}

fn sentence(keys: &Keys, place: &str, error: &StorageError) -> String {
    let Some(source) = error.source() else { return error.to_string() };
    let text = match source.downcast_ref::<Error>() {
        Some(said) => format!("{} {}", said.message(), reasons(said)),
        None => reasons(source),
    };
    // A login of our own has said it already.
    if let Some(said) = said_by_a_login(keys.driver, source) {
        return said;
    }
    let code = code_of(&text);
    let at = |key: &str| format!("storage.{}.{key}", keys.driver);
    let sentence = match by_code(&code, keys, place).or_else(|| by_text(&text, keys, place)) {
        Some(sentence) => sentence,
        None if text.contains("status: 403") || error_is_denied(error) => denied(keys, place),
        None if text.contains("status: 301") || text.contains("status: 307") => {
            format!(
                "the store answers that {place} is somewhere else; check {} and {}",
                at(keys.region),
                at(keys.endpoint)
            )
        }
        None => return format!("{place} can't be used: {}", shortened(&text)),
    };
    match (code.as_str(), message_of(&text)) {
        ("", _) => sentence,
        (code, None) => format!("{sentence} ({code})"),
        (code, Some(message)) => format!("{sentence} ({code}: {message})"),
    }
}

/// What a login has said, however often it was tried.
fn said_by_a_login(driver: &str, error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let begins = format!("storage.{driver}.");
    let mut cause = Some(error);
    while let Some(error) = cause {
        let said = error.downcast_ref::<Error>().map(Error::message).filter(|said| said.contains(&begins));
        if let Some(said) = said {
            return Some(said.to_owned());
        }
        cause = error.source();
    }
    None
}

fn error_is_denied(error: &StorageError) -> bool {
    error.kind() == crate::storage::ErrorKind::PermissionDenied
}

fn denied(keys: &Keys, place: &str) -> String {
    format!(
        "these keys may not do this in {place}; allow them to read, write, list and delete there, or check storage.{0}.{1}",
        keys.driver, keys.access
    )
}

fn by_code(code: &str, keys: &Keys, place: &str) -> Option<String> {
    let at = |key: &str| format!("storage.{}.{key}", keys.driver);
    Some(match code {
        "InvalidAccessKeyId" | "InvalidAccessKeyID" | "XAdminUserNotFound" => {
            format!("{place} knows no such access key; check {}", at(keys.access))
        }
        "SignatureDoesNotMatch" | "AuthenticationFailed" => {
            format!("{place} refuses the signature: the secret is wrong; check {}", at(keys.secret))
        }
        "ExpiredToken" | "TokenRefreshRequired" | "SecurityTokenExpired" => {
            format!("the temporary keys for {place} have expired; renew them")
        }
        "InvalidToken" | "InvalidSecurityToken" => format!("{place} takes no such session token; renew the keys"),
        "RequestTimeTooSkewed" => {
            format!(
                "the clock of this machine and that of {place} are too far apart; set this one, by NTP for instance"
            )
        }
        "AuthorizationHeaderMalformed"
        | "IllegalLocationConstraintException"
        | "PermanentRedirect"
        | "InvalidRegionName"
        | "TemporaryRedirect" => format!("{place} is in another region; check {}", at(keys.region)),
        "NoSuchBucket" | "ContainerNotFound" => {
            format!("{place} does not exist; make it, or check {}", at(keys.bucket))
        }
        "InvalidBucketName" => format!("{place} has no name that a bucket may have; check {}", at(keys.bucket)),
        "AccessDenied" | "AccountProblem" | "AllAccessDisabled" | "AuthorizationFailure" => denied(keys, place),
        "QuotaExceeded"
        | "XMinioStorageFull"
        | "InsufficientStorage"
        | "InsufficientCapacity"
        | "QuotaExceededException" => {
            format!("{place} is full; give it more room")
        }
        "SlowDown" | "ServiceUnavailable" | "TooManyRequests" => format!("{place} is overloaded; try again later"),
        _ => return None,
    })
}

fn by_text(text: &str, keys: &Keys, place: &str) -> Option<String> {
    let at = |key: &str| format!("storage.{}.{key}", keys.driver);
    let lower = text.to_lowercase();
    let has = |part: &str| lower.contains(part);
    let cause = shortened(text);
    Some(if has("dns error") || has("failed to lookup address") {
        format!("the host of {place} is not known; check {} and {}", at(keys.endpoint), at(keys.region))
    } else if has("connection refused") {
        format!("nobody listens where {place} should be; check {}", at(keys.endpoint))
    } else if has("invalidcontenttype") || has("wrong version number") {
        format!("{place} does not speak TLS there; write http:// in {}, or set secure to false", at(keys.endpoint))
    } else if has("http request to an https server") {
        format!("{place} speaks TLS there; write https:// in {}, or set secure to true", at(keys.endpoint))
    } else if has("certificate") {
        let skip = keys.skipverify.map(|key| format!(", or set {} to true", at(key))).unwrap_or_default();
        format!(
            "{place} shows a certificate that is not trusted; name a file of the CA's in SSL_CERT_FILE{skip} ({cause})"
        )
    } else if has("can't be signed")
        || has("failed to load credential")
        || has("failed to load signing credential")
        || has("no valid credential")
    {
        format!("no credentials were found for {place}; set {} and {} ({cause})", at(keys.access), at(keys.secret))
    } else if has("timed out") || has("no answer after") || has("operation timed out") {
        format!("{place} does not answer; check {} and the firewalls between", at(keys.endpoint))
    } else if has("status: 503") || has("status: 429") {
        format!("{place} is overloaded; try again later ({cause})")
    } else if has("no space left") {
        format!("{place} is full; give it more room")
    } else if has("<html") || has("<!doctype") {
        format!("what answers for {place} is a web site and no such store; check {}", at(keys.endpoint))
    } else {
        return None;
    })
}

/// The error code that a store has given, in any of the forms that OpenDAL passes on.
fn code_of(text: &str) -> String {
    between(text, "code: \"", "\"").or_else(|| between(text, "<Code>", "</Code>")).unwrap_or_default().to_owned()
}

fn message_of(text: &str) -> Option<String> {
    // As Rust shows a string: what is quoted in it has a backslash.
    let quoted = text.split_once("message: \"").map(|(_, rest)| {
        let mut escaped = false;
        let end = rest.find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        &rest[..end.unwrap_or(rest.len())]
    });
    let message = quoted.or_else(|| between(text, "<Message>", "</Message>"))?;
    let message: String = message.replace("\\\"", "\"").chars().take(200).collect();
    Some(message.trim_end_matches('.').to_owned()).filter(|message| !message.is_empty())
}

fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

/// The end of an error's text, where the cause stands, in one line.
fn shortened(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let line = line.rsplit_once(", source: ").map_or(&*line, |(_, cause)| cause);
    let skip = line.chars().count().saturating_sub(300);
    line.chars().skip(skip).collect()
}

#[cfg(test)]
mod tests {
    use ::opendal::ErrorKind as Kind;

    use super::super::s3::KEYS;
    use super::*;
    use crate::storage::{ErrorKind, StorageKey};

    fn told(message: &str) -> String {
        let key = StorageKey::parse("wharf/probe/x").unwrap();
        let source = Error::new(Kind::Unexpected, message);
        sentence(&KEYS, "the bucket b", &StorageError::new(ErrorKind::Other, "put", &key).with_source(source))
    }

    #[test]
    fn the_sentence_names_the_key_to_change() {
        for (message, named) in [
            ("S3Error { code: \"InvalidAccessKeyId\", message: \"No such key.\" }", "storage.s3.accesskey"),
            ("S3Error { code: \"SignatureDoesNotMatch\", message: \"\" }", "storage.s3.secretkey"),
            ("S3Error { code: \"AuthorizationHeaderMalformed\", message: \"expecting 'eu'\" }", "storage.s3.region"),
            (
                "S3Error { code: \"AuthorizationHeaderMalformed\", message: \"expecting \\\"eu\\\".\" }",
                "expecting \"eu\")",
            ),
            ("<Error><Code>NoSuchBucket</Code></Error>", "storage.s3.bucket"),
            ("S3Error { code: \"RequestTimeTooSkewed\", message: \"\" }", "clock"),
            ("error sending request: dns error: failed to lookup address information", "storage.s3.regionendpoint"),
            ("tcp connect error: Connection refused (os error 111)", "nobody listens"),
            ("invalid peer certificate: UnknownIssuer", "storage.s3.skipverify"),
            ("received corrupt message of type InvalidContentType", "http://"),
            ("S3Error { code: \"ExpiredToken\", message: \"\" }", "renew"),
            ("the store answered with status: 503", "is overloaded"),
        ] {
            let sentence = told(message);
            assert!(sentence.contains(named), "{message}: {sentence}");
        }
        let sentence = told("S3Error { code: \"InvalidAccessKeyId\", message: \"No such key.\" }");
        assert!(sentence.ends_with("(InvalidAccessKeyId: No such key)"), "{sentence}");
    }
}
