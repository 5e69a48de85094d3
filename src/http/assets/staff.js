// The staff's desk: queue, conversation and packet, live. Two streams feed it: the queue with the news of one's own
// conversations, and the turns of the ticket that is open.

import { composer } from "./composer.js";
import { announce, byId, el, named, storage, t, uniqueName } from "./dom.js";
import { ConnectionLost, follow, pause, request } from "./net.js";
import { packetElements } from "./packet.js";
import { drawQueue, groups, lasting } from "./queue.js";
import { turnElement } from "./turns.js";

const BASE = "/api/v1/staff";
const settings = document.body.dataset;
const csrf = { "X-CSRF-Token": settings.csrf };
const kept = storage("localStorage");
const drafts = storage("sessionStorage");
const wide = matchMedia("(min-width: 56rem)");

const state = {
  tickets: [],
  done: [],
  showsDone: false,
  /** Customers' turns of one's own conversations: ticket → numbers. */
  said: new Map(),
  /** The last turn seen: ticket → number. */
  seen: kept.get("madoguchi.seen") ?? {},
  selected: null,
  detail: null,
  last: 0,
  stop: null,
  known: null,
};

// ---- telling ----

function alertWith(...content) {
  byId("alert").replaceChildren(...content);
}

function tell(error) {
  if (error.code === "not_signed_in") {
    alertWith(t("staff.signed_out"), " ", el("a", { href: "/staff/sign-in" }, t("staff.sign_in_again")));
    return;
  }
  alertWith(error.words ?? String(error));
  if (!error.words) console.error(error);
}

function connected(isConnected) {
  const line = byId("net");
  if (isConnected && !line.hidden) {
    line.textContent = t("staff.online");
    setTimeout(() => (line.hidden = true), 2000);
  } else if (!isConnected) {
    line.textContent = t("staff.offline");
    line.hidden = false;
  }
}

// ---- the queue ----

function unread(id) {
  const seen = state.seen[id] ?? 0;
  return [...(state.said.get(id) ?? [])].filter((seq) => seq > seen).length;
}

function draw() {
  drawQueue({ tickets: state.tickets, done: state.showsDone ? state.done : [], selected: state.selected, unread, select });
  const news = state.tickets.reduce((sum, ticket) => sum + unread(ticket.id), 0) + state.tickets.filter((ticket) => ticket.state === "open").length;
  document.title = news > 0 ? `(${news}) ${settings.title}` : settings.title;
}

function takeQueue(tickets) {
  const before = state.known;
  state.tickets = tickets;
  state.known = new Set(tickets.map((ticket) => ticket.id));
  if (before) {
    for (const ticket of tickets) {
      if (before.has(ticket.id) || ticket.state !== "open") continue;
      const subject = ticket.subject || t("staff.untitled");
      announce(t(ticket.priority === "urgent" ? "staff.arrived_urgent" : "staff.arrived", { subject }));
    }
  }
  draw();
  const row = tickets.find((ticket) => ticket.id === state.selected);
  const shown = state.detail?.ticket;
  if (shown && (!row || row.state !== shown.state || row.mine !== shown.mine || row.agent !== shown.agent || row.priority !== shown.priority)) {
    refresh();
  }
}

function takeSaid({ ticket, seq, who }) {
  if (who !== "customer") return;
  if (!state.said.has(ticket)) state.said.set(ticket, new Set());
  state.said.get(ticket).add(seq);
  if (ticket !== state.selected) draw();
}

async function showDone() {
  state.showsDone = !state.showsDone;
  const button = byId("show-done");
  button.setAttribute("aria-expanded", String(state.showsDone));
  button.textContent = t(state.showsDone ? "staff.hide_done" : "staff.show_done");
  if (state.showsDone) await loadDone();
  draw();
}

async function loadDone() {
  try {
    state.done = (await request("GET", `${BASE}/tickets?state=resolved&limit=50`)).tickets;
    state.done.reverse();
  } catch (error) {
    tell(error);
  }
}

byId("show-done").addEventListener("click", showDone);

// ---- the open ticket ----

function show(view) {
  byId("panes").dataset.view = view;
}

