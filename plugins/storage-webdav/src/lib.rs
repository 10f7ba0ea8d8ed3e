//! Keeps objects on a WebDAV server (RFC 4918).
//!
//! | Module | What is in it |
//! |---|---|
//! | [`server`] | the server: settings, requests, what its answers mean |
//! | [`path`] | where an object lies |
//! | [`listing`] | what lies in a folder, and all that lies beneath one, in order |
//! | [`reading`], [`writing`] | an object opened, and one being written |

#[allow(missing_docs, reason = "the documentation is in wit/")]
mod bindings {
    wit_bindgen::generate!({
        path: "../../wit/storage",
        inline: "
            package wharf:storage-webdav;
            world webdav {
                include wharf:storage/storage-backend@0.1.0;
                import wasi:random/random@0.2.12;
                export wharf:storage/streams@0.1.0;
            }
        ",
        world: "wharf:storage-webdav/webdav",
        generate_all,
        with: {
            "wasi:io/error@0.2.12": wharf_plugin_support::wasi::io::error,
            "wasi:io/poll@0.2.12": wharf_plugin_support::wasi::io::poll,
            "wasi:io/streams@0.2.12": wharf_plugin_support::wasi::io::streams,
        },
    });
}

mod date;
mod listing;
mod path;
mod reading;
mod server;
mod writing;

use bindings::exports::wharf::storage::backend::{
    ByteRange, Guest, ListPage, ListRequest, ObjectMeta, Opened, Reader, ReaderBorrow, WriteOptions, Writer,
    WriterBorrow,
};
use bindings::exports::wharf::storage::streams;
use bindings::wharf::storage::types::{CapabilityFlags, ConfigProblem, Error, InitError};
use reading::Reading;
use server::Server;
use wharf_plugin_support::config::{Problem, Reader as Config};
use wharf_plugin_support::wasi::io::streams::{InputStream, OutputStream};
use writing::Writing;

struct Backend;

bindings::export!(Backend with_types_in bindings);

impl Guest for Backend {
    type Reader = Reading;
    type Writer = Writing;

    fn init() -> Result<(), InitError> {
        Server::read(Config::new()).map(drop).map_err(|problems| {
            let told = |Problem { key, problem }| ConfigProblem { key, problem };
            InitError::Config(problems.into_iter().map(told).collect())
        })
    }

    fn health() -> Result<(), Error> {
        let server = server()?;
        server.make_folder(path::UPLOADS)?;
        listing::folder(&server, "").map(drop)
    }

    fn capabilities() -> CapabilityFlags {
        CapabilityFlags::REMOTE
    }

    fn stat(key: String) -> Result<ObjectMeta, Error> {
        listing::object(&server()?, &key)
    }

    fn read(key: String, range: ByteRange) -> Result<Opened, Error> {
        let (meta, reading) = Reading::open(&server()?, &key, range)?;
        Ok(Opened { meta, body: Reader::new(reading) })
    }

    fn write(key: String, options: WriteOptions) -> Result<Writer, Error> {
        if options.append_at_bytes.is_some() || options.if_absent {
            return Err(Error::Unsupported);
        }
        Ok(Writer::new(Writing::open(server()?, &key)?))
    }

    fn delete(keys: Vec<String>) -> Result<(), Error> {
        let server = server()?;
        for key in keys {
            match server.send("DELETE", &path::of(&key), &[]) {
                Ok(_) | Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn list(request: ListRequest) -> Result<ListPage, Error> {
        listing::subtree(&request, &mut |folder| listing::folder(&server()?, folder))
    }
}

impl streams::Guest for Backend {
    fn input(reader: ReaderBorrow<'_>) -> Option<InputStream> {
        reader.get::<Reading>().stream()
    }

    /// The body of a request could be handed over, but not what the server says when it reads no further.
    fn output(_: WriterBorrow<'_>) -> Option<OutputStream> {
        None
    }
}

fn server() -> Result<Server, Error> {
    Server::read(Config::new()).map_err(|_| Error::Other("the configuration is wrong".to_owned()))
}
