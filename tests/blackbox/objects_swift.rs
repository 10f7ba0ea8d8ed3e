//! A registry in a Swift container: what only Swift has. The rest is in `objects_every`.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::objects_every::sends_clients;
use crate::support::patience::{wait_for_start, wait_until};
use crate::support::push::strings;
use crate::support::server::{Program, free_address};
use crate::support::stores::{BUCKET, Kind, NO_REDIRECT, SECRET_KEY, Store, support_file};
use crate::support::{Blob, Connection, Image, Request, Response, Server};

/// Asks Swift itself, as the user that Wharf is.
struct Account<'a> {
    store: &'a Store,
    token: String,
}

impl<'a> Account<'a> {
    fn of(store: &'a Store) -> Self {
        let login = Request::get("/auth/v1.0").header("X-Auth-User", "test:tester").header("X-Auth-Key", SECRET_KEY);
        let answer = Connection::open(store.address()).send(&login).expect(200);
        Self { store, token: answer.the("x-auth-token").to_owned() }
    }

    fn send(&self, request: Request) -> Response {
        Connection::open(self.store.address()).send(&request.header("X-Auth-Token", &self.token))
    }

    /// The names in the container.
    fn names(&self) -> Vec<String> {
        let answer = self.send(Request::get(format!("/v1/AUTH_test/{BUCKET}?format=json"))).expect(200);
        let Value::Array(entries) = answer.json() else { panic!("no list: {answer}") };
        entries.iter().map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect()
    }

    fn segments(&self) -> Vec<String> {
        self.names().into_iter().filter(|name| name.contains("segments/")).collect()
    }

    /// Waits until the container holds no segments: what is left of an upload goes after its answer.
    #[track_caller]
    fn wait_for_no_segments(&self) {
        wait_until(|| self.segments().is_empty(), || format!("segments are left: {:?}", self.segments()));
    }
}

/// Puts segments that no object lists, as a server that is killed leaves them: of this key, and as old as this.
fn leave_segments(account: &Account<'_>, key: &str, age: Duration) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let time = format!("{}.00000", (now - age).as_secs());
    for number in 0..2 {
        let name = format!(".segments/files/docker/registry/v2/{key}0b5a9a3c-3a3a-4f6e-9f0e-1f2f3f4f5f6f/{number:08}");
        let put = Request::put(format!("/v1/AUTH_test/{BUCKET}/{name}")).header("X-Timestamp", &time);
        account.send(put.body(vec![b'x'; 1000])).expect(201);
    }
}

/// An assembly is taken for abandoned after an hour, however young the uploads are that are purged.
#[test]
fn segments_that_a_crash_has_left_at_a_blobs_key_are_purged_and_those_of_blobs_are_not() {
    let store = Store::of(Kind::Swift);
    let server = Server::setup().config_text(&small_segments(&store)).start();
    let account = Account::of(&store);
    let blob = Blob::random(1605, 33 << 20);
    let location = server.patch(&server.start_upload("library/app"), &blob.bytes[..14 << 20]).expect(202).location();
    server.close_upload(&location, &blob.digest, &blob.bytes[14 << 20..]).expect(201);
    let assembled = || !account.segments().iter().any(|name| name.contains("_uploads"));
    wait_until(assembled, || format!("{:?}", account.segments()));
    let its_own = account.segments();
    assert!(!its_own.is_empty());
    let hex = "ab".repeat(32);
    let (old, day) = (format!("blobs/sha256/ab/{hex}/data"), Duration::from_secs(86_400));
    leave_segments(&account, &old, day);
    // Beside the blob's own, and one that may still go on.
    leave_segments(&account, blob_path(&blob).trim_start_matches("files/docker/registry/v2/"), day);
    leave_segments(&account, &format!("blobs/sha256/cd/{}/data", "cd".repeat(32)), Duration::ZERO);
    let dry = server.upkeep("purge-uploads", &["--age", "0s", "--dry-run"]);
    assert!(dry.contains("2 unfinished writes eligible for purging, 1 kept"), "{dry}");
    assert_eq!(account.segments().len(), its_own.len() + 6, "a dry run has removed something");
    let purged = server.upkeep("purge-uploads", &["--age", "0s"]);
    assert!(purged.contains("2 unfinished writes purged, 1 kept"), "{purged}");
    let left = account.segments();
    assert!(its_own.iter().all(|name| left.contains(name)), "{left:?}");
    assert_eq!(left.len(), its_own.len() + 2, "{left:?}");
    server.check_blob("library/app", &blob);
}

