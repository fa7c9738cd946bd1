// Suggestions while a query is typed: the ARIA pattern of a combobox with a list. Typing always means what it says;
// an option is taken only after it was chosen with an arrow or the pointer.
const box = document.getElementById("q");
const list = document.getElementById("suggestions");
const PAUSE_MS = 120;

let active = -1;
let asked;
let pause;
// The text the options belong to: their places are of no other.
let about;

box.setAttribute("role", "combobox");
box.setAttribute("aria-autocomplete", "list");
box.setAttribute("aria-controls", list.id);
box.setAttribute("aria-expanded", "false");

function activate(at) {
  const options = [...list.children];
  options[active]?.setAttribute("aria-selected", "false");
  active = at;
  const option = options[active];
  if (!option) return box.removeAttribute("aria-activedescendant");
  option.setAttribute("aria-selected", "true");
  option.scrollIntoView({ block: "nearest" });
  return box.setAttribute("aria-activedescendant", option.id);
}

function close() {
  clearTimeout(pause);
  asked?.abort();
  activate(-1);
  list.hidden = true;
  box.setAttribute("aria-expanded", "false");
}

async function ask() {
  clearTimeout(pause);
  asked?.abort();
  asked = new AbortController();
  const { signal } = asked;
  const text = box.value;
  const query = new URLSearchParams({ q: text, at: box.selectionStart });
  try {
    const response = await fetch(`${box.dataset.suggest}?${query}`, { signal, redirect: "error" });
    const html = response.ok ? await response.text() : "";
    if (signal.aborted || document.activeElement !== box) return;
    activate(-1);
    list.innerHTML = html;
    about = text;
  } catch {
    // Without suggestions one can still search.
    if (signal.aborted) return;
    list.replaceChildren();
  }
  list.hidden = !list.children.length;
  list.scrollTop = 0;
  box.setAttribute("aria-expanded", String(!list.hidden));
}

function take(option) {
  const { insert, start, end } = option.dataset;
  if (box.value !== about) return;
  close();
  box.setRangeText(insert, Number(start), Number(end), "end");
  // Two blanks in a row say no more than one.
  if (insert.endsWith(" ") && box.value[box.selectionEnd] === " ") box.setRangeText("", box.selectionEnd, box.selectionEnd + 1);
  box.dispatchEvent(new Event("input", { bubbles: true }));
  box.focus();
  // Behind a key its values are wanted; behind a whole term the person has it.
  if (!insert.endsWith(" ")) ask();
  else close();
}

box.addEventListener("input", (event) => {
  clearTimeout(pause);
  asked?.abort();
  const typed = box.value.slice(0, box.selectionStart);
  if (event.isComposing || !/\S$/.test(typed)) close();
  else pause = setTimeout(ask, PAUSE_MS);
});

box.addEventListener("keydown", (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const count = list.hidden ? 0 : list.children.length;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const by = event.key === "ArrowDown" ? 1 : -1;
    // Between the last option and the first one lies the box itself.
    if (count) activate(((active + 1 + by + count + 1) % (count + 1)) - 1);
    else if (by > 0) ask();
  } else if ((event.key === "Enter" || event.key === "Tab") && count && active >= 0 && !event.shiftKey) {
    event.preventDefault();
    take(list.children[active]);
  } else if (event.key === "Escape" && count) {
    event.preventDefault();
    close();
  } else if (event.key === "Enter") close();
});

box.addEventListener("blur", close);
// A press in the list leaves the focus in the box.
list.addEventListener("pointerdown", (event) => event.preventDefault());
list.addEventListener("mousedown", (event) => event.preventDefault());
list.addEventListener("click", (event) => {
  const option = event.target.closest("[role=option]");
  if (option) take(option);
});
