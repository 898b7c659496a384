"use strict";

// A sign-in link has its token in the fragment, which no request contains. It leaves the address bar before it is sent.
if (location.pathname.endsWith("/console/sign-in") && location.hash.startsWith("#token=")) {
  const form = document.querySelector("form");
  const token = location.hash.slice("#token=".length);
  const query = new URLSearchParams(location.search);
  query.delete("link");
  history.replaceState(null, "", `${location.pathname}?${query}`);
  // The service leaves this field out if a page of another site led here.
  if (form.elements.token) {
    form.elements.token.value = token;
    form.submit();
  }
}

// Copying needs a script, and without one there are no such buttons.
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  const said = document.getElementById("copied");
  said.textContent = "";
  let message = button.dataset.message;
  try {
    await navigator.clipboard.writeText(source.textContent.trimEnd());
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 2000);
  } catch {
    // Without TLS browsers give no clipboard: selected, it is one keystroke away.
    getSelection().selectAllChildren(source);
    message = "Selected; press Ctrl+C to copy";
  }
  said.textContent = message;
}

// A page that the browser kept whole may be of a session that has ended.
addEventListener("pageshow", (event) => {
  if (event.persisted) location.reload();
});
