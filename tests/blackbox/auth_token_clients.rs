//! Real clients with a token server: they follow the challenge, fetch a token for the scope in it, and come back.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::support::image::{OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use crate::support::jwt::{Issuer, claims};
use crate::support::layout::{Layout, real_image};
use crate::support::tools::{self, run};
use crate::support::{Request, Server};

/// `ci:secret`, as Basic authentication sends it.
const CREDENTIALS: &str = "Authorization: Basic Y2k6c2VjcmV0";

/// Starts a token server that gives `ci` whatever it asks for, and everybody else the right to pull below `public/`.
fn token_server(issuer: Arc<Issuer>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    // Ends with the test process; it holds nothing that must be given back.
    std::thread::spawn(move || listener.incoming().flatten().for_each(|stream| answer(stream, &issuer)));
    address
}

fn answer(mut stream: TcpStream, issuer: &Issuer) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && matches!(stream.read(&mut byte), Ok(1)) {
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let known = head.lines().any(|line| line.eq_ignore_ascii_case(CREDENTIALS));
    let (status, body) = match (known, head.to_lowercase().contains("authorization:")) {
        // Clients try the form of OAuth first, and fall back where it is not there.
        _ if head.starts_with("POST ") => ("404 Not Found", String::new()),
        (false, true) => ("401 Unauthorized", String::new()),
        _ => {
            let mut claims = claims(&[]);
            claims["access"] = granted(&head, known);
            let token = issuer.token(&claims);
            ("200 OK", json!({"token": token, "access_token": token, "expires_in": 300}).to_string())
        }
    };
    let len = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n{body}"
    );
    let _ = stream.write_all(text.as_bytes());
}

/// The `access` claim for the scopes in a request.
fn granted(head: &str, known: bool) -> Value {
    let target = head.split(' ').nth(1).unwrap_or_default();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    let decoded = |text: &str| {
        let plus =
            text.replace('+', " ").replace("%3A", ":").replace("%2F", "/").replace("%2C", ",").replace("%20", " ");
        plus.split(' ').map(str::to_owned).collect::<Vec<_>>()
    };
    let scopes = query.split('&').filter_map(|pair| pair.strip_prefix("scope=")).flat_map(decoded);
    let entries = scopes.filter_map(|scope| {
        let (rest, actions) = scope.rsplit_once(':')?;
        let (kind, name) = rest.split_once(':')?;
        let allowed = |action: &&str| known || (*action == "pull" && name.starts_with("public/"));
        Some(json!({"type": kind, "name": name, "actions": actions.split(',').filter(allowed).collect::<Vec<_>>()}))
    });
    Value::Array(entries.collect())
}

#[test]
fn clients_fetch_tokens_and_push_and_pull() {
    let issuer = Arc::new(Issuer::new());
    let tokens = token_server(Arc::clone(&issuer));
    let setup = Server::setup();
    let bundle = setup.directory().join("bundle.pem");
    fs::write(&bundle, &issuer.certificate_pem).unwrap();
    let server = setup
        .section(&format!(
            "auth:\n  token:\n    realm: http://{tokens}/token\n    service: registry.example\n    \
             issuer: auth.example\n    rootcertbundle: {}",
            bundle.display()
        ))
        .start();
    let image = real_image(750, &[30_000, 10], "amd64", [OCI_MANIFEST, OCI_CONFIG, OCI_LAYER]);
    let layout = server.directory().join("layout");
    Layout::new().image(&image).tag("v1", &image.manifest).write(&layout);
    let local = format!("oci:{}:v1", layout.display());
    let name = |repository: &str| format!("docker://{}/{repository}:v1", server.host());
    let skopeo = || {
        let mut command = tools::command(&tools::skopeo(), server.directory());
        command.arg("--insecure-policy");
        command
    };
    for repository in ["public/app", "private/app"] {
        let copy = ["copy", "--dest-tls-verify=false", "--dest-creds", "ci:secret", &local, &name(repository)];
        run(skopeo().args(copy));
    }
    // From one repository to the other, which asks for both scopes at once and mounts.
    let both = [
        "copy",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--src-creds=ci:secret",
        "--dest-creds=ci:secret",
    ];
    run(skopeo().args(both).args([&name("private/app"), &name("private/copy")]));
    // Whoever has no password may pull what is public, and only that.
    let inspect = ["inspect", "--raw", "--no-creds", "--tls-verify=false"];
    assert!(run(skopeo().args(inspect).arg(name("public/app"))).as_bytes() == image.manifest.bytes);
    assert!(!tools::output(skopeo().args(inspect).arg(name("private/app"))).status.success());
    let wrong = ["copy", "--dest-tls-verify=false", "--dest-creds", "ci:wrong", &local, &name("public/app")];
    assert!(!tools::output(skopeo().args(wrong)).status.success());
    // crane takes no token server at a private address, so regctl stands for the clients of the other family.
    let regctl = || {
        let mut command = tools::command(&tools::regctl(), server.directory());
        command.env("REGCTL_CONFIG", server.directory().join("regctl.json"));
        command
    };
    run(regctl().args(["registry", "set", "--tls", "disabled", &server.host()]));
    run(regctl().args(["registry", "login", "-u", "ci", "-p", "secret", &server.host()]));
    let digest = run(regctl().args(["image", "digest", &format!("{}/private/copy:v1", server.host())]));
    assert_eq!(digest.trim(), image.manifest.digest);
    server.send(Request::get("/v2/private/copy/manifests/v1")).expect(401);
    let Some(docker) = tools::docker() else { return };
    let mut login = tools::command(&docker, server.directory());
    assert!(run(login.args(["login", "-u", "ci", "-p", "secret", &server.host()])).contains("Login Succeeded"));
}
