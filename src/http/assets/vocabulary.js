// The vocabulary: rows of synonyms and terms, what a change would do before it is saved, and saving it. Who was slower
// than a colleague sees what each of both changed and can lay one over the other.

import { busy, hush, send, tell } from "./desk.js";
import { announce, byId, clockTime, el, t } from "./dom.js";
import { drawn, preview } from "./impact.js";
import { findings, sample } from "./vocabulary_effect.js";

const PATH = "/api/v1/vocabulary";
const form = byId("vocabulary");
const PARTS = ["synonyms", "terms"];
const list = (part) => byId(`rows-${part}`);
const rowsOf = (part) => [...list(part).querySelectorAll(".vocab-row")];
const KEEP_AFTER_MS = 1_500;
let version = Number(form.dataset.version);
let revision = Number(form.dataset.revision);

// ---- rows ----

const split = (text, by) => text.split(by).map((word) => word.trim()).filter(Boolean);
const cell = (row, name) => row.querySelector(`[data-cell="${name}"]`);
const isGone = (row) => row.dataset.gone === "true";

/** What a row says; null for one that says nothing or is to go. */
function said(row, part) {
  if (isGone(row)) return null;
  if (part === "synonyms") {
    const members = split(cell(row, "members").value, /[,、，\n]/);
    return members.length > 0 ? members : null;
  }
  const [surface, reading, pos] = ["surface", "reading", "pos"].map((name) => cell(row, name).value.trim());
  const parts = split(cell(row, "parts").value, /\s+/);
  return surface || reading || parts.length > 0 ? { surface, reading, parts, pos } : null;
}

function content() {
  const of = (part) => rowsOf(part).map((row) => said(row, part)).filter((row) => row !== null);
  return { synonyms: of("synonyms"), terms: of("terms") };
}

/** The row that was the `index`th of those that say something. */
function rowAt(part, index) {
  return rowsOf(part).filter((row) => said(row, part) !== null)[index];
}

function fill(row, part, value) {
  if (part === "synonyms") cell(row, "members").value = value.join("、");
  else for (const name of ["surface", "reading", "parts", "pos"]) cell(row, name).value = name === "parts" ? value.parts.join(" ") : value[name];
}

function newRow(part, value) {
  const row = byId(`new-${part}`).content.firstElementChild.cloneNode(true);
  if (value) fill(row, part, value);
  row.dataset.was = "";
  return row;
}

for (const part of PARTS) {
  for (const row of rowsOf(part)) row.dataset.was = JSON.stringify(said(row, part));
}
let base = content();
let saved = JSON.stringify(base);

/** Shows these rows, those marked that the vocabulary one began with does not have. */
function lay(rows) {
  for (const part of PARTS) {
    const there = new Set(base[part].map((row) => JSON.stringify(row)));
    const drawn = rows[part].map((value) => {
      const row = newRow(part, value);
      if (there.has(JSON.stringify(value))) row.dataset.was = JSON.stringify(value);
      return row;
    });
    list(part).replaceChildren(...drawn);
  }
}

// ---- keeping what is typed ----

let timer;
let kept = saved;
let keeping = Promise.resolve();

function keepSoon() {
  clearTimeout(timer);
  timer = setTimeout(() => (keeping = keep()), KEEP_AFTER_MS);
}

async function keep() {
  const now = content();
  const text = JSON.stringify(now);
  if (text === kept) return;
  try {
    if (text === saved) {
      await send("DELETE", `${PATH}/draft`);
      byId("kept").textContent = "";
    } else {
      const { at } = await send("POST", `${PATH}/draft`, { version, revision, ...now });
      byId("kept").textContent = t("entry.kept", { time: clockTime(at) });
    }
    kept = text;
  } catch (error) {
    byId("kept").textContent = t("entry.not_kept", { why: error.words ?? String(error) });
  }
}

/** Goes on with what was typed before, from where it began. */
async function goOn() {
  const { typing } = await send("GET", PATH);
  if (!typing) return;
  ({ version, revision } = typing);
  base = typing.began_from;
  saved = JSON.stringify(base);
  lay(typing.content);
  kept = JSON.stringify(content());
  draw();
}

byId("drop-draft")?.addEventListener("click", (event) => {
  if (!confirm(t("entry.drop_draft_confirm"))) return;
  busy(event.target, async () => {
    clearTimeout(timer);
    await keeping;
    await send("DELETE", `${PATH}/draft`);
    document.body.dataset.dirty = "false";
    location.reload();
  });
});

