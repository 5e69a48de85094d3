// The widget's example page: shows the line with this desk's own address.

import { byId } from "./dom.js";

byId("snippet").textContent = `<script src="${location.origin}/widget.js" async></script>`;
