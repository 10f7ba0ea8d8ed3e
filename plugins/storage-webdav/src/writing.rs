//! An object being written: to a name that nobody looks at, and moved to its own when it is whole.

use crate::bindings::exports::wharf::storage::backend::GuestWriter;
use crate::bindings::wasi::random::random::get_random_bytes;
use crate::bindings::wharf::storage::types::Error;
use crate::path;
use crate::server::{self, Server};
use std::cell::RefCell;
use wharf_plugin_support::http::Upload;

/// How often an object is moved to its place before its writer gives up.
const MOVES_MAX: u32 = 4;

/// An object being written. Dropped before it is finished, it leaves nothing.
pub(crate) struct Writing {
    state: RefCell<State>,
}

struct State {
    server: Server,
    key: String,
    temporary: String,
    upload: Option<Upload>,
    written_bytes: u64,
    is_finished: bool,
}

impl Writing {
    pub(crate) fn open(server: Server, key: &str) -> Result<Self, Error> {
        let name: String = get_random_bytes(16).iter().map(|byte| format!("{byte:02x}")).collect();
        let temporary = format!("{}/{name}", path::UPLOADS);
        let upload = server.request("PUT", &temporary).start().map_err(|error| server::lost(&error))?;
        let key = key.to_owned();
        let state = State { server, key, temporary, upload: Some(upload), written_bytes: 0, is_finished: false };
        Ok(Self { state: RefCell::new(state) })
    }
}

impl GuestWriter for Writing {
    fn write(&self, chunk: Vec<u8>) -> Result<(), Error> {
        let mut state = self.state.borrow_mut();
        let Some(upload) = &mut state.upload else { return Err(Error::Other("the object is finished".to_owned())) };
        if upload.write(&chunk).is_err() {
            // The server has said why before it read everything.
            return Err(state.put().err().unwrap_or_else(|| Error::Other("the server reads no more".to_owned())));
        }
        state.written_bytes += chunk.len() as u64;
        Ok(())
    }

    fn finish(&self) -> Result<u64, Error> {
        let mut state = self.state.borrow_mut();
        state.put()?;
        state.move_into_place()?;
        state.is_finished = true;
        Ok(state.written_bytes)
    }
}

impl State {
    /// Ends the upload under the temporary name.
    fn put(&mut self) -> Result<(), Error> {
        let Some(upload) = self.upload.take() else { return Err(Error::Other("the upload has ended".to_owned())) };
        let response = upload.finish().map_err(|error| server::lost(&error))?;
        match response.status {
            200..300 => Ok(()),
            // The folder of uploads was there when the server was asked for its health.
            404 | 409 => {
                Err(Error::Other("the folder of unfinished uploads is gone; a health check makes it anew".to_owned()))
            }
            _ => Err(server::refused(&response, "PUT")),
        }
    }

    fn move_into_place(&self) -> Result<(), Error> {
        let place = path::of(&self.key);
        for _ in 0..MOVES_MAX {
            match self.moved(&place) {
                // Its folder is not there yet: the standard's word for that is 409, Apache's is 500. Or somebody else moves to the
                // same place at the same time, for which Apache has several words.
                Err(Error::Conflict | Error::NotFound | Error::Unavailable(_)) => {}
                other => return other,
            }
            if let Some((folder, _)) = place.rsplit_once('/') {
                self.server.make_folder(folder)?;
            }
        }
        self.moved(&place).map_err(|error| if matches!(error, Error::NotFound) { Error::Conflict } else { error })
    }

    fn moved(&self, place: &str) -> Result<(), Error> {
        let destination = self.server.url(place).to_string();
        self.server.send("MOVE", &self.temporary, &[("destination", &destination), ("overwrite", "T")]).map(drop)
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if !self.is_finished {
            // Cut short first, so that the server does not go on writing what is deleted.
            drop(self.upload.take());
            let _ = self.server.send("DELETE", &self.temporary, &[]);
        }
    }
}
