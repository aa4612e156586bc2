// The start page: one click is enough, and a second one does no harm.
"use strict";

(() => {
  const form = document.getElementById("spawn_form");
  if (!form) return;
  const button = form.querySelector("button[type=submit]");
  const spinner = button.querySelector(".spinner-border");
  const status = document.getElementById("anywhere-submitted");

  const show = (sent) => {
    button.disabled = sent;
    spinner.hidden = !sent;
    status.textContent = sent ? "Starting…" : "";
  };

  form.addEventListener("submit", () => show(true));
  // The way back to this page shows it as it was left: with the button disabled.
  window.addEventListener("pageshow", () => show(false));
})();
