//! URLs under which clients read objects themselves.

use std::time::Duration;

use ::opendal::Operator;
use ::opendal::options::ReadOptions;
use async_trait::async_trait;

use crate::storage::opendal::SignUrl;

/// What clients are told that a blob is: the same as when this server sends it.
pub(super) const CONTENT_TYPE: &str = "application/octet-stream";

/// Signed by an operator itself.
pub(super) struct OperatorUrls(Operator);

impl OperatorUrls {
    /// `operator` need not be able to reach the store; its endpoint is the one that clients are sent to.
    pub(super) fn new(operator: Operator) -> Self {
        Self(operator)
    }
}

#[async_trait]
impl SignUrl for OperatorUrls {
    async fn sign(&self, path: &str, expires: Duration) -> ::opendal::Result<String> {
        let override_content_type = self.0.info().capability().read_with_override_content_type;
        let content_type = override_content_type.then(|| CONTENT_TYPE.to_owned());
        let options = ReadOptions { override_content_type: content_type, ..ReadOptions::default() };
        let signed = self.0.presign_read_options(path, expires, options).await?;
        Ok(signed.uri().to_string())
    }
}

/// Percent-encodes everything in a key that is not plain in a path.
pub(super) fn escaped(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    path.bytes().fold(String::with_capacity(path.len()), |mut text, byte| {
        match plain(byte) {
            true => text.push(char::from(byte)),
            false => text.push_str(&format!("%{byte:02X}")),
        }
        text
    })
}
