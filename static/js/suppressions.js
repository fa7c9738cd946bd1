// The box that ticks all entries of the page. Without this there is none.
function offer(root) {
  for (const all of root.querySelectorAll("[data-tick-all]")) {
    all.hidden = false;
    const boxes = () => [...all.closest("table").querySelectorAll('input[name="entry"]')];
    all.addEventListener("change", (event) => {
      event.stopPropagation();
      for (const box of boxes()) box.checked = all.checked;
    });
    all.closest("table").addEventListener("change", () => {
      const ticked = boxes().filter((box) => box.checked).length;
      all.checked = ticked === boxes().length;
      all.indeterminate = ticked > 0 && !all.checked;
    });
  }
}

offer(document);
document.addEventListener("htmx:afterSwap", () => offer(document));
