// Small things every page needs: texts in the page's language, elements, times, storage that may be refused.

export const lang = document.documentElement.lang === "en" ? "en" : "ja";
const { default: texts } = await import(`./messages.${lang}.js`);

/** The text under `key` with its {placeholders} filled; the key itself if there is none. */
export function t(key, values = {}) {
  const text = texts[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** The text under `prefix.name`, or `name` where the catalogue does not know it. */
export function named(prefix, name) {
  return texts[`${prefix}.${name}`] ?? name;
}

/** An element. `props` are properties or, with a dash or `role`, attributes; strings among `children` become text. */
export function el(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The language of `text` where it is not the page's: screen readers and line breaking go by it. */
export function foreign(text) {
  const isJapanese = /[\u3041-\u30ff\u4e00-\u9fff]/.test(text);
  const own = isJapanese ? "ja" : "en";
  return own === lang || text.trim() === "" ? undefined : own;
}

export const byId = (id) => document.getElementById(id);

const timeZone = document.body.dataset.timeZone || undefined;
const locale = lang === "en" ? "en-GB" : "ja-JP";

function formatter(options) {
  try {
    return new Intl.DateTimeFormat(locale, { ...options, timeZone });
  } catch {
    return new Intl.DateTimeFormat(locale, options);
  }
}
const clock = formatter({ hour: "2-digit", minute: "2-digit" });
const dayAndTime = formatter({ month: "long", day: "numeric", weekday: "short", hour: "2-digit", minute: "2-digit" });
const calendarDay = new Intl.DateTimeFormat(locale, { year: "numeric", month: "long", day: "numeric", timeZone: "UTC" });

/** 14:05, in the desk's time zone. */
export const clockTime = (iso) => clock.format(new Date(iso));
/** 10月6日(火) 9:00, in the desk's time zone. */
export const dayTime = (iso) => dayAndTime.format(new Date(iso));
/** 2026年8月21日, of a day without time. */
export const day = (iso) => calendarDay.format(new Date(`${iso}T00:00:00Z`));

/** Browser storage that forgets at reload where the browser refuses to store. */
export function storage(kind) {
  const memory = new Map();
  const attempt = (act, fallback) => {
    try {
      return act(window[kind]);
    } catch {
      return fallback();
    }
  };
  return {
    get(key) {
      const text = attempt((store) => store.getItem(key), () => memory.get(key) ?? null);
      try {
        return text === null ? null : JSON.parse(text);
      } catch {
        return null;
      }
    },
    set(key, value) {
      const text = JSON.stringify(value);
      attempt((store) => store.setItem(key, text), () => memory.set(key, text));
    },
    remove(key) {
      attempt((store) => store.removeItem(key), () => memory.delete(key));
      memory.delete(key);
    },
  };
}

/** A name for a message that no other message has. */
export function uniqueName() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Says something to screen readers only. */
export function announce(text) {
  byId("status").textContent = text;
}

export const delay = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