async function select(id, byPress = false) {
  if (byPress) show("ticket");
  if (id === state.selected) {
    if (byPress) byId("conversation").focus({ preventScroll: true });
    return;
  }
  state.stop?.();
  state.stop = null;
  Object.assign(state, { selected: id, detail: null, last: 0 });
  drafts.set("madoguchi.selected", id);
  byId("log").replaceChildren();
  byId("packet-body").replaceChildren();
  alertWith();
  draw();
  await refresh();
  if (state.selected !== id || !state.detail) return;
  box.set(drafts.get(`madoguchi.reply.${id}`) ?? "");
  state.stop = follow(`${BASE}/tickets/${id}/events`, {
    after: state.last,
    on: (event, data) => event === "turn" && state.selected === id && takeTurns([data], true),
    onState: connected,
    onRefused: tell,
  });
  if (byPress && !wide.matches) byId("conversation").focus({ preventScroll: true });
}

async function refresh() {
  const id = state.selected;
  if (!id) return;
  try {
    const detail = await request("GET", `${BASE}/tickets/${id}`);
    if (state.selected === id) take(detail);
  } catch (error) {
    tell(error);
  }
}

function take(detail) {
  const first = state.detail === null;
  state.detail = detail;
  byId("empty").hidden = true;
  byId("open-ticket").hidden = false;
  takeTurns(detail.turns, !first);
  drawFacts();
  byId("packet-body").replaceChildren(...packetElements(detail));
}

function drawFacts() {
  const { ticket, position } = state.detail;
  byId("conversation-title").textContent = ticket.subject || t("staff.untitled");
  const facts = [named("state", ticket.state), ticket.agent_name ? t("staff.owner", { name: ticket.agent_name }) : t("staff.unowned")];
  if (position) facts.push(t("staff.position", { position }));
  if (ticket.state === "open") facts.push(t("staff.wait", { time: lasting(ticket.opened_at) }));
  if (ticket.reopened > 0) facts.push(t("staff.reopened", { count: ticket.reopened }));
  byId("ticket-facts").replaceChildren(
    ticket.priority !== "normal" ? el("span", { class: `priority priority-${ticket.priority}` }, named("priority", ticket.priority)) : "",
    ` ${facts.join(" ・ ")}`,
  );
  const mine = ticket.mine && ticket.state === "assigned";
  const acts = { "take-over": ticket.state === "open", return: mine, resolve: mine, reopen: ticket.state === "resolved" };
  const focused = document.activeElement;
  for (const button of byId("ticket-acts").children) button.hidden = !acts[button.dataset.act];
  byId("reply").disabled = !mine;
  byId("reply-send").disabled = !mine;
  byId("reply-hint").textContent = t(mine ? "staff.reply_hint" : "staff.reply_first");
  if (focused?.hidden) (mine ? byId("reply") : byId("conversation")).focus();
}

