// A form of labelled controls: sliders with an exact text beside them, switches, choices, texts.
// In: the traits fields, values, positions, messages, unused. Out: edits; nothing is checked here, the kernel does that.

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value != null) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

// Edits go to the kernel one packet at a time, with the newest value of each control: however fast a hand is, the
// kernel is asked no faster than it answers, and no edit is lost. Until then a control shows what the hand did.
// Who leaves the form may press a button next, whose message waits for nothing: what is not answered is sent before it.
function sender(model, form, shown) {
  let pending = {}, under_way = {}, count = 0;
  const is_empty = (edits) => Object.keys(edits).length === 0;
  const flush = () => {
    if (!is_empty(under_way) || is_empty(pending)) return;
    [under_way, pending] = [pending, {}];
    model.set("edits", { values: under_way, id: `${form}-${++count}` });
    model.save_changes();
  };
  const hurry = () => {
    if (is_empty(under_way) && is_empty(pending)) return;
    [under_way, pending] = [{ ...under_way, ...pending }, {}];
    model.send({ edits: { values: under_way, id: `${form}-${++count}` } });
  };
  const answered = () => {
    if (model.get("answered") !== `${form}-${count}`) return;
    under_way = {};
    flush();
    shown();
  };
  return {
    answered,
    hurry,
    waits: (path) => path in pending || path in under_way,
    send(path, value) {
      // Enter is a key and a change, and leaving a field may be another one. What is sent twice could be taken after
      // the click on a button that follows: each widget's messages may have a thread of their own.
      const sent = [pending, under_way, model.get("values")].find((one) => path in one)?.[path];
      if (JSON.stringify(sent) === JSON.stringify(value)) return;
      pending[path] = value;
      flush();
    },
  };
}

// Who comes by Tab has the whole text selected, and replaces it by typing: also if it has just been set anew.
function put(line, value) {
  if (line.value === value) return;
  const is_whole = line.matches(":focus") && line.selectionStart === 0 && line.selectionEnd === line.value.length;
  line.value = value;
  if (is_whole) line.select();
}

function slider(field, id, send) {
  const range = element("input", { type: "range", id, min: 0, max: field.options.length - 1, step: 1 });
  const text = element("input", {
    type: "text", size: 11, spellcheck: "false", autocomplete: "off", id: `${id}-exact`,
    "aria-label": `${field.name}, exact value`, placeholder: field.may_be_unset ? "unset" : "",
  });
  const say = () => range.setAttribute("aria-valuetext", `${text.value || "unset"} ${field.shown_unit}`.trim());
  range.addEventListener("input", () => {
    text.value = field.options[range.value];
    say();
    send(text.value);
  });
  text.addEventListener("change", () => send(text.value));
  text.addEventListener("keydown", (event) => event.key === "Enter" && send(text.value));
  const unit = element("span", { class: "unit" }, field.shown_unit);
  return {
    inputs: [range, text],
    parts: [range, element("span", { class: "exact" }, text, unit)],
    show(value, position) {
      put(text, value);
      if (field.options[range.value] !== value) range.value = position ?? 0;
      say();
    },
  };
}

function toggle(field, id, send) {
  const box = element("input", { type: "checkbox", id });
  box.addEventListener("change", () => send(box.checked));
  return { inputs: [box], parts: [box], show(value) { box.checked = value; } };
}

function choice(field, id, send) {
  const list = element("select", { id }, ...field.options.map((name) => element("option", { value: name }, name)));
  list.addEventListener("change", () => send(list.value));
  return { inputs: [list], parts: [list], show(value) { list.value = value; } };
}

function choices(field, id, send) {
  const boxes = field.options.map((name, place) => {
    const box = element("input", { type: "checkbox", value: name, id: place ? `${id}-${place}` : id });
    box.addEventListener("change", () => send(boxes.filter((one) => one.checked).map((one) => one.value)));
    return box;
  });
  const labels = boxes.map((box) => element("label", { class: "option" }, box, ` ${box.value}`));
  return {
    inputs: boxes,
    parts: [element("span", { role: "group", "aria-label": field.name, class: "options" }, ...labels)],
    show(value) { for (const box of boxes) box.checked = value.includes(box.value); },
  };
}

function lines(field, id, send) {
  const area = element("textarea", { id, rows: 3, spellcheck: "false", placeholder: "one a line" });
  const written = () => area.value.split("\n").filter((line) => line.trim());
  area.addEventListener("change", () => send(written()));
  return {
    inputs: [area],
    parts: [area],
    show(value) { if (written().join("\n") !== value.join("\n")) area.value = value.join("\n"); },
  };
}

function text(field, id, send) {
  const line = element("input", {
    type: "text", id, spellcheck: "false", autocomplete: "off", placeholder: field.may_be_unset ? "unset" : "",
  });
  line.addEventListener("change", () => send(line.value));
  line.addEventListener("keydown", (event) => event.key === "Enter" && send(line.value));
  return { inputs: [line], parts: [line], show(value) { put(line, value); } };
}

