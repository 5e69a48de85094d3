// The packet: what the desk knew when it handed the conversation over.

import { dayTime, el, named, t } from "./dom.js";

/** The packet of `detail` as elements. */
export function packetElements({ ticket, packet }) {
  if (!packet) return [el("p", { class: "fine" }, t("packet.missing"))];
  const parts = [
    part(t("packet.question"), el("p", { class: "packet-question" }, packet.question || t("staff.untitled"))),
    part(t("packet.why"), el("p", {}, el("strong", {}, named("reason", packet.reason)), packet.rule ? el("span", { class: "fine" }, ` ${t("packet.rule", { rule: packet.rule })}`) : null), confidence(packet)),
    facts(ticket, packet),
    part(t("packet.candidates"), candidates(packet)),
  ];
  if (packet.clarifications.length > 0) parts.push(part(t("packet.clarifications"), clarifications(packet)));
  if (packet.transcript.length > 0) parts.push(transcript(packet));
  return parts;
}

function part(title, ...children) {
  return el("section", { class: "packet-part" }, el("h3", { class: "small-title" }, title), ...children);
}

function percent(value) {
  return `${Math.round(value * 100)}%`;
}

function confidence(packet) {
  if (packet.confidence === null || packet.confidence === undefined) return null;
  const meter = el("meter", { min: 0, max: 1, value: packet.confidence, "aria-label": t("packet.confidence") });
  return el("p", { class: "confidence" }, el("span", { class: "fine" }, t("packet.confidence")), meter, el("span", {}, percent(packet.confidence)));
}

function facts(ticket, packet) {
  const pairs = [
    [t("packet.priority"), named("priority", packet.priority)],
    [t("packet.queue"), named("queue", ticket.queue)],
    [t("packet.category"), packet.category.join(" › ") || t("packet.none")],
    [t("packet.language"), packet.language === "ja" ? "日本語" : "English"],
    [t("packet.opened"), dayTime(ticket.opened_at)],
    [t("packet.first_reply"), ticket.first_reply_at ? dayTime(ticket.first_reply_at) : t("packet.none")],
    [t("packet.masked"), packet.masked.map((kind) => named("masked", kind)).join("、") || t("packet.none")],
  ];
  return el("dl", { class: "facts packet-part" }, ...pairs.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

function candidates(packet) {
  if (packet.candidates.length === 0) return el("p", { class: "fine" }, t("packet.no_candidates"));
  return el(
    "ol",
    { class: "candidates" },
    ...packet.candidates.map((candidate) => el("li", {}, el("p", {}, candidate.question), el("p", { class: "fine" }, `${candidate.why} ・ ${t("packet.score", { score: candidate.score.toFixed(2) })}`))),
  );
}

function clarifications(packet) {
  return el(
    "ol",
    { class: "candidates" },
    ...packet.clarifications.map((asked) => el("li", {}, el("p", { class: "fine" }, asked.offered.join(" / ")), el("p", {}, asked.chosen ? t("packet.chosen", { question: asked.chosen }) : t("packet.none_chosen")))),
  );
}

function transcript(packet) {
  const lines = packet.transcript.map((line) => el("p", {}, el("span", { class: "fine" }, `${t(`chat.${line.who === "customer" ? "you" : line.who}`)} `), line.text));
  return el("details", { class: "packet-part transcript" }, el("summary", { class: "small-title" }, t("packet.transcript")), ...lines);
}
