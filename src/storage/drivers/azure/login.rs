//! Who asks Azure, when it is not the account's key that signs: tokens and shared access signatures.

use ::opendal::Result;
use async_trait::async_trait;
use http::StatusCode;
use http::header::HOST;
use http::request::Parts;
use reqsign_azure_storage::{
    ClientSecretCredentialProvider, Credential, EnvCredentialProvider, ImdsCredentialProvider, RequestSigner,
    StaticCredentialProvider, WorkloadIdentityCredentialProvider,
};
use reqsign_core::SignRequest as _;

use super::super::credentials::{Client, Renewed, Sources, context, unsigned};
use super::super::transport::Authorize;
use super::account::Account;
use crate::config::drivers::Azure;

/// Where the metadata service of a virtual machine is, unless this variable has another address, as Azure's own
/// libraries read it.
const METADATA_HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
const METADATA_USUAL: &str = "http://169.254.169.254";
const METADATA_PATH: &str = "/metadata/identity/oauth2/token";

/// Signs requests by what the usual places have.
pub(super) struct AzureLogin {
    keys: Renewed<Credential>,
    signer: RequestSigner,
}

impl AzureLogin {
    /// `None` where the account's key signs.
    pub(super) fn of(account: &Account, config: &Azure, client: Client) -> Option<Self> {
        let kind = &*config.credentials.kind;
        let sources = match (&account.key, &account.signature, kind) {
            (_, _, "client_secret") => application(config),
            (Some(_), _, kind) if kind != "default_credentials" => return None,
            (_, Some(signature), kind) if kind != "default_credentials" => {
                let given = StaticCredentialProvider::new_sas_token(signature.expose());
                Sources::new("storage.azure.connectionstring has a signature")
                    .then("storage.azure.connectionstring", given)
            }
            _ => usual(),
        };
        Some(Self { keys: Renewed::new(sources, context(client)), signer: RequestSigner::new() })
    }
}

/// What is named is the only way to log in: what happens to stand in the environment must not take its place.
fn application(config: &Azure) -> Sources<Credential> {
    let credentials = &config.credentials;
    let application = ClientSecretCredentialProvider::new()
        .with_tenant_id(&credentials.tenantid)
        .with_client_id(&credentials.clientid)
        .with_client_secret(credentials.secret.expose());
    Sources::new("storage.azure.credentials.type is client_secret")
        .then("the application's secret at Entra", application)
}

fn usual() -> Sources<Credential> {
    let host = std::env::var(METADATA_HOST).ok().filter(|host| !host.is_empty());
    let host = host.unwrap_or_else(|| METADATA_USUAL.to_owned());
    let machine = ImdsCredentialProvider::new().with_endpoint(format!("{}{METADATA_PATH}", host.trim_end_matches('/')));
    Sources::new("storage.azure.accountkey is empty")
        .then("the variables AZURE_STORAGE_ACCOUNT_KEY and AZURE_STORAGE_SAS_TOKEN", EnvCredentialProvider::new())
        .then("AZURE_CLIENT_SECRET of AZURE_CLIENT_ID and AZURE_TENANT_ID", ClientSecretCredentialProvider::new())
        .then("the workload identity of AZURE_FEDERATED_TOKEN_FILE", WorkloadIdentityCredentialProvider::new())
        .finally("the managed identity at the metadata service", machine)
}

#[async_trait]
impl Authorize for AzureLogin {
    async fn authorize(&self, request: &mut Parts) -> Result<()> {
        let keys = self.keys.current().await?;
        let signed = self.signer.sign_request(self.keys.context(), request, Some(&keys), None).await;
        signed.map_err(|error| unsigned(&error))?;
        // The client writes its own.
        request.headers.remove(HOST);
        Ok(())
    }

    async fn again(&self, _: &Parts, status: StatusCode) -> bool {
        status == StatusCode::UNAUTHORIZED && self.keys.forget()
    }
}
