"use strict";

// Keeps the page up to date, and sends its forms without leaving it. Without this script the page works by reloading.
const desk = document.getElementById("desk");
const thread = document.getElementById("thread");
const fault = document.getElementById("fault");
const act = document.getElementById("act");
const text = document.getElementById("text");
const live = document.getElementById("live");
const TYPING_MILLISECONDS = 5000;

function isAtEnd() {
  return thread.scrollHeight - thread.scrollTop - thread.clientHeight < 80;
}

function scrollToEnd() {
  thread.scrollTop = thread.scrollHeight;
}

function put({ id, version, html }) {
  const present = document.getElementById(id);
  if (present && present.dataset.version === version) return;
  const wasAtEnd = isAtEnd();
  const focused = present?.contains(document.activeElement) ? document.activeElement : null;
  const element = document.createElement("template");
  element.innerHTML = html;
  const part = element.content.firstElementChild;
  if (present) present.replaceWith(part);
  else if (id.startsWith("m-")) thread.insertBefore(part, [...thread.children].find((other) => other.id > id) ?? null);
  if (focused) same(part, focused)?.focus({ preventScroll: true });
  enhance(part);
  showWhetherEmpty();
  if (wasAtEnd || part.classList.contains("mine")) scrollToEnd();
  for (const image of part.querySelectorAll("img")) image.addEventListener("load", () => wasAtEnd && scrollToEnd());
  if (id === "reads") markRead();
}

// Returns the link or the button of a new part that the person has focused in the former one.
function same(part, { tagName, href, value }) {
  return [...part.querySelectorAll("a, button")].find(
    (element) => element.tagName === tagName && element.href === href && element.value === value,
  );
}

function showWhetherEmpty() {
  document.getElementById("nothing").hidden = thread.childElementCount > 0;
}

// Removes the messages that were deleted while the page had no stream.
function keepPresent(ids) {
  for (const message of [...thread.children]) if (!ids.includes(message.id)) message.remove();
  showWhetherEmpty();
}

function drop(id) {
  document.getElementById(id)?.remove();
  showWhetherEmpty();
}

function enhance(root) {
  for (const link of root.querySelectorAll(".rich a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
}

let events = null;
let nextTry = 0;
const RETRY_MILLISECONDS = 5000;

// A browser opens at most six connections to a host, so a page that nobody sees has none.
function listen() {
  events?.close();
  events = null;
  clearTimeout(nextTry);
  if (document.visibilityState !== "visible") return;
  events = new EventSource(desk.dataset.live);
  events.addEventListener("open", () => (live.textContent = "Live: what happens appears at once."));
  events.addEventListener("put", (event) => put(JSON.parse(event.data)));
  events.addEventListener("present", (event) => keepPresent(JSON.parse(event.data).ids.split(" ")));
  events.addEventListener("drop", (event) => drop(JSON.parse(event.data).id));
  events.addEventListener("ended", () => {
    // A service that restarts ends the stream, too; a reload says whether the session or the conversation has gone.
    live.textContent = "The connection has ended. Connecting…";
  });
  events.addEventListener("error", () => {
    const isClosed = events?.readyState === EventSource.CLOSED;
    live.textContent = isClosed ? "The page is no longer live. Reload it." : "The connection has ended. Connecting…";
    // A browser gives up if the service answers without a stream, for example while its store is away.
    if (isClosed) nextTry = setTimeout(listen, RETRY_MILLISECONDS);
  });
}

function newOnce() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function send(fields) {
  fields.set("once", newOnce());
  return answered(await fetch(act.action, { method: "POST", body: new URLSearchParams(fields), headers: { "X-Live": "1" } }));
}

async function answered(response) {
  fault.hidden = true;
  if (response.status === 204) return true;
  const isFault = response.headers.get("content-type") === "application/json";
  fault.textContent = isFault
    ? `${(await response.json()).fault}.`
    : "The service did not accept this. Reload the page: it says why.";
  fault.hidden = false;
  return false;
}

async function guarded(form, work) {
  const buttons = form.querySelectorAll("button");
  for (const button of buttons) button.disabled = true;
  try {
    return await work();
  } catch {
    fault.textContent = "The service cannot be reached. Try again.";
    fault.hidden = false;
    return false;
  } finally {
    for (const button of buttons) button.disabled = false;
  }
}

desk.addEventListener("submit", async (event) => {
  const form = event.target;
  event.preventDefault();
  if (form.id === "file-form") {
    await guarded(form, () => sendFile(form));
    return;
  }
  const fields = new FormData(form, event.submitter);
  if (form.id === "say") stopTyping();
  if (!(await guarded(form, () => send(fields)))) return;
  if (form.id === "say") {
    text.value = "";
    resize();
    text.focus();
  }
});

async function sendFile(form) {
  const fields = new FormData();
  fields.set("source", document.getElementById("file").files[0]);
  const response = await fetch(`${act.action}/files?as=${encodeURIComponent(act.elements.as.value)}`, {
    method: "POST",
    body: fields,
    headers: { "X-Form-Token": act.elements.form_token.value, "X-Form-Once": newOnce() },
  });
  if (await answered(response)) form.reset();
}

function activity(type) {
  const fields = new FormData(act);
  fields.set("do", type);
  send(fields).catch(() => {});
}

// Typing

let typingSince = 0;

function startTyping() {
  if (text.value && Date.now() - typingSince > TYPING_MILLISECONDS) {
    typingSince = Date.now();
    activity("typing:start");
  } else if (!text.value) stopTyping();
}

function stopTyping() {
  if (typingSince) activity("typing:stop");
  typingSince = 0;
}

function resize() {
  text.style.removeProperty("height");
  if (CSS.supports("field-sizing", "content")) return;
  text.rows = Math.min(8, text.value.split("\n").length);
}

text.addEventListener("input", () => {
  startTyping();
  resize();
});
text.addEventListener("blur", stopTyping);
text.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    text.form.requestSubmit();
  }
});

// A person who looks at the conversation reads it, as in a messenger.

let isReading = false;

async function markRead() {
  const unread = Number(document.getElementById("reads").dataset.unread);
  if (!unread || isReading || document.visibilityState !== "visible" || desk.dataset.side !== "person") return;
  isReading = true;
  const fields = new FormData(act);
  fields.set("do", "conversation:read");
  try {
    await send(fields);
  } catch {
    // The next change of the page tries again.
  }
  isReading = false;
}

document.addEventListener("visibilitychange", () => {
  listen();
  markRead();
});
addEventListener("pagehide", () => events?.close());
addEventListener("pageshow", (event) => event.persisted && listen());

// The JSON of a message opens beside the conversation if there is room.

thread.addEventListener("click", async (event) => {
  const link = event.target.closest("a.raw");
  if (event.target.closest('a[href="#place"]')) document.getElementById("more").open = true;
  if (!link || event.ctrlKey || event.metaKey || !matchMedia("(min-width: 75rem)").matches) return;
  event.preventDefault();
  const response = await fetch(link.href);
  const shown = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("shown");
  if (!shown) {
    location.assign(link.href);
    return;
  }
  const detail = document.getElementById("detail");
  detail.replaceChildren(...shown.children);
  detail.focus({ preventScroll: true });
});

document.getElementById("file-form").hidden = false;
enhance(thread);
scrollToEnd();
if (!location.hash && fault.hidden && matchMedia("(hover: hover)").matches) text.focus({ preventScroll: true });
markRead();
listen();
