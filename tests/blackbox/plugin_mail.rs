//! Goal: what should be mailed arrives as mail, at a server that demands TLS and a login, and a storm of events is not a storm of
//! mails. Method: Debian's exim; the hook that the recipes call `type: mail`, and the same component as a plugin.

use crate::support::exim::{Exim, PASSWORD, USER};
use crate::support::{Blob, Server, tools};

/// The component as a plugin, which trusts exim's certificate and no other, with these lines of its own.
fn plugin(exim: &Exim, addr: &str, config: &str) -> String {
    format!(
        "notifications:\n  plugins:\n    - name: post\n      component: {}\n      config:\n        smtp.addr: '{addr}'\n        \
         smtp.username: {USER}\n        from: registry@example.com\n{config}      grants:\n        sockets: ['{addr}']\n        \
         tls: true\n        ca: {}\n        secrets: {{smtp.password: {{env: MAIL_PASSWORD}}}}\n",
        tools::guest("notify-mail").display(),
        exim.certificate().display(),
    )
}

#[test]
fn a_panic_in_a_handler_arrives_as_mail() {
    let exim = Exim::start();
    let hooks = format!(
        "hooks:\n  - type: mail\n    disabled: false\n    levels: [panic]\n    options:\n      smtp: {{addr: 'localhost:{}', \
         username: {USER}, password: '{PASSWORD}', insecure: true}}\n      from: registry@example.com\n      \
         to: [ops@example.com, second@example.com]\n",
        exim.address.port()
    );
    let path = "/v2/team/app/tags/list";
    let server = Server::setup().section(&hooks).env("WHARF_TEST_PANIC_AT", path).start();
    server.get("/v2/team/app/manifests/absent").expect(404);
    let answer = server.get(path).expect_error(500, "UNKNOWN");
    let mails = exim.wait_for_mails(1);
    assert_eq!(mails.len(), 1);
    let (head, body) = (&mails[0].head, mails[0].body.replace("=\n", ""));
    for part in [
        "ops@example.com\n",
        "second@example.com\n",
        "From: registry@example.com",
        "Date: ",
        "Message-ID: <",
        "MIME-Version: 1.0",
        "Subject: ",
        "[panic]",
        "-tls_cipher",
        "-auth_id registry",
    ] {
        let found = head.contains(part) || (part == "[panic]" && head.contains("=5Bpanic=5D"));
        assert!(found, "{part} is missing in {head}");
    }
    assert!(body.contains("WHARF_TEST_PANIC_AT") && body.contains(answer.the("x-request-id")), "{body}");
}

#[test]
fn a_storm_becomes_one_mail_over_tls_from_the_first_byte() {
    let exim = Exim::start();
    let config = "        smtp.tls: implicit\n        to: [ops@example.com, nobody@example.com, later@example.com]\n        \
                  events: push\n        gather-seconds: 3\n";
    let addr = exim.implicit.to_string();
    let server = Server::setup().section(&plugin(&exim, &addr, config)).env("MAIL_PASSWORD", PASSWORD).start();
    for number in 1100..1140 {
        server.push_blob("team/app", &Blob::random(number, 10));
    }
    let mails = exim.wait_for_mails(1);
    assert_eq!(mails.len(), 1, "{}", exim.log());
    assert!(mails[0].head.contains("39"), "{}", mails[0].head);
    assert!(mails[0].body.contains("40 events since"), "{}", mails[0].body);
    // Those who were refused are named, and keep the mail from nobody.
    server.wait_for_log("nobody of that name");
    server.wait_for_log("come back later");
    assert!(!mails[0].head.contains("nobody@example.com\n\n"), "{}", mails[0].head);
}

#[test]
fn a_login_that_is_refused_is_said_and_not_repeated_for_ever() {
    let exim = Exim::start();
    let config = "        to: ops@example.com\n        events: push\n        gather-seconds: 0\n";
    let addr = exim.address.to_string();
    let server = Server::setup().section(&plugin(&exim, &addr, config)).env("MAIL_PASSWORD", "wrong").start();
    server.push_blob("team/app", &Blob::random(1141, 10));
    server.wait_for_log("the mail server answered AUTH with 535");
    assert!(exim.mails().is_empty());
    assert!(!server.log().contains("wrong"), "{}", server.log());
}

#[test]
fn nobody_else_is_taken_for_the_mail_server() {
    let (exim, other) = (Exim::start(), Exim::start());
    let config = "        to: ops@example.com\n        events: push\n        gather-seconds: 0\n";
    // The certificate of one server, and the address of the other.
    let section = plugin(&other, &exim.address.to_string(), config);
    let server = Server::setup().section(&section).env("MAIL_PASSWORD", PASSWORD).start();
    server.push_blob("team/app", &Blob::random(1141, 10));
    server.wait_for_log("no TLS with 127.0.0.1");
    assert!(exim.mails().is_empty());
}