const SHOWN = ["values", "positions", "messages", "unused"];
const KINDS = { slider, switch: toggle, choice, choices, lines, text };

function control(model, given, form, edits) {
  const id = `${form}-${given.path.replaceAll(".", "-")}`;
  const field = {
    ...given,
    name: given.group ? `${given.group}: ${given.label}` : given.label,
    // A size says its unit itself.
    shown_unit: given.unit === "bytes" ? "" : given.unit,
  };
  const made = KINDS[field.kind](field, id, (value) => edits.send(field.path, value));
  const name = field.kind === "choices" ? element("span", { class: "name" }, field.label)
    : element("label", { for: id, class: "name" }, field.label);
  const about = element("span", { class: "about", id: `${id}-about` }, field.about);
  const message = element("span", { class: "message", role: "alert", id: `${id}-message` });
  for (const input of made.inputs) input.setAttribute("aria-describedby", `${id}-about ${id}-message`);
  // What is being typed is the hand's until it is given, whatever the kernel says of other fields meanwhile.
  let typing = false;
  for (const input of made.inputs.filter((one) => !["range", "checkbox"].includes(one.type))) {
    input.addEventListener("input", () => { typing = true; });
    for (const end of ["change", "blur"]) input.addEventListener(end, () => { typing = false; });
    // Enter gives a line, whether or not the browser calls that a change.
    if (input.type === "text") input.addEventListener("keydown", (event) => { typing &&= event.key !== "Enter"; });
  }
  const row = element("div", { class: `field ${field.kind}`, "data-path": field.path },
    name, element("span", { class: "control" }, ...made.parts), about, message);
  const words = `${field.path} ${field.name} ${field.about}`.toLowerCase();
  return {
    row,
    matches: (query) => query.split(/\s+/).every((word) => words.includes(word)),
    show() {
      if (!typing && !edits.waits(field.path)) made.show(model.get("values")[field.path], model.get("positions")[field.path]);
      const said = model.get("messages")[field.path] ?? "";
      if (message.textContent !== said) message.textContent = said;
      row.classList.toggle("wrong", said !== "");
      row.classList.toggle("unused", model.get("unused").includes(field.path));
      for (const input of made.inputs) input.setAttribute("aria-invalid", String(said !== ""));
    },
  };
}

function group(name, controls, is_open) {
  const rows = controls.map((one) => one.row);
  if (!name) return { part: element("div", {}, ...rows), find() {} };
  const part = element("details", { open: is_open }, element("summary", {}, name), ...rows);
  return {
    part,
    find(query) {
      const found = controls.filter((one) => {
        const matches = one.matches(query);
        one.row.hidden = !matches;
        return matches;
      });
      part.hidden = found.length === 0;
      part.open = query ? true : is_open;
    },
  };
}

function search(model, form, groups) {
  const line = element("input", { type: "search", id: `${form}-search`, placeholder: "name or meaning" });
  const none = element("p", { class: "none", role: "status" });
  line.addEventListener("input", () => {
    const query = line.value.trim().toLowerCase();
    for (const one of groups) one.find(query);
    none.textContent = groups.every((one) => one.part.hidden) ? "No setting is called so." : "";
  });
  return element("div", { class: "search" }, element("label", { for: `${form}-search` }, "Find a setting"), line, none);
}

function render({ model, el }) {
  // Each widget has a module of its own, so that no counter tells two forms of a page apart.
  const form = `perflab-${crypto.getRandomValues(new Uint32Array(1))[0].toString(36)}`;
  const show = () => controls.forEach(([, one]) => one.show());
  const edits = sender(model, form, show);
  const controls = model.get("fields").map((field) => [field.group, control(model, field, form, edits)]);
  const names = [...new Set(controls.map(([name]) => name))];
  const groups = names.map((name) =>
    group(name, controls.filter(([own]) => own === name).map(([, one]) => one), model.get("opened").includes(name)));
  const all = element("div", { class: "fields" }, ...groups.map((one) => one.part));
  if (model.get("searchable")) el.append(search(model, form, groups));
  el.classList.add("perflab-form");
  el.append(all);
  all.addEventListener("focusout", edits.hurry);
  const copy = async (message) => {
    if (message.copy === undefined) return;
    // A page may forbid it; the text is shown too.
    await navigator.clipboard?.writeText(message.copy).catch(() => {});
  };
  for (const trait of SHOWN) model.on(`change:${trait}`, show);
  model.on("change:answered", edits.answered);
  model.on("msg:custom", copy);
  show();
  return () => {
    for (const trait of SHOWN) model.off(`change:${trait}`, show);
    model.off("change:answered", edits.answered);
    model.off("msg:custom", copy);
  };
}

export default { render };
