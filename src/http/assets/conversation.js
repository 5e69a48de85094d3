// The customer's conversation as the page knows it: what was sent, what came in, in order and once. Messages wait in
// an outbox that survives reloads until the server has taken them; turns wait in an inbox until those before them are
// there. Shows nothing itself: `view` does.

import { delay, lang, storage, uniqueName } from "./dom.js";
import { ConnectionLost, Problem, follow, pause, request } from "./net.js";

const BASE = "/api/v1/conversations";
/** How long looking up seems to take at least: an answer that is there at once reads like a page, not like a reply. */
const THINKING_MS = 450;
/** After so many failed attempts a message is given back to the customer. */
const ATTEMPTS = 6;

export class Conversation {
  /**
   * `view` has: turn(turn, fresh), pending(item), failed(item), dropped(item, problem), busy(isBusy), status(status),
   * connected(isConnected), retrying(isRetrying), feedback(list), restarted(), cleared().
   */
  constructor(view, { embedded }) {
    this.view = view;
    this.embedded = embedded;
    // In a frame of another site cookies are not sent, so the token is kept, for this tab only.
    this.store = storage(embedded ? "sessionStorage" : "localStorage");
    this.outboxStore = storage("sessionStorage");
    this.id = null;
    this.token = null;
    this.last = 0;
    this.mode = "bot";
    this.inbox = new Map();
    this.outbox = [];
    this.thinkingSince = null;
    this.isRetrying = false;
    this.stop = null;
  }

  /** Goes on with the conversation this browser has, if any. */
  async resume() {
    this.outbox = this.outboxStore.get("madoguchi.outbox") ?? [];
    const kept = this.store.get("madoguchi.conversation");
    if (kept?.id) {
      this.id = kept.id;
      this.token = kept.token ?? null;
      try {
        await this.load();
        this.listen();
      } catch (error) {
        if (error instanceof Problem && error.status < 500) {
          this.forget();
          this.view.restarted();
        } else {
          this.listen();
        }
      }
    }
    for (const item of this.outbox) this.view.pending(item);
    this.flush();
  }

  /** Sends `text` as soon as possible. */
  say(text) {
    const item = { name: uniqueName(), text, after: this.last };
    this.outbox.push(item);
    this.keepOutbox();
    this.view.pending(item);
    this.flush();
  }

  /** Tries a failed message again. */
  again(item) {
    item.failed = false;
    this.keepOutbox();
    this.flush();
  }

  /** Takes a failed message back. */
  drop(item) {
    this.outbox = this.outbox.filter((other) => other !== item);
    this.keepOutbox();
  }

  choose(entryId) {
    return this.act("POST", "/choose", { entry_id: entryId });
  }
  chooseNone() {
    return this.act("POST", "/choose", { entry_id: null });
  }
  feedback(turn, resolved) {
    return this.act("POST", "/feedback", { turn, resolved });
  }
  async requestPerson() {
    await this.ensureStarted();
    return this.act("POST", "/handoff", {});
  }
  stopWaiting() {
    return this.act("DELETE", "/handoff");
  }

  /** Lets the conversation be; the next message begins another. */
  forget() {
    this.stop?.();
    this.stop = null;
    this.id = null;
    this.token = null;
    this.last = 0;
    this.mode = "bot";
    this.inbox.clear();
    this.store.remove("madoguchi.conversation");
    this.view.cleared();
  }

  // ---- to the server ----

  get headers() {
    return this.token ? { Authorization: `Bearer ${this.token}` } : {};
  }

  async ensureStarted() {
    if (this.id) return;
    this.starting ??= request("POST", BASE, { body: { language: lang } }).finally(() => {
      this.starting = null;
    });
    const started = await this.starting;
    if (this.id) return;
    this.id = started.id;
    this.token = this.embedded ? started.token : null;
    this.store.set("madoguchi.conversation", { id: this.id, token: this.token });
    this.listen();
  }

  /** A press of a button: the answer's turns come in like any others. Fails with a Problem or ConnectionLost. */
  async act(method, path, body) {
    this.thinking(true);
    try {
      const reply = await request(method, `${BASE}/${this.id}${path}`, { body, headers: this.headers });
      this.take(reply);
      return reply;
    } finally {
      this.thinking(false);
    }
  }

  async flush() {
    if (this.flushing) return;
    this.flushing = true;
    try {
      let item;
      while ((item = this.outbox.find((candidate) => !candidate.failed))) {
        await this.deliver(item);
      }
    } finally {
      this.flushing = false;
    }
  }

