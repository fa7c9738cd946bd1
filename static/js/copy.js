// Buttons with data-copy put that text on the clipboard, with data-copy-from that of the element with this id. Without
// scripts the style sheet hides them.
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

// On the document, because parts of a page come and go.
document.addEventListener("click", (event) => {
  const button = event.target.closest("button.copy");
  if (!button) return;
  copy(button.dataset.copy ?? document.getElementById(button.dataset.copyFrom).textContent).then(
    () => say(button, button.dataset.copied),
    () => say(button, button.dataset.failed),
  );
});
