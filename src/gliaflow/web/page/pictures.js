// The slices of an answer as pictures, decoded when they are looked at and drawn with their masks.

import { middleOf, outline } from "./contour.js";

const ORANGE = "255, 128, 0"; // the colour of predicted masks in every picture of Gliaflow
const KEPT = 64; // slices that stay decoded
const decoded = new Map(); // slice of an answer -> promise of its picture

/**
 * A slice of an answer, decoded: `{image, width, height, mask, path, middle}`. Without tumour mask, path and middle are
 * null.
 */
export function decode(slice) {
  let promise = decoded.get(slice);
  decoded.delete(slice);
  promise ??= load(slice);
  decoded.set(slice, promise); // the newest is last
  if (decoded.size > KEPT) decoded.delete(decoded.keys().next().value);
  return promise;
}

async function load({ image: source, mask: maskSource, width, height }) {
  const image = await open(source);
  if (!maskSource) return { image, width, height, mask: null, path: null, middle: null };
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(await open(maskSource), 0, 0, width, height);
  const rgba = context.getImageData(0, 0, width, height).data;
  const mask = new Uint8Array(width * height);
  for (let k = 0; k < mask.length; k++) mask[k] = rgba[4 * k] > 127 ? 1 : 0;
  return { image, width, height, mask, path: outline(mask, width, height), middle: middleOf(mask, width, height) };
}

async function open(source) {
  const image = new Image();
  image.src = source;
  await image.decode();
  return image;
}

/**
 * Draw a decoded slice, and its mask's fill and contour over it.
 *
 * `across` and `down` are canvas pixels a pixel of the slice, `left` and `top` where it begins; `opacity` of the fill from 0
 * to 1, `line` the contour's width in canvas pixels.
 */
export function paint(context, picture, { left, top, across, down, opacity, masked, line }) {
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture.image, left, top, picture.width * across, picture.height * down);
  if (!masked || !picture.path) return;
  const path = new Path2D();
  path.addPath(picture.path, new DOMMatrix([across, 0, 0, down, left, top])); // so that the line is equally wide everywhere
  context.lineJoin = "round";
  context.fillStyle = `rgba(${ORANGE}, ${opacity})`;
  context.fill(path);
  context.strokeStyle = "rgba(0, 0, 0, 0.45)"; // for contrast on a bright tumour
  context.lineWidth = 1.9 * line;
  context.stroke(path);
  context.strokeStyle = `rgb(${ORANGE})`;
  context.lineWidth = line;
  context.stroke(path);
}

/** How many times wider than high a pixel is. */
export const aspectOf = (spacing) => (spacing ? spacing[2] / spacing[1] : 1);

/** A slice with its mask as a PNG file's blob, enlarged to about 1024 pixels. */
export async function overlay(slice, spacing, opacity) {
  const picture = await decode(slice);
  const aspect = aspectOf(spacing);
  const scale = Math.max(1, Math.round(1024 / Math.max(picture.width * aspect, picture.height)));
  const canvas = new OffscreenCanvas(Math.round(picture.width * scale * aspect), picture.height * scale);
  const look = { left: 0, top: 0, across: canvas.width / picture.width, down: scale, opacity, masked: true, line: 2 };
  paint(canvas.getContext("2d"), picture, look);
  return canvas.convertToBlob({ type: "image/png" });
}
