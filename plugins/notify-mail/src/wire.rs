//! The connection to the mail server, over `wasi:sockets`, and over `wasi:tls` where it is encrypted.
//!
//! TLS is the host's: the guest needs no cryptography of its own, which would be half a megabyte in every component, and the
//! certificates that the operator's machine trusts are those that count here too.

use crate::bindings::wasi::sockets::instance_network::instance_network;
use crate::bindings::wasi::sockets::ip_name_lookup::resolve_addresses;
use crate::bindings::wasi::sockets::network::{
    ErrorCode, IpAddress, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress, Network,
};
use crate::bindings::wasi::sockets::tcp::TcpSocket;
use crate::bindings::wasi::sockets::tcp_create_socket::create_tcp_socket;
use crate::bindings::wasi::tls::types::{ClientConnection, ClientHandshake};
use crate::settings::{Settings, Tls};
use crate::smtp::{Connection, Failure};
use wharf_plugin_support::time::Deadline;
use wharf_plugin_support::wasi::io::streams::{InputStream, OutputStream, StreamError};

/// The longest line that is read. RFC 5321 asks for 512 bytes, and servers say more.
const LINE_BYTES_MAX: usize = 4096;

/// An open connection.
pub(crate) struct Wire {
    host: String,
    deadline: Deadline,
    read: Vec<u8>,
    // Dropped in this order: streams are children of what they came from.
    streams: Option<(InputStream, OutputStream)>,
    tls: Option<ClientConnection>,
    socket: TcpSocket,
}

impl Wire {
    /// Connects to the first address of the server that answers.
    pub(crate) fn open(settings: &Settings) -> Result<Self, Failure> {
        let deadline = Deadline::after_ms(settings.timeout_ms);
        let network = instance_network();
        let mut last = Failure::Temporary(format!("{} has no address", settings.host));
        for address in addresses(&network, settings, &deadline)? {
            match connect(&network, address, settings.port, &deadline) {
                Ok((socket, input, output)) => {
                    let host = settings.host.clone();
                    let streams = Some((input, output));
                    let mut wire = Self { host, deadline, read: Vec::new(), streams, tls: None, socket };
                    if settings.tls == Tls::Implicit {
                        wire.start_tls()?;
                    }
                    return Ok(wire);
                }
                Err(failure) => last = failure,
            }
        }
        Err(last)
    }
}

impl Connection for Wire {
    fn read_line(&mut self) -> Result<String, Failure> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(end + 1);
                let line = std::mem::replace(&mut self.read, rest);
                return Ok(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            if self.read.len() > LINE_BYTES_MAX {
                return Err(Failure::Temporary("the mail server sent a line without an end".to_owned()));
            }
            let Some((input, _)) = &self.streams else { return Err(closed()) };
            if !self.deadline.wait_for(&input.subscribe()) {
                return Err(Failure::Temporary(format!("{} took too long to answer", self.host)));
            }
            self.read.extend(input.read(LINE_BYTES_MAX as u64).map_err(|error| broken(&error))?);
        }
    }

    fn write(&mut self, mut bytes: &[u8]) -> Result<(), Failure> {
        let Some((_, output)) = &self.streams else { return Err(closed()) };
        let ready = || {
            if !self.deadline.wait_for(&output.subscribe()) {
                return Err(Failure::Temporary(format!("{} took too long to read", self.host)));
            }
            output.check_write().map_err(|error| broken(&error))
        };
        while !bytes.is_empty() {
            let room = usize::try_from(ready()?).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(room);
            output.write(now).map_err(|error| broken(&error))?;
            bytes = later;
        }
        output.flush().map_err(|error| broken(&error))?;
        ready().map(drop)
    }

    fn start_tls(&mut self) -> Result<(), Failure> {
        if !self.read.is_empty() {
            return Err(Failure::Temporary(format!("{} said something between STARTTLS and TLS", self.host)));
        }
        let Some((input, output)) = self.streams.take() else { return Err(closed()) };
        let handshake = ClientHandshake::finish(ClientHandshake::new(&self.host, input, output));
        if !self.deadline.wait_for(&handshake.subscribe()) {
            return Err(Failure::Temporary(format!("{} took too long for TLS", self.host)));
        }
        match handshake.get() {
            Some(Ok(Ok((connection, input, output)))) => {
                self.tls = Some(connection);
                self.streams = Some((input, output));
                Ok(())
            }
            Some(Ok(Err(error))) => {
                Err(Failure::Temporary(format!("no TLS with {}: {}", self.host, error.to_debug_string())))
            }
            Some(Err(())) | None => Err(closed()),
        }
    }

    fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    fn is_local(&self) -> bool {
        matches!(self.socket.remote_address(), Ok(address) if ip(&address).is_loopback())
    }

    fn own_name(&self) -> String {
        match self.socket.local_address().map(|address| ip(&address)) {
            Ok(std::net::IpAddr::V4(address)) => format!("[{address}]"),
            Ok(std::net::IpAddr::V6(address)) => format!("[IPv6:{address}]"),
            Err(_) => "[127.0.0.1]".to_owned(),
        }
    }
}

