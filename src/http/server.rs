//! Accepts connections and serves each with a deadline for its headers, which `axum::serve` lacks. Stops by letting
//! requests under way finish, ends event streams, and gives up after the configured time.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::Service;

use super::error::ApiError;
use super::limits::{MAX_CONNECTIONS, MAX_HEADER_BUFFER, MAX_HEADERS_READ};
use super::texts::Texts;
use super::{Settings, Web, routes};
use crate::app::App;
use crate::kb::Language;

/// How long a last word to a slow client may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Serves `app` on `listener` until `shutdown` completes and the requests under way are done.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    app: Arc<App>,
    settings: Settings,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let (stop, stopping) = watch::channel(false);
    let grace = Duration::from_millis(settings.limits.shutdown_ms);
    let header_deadline = Duration::from_millis(settings.limits.header_timeout_ms);
    let router = routes::router(Web::new(app, settings, stopping.clone()));
    let mut connections = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            accepted = accept(&listener), if connections.len() < MAX_CONNECTIONS => {
                let (stream, peer) = accepted?;
                connections.spawn(converse(stream, peer, router.clone(), header_deadline, stopping.clone()));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    drop(listener);
    stop.send_replace(true);
    let drained =
        tokio::time::timeout(grace, async { while connections.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!(connections = connections.len(), "requests still under way were cut off at shutdown");
        connections.shutdown().await;
    }
    Ok(())
}

/// The next connection; a shortage (of file descriptors, say) is waited out instead of ending the server.
async fn accept(listener: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    loop {
        match listener.accept().await {
            Ok(accepted) => return Ok(accepted),
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again in a second");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Serves the requests of one connection.
async fn converse(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    header_deadline: Duration,
    mut stopping: watch::Receiver<bool>,
) {
    // Without it, Nagle's algorithm delays small events.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        let mut router = router.clone();
        let answer: Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>> =
            Box::pin(async move { router.call(request).await });
        answer
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(header_deadline)
        .max_headers(MAX_HEADERS_READ)
        .max_buf_size(MAX_HEADER_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    let mut told = false;
    let result = loop {
        tokio::select! {
            result = poll_fn(|context| connection.poll_without_shutdown(context)) => break result,
            _ = stopping.wait_for(|stopping| *stopping), if !told => {
                told = true;
                Pin::new(&mut connection).graceful_shutdown();
            }
        }
    };
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    let _ = tokio::time::timeout(FAREWELL, async {
        match result {
            // Only a client in the middle of its headers is told; an idle connection is just closed.
            Err(error) if error.is_timeout() && !parts.read_buf.is_empty() => {
                stream.write_all(&header_timeout_response()).await?;
            }
            Err(error) => tracing::debug!(%error, "connection ended"),
            Ok(()) => {}
        }
        stream.shutdown().await
    })
    .await;
}

/// What a client gets whose headers did not arrive in time. Written by hand: there is no request to respond to.
fn header_timeout_response() -> Vec<u8> {
    let problem = ApiError::request_timeout().problem(Texts(Language::Ja));
    let body = serde_json::to_string(&problem).expect("strings always serialise");
    format!(
        "HTTP/1.1 408 Request Timeout\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
