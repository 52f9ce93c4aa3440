// The slider through a volume, over a strip that shows in which slices the tumour is, and how large.

import { CALLS, count } from "./words.js";

const SVG = "http://www.w3.org/2000/svg";
const LEAST = 0.12; // height of the lowest bar

export class Scroller {
  /** `onMove(number)` is told of the slice, from 0. */
  constructor(group, onMove) {
    this.group = group;
    this.strip = group.querySelector("svg");
    this.range = group.querySelector("input");
    this.legend = group.querySelector("#legend");
    this.range.addEventListener("input", () => onMove(this.range.valueAsNumber));
    new ResizeObserver(() => this.measure()).observe(this.range);
  }

  /** A strip for these slices of an answer; hidden where there is but one. */
  load(slices) {
    this.slices = slices;
    this.group.hidden = slices.length < 2;
    this.range.max = slices.length - 1;
    this.legend.hidden = !slices.some(({ call }) => call === "unsure"); // bars of one colour speak for themselves
    const largest = Math.max(1, ...slices.map((slice) => slice.tumor_pixels));
    this.strip.setAttribute("viewBox", `0 0 ${slices.length} 1`);
    this.strip.replaceChildren(
      ...slices.flatMap(({ call, tumor_pixels: pixels }, number) => {
        if (call === "empty" && !pixels) return [];
        const height = Math.max(LEAST, pixels / largest);
        const bar = document.createElementNS(SVG, "rect");
        const place = { x: number + 0.08, y: 1 - height, width: 0.84, height };
        for (const [name, value] of Object.entries(place)) bar.setAttribute(name, value);
        bar.setAttribute("class", call);
        return [bar];
      }),
    );
    this.measure();
  }

  set(number) {
    const { call, tumor_pixels: pixels } = this.slices[number];
    this.range.value = number;
    const area = pixels ? `, ${count(pixels)} pixels` : "";
    this.range.setAttribute("aria-valuetext", `Slice ${number + 1} of ${this.slices.length}: ${CALLS[call].noun}${area}`);
  }

  /** The thumb frames a slice's cell; its width can't be said in CSS. */
  measure() {
    if (!this.slices) return;
    this.range.style.setProperty("--cell", `${Math.max(8, this.range.clientWidth / this.slices.length)}px`);
  }
}

/** The slice to look at first: that with the largest area, else the likeliest. */
export function largestOf(slices) {
  const better = (a, b) => slices[a].tumor_pixels - slices[b].tumor_pixels || slices[a].tumor_probability - slices[b].tumor_probability;
  return slices.reduce((best, _, number) => (better(number, best) > 0 ? number : best), 0);
}
