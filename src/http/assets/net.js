// Requests and live streams. A request ends in its JSON, in a Problem (the server refused, and says why), or in a
// ConnectionLost (nobody knows whether it arrived).

import { lang, t } from "./dom.js";

const PATIENCE_MS = 20_000;
const BACKOFF_MS = [500, 1_000, 2_000, 4_000, 8_000];

/** The server's problem document. */
export class Problem extends Error {
  constructor(status, body, retryAfter) {
    super(body.detail ?? String(status));
    this.status = status;
    this.code = body.code ?? "internal";
    this.title = body.title ?? String(status);
    this.next = body.next ?? "";
    /** With `stale`: the thing as it is now. */
    this.current = body.current;
    /** With `flawed`: what is wrong, field by field. */
    this.flaws = body.flaws ?? [];
    this.retryAfter = retryAfter;
  }
  /** For people. */
  get words() {
    return [this.message, this.next].filter(Boolean).join(" ");
  }
}

/** No answer: the network or the server is away. */
export class ConnectionLost extends Error {
  get words() {
    return t("error.network");
  }
}

/** Asks the API. `body` becomes JSON. */
export async function request(method, path, { body, headers = {} } = {}) {
  const init = {
    method,
    headers: { Accept: "application/json", "Accept-Language": lang, ...headers },
    credentials: "same-origin",
    signal: AbortSignal.timeout(PATIENCE_MS),
  };
  if (body !== undefined) {
    init.headers["Content-Type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let response;
  let json;
  try {
    response = await fetch(path, init);
    json = await response.json().catch((error) => {
      if (response.ok && response.status !== 204) throw error;
      return {};
    });
  } catch {
    throw new ConnectionLost();
  }
  if (response.ok) return json;
  throw new Problem(response.status, json, Number(response.headers.get("Retry-After")) || undefined);
}

/** Waits a while, less if the browser comes back online. */
export function pause(attempt) {
  const ms = BACKOFF_MS[Math.min(attempt, BACKOFF_MS.length - 1)];
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      resolve();
    };
    const timer = setTimeout(done, ms + Math.random() * 250);
    addEventListener("online", done);
  });
}

/**
 * Follows a stream of server-sent events until the returned function is called, reconnecting with `Last-Event-ID`.
 * (fetch rather than EventSource: it can send headers, and says why a stream was refused.)
 * `on(event, data)` gets each event; `onState(connected)` each change; `onRefused(problem)` ends it.
 */
export function follow(path, { after, headers = {}, on, onState = () => {}, onRefused = () => {} }) {
  const abort = new AbortController();
  let last = after === undefined ? undefined : String(after);
  const run = async () => {
    for (let attempt = 0; !abort.signal.aborted; attempt += 1) {
      try {
        const sent = { Accept: "text/event-stream", "Accept-Language": lang, ...headers };
        if (last !== undefined) sent["Last-Event-ID"] = last;
        const response = await fetch(path, { headers: sent, credentials: "same-origin", cache: "no-store", signal: abort.signal });
        if (!response.ok) {
          const problem = new Problem(response.status, await response.json().catch(() => ({})));
          if (response.status < 500 && response.status !== 429) return onRefused(problem);
          throw problem;
        }
        onState(true);
        attempt = 0;
        await read(response.body, (event, data, id) => {
          if (id !== undefined) last = id;
          on(event, JSON.parse(data));
        });
      } catch (error) {
        if (abort.signal.aborted) return undefined;
        if (!(error instanceof TypeError || error instanceof Problem || error instanceof DOMException)) console.error(error);
      }
      if (abort.signal.aborted) return undefined;
      onState(false);
      await pause(attempt);
    }
    return undefined;
  };
  run();
  return () => abort.abort();
}

/** Reads the event-stream format. */
async function read(body, emit) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    let end;
    while ((end = rest.indexOf("\n\n")) >= 0) {
      const block = rest.slice(0, end);
      rest = rest.slice(end + 2);
      let event = "message";
      let id;
      const data = [];
      for (const line of block.split("\n")) {
        const colon = line.indexOf(":");
        const field = colon < 0 ? line : line.slice(0, colon);
        const text = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (field === "event") event = text;
        else if (field === "id") id = text;
        else if (field === "data") data.push(text);
      }
      if (data.length > 0) emit(event, data.join("\n"), id);
    }
  }
}
