// Looks at a sample: zoom, overlay, colours, values.
"use strict";

(() => {
  const byId = (id) => document.getElementById(id);
  const viewer = byId("viewer");
  const stage = byId("stage"), plane = byId("plane"), still = byId("still"), spots = byId("spots");
  const canvas = byId("canvas"), cover = byId("cover"), readout = byId("readout"), cross = byId("cross");
  const { id, version } = viewer.dataset;
  const pixel = Number(viewer.dataset.pixel), white = Number(viewer.dataset.white);
  const ranges = new Map(viewer.dataset.ranges.split(" ").filter(Boolean).map((text) => {
    const [label, low, high] = text.split(":");
    return [label, [Number(low), Number(high)]];
  }));
  const width = Number(still.getAttribute("width")), height = Number(still.getAttribute("height"));

  // Colour maps by a few colours between which it is linear.
  const MAPS = {
    grey: ["000000", "ffffff"],
    viridis: ["440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725"],
    inferno: ["000004", "1b0c41", "4a0c6b", "781c6d", "a52c60", "cf4446", "ed6925", "fb9b06", "f7d13d", "fcffa4"],
    cividis: ["00224e", "123570", "3b496c", "575d6d", "707173", "8a8678", "a59c74", "c3b369", "e1cc55", "fee838"],
  };
  const tables = new Map(Object.entries(MAPS).map(([name, colours]) => {
    const stops = colours.map((c) => [0, 2, 4].map((at) => parseInt(c.slice(at, at + 2), 16)));
    const table = new Uint8Array(256 * 3);
    for (let level = 0; level < 256; level++) {
      const place = level / 255 * (stops.length - 1), at = Math.min(Math.floor(place), stops.length - 2), part = place - at;
      for (let c = 0; c < 3; c++) table[3 * level + c] = stops[at][c] + (stops[at + 1][c] - stops[at][c]) * part;
    }
    return [name, table];
  }));

  const TYPES = { uint8: Uint8Array, uint16: Uint16Array, float32: Float32Array };
  const loaded = new Map();
  /** The values of a label's image, asked for once. */
  function load(label) {
    if (!loaded.has(label)) {
      loaded.set(label, (async () => {
        const answer = await fetch(`/api/v1/samples/${id}/pixels/${label}?v=${version}`);
        if (!answer.ok) throw new Error((await answer.json()).detail);
        const header = (name) => answer.headers.get("x-image-" + name);
        const values = new TYPES[header("type")](await answer.arrayBuffer());
        return { label, values, width: Number(header("width")), height: Number(header("height")) };
      })());
      // What has failed is asked for again the next time.
      loaded.get(label).catch(() => loaded.delete(label));
    }
    return loaded.get(label);
  }

  /** Values that are black and white on the screen. */
  function limits(image, stretch) {
    if (!stretch && white !== 1) return [0, white];
    const sorted = Float32Array.from(image.values).sort();
    const at = (part) => sorted[Math.round(part * (sorted.length - 1))];
    const [low, high] = stretch ? [at(0.005), at(0.995)] : [at(0), at(1)];
    return high > low ? [low, high] : [low, low + 1];
  }

  function draw(target, image, map, stretch) {
    target.width = image.width;
    target.height = image.height;
    const [low, high] = limits(image, stretch), table = tables.get(map);
    const picture = new ImageData(image.width, image.height);
    for (let at = 0; at < image.values.length; at++) {
      const level = Math.max(0, Math.min(255, Math.round((image.values[at] - low) / (high - low) * 255)));
      picture.data.set([table[3 * level], table[3 * level + 1], table[3 * level + 2], 255], 4 * at);
    }
    target.getContext("2d").putImageData(picture, 0, 0);
    target.hidden = false;
  }

  /** An overlay is a colour where it is bright and nothing where it is dark. */
  function drawCover(image) {
    cover.width = image.width;
    cover.height = image.height;
    const [low, high] = limits(image, false);
    const picture = new ImageData(image.width, image.height);
    for (let at = 0; at < image.values.length; at++) {
      const level = Math.max(0, Math.min(255, (image.values[at] - low) / (high - low) * 255));
      picture.data.set([255, 96, 32, level], 4 * at);
    }
    cover.getContext("2d").putImageData(picture, 0, 0);
    cover.hidden = false;
  }

  let base = null, over = null, updates = 0;
  async function update() {
    // Another choice may be made while the images of this one are under way.
    const own = ++updates;
    try {
      const image = await load(byId("base").value);
      if (own !== updates) return;
      base = image;
      draw(canvas, base, byId("map").value, byId("auto").checked);
      still.hidden = true;
      const name = byId("over").value;
      const lay = name ? await load(name) : null;
      if (own !== updates) return;
      over = lay;
      if (over) drawCover(over); else cover.hidden = true;
      cover.style.opacity = byId("opacity").value / 100;
      spots.style.display = byId("dots").checked ? "" : "none";
      viewer.dataset.shown = [base.label, name].filter(Boolean).join("+");
    } catch (error) {
      if (own !== updates) return;
      readout.textContent = "The image can't be shown: " + error.message;
    }
  }
  for (const name of ["base", "map", "over", "auto", "dots"]) byId(name).addEventListener("change", update);
  byId("opacity").addEventListener("input", () => { cover.style.opacity = byId("opacity").value / 100; });

  // Pixels of the screen a pixel of the image, and where the image's corner is on the stage.
  let zoom = 1, left = 0, top = 0;
  const fitted = () => Math.min(stage.clientWidth / width, stage.clientHeight / height);
  function place() {
    plane.style.width = width + "px";
    plane.style.height = height + "px";
    plane.style.transform = `translate(${left}px, ${top}px) scale(${zoom})`;
    // A pixel of the screen, in those of the image.
    for (const drawing of [spots, cross]) drawing.style.setProperty("--thin", `${1 / zoom}px`);
    drawCross();
    byId("zoom-level").textContent = `${Math.round(zoom * 100)} %`;
    viewer.dataset.zoom = zoom.toFixed(3);
  }
  function fit() {
    zoom = fitted();
    left = (stage.clientWidth - width * zoom) / 2;
    top = (stage.clientHeight - height * zoom) / 2;
    place();
  }
  /** Zooms about a place of the stage. */
  function scale(factor, x = stage.clientWidth / 2, y = stage.clientHeight / 2) {
    const next = Math.max(fitted() / 2, Math.min(64, zoom * factor));
    left = x - (x - left) * next / zoom;
    top = y - (y - top) * next / zoom;
    zoom = next;
    place();
  }
  const move = (x, y) => { left += x; top += y; place(); };
  byId("zoom-in").addEventListener("click", () => scale(1.5));
  byId("zoom-out").addEventListener("click", () => scale(1 / 1.5));
  byId("zoom-fit").addEventListener("click", fit);
  stage.addEventListener("wheel", (event) => {
    // A page must scroll under the pointer; the wheel zooms with a key, or once the stage has the focus.
    if (!event.ctrlKey && document.activeElement !== stage) return;
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    scale(Math.exp(-event.deltaY / 400), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  // A crosshair reads values without a pointer: it moves by pixels of the image, and the image follows it.
  let aim = null;
  function drawCross() {
    const arm = 12 / zoom;
    cross.firstElementChild.setAttribute("d", aim === null ? "" :
      `M${aim.x - arm} ${aim.y}H${aim.x + arm}M${aim.x} ${aim.y - arm}V${aim.y + arm}`);
  }
  function aimAt(x, y) {
    const within = (value, size) => Math.max(0, Math.min(size - 1, value));
    aim = { x: within(x, width), y: within(y, height) };
    const [atX, atY] = [left + (aim.x + 0.5) * zoom, top + (aim.y + 0.5) * zoom];
    move(Math.max(0, -atX) || Math.min(0, stage.clientWidth - atX), Math.max(0, -atY) || Math.min(0, stage.clientHeight - atY));
    readAt(aim.x, aim.y);
  }
  const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

  stage.addEventListener("keydown", (event) => {
    const aimed = event.shiftKey && !event.ctrlKey && !event.metaKey && STEPS[event.key];
    if (aimed) {
      event.preventDefault();
      // It begins where one looks.
      const middle = (size, start) => Math.floor((size / 2 - start) / zoom);
      if (aim === null) aimAt(middle(stage.clientWidth, left), middle(stage.clientHeight, top));
      else aimAt(aim.x + aimed[0], aim.y + aimed[1]);
      return;
    }
    const step = 40;
    const keys = {
      ArrowLeft: () => move(step, 0), ArrowRight: () => move(-step, 0), ArrowUp: () => move(0, step), ArrowDown: () => move(0, -step),
      "+": () => scale(1.25), "=": () => scale(1.25), "-": () => scale(0.8), 0: fit,
    };
    if (keys[event.key] && !event.ctrlKey && !event.metaKey) { event.preventDefault(); keys[event.key](); }
  });

  const pointers = new Map();
  stage.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, event);
    stage.setPointerCapture(event.pointerId);
    stage.focus({ preventScroll: true });
  });
  stage.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId);
    if (before) {
      if (pointers.size === 1) move(event.clientX - before.clientX, event.clientY - before.clientY);
      else {
        const other = [...pointers.values()].find((pointer) => pointer.pointerId !== event.pointerId);
        const far = (a) => Math.hypot(a.clientX - other.clientX, a.clientY - other.clientY);
        const box = stage.getBoundingClientRect();
        if (far(before) > 0) scale(far(event) / far(before), other.clientX - box.left, other.clientY - box.top);
      }
      pointers.set(event.pointerId, event);
    }
    read(event);
  });
  for (const name of ["pointerup", "pointercancel"]) stage.addEventListener(name, (event) => pointers.delete(event.pointerId));

  /** The value of an image in units of the ideal image's peak, if that is known. */
  function ofPeak(image, value) {
    if (white === 1) return value;
    const range = ranges.get(image.label);
    return range ? range[0] + value / white * (range[1] - range[0]) : null;
  }
  function valueAt(image, x, y) {
    const factor = image.width / width;
    const column = Math.floor((x + 0.5) * factor), row = Math.floor((y + 0.5) * factor);
    return image.values[row * image.width + column];
  }
  function say(image, x, y) {
    const value = valueAt(image, x, y), peak = ofPeak(image, value);
    const level = white === 1 ? "" : `level ${value} of ${white}`;
    return [level, peak === null ? "" : `${peak.toFixed(3)} of the peak`].filter(Boolean).join(", ");
  }
  function read(event) {
    const box = stage.getBoundingClientRect();
    readAt((event.clientX - box.left - left) / zoom - 0.5, (event.clientY - box.top - top) / zoom - 0.5);
  }
  function readAt(x, y) {
    if (!base || x < -0.5 || y < -0.5 || x >= width - 0.5 || y >= height - 0.5) {
      readout.textContent = "Outside the image.";
      return;
    }
    const places = [`x ${x.toFixed(1)}, y ${y.toFixed(1)} px`];
    if (pixel > 0) places.push(`${(x * pixel).toFixed(2)}, ${(y * pixel).toFixed(2)} Å`);
    places.push(say(base, x, y));
    if (over) places.push(`overlay ${say(over, x, y)}`);
    readout.textContent = places.join(" · ");
  }

  new ResizeObserver(fit).observe(stage);
  fit();
  update();
})();
