// A map of dies on a canvas. One offscreen pixel a die, scaled without smoothing: a repaint costs the same for fifty
// dies and fifty thousand. The brush is drawn on a canvas of its own, so that dragging paints nothing else.

const CHOSEN = "#D55E00", EMPTY = 255, PAD = 16;

function bytes(model, name) {
  const held = model.get(name);
  return held && held.byteLength ? new Uint8Array(held.buffer, held.byteOffset, held.byteLength) : new Uint8Array(0);
}

function rgb(hex) { return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)); }

function make(kind, parent, options = {}) {
  const made = Object.assign(document.createElement(kind), options);
  parent.appendChild(made);
  return made;
}

function render({ model, el }) {
  const root = make("div", el, { className: "wb-map" });
  const figure = make("figure", root);
  const caption = make("figcaption", figure);
  const stage = make("div", figure, { className: "stage", tabIndex: 0 });
  stage.setAttribute("role", "application");
  const canvas = make("canvas", stage), over = make("canvas", stage);
  const reading = make("div", figure, { className: "reading" });
  reading.setAttribute("role", "status");
  const hint = make("div", figure, { className: "hint" });
  const key = make("div", root);
  const pixels = document.createElement("canvas");
  let box = { x: 0, y: 0, w: 1, h: 1 }, cursor = null, anchor = null, dragging = false;

  const words = () => model.get("words");

  function layout() {
    const side = model.get("side_px"), ratio = window.devicePixelRatio || 1;
    const columns = Math.max(model.get("columns"), 1), rows = Math.max(model.get("rows"), 1);
    const tall = rows * model.get("aspect"), px = (side - 2 * PAD) / Math.max(columns, tall);
    box = { w: columns * px, h: tall * px };
    // A wafer's outline is a circle around all dies; a panel or tray takes no more height than it has.
    const high = model.get("shape") === "wafer" ? side : Math.ceil(box.h + 2 * PAD);
    box.x = (side - box.w) / 2; box.y = (high - box.h) / 2;
    stage.style.width = `${side}px`; stage.style.height = `${high}px`;
    for (const each of [canvas, over]) {
      each.width = Math.round(side * ratio); each.height = Math.round(high * ratio);
      each.style.width = `${side}px`; each.style.height = `${high}px`;
      each.getContext("2d").setTransform(ratio, 0, 0, ratio, 0, 0);
    }
    caption.textContent = model.get("title");
    stage.setAttribute("aria-label", `${model.get("title")}. ${words().keys}`);
    hint.textContent = words().keys;
    legend();
    paint();
  }

  // The colours of the dies, once for every new map.
  function colour() {
    const columns = model.get("columns"), rows = model.get("rows"), codes = bytes(model, "picture");
    if (!columns || codes.length !== columns * rows) { pixels.width = 0; return; }
    pixels.width = columns; pixels.height = rows;
    const missing = rgb(model.get("missing_colour")), table = new Uint32Array(256);
    const packed = ([r, g, b]) => (255 << 24) | (b << 16) | (g << 8) | r;
    table.fill(packed(missing));
    model.get("palette").forEach((hex, i) => { table[i] = packed(rgb(hex)); });
    table[EMPTY] = 0;
    const image = new ImageData(columns, rows), out = new Uint32Array(image.data.buffer);
    for (let i = 0; i < codes.length; i += 1) out[i] = table[codes[i]];
    pixels.getContext("2d").putImageData(image, 0, 0);
  }

  function paint() {
    const began = performance.now(), pen = canvas.getContext("2d"), side = model.get("side_px");
    colour();
    pen.clearRect(0, 0, side, side);
    outline(pen);
    pen.imageSmoothingEnabled = false;
    if (pixels.width) pen.drawImage(pixels, box.x, box.y, box.w, box.h);
    streets(pen);
    marked(pen);
    pen.getImageData(0, 0, 1, 1);  // done only when it is on the canvas: the time below is the whole one
    canvas.dataset.repaintMs = (performance.now() - began).toFixed(3);
    veil();
  }

  function outline(pen) {
    const cx = box.x + box.w / 2, cy = box.y + box.h / 2;
    pen.strokeStyle = pen.fillStyle = "#9AA0A6"; pen.lineWidth = 1.2; pen.beginPath();
    if (model.get("shape") !== "wafer") { pen.rect(box.x - 4, box.y - 4, box.w + 8, box.h + 8); pen.stroke(); return; }
    const radius = Math.min(Math.max(box.w, box.h) / 2 + PAD * 0.6, model.get("side_px") / 2 - 2);
    pen.arc(cx, cy, radius, 0, 2 * Math.PI); pen.stroke();
    const turn = { right: 0, down: 1, left: 2, up: 3 }[model.get("notch")];
    if (turn === undefined) return;
    pen.save(); pen.translate(cx, cy); pen.rotate(turn * Math.PI / 2); pen.beginPath();
    pen.moveTo(radius + 1, -5); pen.lineTo(radius - 7, 0); pen.lineTo(radius + 1, 5); pen.fill(); pen.restore();
  }

  function streets(pen) {
    const columns = model.get("columns"), rows = model.get("rows"), w = box.w / columns, h = box.h / rows;
    if (Math.min(w, h) < 6) return;
    pen.strokeStyle = "rgba(255,255,255,.75)"; pen.lineWidth = 1; pen.beginPath();
    for (let i = 1; i < columns; i += 1) { pen.moveTo(box.x + i * w, box.y); pen.lineTo(box.x + i * w, box.y + box.h); }
    for (let i = 1; i < rows; i += 1) { pen.moveTo(box.x, box.y + i * h); pen.lineTo(box.x + box.w, box.y + i * h); }
    pen.stroke();
  }

  function marked(pen) {
    const bits = bytes(model, "marked"), columns = model.get("columns");
    if (!bits.length) return;
    const w = box.w / columns, h = box.h / model.get("rows");
    pen.strokeStyle = CHOSEN; pen.lineWidth = Math.max(1, Math.min(2, w / 6)); pen.beginPath();
    for (let i = 0; i < bits.length; i += 1) {
      for (let b = 0, held = bits[i]; held; b += 1, held >>= 1) {
        if (held & 1) { const at = 8 * i + b; pen.rect(box.x + (at % columns) * w, box.y + Math.floor(at / columns) * h, w, h); }
      }
    }
    pen.stroke();
  }

  // The brush and the place of the keyboard.
  function veil() {
    const pen = over.getContext("2d"), side = model.get("side_px"), brush = model.get("brush");
    const w = box.w / Math.max(model.get("columns"), 1), h = box.h / Math.max(model.get("rows"), 1);
    const frame = ([l, t, r, b]) => [box.x + Math.min(l, r) * w, box.y + Math.min(t, b) * h, (Math.abs(r - l) + 1) * w, (Math.abs(b - t) + 1) * h];
    pen.clearRect(0, 0, side, side);
    if (brush.length === 4) {
      const inside = frame(brush);
      pen.fillStyle = "rgba(255,255,255,.62)"; pen.fillRect(0, 0, side, side); pen.clearRect(...inside);
      pen.strokeStyle = CHOSEN; pen.lineWidth = 1.6; pen.strokeRect(...inside);
    }
    if (cursor) { pen.strokeStyle = "#000"; pen.lineWidth = 2; pen.strokeRect(...frame([...cursor, ...cursor])); }
  }

  function legend() {
    key.replaceChildren();
    const scale = model.get("scale"), kinds = model.get("kinds");
    if (scale.label) {
      make("div", key, { textContent: scale.unit ? `${scale.label} (${scale.unit})` : scale.label });
      const bar = make("div", key, { className: "bar" });
      make("div", bar, { className: "run" }).style.background = `linear-gradient(to top, ${model.get("palette").join(",")})`;
      make("div", bar, { textContent: scale.ends[0] });
      make("div", bar, { textContent: scale.ends[1], className: "low" });
    }
    if (kinds.length) {
      const list = make("div", key, { className: "key" });
      for (const [label, hex, count] of kinds) {
        make("span", list, { className: "swatch" }).style.background = hex;
        make("span", list, { textContent: label });
        make("span", list, { textContent: count.toLocaleString("en"), className: "count" });
      }
    }
  }

  function place(event) {
    const rect = stage.getBoundingClientRect();
    const c = Math.floor((event.clientX - rect.left - box.x) / box.w * model.get("columns"));
    const r = Math.floor((event.clientY - rect.top - box.y) / box.h * model.get("rows"));
    const clamp = (v, most) => Math.min(Math.max(v, 0), Math.max(most - 1, 0));
    return { at: [clamp(c, model.get("columns")), clamp(r, model.get("rows"))],
             inside: c >= 0 && r >= 0 && c < model.get("columns") && r < model.get("rows") };
  }

  function read([c, r]) {
    const columns = model.get("columns"), code = bytes(model, "picture")[r * columns + c], held = model.get("values");
    if (code === undefined || code === EMPTY) { reading.textContent = ""; return; }
    const [x0, y0, way] = model.get("origin");
    const value = held && held.byteLength ? held.getFloat32(4 * (r * columns + c), true) : NaN, kinds = model.get("kinds");
    const said = kinds.length ? (kinds[code] ? kinds[code][0] : words().missing)
      : Number.isNaN(value) ? words().missing : `${Number(value.toPrecision(5))} ${model.get("scale").unit || ""}`;
    reading.textContent = `${words().die} ${x0 + c}, ${y0 + way * r}: ${said}`;
  }

  function choose(brush) {
    stage.dataset.sentAt = performance.now();
    model.set("brush", brush);
    model.save_changes();
    veil();
  }

  stage.addEventListener("pointerdown", (event) => {
    stage.focus({ preventScroll: true });
    stage.setPointerCapture(event.pointerId);
    anchor = place(event).at; dragging = true; cursor = null;
  });
  stage.addEventListener("pointermove", (event) => {
    const { at, inside } = place(event);
    if (dragging) { model.set("brush", [...anchor, ...at]); veil(); } else if (inside) read(at); else reading.textContent = "";
  });
  stage.addEventListener("pointerup", (event) => {
    if (!dragging) return;
    dragging = false;
    const { at, inside } = place(event), still = at[0] === anchor[0] && at[1] === anchor[1];
    choose(still && !inside ? [] : [...anchor, ...at]);
    if (still && inside) read(at);
  });
  stage.addEventListener("pointercancel", () => { dragging = false; choose([]); });
  stage.addEventListener("keydown", (event) => {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const last = [model.get("columns") - 1, model.get("rows") - 1];
    if (steps) {
      const from = cursor || [Math.floor(last[0] / 2), Math.floor(last[1] / 2)];
      if (event.shiftKey && !anchor) anchor = from;
      cursor = from.map((v, i) => Math.min(Math.max(v + steps[i], 0), last[i]));
      if (event.shiftKey) choose([...anchor, ...cursor]); else { anchor = cursor; veil(); }
      read(cursor);
    } else if (event.key === "Enter" || event.key === " ") {
      if (cursor) choose([...cursor, ...cursor]);
    } else if (event.key === "Escape") { cursor = anchor = null; choose([]); } else return;
    event.preventDefault();
  });
  stage.addEventListener("blur", () => { cursor = null; veil(); });

  for (const name of ["picture", "palette", "aspect", "shape", "notch", "kinds", "scale", "side_px", "title"]) {
    model.on(`change:${name}`, queue);
  }
  canvas.addEventListener("repaint", paint);
  model.on("change:marked", paint);
  model.on("change:brush", veil);
  let queued = false;
  function queue() {  // several traits of one map come together: one repaint
    if (queued) return;
    queued = true;
    queueMicrotask(() => { queued = false; layout(); });
  }
  layout();
}

export default { render };
