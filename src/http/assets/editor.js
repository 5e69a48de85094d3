// The editor: what is typed is previewed as customers would see it, kept every few moments, and saved as a revision.
// Who was slower than a colleague sees both versions side by side and loses nothing.

import { busy, hush, send, tell } from "./desk.js";
import { announce, byId, clockTime, el, t } from "./dom.js";

const KEEP_AFTER_MS = 1_500;
const PREVIEW_AFTER_MS = 250;
const FIND_AFTER_MS = 200;

const form = byId("editor");
const id = form.dataset.id;
const path = `/api/v1/entries/${encodeURIComponent(id)}`;
let version = Number(form.dataset.version);
const isNew = form.dataset.new === "true";

// ---- the form's content ----

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

function content() {
  const said = {};
  for (const field of form.querySelectorAll("[name]")) {
    const { name, value } = field;
    if ("lines" in field.dataset) said[name] = lines(value);
    else if ("path" in field.dataset) said[name] = value.split(/[/／>＞]/).map((level) => level.trim()).filter(Boolean);
    else if (field.type === "date") said[name] = value || null;
    else said[name] = value;
  }
  said.translation_of = said.translation_of.trim() || null;
  for (const links of form.querySelectorAll("[data-links]")) {
    said[links.dataset.links] = [...links.querySelectorAll("li")].map((item) => item.dataset.id);
  }
  return said;
}

const saved = JSON.stringify(content());
const isDirty = () => JSON.stringify(content()) !== saved;

// ---- keeping ----

let timer;
let kept = saved;
let keeping = Promise.resolve();

function keepSoon() {
  document.body.dataset.dirty = String(isDirty());
  clearTimeout(timer);
  timer = setTimeout(() => (keeping = keep()), KEEP_AFTER_MS);
}

async function keep() {
  const now = content();
  const text = JSON.stringify(now);
  if (text === kept) return;
  try {
    const { at } = await send("POST", `${path}/draft`, { version, content: now });
    kept = text;
    byId("kept").textContent = t("entry.kept", { time: clockTime(at) });
  } catch (error) {
    byId("kept").textContent = t("entry.not_kept", { why: error.flaws?.[0]?.text ?? error.words ?? String(error) });
  }
}

addEventListener("beforeunload", (event) => {
  if (document.body.dataset.dirty === "true" && JSON.stringify(content()) !== kept) event.preventDefault();
});

// ---- preview ----

let previewing = 0;
let previewTimer;
function previewSoon() {
  clearTimeout(previewTimer);
  previewTimer = setTimeout(async () => {
    const turn = (previewing += 1);
    try {
      const { html } = await send("POST", "/api/v1/preview", { markdown: byId("f-answer").value });
      // Cleaned by the server, the same way as answers.
      if (turn === previewing) byId("preview").innerHTML = html;
    } catch (error) {
      tell(error);
    }
  }, PREVIEW_AFTER_MS);
}

form.addEventListener("input", (event) => {
  if (event.target.id === "f-answer") previewSoon();
  if (event.target.id === "f-language") byId("preview").lang = event.target.value;
  if (event.target.name) keepSoon();
});

// ---- links to other entries ----

const names = new Map();

function linked(item) {
  const text = names.get(item) ?? item;
  const remove = el("button", { type: "button", class: "quiet", "aria-label": t("entry.unlink", { question: text }) }, "×");
  return el("li", { "data-id": item }, el("span", {}, text), " ", el("code", {}, item), " ", remove);
}

for (const links of form.querySelectorAll("[data-links]")) {
  const [input, list, found] = [links.querySelector("input"), links.querySelector("ul"), links.querySelector("datalist")];
  let finding;
  input.addEventListener("input", () => {
    clearTimeout(finding);
    finding = setTimeout(async () => {
      const q = input.value.trim();
      if (!q || names.has(q)) return;
      try {
        const { entries } = await send("GET", `/api/v1/entries?per_page=10&q=${encodeURIComponent(q)}`);
        entries.forEach((entry) => names.set(entry.id, entry.question));
        found.replaceChildren(...entries.map((entry) => el("option", { value: entry.id }, entry.question)));
      } catch (error) {
        tell(error);
      }
    }, FIND_AFTER_MS);
  });
  const add = () => {
    const item = input.value.trim();
    if (!item || [...list.children].some((other) => other.dataset.id === item)) return;
    list.append(linked(item));
    input.value = "";
    announce(t("entry.linked", { question: names.get(item) ?? item }));
    keepSoon();
  };
  links.querySelector(".link-add button").addEventListener("click", add);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      add();
    }
  });
  list.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    button.closest("li").remove();
    input.focus();
    keepSoon();
  });
}

