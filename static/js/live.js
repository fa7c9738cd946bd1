// The first page of the feed follows its filter: rows come by server-sent events and are merged in place. While it is
// paused, or its beginning is out of sight, what is new waits behind a button.
const MOST_ROWS = 200;
const MOST_WAITING = 200;
// The server says "here" every five seconds.
const SILENCE_MS = 20000;
// A browser opens six connections to a site, over all of its tabs.
const HIDDEN_MS = 15000;
// A new connection is there at once, as a rule; then nobody needs to hear of it.
const PATIENCE_MS = 2500;
const LONGEST_MS = 30000;

let bar;
let source;
let cursor;
let heard = 0;
let failures = 0;
let paused = false;
let stopped = false;
let stale = false;
// The latest of each email: its row, or null where it left the filter.
let waiting = new Map();
let patience;
let again;
let hiding;

const rows = () => document.getElementById("rows");
const all = () => document.querySelectorAll("#emails tbody tr");
const row = (id) => document.getElementById(`e${id}`);
const older = () => document.querySelector('#pager a[hx-target="#emails"]');
const refresh = () => window.htmx.trigger("#search", "change");
const away = () => rows().getBoundingClientRect().top < 0;
// Ids have up to 19 digits, which are too many for a number.
const above = (one, other) => one.length > other.length || (one.length === other.length && one > other);

// ---- What the bar says ---------------------------------------------------------------------------------------------

function tell(state) {
  bar.dataset.state = paused && state === "live" ? "paused" : state;
  const label = bar.querySelector("[data-live-state]");
  const words = bar.dataset[bar.dataset.state];
  if (label.textContent !== words) label.textContent = words;
  const button = bar.querySelector("[data-live-toggle]");
  button.hidden = false;
  button.querySelector("[data-when-on]").hidden = paused;
  button.querySelector("[data-when-off]").hidden = !paused;
}

function counted(one, many, count) {
  return count === 1 ? one : many.replace("#", count.toLocaleString(document.documentElement.lang));
}

function news(count) {
  if (count) bar.querySelector("[data-live-news]").textContent = counted(bar.dataset.one, bar.dataset.many, count);
}

function pill() {
  const button = bar.querySelector("[data-live-pill]");
  bar.toggleAttribute("data-away", away());
  const count = [...waiting].filter(([id, html]) => html && !row(id)).length;
  button.hidden = !(stale || count);
  if (button.hidden) return;
  const text = stale ? bar.dataset.refresh : counted(bar.dataset.oneWaits, bar.dataset.manyWait, count);
  const label = button.querySelector("[data-live-pill-text]");
  if (label.textContent !== text) label.textContent = text;
  if (stale) bar.querySelector("[data-live-news]").textContent = text;
  else news(count);
}

// ---- The list ------------------------------------------------------------------------------------------------------

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function flash(element, name) {
  element.classList.remove("is-new", "is-changed");
  // Or else the second change within a moment would not be seen.
  void element.offsetWidth;
  element.classList.add(name);
}

// Only the cells that differ are replaced, so that focus, selection and what is open stay where they are.
function change(old, fresh) {
  if (old.dataset.row === fresh.dataset.row) return;
  const focused = old.contains(document.activeElement);
  [...fresh.cells].forEach((cell, n) => old.cells[n].isEqualNode(cell) || old.cells[n].replaceWith(cell));
  old.dataset.row = fresh.dataset.row;
  if (focused && !old.contains(document.activeElement)) old.querySelector(".row-link").focus({ preventScroll: true });
  flash(old, "is-changed");
}

// Whether the row was added: where it belongs below the last one, a page of older emails has it.
function add(fresh) {
  const below = [...all()].find((other) => above(fresh.id, other.id));
  if (!below && older()) return false;
  if (below) below.before(fresh);
  else (all()[all().length - 1]?.parentElement ?? rows()).append(fresh);
  flash(fresh, "is-new");
  return true;
}

function merge(updates) {
  const before = all().length;
  let added = 0;
  for (const [id, html] of updates) {
    const old = row(id);
    if (!html) old?.remove();
    else if (old) change(old, parsed(html));
    else added += add(parsed(html));
  }
  news(added);
  shorten();
  // The page that said there is nothing has a pager and a download to show now, or the other way round.
  if (!before !== !all().length) refresh();
}

// What falls off the end is on the page of older emails then.
function shorten() {
  const known = [...all()];
  if (known.length <= MOST_ROWS) return;
  const link = older();
  if (!link) {
    refresh();
    return;
  }
  known.slice(MOST_ROWS).forEach((extra) => extra.remove());
  document.querySelectorAll("#emails tbody:not(#rows):empty").forEach((body) => body.remove());
  const url = new URL(link.href);
  const place = known[MOST_ROWS - 1].id.slice(1);
  for (const name of ["older", "before"]) if (/^\d+$/.test(url.searchParams.get(name))) url.searchParams.set(name, place);
  link.href = `${url.pathname}${url.search}`;
  link.setAttribute("hx-get", link.getAttribute("href"));
  window.htmx.process(link);
}

