//! The second listener: health and metrics, for machines that look after this one. It has no authentication, so it belongs on
//! an address that only they can reach.

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde_json::json;

use crate::health::Health;
use crate::notify::Notifier;
use crate::telemetry::metrics::{self, Metrics};

/// The routes: `/debug/health`, `/debug/vars`, and the metrics at `metrics_path` when there is one.
pub fn router(
    health: Arc<Health>,
    metrics: Arc<Metrics>,
    notifier: Arc<Notifier>,
    metrics_path: Option<&str>,
) -> Router {
    let router = Router::new()
        .route("/debug/health", get(move || std::future::ready(health_response(&health))))
        .route("/debug/vars", get(move || std::future::ready(vars_response(&notifier))));
    match metrics_path {
        Some(path) => {
            let encode = move || std::future::ready(([(CONTENT_TYPE, metrics::CONTENT_TYPE)], metrics.encode()));
            router.route(path, get(encode))
        }
        None => router,
    }
    // What `distribution` answers to anything else here, a wrong method included.
    .method_not_allowed_fallback(|| std::future::ready(StatusCode::NOT_FOUND))
}

/// The failing checks as a JSON map: `{}` with 200 when there are none, else 503.
fn health_response(health: &Health) -> Response {
    let report = health.report();
    let status = if report.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(CONTENT_TYPE, "application/json")], format!("{}\n", json!(report))).into_response()
}

/// A few facts about the process, in the place where Go programs have them.
fn vars_response(notifier: &Notifier) -> Response {
    // The program's name only: arguments may hold what is nobody's business.
    let mut vars = json!({ "cmdline": ["wharf"], "version": env!("CARGO_PKG_VERSION"), "pid": std::process::id() });
    if notifier.has_hooks() {
        vars["registry"] = notifier.vars();
    }
    ([(CONTENT_TYPE, "application/json")], format!("{vars}\n")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use http::Request;
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    async fn ask(health: &Arc<Health>, method: &str, path: &str) -> (u16, String) {
        let metrics = Arc::new(Metrics::new());
        let _counted = metrics.cache();
        let router = router(Arc::clone(health), metrics, Arc::new(Notifier::silent()), Some("/metrics"));
        let request = Request::builder().method(method).uri(path).body(Body::empty()).unwrap();
        let response = router.oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn health_and_metrics_are_shown() {
        let health = Arc::new(Health::new());
        assert_eq!(ask(&health, "GET", "/debug/health").await, (200, "{}\n".to_owned()));
        health.note("tcp", 0, Err("refused".to_owned()));
        assert_eq!(ask(&health, "GET", "/debug/health").await, (503, "{\"tcp\":\"refused\"}\n".to_owned()));
        assert_eq!(ask(&health, "POST", "/debug/health").await.0, 404);
        assert_eq!(ask(&health, "GET", "/debug/pprof/").await.0, 404);
        assert_eq!(ask(&health, "GET", "/debug/vars").await.0, 200);
        assert!(ask(&health, "GET", "/metrics").await.1.contains("registry_storage_cache_requests_total 0"));
    }
}