// ---- saving ----

/** The field a flaw is about. */
const fieldOf = (flaw) => {
  const name = flaw.split(" ")[0];
  return form.querySelector(`[name="${name === "phrasing" ? "phrasings" : name}"]`);
};

// What is still wrong leads to its field.
for (const item of document.querySelectorAll("[data-flaw]")) {
  const field = fieldOf(item.dataset.flaw);
  if (field) item.replaceChildren(el("a", { href: `#${field.id}`, onclick: () => field.focus() }, item.textContent));
}

function mark(flaws) {
  for (const line of form.querySelectorAll(".flaw")) line.textContent = "";
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  let first;
  for (const flaw of flaws) {
    const name = flaw.field.split(" ")[0];
    const line = byId(`flaw-${name}`);
    if (line) line.textContent = flaw.text;
    const field = fieldOf(flaw.field);
    field?.setAttribute("aria-invalid", "true");
    first ??= field;
  }
  first?.focus();
}

/** Saves and, if asked to, hands it to a second person at once. */
async function save(submits = false) {
  clearTimeout(timer);
  await keeping;
  mark([]);
  const body = { version, content: content(), reason: byId("reason").value };
  try {
    const made = isNew && version === 0 ? await send("POST", "/api/v1/entries", { ...body, version: 0, id }) : await send("POST", path, body);
    version = made.version;
    document.body.dataset.dirty = "false";
    kept = JSON.stringify(content());
    if (submits) await send("POST", `${path}/submit`, { version, note: byId("reason").value });
  } catch (error) {
    if (error.code === "stale") return showBoth(error.current);
    if (error.flaws?.length) mark(error.flaws);
    throw error;
  }
  location.assign(`/staff/entries/${encodeURIComponent(id)}`);
  return undefined;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  busy(byId("save"), () => save());
});
byId("save-submit")?.addEventListener("click", () => busy(byId("save-submit"), () => save(true)));
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    event.preventDefault();
    if (byId("save")) busy(byId("save"), () => save());
  }
});

byId("drop-draft")?.addEventListener("click", (event) => {
  if (!confirm(t("entry.drop_draft_confirm"))) return;
  busy(event.target, async () => {
    await send("DELETE", `${path}/draft`);
    document.body.dataset.dirty = "false";
    kept = JSON.stringify(content());
    location.assign(isNew ? "/staff/entries" : location.pathname);
  });
});

// ---- somebody was faster ----

const dialog = byId("stale");
const shown = (value) => (Array.isArray(value) ? value.join("\n") : (value ?? "")) || t("stale.nothing");

function showBoth(current) {
  const mine = content();
  const fields = Object.keys(mine).filter((name) => JSON.stringify(mine[name]) !== JSON.stringify(current.head.content[name]));
  byId("stale-lead").textContent = t("stale.lead", { number: current.head.number });
  byId("stale-fields").replaceChildren(
    ...fields.map((name) =>
      el(
        "section",
        { class: "versus" },
        el("h3", { class: "small-title" }, t(`field.${name}`)),
        el("div", { tabIndex: 0, role: "group", "aria-label": t("stale.their_version") }, shown(current.head.content[name])),
        el("div", { tabIndex: 0, role: "group", "aria-label": t("stale.my_version") }, shown(mine[name])),
      ),
    ),
  );
  byId("stale-mine").onclick = () => {
    dialog.close();
    version = current.version;
    busy(byId("save"), () => save());
  };
  byId("stale-theirs").onclick = () =>
    busy(byId("stale-theirs"), async () => {
      await send("DELETE", `${path}/draft`);
      document.body.dataset.dirty = "false";
      kept = JSON.stringify(content());
      location.assign(`/staff/entries/${encodeURIComponent(id)}`);
    });
  dialog.showModal();
  hush();
}
byId("stale-close").addEventListener("click", () => dialog.close());

document.documentElement.dataset.ready = "true";
