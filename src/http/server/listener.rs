//! Listening sockets: TCP, unix, or handed over by systemd.

use std::fs::{DirBuilder, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::{TcpListener, UnixListener};

use super::address::{Address, split_host_port};
use super::stream::Stream;

/// How long a silent TCP connection lasts before the kernel asks whether the peer is still there; what `distribution` uses.
const TCP_KEEPALIVE: Duration = Duration::from_secs(180);

/// How many connections may wait to be accepted, as far as the kernel allows (`net.core.somaxconn`). With the usual 128 a few
/// hundred clients at once would already wait for a second SYN.
const BACKLOG: i32 = 4096;

/// Why a server cannot listen: one sentence that names the address and the mend.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {reason}")]
pub struct ListenError {
    /// What was asked for.
    pub address: String,
    /// What is in the way, and what to do about it.
    pub reason: String,
}

/// A socket that accepts connections. A unix socket's file is removed when the listener is dropped.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    inherited: bool,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, PathBuf),
}

impl Listener {
    /// Takes the one socket that systemd handed over, if there is one.
    ///
    /// # Errors
    /// When there are several: which one to serve would be a guess.
    pub fn inherited() -> Result<Option<Self>, ListenError> {
        let fail = |reason: String| ListenError { address: "the socket passed by systemd".to_owned(), reason };
        let mut passed = listenfd::ListenFd::from_env();
        match passed.len() {
            0 => return Ok(None),
            1 => {}
            n => return Err(fail(format!("systemd passed {n} sockets; the socket unit must have exactly one"))),
        }
        if let Ok(Some(socket)) = passed.take_tcp_listener(0) {
            let listener = socket.set_nonblocking(true).and_then(|()| TcpListener::from_std(socket));
            let listener = listener.map_err(|error| fail(error.to_string()))?;
            tune(&listener);
            return Ok(Some(Self { socket: Socket::Tcp(listener), inherited: true }));
        }
        match passed.take_unix_listener(0) {
            Ok(Some(socket)) => {
                let listener = socket.set_nonblocking(true).and_then(|()| UnixListener::from_std(socket));
                let listener = listener.map_err(|error| fail(error.to_string()))?;
                Ok(Some(Self { socket: Socket::Unix(listener, PathBuf::new()), inherited: true }))
            }
            _ => Err(fail("it is neither a TCP nor a unix stream socket".to_owned())),
        }
    }

    /// Opens a listening socket.
    ///
    /// # Errors
    /// [`ListenError`], as a sentence for the operator.
    pub async fn bind(address: &Address) -> Result<Self, ListenError> {
        let fail = |reason| ListenError { address: address.to_string(), reason };
        let socket = match address {
            Address::Tcp(text) => Socket::Tcp(bind_tcp(text).await.map_err(fail)?),
            Address::Unix(path) => Socket::Unix(bind_unix(path).map_err(fail)?, path.clone()),
        };
        Ok(Self { socket, inherited: false })
    }

    /// Opens a unix socket that only this user can use, from its first moment on.
    ///
    /// # Errors
    /// As [`Listener::bind`].
    pub fn bind_private(path: &Path) -> Result<Self, ListenError> {
        let fail = |reason| ListenError { address: path.display().to_string(), reason };
        let listener = make_way(path).and_then(|()| bind_unseen(path)).map_err(fail)?;
        Ok(Self { socket: Socket::Unix(listener, path.to_owned()), inherited: false })
    }

    /// Waits for a connection; its peer is `None` on a unix socket.
    pub(super) async fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Stream::Tcp(stream), Some(unmap(peer))))
            }
            Socket::Unix(listener, _) => Ok((Stream::Unix(listener.accept().await?.0), None)),
        }
    }

    /// The TCP address that is really listened on; `None` for a unix socket.
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix(..) => None,
        }
    }

    /// Where it listens, for people.
    pub fn describe(&self) -> String {
        let address = match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().map_or_else(|_| "?".to_owned(), |addr| addr.to_string()),
            Socket::Unix(_, path) => path.display().to_string(),
        };
        if self.inherited { format!("{address} (socket passed by systemd)") } else { address }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Socket::Unix(_, path) = &self.socket
            && !self.inherited
        {
            // Whoever starts next removes a leftover anyway.
            let _ = std::fs::remove_file(path);
        }
    }
}

/// A client that reached a dual-stack socket over IPv4 is shown by its IPv4 address.
fn unmap(peer: SocketAddr) -> SocketAddr {
    SocketAddr::new(peer.ip().to_canonical(), peer.port())
}

