// From a mask's pixels to its outline.

/**
 * The outline of a mask as closed curves along the borders of its pixels, steps smoothed by half a pixel at most.
 *
 * `mask` has a byte a pixel, row by row, 0 outside. Coordinates are those of pixels, the first pixel's corner is (0, 0).
 * The curves run with the mask on their right, so that holes turn the other way round and stay open when it is filled.
 */
export function outline(mask, width, height) {
  const path = new Path2D();
  for (const corners of loops(mask, width, height)) {
    const sides = middles(corners);
    const ends = middles(sides); // curves meet here, each drawn towards the middle of a side
    path.moveTo(...ends.at(-1));
    sides.forEach((side, k) => path.quadraticCurveTo(...side, ...ends[k]));
    path.closePath();
  }
  return path;
}

/** The middles of the sides of a polygon. */
const middles = (points) => points.map(([x, y], k) => [(x + points[(k + 1) % points.length][0]) / 2, (y + points[(k + 1) % points.length][1]) / 2]);

/** The corners [x, y] of each closed border between mask and background, a pixel's side from one to the next. */
export function loops(mask, width, height) {
  const inside = (x, y) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] > 0;
  const row = width + 1;
  const next = new Map(); // corner -> corners that a side leads to
  const add = (from, to) => next.set(from, [...(next.get(from) ?? []), to]);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (!mask[y * width + x]) continue;
      const corner = y * row + x;
      if (!inside(x, y - 1)) add(corner, corner + 1);
      if (!inside(x + 1, y)) add(corner + 1, corner + 1 + row);
      if (!inside(x, y + 1)) add(corner + 1 + row, corner + row);
      if (!inside(x - 1, y)) add(corner + row, corner);
    }
  }
  const found = [];
  for (const start of next.keys()) {
    while (next.get(start).length) {
      const corners = [];
      let corner = start;
      do {
        corners.push([corner % row, Math.floor(corner / row)]);
        corner = next.get(corner).pop(); // two only where pixels touch at a corner: either way closes
      } while (corner !== start);
      found.push(corners);
    }
  }
  return found;
}

/** Where the middle of a mask lies, as shares of width and height; null for an empty one. */
export function middleOf(mask, width, height) {
  let [x, y, pixels] = [0, 0, 0];
  for (let k = 0; k < mask.length; k++) {
    if (!mask[k]) continue;
    x += k % width;
    y += Math.floor(k / width);
    pixels++;
  }
  return pixels ? { x: (x / pixels + 0.5) / width, y: (y / pixels + 0.5) / height } : null;
}
