// How texts are read, drawn: word by word, now and then, with what differs marked; and what is doubtful, with its row.

import { el, t } from "./dom.js";

/** A word in its box: what it is found by below it where that is another form. */
function word(read) {
  const found = read.term === read.surface ? [] : [read.term];
  const also = [...found, ...read.parts.map((part) => `+${part}`)];
  const shown = [read.differs ? el("mark", {}, read.surface) : read.surface];
  if (read.content && also.length > 0) shown.push(el("small", {}, also.join(" ")));
  return el("span", { class: read.content ? "word" : "word particle" }, ...shown);
}

/** The words of a line and what the synonyms add. */
function line(label, read, onlyDiffering) {
  const spaced = read.words.flatMap((item, at) => (at === 0 ? [word(item)] : [" ", word(item)]));
  const wordings = read.wordings.filter((wording) => wording.differs || !onlyDiffering);
  const stretches = [...new Set(wordings.map((wording) => wording.of))];
  const also = stretches.map((of) => {
    const others = wordings.filter((wording) => wording.of === of);
    const said = others.flatMap(({ wording, differs }, at) => [at === 0 ? "" : "、", differs ? el("mark", {}, wording) : wording]);
    return el("p", { class: "fine" }, t("vocabulary.also", { of }), " ", ...said);
  });
  return [el("dt", {}, label), el("dd", {}, el("p", { class: "words-read" }, ...spaced), ...also)];
}

const differs = (sample) => [sample.now, sample.then].some((read) => [...read.words, ...read.wordings].some((item) => item.differs));

/** One text as it is read now and would be; once where both are the same. */
export function sample(read) {
  const title = el("p", {}, read.of === "typed" ? "" : el("span", { class: "state" }, t(`vocabulary.of_${read.of}`)), read.of === "typed" ? "" : " ", el("strong", {}, read.text));
  if (!differs(read)) return el("div", { class: "sample-read" }, title, el("dl", { class: "readings" }, ...line(t("vocabulary.read"), read.now, false)));
  return el("div", { class: "sample-read" }, title, el("dl", { class: "readings" }, ...line(t("vocabulary.now"), read.now, true), ...line(t("vocabulary.then"), read.then, true)));
}

/** What is doubtful; `go` leads to the row. */
export function findings(found, go) {
  if (found.length === 0) return [el("p", {}, t("vocabulary.no_findings"))];
  const severity = { error: "state due", warning: "state state-review", hint: "state" };
  const item = (finding) =>
    el(
      "li",
      {},
      el("span", { class: severity[finding.severity] }, t(`check.${finding.severity}`)),
      el("p", {}, finding.text, " ", el("button", { type: "button", class: "quiet", onclick: () => go(finding) }, t("vocabulary.go", { word: finding.word || t("vocabulary.empty") }))),
    );
  return [el("ul", { class: "findings" }, ...found.map(item))];
}
