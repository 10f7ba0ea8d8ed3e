//! Basic authentication by htpasswd, the provider that lets everybody in who says anything, and access rules.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::support::patience::wait_for;
use crate::support::server::Setup;
use crate::support::tools;
use crate::support::{Blob, Image, Request, Response, Server, sha256};

/// A line of the file, with bcrypt at its lowest cost.
fn line(user: &str, password: &str, version: bcrypt::Version) -> String {
    let hash = bcrypt::hash_with_result(password, 4).expect("bcrypt works").format_for_version(version);
    format!("{user}:{hash}\n")
}

/// Wharf behind a password file with these lines.
fn behind(lines: &str) -> Setup {
    let setup = Server::setup();
    let path = setup.directory().join("htpasswd");
    fs::write(&path, lines).expect("the file can be written");
    let text = format!("auth:\n  htpasswd:\n    realm: Registry \"R\"\n    path: {}", path.display());
    setup.section(&text.replace("Registry \"R\"", "'Registry \"R\"'"))
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn get_as(server: &Server, path: &str, authorization: &str) -> Response {
    server.send(Request::get(path).header("Authorization", authorization))
}

/// The answer once a change of the file is noticed: whoever has just logged in may be let in for some milliseconds more.
#[track_caller]
fn get_when_noticed(server: &Server, authorization: &str) -> Response {
    let noticed = || Some(get_as(server, "/v2/", authorization)).filter(|answer| answer.status != 200);
    wait_for(noticed, || "the change is not noticed".to_owned())
}

#[track_caller]
fn check_refused(answer: &Response) {
    assert_eq!(answer.status, 401, "{answer}");
    assert_eq!(answer.the("www-authenticate"), r#"Basic realm="Registry \"R\"""#);
    assert_eq!(answer.the("docker-distribution-api-version"), "registry/2.0");
    assert_eq!(answer.codes(), ["UNAUTHORIZED"]);
    assert_eq!(answer.json()["errors"][0]["message"], "authentication required");
}

#[test]
fn every_route_asks_for_a_password_first() {
    let server = behind(&line("alice", "secret", bcrypt::Version::TwoB)).start();
    let digest = sha256(b"x");
    for (method, path) in [
        ("GET", "/v2/".to_owned()),
        ("GET", "/v2/_catalog".to_owned()),
        ("GET", "/v2/team/app/tags/list".to_owned()),
        ("GET", "/v2/team/app/manifests/latest".to_owned()),
        ("PUT", "/v2/team/app/manifests/latest".to_owned()),
        ("DELETE", "/v2/team/app/manifests/latest".to_owned()),
        ("GET", format!("/v2/team/app/blobs/{digest}")),
        ("DELETE", format!("/v2/team/app/blobs/{digest}")),
        ("POST", "/v2/team/app/blobs/uploads/".to_owned()),
        ("PATCH", "/v2/team/app/blobs/uploads/some-id".to_owned()),
        ("GET", format!("/v2/team/app/referrers/{digest}")),
        // Who may not come in learns neither which names nor which methods there are.
        ("GET", "/v2/Bad..Name/tags/list".to_owned()),
        ("TRACE", "/v2/team/app/tags/list".to_owned()),
    ] {
        check_refused(&server.send(Request::new(method, path.clone()).body("")));
    }
    server.get("/").expect(200);
}

#[test]
fn bcrypt_in_its_three_spellings_is_accepted() {
    let lines = [("a", bcrypt::Version::TwoA), ("b", bcrypt::Version::TwoB), ("y", bcrypt::Version::TwoY)];
    let text = lines.map(|(user, version)| line(user, "secret", version)).concat();
    let server = behind(&format!("# comment\n\n  \n{text}")).start();
    for user in ["a", "b", "y"] {
        // Twice: the second time the password is remembered.
        get_as(&server, "/v2/", &basic(user, "secret")).expect(200);
        get_as(&server, "/v2/", &basic(user, "secret")).expect(200);
        check_refused(&get_as(&server, "/v2/", &basic(user, "Secret")));
        get_as(&server, "/v2/", &basic(user, "secret")).expect(200);
    }
}

#[test]
fn wrong_credentials_are_refused() {
    let md5 =
        "md5:$apr1$abcdefgh$W1Ic3HCiYcSGxJv6Zv5Cd1\nplain:secret\nsha:{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=\nempty:\n";
    let server = behind(&(line("alice", "secret", bcrypt::Version::TwoY) + md5)).start();
    for authorization in [
        basic("alice", "wrong"),
        basic("alice", ""),
        basic("alice", "secret\0"),
        basic("nobody", "secret"),
        basic("", ""),
        basic("Alice", "secret"),
        basic("md5", "secret"),
        basic("plain", "secret"),
        basic("sha", "secret"),
        basic("empty", ""),
        "Basic".to_owned(),
        "Basic ".to_owned(),
        "Basic !!!!".to_owned(),
        format!("Basic {}", STANDARD.encode("alice")),
        format!("Bearer {}", STANDARD.encode("alice:secret")),
        STANDARD.encode("alice:secret"),
    ] {
        check_refused(&get_as(&server, "/v2/", &authorization));
    }
    get_as(&server, "/v2/", &basic("alice", "secret")).expect(200);
    get_as(&server, "/v2/", &basic("alice", "secret").replace("Basic", "basic")).expect(200);
}

#[test]
fn a_password_longer_than_bcrypt_looks_still_works() {
    let password = "p".repeat(100);
    let lines = "long:".to_owned() + line("x", &password[..72], bcrypt::Version::TwoY).split_once(':').unwrap().1;
    let server = behind(&lines).start();
    get_as(&server, "/v2/", &basic("long", &password)).expect(200);
    check_refused(&get_as(&server, "/v2/", &basic("long", &password[..71])));
}

#[test]
fn users_added_and_removed_while_the_server_runs_count_at_once() {
    let server = behind(&line("alice", "secret", bcrypt::Version::TwoB)).start();
    let path = server.directory().join("htpasswd");
    check_refused(&get_as(&server, "/v2/", &basic("bob", "word")));
    let mut file = fs::File::options().append(true).open(&path).unwrap();
    file.write_all(line("bob", "word", bcrypt::Version::TwoY).as_bytes()).unwrap();
    get_as(&server, "/v2/", &basic("bob", "word")).expect(200);
    get_as(&server, "/v2/", &basic("alice", "secret")).expect(200);
    // A new password, and a file that takes the old one's place.
    let replaced = server.directory().join("htpasswd.new");
    fs::write(&replaced, line("bob", "word2", bcrypt::Version::TwoY)).unwrap();
    fs::rename(&replaced, &path).unwrap();
    check_refused(&get_when_noticed(&server, &basic("alice", "secret")));
    check_refused(&get_as(&server, "/v2/", &basic("bob", "word")));
    get_as(&server, "/v2/", &basic("bob", "word2")).expect(200);
}

#[test]
fn a_file_that_can_not_be_read_lets_nobody_in() {
    let server = behind(&line("alice", "secret", bcrypt::Version::TwoB)).start();
    get_as(&server, "/v2/", &basic("alice", "secret")).expect(200);
    fs::remove_file(server.directory().join("htpasswd")).unwrap();
    fs::create_dir(server.directory().join("htpasswd")).unwrap();
    let answer = get_when_noticed(&server, &basic("alice", "secret"));
    assert!([401, 503].contains(&answer.status), "{answer}");
    assert!(!answer.text().contains("htpasswd"), "the answer names a file of the server: {answer}");
    server.get("/").expect(200);
}

#[test]
fn a_missing_file_is_made_with_one_user() {
    let setup = Server::setup();
    let path = setup.directory().join("new/htpasswd");
    let text = format!("auth:\n  htpasswd:\n    realm: r\n    path: {}", path.display());
    let server = setup.section(&text).start();
    let made = fs::read_to_string(&path).expect("the file was made");
    assert!(made.starts_with("docker:$2"), "{made}");
    // The password is told once, in the log.
    server.wait_for_log("docker");
    server.get("/v2/").expect(401);
}

#[test]
fn docker_logs_in_where_there_is_a_docker() {
    let Some(docker) = tools::docker() else { return };
    let server = behind(&line("alice", "secret", bcrypt::Version::TwoY)).start();
    let login = |password: &str| {
        let mut command = tools::command(&docker, server.directory());
        command.args(["login", "--username", "alice", "--password", password, &server.host()]);
        tools::output(&mut command)
    };
    let good = login("secret");
    assert!(String::from_utf8_lossy(&good.stdout).contains("Login Succeeded"), "{good:?}");
    assert!(!login("wrong").status.success());
}

/// Runs a client with alice's password.
#[test]
fn clients_log_in_and_push() {
    let server = behind(&line("alice", "secret", bcrypt::Version::TwoY)).start();
    let skopeo = tools::skopeo();
    let login = ["login", "--tls-verify=false", "-u", "alice", "-p", "secret", &server.host()];
    tools::run(tools::command(&skopeo, server.directory()).args(login));
    let layout = server.directory().join("layout");
    let image = Image::oci(700);
    crate::support::layout::Layout::new().image(&image).tag("v1", &image.manifest).write(&layout);
    let name = format!("docker://{}/team/app:v1", server.host());
    let mut command = tools::command(&skopeo, server.directory());
    command.args([
        "--insecure-policy",
        "copy",
        "--dest-tls-verify=false",
        &format!("oci:{}:v1", layout.display()),
        &name,
    ]);
    tools::run(&mut command);
    get_as(&server, "/v2/team/app/manifests/v1", &basic("alice", "secret")).expect(200);
    server.get("/v2/team/app/manifests/v1").expect(401);
}

#[test]
fn silly_lets_in_whoever_says_anything() {
    let server = Server::setup().section("auth:\n  silly:\n    realm: silly-realm\n    service: silly-service").start();
    let answer = server.get("/v2/").expect_error(401, "UNAUTHORIZED");
    assert_eq!(answer.the("www-authenticate"), r#"Bearer realm="silly-realm",service="silly-service""#);
    let answer = server.send(Request::post("/v2/team/app/blobs/uploads/")).expect(401);
    let challenge = answer.the("www-authenticate");
    let (start, scope) = challenge.trim_end_matches('"').split_once(",scope=\"").expect("a scope");
    assert_eq!(start, r#"Bearer realm="silly-realm",service="silly-service""#);
    let scopes = scope.split(' ').collect::<BTreeSet<_>>();
    assert_eq!(scopes, BTreeSet::from(["repository:team/app:pull", "repository:team/app:push"]));
    get_as(&server, "/v2/", "anything").expect(200);
    server.send(Request::post("/v2/team/app/blobs/uploads/").header("Authorization", "seriously")).expect(202);
}

#[test]
fn access_rules_say_who_may_do_what() {
    let rules = "  access:\n    - {who: anonymous, repositories: 'public/**', actions: pull}\n    \
                 - {who: ci, repositories: '**', actions: [pull, push]}\n    \
                 - {who: admin, actions: '*', repositories: '**'}";
    let lines = ["ci", "admin", "guest"].map(|user| line(user, "secret", bcrypt::Version::TwoY)).concat();
    let server = {
        let setup = Server::setup();
        let path = setup.directory().join("htpasswd");
        fs::write(&path, lines).unwrap();
        setup.section(&format!("auth:\n  htpasswd:\n    realm: r\n    path: {}\n{rules}", path.display())).start()
    };
    let as_user = |request: Request, user: &str| {
        server.send(if user.is_empty() { request } else { request.header("Authorization", basic(user, "secret")) })
    };
    let blob = Blob::random(701, 10);
    for repository in ["public/app", "private/app"] {
        let target = format!("/v2/{repository}/blobs/uploads/?digest={}", blob.digest);
        let push = || Request::post(&target).body(blob.bytes.clone());
        as_user(push(), "").expect(401);
        as_user(push(), "guest").expect_error(403, "DENIED");
        as_user(push(), "ci").expect(201);
    }
    let pull = |repository: &str| Request::get(format!("/v2/{repository}/blobs/{}", blob.digest));
    let delete = |repository: &str| Request::delete(format!("/v2/{repository}/blobs/{}", blob.digest));
    as_user(pull("public/app"), "").expect(200);
    as_user(pull("private/app"), "").expect(401);
    as_user(pull("private/app"), "guest").expect_error(403, "DENIED");
    as_user(pull("private/app"), "ci").expect(200);
    // A password that is wrong is refused even where none is needed.
    let wrong = pull("public/app").header("Authorization", basic("ci", "wrong"));
    server.send(wrong).expect(401);
    as_user(Request::get("/v2/_catalog"), "").expect(401);
    as_user(Request::get("/v2/_catalog"), "guest").expect_error(403, "DENIED");
    as_user(Request::get("/v2/_catalog"), "admin").expect(200);
    as_user(delete("public/app"), "ci").expect_error(403, "DENIED");
    // Cancelling is part of pushing.
    let opened = as_user(Request::post("/v2/private/app/blobs/uploads/"), "ci").expect(202).location();
    as_user(Request::delete(&opened), "guest").expect(403);
    as_user(Request::delete(&opened), "ci").expect(204);
    // A mount reads at its source.
    let mount = format!("/v2/public/copy/blobs/uploads/?mount={}&from=private/app", blob.digest);
    as_user(Request::post(&mount), "guest").expect(403);
    as_user(Request::post(&mount), "ci").expect(201);
    as_user(delete("public/app"), "admin").expect(202);
}

#[test]
fn an_anonymous_mount_does_not_reach_where_the_user_may_not_pull() {
    let rules = "  access:\n    - {who: dev, repositories: 'dev/**', actions: [pull, push]}\n    \
                 - {who: ci, repositories: '**', actions: [pull, push]}";
    let setup = Server::setup();
    let path = setup.directory().join("htpasswd");
    fs::write(&path, ["ci", "dev"].map(|user| line(user, "secret", bcrypt::Version::TwoY)).concat()).unwrap();
    let server =
        setup.section(&format!("auth:\n  htpasswd:\n    realm: r\n    path: {}\n{rules}", path.display())).start();
    let blob = Blob::random(702, 100);
    let push = Request::post(format!("/v2/secret/app/blobs/uploads/?digest={}", blob.digest)).body(blob.bytes.clone());
    server.send(push.header("Authorization", basic("ci", "secret"))).expect(201);
    let steal = Request::post(format!("/v2/dev/app/blobs/uploads/?mount={}", blob.digest));
    server.send(steal.header("Authorization", basic("dev", "secret"))).expect(202);
    let read = Request::get(format!("/v2/dev/app/blobs/{}", blob.digest));
    server.send(read.header("Authorization", basic("dev", "secret"))).expect(404);
}
