// Keeps an open page up to date: when the service says that something changed, the page is fetched again and the parts
// that differ are put in place. Everything also works without this file.
"use strict";

const line = document.querySelector("[data-live]");
const words = line.querySelector("[data-live-words]");
let stream = null;
let busy = false;
let again = false;

const say = document.createElement("p");
say.className = "hidden";
say.setAttribute("role", "status");
line.after(say);

const spoken = (page) => page.querySelector("[data-live-say]")?.textContent.replace(/\s+/g, " ").trim() ?? "";
let told = spoken(document);

function replaced(part, fresh) {
  if (!fresh || part.innerHTML === fresh.innerHTML) return;
  const held = part.contains(document.activeElement) ? part.querySelectorAll("a, button, [tabindex]") : [];
  const place = [...held].indexOf(document.activeElement);
  part.replaceChildren(...fresh.childNodes);
  if (place >= 0) part.querySelectorAll("a, button, [tabindex]")[place]?.focus();
}

async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, redirect: "error" });
    if (!answer.ok) throw new Error(String(answer.status));
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const now = spoken(page);
    for (const part of document.querySelectorAll("[data-live-part]")) replaced(part, page.getElementById(part.id));
    document.title = page.title;
    if (now !== told) say.textContent = told = now;
    if (!page.querySelector("[data-live]")) finished();
  } catch {
    words.textContent = "The service does not answer.";
  }
  busy = false;
  if (again) {
    again = false;
    setTimeout(refresh, 500);
  }
}

function finished() {
  stop();
  document.removeEventListener("visibilitychange", follow);
  line.remove();
  for (const offer of document.querySelectorAll("[data-while-live]")) offer.remove();
}

function stop() {
  stream?.close();
  stream = null;
}

// A browser keeps few connections to one address: hidden pages hold none.
function follow() {
  stop();
  if (document.hidden) return;
  stream = new EventSource(line.dataset.live);
  stream.addEventListener("open", () => { words.textContent = "This page follows by itself."; });
  stream.addEventListener("changed", refresh);
  stream.addEventListener("ended", () => { stop(); location.reload(); });
  stream.addEventListener("error", () => { words.textContent = "The connection is gone; trying again."; });
}

document.addEventListener("visibilitychange", follow);
window.addEventListener("pagehide", stop);
follow();
