//! The one function of `wasi:http/outgoing-handler`, for what wasmtime-wasi-http leaves behind.

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler::Host as _;
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode;
use wasmtime_wasi_http::p2::types::{HostFutureIncomingResponse, HostOutgoingRequest};
use wasmtime_wasi_http::{RequestOptions, WasiHttpView as _};

use super::super::Sandbox;

/// The version of `wasi:http` that wasmtime links; guests of every 0.2 get it.
const INTERFACE: &str = "wasi:http/outgoing-handler@0.2.12";

type Parameters = (Resource<HostOutgoingRequest>, Option<Resource<RequestOptions>>);
type Answer = Result<Resource<HostFutureIncomingResponse>, ErrorCode>;

/// Replaces wasmtime's own, which takes a guest's `request-options` and never frees them: a warm instance would run into
/// `limits.resources_max` by making requests, one after the other. To be called when the rest is linked.
pub fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    linker.instance(INTERFACE)?.func_wrap("handle", |mut store: StoreContextMut<'_, Sandbox>, given: Parameters| {
        let (request, options) = given;
        let left = options.as_ref().map(|options| Resource::<RequestOptions>::new_own(options.rep()));
        let mut http = store.data_mut().http();
        let answer = http.handle(request, options);
        if let Some(options) = left {
            http.table.delete(options)?;
        }
        let answer: Answer = match answer {
            Ok(response) => Ok(response),
            Err(error) => Err(error.downcast()?),
        };
        Ok((answer,))
    })
}
