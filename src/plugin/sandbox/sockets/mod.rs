//! `wasi:sockets`: TCP connections to where the plugin may connect, and nothing else. No UDP, no listening.
//!
//! A guest looks names up itself and then connects to an address. So a name is looked up only if it is granted, and an address
//! may be connected to only if it is granted as an address, or if a granted name stood for it when this instance looked it up.

mod counted;
mod lookup;
mod names;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::p2::TcpSocket;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddressFamily};
use wasmtime_wasi::p2::bindings::sockets::tcp_create_socket::Host as _;
use wasmtime_wasi::sockets::{SocketAddrUse, WasiSocketsView as _};
use wasmtime_wasi::{WasiCtxBuilder, WasiView as _};

use super::Sandbox;
use super::address::Kind;
use super::destination::{Host, Scheme, Target};
use super::dial::{DialError, Dialler};
use super::quota::Connections;
use super::reach::Reach;
use super::refusals::Refusals;
use names::Names;

/// The version of `wasi:sockets` that wasmtime links; guests of every 0.2 get it.
const VERSION: &str = "0.2.12";

/// The sockets of one version of a plugin.
pub struct SocketGrants {
    reach: Arc<Reach>,
    dialler: Dialler,
    connections: Arc<Connections>,
    refusals: Arc<Refusals>,
}

impl SocketGrants {
    /// Within what `connections` leaves.
    pub fn new(reach: Arc<Reach>, dialler: Dialler, connections: Arc<Connections>, refusals: Arc<Refusals>) -> Self {
        Self { reach, dialler, connections, refusals }
    }
}

/// The sockets of one instance.
pub struct Sockets {
    grants: Arc<SocketGrants>,
    names: Arc<Names>,
    /// By the index of the socket in the instance's table.
    places: HashMap<u32, OwnedSemaphorePermit>,
}

impl Sockets {
    /// Opens in `builder` what is granted.
    pub fn new(grants: Arc<SocketGrants>, builder: &mut WasiCtxBuilder) -> Self {
        let names = Arc::<Names>::default();
        builder.allow_tcp(!grants.reach.is_empty()).allow_udp(false).allow_ip_name_lookup(false);
        let check = (Arc::clone(&grants), Arc::clone(&names));
        builder.socket_addr_check(move |address, purpose| {
            let (grants, names) = &check;
            let allowed = grants.may_use(names, address, purpose);
            Box::pin(async move { allowed })
        });
        Self { grants, names, places: HashMap::new() }
    }
}

impl SocketGrants {
    fn may_use(&self, names: &Names, address: SocketAddr, purpose: SocketAddrUse) -> bool {
        match purpose {
            // What the system does before each connection; a certain address or port would be for listening.
            SocketAddrUse::TcpBind => address.ip().is_unspecified() && address.port() == 0,
            SocketAddrUse::TcpConnect => self.may_connect(names, address),
            _ => false,
        }
    }

    fn may_connect(&self, names: &Names, address: SocketAddr) -> bool {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        let as_address = Target { scheme: Scheme::Tcp, host: Host::Address(ip), port };
        let as_name = |name| Target { scheme: Scheme::Tcp, host: Host::Name(name), port };
        let mut problem = (as_address.clone(), DialError::NotGranted);
        for target in std::iter::once(as_address).chain(names.of(ip).into_iter().map(as_name)) {
            match self.judge(&target, address) {
                Ok(()) => return true,
                Err(DialError::NotGranted) => {}
                Err(other) => problem = (target, other),
            }
        }
        self.refusals.of_dial(&problem.0, &problem.1);
        false
    }

    fn judge(&self, target: &Target, address: SocketAddr) -> Result<(), DialError> {
        if !self.reach.allows(target) {
            return Err(DialError::NotGranted);
        }
        self.reach.admits(target, address.ip()).map_err(|kind: Kind| DialError::Prohibited(address.ip(), kind))
    }
}

/// Adds what replaces wasmtime's own: looking names up, and sockets that are counted. To be called when the rest is linked.
pub fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    lookup::link(linker)?;
    counted::link(linker)?;
    let mut instance = linker.instance(&format!("wasi:sockets/tcp-create-socket@{VERSION}"))?;
    instance.func_wrap("create-tcp-socket", |store, (family,): (IpAddressFamily,)| Ok((create(store, family)?,)))?;
    let mut instance = linker.instance(&format!("wasi:sockets/tcp@{VERSION}"))?;
    instance.resource("tcp-socket", ResourceType::host::<TcpSocket>(), |mut store, index| {
        let sandbox = store.data_mut();
        sandbox.sockets_mut().places.remove(&index);
        sandbox.ctx().table.delete(Resource::<TcpSocket>::new_own(index))?;
        Ok(())
    })
}

fn create(
    mut store: StoreContextMut<'_, Sandbox>,
    family: IpAddressFamily,
) -> wasmtime::Result<Result<Resource<TcpSocket>, ErrorCode>> {
    let sandbox = store.data_mut();
    let grants = Arc::clone(&sandbox.sockets_mut().grants);
    if grants.reach.is_empty() {
        grants
            .refusals
            .tell("was refused a socket; both its manifest and grants.sockets must name where it may connect".into());
        return Ok(Err(ErrorCode::AccessDenied));
    }
    let Some(place) = grants.connections.try_take() else { return Ok(Err(ErrorCode::NewSocketLimit)) };
    match sandbox.sockets().create_tcp_socket(family) {
        Ok(socket) => {
            sandbox.sockets_mut().places.insert(socket.rep(), place);
            Ok(Ok(socket))
        }
        Err(error) => error.downcast().map(Err),
    }
}
