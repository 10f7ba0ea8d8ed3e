//! Posts every event to a URL, in the words of `distribution` version 3, so that receivers written for it need not change.

mod envelope;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};
use serde_json::json;

use super::event::{Action, Event, Subject};
use super::hook::{Delivery, HookError, NotificationHook, Outcome};
use super::pace::Pace;
use super::subscription::{Bits, Subscription};
use crate::telemetry::metrics::HookMetrics;

/// The type of the envelope.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.docker.distribution.events.v2+json");
/// As Go's client.
const REDIRECTS_MAX: usize = 10;
/// So much of an answer is read, so that the connection can be used again.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// The first wait after a failure; below the threshold `distribution` tries again at once, for ever, as fast as it can.
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// What stands in the place of something secret.
const HIDDEN: &str = "********";

/// One endpoint of `notifications.endpoints`.
#[derive(Clone)]
pub struct Options {
    /// Its name in logs and metrics.
    pub name: String,
    /// Where events are posted to.
    pub url: String,
    /// Headers of every request; one name may have several values. They may be secrets.
    pub headers: Vec<(String, String)>,
    /// How long one attempt may take, all in all.
    pub timeout: Duration,
    /// Failures in a row after which every further attempt waits for `backoff`.
    pub threshold: u32,
    /// The longest wait.
    pub backoff: Duration,
    /// Media types of targets whose events are not sent.
    pub ignored_media_types: Vec<String>,
    /// Actions that are not sent.
    pub ignored_actions: Vec<Action>,
}

/// Why an endpoint can't be used at all.
#[derive(Debug, thiserror::Error)]
#[error("notifications.endpoints: {name}: {reason}")]
pub struct WebhookError {
    name: String,
    reason: String,
}

/// A webhook endpoint. One request is under way at a time, with one event in it.
pub struct Webhook {
    options: Options,
    url: Url,
    headers: HeaderMap,
    client: Client,
    metrics: HookMetrics,
}

impl Webhook {
    /// Checks the options; connects to nothing.
    ///
    /// # Errors
    /// When the URL is none, or a header can't be sent.
    pub fn new(options: Options, metrics: HookMetrics) -> Result<Self, WebhookError> {
        let fail = |reason: String| WebhookError { name: options.name.clone(), reason };
        let url: Url = options.url.parse().map_err(|error| fail(format!("the url is none: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(fail("the url must begin with http:// or https://".to_owned()));
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, MEDIA_TYPE);
        for (name, value) in &options.headers {
            let bad = || fail(format!("the header {name:?} can't be sent"));
            let mut value = HeaderValue::from_str(value).map_err(|_| bad())?;
            value.set_sensitive(true);
            headers.append(name.parse::<HeaderName>().map_err(|_| bad())?, value);
        }
        let builder = Client::builder()
            .timeout(options.timeout)
            .redirect(Policy::limited(REDIRECTS_MAX))
            .pool_max_idle_per_host(1)
            .user_agent(concat!("wharf/", env!("CARGO_PKG_VERSION")));
        // No proxy has the same loopback as we do.
        let builder = if is_loopback(&url) { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|error| fail(describe(&error)))?;
        Ok(Self { options, url, headers, client, metrics })
    }

    async fn post(&self, body: String) -> Result<(), HookError> {
        let request = self.client.post(self.url.clone()).headers(self.headers.clone()).body(body);
        let mut response = request.send().await.map_err(|error| HookError::silent(describe(&error)))?;
        let status = response.status();
        self.metrics.status(status.as_u16());
        let retry_after = retry_after(&response);
        let mut read = 0;
        while let Ok(Some(chunk)) = response.chunk().await {
            read += chunk.len();
            if read > ANSWER_BYTES_MAX {
                break;
            }
        }
        // A redirect that leads nowhere counts as delivered, as it does for `distribution`.
        if status.is_success() || status.is_redirection() {
            return Ok(());
        }
        Err(HookError { reason: format!("the endpoint answered {status}"), refused: true, retry_after })
    }
}

#[async_trait]
impl NotificationHook for Webhook {
    fn name(&self) -> &str {
        &self.options.name
    }

    fn subscription(&self) -> Subscription {
        let ignored = self.options.ignored_actions.iter().copied().collect();
        Subscription { actions: Bits::ALL.without(ignored), ..Subscription::default() }
    }

    fn wants(&self, event: &Event) -> bool {
        match &event.subject {
            Subject::Registry(event) => {
                let media_type = envelope::media_type(event);
                !self.options.ignored_media_types.iter().any(|ignored| ignored == media_type)
            }
            Subject::Log(_) | Subject::Server(_) => false,
        }
    }

    async fn handle(&self, batch: &[Delivery]) -> Result<Vec<Outcome>, HookError> {
        match envelope::of(batch) {
            Some(body) => self.post(body).await?,
            None => return Ok(vec![Outcome::Drop("it is of no kind that an endpoint takes".to_owned()); batch.len()]),
        }
        Ok(vec![Outcome::Done; batch.len()])
    }

    fn batch_events_max(&self) -> usize {
        1
    }

    fn pace(&self) -> Pace {
        let first = FIRST_WAIT.min(self.options.backoff);
        Pace { first, longest: self.options.backoff, threshold: self.options.threshold }
    }

    /// Under the names of `distribution`. What could be a secret is not shown: the debug listener asks nobody who he is.
    fn describe(&self) -> serde_json::Value {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let names = self.headers.keys().filter(|name| *name != CONTENT_TYPE);
        let hidden = names.map(|name| (name.to_string(), json!([HIDDEN]))).collect::<serde_json::Map<_, _>>();
        let actions: Vec<_> = self.options.ignored_actions.iter().map(|action| action.as_str()).collect();
        json!({
            "url": shown(&self.url),
            "Headers": hidden,
            "Timeout": nanos(self.options.timeout),
            "Threshold": self.options.threshold,
            "Backoff": nanos(self.options.backoff),
            "Ignore": { "MediaTypes": self.options.ignored_media_types, "Actions": actions },
        })
    }
}

/// A URL without the user, the password and the query, any of which may be a secret.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    let hidden = !url.username().is_empty() || url.password().is_some();
    // A URL with a host takes all of these.
    let _ = url.set_password(None);
    let _ = url.set_username(if hidden { HIDDEN } else { "" });
    if url.query().is_some() {
        url.set_query(Some(HIDDEN));
    }
    url.to_string()
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str().map(|host| host.trim_matches(['[', ']'])) {
        Some("localhost") => true,
        Some(host) => host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

/// What went wrong, with its causes and without the URL, which may hold a secret.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time (timeout)".to_owned();
    }
    let mut text = "no answer".to_owned();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    if error.is_redirect() { "too many redirects".to_owned() } else { text }
}

/// `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(date.duration_since(Timestamp::now())).ok()
}
