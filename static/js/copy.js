// Buttons with data-copy put that text on the clipboard. Without scripts they would do nothing, so they start hidden.
const SHOWN_MS = 2000;

async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // On plain http browsers offer the clipboard only this way.
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  if (!done) throw new Error("refused");
}

function say(button, words) {
  const label = button.querySelector("[data-copy-label]");
  button.dataset.words ??= label.textContent;
  label.textContent = words;
  clearTimeout(button.timer);
  button.timer = setTimeout(() => (label.textContent = button.dataset.words), SHOWN_MS);
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () =>
    copy(button.dataset.copy).then(
      () => say(button, button.dataset.copied),
      () => say(button, button.dataset.failed),
    ),
  );
}