async fn bind_tcp(text: &str) -> Result<TcpListener, String> {
    let (host, port) = split_host_port(text)?;
    let explain = |error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("port {port} is already in use; stop the program that has it, or set http.addr to another address")
        }
        io::ErrorKind::PermissionDenied => format!(
            "the system does not let this user open port {port}; ports below 1024 need CAP_NET_BIND_SERVICE, others do not"
        ),
        io::ErrorKind::AddrNotAvailable => {
            "no interface of this machine has that address; set http.addr to one that it has, or to :port for all"
                .to_owned()
        }
        _ => error.to_string(),
    };
    let listener = if host.is_empty() {
        // One socket for both families, as Go does; IPv4 alone where the machine has no IPv6.
        match TcpListener::bind((IpAddr::from(Ipv6Addr::UNSPECIFIED), port)).await {
            Err(error)
                if error.kind() != io::ErrorKind::AddrInUse && error.kind() != io::ErrorKind::PermissionDenied =>
            {
                TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), port)).await
            }
            other => other,
        }
        .map_err(explain)?
    } else {
        let found = tokio::net::lookup_host((host, port)).await;
        let mut found: Vec<SocketAddr> =
            found.map_err(|error| format!("the name {host:?} cannot be resolved: {error}"))?.collect();
        found.sort_by_key(SocketAddr::is_ipv6);
        let first = found.first().ok_or_else(|| format!("the name {host:?} has no address"))?;
        TcpListener::bind(first).await.map_err(explain)?
    };
    tune(&listener);
    Ok(listener)
}

/// Set on the listening socket because Linux hands these options down to every accepted one: no system call per connection.
fn tune(listener: &TcpListener) {
    let set = || -> rustix::io::Result<()> {
        rustix::net::listen(listener, BACKLOG)?;
        // An answer's last small segment must not wait for the client's acknowledgement of the one before.
        sockopt::set_tcp_nodelay(listener, true)?;
        sockopt::set_socket_keepalive(listener, true)?;
        sockopt::set_tcp_keepidle(listener, TCP_KEEPALIVE)?;
        sockopt::set_tcp_keepintvl(listener, TCP_KEEPALIVE)
    };
    if let Err(error) = set() {
        tracing::debug!(%error, "a TCP option is not available here; going on without");
    }
}

fn bind_unix(path: &Path) -> Result<UnixListener, String> {
    make_way(path)?;
    listen(path)
}

fn listen(path: &Path) -> Result<UnixListener, String> {
    let listener = UnixListener::bind(path).map_err(|error| error.to_string())?;
    rustix::net::listen(&listener, BACKLOG).map_err(|error| error.to_string())?;
    Ok(listener)
}

/// Binds in a directory that nobody else can enter, and moves the socket to its place when its permissions are what they should
/// be. The system gives a new socket those of the process's umask, which is no business of ours to change.
fn bind_unseen(path: &Path) -> Result<UnixListener, String> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // Short: the whole path of a socket may have 107 bytes.
    let directory = parent.join(format!(".w{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    DirBuilder::new().mode(0o700).create(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    let hidden = directory.join("s");
    let bound = listen(&hidden).and_then(|listener| {
        let closed = std::fs::set_permissions(&hidden, Permissions::from_mode(0o600));
        closed.and_then(|()| std::fs::rename(&hidden, path)).map_err(|error| error.to_string())?;
        Ok(listener)
    });
    let _ = std::fs::remove_dir_all(&directory);
    bound
}

/// Removes a socket that nobody listens on any more.
fn make_way(path: &Path) -> Result<(), String> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => {
            // Somebody who still answers there must not lose his socket.
            if std::os::unix::net::UnixStream::connect(path).is_ok() {
                return Err("another process is listening on this socket".to_owned());
            }
            std::fs::remove_file(path).map_err(|error| format!("a stale socket cannot be removed: {error}"))?;
        }
        Ok(_) => return Err("there is a file of this name that is no socket; it is left alone".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.to_string()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named() {
        let first = Listener::bind(&Address::Tcp("127.0.0.1:0".to_owned())).await.unwrap();
        let port = first.local_addr().unwrap().port();
        let error = Listener::bind(&Address::Tcp(format!("127.0.0.1:{port}"))).await.unwrap_err();
        assert!(error.to_string().contains(&format!("port {port} is already in use")), "{error}");
    }

    #[tokio::test]
    async fn a_private_socket_is_private_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        for _ in 0..2 {
            let listener = Listener::bind_private(&path).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
            let (client, accepted) = tokio::join!(tokio::net::UnixStream::connect(&path), listener.accept());
            assert!(client.is_ok() && accepted.is_ok());
            assert!(Listener::bind_private(&path).is_err(), "somebody listens on it");
            drop(listener);
        }
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced_and_a_file_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("wharf.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let listener = Listener::bind(&Address::Unix(path.clone())).await.unwrap();
        let error = Listener::bind(&Address::Unix(path.clone())).await.unwrap_err();
        assert!(error.to_string().contains("another process"), "{error}");
        drop(listener);
        assert!(!path.exists());

        std::fs::write(&path, "precious").unwrap();
        let error = Listener::bind(&Address::Unix(path.clone())).await.unwrap_err();
        assert!(error.to_string().contains("no socket"), "{error}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    }
}
