//! Events: what happened, to what, by whom. The shape is that of `wharf:notify/types`.

use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

use crate::oci::{Descriptor, Digest, media_type};
use crate::telemetry::LogRecord;

/// What was done to a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Action {
    /// A blob was uploaded, or a manifest stored.
    Push,
    /// A blob or a manifest was read (a HEAD counts).
    Pull,
    /// A blob was linked from another repository.
    Mount,
    /// A manifest, a tag or a blob was deleted.
    Delete,
}

impl Action {
    /// Every one, in the order of the enum.
    pub const ALL: [Self; 4] = [Self::Push, Self::Pull, Self::Mount, Self::Delete];

    /// `push`, `pull`, `mount` or `delete`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::Mount => "mount",
            Self::Delete => "delete",
        }
    }
}

/// The content that an action was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// Its media type; empty when a manifest was deleted, which is not read for that.
    pub media_type: &'static str,
    /// Its digest, as the request named it.
    pub digest: Digest,
    /// Its size in bytes; 0 when it was deleted.
    pub size_bytes: u64,
}

impl Content {
    /// A blob, of which the registry does not know what it holds.
    pub fn blob(digest: Digest, size_bytes: u64) -> Self {
        Self { media_type: media_type::OCTET_STREAM, digest, size_bytes }
    }
}

/// What an action was about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Target {
    /// The repository.
    pub repository: String,
    /// The blob or manifest; `None` when only a tag was deleted.
    pub content: Option<Content>,
    /// The tag, when the request named one.
    pub tag: Option<String>,
    /// Where a client can read it.
    pub url: Option<String>,
    /// The repository that a blob was mounted from.
    pub from_repository: Option<String>,
    /// What a manifest refers to, where the operator asked for it.
    pub references: Vec<Descriptor>,
}

/// The request behind an action.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RequestRecord {
    /// Its id in the server's log.
    pub id: String,
    /// Where it came from: what a proxy says, else the peer's address and port.
    pub addr: String,
    /// The `Host` header.
    pub host: String,
    /// The HTTP method.
    pub method: String,
    /// The `User-Agent` header.
    pub user_agent: String,
}

/// Something was done to a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistryEvent {
    /// What.
    pub action: Action,
    /// To what.
    pub target: Target,
    /// By which request.
    pub request: RequestRecord,
    /// By whom; `None` when anonymous.
    pub actor: Option<String>,
}

/// A moment in the server's own life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Moment {
    /// The server listens.
    Started,
    /// The server has been told to end, and finishes what it is doing.
    Stopping,
    /// A plugin was replaced: attributes `plugin`, `digest`, `previous-digest`.
    PluginSwapped,
    /// A plugin failed so often that it is not called for a while: attributes `plugin`, `reason`.
    PluginFailing,
    /// A garbage collection ended: attributes `blobs-deleted`, `manifests-deleted`, `bytes-freed`.
    CollectionFinished,
}

/// Something happened to the server itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerEvent {
    /// What.
    pub moment: Moment,
    /// What is to be said of it.
    pub attributes: Vec<(String, String)>,
}

/// What an event tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "an event is made once, lives behind an `Arc`, and is nearly always of the large kind"
)]
pub enum Subject {
    /// About a repository.
    Registry(RegistryEvent),
    /// A log record.
    Log(LogRecord),
    /// About the server.
    Server(ServerEvent),
}

/// The server that events come from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Source {
    /// Host name, and the port that it listens on.
    pub addr: String,
    /// A UUID that is new with every start.
    pub instance_id: String,
}

/// One event, the same for every hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Names the event, the same at every delivery.
    pub id: Uuid,
    /// When it happened.
    pub timestamp: Timestamp,
    /// Where it happened.
    pub source: Arc<Source>,
    /// What happened.
    pub subject: Subject,
}

/// What an event takes beside its texts; rather too much than too little.
const FIXED_BYTES: usize = 512;

impl Event {
    /// About how much memory it takes, for the bound of a queue.
    pub fn size_bytes(&self) -> usize {
        let pairs = |pairs: &[(String, String)]| pairs.iter().map(|(a, b)| a.len() + b.len() + 48).sum::<usize>();
        let texts = match &self.subject {
            Subject::Registry(event) => event.size_bytes(),
            Subject::Log(record) => record.message.len() + pairs(&record.fields),
            Subject::Server(event) => pairs(&event.attributes),
        };
        FIXED_BYTES + texts
    }
}

impl RegistryEvent {
    fn size_bytes(&self) -> usize {
        let Self { target, request, actor, .. } = self;
        let optional = [&target.tag, &target.url, &target.from_repository, actor];
        let references = target.references.iter().map(|reference| {
            let annotations = reference.annotations.iter().map(|(name, value)| name.len() + value.len() + 48);
            let urls = reference.urls.iter().map(|url| url.len() + 24);
            256 + reference.media_type.len() + annotations.chain(urls).sum::<usize>()
        });
        let texts =
            [&target.repository, &request.id, &request.addr, &request.host, &request.method, &request.user_agent];
        texts.into_iter().map(String::len).sum::<usize>()
            + optional.into_iter().flatten().map(String::len).sum::<usize>()
            + references.sum::<usize>()
    }
}
