// Keeps a page's region as it is on the server. Without this the page is loaded again every few seconds, and every form works.
"use strict";
const region = document.querySelector("[data-stream]");
const lost = document.querySelector("[data-lost]");
let source = null;

function parsed(html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  return made.content;
}

function keptOpen(old, fresh) {
  // what somebody has opened stays open, what they stand on stays in focus
  old.querySelectorAll("details[open]").forEach((each, at) => fresh.querySelectorAll("details")[at]?.setAttribute("open", ""));
  const active = document.activeElement;
  return active?.getAttribute && old.contains(active) ? active.getAttribute("href") : null;
}

function refocus(href, within) {
  if (href !== null) {
    within.querySelector(`a[href="${CSS.escape(href)}"]`)?.focus({ preventScroll: true });
  }
}

function showWhole(event) {
  lost.hidden = true;
  const fresh = parsed(event.data);
  const href = keptOpen(region, fresh);
  region.replaceChildren(fresh);
  refocus(href, region);
}

function showParts(event) {
  lost.hidden = true;
  for (const fresh of [...parsed(event.data).children]) {
    const old = document.getElementById(fresh.id);
    if (old !== null) {
      const href = keptOpen(old, fresh);
      old.replaceWith(fresh);
      refocus(href, fresh);
    }
  }
}

function trouble() {
  if (source.readyState === EventSource.CLOSED) {
    location.reload(); // no longer in: the server asks for the password
  } else {
    lost.hidden = false;
  }
}

function follow() {
  source?.close();
  source = null;
  if (!document.hidden) {
    source = new EventSource(region.dataset.stream);
    source.addEventListener("whole", showWhole);
    source.addEventListener("parts", showParts);
    source.onerror = trouble;
  }
}

if (region !== null && "EventSource" in window) {
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pagehide", () => source?.close());
  follow();
}
