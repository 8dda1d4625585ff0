// Keeps a page's region as it is on the device. Without this the page is loaded again every few seconds, and every form works.
"use strict";
const region = document.querySelector("[data-stream]");
const lost = document.querySelector("[data-lost]");
let source = null;

function show(event) {
  lost.hidden = true;
  const fresh = new DOMParser().parseFromString(event.data, "text/html");
  region.replaceChildren(...fresh.body.childNodes);
}

function trouble() {
  if (source.readyState === EventSource.CLOSED) {
    location.reload(); // no longer in: the device asks for the PIN
  } else {
    lost.hidden = false;
  }
}

function follow() {
  if (source !== null) {
    source.close();
    source = null;
  }
  if (!document.hidden) {
    source = new EventSource(region.dataset.stream);
    source.onmessage = show;
    source.onerror = trouble;
  }
}

if (region !== null && "EventSource" in window) {
  document.addEventListener("visibilitychange", follow);
  window.addEventListener("pagehide", () => source?.close());
  follow();
}