  /** Sends one message until it is taken, refused for good, or has failed often enough. */
  async deliver(item) {
    this.thinking(true);
    this.retrying(false);
    for (let attempt = 0; ; attempt += 1) {
      try {
        await this.ensureStarted();
        // A new server does not know the message's name any more; the conversation says whether it has arrived.
        if (attempt > 0 && (await this.hasArrived(item))) break;
        const body = { text: item.text, client_id: item.name };
        this.take(await request("POST", `${BASE}/${this.id}/messages`, { body, headers: this.headers }));
        break;
      } catch (error) {
        const gone = error instanceof Problem && [401, 403, 404].includes(error.status) && attempt === 0;
        const passing = error instanceof ConnectionLost || (error instanceof Problem && (error.status >= 500 || [408, 409, 429].includes(error.status)));
        if (gone) {
          this.forget();
          this.view.restarted();
          this.view.pending(item);
          continue;
        }
        if (!passing) {
          this.retrying(false);
          this.drop(item);
          this.view.dropped(item, error);
          break;
        }
        if (attempt + 1 >= ATTEMPTS) {
          item.failed = true;
          this.retrying(false);
          this.keepOutbox();
          this.view.failed(item);
          break;
        }
        this.retrying(true);
        await (error.retryAfter ? delay(error.retryAfter * 1000) : pause(attempt));
      }
    }
    if (!item.failed) this.drop(item);
    this.retrying(false);
    this.thinking(false);
  }

  /** Tells the view only what changes: it may show something else meanwhile. */
  retrying(isRetrying) {
    if (this.isRetrying !== isRetrying) this.view.retrying(isRetrying);
    this.isRetrying = isRetrying;
  }

  async hasArrived(item) {
    const view = await request("GET", `${BASE}/${this.id}`, { headers: this.headers });
    const arrived = view.turns.some((turn) => turn.seq > item.after && turn.who === "customer" && turn.text.trim() === item.text.trim());
    if (arrived) this.takeTurns(view.turns, true);
    return arrived;
  }

  keepOutbox() {
    this.outboxStore.set("madoguchi.outbox", this.outbox);
  }

  // ---- from the server ----

  async load() {
    const view = await request("GET", `${BASE}/${this.id}`, { headers: this.headers });
    this.takeTurns(view.turns, false);
    this.view.feedback(view.feedback);
    this.setStatus({ mode: view.mode, ticket: view.ticket });
  }

  take(reply) {
    this.takeTurns(reply.turns, true);
    if (reply.turns.length > 0) this.setStatus({ mode: reply.mode, ticket: reply.ticket });
  }

  setStatus(status) {
    this.mode = status.mode;
    this.view.status(status);
  }

  listen() {
    this.stop?.();
    this.stop = follow(`${BASE}/${this.id}/events`, {
      after: this.last,
      headers: this.headers,
      on: (event, data) => {
        if (event === "turn") this.takeTurns([data], true);
        if (event === "status") this.setStatus(data);
      },
      onState: (connected) => this.view.connected(connected),
      onRefused: () => this.forget(),
    });
  }

  takeTurns(turns, fresh) {
    for (const turn of turns) if (turn.seq > this.last) this.inbox.set(turn.seq, turn);
    if (fresh) this.pump();
    else this.showReady(false);
  }

  showReady(fresh) {
    let turn;
    while ((turn = this.inbox.get(this.last + 1))) {
      this.inbox.delete(turn.seq);
      this.last = turn.seq;
      this.view.turn(turn, fresh);
    }
  }

  /** Shows what has come in, in order; a bot's reply waits until looking up has been seen for a moment. */
  async pump() {
    if (this.pumping) return;
    this.pumping = true;
    let turn;
    while ((turn = this.inbox.get(this.last + 1))) {
      if (turn.who !== "customer" && this.thinkingSince !== null) {
        const left = THINKING_MS - (performance.now() - this.thinkingSince);
        if (left > 0 && !matchMedia("(prefers-reduced-motion: reduce)").matches) await delay(left);
        this.thinkingSince = null;
      }
      if (this.inbox.delete(turn.seq) && turn.seq === this.last + 1) {
        this.last = turn.seq;
        this.view.busy(false);
        this.view.turn(turn, true);
        if (turn.who === "customer" && this.thinkingSince !== null) this.view.busy(true);
      }
    }
    this.pumping = false;
    if (this.inbox.size > 0) this.fillGap();
    if (this.thinkingSince === null) this.view.busy(false);
  }

  /** A turn is missing before those that came in, because the stream is behind or broken: ask for all. */
  async fillGap() {
    if (this.filling) return;
    this.filling = true;
    await delay(300);
    try {
      if (this.inbox.size > 0) this.takeTurns((await request("GET", `${BASE}/${this.id}`, { headers: this.headers })).turns, true);
    } catch {
      // The stream goes on trying and brings them.
    } finally {
      this.filling = false;
    }
  }

  thinking(begins) {
    if (begins && this.mode !== "person" && this.mode !== "waiting") {
      this.thinkingSince = performance.now();
      this.view.busy(true);
    } else if (!begins && this.inbox.size === 0 && !this.pumping) {
      this.thinkingSince = null;
      this.view.busy(false);
    }
  }
}
