// Numbers and answers in words.

export const CALLS = {
  tumor: { title: "TUMOR", noun: "tumour" },
  unsure: { title: "UNSURE", noun: "unsure" },
  empty: { title: "NO TUMOR", noun: "no tumour" },
};

const whole = new Intl.NumberFormat("en");
const UNITS = ["bytes", "KiB", "MiB", "GiB"];

export const count = (number) => whole.format(number);

export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** A probability as per cent, never quite 0 or 100. */
export function percent(probability) {
  const value = 100 * probability;
  if (value < 0.1) return "< 0.1 %";
  if (value > 99.9) return "> 99.9 %";
  return `${value.toFixed(1)} %`;
}

/** A measure with two digits or more that say something: 0.034, 1.2, 88. */
export function measure(value, unit) {
  const digits = value >= 10 || value === 0 ? 0 : value >= 1 ? 1 : value >= 0.1 ? 2 : 3;
  return `${whole.format(Number(value.toFixed(digits)))} ${unit}`;
}

/** Bytes as people read them. */
export function size(bytes) {
  const power = bytes < 1024 ? 0 : Math.min(3, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power && value < 9.95 && value % 1 ? value.toFixed(1) : Math.round(value)} ${UNITS[power]}`;
}

/** What a study is called: its kind, and how many slices it has. */
export function kindOf(study) {
  const slices = plural(study.slices.length, "slice");
  if (study.kind === "nifti") return `NIfTI volume, ${slices}`;
  if (study.kind === "dicom") return `DICOM series, ${slices}`;
  return study.slices.length === 1 ? "Slice" : slices;
}

/** The answer to a study in a sentence or two, the part after the verdict. */
export function summarise(study) {
  const marked = study.tumor_slices;
  const slices = study.slices.length;
  if (study.call === "tumor") {
    if (!study.tumor_pixels) return "Tumour is likely, but no pixel is sure enough to be marked.";
    return slices === 1 ? "The orange area is what the model takes for tumour." : `Marked in ${marked} of ${slices} slices.`;
  }
  if (study.call === "unsure") {
    const which = slices === 1 ? "This slice" : plural(study.slices.filter((s) => s.call === "unsure").length, "slice");
    const but = study.tumor_pixels ? " A possible area is marked." : "";
    return `The model abstains. ${which} may or may not hold tumour. Have a person look.${but}`;
  }
  if (study.tumor_pixels) {
    return `${plural(study.tumor_pixels, "pixel is", "pixels are")} marked, too few or too faint to call it a tumour.`;
  }
  return slices === 1 ? "The model finds no tumour in this slice." : `The model finds no tumour in any of ${slices} slices.`;
}

/** How many studies have which answer: "3 studies: 1 tumour, 2 no tumour". */
export function tally(studies) {
  const parts = Object.entries(CALLS)
    .map(([call, { noun }]) => [studies.filter((study) => study.call === call).length, noun])
    .filter(([number]) => number)
    .map(([number, noun]) => `${number} ${noun}`);
  return `${plural(studies.length, "study", "studies")}: ${parts.join(", ")}`;
}
