//! OpenStack Swift. OpenDAL makes the requests for objects, and knows only a token that somebody else has fetched:
//! [`login`] and [`session`] do that. What it leaves behind of large objects goes in [`large`], and what crashes leave
//! of them in [`begun`].

mod api;
mod begun;
mod identity;
mod large;
mod login;
mod session;
mod urls;

use std::sync::Arc;

use ::opendal::{OperationContext, Operator, services};
use async_trait::async_trait;

use self::api::Api;
use self::begun::SwiftWrites;
use self::large::LargeObjects;
use self::login::Login;
use self::session::Session;
use self::urls::SwiftUrls;
use super::deleting::Deleting;
use super::diagnosis::Keys;
use super::network::Network;
use super::transport::ClientOptions;
use super::{OpenError, Own, Store};
use crate::config::drivers::Swift;
use crate::storage::opendal::{CopyOptions, OpendalOptions, OpendalStorage, SignUrl};
use crate::storage::{Result, Storage};

const KEYS: Keys = Keys {
    driver: "swift",
    bucket: "container",
    region: "region",
    endpoint: "authurl",
    access: "username",
    secret: "password",
    skipverify: Some("insecureskipverify"),
};

/// Where OpenDAL believes that the account is: the login will tell, later. Never called.
const STAND_IN: &str = "http://store.invalid";
/// Of how many segments a large object may be made: what clusters allow unless they are told otherwise.
const SEGMENTS_MAX: usize = 1000;
/// The smallest segment that OpenDAL sends, but for the last.
const SEGMENT_BYTES_MIN: usize = 5 << 20;

pub(super) fn open(config: &Swift, network: &Network) -> std::result::Result<Store, OpenError> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let login = Login::of(config, variable).map_err(|problem| OpenError::new(format!("storage.swift.{problem}")))?;
    let skipverify = config.insecureskipverify;
    let client = network.client(ClientOptions { skipverify, ..ClientOptions::default() })?;
    let place = format!("the Swift container {} of the account at {}", config.container, login.place());
    let session = Arc::new(Session::new(login, client.clone()));
    let way = network.way(&client, Some(Arc::clone(&session) as _));
    let root = config.root();
    let operator = |root: &str| {
        let builder = services::Swift::default().endpoint(STAND_IN).container(&config.container).root(root);
        let operator = Operator::new(builder).map_err(|error| OpenError::new(error.to_string()))?;
        Ok(operator.with_context(OperationContext::new().with_http_transport(way.clone())))
    };
    let api = Arc::new(Api::new(way.clone(), &config.container, &root));
    let urls: Arc<dyn SignUrl> = Arc::new(SwiftUrls::new(session, Arc::clone(&api), client.clone(), config));
    Ok(Store {
        name: "swift",
        options: OpendalOptions {
            part_bytes: config.chunksize.as_usize().max(SEGMENT_BYTES_MIN),
            parts_max: SEGMENTS_MAX,
            copies: CopyOptions { whole_bytes_max: u64::MAX, ..CopyOptions::default() },
            ..network.opendal_options()
        },
        place,
        urls: config.signs_urls().then_some(urls),
        begun: Some(Arc::new(SwiftWrites::new(Arc::clone(&api), &root))),
        keys: KEYS,
        operator: operator(&root)?,
        client,
        own: Some(Arc::new(SwiftOwn { api, root, whole_container: operator("")? })),
    })
}

struct SwiftOwn {
    api: Arc<Api>,
    root: String,
    whole_container: Operator,
}

#[async_trait]
impl Own for SwiftOwn {
    /// Makes the container, as `distribution` does.
    async fn prepare(&self) -> Result<()> {
        self.api.make_container().await
    }

    fn around(&self, storage: OpendalStorage, options: &OpendalOptions) -> Arc<dyn Storage> {
        let whole = OpendalStorage::new(self.whole_container.clone(), "swift", options.clone());
        Arc::new(Deleting::new(storage, LargeObjects::new(whole, Arc::clone(&self.api), &self.root)))
    }
}

impl Swift {
    /// What stands before every key, without slashes around it. `distribution` puts objects under `files/` here, so that their
    /// segments can lie beside them.
    fn root(&self) -> String {
        let prefix = if self.prefix.is_empty() { &self.rootdirectory } else { &self.prefix };
        format!("{}/files", prefix.trim_matches('/')).trim_start_matches('/').to_owned()
    }

    /// Whether there is, or may be, a key to sign URLs for reading.
    fn signs_urls(&self) -> bool {
        let methods = &self.tempurlmethods;
        let may_read = methods.is_empty() || methods.iter().any(|method| method.eq_ignore_ascii_case("GET"));
        may_read && (!self.secretkey.is_empty() || self.tempurlcontainerkey)
    }
}
