// The first page of the feed keeps itself current: it asks every two seconds whether anything changed, while it is seen.
const EVERY_MS = 2000;
const LONGEST_MS = 30000;

let paused = false;
let failures = 0;
let wait;

const bar = () => document.getElementById("live");
const rows = () => document.getElementById("rows");
const olderShown = () => document.querySelectorAll("#emails tbody").length > 1;

function tell(state, words) {
  bar().dataset.state = state;
  const label = bar().querySelector("[data-live-state]");
  if (label.textContent !== words) label.textContent = words;
  const button = bar().querySelector("[data-live-toggle]");
  button.hidden = false;
  button.querySelector("[data-when-on]").hidden = paused || state === "held";
  button.querySelector("[data-when-off]").hidden = !(paused || state === "held");
}

function news(count) {
  if (!count) return;
  const { one, many } = bar().dataset;
  bar().querySelector("[data-live-news]").textContent = count === 1 ? one : many.replace("#", count.toLocaleString());
}

// Rows that did not change stay the very same elements, so that focus, selection and open menus stay as well.
function merge(fresh) {
  const known = new Map([...rows().children].map((row) => [row.id, row]));
  const focused = rows().contains(document.activeElement) ? document.activeElement.closest("tr").id : "";
  let added = 0;
  let place = rows().firstElementChild;
  for (const row of [...fresh.children]) {
    const old = known.get(row.id);
    known.delete(row.id);
    if (old && old.dataset.row === row.dataset.row) {
      if (old === place) place = place.nextElementSibling;
      else rows().insertBefore(old, place);
      continue;
    }
    row.classList.add(old ? "is-changed" : "is-new");
    if (!old) added += 1;
    rows().insertBefore(row, place);
    if (old === place && place) place = place.nextElementSibling;
    old?.remove();
  }
  for (const gone of known.values()) gone.remove();
  if (focused) document.querySelector(`#${focused} .row-link`)?.focus({ preventScroll: true });
  return added;
}

function show(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  const fresh = template.content.querySelector("tbody");
  if (!fresh) throw new Error("no rows");
  const first = !rows().children.length && fresh.children.length;
  news(merge(fresh));
  bar().dataset.version = fresh.dataset.version;
  // The page that said there is nothing has a pager and a download to show now.
  if (first) window.htmx.trigger("#search", "change");
}

async function ask() {
  const { url, version } = bar().dataset;
  const address = `${url}${url.includes("?") ? "&" : "?"}version=${encodeURIComponent(version)}`;
  const response = await fetch(address, { redirect: "manual", credentials: "same-origin" });
  if (response.type === "opaqueredirect") return tell("lost", bar().dataset.signedOut);
  if (response.status !== 204 && !response.ok) throw new Error(response.status);
  const html = response.status === 200 ? await response.text() : "";
  // While the answer was under way the person may have searched, paused, or asked for older rows.
  if (!bar() || bar().dataset.url !== url || paused || olderShown()) return undefined;
  if (html) show(html);
  return tell("live", bar().dataset.live);
}

async function tick() {
  clearTimeout(wait);
  if (bar() && !document.hidden) {
    if (paused) tell("paused", bar().dataset.paused);
    else if (olderShown()) tell("held", bar().dataset.held);
    else {
      try {
        await ask();
        failures = 0;
      } catch {
        failures += 1;
        if (bar()) tell("lost", bar().dataset.lost);
      }
    }
  }
  wait = setTimeout(tick, Math.min(EVERY_MS * 2 ** Math.max(0, failures - 1), LONGEST_MS));
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("[data-live-toggle]")) return;
  if (olderShown()) {
    document.querySelectorAll("#emails tbody:not(#rows)").forEach((body) => body.remove());
    window.htmx.trigger("#search", "change");
    window.scrollTo({ top: 0 });
    paused = false;
  } else paused = !paused;
  tick();
});
document.addEventListener("visibilitychange", () => document.hidden || tick());
document.addEventListener("htmx:afterSettle", tick);
tick();
