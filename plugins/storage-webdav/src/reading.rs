//! An object opened.

use crate::bindings::exports::wharf::storage::backend::{ByteRange, GuestReader};
use crate::bindings::wharf::storage::types::{Error, ObjectMeta};
use crate::server::{self, Server};
use crate::{date, path};
use std::cell::RefCell;
use wharf_plugin_support::http::Response;
use wharf_plugin_support::wasi::io::streams::InputStream;

/// An object opened, or a range of it.
pub(crate) struct Reading {
    state: RefCell<State>,
}

struct State {
    response: Response,
    /// Of the body, so many bytes come before the range: a server may answer with the whole.
    skip_bytes: u64,
    left_bytes: u64,
}

impl Reading {
    pub(crate) fn open(server: &Server, key: &str, range: ByteRange) -> Result<(ObjectMeta, Self), Error> {
        let offset = range.offset_bytes;
        let mut request = server.request("GET", &path::of(key)).header("accept-encoding", "identity");
        let is_whole = offset == 0 && range.length_bytes.is_none_or(|length| length == 0);
        if !is_whole {
            // The last byte that is wanted; at least one, for there is no way to ask for none.
            let last = range.length_bytes.map(|length| offset.saturating_add(length.max(1)) - 1);
            let last = last.map_or_else(String::new, |last| last.to_string());
            request = request.header("range", format!("bytes={offset}-{last}"));
        }
        let response = request.send(&[]).map_err(|error| server::lost(&error))?;
        let (size_bytes, first) = match response.status {
            200 => (response.header("content-length").and_then(|text| text.parse().ok()), 0),
            206 => (size_of(&response), offset),
            // A range that starts at the end is empty, and one that starts behind it is wrong; HTTP tells no difference.
            416 => match size_of(&response) {
                Some(size) if size == offset => (Some(size), offset),
                _ => return Err(Error::RangeNotSatisfiable),
            },
            _ => return Err(server::refused(&response, "GET")),
        };
        let size_bytes: u64 =
            size_bytes.ok_or_else(|| Error::Other(format!("the server does not say how long {key} is")))?;
        let behind = size_bytes.checked_sub(offset).ok_or(Error::RangeNotSatisfiable)?;
        let left_bytes = range.length_bytes.map_or(behind, |length| length.min(behind));
        let modified_ms = response.header("last-modified").and_then(date::parse);
        let state = State { skip_bytes: offset - first, left_bytes, response };
        Ok((ObjectMeta { size_bytes, modified_ms }, Self { state: RefCell::new(state) }))
    }
}

impl Reading {
    /// The body of the answer, if it is just what was asked for.
    pub(crate) fn stream(&self) -> Option<InputStream> {
        let mut state = self.state.borrow_mut();
        if state.skip_bytes > 0 { None } else { state.response.take_stream() }
    }
}

/// The size of the whole object, behind the slash of `Content-Range`.
fn size_of(response: &Response) -> Option<u64> {
    response.header("content-range")?.rsplit_once('/')?.1.parse().ok()
}

impl GuestReader for Reading {
    fn read(&self, bytes_max: u32) -> Result<Vec<u8>, Error> {
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        while state.left_bytes > 0 {
            let wanted = if state.skip_bytes > 0 { state.skip_bytes } else { state.left_bytes };
            let piece = state.response.read(wanted.min(u64::from(bytes_max))).map_err(|error| server::lost(&error))?;
            if piece.is_empty() {
                return Err(server::lost(&wharf_plugin_support::http::Error::Failed(
                    "the answer ended early".to_owned(),
                )));
            }
            if state.skip_bytes > 0 {
                state.skip_bytes -= piece.len() as u64;
                continue;
            }
            state.left_bytes -= piece.len() as u64;
            return Ok(piece);
        }
        Ok(Vec::new())
    }
}
