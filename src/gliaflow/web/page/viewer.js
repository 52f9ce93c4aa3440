// One slice on the stage: drawn sharp at any zoom, moved by pointer, wheel and pinch.

import { aspectOf, decode, paint } from "./pictures.js";

const MOST = 8; // times zoomed in
const NOTCH = 40; // pixels of the wheel, a slice
const RULES = [100, 50, 20, 10, 5, 2, 1]; // mm

export class Viewer {
  /**
   * `onStep(by)` is asked for another slice, by the wheel, where `canStep(by)` says that there is one; `onZoom(zoom)` is
   * told how far in it is.
   */
  constructor(stage, { canStep, onStep, onZoom }) {
    this.stage = stage;
    this.canvas = stage.querySelector("canvas");
    this.rule = stage.querySelector(".rule");
    this.canStep = canStep;
    this.onStep = onStep;
    this.onZoom = onZoom;
    this.opacity = 0.3;
    this.masked = true;
    this.picture = null;
    this.spacing = null;
    this.pointers = new Map();
    this.turned = 0; // pixels of the wheel since the last slice: touch pads send many small ones
    this.fit();
    new ResizeObserver(() => this.draw()).observe(stage);
    this.canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.canvas.addEventListener("pointerdown", (event) => this.down(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(name, (event) => this.pointers.delete(event.pointerId));
    }
  }

  /** Show a slice of an answer; where another is asked for meanwhile, that one stays. Gives it decoded, or null. */
  async show(slice, spacing) {
    this.wanted = slice;
    const picture = await decode(slice);
    if (this.wanted !== slice) return null;
    this.picture = picture;
    this.spacing = spacing;
    this.draw();
    return picture;
  }

  fit() {
    this.zoomTo(1);
  }

  zoomBy(factor, x = 0.5, y = 0.5) {
    this.zoomTo(this.zoom * factor, x, y);
  }

  /** Zoom so that what is at (x, y), shares of the stage, stays there. */
  zoomTo(zoom, x = 0.5, y = 0.5) {
    const before = this.zoom ?? 1;
    this.zoom = Math.min(MOST, Math.max(1, zoom));
    const grown = this.zoom / before;
    this.x = x - (x - (this.x ?? 0.5)) * grown; // where the slice's middle is
    this.y = y - (y - (this.y ?? 0.5)) * grown;
    this.keep();
  }

  keep() {
    const reach = (this.zoom - 1) / 2;
    this.x = Math.min(0.5 + reach, Math.max(0.5 - reach, this.x));
    this.y = Math.min(0.5 + reach, Math.max(0.5 - reach, this.y));
    this.canvas.classList.toggle("zoomed", this.zoom > 1);
    this.onZoom(this.zoom);
    this.draw();
  }

  draw() {
    const { picture, canvas } = this;
    const box = this.stage.getBoundingClientRect();
    if (!picture || !box.width) return;
    const dots = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(box.width * dots), Math.round(box.height * dots)];
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    const aspect = aspectOf(this.spacing);
    const down = this.zoom * Math.min(width / (picture.width * aspect), height / picture.height);
    const across = down * aspect;
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, width, height);
    paint(context, picture, {
      left: this.x * width - (picture.width * across) / 2,
      top: this.y * height - (picture.height * down) / 2,
      across,
      down,
      opacity: this.opacity,
      masked: this.masked,
      line: 1.75 * dots,
    });
    this.drawRule(down / dots);
  }

  /** A line of a round length, where pixels have one. */
  drawRule(pixel) {
    this.rule.hidden = !this.spacing;
    if (!this.spacing) return;
    const mm = pixel / this.spacing[1];
    const length = RULES.find((rule) => rule * mm <= 120) ?? RULES.at(-1);
    this.rule.firstElementChild.style.width = `${length * mm}px`;
    this.rule.dataset.length = `${length} mm`;
  }

  place(event) {
    const box = this.canvas.getBoundingClientRect();
    return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
  }

  wheel(event) {
    if (event.ctrlKey) {
      event.preventDefault();
      const { x, y } = this.place(event);
      this.zoomBy(Math.exp(-event.deltaY / 300), x, y);
      return;
    }
    const towards = Math.sign(event.deltaY);
    if (!this.canStep(towards)) return; // the page scrolls
    event.preventDefault();
    if (towards !== Math.sign(this.turned)) this.turned = 0;
    this.turned += event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : towards * NOTCH;
    if (Math.abs(this.turned) < NOTCH) return;
    this.turned = 0;
    this.onStep(towards);
  }

  down(event) {
    this.pointers.set(event.pointerId, this.place(event));
    this.canvas.setPointerCapture(event.pointerId); // so that it is heard of when it goes up, wherever that is
  }

  move(event) {
    const before = this.pointers.get(event.pointerId);
    if (!before) return;
    const now = this.place(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) {
      const apart = (a) => Math.hypot(a.x - other.x, a.y - other.y) || 1e-3;
      this.zoomBy(apart(now) / apart(before), (now.x + other.x) / 2, (now.y + other.y) / 2);
    } else if (this.zoom > 1) {
      this.x += now.x - before.x;
      this.y += now.y - before.y;
      this.keep();
    }
  }
}
