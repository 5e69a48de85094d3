// Staff accounts, for administrators.

import { busy, send } from "./desk.js";
import { byId } from "./dom.js";

const checked = (within) => [...within.querySelectorAll("input[type=checkbox]:checked")].map((box) => box.value);
const change = (id, body) => send("POST", `/api/v1/accounts/${id}`, body);

const dialog = byId("password-dialog");
function newPassword() {
  const field = byId("reset-password");
  field.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "set" ? field.value : null), { once: true });
  });
}

addEventListener("click", (event) => {
  const button = event.target.closest?.("button[data-account]");
  if (!button || (button.dataset.confirm && !confirm(button.dataset.confirm))) return;
  const row = button.closest("tr");
  busy(button, async () => {
    const what = button.dataset.account;
    if (what === "roles") await change(row.dataset.id, { roles: checked(row) });
    if (what === "enable" || what === "disable") await change(row.dataset.id, { enabled: what === "enable" });
    if (what === "password") {
      const password = await newPassword();
      if (password === null) return;
      await change(row.dataset.id, { password });
    }
    location.reload();
  });
});

byId("new-account").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  busy(form.querySelector(".primary"), async () => {
    const [login, name, password] = ["new-login", "new-name", "new-password"].map((id) => byId(id).value);
    await send("POST", "/api/v1/accounts", { login, name, password, roles: checked(form) });
    location.reload();
  });
});
