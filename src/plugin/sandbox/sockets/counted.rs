//! The streams of a connection, counted: what a call sends and receives over sockets counts like what it does over HTTP.

use std::sync::Arc;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi::p2::bindings::sockets::tcp::HostTcpSocket as _;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, StreamError, StreamResult, TcpSocket};
use wasmtime_wasi::sockets::WasiSocketsView as _;

use super::Sandbox;
use crate::plugin::sandbox::meter::Meter;
use crate::plugin::sandbox::watched::{Watch, Watched};

impl Watch for Arc<Meter> {
    fn came(&self, bytes: usize) -> StreamResult<()> {
        match self.receive(bytes) {
            true => Ok(()),
            false => Err(passed("limits.incoming_bytes_max", self.incoming_bytes_max())),
        }
    }

    fn goes(&self, bytes: usize) -> StreamResult<()> {
        match self.send(bytes) {
            true => Ok(()),
            false => Err(passed("limits.outgoing_bytes_max", self.outgoing_bytes_max())),
        }
    }
}

fn passed(limit: &str, bytes: u64) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::format_err!("one call may move no more than {limit} ({bytes} bytes)"))
}

type Streams = (Resource<DynInputStream>, Resource<DynOutputStream>);

/// Adds what replaces wasmtime's own: connections whose bytes are counted.
pub(super) fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&format!("wasi:sockets/tcp@{}", super::VERSION))?;
    instance.func_wrap("[method]tcp-socket.finish-connect", |store, (socket,): (Resource<TcpSocket>,)| {
        Ok((finish_connect(store, &socket)?,))
    })
}

fn finish_connect(
    mut store: StoreContextMut<'_, Sandbox>,
    socket: &Resource<TcpSocket>,
) -> wasmtime::Result<Result<Streams, ErrorCode>> {
    let sandbox = store.data_mut();
    let (input, output) = match sandbox.sockets().finish_connect(Resource::new_borrow(socket.rep())) {
        Ok(streams) => streams,
        Err(error) => return error.downcast().map(Err),
    };
    let meter = &sandbox.meter;
    let input: DynInputStream = Box::new(Watched { inner: sandbox.table.delete(input)?, watch: Arc::clone(meter) });
    let output: DynOutputStream = Box::new(Watched { inner: sandbox.table.delete(output)?, watch: Arc::clone(meter) });
    Ok(Ok((sandbox.table.push_child(input, socket)?, sandbox.table.push_child(output, socket)?)))
}
