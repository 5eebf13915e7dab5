// What all panels of a page share: keys that are pressed in a panel are the panel's.

const OURS = ".perflab";
const SUPPRESSED = "data-lm-suppress-shortcuts";

// JupyterLab takes Enter, Space and the arrows for the notebook, unless what has the focus says itself not to.
function keep(event) {
  if (event.target.closest?.(OURS)) event.target.setAttribute(SUPPRESSED, "true");
}

function render() {
  // Adding the same listener twice is adding it once, but each panel has a module of its own.
  if (document.documentElement.dataset.perflab) return;
  document.documentElement.dataset.perflab = "on";
  document.addEventListener("focusin", keep);
}

export default { render };
