// What all pages of the curation desk share: asking the API as the signed-in member of staff, telling what went wrong,
// and the buttons that lead an entry through its life. After an action the page is read again: the server draws it.

import { announce, byId, el, t } from "./dom.js";
import { drawn, preview } from "./impact.js";
import { request } from "./net.js";

const LOOK_AFTER_MS = 500;

const csrf = { "X-CSRF-Token": document.body.dataset.csrf };

/** Asks the API. */
export const send = (method, path, body) => request(method, path, { body, headers: csrf });

/** Says what went wrong, at the top of the page. */
export function tell(error) {
  const alert = byId("alert");
  if (error.code === "not_signed_in") {
    alert.replaceChildren(t("staff.signed_out"), " ", el("a", { href: "/staff/sign-in" }, t("staff.sign_in_again")));
  } else {
    const flaws = (error.flaws ?? []).map((flaw) => flaw.text);
    alert.replaceChildren([error.title, error.words ?? String(error), ...flaws].filter(Boolean).join(" "));
  }
  if (!error.words) console.error(error);
}

/** Forgets what went wrong. */
export const hush = () => byId("alert").replaceChildren();

/** Does something once at a time while its button says so. */
export async function busy(button, act) {
  if (button.getAttribute("aria-busy") === "true") return;
  button.setAttribute("aria-busy", "true");
  button.disabled = true;
  hush();
  try {
    await act();
  } catch (error) {
    tell(error);
  } finally {
    button.removeAttribute("aria-busy");
    button.disabled = false;
  }
}

/** What `act` of an entry's section needs, or null while something is missing. */
function details(button, section) {
  const act = { version: Number(section.dataset.version), note: section.querySelector(".note")?.value ?? "" };
  if (button.dataset.to) act.to = Number(button.dataset.to);
  if (button.dataset.act === "schedule") {
    const at = section.querySelector(".schedule-at");
    if (!at.value) {
      at.focus();
      announce(t("life.schedule_when"));
      return null;
    }
    act.at = new Date(at.value).toISOString();
  }
  return act;
}

addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-act]");
  if (!button) return;
  const section = button.closest(".acts") ?? document.querySelector(".acts");
  const act = details(button, section);
  if (!act || (button.dataset.confirm && !confirm(button.dataset.confirm))) return;
  if (document.body.dataset.dirty === "true" && !confirm(t("entry.leave_unsaved"))) return;
  busy(button, async () => {
    const path = `${section.dataset.path}/${button.dataset.act}`;
    try {
      await send("POST", path, act);
    } catch (error) {
      // Nobody has looked at what it would change: look now, and go on if nothing stands against it.
      if (error.code !== "not_previewed" || !(await passes(section))) throw error;
      await send("POST", path, act);
    }
    document.body.dataset.dirty = "false";
    location.reload();
  });
});

/** Looks at what publishing would change and shows it; whether no figure gets worse by more than its budget. */
async function passes(section) {
  const shown = section.querySelector(".look") ?? section.appendChild(el("div", { class: "look" }));
  const progress = el("p", { class: "fine", role: "status" }, t("impact.starting"));
  shown.replaceChildren(progress);
  const done = await preview(await request("GET", `${section.dataset.path}/impact`), ({ asked, total }) => {
    progress.textContent = t("impact.running", { asked, total });
  });
  if (done.state === "done" && !done.blocked) return true;
  shown.replaceChildren(...drawn(done));
  section.querySelector(".note")?.focus();
  return false;
}

/** Says how far what is published is on its way to customers, until they get it. */
async function follow(line) {
  const [words, count] = line.querySelectorAll("span");
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_AFTER_MS));
    const { state, done, total, why } = await send("GET", "/api/v1/service");
    if (state === "building") {
      // Seen, not read out: every half second would be too much to listen to.
      count.textContent = total ? t("nav.building_count", { done, total }) : "";
      continue;
    }
    count.textContent = "";
    words.textContent = state === "failed" ? t("nav.building_failed", { why }) : t("nav.built");
    line.dataset.state = state;
    return;
  }
}
if (byId("building")) follow(byId("building")).catch(tell);

document.documentElement.dataset.ready = "true";
