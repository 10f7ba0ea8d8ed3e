//! The JSON that endpoints are sent: field for field and in the order of `distribution` version 3, with what it leaves out.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use crate::notify::event::{Action, Event, RegistryEvent, Subject, Target};
use crate::notify::hook::Delivery;
use crate::oci::Descriptor;
use crate::telemetry::rfc3339;

#[derive(Serialize)]
struct Envelope<'a> {
    events: Vec<EventJson<'a>>,
}

#[derive(Serialize)]
struct EventJson<'a> {
    id: String,
    timestamp: String,
    action: &'static str,
    target: TargetJson<'a>,
    request: RequestJson<'a>,
    actor: ActorJson<'a>,
    source: SourceJson<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TargetJson<'a> {
    media_type: &'a str,
    digest: &'a str,
    size: u64,
    /// The same once more, for old receivers.
    #[serde(skip_serializing_if = "is_zero")]
    length: u64,
    #[serde(skip_serializing_if = "str::is_empty")]
    repository: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    from_repository: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    url: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    tag: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    references: Vec<ReferenceJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReferenceJson<'a> {
    media_type: &'a str,
    digest: &'a str,
    size: u64,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    urls: &'a [String],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    platform: Option<PlatformJson<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
}

#[derive(Serialize)]
struct PlatformJson<'a> {
    architecture: &'a str,
    os: &'a str,
}

#[derive(Serialize)]
struct RequestJson<'a> {
    id: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    addr: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    host: &'a str,
    method: &'a str,
    useragent: &'a str,
}

#[derive(Serialize)]
struct ActorJson<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

#[derive(Serialize)]
struct SourceJson<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    addr: &'a str,
    #[serde(rename = "instanceID", skip_serializing_if = "str::is_empty")]
    instance_id: &'a str,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The envelope of a batch; `None` when there is nothing in it that endpoints are told.
pub(super) fn of(batch: &[Delivery]) -> Option<String> {
    let events: Vec<EventJson<'_>> = batch.iter().filter_map(|delivery| event(&delivery.event)).collect();
    if events.is_empty() {
        return None;
    }
    let mut bytes = Vec::with_capacity(1024 * events.len());
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"   "));
    Envelope { events }.serialize(&mut serializer).ok()?;
    String::from_utf8(bytes).ok().map(|text| escape(&text))
}

/// The media type as endpoints see it: none of what is deleted.
pub(super) fn media_type(event: &RegistryEvent) -> &str {
    match &event.target.content {
        Some(content) if event.action != Action::Delete => content.media_type,
        _ => "",
    }
}

fn event(event: &Event) -> Option<EventJson<'_>> {
    let Subject::Registry(about) = &event.subject else { return None };
    let request = &about.request;
    Some(EventJson {
        id: event.id.to_string(),
        timestamp: timestamp(event),
        action: about.action.as_str(),
        target: target(about, &about.target),
        request: RequestJson {
            id: &request.id,
            addr: &request.addr,
            host: &request.host,
            method: &request.method,
            useragent: &request.user_agent,
        },
        actor: ActorJson { name: about.actor.as_deref().unwrap_or_default() },
        source: SourceJson { addr: &event.source.addr, instance_id: &event.source.instance_id },
    })
}

fn target<'a>(about: &'a RegistryEvent, target: &'a Target) -> TargetJson<'a> {
    let size = target.content.as_ref().map_or(0, |content| content.size_bytes);
    TargetJson {
        media_type: media_type(about),
        digest: target.content.as_ref().map_or("", |content| content.digest.as_str()),
        size,
        length: size,
        repository: &target.repository,
        from_repository: target.from_repository.as_deref().unwrap_or_default(),
        url: target.url.as_deref().unwrap_or_default(),
        tag: target.tag.as_deref().unwrap_or_default(),
        references: target.references.iter().map(reference).collect(),
    }
}

