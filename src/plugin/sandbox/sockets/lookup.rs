//! `wasi:sockets/ip-name-lookup` for granted names, by the plugin's own resolver.

use std::net::IpAddr;
use std::sync::Arc;
use std::vec;

use futures_util::FutureExt;
use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, Resource, ResourceType};
use wasmtime_wasi::WasiView as _;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress};
use wasmtime_wasi::p2::{DynPollable, Network, Pollable};
use wasmtime_wasi::runtime::AbortOnDropJoinHandle;

use super::super::Sandbox;
use super::super::destination::Host;
use super::VERSION;

/// Addresses on their way to a guest.
enum Lookup {
    Asked(AbortOnDropJoinHandle<Answer>),
    Answered(Answer),
}

type Answer = Result<vec::IntoIter<IpAddr>, ErrorCode>;

#[wasmtime_wasi::async_trait]
impl Pollable for Lookup {
    async fn ready(&mut self) {
        if let Self::Asked(asked) = self {
            *self = Self::Answered(asked.await);
        }
    }
}

/// Replaces what wasmtime links, which looks up every name or none.
pub(super) fn link(linker: &mut Linker<Sandbox>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&format!("wasi:sockets/ip-name-lookup@{VERSION}"))?;
    instance.resource("resolve-address-stream", ResourceType::host::<Lookup>(), |mut store, index| {
        store.data_mut().ctx().table.delete(Resource::<Lookup>::new_own(index))?;
        Ok(())
    })?;
    instance
        .func_wrap("resolve-addresses", |store, (_, name): (Resource<Network>, String)| Ok((begin(store, &name)?,)))?;
    instance.func_wrap(
        "[method]resolve-address-stream.resolve-next-address",
        |mut store: StoreContextMut<'_, Sandbox>, (lookup,): (Resource<Lookup>,)| {
            Ok((next(store.data_mut().ctx().table.get_mut(&lookup)?),))
        },
    )?;
    instance.func_wrap(
        "[method]resolve-address-stream.subscribe",
        |mut store: StoreContextMut<'_, Sandbox>, (lookup,): (Resource<Lookup>,)| {
            let pollable: Resource<DynPollable> = wasmtime_wasi::p2::subscribe(store.data_mut().ctx().table, lookup)?;
            Ok((pollable,))
        },
    )
}

fn begin(mut store: StoreContextMut<'_, Sandbox>, name: &str) -> wasmtime::Result<Result<Resource<Lookup>, ErrorCode>> {
    let sandbox = store.data_mut();
    let sockets = sandbox.sockets_mut();
    let lookup = match name.parse::<Host>() {
        Err(_) => return Ok(Err(ErrorCode::InvalidArgument)),
        // An address stands for itself; whether it may be connected to is asked then.
        Ok(Host::Address(address)) => Lookup::Answered(Ok(vec![address].into_iter())),
        Ok(Host::Name(name)) if !sockets.grants.reach.allows_name(&name) => {
            sockets.grants.refusals.tell(format!(
                "was refused to look up the name {name}; both its manifest and grants.sockets must name it"
            ));
            return Ok(Err(ErrorCode::AccessDenied));
        }
        Ok(Host::Name(name)) => {
            let (grants, names) = (Arc::clone(&sockets.grants), Arc::clone(&sockets.names));
            Lookup::Asked(wasmtime_wasi::runtime::spawn(async move {
                let found = grants.dialler.look_up(&name).await.map_err(|_| ErrorCode::NameUnresolvable)?;
                // Which of them may be connected to is decided then, when the port is known.
                names.remember(&name, &found);
                Ok(found.into_iter())
            }))
        }
    };
    Ok(Ok(sandbox.ctx().table.push(lookup)?))
}

fn next(lookup: &mut Lookup) -> Result<Option<IpAddress>, ErrorCode> {
    if let Lookup::Asked(asked) = lookup {
        match asked.now_or_never() {
            Some(answer) => *lookup = Lookup::Answered(answer),
            None => return Err(ErrorCode::WouldBlock),
        }
    }
    match lookup {
        Lookup::Answered(Ok(addresses)) => Ok(addresses.next().map(IpAddress::from)),
        Lookup::Answered(Err(code)) => Err(*code),
        Lookup::Asked(_) => Err(ErrorCode::WouldBlock),
    }
}
