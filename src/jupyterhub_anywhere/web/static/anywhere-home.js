// The home page after a stop or a deletion: shows what the hub says now, not a guess.
"use strict";

window.jQuery(document).on("ajaxSuccess", (_event, _request, settings) => {
  if (settings.type === "DELETE") window.location.reload();
});
