//! Encrypts every object before the backend below sees it.
//!
//! | Module | What is in it |
//! |---|---|
//! | [`format`] | how an encrypted object looks, and what its size says |
//! | [`cipher`] | keys, and the sealing of one chunk |
//! | [`reading`] | an object opened |
//! | [`writing`] | an object being written |

#[allow(missing_docs, reason = "the documentation is in wit/")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/storage",
        inline: "
            package wharf:storage-encrypted;
            world layer {
                include wharf:storage/storage-layer@0.1.0;
                import wasi:random/random@0.2.12;
            }
        ",
        world: "wharf:storage-encrypted/layer",
        generate_all,
    });
}

mod cipher;
mod format;
mod reading;
mod writing;

use bindings::exports::wharf::storage::backend as above;
use bindings::wharf::storage::backend as below;
use bindings::wharf::storage::types::{
    CapabilityFlags, ConfigProblem, Error, InitError, ListPage, ListRequest, ObjectMeta,
};
use cipher::Keyring;
use reading::Reading;
use wharf_plugin_support::config::{Problem, Reader as Config};
use writing::Writing;

struct Layer;

bindings::export!(Layer with_types_in bindings);

impl above::Guest for Layer {
    type Reader = Reading;
    type Writer = Writing;

    fn init() -> Result<(), InitError> {
        Keyring::read(Config::new()).map(drop).map_err(|problems| {
            let told = |Problem { key, problem }| ConfigProblem { key, problem };
            InitError::Config(problems.into_iter().map(told).collect())
        })
    }

    fn health() -> Result<(), Error> {
        below::health()
    }

    fn capabilities() -> CapabilityFlags {
        // An encrypted object can neither grow, for its last chunk is marked as the last, nor be put together below.
        below::capabilities() - CapabilityFlags::APPEND - CapabilityFlags::SERVER_SIDE_ASSEMBLE
    }

    fn stat(key: String) -> Result<ObjectMeta, Error> {
        let meta = below::stat(&key)?;
        format::plain_meta(meta).ok_or_else(|| format::not_ours(&key))
    }

    fn read(key: String, range: above::ByteRange) -> Result<above::Opened, Error> {
        let (meta, reading) = Reading::open(&keyring()?, &key, range)?;
        Ok(above::Opened { meta, body: above::Reader::new(reading) })
    }

    fn write(key: String, options: above::WriteOptions) -> Result<above::Writer, Error> {
        if options.append_at_bytes.is_some() {
            return Err(Error::Unsupported);
        }
        Ok(above::Writer::new(Writing::open(&keyring()?, &key, options)?))
    }

    fn delete(keys: Vec<String>) -> Result<(), Error> {
        below::delete(&keys)
    }

    fn list(request: ListRequest) -> Result<ListPage, Error> {
        let mut page = below::list(&request)?;
        for entry in &mut page.entries {
            if let Some(meta) = entry.object {
                // What is none of ours is there all the same; reading it says what is the matter.
                entry.object = Some(format::plain_meta(meta).unwrap_or(ObjectMeta { size_bytes: 0, ..meta }));
            }
        }
        Ok(page)
    }
}

fn keyring() -> Result<Keyring, Error> {
    Keyring::read(Config::new()).map_err(|_| Error::Other("the configuration is wrong".to_owned()))
}