function draw() {
  let changed = 0;
  for (const part of PARTS) {
    for (const row of rowsOf(part)) {
      const now = said(row, part);
      const differs = isGone(row) || (now === null ? row.dataset.was !== "" : JSON.stringify(now) !== row.dataset.was);
      row.classList.toggle("row-changed", differs);
      changed += differs ? 1 : 0;
    }
    byId(`count-${part}`).textContent = rowsOf(part).filter((row) => said(row, part) !== null).length;
  }
  const dirty = JSON.stringify(content()) !== saved;
  document.body.dataset.dirty = String(dirty);
  if (byId("save")) keepSoon();
  if (byId("changes")) byId("changes").textContent = dirty ? t("vocabulary.changed", { count: changed }) : t("vocabulary.unchanged");
}

form.addEventListener("input", (event) => {
  if (event.target.matches(".cell")) draw();
  if (event.target.id === "filter") filter();
});

form.addEventListener("click", (event) => {
  const drop = event.target.closest(".row-drop");
  if (drop) {
    const row = drop.closest(".vocab-row");
    const gone = !isGone(row);
    row.dataset.gone = String(gone);
    for (const field of row.querySelectorAll(".cell")) field.readOnly = gone;
    drop.textContent = gone ? t("vocabulary.undrop") : "×";
    drop.setAttribute("aria-label", t(gone ? "vocabulary.undrop" : "vocabulary.drop"));
    announce(t(gone ? "vocabulary.dropped" : "vocabulary.undropped"));
    draw();
  }
  const add = event.target.closest("[data-add]");
  if (add) {
    const row = newRow(add.dataset.add);
    list(add.dataset.add).append(row);
    row.querySelector(".cell").focus();
  }
});

// Enter neither breaks a row nor saves while somebody looks for one.
form.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches(".cell, #filter")) event.preventDefault();
});

// ---- finding rows ----

const plain = (text) => text.normalize("NFKC").toLowerCase();

function filter() {
  const wanted = plain(byId("filter").value.trim());
  for (const part of PARTS) {
    let shown = 0;
    for (const item of list(part).children) {
      const isRow = item.matches(".vocab-row");
      const text = isRow ? [...item.querySelectorAll(".cell")].map((field) => field.value).join(" ") : "";
      item.hidden = wanted !== "" && !(isRow && plain(text).includes(wanted));
      shown += isRow && !item.hidden ? 1 : 0;
    }
    byId(`none-${part}`).hidden = shown > 0;
  }
}

const tabs = PARTS.map((part) => byId(`tab-${part}`));

function show(part) {
  for (const [at, tab] of tabs.entries()) {
    const current = PARTS[at] === part;
    tab.setAttribute("aria-selected", String(current));
    tab.tabIndex = current ? 0 : -1;
    byId(`part-${PARTS[at]}`).hidden = !current;
  }
}

for (const [at, tab] of tabs.entries()) {
  tab.addEventListener("click", () => show(PARTS[at]));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: -at, End: tabs.length - 1 - at }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const next = (at + step + tabs.length) % tabs.length;
    show(PARTS[next]);
    tabs[next].focus();
  });
}

function go({ part, row }) {
  byId("filter").value = "";
  filter();
  show(part);
  const target = rowAt(part, row);
  target?.scrollIntoView({ block: "center" });
  target?.querySelector(".cell").focus();
}

// ---- what a change would do ----

/** What is wrong with rows, beside them. */
function mark(found) {
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  for (const finding of found.filter((item) => item.severity === "error")) {
    rowAt(finding.part, finding.row)?.querySelector(".cell").setAttribute("aria-invalid", "true");
  }
}

async function tryTexts() {
  const texts = split(byId("try").value, "\n");
  if (texts.length === 0) return byId("try").focus();
  const { texts: read } = await send("POST", `${PATH}/tokens`, { texts, vocabulary: content() });
  byId("try-result").replaceChildren(...read.map(sample));
  return undefined;
}

