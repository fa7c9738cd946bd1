// The keys of the feed. They press the buttons that are on the page, so nothing can be done by them alone.
const dialog = document.getElementById("keys");
const switched = document.getElementById("keys-on");
const OFF = "keys-off";

// A person who speaks to their computer, or whose hands slip, can do without single letters that act at once.
switched.checked = !localStorage.getItem(OFF);
switched.addEventListener("change", () => (switched.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1")));

document.addEventListener("click", (event) => event.target.closest("[data-keys-open]") && dialog.showModal());

const isTyping = (element) => element.matches("input:not([type=checkbox], [type=radio]), textarea, select") || element.isContentEditable;
const step = (by) => document.dispatchEvent(new CustomEvent("feed:step", { detail: by }));

const ACTIONS = {
  "/": () => document.getElementById("q").focus(),
  j: () => step(1),
  k: () => step(-1),
  p: () => document.querySelector("[data-live-toggle]")?.click(),
  "?": () => dialog.showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  // What is open on top of the page is closed by the browser itself.
  if (document.querySelector("dialog[open], :popover-open")) return;
  if (event.key === "Escape") {
    if (isTyping(event.target)) event.target.blur();
    else document.dispatchEvent(new CustomEvent("feed:close"));
  } else if (ACTIONS[event.key] && switched.checked && !isTyping(event.target)) {
    event.preventDefault();
    ACTIONS[event.key]();
  }
});