fn blob_path(blob: &Blob) -> String {
    let hex = &blob.digest["sha256:".len()..];
    format!("files/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2])
}

#[test]
fn a_deleted_large_object_leaves_no_segments_in_swift() {
    let store = Store::of(Kind::Swift);
    let server = Server::setup().config_text(&small_segments(&store)).start();
    let account = Account::of(&store);
    let blob = Blob::random(1600, 33 << 20);
    // Of two pieces, one of them larger than a segment, the blob is put together by Wharf: of segments.
    let location = server.patch(&server.start_upload("library/app"), &blob.bytes[..14 << 20]).expect(202).location();
    server.close_upload(&location, &blob.digest, &blob.bytes[14 << 20..]).expect(201);
    server.check_blob("library/app", &blob);
    let head = account.send(Request::head(format!("/v1/AUTH_test/{BUCKET}/{}", blob_path(&blob)))).expect(200);
    assert_eq!((head.the("x-static-large-object"), head.the("content-type")), ("True", "application/octet-stream"));
    assert!(account.segments().iter().any(|name| name.contains("/blobs/")), "{:?}", account.names());
    server.delete(&format!("/v2/library/app/blobs/{}", blob.digest)).expect(202);
    server.garbage_collect(&[]);
    account.wait_for_no_segments();
    // One that is cancelled.
    let location = server.patch(&server.start_upload("library/app"), &blob.bytes).expect(202).location();
    assert!(!account.segments().is_empty());
    server.delete(&location).expect(204);
    account.wait_for_no_segments();
}

/// A configuration with the smallest segments.
fn small_segments(store: &Store) -> String {
    store.config(NO_REDIRECT).replace("  swift:\n", "  swift:\n    chunksize: 5MiB\n")
}

#[test]
fn a_large_object_as_distribution_writes_it_is_served_and_deleted_whole() {
    let store = Store::of(Kind::Swift);
    let server = store.serve();
    let account = Account::of(&store);
    let blob = Blob::random(1610, 3000);
    server.push_blob("library/app", &blob);
    // A dynamic large object takes the plain one's place.
    for (number, piece) in blob.bytes.chunks(1000).enumerate() {
        let name = format!("/v1/AUTH_test/{BUCKET}/segments/abc/{:016}", number + 1);
        account.send(Request::put(name).body(piece.to_vec())).expect(201);
    }
    let path = format!("/v1/AUTH_test/{BUCKET}/{}", blob_path(&blob));
    let manifest = Request::put(&path).header("X-Object-Manifest", format!("{BUCKET}/segments/abc"));
    account.send(manifest.content_type("application/octet-stream").body(Vec::new())).expect(201);
    server.check_blob("library/app", &blob);
    let part = Request::get(format!("/v2/library/app/blobs/{}", blob.digest)).header("Range", "bytes=900-2100");
    assert!(server.send(part).expect(206).body == blob.bytes[900..=2100]);
    server.delete(&format!("/v2/library/app/blobs/{}", blob.digest)).expect(202);
    server.garbage_collect(&[]);
    account.wait_for_no_segments();
}

#[test]
fn clients_are_sent_to_swift_with_the_accounts_key() {
    let store = Store::of(Kind::Swift);
    let account = Account::of(&store);
    let key = Request::post("/v1/AUTH_test").header("X-Account-Meta-Temp-URL-Key", "tempkey");
    account.send(key).expect(204);
    let config = store.config("").replace("  swift:\n", "  swift:\n    secretkey: tempkey\n    prefix: /a b\n");
    sends_clients(&store, &Server::setup().config_text(&config).start());
    let wrong = config.replace("tempkey", "another");
    let server = Server::setup().config_text(&wrong).start();
    let blob = Blob::random(1620, 300);
    server.push_blob("library/app", &blob);
    // The check at start has seen that the store takes no such URL.
    server.check_blob("library/app", &blob);
}

#[test]
fn clients_are_sent_to_swift_with_the_containers_key() {
    let store = Store::of(Kind::Swift);
    let account = Account::of(&store);
    let container = format!("/v1/AUTH_test/{BUCKET}");
    let make = Request::put(container).header("X-Container-Meta-Temp-URL-Key", "containerkey");
    account.send(make.body(Vec::new())).expect(201);
    let config = store.config("").replace("  swift:\n", "  swift:\n    tempurlcontainerkey: true\n");
    sends_clients(&store, &Server::setup().config_text(&config).start());
    let config =
        config.replace("tempurlcontainerkey: true\n", "tempurlcontainerkey: true\n    tempurlmethods: [PUT]\n");
    let server = Server::setup().config_text(&config).start();
    let blob = Blob::random(1630, 300);
    server.push_blob("library/app", &blob);
    server.check_blob("library/app", &blob);
}

#[test]
fn a_token_that_swift_has_forgotten_is_renewed() {
    let mut store = Store::of(Kind::Swift);
    let server = store.serve();
    let image = Image::oci(1640);
    server.push_image("library/app", "v1", &image);
    // It keeps tokens in memory.
    store.restart();
    server.check_image("library/app", "v1", &image);
    server.push_image("library/app", "v2", &Image::oci(1641));
}

/// A double of Keystone before a Swift. Dropping it ends it.
struct Keystone {
    child: Child,
    address: std::net::SocketAddr,
}

impl Keystone {
    fn before(store: &Store) -> Self {
        let address = free_address();
        let mut command = Command::new("python3");
        command.arg(support_file("keystone_double.py")).arg(address.port().to_string());
        command.args([format!("http://{}/auth/v1.0", store.address()), "test:tester".into(), SECRET_KEY.into()]);
        let child = command.stdin(Stdio::null()).spawn().expect("python3 can be started");
        let mut keystone = Self { child, address };
        let problem = || "the double of Keystone does not listen".to_owned();
        wait_for_start(&mut keystone.child, || std::net::TcpStream::connect(address).is_ok(), problem);
        keystone
    }

    fn logins(&self, kind: &str) -> u64 {
        let counts = Connection::open(self.address).send(&Request::get("/-/logins")).expect(200).json();
        counts[kind].as_u64().unwrap_or_default()
    }
}

impl Drop for Keystone {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn keystone_lets_wharf_in_by_each_of_its_ways() {
    let store = Store::of(Kind::Swift);
    let keystone = Keystone::before(&store);
    let at = keystone.address;
    let user = "username: robot, password: testsecret, region: here";
    let v3 = format!("authurl: 'http://{at}/v3', {user}, domain: people, endpointtype: internal");
    for (way, login) in [
        ("v2", format!("authurl: 'http://{at}/v2.0', {user}, tenant: registry")),
        ("v2", format!("authurl: 'http://{at}/v2.0', {user}, tenantid: id-of-registry")),
        ("v3", format!("{v3}, tenant: registry, tenantdomainid: work")),
        ("trust", format!("{v3}, trustid: a-trust")),
        (
            "application credential",
            format!(
                "authurl: 'http://{at}', applicationcredentialid: an-id, applicationcredentialsecret: testsecret, endpointtype: internal"
            ),
        ),
    ] {
        let before = keystone.logins(way);
        let server = Server::setup().config_text(&config(&login)).start();
        let image = Image::oci(1650);
        server.push_image("library/app", "v1", &image);
        server.check_image("library/app", "v1", &image);
        assert_eq!(keystone.logins(way), before + 1, "{way}: one login is enough");
    }
    let by_variables = Server::setup_of(Program::Wharf).config_text(&config("endpointtype: internal, region: here"));
    let variables = [
        ("OS_AUTH_URL", format!("http://{at}/v3")),
        ("OS_USERNAME", "robot".to_owned()),
        ("OS_PASSWORD", SECRET_KEY.to_owned()),
        ("OS_USER_DOMAIN_NAME", "people".to_owned()),
        ("OS_PROJECT_NAME", "registry".to_owned()),
        ("OS_PROJECT_DOMAIN_ID", "work".to_owned()),
    ];
    let setup = variables.iter().fold(by_variables, |setup, (name, value)| setup.env(name, value));
    let repositories = setup.start().get("/v2/_catalog").expect(200).json();
    assert_eq!(strings(&repositories["repositories"]), ["library/app"]);
}

/// A configuration with these parameters of the driver.
fn config(parameters: &str) -> String {
    format!(
        "version: 0.1\nstorage:\n  swift: {{{parameters}, container: {BUCKET}}}\n  redirect:\n    disable: true\nhttp:\n  addr: ADDRESS\n"
    )
}

#[test]
fn what_is_wrong_with_a_login_is_told_at_start() {
    let store = Store::of(Kind::Swift);
    let keystone = Keystone::before(&store);
    let at = keystone.address;
    let v1 = format!("authurl: 'http://{}/auth/v1.0'", store.address());
    let v3 = format!("authurl: 'http://{at}/v3', username: robot, domain: people");
    let project = "tenant: registry, tenantdomainid: work";
    for (parameters, word) in [
        (format!("{v1}, username: test:tester, password: wrong"), "storage.swift.username"),
        (format!("{v1}, username: test:nobody, password: testsecret"), "storage.swift.username"),
        (format!("{v3}, password: wrong, {project}"), "storage.swift.username"),
        (format!("{v3}, password: testsecret, tenant: other"), "tenant"),
        (format!("{v3}, password: testsecret, {project}, endpointtype: admin"), "endpointtype"),
        (format!("{v3}, password: testsecret, {project}, region: moon"), "storage.swift.region"),
        (format!("authurl: 'http://{at}/nothing', username: robot, password: p"), "storage.swift.authurl"),
    ] {
        let (status, log) = Server::setup().config_text(&config(&parameters)).run_to_the_end();
        assert_eq!(status.code(), Some(1), "{parameters}: {log}");
        assert!(log.contains(word) && !log.contains(SECRET_KEY), "{parameters}: {log}");
    }
}
