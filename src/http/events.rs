//! Live streams (server-sent events). Every turn is one event named `turn` whose id is the turn's `seq`: a client that
//! reconnects with `Last-Event-ID` misses nothing and sees nothing twice. `status` events say who owns the conversation
//! and where its ticket stands in the queue.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::Web;
use super::conversations::Customer;
use super::dto::{EventsQuery, StatusDto, TicketDto, TurnDto};
use super::error::{ApiError, Problem};
use super::extract::{Query, last_event};
use crate::app::TurnStream;
use crate::chat::{Mode, Turn};

/// How often a silent stream says that it is alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a client waits before it reconnects.
const RETRY: Duration = Duration::from_millis(1_000);
/// Least time between two looks at the queue for one customer.
const QUEUE_LOOK: Duration = Duration::from_millis(250);
/// Events a slow client may be behind before its stream waits for it.
const BUFFER: usize = 64;

/// A stream's sending half; `send` fails once the client is gone.
pub(super) type Sender = mpsc::Sender<Event>;

/// The response of a live stream that `feed` fills.
pub(super) fn respond<F>(web: &Web, feed: impl FnOnce(Sender) -> F) -> Response
where
    F: Future<Output = ()> + Send + 'static,
{
    let (sender, receiver) = mpsc::channel(BUFFER);
    let feed = feed(sender.clone());
    let mut stopping = web.stopping.clone();
    tokio::spawn(async move {
        metrics::gauge!("madoguchi_event_streams").increment(1.0);
        if sender.send(Event::default().retry(RETRY).comment("open")).await.is_ok() {
            tokio::select! {
                () = feed => {}
                () = sender.closed() => {}
                _ = stopping.wait_for(|stopping| *stopping) => {}
            }
        }
        metrics::gauge!("madoguchi_event_streams").decrement(1.0);
    });
    let stream = ReceiverStream::new(receiver).map(Ok::<_, Infallible>);
    let mut response = Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Reverse proxies of the nginx kind would hold events back otherwise.
    headers.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

/// An event `name` with `data` as JSON.
pub(super) fn event(name: &str, data: &impl Serialize) -> Event {
    Event::default().event(name).data(serde_json::to_string(data).expect("plain data always serialises"))
}

/// The event of a turn.
pub(super) fn turn_event(turn: &Turn) -> Event {
    event("turn", &TurnDto::from(turn)).id(turn.seq.to_string())
}

/// Follow a conversation: every turn, live.
#[utoipa::path(
    get, path = "/api/v1/conversations/{id}/events", tag = "conversations", security(("conversation" = [])),
    params(
        ("id" = String, Path, description = "The conversation"), EventsQuery,
        ("last-event-id" = Option<u64>, Header, description = "The last turn the client has")
    ),
    responses(
        (status = 200, description = "Events `turn` (a TurnDto, id = its `seq`) and `status` (a StatusDto)", body = String, content_type = "text/event-stream"),
        (status = "default", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn follow_conversation(
    State(web): State<Web>,
    customer: Customer,
    Query(query): Query<EventsQuery>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let after = last_event(&headers, query.after)?;
    let turns = web.app.events(customer.access(), after).await.map_err(|error| customer.error(error))?;
    let follower = Follower { web: web.clone(), customer, turns, last: None };
    Ok(respond(&web, |sender| follower.run(sender)))
}

/// One customer's stream.
struct Follower {
    web: Web,
    customer: Customer,
    turns: TurnStream,
    /// The status last sent.
    last: Option<StatusDto>,
}

impl Follower {
    async fn run(mut self, sender: Sender) {
        let mut queue = self.web.app.queue_changes();
        // When to look at the status next, if there is news.
        let mut due = Some(Instant::now());
        let mut looked = Instant::now();
        loop {
            let waiting = self.last.as_ref().is_some_and(|status| status.mode == Mode::Waiting.name());
            tokio::select! {
                biased;
                turn = self.turns.next() => {
                    // An error ends the stream: the client resumes from the last turn it has.
                    let Some(Ok(turn)) = turn else { return };
                    if self.last.as_ref().is_none_or(|status| status.mode != turn.mode.name()) {
                        due = due.or(Some(Instant::now()));
                    }
                    if sender.send(turn_event(&turn)).await.is_err() {
                        return;
                    }
                }
                () = tokio::time::sleep_until(due.unwrap_or(looked)), if due.is_some() => {
                    (due, looked) = (None, Instant::now());
                    let Some(status) = status(&self.web, &self.customer).await else { return };
                    if self.last.as_ref() != Some(&status) {
                        if sender.send(event("status", &status)).await.is_err() {
                            return;
                        }
                        self.last = Some(status);
                    }
                }
                changed = queue.changed(), if waiting => {
                    if changed.is_err() {
                        return;
                    }
                    due = due.or(Some(looked + QUEUE_LOOK));
                }
            }
        }
    }
}

async fn status(web: &Web, customer: &Customer) -> Option<StatusDto> {
    let view = web.app.conversation(customer.access()).await.ok()?;
    Some(StatusDto { mode: view.mode.name().to_owned(), ticket: view.ticket.map(TicketDto::from) })
}