fn addresses(network: &Network, settings: &Settings, deadline: &Deadline) -> Result<Vec<IpAddress>, Failure> {
    let failed = |code| failure(&format!("the name {} can't be resolved", settings.host), code);
    let stream = resolve_addresses(network, &settings.host).map_err(failed)?;
    let mut addresses = Vec::new();
    loop {
        match stream.resolve_next_address() {
            Ok(Some(address)) => addresses.push(address),
            Ok(None) => return Ok(addresses),
            Err(ErrorCode::WouldBlock) if deadline.wait_for(&stream.subscribe()) => {}
            Err(code) => return Err(failed(code)),
        }
    }
}

fn connect(
    network: &Network,
    address: IpAddress,
    port: u16,
    deadline: &Deadline,
) -> Result<(TcpSocket, InputStream, OutputStream), Failure> {
    let (family, remote) = match address {
        IpAddress::Ipv4(address) => (IpAddressFamily::Ipv4, IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address })),
        IpAddress::Ipv6(address) => {
            let remote = Ipv6SocketAddress { port, flow_info: 0, address, scope_id: 0 };
            (IpAddressFamily::Ipv6, IpSocketAddress::Ipv6(remote))
        }
    };
    let failed = |code| failure(&format!("no connection to {}:{port}", ip(&remote)), code);
    let socket = create_tcp_socket(family).map_err(failed)?;
    socket.start_connect(network, remote).map_err(failed)?;
    if !deadline.wait_for(&socket.subscribe()) {
        return Err(failed(ErrorCode::Timeout));
    }
    let (input, output) = socket.finish_connect().map_err(failed)?;
    Ok((socket, input, output))
}

fn ip(address: &IpSocketAddress) -> std::net::IpAddr {
    match address {
        IpSocketAddress::Ipv4(Ipv4SocketAddress { address: (a, b, c, d), .. }) => [*a, *b, *c, *d].into(),
        IpSocketAddress::Ipv6(Ipv6SocketAddress { address: (a, b, c, d, e, f, g, h), .. }) => {
            [*a, *b, *c, *d, *e, *f, *g, *h].into()
        }
    }
}

fn failure(what: &str, code: ErrorCode) -> Failure {
    match code {
        // Not to be mended by waiting, but by the operator: the grant `sockets` does not name this server.
        ErrorCode::AccessDenied => Failure::Permanent(format!("{what}: the host refuses it, see `grants.sockets`")),
        code => Failure::Temporary(format!("{what}: {}", code.name())),
    }
}

fn closed() -> Failure {
    Failure::Temporary("the mail server closed the connection".to_owned())
}

fn broken(error: &StreamError) -> Failure {
    match error {
        StreamError::Closed => closed(),
        StreamError::LastOperationFailed(error) => {
            Failure::Temporary(format!("the connection broke: {}", error.to_debug_string()))
        }
    }
}
