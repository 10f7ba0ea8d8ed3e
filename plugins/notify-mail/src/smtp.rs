//! The conversation with a mail server: SMTP (RFC 5321), STARTTLS (RFC 3207), AUTH (RFC 4954).

#[cfg(test)]
mod tests;

use crate::message::Mail;
use crate::settings::{Login, Settings, Tls};
use std::fmt;

/// The most lines of one reply.
const REPLY_LINES_MAX: usize = 100;

/// Why a mail was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Another try may do better.
    Temporary(String),
    /// No other try will.
    Permanent(String),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Temporary(reason) | Self::Permanent(reason)) = self;
        f.write_str(reason)
    }
}

/// A connection to a mail server.
pub(crate) trait Connection {
    /// The next line, without its end.
    fn read_line(&mut self) -> Result<String, Failure>;
    /// Sends bytes, all of them.
    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure>;
    /// Goes on over TLS. Fails if the server has said something already that would be taken for part of the private conversation.
    fn start_tls(&mut self) -> Result<(), Failure>;
    /// Whether it runs over TLS.
    fn is_encrypted(&self) -> bool;
    /// Whether it leaves this machine.
    fn is_local(&self) -> bool;
    /// How we call ourselves: an address literal, for the name of a server behind others means nothing outside.
    fn own_name(&self) -> String;
}

/// What a server said.
struct Reply {
    code: u16,
    lines: Vec<String>,
}

impl Reply {
    fn is_good(&self) -> bool {
        (200..400).contains(&self.code)
    }

    /// The failure that this reply to a command is.
    fn failure(&self, command: &str) -> Failure {
        let text = self.lines.join(" ");
        let said = format!("the mail server answered {command} with {} {}", self.code, text.escape_debug());
        if self.code >= 500 { Failure::Permanent(said) } else { Failure::Temporary(said) }
    }
}

/// What a server can do.
#[derive(Default)]
struct Abilities {
    starttls: bool,
    /// The ways to log in, in upper case.
    auth: Vec<String>,
}

/// Delivers a mail. Returns what the server had against single recipients.
///
/// # Errors
/// When nobody gets it.
pub(crate) fn deliver(wire: &mut dyn Connection, settings: &Settings, mail: &Mail) -> Result<Vec<String>, Failure> {
    expect(wire, "the connection")?;
    let mut abilities = hello(wire)?;
    let wants_tls = matches!(settings.tls, Tls::Required) || (settings.tls == Tls::Offered && abilities.starttls);
    if wants_tls && !wire.is_encrypted() {
        if !abilities.starttls {
            return Err(Failure::Permanent(
                "the mail server offers no STARTTLS, and `smtp.tls` asks for it".to_owned(),
            ));
        }
        ask(wire, "STARTTLS")?;
        wire.start_tls()?;
        // What was said before TLS anybody may have said.
        abilities = hello(wire)?;
    }
    if let Some(login) = &settings.login {
        log_in(wire, settings, login, &abilities)?;
    }
    let refused = envelope(wire, settings)?;
    ask(wire, "DATA")?;
    wire.write(&stuffed(&mail.text))?;
    expect(wire, "the mail")?;
    // The mail is delivered; whether the server says goodbye changes nothing.
    let _ = wire.write(b"QUIT\r\n");
    Ok(refused)
}

/// Sender and recipients. Returns the recipients that were refused, if at least one was not.
fn envelope(wire: &mut dyn Connection, settings: &Settings) -> Result<Vec<String>, Failure> {
    ask(wire, &format!("MAIL FROM:<{}>", settings.from))?;
    let mut failures = Vec::new();
    for recipient in &settings.to {
        let command = format!("RCPT TO:<{recipient}>");
        let reply = tell(wire, &command)?;
        if !reply.is_good() {
            failures.push(reply.failure(&command));
        }
    }
    if failures.len() < settings.to.len() {
        return Ok(failures.iter().map(ToString::to_string).collect());
    }
    // Nobody will get it now; but perhaps somebody will later.
    let worth_another_try = failures.iter().position(|failure| matches!(failure, Failure::Temporary(_)));
    Err(failures.swap_remove(worth_another_try.unwrap_or(0)))
}

