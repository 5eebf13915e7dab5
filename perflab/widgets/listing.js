// A table or a text of which parts can be picked: every button with data-pick.
// In: the trait html, made safe by the kernel. Out: the trait picked.

function render({ model, el }) {
  const show = () => {
    const focused = el.contains(document.activeElement) ? document.activeElement.dataset.pick : undefined;
    const scrolled = [...el.querySelectorAll(".scroll")].map((part) => part.scrollTop);
    el.innerHTML = model.get("html");
    el.querySelectorAll(".scroll").forEach((part, place) => { part.scrollTop = scrolled[place] ?? 0; });
    mark();
    // A hand on the keyboard stays where it was when the table is written anew.
    if (focused !== undefined) [...el.querySelectorAll("[data-pick]")].find((one) => one.dataset.pick === focused)?.focus();
  };
  const mark = () => {
    for (const one of el.querySelectorAll("[data-pick]")) {
      const is = model.get("marked").includes(one.dataset.pick);
      one.classList.toggle("picked", is);
      one.setAttribute("aria-pressed", String(is));
    }
  };
  const pick = (event) => {
    const one = event.target.closest("[data-pick]");
    if (one === null || !el.contains(one)) return;
    // The same may be picked twice: a count makes that an event too.
    model.set("picked", { pick: one.dataset.pick, count: (model.get("picked").count ?? 0) + 1 });
    model.save_changes();
  };
  el.classList.add("perflab-listing");
  el.addEventListener("click", pick);
  model.on("change:html", show);
  model.on("change:marked", mark);
  show();
  return () => {
    el.removeEventListener("click", pick);
    model.off("change:html", show);
    model.off("change:marked", mark);
  };
}

export default { render };
