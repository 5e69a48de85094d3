//! For those who run the desk: is it alive, is it ready, its metrics, its API description.

use std::sync::OnceLock;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::Web;
use super::error::ApiError;

/// Upper bounds of the latency histogram's buckets, seconds.
const BUCKETS: [f64; 12] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

static METRICS: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Starts to count; once per process, further calls do nothing.
pub(super) fn start_metrics() {
    METRICS.get_or_init(|| {
        let builder = PrometheusBuilder::new();
        let name = Matcher::Full("madoguchi_http_request_seconds".to_owned());
        let installed = builder
            .set_buckets_for_metric(name, &BUCKETS)
            .map_err(|error| error.to_string())
            .and_then(|builder| builder.install_recorder().map_err(|error| error.to_string()));
        if let Err(error) = &installed {
            tracing::warn!(error, "metrics are not available");
        }
        installed.ok()
    });
}

/// Whether the process lives.
pub(super) async fn healthz() -> &'static str {
    "ok\n"
}

/// Whether the desk can serve; and, where models are configured, which are in use and which are not, a line each.
pub(super) async fn readyz(State(web): State<Web>) -> Result<String, ApiError> {
    if *web.stopping.borrow() {
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready").because("stopping"));
    }
    match web.app.ready().await {
        Ok(()) => {
            let models = web.app.models();
            let used = models.used.iter().map(|line| format!("{line}\n"));
            let unused = models.unused.iter().map(|line| format!("warning: {line}\n"));
            Ok(std::iter::once("ready\n".to_owned()).chain(used).chain(unused).collect())
        }
        Err(unready) => {
            Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready").because(unready).retry_after(1))
        }
    }
}

/// Metrics in Prometheus' text format.
pub(super) async fn metrics() -> Response {
    match METRICS.get().and_then(Option::as_ref) {
        Some(handle) => {
            handle.run_upkeep();
            ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], handle.render())
                .into_response()
        }
        None => ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready").into_response(),
    }
}

/// The API's description.
pub(super) async fn openapi() -> Response {
    static DOCUMENT: OnceLock<String> = OnceLock::new();
    let document = DOCUMENT.get_or_init(super::openapi::document);
    ([(header::CONTENT_TYPE, "application/json")], document.as_str()).into_response()
}
