//! Three published walk-throughs of running a private registry, with the files, variables and commands that they tell.

use std::fs;
use std::os::unix::fs::symlink;

use crate::support::image::{DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST, OCI_CONFIG, OCI_LAYER, OCI_MANIFEST};
use crate::support::layout::{Layout, real_image};
use crate::support::nginx::{Nginx, certificate_files};
use crate::support::push::strings;
use crate::support::server::{DEFAULT_FILE, Setup, wharf};
use crate::support::tls::{self, Certificate};
use crate::support::tools::{self, run};
use crate::support::{Connection, Image, Request, Server, sha256};

/// Wharf under the name that the recipes call.
fn as_registry() -> Setup {
    let setup = Server::setup();
    let name = setup.directory().join("registry");
    symlink(wharf(), &name).expect("a link");
    setup.called(&name).config_text(DEFAULT_FILE)
}

fn docker_image(seed: u64) -> Image {
    real_image(seed, &[20_000, 5], "amd64", [DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER])
}

/// The same with OCI's types, because a layout holds nothing else; skopeo translates what it pushes.
fn oci_image(seed: u64) -> Image {
    real_image(seed, &[20_000, 5], "amd64", [OCI_MANIFEST, OCI_CONFIG, OCI_LAYER])
}

/// Pushes with skopeo, which sends what docker sends; `options` are those of the destination.
#[track_caller]
fn push(server: &Server, to: &str, image: &Image, options: &[&str]) {
    let layout = server.directory().join(format!("layout-{}", &image.manifest.digest[7..20]));
    Layout::new().image(image).tag("v1", &image.manifest).write(&layout);
    let mut command = tools::command(&tools::skopeo(), server.directory());
    command.args(["--insecure-policy", "copy"]).args(options);
    run(command.args([format!("oci:{}:v1", layout.display()), format!("docker://{to}")]));
}

/// The size of all files below the data directory.
fn stored_bytes(server: &Server) -> u64 {
    fn below(path: &std::path::Path) -> u64 {
        let entries = fs::read_dir(path).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
        let size = |entry: &fs::DirEntry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => below(&entry.path()),
            Ok(meta) => meta.len(),
            Err(_) => 0,
        };
        entries.iter().map(size).sum()
    }
    below(server.data())
}

const R1: &str = "version: 0.1
log:
  level: debug
  fields:
    service: registry
storage:
  cache:
    layerinfo: inmemory
  filesystem:
    rootdirectory: DATA
  maintenance:
    uploadpurging:
      enabled: false
    readonly:
      enabled: false
  delete:
    enabled: true
http:
  addr: ADDRESS
  secret: asecretforlocaldevelopment
";

#[test]
fn r1_a_file_and_nginx_in_front_then_delete_and_collect() {
    let mut server = as_registry().config_text(R1).env("GODEBUG", "netdns=cgo").start();
    let nginx = Nginx::start(&format!(
        "upstream docker-registry {{ server {}; }}
         server {{
           listen ADDRESS;
           client_max_body_size 0;
           location /v1/ {{ return 404; }}
           location /v2/ {{
             proxy_pass http://docker-registry;
             proxy_set_header Host $http_host;
             proxy_set_header X-Real-IP $remote_addr;
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
             proxy_set_header X-Forwarded-Proto $scheme;
             proxy_http_version 1.1;
             proxy_buffering off;
             proxy_request_buffering off;
           }}
         }}",
        server.host()
    ));
    let image = oci_image(960);
    let name = format!("{}/library/hello-world", nginx.address());
    push(&server, &format!("{name}:latest"), &image, &["--dest-tls-verify=false", "--format=v2s2"]);
    let get = |target: &str| {
        let request = Request::get(target).header("Accept", DOCKER_MANIFEST);
        Connection::open(nginx.address()).send(&request)
    };
    assert_eq!(strings(&get("/v2/_catalog").expect(200).json()["repositories"]), ["library/hello-world"]);
    assert_eq!(strings(&get("/v2/library/hello-world/tags/list").expect(200).json()["tags"]), ["latest"]);
    get("/v1/_ping").expect(404);
    let manifest = get("/v2/library/hello-world/manifests/latest").expect(200);
    let digest = manifest.the("docker-content-digest").to_owned();
    assert_eq!(digest, sha256(&manifest.body));
    assert_eq!(manifest.the("etag"), format!("\"{digest}\""));
    assert_eq!(manifest.the("docker-distribution-api-version"), "registry/2.0");
    assert_eq!(manifest.the("content-type"), DOCKER_MANIFEST);
    let layer = manifest.json()["layers"][0]["digest"].as_str().unwrap().to_owned();
    let blob = get(&format!("/v2/library/hello-world/blobs/{layer}")).expect(200);
    assert_eq!(sha256(&blob.body), layer);
    // An upload through the proxy is continued through the proxy.
    let opened = Connection::open(nginx.address()).send(&Request::post("/v2/library/hello-world/blobs/uploads/"));
    assert!(opened.expect(202).the("location").starts_with(&format!("http://{}/v2/", nginx.address())));
    let delete = Request::delete(format!("/v2/library/hello-world/manifests/{digest}"));
    Connection::open(nginx.address()).send(&delete).expect(202);
    assert!(strings(&get("/v2/library/hello-world/tags/list").expect(200).json()["tags"]).is_empty());
    let before = stored_bytes(&server);
    let dry = server.garbage_collect(&["--dry-run"]);
    assert!(dry.contains(&format!("blob eligible for deletion: {layer}")), "{dry}");
    assert_eq!(stored_bytes(&server), before);
    server.garbage_collect(&[]);
    assert!(stored_bytes(&server) + 20_000 <= before, "the collection has freed nothing");
    server.restart();
    get("/v2/_catalog").expect(200);
}

