// The list of tickets: one's own first (unread marked), then those who wait, then colleagues'. Redrawn whole at every
// change; focus and scroll stay where they are.

import { byId, dayTime, el, named, t } from "./dom.js";

/** How long something has lasted, in words. */
export function lasting(iso, now = Date.now()) {
  const minutes = Math.floor((now - new Date(iso).getTime()) / 60_000);
  if (minutes < 1) return t("staff.just_now");
  if (minutes < 60) return t("staff.minutes", { n: minutes });
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return t("staff.hours", { h: hours, m: minutes % 60 });
  return t("staff.days", { d: Math.floor(hours / 24), h: hours % 24 });
}

/** The tickets in the order they are shown, by group. */
export function groups(tickets, done) {
  return [
    ["mine", tickets.filter((ticket) => ticket.mine && ticket.state === "assigned")],
    ["waiting", tickets.filter((ticket) => ticket.state === "open")],
    ["others", tickets.filter((ticket) => !ticket.mine && ticket.state === "assigned")],
    ["done", done],
  ];
}

const TITLES = { mine: "staff.mine", waiting: "staff.waiting", others: "staff.others", done: "staff.done" };

/** Draws the list. `unread(id)` is a count; `select(id)` is called when a ticket is pressed. */
export function drawQueue({ tickets, done, selected, unread, select }) {
  const list = byId("queue-list");
  const focused = document.activeElement?.closest?.("[data-ticket]")?.dataset.ticket;
  const sections = groups(tickets, done)
    .filter(([, group]) => group.length > 0)
    .map(([name, group]) => {
      const rows = el("ul", { class: "rows", "aria-labelledby": `group-${name}` });
      for (const ticket of group) rows.append(el("li", {}, row(ticket, { selected, unread, select })));
      return el("section", { class: `group group-${name}` }, el("h2", { class: "small-title", id: `group-${name}` }, t(TITLES[name]), ` (${group.length})`), rows);
    });
  if (sections.length === 0) sections.push(el("p", { class: "empty" }, t("staff.queue_empty")));
  list.replaceChildren(...sections);
  if (focused) list.querySelector(`[data-ticket="${focused}"]`)?.focus({ preventScroll: true });
  const waiting = tickets.filter((ticket) => ticket.state === "open").length;
  byId("queue-count").textContent = waiting > 0 ? `${t("staff.waiting")} ${waiting}` : "";
}

function row(ticket, { selected, unread, select }) {
  const count = unread(ticket.id);
  const since = ticket.state === "assigned" ? t("staff.since", { time: lasting(ticket.assigned_at ?? ticket.opened_at) }) : t("staff.wait", { time: lasting(ticket.opened_at) });
  const when = ticket.state === "resolved" ? dayTime(ticket.closed_at ?? ticket.opened_at) : since;
  const facts = [named("reason", ticket.reason), named("queue", ticket.queue)];
  if (ticket.agent_name && !ticket.mine) facts.push(t("staff.owner", { name: ticket.agent_name }));
  if (ticket.language !== "ja") facts.push(ticket.language.toUpperCase());
  return el(
    "button",
    {
      type: "button",
      class: `row row-${ticket.priority}${count > 0 ? " row-unread" : ""}`,
      "data-ticket": ticket.id,
      "aria-current": ticket.id === selected ? "true" : undefined,
      onclick: () => select(ticket.id, true),
    },
    el(
      "span",
      { class: "row-top" },
      ticket.priority !== "normal" && el("span", { class: `priority priority-${ticket.priority}` }, named("priority", ticket.priority)),
      el("span", { class: "row-time" }, when),
      count > 0 && el("span", { class: "unread" }, t("staff.unread", { count })),
    ),
    el("span", { class: "row-subject" }, ticket.subject || t("staff.untitled")),
    el("span", { class: "row-facts" }, facts.join(" ・ ")),
  );
}
