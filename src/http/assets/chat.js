// The customer's page: shows the conversation and passes presses and keys on to it.

import { composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { announce, byId, dayTime, el, foreign, named, storage, t } from "./dom.js";
import { turnElement, words } from "./turns.js";

const settings = document.body.dataset;
const embedded = settings.embedded === "true";
const limit = Number(settings.limit) || 2000;
const log = byId("log");
const pendings = new Map();
const rated = new Map();
let typing = null;
let unseen = 0;

// ---- the log ----

/** Whether the end of the log is in view, and so should stay in view. */
let pinned = true;

function isAtEnd() {
  return innerHeight + scrollY >= document.documentElement.scrollHeight - 120;
}

/** Adds `element` to the log and follows it, unless the customer is reading further up. */
function append(element, follow) {
  log.append(element);
  if (typing) log.append(typing);
  if (follow || pinned) scrollToEnd();
  else byId("to-latest").hidden = false;
}

function scrollToEnd() {
  pinned = true;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  scrollTo({ top: document.documentElement.scrollHeight, behavior: calm ? "auto" : "smooth" });
  byId("to-latest").hidden = true;
}

byId("to-latest").addEventListener("click", scrollToEnd);
let lastY = scrollY;
addEventListener(
  "scroll",
  () => {
    // Only the customer scrolls up; being off the end may also mean that the page has just grown.
    if (isAtEnd()) pinned = true;
    else if (scrollY < lastY) pinned = false;
    lastY = scrollY;
    if (pinned) byId("to-latest").hidden = true;
  },
  { passive: true },
);
// The dock grows with the text in it and with the ticket: what was in view above it stays in view.
new ResizeObserver(() => pinned && log.childElementCount > 1 && scrollToEnd()).observe(byId("dock"));

function note(text, ...children) {
  append(el("p", { class: "note" }, text, ...children), true);
}

/** Buttons that a later turn has overtaken stay readable but cannot be pressed. */
function retire() {
  const focused = document.activeElement;
  for (const button of log.querySelectorAll("[data-once] button:not(:disabled)")) button.disabled = true;
  for (const group of log.querySelectorAll("[data-once]:not(.retired)")) group.classList.add("retired");
  if (focused && focused !== document.activeElement) byId("say").focus({ preventScroll: true });
}

const view = {
  turn(turn, fresh) {
    byId("starters").hidden = true;
    if (turn.who === "customer") {
      const [name, pending] = pendings.entries().next().value ?? [];
      if (pending && turn.kind === "text") {
        pending.remove();
        pendings.delete(name);
      }
    }
    retire();
    const element = turnElement(turn, { fresh });
    if (turn.kind === "answered") element.append(...afterAnswer(turn));
    if (turn.kind === "clarified") element.append(candidates(turn));
    append(element, turn.who === "customer" || !fresh);
    if (turn.kind === "resolved") element.append(startAnew());
    if (fresh && turn.who !== "customer") notify(turn);
  },
  pending(item) {
    byId("starters").hidden = true;
    pendings.get(item.name)?.remove();
    const state = el("p", { class: "pending-state" }, t("chat.sending"));
    const element = el(
      "article",
      { class: "turn turn-customer pending" },
      el("div", { class: "slip" }, el("p", { class: "words" }, item.text)),
      state,
    );
    pendings.set(item.name, element);
    append(element, true);
    if (item.failed) view.failed(item);
  },
  failed(item) {
    const element = pendings.get(item.name);
    element?.classList.add("failed");
    element?.querySelector(".pending-state").replaceChildren(
      t("chat.not_sent"),
      el("button", { type: "button", onclick: () => { view.pending(item); conversation.again(item); } }, t("chat.send_again")),
      el("button", { type: "button", onclick: () => takeBack(item) }, t("chat.take_back")),
    );
  },
  dropped(item, problem) {
    takeBack(item);
    alertWith(`${problem.words ?? problem.message} ${t("chat.kept")}`);
  },
  busy(isBusy) {
    if (isBusy && !typing) {
      typing = el("div", { class: "typing", "aria-hidden": "true" }, el("span", { class: "stamp" }, t("chat.stamp_bot")), el("span", { class: "dots" }, el("i"), el("i"), el("i")), el("span", {}, t("chat.typing")));
      log.append(typing);
      announce(t("chat.typing"));
      scrollToEnd();
    } else if (!isBusy && typing) {
      typing.remove();
      typing = null;
      announce("");
    }
  },
  status(status) {
    showTicket(status);
    const button = byId("person");
    const taken = status.mode === "waiting" || status.mode === "person";
    button.setAttribute("aria-disabled", String(taken));
    button.textContent = t(status.mode === "waiting" ? "chat.person_waiting" : status.mode === "person" ? "chat.person_here" : "chat.person");
  },
  connected(isConnected) {
    const line = byId("net");
    if (isConnected && !line.hidden) {
      line.textContent = t("chat.online");
      setTimeout(() => (line.hidden = true), 2000);
    } else if (!isConnected) {
      line.textContent = t("chat.offline");
      line.hidden = false;
    }
  },
  retrying(isRetrying) {
    alertWith(isRetrying ? t("chat.retrying") : "");
  },
  feedback(list) {
    for (const { turn, resolved } of list) rate(turn, resolved);
  },
  restarted() {
    note(t("chat.restarted"));
  },
  cleared() {
    for (const element of log.querySelectorAll("article:not(#greeting), .note")) element.remove();
    pendings.clear();
    rated.clear();
    byId("ticket").hidden = true;
    view.status({ mode: "bot", ticket: null });
  },
};

const conversation = new Conversation(view, { embedded });

function takeBack(item) {
  conversation.drop(item);
  pendings.get(item.name)?.remove();
  pendings.delete(item.name);
  const now = box.text();
  box.set(now ? `${item.text}\n${now}` : item.text);
  byId("say").focus();
}

function alertWith(text) {
  byId("alert").textContent = text;
}

/** Runs a press; a failure is told, nothing else is lost. */
async function press(act) {
  alertWith("");
  try {
    return await act();
  } catch (error) {
    alertWith(error.words ?? String(error));
    if (!error.words) console.error(error);
    return null;
  }
}

/** A keyboard user's focus would be lost with the button pressed: it goes to the message box. */
function pressedBy(button, act) {
  const byKeyboard = button.matches(":focus-visible");
  const done = press(act);
  if (byKeyboard) byId("say").focus({ preventScroll: true });
  return done;
}

// ---- what goes with a turn ----

function afterAnswer(turn) {
  const parts = [];
  const followUps = turn.answer.follow_ups ?? [];
  if (followUps.length > 0) {
    const list = el("ul", { class: "choices" });
    for (const { entry_id: entry, question } of followUps) {
      const button = el("button", { type: "button", class: "choice", lang: foreign(question), onclick: () => pressedBy(button, () => followUp(entry, question)) }, question);
      list.append(el("li", {}, button));
    }
    parts.push(el("section", { class: "after" }, el("h3", { class: "small-title" }, t("chat.follow_ups")), list));
  }
  const yes = el("button", { type: "button", class: "yes", onclick: () => pressedBy(yes, () => giveFeedback(turn.seq, true)) }, t("chat.yes"));
  const no = el("button", { type: "button", class: "no", onclick: () => pressedBy(no, () => giveFeedback(turn.seq, false)) }, t("chat.no"));
  const question = `resolved-${turn.seq}`;
  parts.push(
    el("div", { class: "resolved", role: "group", "aria-labelledby": question, "data-rate": turn.seq }, el("span", { id: question }, t("chat.resolved")), yes, no),
  );
  return parts;
}

async function followUp(entry, question) {
  try {
    await conversation.choose(entry);
  } catch (error) {
    // An older answer's follow-up is not on offer any more: ask it instead.
    if (error.code === "not_offered" || error.code === "nothing_to_choose" || conversation.mode === "person" || conversation.mode === "waiting") conversation.say(question);
    else throw error;
  }
}

function candidates(turn) {
  const list = el("ul", { class: "choices" });
  for (const { entry_id: entry, question } of turn.candidates) {
    const button = el("button", { type: "button", class: "choice", "data-entry": entry, lang: foreign(question), onclick: () => pressedBy(button, () => conversation.choose(entry)) }, question);
    list.append(el("li", {}, button));
  }
  const none = el("button", { type: "button", class: "choice none", onclick: () => pressedBy(none, () => conversation.chooseNone()) }, settings.none);
  list.append(el("li", {}, none));
  return el("div", { class: "offers", role: "group", "aria-label": t("chat.candidates"), "data-once": "" }, list);
}

async function giveFeedback(turn, resolved) {
  await conversation.feedback(turn, resolved);
  rate(turn, resolved);
}

function rate(turn, resolved) {
  rated.set(turn, resolved);
  const group = log.querySelector(`[data-rate="${turn}"]`);
  group?.replaceChildren(el("span", {}, t(resolved ? "chat.said_yes" : "chat.said_no")));
}

function startAnew() {
  const button = el("button", { type: "button", class: "quiet", onclick: () => { conversation.forget(); byId("starters").hidden = false; byId("say").focus(); } }, t("chat.new_conversation"));
  return el("p", { class: "after", "data-once": "" }, button);
}

// ---- the ticket: where the hand-off stands ----

function showTicket({ mode, ticket }) {
  const box = byId("ticket");
  box.hidden = !(ticket && (mode === "waiting" || mode === "person"));
  if (box.hidden) return;
  const next = el("div", { class: "ticket-words" });
  if (mode === "person") {
    next.append(
      el("p", { class: "ticket-title" }, ticket.agent ? t("chat.with_agent", { agent: ticket.agent }) : t("chat.with_person")),
      el("p", {}, t("chat.silent")),
    );
    box.replaceChildren(el("span", { class: "stamp", "aria-hidden": "true" }, t("chat.stamp_agent")), next);
    return;
  }
  next.append(el("p", { class: "ticket-title" }, t("chat.queue")));
  next.append(el("p", {}, t(ticket.open ? "chat.open_now" : "chat.closed_now")));
  if (!ticket.open && ticket.next_open) next.append(el("p", { class: "next-open" }, t("chat.next_open", { time: dayTime(ticket.next_open) })));
  if (ticket.hours) next.append(el("p", { class: "fine" }, t("chat.hours", { hours: ticket.hours })));
  const stop = el("button", { type: "button", class: "quiet", onclick: () => pressedBy(stop, () => conversation.stopWaiting()) }, t("chat.stop_waiting"));
  next.append(stop);
  const number = el("p", { class: "ticket-number" }, el("span", {}, t("chat.number")), el("strong", {}, ticket.position ? t("chat.position", { position: ticket.position }) : named("reason", ticket.reason)));
  box.replaceChildren(number, next);
}

byId("person").addEventListener("click", (event) => {
  if (event.currentTarget.getAttribute("aria-disabled") === "true") return;
  press(() => conversation.requestPerson());
});

// ---- the message box ----

const drafts = storage("sessionStorage");
const box = composer({
  form: byId("say-form"),
  area: byId("say"),
  sends: (event) => event.key === "Enter" && !event.shiftKey && !event.altKey,
  send(text) {
    const length = Array.from(text).length;
    alertWith(length > limit ? t("chat.too_long", { limit, length }) : "");
    if (length > limit) return false;
    conversation.say(text);
    return true;
  },
  draft: { get: () => drafts.get("madoguchi.draft"), set: (text) => drafts.set("madoguchi.draft", text) },
});

for (const button of byId("starters").querySelectorAll(".choice")) {
  button.addEventListener("click", () => pressedBy(button, async () => conversation.say(button.textContent)));
}

// ---- when the customer looks elsewhere ----

function notify(turn) {
  if (!document.hidden && !(embedded && !shown)) return;
  unseen += 1;
  document.title = `(${unseen}) ${settings.desk}`;
  tellParent({ type: "madoguchi:unread", count: unseen, text: words(turn).slice(0, 80) });
}

function seen() {
  unseen = 0;
  document.title = settings.desk;
  tellParent({ type: "madoguchi:unread", count: 0 });
}
document.addEventListener("visibilitychange", () => document.hidden || seen());

// ---- inside the widget's frame ----

let shown = !embedded;

/** The page around the frame learns only that the desk is ready, wants to close, or how many turns are unread. */
function tellParent({ type, count }) {
  if (embedded && parent !== window) parent.postMessage({ type, count }, "*");
}

if (embedded) {
  byId("close").addEventListener("click", () => tellParent({ type: "madoguchi:close" }));
  addEventListener("keydown", (event) => event.key === "Escape" && !event.isComposing && tellParent({ type: "madoguchi:close" }));
  addEventListener("message", (event) => {
    if (event.source !== parent || typeof event.data?.type !== "string") return;
    if (event.data.type === "madoguchi:shown") {
      shown = true;
      seen();
      byId("say").focus();
    }
    if (event.data.type === "madoguchi:hidden") shown = false;
  });
}

await conversation.resume();
document.documentElement.dataset.ready = "true";
tellParent({ type: "madoguchi:ready" });
