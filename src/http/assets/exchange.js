// Import, gap board and preview: gives files in, sends what forms say to the API, and shows how far a preview is. After
// each step the page is read again: the server draws it.

import { busy, send, tell } from "./desk.js";
import { announce, byId, el, lang, t } from "./dom.js";
import { preview } from "./impact.js";
import { Problem } from "./net.js";

const FIND_AFTER_MS = 200;

/** Gives a file in and goes to its import. */
async function give(file) {
  announce(t("import.reading"));
  const query = new URLSearchParams({ name: file.name });
  const response = await fetch(`/api/v1/imports?${query}`, {
    method: "POST",
    headers: {
      "Content-Type": "application/octet-stream",
      "X-CSRF-Token": document.body.dataset.csrf,
      "Accept-Language": lang,
    },
    body: file,
  });
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Problem(response.status, answer);
  location.assign(`/staff/imports/${answer.id}`);
}

byId("give")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const file = byId("file").files[0];
  if (file) busy(byId("give-do"), () => give(file));
});

byId("settings")?.addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.currentTarget;
  const mapping = {};
  for (const select of form.querySelectorAll("select[data-field]")) {
    if (select.value !== "") mapping[select.dataset.field] = Number(select.value);
  }
  const category = byId("category").value.split("/").map((level) => level.trim()).filter(Boolean);
  busy(form.querySelector("button"), async () => {
    await send("POST", `/api/v1/imports/${form.dataset.import}/settings`, { mapping, category, owner: byId("owner").value });
    location.reload();
  });
});

for (const step of ["apply", "undo"]) {
  byId(step)?.addEventListener("click", (event) => {
    const button = event.currentTarget;
    if (button.dataset.confirm && !confirm(button.dataset.confirm)) return;
    busy(button, async () => {
      await send("POST", `/api/v1/imports/${button.dataset.import}/${step}`, {});
      location.reload();
    });
  });
}

for (const form of document.querySelectorAll("form[data-gap]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const act = { action: form.dataset.action, ...Object.fromEntries(new FormData(form)) };
    busy(form.querySelector("button"), async () => {
      await send("POST", `/api/v1/gaps/${form.dataset.gap}`, act);
      location.reload();
    });
  });
}

// An entry is named by its id, and found by its words.
const entry = byId("entry");
if (entry) {
  const found = el("datalist", { id: "found-entries" });
  entry.after(found);
  entry.setAttribute("list", found.id);
  let finding;
  entry.addEventListener("input", () => {
    clearTimeout(finding);
    finding = setTimeout(async () => {
      const query = new URLSearchParams({ q: entry.value.trim(), per_page: 10 });
      try {
        const { entries } = await send("GET", `/api/v1/entries?${query}`);
        found.replaceChildren(...entries.map((item) => el("option", { value: item.id }, item.question)));
      } catch (error) {
        tell(error);
      }
    }, FIND_AFTER_MS);
  });
}

// The preview's page is read again when it is done: the server draws what it found.
const progress = byId("progress");
if (progress) {
  preview({ id: progress.dataset.preview, state: "running", asked: 0, total: 0 }, ({ asked, total }) => {
    progress.textContent = t("impact.running", { asked, total });
    byId("meter").max = total;
    byId("meter").value = asked;
  }).then(() => location.reload(), tell);
}
