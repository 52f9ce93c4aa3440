// A NIfTI volume in three planes, by NiiVue, where `make niivue` has put it here. Everything else works without.

import { bytesOf } from "./save.js";

const MODULE = new URL("./niivue/index.js", import.meta.url);
const NIFTI = /\.nii(\.gz)?$/i;

let present = null;

/** Have it that NiiVue is here, or not, where the server says so of itself. */
export function tellPresent(told) {
  if (typeof told === "boolean") present = Promise.resolve(told);
}

/** Whether NiiVue is here; asked once, at the cost of an error in the console where it isn't. */
export function isHere() {
  present ??= fetch(MODULE, { method: "HEAD" }).then(({ ok }) => ok, () => false);
  return present;
}

const stem = (name) => name.split("/").at(-1).replace(NIFTI, "").toLowerCase();

/** The volume that was sent and its mask, {volume, mask}, if both are NIfTI and can be told to belong together. */
export function pairOf(study, files) {
  const mask = study.mask_files.find(({ name }) => NIFTI.test(name));
  const volumes = files.filter(({ path }) => NIFTI.test(path));
  if (study.kind !== "nifti" || !mask) return null;
  const named = volumes.filter(({ path }) => stem(mask.name).startsWith(stem(path)));
  const flair = volumes.filter(({ path }) => /flair/i.test(path));
  const found = named[0] ?? (volumes.length === 1 ? volumes[0] : flair.length === 1 ? flair[0] : null);
  return found && { volume: found.file, mask };
}

/** Draw the pair on the canvas, seen as radiologists do, as slices are on the page, and begin at the tumour. */
export async function open(canvas, { volume, mask }, opacity) {
  const { Niivue, NVImage, SHOW_RENDER, SLICE_TYPE } = await import(MODULE);
  const viewer = new Niivue({
    backColor: [0, 0, 0, 1],
    crosshairColor: [0.49, 0.75, 0.93, 0.8],
    crosshairGap: 12,
    crosshairWidth: 0.75,
    dragAndDropEnabled: false,
    isRadiologicalConvention: true,
    logLevel: "error",
    multiplanarShowRender: SHOW_RENDER.NEVER,
  });
  await viewer.attachToCanvas(canvas);
  viewer.addColormap("tumor", { R: [0, 255], G: [0, 128], B: [0, 0], A: [0, 255], I: [0, 255] });
  viewer.setSliceType(SLICE_TYPE.MULTIPLANAR);
  const name = mask.name.split("/").at(-1);
  const image = await NVImage.loadFromFile({ file: volume, name: volume.name, colormap: "gray" });
  const found = await NVImage.loadFromFile({
    file: new File([bytesOf(mask)], name), name, colormap: "tumor", opacity, cal_min: 0, cal_max: 1,
  });
  [image.cal_min, image.cal_max] = [image.global_min, image.global_max]; // all greys, as on the page
  viewer.addVolume(image);
  viewer.addVolume(found);
  const middle = middleOf(found);
  if (middle) viewer.scene.crosshairPos = viewer.mm2frac(middle);
  viewer.drawScene();
}

/** Where in mm the middle of the mask's fullest slice along the third axis is; null for an empty mask. */
function middleOf({ img, hdr }) {
  const [, columns, rows, slices] = hdr.dims;
  let best = { pixels: 0 };
  for (let slice = 0; slice < slices; slice++) {
    const [sum, start] = [{ pixels: 0, column: 0, row: 0, slice }, slice * rows * columns];
    for (let k = 0; k < rows * columns; k++) {
      if (!img[start + k]) continue;
      sum.pixels += 1;
      sum.column += k % columns;
      sum.row += Math.floor(k / columns);
    }
    if (sum.pixels > best.pixels) best = sum;
  }
  if (!best.pixels) return null;
  const voxel = [best.column / best.pixels, best.row / best.pixels, best.slice, 1];
  return hdr.affine.slice(0, 3).map((line) => line.reduce((total, factor, axis) => total + factor * voxel[axis], 0));
}