#[test]
fn r2_first_steps() {
    let server = as_registry().start();
    let image = oci_image(970);
    push(&server, &format!("{}/redis:latest", server.host()), &image, &["--dest-tls-verify=false", "--format=v2s2"]);
    let mut entries =
        fs::read_dir(server.data()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(entries.any(|name| name == "docker"));
    let back = server.directory().join("back");
    let mut pull = tools::command(&tools::skopeo(), server.directory());
    pull.args([
        "--insecure-policy",
        "copy",
        "--src-tls-verify=false",
        &format!("docker://{}/redis:latest", server.host()),
    ]);
    run(pull.arg(format!("dir:{}", back.display())));
    for layer in &image.layers {
        assert!(fs::read(back.join(&layer.digest["sha256:".len()..])).unwrap() == layer.bytes);
    }
    assert_eq!(server.get("/v2/").expect(200).the("x-content-type-options"), "nosniff");
}

#[test]
fn r2_the_log_by_variables() {
    let server = as_registry().env("REGISTRY_LOG_FORMATTER", "json").env("REGISTRY_LOG_LEVEL", "debug").start();
    server.get("/v2/").expect(200);
    // The log is written beside the requests, so a line may come a moment after its answer.
    server.wait_for_log("listening on");
    let log = server.log();
    let line = log.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no JSON in the log:\n{log}"));
    let json: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
    assert_eq!(json["service"], "registry", "{line}");
    assert!(json["msg"].is_string() && json["level"].is_string() && json["time"].is_string(), "{line}");
    let server = as_registry().env("REGISTRY_LOG_FORMATTER", "logstash").start();
    server.wait_for_log("listening on");
    let log = server.log();
    let line = log.lines().find(|line| line.starts_with('{')).unwrap_or_else(|| panic!("no JSON in the log:\n{log}"));
    let json: serde_json::Value = serde_json::from_str(line).expect("a line is JSON");
    assert!(json["@timestamp"].is_string() && json["message"].is_string(), "{line}");
    let server = as_registry().env("REGISTRY_LOG_LEVEL", "error").start();
    server.get("/v2/").expect(200);
    assert!(!server.log().contains("level=info"), "{}", server.log());
    let (status, log) = as_registry().env("REGISTRY_LOG_LEVEL", "loud").run_to_the_end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("loud"), "{log}");
}

#[test]
fn r2_the_configuration_reference_is_understood() {
    let hooks = "hooks:
  - type: mail
    levels: [panic]
    options:
      smtp: {addr: 'smtp.sendhost.com:25', username: sendername, password: a-mail-password, insecure: true}
      from: name@sendhost.com
      to: [name@receivehost.com]
";
    let server = as_registry().config_text(&format!("{DEFAULT_FILE}{hooks}")).start();
    server.get("/v2/").expect(200);
    assert!(!server.log().contains("a-mail-password"), "a secret is in the log");
    let rados = DEFAULT_FILE.replace("  filesystem:\n    rootdirectory: DATA", "  rados:\n    poolname: p");
    let (status, log) = as_registry().config_text(&rados).run_to_the_end();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("rados") && log.to_lowercase().contains("s3"), "{log}");
    let readonly = DEFAULT_FILE.replace("  cache:", "  maintenance:\n    readonly: {enabled: true}\n  cache:");
    let server = as_registry().config_text(&readonly).start();
    server.send(Request::post("/v2/a/blobs/uploads/")).expect(405);
    for (name, value) in [
        ("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true"),
        ("REGISTRY_STORAGE_MAINTENANCE_READONLY", "{\"enabled\":true}"),
        ("REGISTRY_STORAGE_MAINTENANCE", "{readonly: {enabled: true}}"),
    ] {
        let server = as_registry().env(name, value).start();
        assert_eq!(server.send(Request::post("/v2/a/blobs/uploads/")).status, 405, "{name}");
    }
}