fn hello(wire: &mut dyn Connection) -> Result<Abilities, Failure> {
    let name = wire.own_name();
    let reply = tell(wire, &format!("EHLO {name}"))?;
    if reply.code >= 500 {
        // A server of before 1995, or one that hides what it can.
        ask(wire, &format!("HELO {name}"))?;
        return Ok(Abilities::default());
    }
    if !reply.is_good() {
        return Err(reply.failure("EHLO"));
    }
    let mut abilities = Abilities::default();
    for line in reply.lines.iter().skip(1) {
        let line = line.to_ascii_uppercase();
        // Old servers write `AUTH=`.
        let mut words = line.split([' ', '=']);
        match words.next() {
            Some("STARTTLS") => abilities.starttls = true,
            Some("AUTH") => abilities.auth.extend(words.map(ToOwned::to_owned)),
            _ => {}
        }
    }
    Ok(abilities)
}

fn log_in(wire: &mut dyn Connection, settings: &Settings, login: &Login, abilities: &Abilities) -> Result<(), Failure> {
    if !wire.is_encrypted() && !wire.is_local() && !settings.insecure {
        return Err(Failure::Permanent(
            "the connection is not encrypted: no password goes over it unless `smtp.insecure` is true".to_owned(),
        ));
    }
    let offers = |way: &str| abilities.auth.iter().any(|offered| offered == way);
    let reply = if offers("PLAIN") {
        let secret = base64(format!("\0{}\0{}", login.username, login.password).as_bytes());
        tell(wire, &format!("AUTH PLAIN {secret}"))?
    } else if offers("LOGIN") {
        let mut reply = tell(wire, "AUTH LOGIN")?;
        for answer in [&login.username, &login.password] {
            if reply.code != 334 {
                break;
            }
            reply = tell(wire, &base64(answer.as_bytes()))?;
        }
        reply
    } else {
        return Err(Failure::Permanent(
            "the mail server offers neither AUTH PLAIN nor AUTH LOGIN: remove `smtp.username` if it wants no login"
                .to_owned(),
        ));
    };
    if reply.code == 235 { Ok(()) } else { Err(reply.failure("AUTH")) }
}

/// Sends a command that must succeed.
fn ask(wire: &mut dyn Connection, command: &str) -> Result<(), Failure> {
    let reply = tell(wire, command)?;
    if reply.is_good() { Ok(()) } else { Err(reply.failure(command)) }
}

fn tell(wire: &mut dyn Connection, command: &str) -> Result<Reply, Failure> {
    wire.write(format!("{command}\r\n").as_bytes())?;
    reply(wire)
}

fn expect(wire: &mut dyn Connection, to: &str) -> Result<(), Failure> {
    let reply = reply(wire)?;
    if reply.is_good() { Ok(()) } else { Err(reply.failure(to)) }
}

fn reply(wire: &mut dyn Connection) -> Result<Reply, Failure> {
    let mut lines = Vec::new();
    while lines.len() < REPLY_LINES_MAX {
        let line = wire.read_line()?;
        let code = line.get(..3).and_then(|code| code.parse::<u16>().ok()).filter(|code| (200..600).contains(code));
        let Some(code) = code else { break };
        let goes_on = line.as_bytes().get(3) == Some(&b'-');
        lines.push(line.get(4..).unwrap_or_default().to_owned());
        if !goes_on {
            return Ok(Reply { code, lines });
        }
    }
    Err(Failure::Temporary("what answers at `smtp.addr` does not speak SMTP".to_owned()))
}

/// A mail with its dots stuffed and its end marked.
fn stuffed(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len() + 64);
    for line in text.lines() {
        if line.starts_with('.') {
            bytes.push(b'.');
        }
        bytes.extend_from_slice(line.as_bytes());
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b".\r\n");
    bytes
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().enumerate().fold(0_u32, |bits, (at, byte)| bits | u32::from(*byte) << (16 - 8 * at));
        for sextet in 0..4 {
            let at = (bits >> (18 - 6 * sextet)) & 0x3f;
            text.push(if sextet <= three.len() { char::from(ALPHABET[at as usize]) } else { '=' });
        }
    }
    text
}
