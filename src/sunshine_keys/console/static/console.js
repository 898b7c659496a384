"use strict";

// Copying needs a script; nothing else here does, and without one there are no such buttons.
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
