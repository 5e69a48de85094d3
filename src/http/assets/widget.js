// The widget: one line puts the desk on another page.
//
//   <script src="https://desk.example/widget.js" async></script>
//
// It defines <madoguchi-chat>, and adds one to the page unless the page has its own. The element is a button and a
// panel in a shadow root; the chat itself runs in a frame of the desk's own origin, so that neither page can read or
// restyle the other. The desk decides which sites may show it (setting trusted_origins).
//
// Attributes: lang ("ja", "en"), label (the button's text), side ("right", "left"). On the script: data-lang, data-label,
// data-side.
(() => {
  "use strict";
  if (customElements.get("madoguchi-chat")) return;
  const script = document.currentScript;
  const desk = new URL(script.src).origin;
  const TEXTS = {
    ja: { open: "お問い合わせ", close: "閉じる", title: "サポート窓口", unread: "未読 {count} 件", away: "ここでは窓口を開けません。", link: "窓口を新しいタブで開く" },
    en: { open: "Ask us", close: "Close", title: "Support desk", unread: "{count} unread", away: "The desk cannot be shown here.", link: "Open the desk in a new tab" },
  };
  /** A frame that says nothing for so long was refused or cannot be reached. */
  const PATIENCE_MS = 8000;

  const STYLE = `
    :host { all: initial; position: fixed; inset-block-end: 20px; inset-inline-end: 20px; z-index: 2147483000;
      font-family: "Hiragino Sans", "Hiragino Kaku Gothic ProN", "Noto Sans JP", "Noto Sans CJK JP", "Yu Gothic UI", Meiryo, sans-serif;
      color-scheme: light dark; }
    :host([side="left"]) { inset-inline: 20px auto; }
    :host([hidden]) { display: none; }
    button { font: inherit; cursor: pointer; }
    .launch { display: flex; align-items: center; gap: 10px; min-height: 52px; padding: 8px 20px 8px 12px; border: 0; border-radius: 4px;
      background: #1d4b73; color: #fff; font-size: 16px; line-height: 1.3; box-shadow: 0 2px 10px rgb(20 25 35 / .28); }
    .launch:hover { background: #163a5a; }
    .launch:focus-visible, .shut:focus-visible, a:focus-visible { outline: 3px solid #fff; outline-offset: -5px; box-shadow: 0 0 0 3px #1d4b73; }
    .mark { display: grid; place-items: center; inline-size: 32px; block-size: 32px; border: 1.5px solid currentColor; border-radius: 3px;
      font: 600 18px/1 "Hiragino Mincho ProN", "Yu Mincho", "Noto Serif CJK JP", "Noto Serif JP", serif; }
    .count { min-inline-size: 22px; padding: 2px 6px; border-radius: 11px; background: #fff; color: #1d4b73; font-size: 13px; text-align: center; }
    .count[hidden], .panel[hidden], .away[hidden] { display: none; }
    .spoken { position: absolute; inline-size: 1px; block-size: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
    .panel { position: absolute; inset-block-end: 64px; inset-inline-end: 0; inline-size: min(400px, calc(100vw - 40px));
      block-size: min(640px, calc(100vh - 120px)); overflow: hidden; border: 1px solid #b9b2a2; border-radius: 6px; background: #f6f3ec;
      box-shadow: 0 10px 36px rgb(20 25 35 / .32); }
    :host([side="left"]) .panel { inset-inline: 0 auto; }
    iframe { inline-size: 100%; block-size: 100%; border: 0; display: block; }
    .away { position: absolute; inset: 0; display: grid; align-content: center; gap: 12px; padding: 24px; text-align: center; background: #f6f3ec;
      color: #23272e; font-size: 15px; line-height: 1.75; }
    .away a { color: #1d4b73; }
    .shut { justify-self: center; min-height: 40px; padding: 4px 18px; border: 1px solid #1d4b73; border-radius: 4px; background: none; color: #1d4b73; }
    @media (max-width: 480px) {
      .panel { position: fixed; inset: 0; inline-size: 100%; block-size: 100%; border: 0; border-radius: 0; }
    }
    @media (prefers-color-scheme: dark) {
      .panel, .away { background: #14171b; border-color: #3a4049; color: #e8e4da; }
      .away a, .shut { color: #9cc3e6; border-color: #9cc3e6; }
    }
  `;

  class MadoguchiChat extends HTMLElement {
    #frame = null;
    #ready = false;

    connectedCallback() {
      if (this.shadowRoot) return;
      const own = (this.getAttribute("lang") || document.documentElement.lang || "ja").toLowerCase();
      this.tag = own.startsWith("en") ? "en" : "ja";
      this.texts = TEXTS[this.tag];
      const root = this.attachShadow({ mode: "open" });
      // A style sheet object, because a page's content security policy may refuse <style>.
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      root.adoptedStyleSheets = [sheet];
      const make = (tag, props, ...children) => {
        const element = Object.assign(document.createElement(tag), props);
        element.append(...children);
        return element;
      };
      this.count = make("span", { className: "count", hidden: true });
      this.count.setAttribute("aria-hidden", "true");
      this.spoken = make("span", { className: "spoken" });
      const mark = make("span", { className: "mark", textContent: "窓" });
      mark.setAttribute("aria-hidden", "true");
      this.label = make("span", { textContent: this.getAttribute("label") || this.texts.open });
      this.launch = make("button", { type: "button", className: "launch", onclick: () => this.toggle() }, mark, this.label, this.count, this.spoken);
      this.launch.setAttribute("aria-expanded", "false");
      this.launch.setAttribute("aria-controls", "panel");
      const link = make("a", { href: `${desk}/?lang=${this.tag}`, target: "_blank", rel: "noopener", textContent: this.texts.link });
      const shut = make("button", { type: "button", className: "shut", textContent: this.texts.close, onclick: () => this.close() });
      this.away = make("div", { className: "away", hidden: true }, make("p", { textContent: this.texts.away }), make("p", {}, link), shut);
      this.panel = make("div", { className: "panel", id: "panel", hidden: true }, this.away);
      this.panel.setAttribute("role", "dialog");
      this.panel.setAttribute("aria-label", this.texts.title);
      root.append(this.panel, this.launch);
      root.addEventListener("keydown", (event) => event.key === "Escape" && !this.panel.hidden && this.close());
      addEventListener("message", this.#heard);
    }

    disconnectedCallback() {
      removeEventListener("message", this.#heard);
    }

    /** Opens the panel. */
    open() {
      this.panel.hidden = false;
      this.launch.setAttribute("aria-expanded", "true");
      if (!this.#frame) {
        this.#frame = Object.assign(document.createElement("iframe"), { src: `${desk}/embed?lang=${this.tag}`, title: this.texts.title });
        this.panel.prepend(this.#frame);
        setTimeout(() => (this.away.hidden = this.#ready), PATIENCE_MS);
      } else if (this.#ready) {
        this.#shown();
      }
    }

    /** Closes the panel; the conversation goes on. */
    close() {
      this.panel.hidden = true;
      this.launch.setAttribute("aria-expanded", "false");
      this.#tell("madoguchi:hidden");
      this.launch.focus();
    }

    toggle() {
      if (this.panel.hidden) this.open();
      else this.close();
    }

    #shown() {
      this.#frame.focus();
      this.#tell("madoguchi:shown");
    }

    #tell(type) {
      if (this.#ready) this.#frame.contentWindow.postMessage({ type }, desk);
    }

    #heard = (event) => {
      if (!this.#frame || event.source !== this.#frame.contentWindow || event.origin !== desk) return;
      const { type, count } = event.data ?? {};
      if (type === "madoguchi:ready") {
        this.#ready = true;
        this.away.hidden = true;
        if (!this.panel.hidden) this.#shown();
      } else if (type === "madoguchi:close") {
        this.close();
      } else if (type === "madoguchi:unread" && Number.isInteger(count)) {
        this.count.hidden = count === 0;
        this.count.textContent = String(count);
        this.spoken.textContent = count === 0 ? "" : this.texts.unread.replace("{count}", String(count));
      }
    };
  }

  customElements.define("madoguchi-chat", MadoguchiChat);

  const place = () => {
    if (document.querySelector("madoguchi-chat")) return;
    const element = document.createElement("madoguchi-chat");
    for (const name of ["lang", "label", "side"]) {
      const value = script.dataset[name];
      if (value) element.setAttribute(name, value);
    }
    document.body.append(element);
  };
  if (document.body) place();
  else addEventListener("DOMContentLoaded", place);
})();
