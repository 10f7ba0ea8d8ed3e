//! `log`: the log on standard error and the access log on standard output.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::plugin::Plugin;
use super::value::{Secret, Strings};

/// The log and the access log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// The least severe level that is written.
    pub level: Level,
    /// How a record is written to standard error.
    pub formatter: Formatter,
    /// Fields that are added to every record, such as `service: registry`.
    pub fields: BTreeMap<String, serde_json::Value>,
    /// The access log: one line per request on standard output, in Apache's combined format.
    pub accesslog: AccessLog,
    /// Adds the source file and the line to every record.
    pub reportcaller: bool,
    /// Sends records of some levels elsewhere. A `hooks` block at the top of a YAML file is read as if it stood here.
    pub hooks: Vec<LogHook>,
}

/// Severity of a log record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Level {
    /// Failures.
    Error,
    /// What an operator should look at.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// What happens inside.
    Debug,
}

/// Shape of a log record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Formatter {
    /// `time="…" level=info msg="…" key=value`.
    #[default]
    Text,
    /// One JSON object per line with `time`, `level`, `msg`.
    Json,
    /// One JSON object per line with `@timestamp`, `@version`, `message`, `level`, `type`.
    Logstash,
}

/// The access log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLog {
    /// Turns the access log off.
    pub disabled: bool,
}

/// One hook of the log.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LogHook {
    /// Kind of hook: `mail`, or `plugin` for a component.
    #[serde(rename = "type")]
    pub kind: String,
    /// Keeps the hook in the file without using it.
    pub disabled: bool,
    /// The levels that fire it, matched exactly: `panic`, `fatal`, `error`, `warn`, `info`, `debug`, `trace`.
    pub levels: Strings,
    /// How the mail is sent; for `mail`.
    pub options: MailOptions,
    /// The component that is given the records; for `plugin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Plugin>,
}

/// How a mail hook sends.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct MailOptions {
    /// The mail server.
    pub smtp: Smtp,
    /// Sender's address.
    pub from: String,
    /// Receivers' addresses.
    pub to: Strings,
}

/// A mail server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Smtp {
    /// `host:port`.
    pub addr: String,
    /// User name; no authentication without it.
    pub username: String,
    /// Password.
    pub password: Secret,
    /// Accepts any certificate and sends the password without TLS if the server has none.
    pub insecure: bool,
}
