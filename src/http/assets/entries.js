// The list of entries: picking many and doing the same to each.

import { busy, send, tell } from "./desk.js";
import { announce, byId, el, t } from "./dom.js";

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
      const { results } = await send("POST", "/api/v1/entries/bulk", { ids, action, value: value(action) });
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
