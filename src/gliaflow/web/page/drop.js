// Files that a person chooses or drops, folders included, as [{file, path}].

const HIDDEN = /^(\.|__MACOSX$|thumbs\.db$|desktop\.ini$)/i;

/** The files of an <input type=file>, of a folder as well. */
export function chosen(input) {
  return [...input.files]
    .map((file) => ({ file, path: file.webkitRelativePath || file.name }))
    .filter(({ path }) => isShown(path));
}

/** The files that were dropped. Folders are walked; what the system hides in them is left out. */
export async function dropped(transfer) {
  // Entries are to be taken before the first wait: after it the transfer is empty.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const found = [];
  for (const entry of entries) await walk(entry, entry.name, found);
  return found;
}

async function walk(entry, path, found) {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    found.push({ file, path });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject)); // 100 at a time
    if (!some.length) return;
    for (const child of some) if (!HIDDEN.test(child.name)) await walk(child, `${path}/${child.name}`, found);
  }
}

const isShown = (path) => !path.split("/").some((part) => HIDDEN.test(part));
