// What all panels of a page share: keys that are pressed in a panel are the panel's.
// Out: a message when a page shows the panel.

const OURS = ".perflab";
const SUPPRESSED = "data-lm-suppress-shortcuts";

// JupyterLab takes Enter, Space and the arrows for the notebook, unless what has the focus says itself not to.
function keep(event) {
  if (event.target.closest?.(OURS)) event.target.setAttribute(SUPPRESSED, "true");
}

function render({ model }) {
  model.send({ shown: true });
  // Adding the same listener twice is adding it once, but each panel has a module of its own.
  if (document.documentElement.dataset.perflab) return;
  document.documentElement.dataset.perflab = "on";
  document.addEventListener("focusin", keep);
}

export default { render };
