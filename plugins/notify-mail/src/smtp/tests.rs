//! The conversation against servers made of lines.

use super::*;
use crate::report::Report;
use crate::settings::tests::with;
use crate::storm::Digest;
use std::collections::VecDeque;

/// A server that answers each line with the next of its replies, and the mail with one.
struct Script {
    replies: VecDeque<&'static str>,
    heard: Vec<String>,
    waiting: VecDeque<String>,
    encrypted: bool,
    local: bool,
    in_data: bool,
}

impl Script {
    fn new(replies: &[&'static str]) -> Self {
        let mut script = Self {
            replies: replies.iter().copied().collect(),
            heard: Vec::new(),
            waiting: VecDeque::new(),
            encrypted: false,
            local: false,
            in_data: false,
        };
        script.answer();
        script
    }

    fn answer(&mut self) {
        if let Some(reply) = self.replies.pop_front() {
            self.in_data = reply.starts_with("354");
            self.waiting.extend(reply.split('\n').map(ToOwned::to_owned));
        }
    }
}

impl Connection for Script {
    fn read_line(&mut self) -> Result<String, Failure> {
        self.waiting.pop_front().ok_or_else(|| Failure::Temporary("closed".to_owned()))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        if !self.in_data || text.ends_with("\r\n.\r\n") {
            self.answer();
        }
        self.heard.extend(text.split_terminator("\r\n").map(ToOwned::to_owned));
        Ok(())
    }

    fn start_tls(&mut self) -> Result<(), Failure> {
        self.encrypted = true;
        Ok(())
    }

    fn is_encrypted(&self) -> bool {
        self.encrypted
    }

    fn is_local(&self) -> bool {
        self.local
    }

    fn own_name(&self) -> String {
        "[192.0.2.1]".to_owned()
    }
}

fn deliver_to(script: &mut Script, pairs: &[(&str, &str)]) -> Result<Vec<String>, Failure> {
    let report = Report {
        id: String::new(),
        timestamp_ms: 0,
        source: "s".to_owned(),
        kind: "panic",
        headline: "h".to_owned(),
        details: Vec::new(),
        urgent: false,
    };
    let settings = with(pairs);
    let mail = Mail::new(&settings, &Digest { reports: vec![&report] }, 0, "u");
    deliver(script, &settings, &mail)
}

const LOGIN: [(&str, &str); 2] = [("smtp.username", "user"), ("smtp.password", "pass")];

#[test]
fn starttls_comes_before_the_password() {
    let mut script = Script::new(&[
        "220 hello",
        "250-mail\n250-AUTH LOGIN\n250 STARTTLS",
        "220 go",
        "250-mail\n250 AUTH PLAIN LOGIN",
        "235 ok",
        "250 ok",
        "250 ok",
        "354 go",
        "250 queued",
    ]);
    assert_eq!(deliver_to(&mut script, &LOGIN), Ok(vec![]));
    let commands: Vec<&str> = script.heard.iter().map(String::as_str).take(8).collect();
    assert_eq!(
        commands,
        [
            "EHLO [192.0.2.1]",
            "STARTTLS",
            "EHLO [192.0.2.1]",
            "AUTH PLAIN AHVzZXIAcGFzcw==",
            "MAIL FROM:<registry@example.com>",
            "RCPT TO:<ops@example.com>",
            "DATA",
            "Date: Thu, 01 Jan 1970 00:00:00 +0000",
        ]
    );
    assert_eq!(script.heard.last().map(String::as_str), Some("QUIT"));
}

#[test]
fn auth_login_is_spoken_where_plain_is_not() {
    let mut script = Script::new(&[
        "220 hello",
        "250-mail\n250 AUTH=LOGIN",
        "334 VXNlcm5hbWU6",
        "334 UGFzc3dvcmQ6",
        "235 ok",
        "250 ok",
        "250 ok",
        "354 go",
        "250 queued",
    ]);
    script.local = true;
    assert_eq!(deliver_to(&mut script, &LOGIN), Ok(vec![]));
    assert_eq!(script.heard[1..4], ["AUTH LOGIN", "dXNlcg==", "cGFzcw=="]);
}

#[test]
fn no_password_goes_over_an_open_connection() {
    let replies = ["220 hello", "250-mail\n250 AUTH PLAIN", "235 ok", "250 ok", "250 ok", "354 go", "250 queued"];
    let refused = deliver_to(&mut Script::new(&replies), &LOGIN);
    assert!(matches!(&refused, Err(Failure::Permanent(reason)) if reason.contains("smtp.insecure")), "{refused:?}");
    let [username, password] = LOGIN;
    let allowed = [username, password, ("smtp.insecure", "true")];
    assert_eq!(deliver_to(&mut Script::new(&replies), &allowed), Ok(vec![]));
}

#[test]
fn without_a_user_name_nobody_logs_in() {
    let mut script =
        Script::new(&["220 hello", "250-mail\n250 AUTH PLAIN", "250 ok", "250 ok", "354 go", "250 queued"]);
    assert_eq!(deliver_to(&mut script, &[]), Ok(vec![]));
    assert!(!script.heard.iter().any(|line| line.starts_with("AUTH")), "{:?}", script.heard);
}

#[test]
fn starttls_that_is_asked_for_and_not_offered_is_a_failure() {
    let outcome = deliver_to(&mut Script::new(&["220 hello", "250 mail"]), &[("smtp.tls", "starttls")]);
    assert!(matches!(outcome, Err(Failure::Permanent(_))), "{outcome:?}");
}

#[test]
fn recipients_are_answered_one_by_one() {
    let three = [("to", "a@example.com,b@example.com,c@example.com")];
    let start = ["220 hello", "250 mail", "250 ok"];
    let with_answers = |answers: &[&'static str]| {
        let mut script = Script::new(&[&start[..], answers, &["354 go", "250 queued"]].concat());
        deliver_to(&mut script, &three)
    };
    let refused = with_answers(&["250 ok", "550 unknown", "450 later"]).unwrap();
    assert_eq!(refused.len(), 2);
    assert!(refused[0].contains("b@example.com") && refused[0].contains("550"), "{refused:?}");
    assert!(matches!(with_answers(&["550 no", "450 later", "550 no"]), Err(Failure::Temporary(_))));
    assert!(matches!(with_answers(&["550 no", "551 no", "550 no"]), Err(Failure::Permanent(_))));
}

#[test]
fn replies_say_whether_another_try_is_worth_it() {
    let after_data =
        |reply| deliver_to(&mut Script::new(&["220 hello", "250 mail", "250 ok", "250 ok", "354 go", reply]), &[]);
    assert!(matches!(after_data("452 full"), Err(Failure::Temporary(_))));
    assert!(matches!(after_data("554 spam"), Err(Failure::Permanent(_))));
    assert!(matches!(deliver_to(&mut Script::new(&["HTTP/1.1 400 Bad Request"]), &[]), Err(Failure::Temporary(_))));
    assert!(matches!(deliver_to(&mut Script::new(&["421 busy"]), &[]), Err(Failure::Temporary(_))));
}

#[test]
fn a_line_of_one_dot_does_not_end_the_mail() {
    assert_eq!(stuffed("a\r\n.\r\n..b\r\n"), b"a\r\n..\r\n...b\r\n.\r\n");
    assert_eq!(base64(b"f"), "Zg==");
    assert_eq!(base64(b"fo"), "Zm8=");
    assert_eq!(base64(b"foo"), "Zm9v");
}
