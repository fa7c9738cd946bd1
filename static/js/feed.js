// The list and the email beside it: which row is chosen, what the panel shows, and what the address says of both.
const WIDE = window.matchMedia("(width >= 75rem)");
const SETTLE_MS = 150;
const results = document.getElementById("results");
const side = document.getElementById("side");
const panel = document.getElementById("panel");

// ---- Which row is chosen -----------------------------------------------------------------------------------------

let chosen = opened() || "";
// It was asked for, but the account does not have it.
if (chosen && side.hidden) window.history.replaceState(window.history.state, "", here(""));

function mark() {
  const link = document.querySelector(`#e${chosen || "-"} .row-link`);
  for (const other of document.querySelectorAll(".row-link[aria-current]")) if (other !== link) other.removeAttribute("aria-current");
  link?.setAttribute("aria-current", "true");
  return link;
}

function choose(link) {
  chosen = link.closest("tr").id.slice(1);
  mark();
}

// Rows come and change by themselves; the mark stays with the email, and the numbers follow before long.
new MutationObserver(() => {
  mark();
  recount();
  follow();
}).observe(results, { childList: true, subtree: true });
mark();

let recounting;
function recount() {
  recounting ??= setTimeout(() => {
    recounting = undefined;
    if (!document.hidden) document.dispatchEvent(new CustomEvent("feed:stale"));
  }, document.getElementById("counting").dataset.seconds * 1000);
}

let waiting;
document.addEventListener("feed:step", ({ detail: by }) => {
  const links = [...document.querySelectorAll("#emails .row-link")];
  const at = links.indexOf(mark());
  const link = at < 0 ? links[0] : links[at + by];
  // Behind the last row stands the way to older ones.
  if (!link) return by > 0 ? document.querySelector("#pager a")?.focus() : undefined;
  choose(link);
  link.focus({ preventScroll: true });
  link.closest("tr").scrollIntoView({ block: "nearest" });
  clearTimeout(waiting);
  if (opened() && WIDE.matches) waiting = setTimeout(() => open(link), SETTLE_MS);
  return undefined;
});

// ---- The email beside the list -----------------------------------------------------------------------------------

function opened(address = window.location) {
  return new URLSearchParams(address.search).get("open");
}

function here(id) {
  const url = new URL(window.location);
  if (id) url.searchParams.set("open", id);
  else url.searchParams.delete("open");
  return url;
}

const page = (id) => side.dataset.emails.replace(/\/0\/$/, `/${id}/`);

// The version of the row that the panel was fetched with: another one has something new to tell.
let told = version(opened());
function version(id) {
  return document.getElementById(`e${id}`)?.dataset.row;
}

let following;
function follow() {
  const now = version(opened());
  if (side.hidden || !now || now === told) return;
  clearTimeout(following);
  following = setTimeout(() => {
    const id = opened();
    // What somebody unfolded or is about to copy stays as it is until they look again.
    const chosenText = window.getSelection();
    const isRead = panel.querySelector("details[open]") || (String(chosenText) && panel.contains(chosenText.focusNode));
    if (!id || side.hidden || isRead) return;
    told = version(id);
    const at = panel.scrollTop;
    window.htmx.ajax("GET", page(id), { source: panel, target: panel, swap: "innerHTML" }).then(() => (panel.scrollTop = at), () => {});
  }, SETTLE_MS);
}

function show(id, focus) {
  told = version(id);
  side.hidden = false;
  for (const link of side.querySelectorAll("[data-panel-page]")) link.href = page(id);
  for (const link of side.querySelectorAll("[data-panel-close]")) link.href = here("");
  fit();
  const done = window.htmx.ajax("GET", page(id), { source: panel, target: panel, swap: "innerHTML" });
  done.then(
    () => {
      panel.scrollTop = 0;
      if (focus) panel.focus({ preventScroll: true });
    },
    () => {}, // another one was chosen meanwhile, or it is told in the panel
  );
}

function hide() {
  side.hidden = true;
  panel.replaceChildren();
}

function open(link, focus = false) {
  choose(link);
  if (opened() !== chosen) {
    // One step in the history for the panel, however many emails are looked at in it: back closes it.
    if (opened()) window.history.replaceState(window.history.state, "", here(chosen));
    else window.history.pushState({ panel: true }, "", here(chosen));
  }
  show(chosen, focus);
}

function close() {
  if (!opened()) return;
  const link = mark();
  if (window.history.state?.panel) window.history.back();
  else {
    window.history.replaceState(window.history.state, "", here(""));
    hide();
  }
  link?.focus({ preventScroll: true });
}

document.addEventListener("feed:close", close);

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-panel-close]")) {
    event.preventDefault();
    return close();
  }
  const row = event.target.closest("#emails tbody tr");
  if (!row || event.defaultPrevented) return undefined;
  const link = event.target.closest("a");
  const { ctrlKey, metaKey, shiftKey, altKey } = event;
  // What shows a title lies above the row's link, and stands for it.
  if (!link) {
    if (!String(window.getSelection())) {
      row.querySelector(".row-link").dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, detail: 1, ctrlKey, metaKey, shiftKey }));
    }
  } else if (link.matches(".row-link") && WIDE.matches && !(ctrlKey || metaKey || shiftKey || altKey)) {
    event.preventDefault();
    open(link, event.detail === 0);
  }
  return undefined;
});

// An email that is gone, or that cannot be fetched, is explained by its own page.
for (const failed of ["htmx:responseError", "htmx:sendError"]) {
  panel.addEventListener(failed, () => panel.replaceChildren(document.getElementById("panel-failed").content.cloneNode(true)));
}

// The panel ends where the window ends, wherever the page is scrolled to.
function fit() {
  if (side.hidden) return;
  const top = Math.max(side.getBoundingClientRect().top, 0);
  side.style.setProperty("--side-top", `${top}px`);
}

let fitting;
for (const moved of ["scroll", "resize"]) {
  window.addEventListener(moved, () => {
    cancelAnimationFrame(fitting);
    fitting = requestAnimationFrame(fit);
  }, { passive: true });
}
fit();

// ---- Back and forward --------------------------------------------------------------------------------------------

// The same list may be asked for in several spellings; what is open beside it does not count.
function list(address) {
  const url = new URL(address, window.location);
  url.searchParams.delete("open");
  url.searchParams.sort();
  return `${url.pathname}?${url.searchParams}`;
}

function sync() {
  const id = opened();
  if (!id) return hide();
  chosen = id;
  mark();
  return show(id);
}

// Before htmx, which would load the whole page again.
window.addEventListener("popstate", (event) => {
  event.stopImmediatePropagation();
  const shown = document.getElementById("list").dataset.address;
  if (list(shown) !== list(window.location)) {
    window.htmx.ajax("GET", here("").href, { source: "#results", target: "#results", swap: "innerHTML" }).catch(() => {});
  }
  sync();
});

// A new search is a new address, without the email that was open beside the old list.
document.addEventListener("htmx:afterSettle", (event) => {
  if (event.target === results && !opened()) hide();
});

// ---- What does not fit -------------------------------------------------------------------------------------------

// The row's link lies above its cells, so it speaks for the one below the pointer.
let pointed;
results.addEventListener("pointermove", (event) => {
  const link = event.target.closest?.(".row-link");
  if (!link || event.pointerType !== "mouse") return;
  const cell = document.elementsFromPoint(event.clientX, event.clientY).find((element) => element.localName === "td");
  if (!cell || cell === pointed) return;
  pointed = cell;
  if (cell.scrollWidth > cell.clientWidth) link.title = cell.textContent.trim();
  else link.removeAttribute("title");
});
