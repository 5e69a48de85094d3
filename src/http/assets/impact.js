// A preview of what publishing would change: followed until it is done, and drawn where a page does not come from the
// server with it.

import { delay, el, named, t } from "./dom.js";
import { request } from "./net.js";

const ASK_AGAIN_MS = 400;

/** Asks how far a preview is until it is done; `tell` hears how far it is. Ends in the finished state. */
export async function preview(state, tell) {
  let now = state;
  while (now.state === "running") {
    if (now.total > 0) tell(now);
    await delay(ASK_AGAIN_MS);
    now = await request("GET", `/api/v1/previews/${encodeURIComponent(now.id)}`);
  }
  return now;
}

const percent = (value) => (value === null || value === undefined ? "–" : `${(value * 100).toFixed(1)}%`);

function table(label, heads, rows) {
  const head = el("tr", {}, ...heads.map((text, at) => el("th", { scope: "col", class: at > 0 && label === t("impact.figures") ? "number" : "" }, text)));
  return el("div", { class: "table-frame", role: "region", tabIndex: 0, "aria-label": label }, el("table", { class: "grid" }, el("thead", {}, head), el("tbody", {}, ...rows)));
}

function changes(title, list) {
  const row = (change) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, change.question, el("span", { class: "sub" }, change.id)),
      el("td", {}, change.before),
      el("td", {}, change.after),
      el("td", {}, el("span", { class: `state${change.direction === "worse" ? " due" : change.direction === "better" ? " state-published" : ""}` }, named("impact", change.direction))),
    );
  const body = list.length === 0 ? el("p", {}, t("impact.none")) : table(title, [t("impact.question"), t("impact.before"), t("impact.after"), t("impact.direction")], list.map(row));
  return el("div", { class: "stack" }, el("h4", {}, title, " ", el("span", { class: "count" }, list.length)), body);
}

/** What a finished preview found, as elements. */
export function drawn(state) {
  if (state.state === "failed") return [el("p", { class: "alert", role: "alert" }, t("impact.failed", { why: state.why }))];
  const verdict = el("p", state.blocked ? { class: "alert", role: "alert" } : { role: "status" }, t(state.blocked ? "impact.blocked" : "impact.fine"));
  const figure = (row) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, named("impact", row.name)),
      el("td", { class: "number" }, percent(row.before)),
      el("td", { class: row.breaks ? "number due" : "number" }, percent(row.after)),
      el("td", { class: "number" }, percent(row.allowed)),
    );
  const heads = ["impact.figure", "impact.before", "impact.after", "impact.allowed"].map((key) => t(key));
  return [
    verdict,
    el("p", { class: "fine" }, t("impact.asked", { cases: state.cases, questions: state.questions })),
    table(t("impact.figures"), heads, state.figures.map(figure)),
    changes(t("impact.changed_cases"), state.changed_cases),
    changes(t("impact.changed_questions"), state.changed_questions),
  ];
}
