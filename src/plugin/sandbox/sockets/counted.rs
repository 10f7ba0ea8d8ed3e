//! The streams of a connection, counted: what a call sends and receives over sockets counts like what it does over HTTP.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource};
use wasmtime_wasi::p2::bindings::sockets::network::ErrorCode;
use wasmtime_wasi::p2::bindings::sockets::tcp::HostTcpSocket as _;
use wasmtime_wasi::p2::{
    DynInputStream, DynOutputStream, InputStream, OutputStream, Pollable, StreamError, StreamResult, TcpSocket,
};
use wasmtime_wasi::sockets::WasiSocketsView as _;

use super::Sandbox;
use crate::plugin::sandbox::meter::Meter;

/// A stream whose bytes are counted.
struct Counted<S> {
    inner: S,
    meter: Arc<Meter>,
}

impl<S> Counted<S> {
    fn came(&self, bytes: Bytes) -> StreamResult<Bytes> {
        match self.meter.receive(bytes.len()) {
            true => Ok(bytes),
            false => Err(passed("limits.incoming_bytes_max", self.meter.incoming_bytes_max())),
        }
    }

    fn goes(&self, bytes: usize) -> StreamResult<()> {
        match self.meter.send(bytes) {
            true => Ok(()),
            false => Err(passed("limits.outgoing_bytes_max", self.meter.outgoing_bytes_max())),
        }
    }
}

fn passed(limit: &str, bytes: u64) -> StreamError {
    StreamError::LastOperationFailed(wasmtime::format_err!("one call may move no more than {limit} ({bytes} bytes)"))
}

#[async_trait]
impl Pollable for Counted<DynInputStream> {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait]
impl InputStream for Counted<DynInputStream> {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let bytes = self.inner.read(size)?;
        self.came(bytes)
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
}

#[async_trait]
impl Pollable for Counted<DynOutputStream> {
    async fn ready(&mut self) {
        self.inner.ready().await;
    }
}

#[async_trait]
impl OutputStream for Counted<DynOutputStream> {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.goes(bytes.len())?;
        self.inner.write(bytes)
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.inner.flush()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.inner.check_write()
    }

    async fn cancel(&mut self) {
        self.inner.cancel().await;
    }
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
    let input: DynInputStream = Box::new(Counted { inner: sandbox.table.delete(input)?, meter: Arc::clone(meter) });
    let output: DynOutputStream = Box::new(Counted { inner: sandbox.table.delete(output)?, meter: Arc::clone(meter) });
    Ok(Ok((sandbox.table.push_child(input, socket)?, sandbox.table.push_child(output, socket)?)))
}
