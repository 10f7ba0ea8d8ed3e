//! Which account it is, and where: from the parameters, or from a connection string.

use crate::config::Secret;
use crate::config::drivers::{Address, Azure};

/// A storage account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    /// Without one, whoever the usual sources know.
    pub(super) key: Option<Secret>,
    /// A shared access signature, in its place.
    pub(super) signature: Option<Secret>,
    /// Where its blobs are.
    pub(super) endpoint: Address,
}

impl Account {
    /// # Errors
    /// Which key is wrong, and the rest of the sentence.
    pub(super) fn of(config: &Azure) -> Result<Self, (&'static str, String)> {
        if !config.connectionstring.is_empty() {
            return Self::from_connection_string(config.connectionstring.expose())
                .map_err(|problem| ("connectionstring", problem));
        }
        let key = Some(config.accountkey.clone()).filter(|key| !key.is_empty());
        Ok(Self { name: config.accountname.clone(), key, signature: None, endpoint: config.endpoint()? })
    }

    /// `Name=value` pairs between semicolons. A value may have equals signs at its end, as Base64 has them.
    fn from_connection_string(text: &str) -> Result<Self, String> {
        let value = |wanted: &str| {
            let mut pairs = text.split(';').filter_map(|pair| pair.trim().split_once('='));
            let found = pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
        };
        let signature = value("SharedAccessSignature").map(|text| Secret::new(text.trim_start_matches('?')));
        let name = value("AccountName").ok_or("has no AccountName")?;
        let endpoint = match value("BlobEndpoint") {
            Some(endpoint) => Address::parse(endpoint, true),
            None => {
                let scheme = value("DefaultEndpointsProtocol").unwrap_or("https");
                let suffix = value("EndpointSuffix").unwrap_or("core.windows.net");
                Address::parse(&format!("{scheme}://{name}.blob.{suffix}"), true)
            }
        };
        let endpoint = endpoint.map_err(|problem| format!("has an endpoint that {problem}"))?;
        Ok(Self { name: name.to_owned(), key: value("AccountKey").map(Secret::new), signature, endpoint })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(String, String, Option<String>), String> {
        let config = Azure { connectionstring: Secret::new(text), ..Azure::default() };
        let account = Account::of(&config).map_err(|(_, problem)| problem)?;
        Ok((account.name, account.endpoint.url(), account.key.map(|key| key.expose().to_owned())))
    }

    #[test]
    fn a_connection_string_tells_the_account_its_key_and_where_it_is() {
        let plain = "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=a2V5MQ==;EndpointSuffix=core.windows.net";
        let me = |url: &str| (String::from("me"), url.to_owned(), Some(String::from("a2V5MQ==")));
        assert_eq!(read(plain), Ok(me("https://me.blob.core.windows.net")));
        let own = "AccountName=me;AccountKey=a2V5MQ==;BlobEndpoint=http://127.0.0.1:10000/me;";
        assert_eq!(read(own), Ok(me("http://127.0.0.1:10000/me")));
        assert_eq!(read("AccountName=me").unwrap().2, None);
        assert!(read("AccountKey=x").unwrap_err().contains("AccountName"));
        let text = "AccountName=me;SharedAccessSignature=?sv=1&sig=a%3D";
        let account = Account::from_connection_string(text).unwrap();
        assert_eq!(account.signature.map(|text| text.expose().to_owned()), Some("sv=1&sig=a%3D".to_owned()));
    }
}
