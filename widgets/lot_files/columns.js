// A table of plain fields. Names and values of a file are set as text, never as markup.

const FIELDS = ["parameter", "unit", "site", "lower", "target", "upper"], FIGURES = new Set(["lower", "target", "upper"]);
let forms = 0;

function make(kind, parent, options = {}) {
  const made = Object.assign(document.createElement(kind), options);
  parent.appendChild(made);
  return made;
}

function render({ model, el }) {
  const words = model.get("words"), form = ++forms;
  const around = make("div", el, { className: "wb-columns" });

  function changed(i, field, value) {
    const answers = model.get("answers").map((answer) => ({ ...answer }));
    answers[i][field] = value;
    model.set("answers", answers);
    model.save_changes();
  }

  function row(body, each, answer, i) {
    const line = make("tr", body, { className: each.ask && !i ? "ask first" : each.ask ? "ask" : "" });
    const head = make("th", line, { scope: "row", id: `wb-column-${form}-${i}` });
    make("span", head, { textContent: each.name });
    if (each.ask) make("span", head, { className: "wb-ask", textContent: words.ask });
    const first = make("td", line, { className: "values" });
    first.textContent = each.first.length ? each.first.join(" · ") : words.empty;
    first.title = first.textContent;
    const choice = make("select", make("td", line), { name: "role" });
    choice.setAttribute("aria-label", `${each.name}: ${words.role}`);
    for (const [group, roles] of model.get("roles")) {
      const part = make("optgroup", choice, { label: group });
      for (const [role, said] of roles) make("option", part, { value: role, textContent: said });
    }
    choice.value = answer.role;
    const fields = FIELDS.map((name) => {
      const field = make("input", make("td", line), { type: "text", name, value: answer[name] || "", autocomplete: "off" });
      field.setAttribute("aria-label", `${each.name}: ${words[name]}`);
      field.className = name;
      if (FIGURES.has(name)) field.inputMode = "decimal";
      field.addEventListener("change", () => changed(i, name, field.value));
      return field;
    });
    const able = () => fields.forEach((field) => { field.disabled = choice.value !== "reading"; });
    choice.addEventListener("change", () => {
      if (choice.value === "reading" && !fields[0].value) { fields[0].value = each.name; changed(i, "parameter", each.name); }
      changed(i, "role", choice.value);
      able();
    });
    able();
  }

  function draw() {
    around.replaceChildren();
    const table = make("table", around);
    make("caption", table, { textContent: words.caption });
    const heads = make("tr", make("thead", table));
    for (const name of ["column", "first", "role", ...FIELDS]) {
      make("th", heads, { scope: "col", textContent: words[name] });
    }
    const body = make("tbody", table), answers = model.get("answers");
    model.get("rows").forEach((each, i) => row(body, each, answers[i] || {}, i));
  }

  model.on("change:rows", draw);
  draw();
  return () => model.off("change:rows", draw);
}

export default { render };
