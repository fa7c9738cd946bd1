// The query box as one of three views of the filter: after each search it says what the address and the controls say.
const box = document.getElementById("q");
const form = document.getElementById("search");
const results = document.getElementById("results");

// What was typed is not taken out of the person's hands; what is sent on purpose comes back tidied.
let sent = box.value;
document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.elt !== form) return;
  sent = box.value;
  // The page itself asks for the list afresh: a query that is not understood is none of it.
  const isAsked = event.detail.triggeringEvent?.target !== form || event.detail.triggeringEvent.type === "submit";
  if (!isAsked && document.querySelector("#mistake [data-start]")) event.detail.parameters.q = document.getElementById("was").value;
});

function tidy(typing) {
  const was = document.getElementById("was").value;
  if (!typing || document.activeElement !== box) box.value = was;
  offer();
}

const offer = () => (form.querySelector(".search-clear").hidden = !box.value);
box.addEventListener("input", offer);

function complain(typing) {
  const mistake = document.querySelector("#mistake [data-start]");
  if (mistake) box.setAttribute("aria-invalid", "true");
  else box.removeAttribute("aria-invalid");
  // Who asked for it is led to the place; who is still typing is left alone.
  if (!mistake || typing || document.activeElement !== box) return;
  // Places are told in letters, of which some count as two here.
  const [start, end] = [mistake.dataset.start, mistake.dataset.end].map((at) => [...box.value].slice(0, at).join("").length);
  box.setSelectionRange(start, end);
}

document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (detail.target !== results || !detail.successful) return;
  const typing = detail.requestConfig.triggeringEvent?.type === "input" || (detail.elt === form && sent !== box.value);
  complain(typing);
  if (document.querySelector("#mistake [data-start]")) return;
  tidy(typing);
  isAwaited = true;
  countLate();
  say();
});

// Leaving the box is no search of its own: htmx listens for changes of the controls.
box.addEventListener("change", (event) => event.stopPropagation());

// What was found is also said, to those who do not see the list change; counting may take a moment longer.
const said = document.getElementById("said");
let isAwaited = false;
function say() {
  const total = document.getElementById("total")?.textContent.trim();
  if (!isAwaited || !total) return;
  isAwaited = false;
  said.textContent = total;
}

// Numbers that take a moment to count come when the list is already there. Those of the search before are let go.
let counting;
async function count() {
  counting?.abort();
  counting = new AbortController();
  const { signal } = counting;
  try {
    const response = await fetch(document.getElementById("counting").dataset.url, { signal, redirect: "error" });
    const template = document.createElement("template");
    template.innerHTML = response.ok ? await response.text() : "";
    if (signal.aborted) return;
    for (const fresh of [...template.content.children]) document.getElementById(fresh.id)?.replaceWith(fresh);
    say();
  } catch {
    // The list says all that matters.
  }
}
const countLate = () => (document.getElementById("counting").matches("[data-late]") ? count() : counting?.abort());
document.addEventListener("feed:stale", count);
countLate();

// A menu in which days are being chosen stays open while the list follows.
let open = "";
document.addEventListener("htmx:oobBeforeSwap", (event) => {
  const menu = event.detail.target.querySelector("details[open]");
  open = menu?.contains(document.activeElement) && document.activeElement.matches("input") ? menu.id : "";
});
document.addEventListener("htmx:oobAfterSwap", (event) => {
  const menu = open && event.detail.target.querySelector(`#${open}`);
  if (menu) menu.open = true;
});
