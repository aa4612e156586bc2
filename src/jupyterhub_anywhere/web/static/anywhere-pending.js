// The page of a server that starts: follows the hub's events and stops this very server.
"use strict";

(() => {
  const page = document.getElementById("anywhere-pending");
  if (!page) return;
  const part = (id) => document.getElementById(id);
  const bar = part("progress-bar");
  const stop = part("stop-server-btn");
  const RETRY_MILLISECONDS = 3000;

  // Text of the hub is text; HTML of the hub was written by the spawner, which escapes.
  const fill = (element, event) => {
    if (event.html_message !== undefined) element.innerHTML = event.html_message;
    else element.textContent = event.message;
  };

  // Stages and the spawner's own events know nothing of each other's share: the bar only grows.
  let reached = 0;
  const advance = (told) => {
    const percent = (reached = Math.max(reached, told));
    bar.setAttribute("aria-valuenow", String(percent));
    bar.firstElementChild.style.width = `${percent}%`;
  };

  const log = (event) => {
    const entry = document.createElement("li");
    fill(entry, event);
    part("progress-log").append(entry);
    part("progress-details").hidden = false;
    return entry;
  };

  const duration = (seconds) => {
    const whole = Math.max(Math.round(seconds), 0);
    return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
  };

  // A stage is told again with each new place in the line: it has one entry.
  let stage = null;
  const enter = (event) => {
    if (stage?.event.stage === event.stage) {
      fill(stage.entry, event);
    } else {
      if (stage) {
        const taken = duration(event.after - stage.event.after);
        stage.entry.textContent = `${stage.event.message} – ${taken}`;
      }
      stage = { entry: log(event) };
    }
    stage.event = event;
    stage.at = Date.now();
    fill(part("anywhere-stage"), event);
    tick();
  };

  // Outside of what screen readers announce: it changes each second.
  const tick = () => {
    if (!stage) return;
    const since = (Date.now() - stage.at) / 1000;
    const soFar = `${duration(stage.event.total + since)} so far`;
    const usual = stage.event.usual;
    const queued = stage.event.stage === "queued" ? "once it has its turn, " : "";
    part("anywhere-time").textContent =
      usual === undefined ? soFar : `${soFar}; ${queued}it usually takes about ${duration(usual)}`;
  };
  const ticking = window.setInterval(tick, 1000);
  const endTime = () => {
    window.clearInterval(ticking);
    stage = null;
    part("anywhere-stage").textContent = part("anywhere-time").textContent = "";
  };

  const fail = (event) => {
    endTime();
    const box = part("anywhere-failed");
    fill(box, event);
    box.hidden = false;
    bar.firstElementChild.classList.add("bg-danger");
    part("progress-message").textContent = "";
    part("anywhere-promise").hidden = true;
    part("anywhere-title").textContent = page.dataset.failedTitle;
    document.title = `${page.dataset.failedTitle} – JupyterHub`;
    page.classList.add("anywhere-over");
    part("anywhere-again").hidden = false;
    stop.hidden = true;
  };

  const events = new EventSource(page.dataset.progressUrl);

  events.onmessage = (message) => {
    const event = JSON.parse(message.data);
    if (event.progress !== undefined) advance(event.progress);
    if (event.stage !== undefined && event.after !== undefined) {
      enter(event);
    } else if (event.message !== undefined || event.html_message !== undefined) {
      fill(part("progress-message"), event);
      log(event);
    }
    if (event.ready || event.failed) events.close();
    if (event.ready) window.location.reload();
    if (event.failed) fail(event);
  };

  events.onerror = () => {
    // The browser itself tries again unless the hub refused: then nothing starts any more.
    if (events.readyState === EventSource.CLOSED) {
      window.setTimeout(() => window.location.reload(), RETRY_MILLISECONDS);
    }
  };

  const explain = async (answer) => {
    const body = await answer.json().catch(() => ({}));
    return body.message || `${answer.status} ${answer.statusText}`;
  };

  stop.addEventListener("click", async () => {
    stop.disabled = true;
    stop.textContent = "Stopping…";
    // While the hub cleans up, its events say that the server is ready.
    events.close();
    endTime();
    let problem = "";
    try {
      const answer = await fetch(page.dataset.serverUrl, {
        method: "DELETE",
        headers: { "X-XSRFToken": page.dataset.xsrf },
      });
      if (!answer.ok) problem = await explain(answer);
    } catch (error) {
      problem = error.message;
    }
    part("progress-message").textContent = problem && `It could not be stopped: ${problem}`;
    window.setTimeout(() => window.location.reload(), problem ? RETRY_MILLISECONDS : 0);
  });
  stop.hidden = false;
})();
