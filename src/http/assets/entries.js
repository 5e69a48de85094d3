// The list of entries: picking many and doing the same to each; publishing many is looked at as one.

import { busy, send, tell } from "./desk.js";
import { announce, byId, el, t } from "./dom.js";
import { drawn, preview } from "./impact.js";

const bulk = byId("bulk");
const boxes = () => [...document.querySelectorAll("tbody .pick input")];
const picked = () => boxes().filter((box) => box.checked).map((box) => box.value);

function draw() {
  const count = picked().length;
  bulk.hidden = count === 0;
  byId("bulk-count").textContent = t("bulk.count", { count });
  byId("pick-all").checked = count > 0 && count === boxes().length;
  byId("pick-all").indeterminate = count > 0 && count < boxes().length;
  byId("bulk-owner").hidden = byId("bulk-action").value !== "set-owner";
  byId("bulk-day").hidden = byId("bulk-action").value !== "set-review-by";
}

function value(action) {
  if (action === "set-owner") return byId("bulk-owner").querySelector("input").value;
  if (action === "set-review-by") return byId("bulk-day").querySelector("input").value;
  return "";
}

/** Looks at what publishing all of them would change; whether nothing stands against it. */
async function passes(ids) {
  let state;
  try {
    state = await send("POST", "/api/v1/previews", { entries: ids });
  } catch (error) {
    // What cannot be published is said entry by entry.
    if (error.code === "nothing_to_publish") return true;
    throw error;
  }
  const shown = byId("bulk-impact");
  shown.hidden = false;
  const done = await preview(state, ({ asked, total }) => shown.replaceChildren(el("p", { role: "status" }, t("impact.running", { asked, total }))));
  shown.replaceChildren(...drawn(done));
  if (done.state === "failed" || done.blocked) {
    byId("bulk-note").focus();
    return false;
  }
  return true;
}

if (bulk) {
  document.addEventListener("change", (event) => {
    if (event.target.id === "pick-all") boxes().forEach((box) => (box.checked = event.target.checked));
    draw();
  });
  byId("bulk-none").addEventListener("click", () => {
    boxes().forEach((box) => (box.checked = false));
    draw();
    byId("pick-all").focus();
  });
  bulk.addEventListener("submit", (event) => {
    event.preventDefault();
    const [action, ids] = [byId("bulk-action").value, picked()];
    const what = byId("bulk-action").selectedOptions[0].textContent;
    if (!confirm(t("bulk.confirm", { what, count: ids.length }))) return;
    busy(bulk.querySelector(".primary"), async () => {
      const note = byId("bulk-note").value.trim();
      if (action === "publish" && note === "" && !(await passes(ids))) return undefined;
      const { results } = await send("POST", "/api/v1/entries/bulk", { ids, action, value: value(action), note });
      const failed = results.filter((result) => !result.done);
      if (failed.length === 0) return location.reload();
      const list = byId("bulk-results");
      list.replaceChildren(...failed.map((result) => el("li", {}, el("code", {}, result.id), ` ${result.why}`)));
      list.hidden = false;
      announce(t("bulk.failed", { failed: failed.length, done: results.length - failed.length }));
      tell({ words: t("bulk.failed", { failed: failed.length, done: results.length - failed.length }) });
      return undefined;
    });
  });
  draw();
}