async function look() {
  const wanted = content();
  const typed = split(byId("try").value, "\n");
  const panel = byId("effect");
  panel.hidden = false;
  panel.focus();
  panel.scrollIntoView({ block: "start" });
  const waiting = () => el("p", { class: "fine" }, t("impact.starting"));
  for (const id of ["findings", "samples", "impact"]) byId(id).replaceChildren(waiting());
  const checked = send("POST", `${PATH}/check`, wanted).then(({ findings: found }) => {
    byId("findings").replaceChildren(...findings(found, go));
    mark(found);
    return found;
  });
  const found = await checked;
  if (found.some((finding) => finding.severity === "error")) {
    for (const id of ["samples", "impact"]) byId(id).replaceChildren(el("p", {}, t("vocabulary.errors_first")));
    return;
  }
  const read = await send("POST", `${PATH}/tokens`, { texts: typed, sampled: true, vocabulary: wanted });
  const counts = el("p", { class: "fine" }, t("vocabulary.differ", { differ: read.differ, looked_at: read.looked_at }));
  byId("samples").replaceChildren(counts, ...read.texts.map(sample));
  const progress = el("p", { role: "status" }, t("impact.starting"));
  const meter = el("progress", { "aria-label": t("vocabulary.impact") });
  byId("impact").replaceChildren(progress, meter);
  const done = await preview(await send("POST", `${PATH}/impact`, wanted), ({ asked, total }) => {
    progress.textContent = t("impact.running", { asked, total });
    meter.max = total;
    meter.value = asked;
  });
  byId("impact").replaceChildren(...drawn(done));
  announce(t("vocabulary.looked"));
}

byId("try-do")?.addEventListener("click", () => busy(byId("try-do"), tryTexts));
byId("look")?.addEventListener("click", () => busy(byId("look"), look));

// ---- saving ----

async function save() {
  clearTimeout(timer);
  await keeping;
  const wanted = content();
  try {
    await send("POST", PATH, { version, reason: byId("reason").value, ...wanted });
  } catch (error) {
    if (error.code === "stale_vocabulary") return showBoth(error.current);
    if (error.flaws?.length) {
      const wrong = error.flaws.map((flaw) => {
        const [part, row] = flaw.field.split(" ");
        return { part, row: Number(row), severity: "error" };
      });
      mark(wrong);
      go(wrong[0]);
    }
    throw error;
  }
  document.body.dataset.dirty = "false";
  location.reload();
  return undefined;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  busy(byId("save"), save);
});
addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s" && byId("save")) {
    event.preventDefault();
    busy(byId("save"), save);
  }
});
addEventListener("beforeunload", (event) => {
  if (document.body.dataset.dirty === "true" && JSON.stringify(content()) !== kept) event.preventDefault();
});

// ---- somebody was faster ----

/** Rows of `one` that `other` lacks. */
function lacking(one, other) {
  const there = new Set(other.map((row) => JSON.stringify(row)));
  return one.filter((row) => !there.has(JSON.stringify(row)));
}

const words = (row) => (Array.isArray(row) ? row.join("、") : [row.surface, row.reading, row.parts.join(" ")].filter(Boolean).join(" / "));

function differences(from, to) {
  const lines = PARTS.flatMap((part) => [
    ...lacking(from[part], to[part]).map((row) => el("del", { class: "line" }, el("span", { class: "visually-hidden" }, t("history.removed")), words(row))),
    ...lacking(to[part], from[part]).map((row) => el("ins", { class: "line" }, el("span", { class: "visually-hidden" }, t("history.added")), words(row))),
  ]);
  return lines.length > 0 ? lines : [el("p", {}, t("history.no_difference"))];
}

/** What I changed, laid over what is there now. */
function merged(mine, theirs) {
  const of = (part) => {
    const dropped = new Set(lacking(base[part], mine[part]).map((row) => JSON.stringify(row)));
    const kept = theirs[part].filter((row) => !dropped.has(JSON.stringify(row)));
    return [...kept, ...lacking(lacking(mine[part], base[part]), kept)];
  };
  return { synonyms: of("synonyms"), terms: of("terms") };
}

function showBoth(current) {
  const mine = content();
  byId("stale-lead").textContent = t("vocabulary.stale_lead", { number: current.head.number });
  byId("stale-theirs-list").replaceChildren(...differences(base, current.content));
  byId("stale-mine-list").replaceChildren(...differences(base, mine));
  byId("stale-merge").onclick = () => {
    const both = merged(mine, current.content);
    version = current.version;
    revision = current.head.number;
    base = current.content;
    saved = JSON.stringify(base);
    lay(both);
    byId("stale").close();
    draw();
    announce(t("vocabulary.merged"));
    byId("look").focus();
  };
  byId("stale-theirs").onclick = () =>
    busy(byId("stale-theirs"), async () => {
      await send("DELETE", `${PATH}/draft`);
      document.body.dataset.dirty = "false";
      location.reload();
    });
  byId("stale").showModal();
  hush();
}
byId("stale-close").addEventListener("click", () => byId("stale").close());

draw();
if (byId("kept-notice")) await goOn().catch(tell);
document.documentElement.dataset.ready = "true";
