// What is known of a study and its slices, in words.

import { CALLS, count, measure, percent, plural, summarise } from "./words.js";

/** Rows [name, value, note] of the table beside a slice; a note may be empty. */
export function factsOf(study, number) {
  const slice = study.slices[number];
  const several = study.slices.length > 1;
  const rows = [];
  if (several) {
    const name = study.kind === "picture" ? slice.name.split("/").at(-1) : ""; // only then it is a file's
    rows.push([`Slice ${number + 1}`, `${CALLS[slice.call].title}, ${percent(slice.tumor_probability)}`, name]);
  }
  const pixels = plural(slice.tumor_pixels, "pixel");
  const area = slice.area_mm2 === null ? pixels : `${measure(slice.area_mm2, "mm²")} · ${pixels}`;
  const unknown = slice.area_mm2 === null && slice.tumor_pixels > 0;
  rows.push([several ? "Its area" : "Area", area, unknown ? "The file does not say how large a pixel is." : ""]);
  if (several) rows.push(["In all slices", plural(study.tumor_pixels, "pixel"), ""]);
  if (several && study.volume_ml !== null) rows.push(["Volume", measure(study.volume_ml, "mL"), ""]);
  rows.push(["Picture", `${slice.width} × ${slice.height} pixels`, spacingOf(study.spacing_mm)]);
  return rows;
}

const millimetres = (length) => Number(length.toFixed(2));

function spacingOf(spacing) {
  if (!spacing) return "";
  const [slices, rows, columns] = spacing.map(millimetres);
  return `${columns} × ${rows} mm a pixel, ${slices} mm from slice to slice`;
}

/** A slice for who can't see it; `middle` is that of its mask, as shares of width and height. */
export function describe(study, number, middle = null) {
  const slice = study.slices[number];
  const which = study.slices.length > 1 ? `Slice ${number + 1} of ${study.slices.length}, FLAIR` : `FLAIR slice ${slice.name}`;
  const marked = slice.tumor_pixels ? `${count(slice.tumor_pixels)} pixels marked as tumour` : "nothing marked";
  return `${which}: ${CALLS[slice.call].noun}, ${marked}${middle ? `, ${placed(middle)}` : ""}.`;
}

function placed({ x, y }) {
  const across = x < 0.4 ? "left" : x > 0.6 ? "right" : "middle";
  const down = y < 0.4 ? "upper" : y > 0.6 ? "lower" : "central";
  return `in the ${down} ${across} of the picture`;
}

/** The answer to a study, as it is read out. */
export function spoken(study) {
  const parts = [`${study.name}: ${CALLS[study.call].title}.`, summarise(study)];
  parts.push(`Probability of tumour ${percent(study.tumor_probability)}.`, ...study.warnings);
  return parts.join(" ");
}
