// Turns as elements, the same for customer and staff. An answer's HTML was cleaned by the server; everything else is
// inserted as text.

import { clockTime, day, el, foreign, lang, t } from "./dom.js";

const SEPARATOR = " ・ ";
const STAMPS = { bot: "chat.stamp_bot", desk: "chat.stamp_desk", agent: "chat.stamp_agent" };
const NAMES = { bot: "chat.bot", desk: "chat.desk", agent: "chat.agent", customer: "chat.you" };

/** The element of `turn`. `fresh` = just arrived: its words come in one after the other. */
export function turnElement(turn, { fresh = false, customerName } = {}) {
  const article = el("article", { class: `turn turn-${turn.who}`, "data-seq": turn.seq, "data-kind": turn.kind });
  article.append(head(turn, customerName));
  article.append(turn.answer ? answerSlip(turn.answer) : el("div", { class: "slip" }, el("p", { class: "words", lang: foreign(words(turn)) }, words(turn))));
  if (fresh && turn.who !== "customer") reveal(article);
  return article;
}

function head(turn, customerName) {
  const name = turn.who === "agent" && turn.agent ? turn.agent : t(NAMES[turn.who] ?? "chat.desk");
  return el(
    "header",
    { class: "turn-head" },
    STAMPS[turn.who] && el("span", { class: "stamp", "aria-hidden": "true" }, t(STAMPS[turn.who])),
    el("span", { class: "who" }, turn.who === "customer" && customerName ? customerName : name),
    el("time", { dateTime: turn.at }, clockTime(turn.at)),
  );
}

/** What a turn says, in words. */
export function words(turn) {
  if (turn.text) return turn.text;
  if (turn.kind === "none_fits") return t("chat.none_of_these");
  if (turn.kind === "asked_for_person") return t("chat.asked_for_person");
  return "";
}

function answerSlip(answer) {
  const body = el("div", { class: "answer-body" });
  body.innerHTML = answer.html;
  for (const table of body.querySelectorAll("table")) {
    const frame = el("div", { class: "table-frame", tabIndex: 0, role: "region", "aria-label": answer.question });
    table.replaceWith(frame);
    frame.append(table);
  }
  const facts = [t("chat.source")];
  if (answer.reviewed_at) facts.push(t("chat.reviewed", { date: day(answer.reviewed_at) }));
  facts.push(t("chat.revision", { revision: answer.revision }));
  const source = el("footer", { class: "source", "data-entry": answer.entry_id }, facts.join(SEPARATOR));
  const link = (answer.sources ?? []).find((url) => /^https?:\/\//.test(url));
  if (link) {
    source.append(SEPARATOR, el("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, t("chat.source_link")));
  }
  const tongue = foreign(answer.question);
  body.lang = tongue ?? lang;
  return el("div", { class: "slip answer" }, el("h2", { class: "answer-question", lang: tongue }, answer.question), body, source);
}

/** Lets the blocks of a new turn appear one after the other; style sheets leave it out where motion is unwanted. */
function reveal(article) {
  const blocks = article.querySelectorAll(".answer-question, .answer-body > *, .words, .source");
  blocks.forEach((block, index) => {
    block.classList.add("reveal");
    block.style.setProperty("--step", String(Math.min(index, 12)));
  });
}