#[test]
fn r3_htpasswd_by_variables_and_users_added_while_it_runs() {
    let setup = as_registry();
    let auth = setup.directory().join("auth");
    fs::create_dir(&auth).unwrap();
    let file = auth.join("htpasswd");
    let add = |user: &str, password: &str| {
        let made = run(tools::command(&tools::htpasswd(), &auth).args(["-Bbn", user, password]));
        let mut text = fs::read_to_string(&file).unwrap_or_default();
        text += &made;
        fs::write(&file, text).unwrap();
    };
    add("test", "123456");
    let server = setup
        .env("REGISTRY_AUTH", "htpasswd")
        .env("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm")
        .env("REGISTRY_AUTH_HTPASSWD_PATH", &file.display().to_string())
        .start();
    assert_eq!(server.get("/v2/").expect(401).the("www-authenticate"), r#"Basic realm="Registry Realm""#);
    let name = format!("{}/app:1", server.host());
    push(&server, &name, &oci_image(980), &["--dest-tls-verify=false", "--dest-creds", "test:123456"]);
    add("later", "654321");
    push(&server, &name, &oci_image(981), &["--dest-tls-verify=false", "--dest-creds", "later:654321"]);
    push(&server, &name, &oci_image(982), &["--dest-tls-verify=false", "--dest-creds", "test:123456"]);
    let Some(docker) = tools::docker() else { return };
    let mut login = tools::command(&docker, server.directory());
    assert!(run(login.args(["login", "-u", "later", "-p", "654321", &server.host()])).contains("Login Succeeded"));
}

#[test]
fn r3_nginx_with_tls_and_a_password_before_an_open_registry() {
    let server = as_registry().start();
    let certificate = Certificate::new();
    let (certificate_path, key_path) = certificate_files(server.directory(), &certificate);
    // nginx knows no bcrypt on every system, but Apache's MD5 on all of them.
    let users = server.directory().join("nginx.htpasswd");
    let made = run(tools::command(&tools::htpasswd(), server.directory()).args(["-mbn", "test", "123456"]));
    fs::write(&users, made).unwrap();
    let nginx = Nginx::start(&format!(
        "upstream docker-registry {{ server {}; }}
         map $upstream_http_docker_distribution_api_version $docker_distribution_api_version {{ '' 'registry/2.0'; }}
         server {{
           listen ADDRESS ssl;
           ssl_certificate {certificate_path};
           ssl_certificate_key {key_path};
           client_max_body_size 0;
           chunked_transfer_encoding on;
           location /v2/ {{
             auth_basic 'Registry realm';
             auth_basic_user_file {};
             add_header 'Docker-Distribution-Api-Version' $docker_distribution_api_version always;
             proxy_pass http://docker-registry;
             proxy_set_header Host $http_host;
             proxy_set_header X-Real-IP $remote_addr;
             proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
             proxy_set_header X-Forwarded-Proto $scheme;
             proxy_read_timeout 900;
           }}
         }}",
        server.host(),
        users.display()
    ));
    let send = |request: Request| tls::connect(nginx.address(), &certificate.der).send(&request);
    let refused = send(Request::get("/v2/")).expect(401);
    assert_eq!(refused.the("docker-distribution-api-version"), "registry/2.0");
    let login = |request: Request| send(request.header("Authorization", "Basic dGVzdDoxMjM0NTY="));
    let base = login(Request::get("/v2/")).expect(200);
    assert_eq!(base.the("docker-distribution-api-version"), "registry/2.0", "the header must be there once");
    let image = docker_image(990);
    for blob in image.blobs() {
        let opened = login(Request::post("/v2/app/blobs/uploads/")).expect(202);
        let start = format!("https://localhost:{}/v2/app/blobs/uploads/", nginx.address().port());
        assert!(opened.the("location").starts_with(&start), "{opened}");
        let pieces = blob.bytes.chunks(7000).map(<[u8]>::to_vec).collect();
        let patched = login(Request::patch(opened.location()).chunked(pieces)).expect(202);
        let target = crate::support::http::with_query(&patched.location(), &format!("digest={}", blob.digest));
        login(Request::put(target).body("")).expect(201);
    }
    let put = Request::put("/v2/app/manifests/1").content_type(DOCKER_MANIFEST).body(image.manifest.bytes.clone());
    login(put).expect(201);
    assert!(login(Request::get("/v2/app/manifests/1")).expect(200).body == image.manifest.bytes);
    push(
        &server,
        &format!("localhost:{}/app:2", nginx.address().port()),
        &oci_image(991),
        &["--dest-tls-verify=false", "--dest-creds", "test:123456"],
    );
    server.get("/v2/app/manifests/2").expect(200);
}

#[test]
fn r3_the_log_tells_what_it_starts_with() {
    let server = as_registry().start();
    for word in ["listening on", "redis", "cache", "purge", "secret"] {
        server.wait_for_log(word);
    }
}

#[test]
fn r4_the_root_directory_by_a_variable() {
    let setup = as_registry();
    let elsewhere = setup.directory().join("elsewhere");
    let server = setup.env("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", &elsewhere.display().to_string()).start();
    server.push_blob("team/app", &crate::support::Blob::new("x"));
    assert!(elsewhere.join("docker/registry/v2/repositories/team/app").is_dir());
    assert!(!server.data().join("docker").exists());
}
