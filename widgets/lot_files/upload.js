// A button, a place to drop, and one file at a time in pieces: the next piece goes when the last one is written.

function make(kind, parent, options = {}) {
  const made = Object.assign(document.createElement(kind), options);
  parent.appendChild(made);
  return made;
}

function render({ model, el }) {
  const words = model.get("words"), waiting = [];
  const zone = make("div", el, { className: "wb-upload" });
  const button = make("button", zone, { type: "button", className: "wb-upload-button", textContent: words.choose });
  const input = make("input", zone, { type: "file", multiple: true, className: "wb-unseen", tabIndex: -1 });
  input.setAttribute("aria-label", words.choose);
  make("span", zone, { className: "wb-upload-hint", textContent: words.drop });
  const state = make("div", zone, { className: "wb-upload-state", hidden: true });
  const said = make("span", state);
  said.setAttribute("role", "status");
  const bar = make("progress", state, { max: 1, value: 0 });
  let file = null;

  function next() {
    file = waiting.shift() || null;
    state.hidden = !file;
    if (!file) return;
    const name = words.sending.replace("{name}", file.name);
    said.textContent = waiting.length ? `${name} ${words.waiting.replace("{count}", waiting.length)}` : name;
    bar.value = 0;
    bar.setAttribute("aria-label", name);
    model.send({ kind: "begin", name: file.name, size: file.size });
  }

  async function piece(at) {
    const sent = file;
    bar.value = at / Math.max(file.size, 1);
    let held;
    try {
      held = await file.slice(at, at + model.get("piece_bytes")).arrayBuffer();
    } catch {  // the file was taken away or changed meanwhile: what is missing is told in Python
      held = new ArrayBuffer(0);
    }
    if (sent === file) model.send({ kind: "piece", at }, undefined, [held]);
  }

  function add(files) {
    waiting.push(...files);
    if (!file) next();
  }

  const hear = (told) => {
    if (told.kind === "next") next();
    else if (told.kind === "more" && file) piece(told.at);
  };
  model.on("msg:custom", hear);
  button.addEventListener("click", () => input.click());
  input.addEventListener("change", () => { add(input.files); input.value = ""; });
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  zone.addEventListener("dragleave", (event) => {
    if (!zone.contains(event.relatedTarget)) zone.classList.remove("over");
  });
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    add(event.dataTransfer.files);
  });
  return () => model.off("msg:custom", hear);
}

export default { render };
