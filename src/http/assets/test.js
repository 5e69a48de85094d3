// The test pane: says that it works while an answer over the drafts is prepared, which can take a moment.

import "./desk.js";
import { byId, t } from "./dom.js";

byId("ask").addEventListener("submit", () => {
  byId("working").textContent = t("test.working");
  byId("ask").querySelector(".primary").setAttribute("aria-busy", "true");
});