function keep(updates) {
  for (const [id, html] of updates) {
    waiting.delete(id);
    waiting.set(id, html);
  }
  if (waiting.size <= MOST_WAITING) return;
  stale = true;
  waiting.clear();
}

function receive({ rows: fresh, gone }) {
  const updates = new Map(gone.map((id) => [id, null]));
  for (const html of fresh) updates.set(html.match(/id="e(\d+)"/)[1], html);
  if (paused) keep(updates);
  else if (stale || away()) {
    // What is in sight changes; nothing moves.
    const known = [...updates].filter(([id, html]) => html && row(id));
    known.forEach(([id, html]) => change(row(id), parsed(html)));
    known.forEach(([id]) => updates.delete(id) && waiting.delete(id));
    if (!stale) keep(updates);
  } else merge(updates);
  if (!waiting.size && !stale) bar.dataset.cursor = cursor;
  pill();
}

function catchUp() {
  if (stale) {
    refresh();
    return;
  }
  const updates = waiting;
  waiting = new Map();
  merge(updates);
  bar.dataset.cursor = cursor;
  pill();
}

// ---- The connection ------------------------------------------------------------------------------------------------

function disconnect() {
  clearTimeout(again);
  source?.close();
  source = undefined;
}

function connect() {
  disconnect();
  if (!bar || stopped || document.hidden) return;
  const { url } = bar.dataset;
  source = new EventSource(`${url}${url.includes("?") ? "&" : "?"}cursor=${encodeURIComponent(cursor)}`);
  heard = Date.now();
  source.addEventListener("open", () => hear());
  source.addEventListener("here", hear);
  source.addEventListener("rows", (event) => {
    hear(event);
    receive(JSON.parse(event.data));
  });
  source.addEventListener("refresh", (event) => {
    hear(event);
    stale = true;
    waiting.clear();
    pill();
  });
  source.addEventListener("error", lose);
}

function calm() {
  clearTimeout(patience);
  patience = undefined;
}

function hear(event) {
  heard = Date.now();
  failures = 0;
  calm();
  if (event?.lastEventId) cursor = event.lastEventId;
  tell("live");
}

// The browser connects again by itself, with the id of the last event; unless it was answered by something else.
function lose() {
  patience ??= setTimeout(() => tell("lost"), PATIENCE_MS);
  if (source.readyState !== EventSource.CLOSED) return;
  source = undefined;
  askLater();
}

function askLater() {
  failures += 1;
  clearTimeout(again);
  again = setTimeout(ask, Math.min(500 * 2 ** failures, LONGEST_MS));
}

// Why the stream ended is not told to scripts; of a page it is.
async function ask() {
  let status = 0;
  try {
    ({ status } = await fetch(bar.dataset.url, { method: "HEAD", redirect: "manual", cache: "no-store" }));
  } catch {
    // As long as nothing answers, it is asked again.
  }
  if (!bar || source) return;
  stopped = status === 204 || status === 400;
  if (stopped) {
    calm();
    tell("signedOut");
  } else if (status === 200) connect();
  else askLater();
}

// ---- The page ------------------------------------------------------------------------------------------------------

// With another list comes another bar, with the filter and the moment that the list is of.
function begin() {
  const found = document.getElementById("live");
  if (found === bar) return;
  bar = found ?? undefined;
  waiting = new Map();
  stale = false;
  stopped = false;
  calm();
  if (!bar) {
    disconnect();
    return;
  }
  cursor = bar.dataset.cursor;
  tell("live");
  connect();
}

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-live-toggle]")) {
    paused = !paused;
    tell(bar.dataset.state === "lost" || bar.dataset.state === "signedOut" ? bar.dataset.state : "live");
    if (!paused) catchUp();
  } else if (event.target.closest("[data-live-pill]")) {
    window.scrollTo({ top: 0 });
    catchUp();
    // The button is gone; who pressed it by keyboard goes on at the first row.
    document.querySelector("#emails .row-link")?.focus({ preventScroll: true });
  }
});
document.addEventListener("scroll", () => {
  if (!bar || !(waiting.size || stale)) return;
  if (!paused && !stale && !away()) catchUp();
  else pill();
}, { passive: true });
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiding);
  if (document.hidden) hiding = setTimeout(disconnect, HIDDEN_MS);
  else if (!source) connect();
});
window.addEventListener("offline", () => {
  disconnect();
  if (bar && !stopped) tell("lost");
});
window.addEventListener("online", connect);
window.addEventListener("pagehide", disconnect);
window.addEventListener("pageshow", (event) => event.persisted && connect());
setInterval(() => source && Date.now() - heard > SILENCE_MS && connect(), 5000);
document.addEventListener("htmx:afterSettle", begin);
begin();