function takeTurns(turns, fresh) {
  const log = byId("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 120;
  for (const turn of turns) {
    if (turn.seq <= state.last) continue;
    if (fresh && turn.seq > state.last + 1) {
      refresh();
      return;
    }
    state.last = turn.seq;
    if (turn.who === "agent") log.querySelector(".pending")?.remove();
    const element = turnElement(turn, { fresh, customerName: t("chat.you") });
    if (turn.kind === "clarified") element.append(el("ul", { class: "offered" }, ...turn.candidates.map((candidate) => el("li", {}, candidate.question))));
    log.append(element);
  }
  if (atEnd || !fresh) log.scrollTop = log.scrollHeight;
  markSeen();
}

function markSeen() {
  if (!state.selected || document.hidden || state.seen[state.selected] === state.last) return;
  state.seen[state.selected] = state.last;
  const ids = Object.keys(state.seen);
  for (const id of ids.slice(0, Math.max(0, ids.length - 500))) delete state.seen[id];
  kept.set("madoguchi.seen", state.seen);
  draw();
}
document.addEventListener("visibilitychange", markSeen);

// ---- acting ----

async function act(name) {
  const id = state.selected;
  if (name === "return" && !confirm(t("staff.confirm_return"))) return;
  if (name === "resolve" && !confirm(box.text().trim() ? `${t("staff.unsent")} ${t("staff.confirm_resolve")}` : t("staff.confirm_resolve"))) return;
  alertWith();
  const buttons = [...byId("ticket-acts").children];
  for (const button of buttons) button.disabled = true;
  try {
    const detail = await request("POST", `${BASE}/tickets/${id}/${name}`, { body: {}, headers: csrf });
    if (state.selected === id) take(detail);
    if (name === "take-over" && state.selected === id) byId("reply").focus();
    if (state.showsDone) {
      await loadDone();
      draw();
    }
  } catch (error) {
    tell(error);
    await refresh();
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

byId("ticket-acts").addEventListener("click", (event) => {
  const name = event.target.closest("[data-act]")?.dataset.act;
  if (name) act(name);
});

const box = composer({
  form: byId("reply-form"),
  area: byId("reply"),
  sends: (event) => event.key === "Enter" && (event.ctrlKey || event.metaKey),
  send(text) {
    if (byId("reply").disabled) return false;
    reply(state.selected, text);
    return true;
  },
  draft: {
    get: () => null,
    set: (text) => state.selected && drafts.set(`madoguchi.reply.${state.selected}`, text),
  },
});

async function reply(id, text) {
  const name = uniqueName();
  const pending = el("article", { class: "turn turn-agent pending" }, el("div", { class: "slip" }, el("p", { class: "words" }, text)), el("p", { class: "pending-state" }, t("chat.sending")));
  byId("log").append(pending);
  byId("log").scrollTop = byId("log").scrollHeight;
  alertWith();
  for (let attempt = 0; ; attempt += 1) {
    try {
      const detail = await request("POST", `${BASE}/tickets/${id}/reply`, { body: { text, client_id: name }, headers: csrf });
      if (state.selected === id) take(detail);
      break;
    } catch (error) {
      const passing = error instanceof ConnectionLost || error.status >= 500 || error.status === 429;
      if (passing && attempt < 5) {
        alertWith(t("chat.retrying"));
        await pause(attempt);
        continue;
      }
      tell(error);
      // Nothing is lost: the text goes back into the box of its ticket.
      if (state.selected === id) box.set(box.text() ? `${text}\n${box.text()}` : text);
      else drafts.set(`madoguchi.reply.${id}`, text);
      break;
    }
  }
  pending.remove();
}

// ---- moving about ----

byId("back").addEventListener("click", () => {
  show("list");
  byId("queue-list").querySelector(`[data-ticket="${state.selected}"]`)?.focus();
});
byId("show-packet").addEventListener("click", () => show("packet"));
byId("back-to-conversation").addEventListener("click", () => show("ticket"));

const keysOn = byId("keys-on");
keysOn.checked = kept.get("madoguchi.keys") ?? true;
keysOn.addEventListener("change", () => kept.set("madoguchi.keys", keysOn.checked));

function step(by) {
  const order = groups(state.tickets, state.showsDone ? state.done : []).flatMap(([, group]) => group.map((ticket) => ticket.id));
  if (order.length === 0) return;
  const at = order.indexOf(state.selected);
  const next = at < 0 ? 0 : Math.min(order.length - 1, Math.max(0, at + by));
  select(order[next]);
  byId("queue-list").querySelector(`[data-ticket="${order[next]}"]`)?.focus();
}

addEventListener("keydown", (event) => {
  const writing = event.target.closest?.("textarea, input, select");
  if (!keysOn.checked || writing || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const takes = byId("ticket-acts").querySelector('[data-act="take-over"]');
  const keys = {
    j: () => step(1),
    k: () => step(-1),
    t: () => takes.hidden || takes.closest("[hidden]") || act("take-over"),
    r: () => byId("reply").focus(),
  };
  const run = keys[event.key.toLowerCase()];
  if (run) {
    event.preventDefault();
    run();
  }
});

// ---- beginning ----

follow(`${BASE}/events`, {
  on: (event, data) => {
    if (event === "queue") takeQueue(data.tickets);
    if (event === "said") takeSaid(data);
  },
  onState: connected,
  onRefused: tell,
});
setInterval(() => {
  draw();
  if (state.detail) drawFacts();
}, 30_000);

const before = drafts.get("madoguchi.selected");
if (before) select(before);
document.documentElement.dataset.ready = "true";
