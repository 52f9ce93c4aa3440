// Downloads, made of what the answer holds: the server keeps nothing.

import { zip } from "./zip.js";

/** A mask file of an answer as bytes. */
export function bytesOf(file) {
  return Uint8Array.from(atob(file.content), (character) => character.charCodeAt(0));
}

/** Save a blob as a file of this name; folders in the name are left out. */
export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name.split("/").at(-1);
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // the browser reads it in its own time
}

export function saveMask(file) {
  save(new Blob([bytesOf(file)], { type: file.type }), file.name);
}

/** All masks of a study in an archive. */
export function saveMasks(study) {
  const files = study.mask_files.map((file) => ({ name: file.name, bytes: bytesOf(file) }));
  save(zip(files), `${study.name}_masks.zip`);
}

export function saveTable(table) {
  save(new Blob([table], { type: "text/csv" }), "answers.csv");
}
