//! Goal: a receiver can tell that what it gets is ours, and misses nothing while it is away. Method: the component
//! `notify-webhook-signed`, and a real receiver that checks the signature by openssl.

use std::io::Write;
use std::process::Command;

use crate::support::receiver::{OK, Post, Receiver};
use crate::support::{Blob, Server, tools};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn plugin(receiver: &Receiver) -> String {
    let url = receiver.url("/hook");
    format!(
        "notifications:\n  plugins:\n    - name: signed\n      component: {}\n      config: {{url: '{url}', events: push}}\n      \
         grants: {{hosts: ['{}'], secrets: {{secret: {{env: HOOK_SECRET}}}}}}\n",
        tools::guest("notify-webhook-signed").display(),
        receiver.url(""),
    )
}

/// HMAC-SHA256 in hexadecimal, as openssl computes it.
fn openssl_hmac(text: &str) -> String {
    let mut file = tempfile::NamedTempFile::new().expect("a file");
    file.write_all(text.as_bytes()).expect("the file is written");
    let printed = tools::run(Command::new("openssl").args(["dgst", "-sha256", "-hmac", SECRET]).arg(file.path()));
    printed.trim().rsplit(' ').next().unwrap_or_default().to_owned()
}

fn check_signature(post: &Post) {
    let signature = post.all("wharf-signature");
    assert_eq!(signature.len(), 1);
    let (time, hmac) = signature[0].split_once(',').expect("two parts");
    let time = time.strip_prefix("t=").expect("a time");
    assert_eq!(hmac, format!("v1={}", openssl_hmac(&format!("{time}.{}", post.body))));
}

#[test]
fn what_is_posted_is_signed_and_comes_again_until_it_is_taken() {
    let receiver = Receiver::answering(|number| match number {
        0 => Some("HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"),
        1 => Some("HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\n\r\n"),
        _ => OK,
    });
    let server = Server::setup().section(&plugin(&receiver)).env("HOOK_SECRET", SECRET).start();
    let blob = Blob::random(990, 10);
    server.push_blob("team/app", &blob);
    let posts: Vec<Post> = (0..3).map(|_| receiver.next()).collect();
    for (attempt, post) in posts.iter().enumerate() {
        check_signature(post);
        let event = &post.json()["events"][0];
        assert_eq!(event["kind"], "push");
        assert_eq!(event["subject"]["content"]["digest"], blob.digest.as_str());
        assert_eq!(event["attempt"], attempt);
        assert_eq!(event["id"], posts[0].json()["events"][0]["id"]);
    }
}

#[test]
fn a_short_secret_keeps_the_server_from_starting() {
    let receiver = Receiver::start();
    let setup = Server::setup().section(&plugin(&receiver)).env("HOOK_SECRET", "short");
    let (status, log) = setup.run_to_the_end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("secret") && log.contains("shorter than 16"), "{log}");
}
