// A message box: grows with its text, keeps a draft, and sends on a key without breaking Japanese input.

/**
 * `form` and its `area`; `sends(event)` says whether a key press sends; `send(text)` is called with the trimmed text;
 * `draft` keeps the text over reloads ({get, set}).
 */
export function composer({ form, area, sends, send, draft }) {
  const fit = () => {
    area.style.height = "auto";
    area.style.height = `${Math.min(area.scrollHeight + 2, 220)}px`;
  };
  const set = (text) => {
    area.value = text;
    draft.set(text);
    fit();
  };
  const submit = () => {
    const text = area.value.trim();
    if (text === "") {
      area.focus();
      return;
    }
    if (send(text) !== false) set("");
  };
  area.addEventListener("input", () => {
    draft.set(area.value);
    fit();
  });
  area.addEventListener("keydown", (event) => {
    // While an input method converts kana, Enter accepts the conversion. Safari ends the composition before the key
    // event, and only the old key code 229 tells it apart.
    if (event.isComposing || event.keyCode === 229 || !sends(event)) return;
    event.preventDefault();
    submit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  const kept = draft.get();
  if (kept) set(kept);
  return { set, text: () => area.value, fit };
}