fn reference(descriptor: &Descriptor) -> ReferenceJson<'_> {
    ReferenceJson {
        media_type: &descriptor.media_type,
        digest: descriptor.digest.as_str(),
        size: descriptor.size,
        urls: &descriptor.urls,
        annotations: &descriptor.annotations,
        platform: descriptor
            .platform
            .as_ref()
            .map(|platform| PlatformJson { architecture: &platform.architecture, os: &platform.os }),
        artifact_type: descriptor.artifact_type.as_deref(),
    }
}

/// With as many digits of a second as it has.
fn timestamp(event: &Event) -> String {
    let text = rfc3339(event.timestamp);
    let Some((seconds, rest)) = text.split_once('.') else { return text };
    let zone_at = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (fraction, zone) = rest.split_at(zone_at);
    match fraction.trim_end_matches('0') {
        "" => format!("{seconds}{zone}"),
        digits => format!("{seconds}.{digits}{zone}"),
    }
}

/// Go escapes what could end a script in a page; these characters stand nowhere in JSON but in texts.
fn escape(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => text.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;
    use uuid::Uuid;

    use super::*;
    use crate::notify::event::{Content, RequestRecord, Source};
    use crate::oci::{Algorithm, Hasher};

    fn told(action: Action, target: Target, user_agent: &str) -> String {
        let request = RequestRecord {
            id: "r".to_owned(),
            addr: "10.0.0.7:1".to_owned(),
            host: "reg.example".to_owned(),
            method: "PUT".to_owned(),
            user_agent: user_agent.to_owned(),
        };
        let subject = Subject::Registry(RegistryEvent { action, target, request, actor: None });
        let source = Arc::new(Source { addr: "reg-0:5000".to_owned(), instance_id: "i".to_owned() });
        let timestamp: Timestamp = "2026-02-01T10:00:00.12Z".parse().unwrap();
        let event = Arc::new(Event { id: Uuid::nil(), timestamp, source, subject });
        of(&[Delivery { event, sequence: 1, attempt: 0, last: false }]).unwrap()
    }

    #[test]
    fn a_push_is_written_as_distribution_writes_it() {
        let digest = Hasher::digest(Algorithm::Sha256, b"x");
        let target = Target {
            repository: "team/app".to_owned(),
            content: Some(Content::blob(digest.clone(), 1)),
            url: Some(format!("https://reg.example/v2/team/app/blobs/{digest}")),
            ..Target::default()
        };
        let text = told(Action::Push, target, "a&b");
        let expected = format!(
            r#"         "action": "push",
         "target": {{
            "mediaType": "application/octet-stream",
            "digest": "{digest}",
            "size": 1,
            "length": 1,
            "repository": "team/app",
            "url": "https://reg.example/v2/team/app/blobs/{digest}"
         }},
         "request": {{
            "id": "r",
            "addr": "10.0.0.7:1",
            "host": "reg.example",
            "method": "PUT",
            "useragent": "a\u0026b"
         }},
         "actor": {{}},
         "source": {{
            "addr": "reg-0:5000",
            "instanceID": "i"
         }}
      }}
   ]
}}"#
        );
        assert!(text.ends_with(&expected), "{text}");
        assert!(text.starts_with("{\n   \"events\": [\n      {\n         \"id\": \"00000000-"), "{text}");
        assert!(text.contains(".12Z\"") || text.contains(".12+") || text.contains(".12-"), "{text}");
    }

    #[test]
    fn a_deleted_tag_has_empty_fields_where_distribution_has_them() {
        let target = Target { repository: "team/app".to_owned(), tag: Some("v1".to_owned()), ..Target::default() };
        let json: serde_json::Value = serde_json::from_str(&told(Action::Delete, target, "")).unwrap();
        let expected = serde_json::json!({
            "mediaType": "", "digest": "", "size": 0, "repository": "team/app", "tag": "v1"
        });
        assert_eq!(json["events"][0]["target"], expected);
        assert_eq!(json["events"][0]["request"]["useragent"], "");
    }
}
