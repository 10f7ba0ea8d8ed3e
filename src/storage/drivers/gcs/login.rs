//! Who asks Google: tokens for a service account's key, a user, a federated identity, or the machine.

use std::fmt;

use ::opendal::{Error, ErrorKind, Result};
use async_trait::async_trait;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use reqsign_core::{Context, ProvideCredential};
use reqsign_google::{
    Credential, ServiceAccountTokenCredentialProvider, StaticCredentialProvider, VmMetadataCredentialProvider,
};
use serde_json::{Map, Value, json};

use super::super::credentials::{Client, Elsewhere, Renewed, Sources, context};
use super::super::transport::Authorize;
use crate::config::drivers::Gcs;

/// What is asked for.
const SCOPE: &str = "https://www.googleapis.com/auth/devstorage.read_write";
/// The file that Google's own programs are told of.
pub(super) const FILE_VARIABLE: &str = "GOOGLE_APPLICATION_CREDENTIALS";

/// Puts a token into requests.
pub(super) struct GcsLogin(Renewed<Credential>);

impl GcsLogin {
    pub(super) fn new(config: &Gcs, client: Client) -> Self {
        Self(Renewed::new(sources(config, &client), context(client)))
    }
}

#[async_trait]
impl Authorize for GcsLogin {
    async fn authorize(&self, request: &mut Parts) -> Result<()> {
        let token = self.0.current().await?.token.map(|token| token.access_token).unwrap_or_default();
        let value = HeaderValue::from_str(&format!("Bearer {token}"));
        let mut value = value.map_err(|_| {
            Error::new(
                ErrorKind::PermissionDenied,
                "Google's token can't be sent: it has characters that no header may have",
            )
        })?;
        value.set_sensitive(true);
        request.headers.insert(header::AUTHORIZATION, value);
        Ok(())
    }

    async fn again(&self, _: &Parts, status: StatusCode) -> bool {
        status == StatusCode::UNAUTHORIZED && self.0.forget()
    }
}

/// What is given is the only way to log in.
fn sources(config: &Gcs, client: &Client) -> Sources<Credential> {
    let file = |at: At| File { at, client: client.clone() };
    if !config.credentials.is_empty() {
        return Sources::new("storage.gcs.credentials is given")
            .then("storage.gcs.credentials", file(At::Text(text(config))));
    }
    if !config.keyfile.is_empty() {
        return Sources::new("storage.gcs.keyfile is given")
            .then("storage.gcs.keyfile", file(At::Path(config.keyfile.clone())));
    }
    Sources::new("storage.gcs.keyfile is empty")
        .then("the file of GOOGLE_APPLICATION_CREDENTIALS", file(At::Variable))
        .then("~/.config/gcloud/application_default_credentials.json", file(At::Usual))
        .finally(
            "the machine's service account at the metadata service",
            VmMetadataCredentialProvider::new().with_scope(SCOPE),
        )
}

/// The content of a key file, which stands in the configuration.
pub(super) fn text(config: &Gcs) -> String {
    let members: Map<String, Value> =
        config.credentials.iter().map(|(name, value)| (name.clone(), value.expose().into())).collect();
    Value::Object(members).to_string()
}

/// Where a file of credentials is.
enum At {
    Text(String),
    Path(String),
    Variable,
    Usual,
}

/// A file of credentials of any of Google's kinds.
struct File {
    at: At,
    client: Client,
}

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("File")
    }
}

impl File {
    async fn content(&self, context: &Context) -> reqsign_core::Result<Option<Vec<u8>>> {
        let path = match &self.at {
            At::Text(text) => return Ok(Some(text.clone().into_bytes())),
            At::Path(path) => path.clone(),
            At::Variable => match context.env_var(FILE_VARIABLE).filter(|path| !path.is_empty()) {
                Some(path) => path,
                None => return Ok(None),
            },
            At::Usual => {
                let folder = context
                    .env_var("XDG_CONFIG_HOME")
                    .or_else(|| Some(format!("{}/.config", context.env_var("HOME")?)));
                let Some(folder) = folder else { return Ok(None) };
                let path = format!("{folder}/gcloud/application_default_credentials.json");
                return Ok(context.file_read(&path).await.ok());
            }
        };
        context.file_read(&path).await.map(Some)
    }
}

impl ProvideCredential for File {
    type Credential = Credential;

    async fn provide_credential(&self, context: &Context) -> reqsign_core::Result<Option<Credential>> {
        let Some(content) = self.content(context).await? else { return Ok(None) };
        let members = serde_json::from_slice::<Map<String, Value>>(&content).map_err(|_| {
            reqsign_core::Error::config_invalid("this is no file of credentials: those are objects of JSON")
        })?;
        let members = completed(members);
        let service = members.get("token_uri").and_then(Value::as_str).map(str::to_owned);
        let text = Value::Object(members).to_string();
        let credential = StaticCredentialProvider::new(text).with_scope(SCOPE).provide_credential(context).await?;
        let Some(account) = credential.as_ref().and_then(|credential| credential.service_account.clone()) else {
            return Ok(credential);
        };
        let context = context.clone().with_http_send(self.client.clone().with_elsewhere(service.map(token_service)));
        ServiceAccountTokenCredentialProvider::new(account).with_scope(SCOPE).provide_credential(&context).await
    }
}

/// Where a key's file says that tokens are given for it.
fn token_service(url: String) -> Elsewhere {
    Elsewhere { is_usual: |host| host == "oauth2.googleapis.com", url, keeps_path: false }
}

/// With what a file may leave out by Google's documentation, and the library asks for: that a subject's token is plain text.
fn completed(mut members: Map<String, Value>) -> Map<String, Value> {
    let source = members.get_mut("credential_source").and_then(Value::as_object_mut);
    if let Some(source) = source.filter(|source| source.contains_key("file") || source.contains_key("url")) {
        source.entry("format").or_insert_with(|| json!({ "type": "text" }));
    }
    members
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_subjects_token_may_be_left_out() {
        let members = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap();
        let bare = completed(members(r#"{"credential_source": {"file": "/token"}}"#));
        assert_eq!(bare["credential_source"]["format"]["type"], "text");
        let told = completed(members(r#"{"credential_source": {"url": "u", "format": {"type": "json"}}}"#));
        assert_eq!(told["credential_source"]["format"]["type"], "json");
        assert_eq!(completed(members(r#"{"type": "service_account"}"#)).len(), 1);
    }
}
