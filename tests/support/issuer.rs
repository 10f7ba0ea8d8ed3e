//! An OpenID Connect issuer: the certified library `oidc-provider`, run by node (`issuer/issuer.mjs`).

use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::http::{Connection, Request};
use super::patience::wait_for_start;
use super::server::free_address;
use super::tools;

/// Whom the tokens are for.
pub const AUDIENCE: &str = "https://registry.example";

/// A running issuer. Dropping it ends it.
pub struct Issuer {
    child: Child,
    address: SocketAddr,
}

impl Issuer {
    #[track_caller]
    pub fn start() -> Self {
        Self::start_at(free_address(), "first")
    }

    /// Starts one with new keys, whose ids begin with `prefix`.
    #[track_caller]
    pub fn start_at(address: SocketAddr, prefix: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/issuer/issuer.mjs");
        let mut command = Command::new(tools::node());
        command.arg(script).arg(tools::oidc_provider()).arg(address.port().to_string()).arg(prefix);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut issuer = Self { child: command.spawn().expect("node can be started"), address };
        let problem = || "the issuer does not listen".to_owned();
        wait_for_start(&mut issuer.child, || TcpStream::connect(address).is_ok(), problem);
        issuer
    }

    /// The issuer's name, as it stands in its tokens.
    pub fn name(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A token signed by this algorithm, for this audience, with this claim `ref`.
    #[track_caller]
    pub fn token(&self, algorithm: &str, audience: &str, reference: &str) -> String {
        let form = format!(
            "grant_type=client_credentials&client_id={algorithm}&client_secret=secret&resource={audience}&ref={reference}"
        );
        let request = Request::post("/token").header("Content-Type", "application/x-www-form-urlencoded");
        let answer = Connection::open(self.address).send(&request.body(form)).expect(200).json();
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// Ends it, and waits until nobody listens any more.
    pub fn end(self) -> SocketAddr {
        let address = self.address;
        drop(self);
        address
    }
}

impl Drop for Issuer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
