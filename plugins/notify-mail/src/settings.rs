//! The configuration.

use crate::bindings::wharf::notify::types::Levels;
use wharf_plugin_support::config::{Problem, Reader};
use wharf_plugin_support::wanted::Wanted;

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tls {
    /// From the first byte, as on port 465.
    Implicit,
    /// By STARTTLS, or not at all.
    Required,
    /// By STARTTLS where the server offers it.
    Offered,
    /// Never.
    Never,
}

/// Who the mail server shall know us as.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) username: String,
    pub(crate) password: String,
}

/// What the operator wrote.
#[derive(Clone, PartialEq)]
pub(crate) struct Settings {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    pub(crate) login: Option<Login>,
    /// Send a password over a connection that anybody on its way can read.
    pub(crate) insecure: bool,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) timeout_ms: u64,
    /// How long the first event waits for others to come along.
    pub(crate) gather_ms: u64,
    /// The least time between two mails.
    pub(crate) interval_ms: u64,
    pub(crate) wanted: Wanted,
}

impl Settings {
    pub(crate) fn read(mut reader: Reader) -> Result<Self, Vec<Problem>> {
        let (host, port) = address(&mut reader);
        let tls = tls(&mut reader, port);
        let login = login(&mut reader);
        let from = reader.required("from", "the sender's address, such as registry@example.com");
        let to = reader.list("to");
        if to.is_empty() {
            reader.problem("to", "is missing: write one or more addresses");
        }
        for (key, address) in [("from", &from)].into_iter().chain(to.iter().map(|address| ("to", address))) {
            if !address.is_empty() && !is_address(address) {
                reader.problem(key, format!("`{}` is not an address such as name@example.com", address.escape_debug()));
            }
        }
        let mut seconds =
            |key: &str, default: u64| reader.parsed(key, default, "a number of seconds").min(86_400) * 1000;
        let (timeout_ms, gather_ms) = (seconds("smtp.timeout-seconds", 8).max(1000), seconds("gather-seconds", 2));
        let interval_ms = seconds("interval-seconds", 60);
        let insecure = reader.flag("smtp.insecure", false);
        // A panic is what nobody should miss, and what nobody sees in a log.
        let wanted = Wanted::read(&mut reader, Wanted { levels: Levels::PANIC.bits(), ..Wanted::default() });
        let settings = Self { host, port, tls, login, insecure, from, to, timeout_ms, gather_ms, interval_ms, wanted };
        reader.finish(settings)
    }
}

/// `smtp.addr`: host and port, the host of an IPv6 address in brackets.
fn address(reader: &mut Reader) -> (String, u16) {
    const FORM: &str = "the mail server as `host:port`, such as smtp.example.com:587 or [::1]:25";
    let text = reader.required("smtp.addr", FORM);
    let Some((host, port)) = text.rsplit_once(':') else {
        if !text.is_empty() {
            reader.problem("smtp.addr", format!("`{}` has no port: write {FORM}", text.escape_debug()));
        }
        return (text, 25);
    };
    let literal = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_host = match literal {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.chars().all(plain),
    };
    match port.parse::<u16>() {
        Ok(port) if is_host && port != 0 => (literal.unwrap_or(host).to_owned(), port),
        _ => {
            reader.problem("smtp.addr", format!("`{}` is not understood: write {FORM}", text.escape_debug()));
            (String::new(), 25)
        }
    }
}

fn tls(reader: &mut Reader, port: u16) -> Tls {
    match reader.text("smtp.tls").as_deref() {
        Some("implicit") => Tls::Implicit,
        Some("starttls") => Tls::Required,
        Some("none") => Tls::Never,
        None if port == 465 => Tls::Implicit,
        None => Tls::Offered,
        Some(other) => {
            let problem = format!("`{}` is not one of implicit, starttls and none", other.escape_debug());
            reader.problem("smtp.tls", problem);
            Tls::Required
        }
    }
}

fn login(reader: &mut Reader) -> Option<Login> {
    let username = reader.text("smtp.username")?;
    let password = reader.text("smtp.password").unwrap_or_default();
    for (key, value) in [("smtp.username", &username), ("smtp.password", &password)] {
        if value.contains('\0') {
            reader.problem(key, "has a NUL in it, which no login can carry");
        }
    }
    Some(Login { username, password })
}

/// What may stand between the brackets of `MAIL FROM:<…>` and in a header without any quoting.
fn is_address(address: &str) -> bool {
    let plain = |c: char| {
        c.is_ascii_graphic() && !matches!(c, '<' | '>' | ',' | ';' | ':' | '"' | '(' | ')' | '\\' | '[' | ']')
    };
    let Some((name, domain)) = address.rsplit_once('@') else { return false };
    let short = name.len() <= 64 && domain.len() <= 255;
    short && !name.is_empty() && !domain.is_empty() && !name.contains('@') && address.chars().all(plain)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings as a test wants them, beside a sender and a recipient.
    pub(crate) fn with(pairs: &[(&str, &str)]) -> Settings {
        let basis =
            [("smtp.addr", "mail.example.com:587"), ("from", "registry@example.com"), ("to", "ops@example.com")];
        let all: Vec<_> = pairs.iter().chain(&basis).copied().collect();
        Settings::read(Reader::of(&all)).unwrap()
    }

    fn keys_of_problems(pairs: &[(&str, &str)]) -> Vec<String> {
        let problems = Settings::read(Reader::of(pairs)).err().unwrap_or_default();
        problems.into_iter().map(|problem| problem.key).collect()
    }

    #[test]
    fn the_recipe_is_understood() {
        let settings = with(&[
            ("smtp.addr", "smtp.sendhost.com:25"),
            ("smtp.username", "sendername"),
            ("smtp.password", "password"),
            ("smtp.insecure", "true"),
            ("from", "name@sendhost.com"),
            ("to", r#"["name@receivehost.com"]"#),
        ]);
        assert_eq!((settings.host.as_str(), settings.port, settings.tls), ("smtp.sendhost.com", 25, Tls::Offered));
        assert!(settings.insecure && settings.login.is_some());
        assert!(settings.wanted.levels == Levels::PANIC.bits());
    }

    #[test]
    fn the_port_decides_about_tls_unless_it_is_said() {
        let tls = |pairs: &[(&str, &str)]| with(pairs).tls;
        assert_eq!(tls(&[("smtp.addr", "[::1]:465")]), Tls::Implicit);
        assert_eq!(tls(&[("smtp.addr", "h:587")]), Tls::Offered);
        assert_eq!(tls(&[("smtp.addr", "h:465"), ("smtp.tls", "starttls")]), Tls::Required);
        assert_eq!(tls(&[("smtp.tls", "none")]), Tls::Never);
        assert_eq!(with(&[("smtp.addr", "[::1]:465")]).host, "::1");
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        assert_eq!(keys_of_problems(&[]), ["smtp.addr", "from", "to"]);
        let wrong = [
            ("smtp.addr", "::1:25"),
            ("smtp.tls", "yes"),
            ("from", "a@b\r\nBcc: c@d"),
            ("to", "a@b,<c@d>"),
            ("smtp.insecure", "maybe"),
            ("levels", "loud"),
            ("events", "birth"),
        ];
        let keys = keys_of_problems(&wrong);
        assert_eq!(keys, ["smtp.addr", "smtp.tls", "from", "to", "smtp.insecure", "events", "levels"]);
    }
}
