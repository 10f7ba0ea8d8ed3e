//! The provider as the HTTP layer sees it, with files that change under it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::auth::testing::{Request, challenged, granted, pull};
use crate::patience::until;

fn line(user: &str, password: &str) -> String {
    format!("{user}:{}\n", bcrypt::hash(password, 4).unwrap())
}

fn open(path: &Path) -> Result<Htpasswd, SetupError> {
    Htpasswd::open(Options { realm: "Registry \"R\"".to_owned(), path: path.to_owned(), verified_entries_max: 100 })
}

fn with(users: &[(&str, &str)]) -> (TempDir, PathBuf, Htpasswd) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("htpasswd");
    fs::write(&path, users.iter().map(|(user, password)| line(user, password)).collect::<String>()).unwrap();
    let provider = open(&path).unwrap();
    (dir, path, provider)
}

async fn ask(provider: &Htpasswd, user: &str, password: &str) -> Result<Decision, AuthError> {
    provider.authorize(Request::new(&[pull("a")]).basic(user, password).get()).await
}

async fn is_let_in(provider: &Htpasswd, user: &str, password: &str) -> bool {
    match ask(provider, user, password).await.unwrap() {
        Decision::Granted { identity, .. } => identity.name == user,
        Decision::Challenge { .. } => false,
        denied @ Decision::Denied { .. } => panic!("{denied:?}"),
    }
}

/// For those whose password is remembered, a change counts after [`FILE_AGE_MAX`].
async fn is_shut_out_soon(provider: &Htpasswd, user: &str, password: &str) {
    until(async || !is_let_in(provider, user, password).await).await;
}

#[tokio::test]
async fn the_challenge_is_exact_and_the_same_for_every_refusal() {
    let (_dir, _, provider) = with(&[("ci", "a")]);
    let requests = [
        Request::new(&[pull("a")]),
        Request::new(&[]),
        Request::new(&[pull("a")]).basic("ci", "b"),
        Request::new(&[pull("a")]).basic("nobody", "b"),
        Request::new(&[pull("a")]).basic("", ""),
        Request::new(&[pull("a")]).bearer("x.y.z"),
        Request::new(&[pull("a")]).authorization("Basic !"),
        Request::new(&[pull("a")]).basic("ci", "a").basic("ci", "a"),
    ];
    for request in requests {
        let (challenge, reason) = challenged(provider.authorize(request.get()).await.unwrap());
        assert_eq!(challenge, r#"Basic realm="Registry \"R\"""#);
        assert!(!reason.is_empty());
    }
    assert_eq!(granted(ask(&provider, "ci", "a").await.unwrap()), "ci");
}

#[tokio::test]
async fn users_come_and_go_while_the_server_runs() {
    let (_dir, path, provider) = with(&[("ci", "a")]);
    assert!(is_let_in(&provider, "ci", "a").await);
    assert!(!is_let_in(&provider, "dev", "b").await);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(line("dev", "b").as_bytes()).unwrap();
    assert!(is_let_in(&provider, "dev", "b").await);
    assert!(is_let_in(&provider, "ci", "a").await);
    fs::write(&path, line("dev", "b")).unwrap();
    is_shut_out_soon(&provider, "ci", "a").await;
    assert!(is_let_in(&provider, "dev", "b").await);
}

#[tokio::test]
async fn a_changed_password_counts_and_the_remembered_one_does_not() {
    let (dir, path, provider) = with(&[("ci", "old")]);
    assert!(is_let_in(&provider, "ci", "old").await);
    fs::write(dir.path().join("next"), line("ci", "new")).unwrap();
    fs::rename(dir.path().join("next"), &path).unwrap();
    assert!(is_let_in(&provider, "ci", "new").await);
    assert!(!is_let_in(&provider, "ci", "old").await);
}

#[tokio::test]
async fn a_file_that_can_not_be_read_is_an_error_and_no_refusal() {
    let (_dir, path, provider) = with(&[("ci", "a")]);
    fs::remove_file(&path).unwrap();
    let error = ask(&provider, "ci", "b").await.unwrap_err();
    assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    fs::write(&path, line("ci", "a")).unwrap();
    assert!(is_let_in(&provider, "ci", "a").await);
}

#[tokio::test]
async fn many_first_requests_at_once_are_all_let_in() {
    let (_dir, _, provider) = with(&[("ci", "a")]);
    let requests = (0..64).map(|_| is_let_in(&provider, "ci", "a"));
    assert!(futures_util::future::join_all(requests).await.into_iter().all(|let_in| let_in));
}

#[test]
fn a_missing_file_is_made_for_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("auth/deep/htpasswd");
    open(&path).unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&dir.path().join("auth")), 0o700);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("docker:$2b$10$"), "{text}");
    open(&path).unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "an existing file is left alone");
}

#[test]
fn options_that_can_not_be_used_name_their_key() {
    let dir = tempfile::tempdir().unwrap();
    let error = open(dir.path()).err().unwrap();
    assert_eq!(error.key, "auth.htpasswd.path");
    assert!(error.problem.contains("not a regular file"), "{error}");
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let error = open(&file.join("htpasswd")).err().unwrap();
    assert_eq!(error.key, "auth.htpasswd.path");
    let options = Options { realm: "a\nb".to_owned(), path: file, verified_entries_max: 100 };
    let error = Htpasswd::open(options).err().unwrap();
    assert_eq!(error.key, "auth.htpasswd.realm");
}
