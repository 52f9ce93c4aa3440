// Several files as one zip archive, not compressed: what goes in is compressed already.

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

const UTF8 = 0x800; // names are in UTF-8
const DAY = 0x21; // 1 January 1980, the first there is: the archive of equal files is equal

/** A zip archive, as a blob, of files given as [{name, bytes}]; names are unique and less than 64 kB. */
export function zip(files) {
  const parts = [];
  const directory = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const encoded = new TextEncoder().encode(name);
    const facts = [20, UTF8, 0, 0, DAY]; // version needed, flags, method, time, day
    const sizes = [crc32(bytes), bytes.length, bytes.length];
    const local = record(0x04034b50, facts, sizes, [encoded.length, 0]);
    directory.push(record(0x02014b50, [20, ...facts], sizes, [encoded.length, 0, 0, 0, 0], [0, offset]), encoded);
    parts.push(local, encoded, bytes);
    offset += local.length + encoded.length + bytes.length;
  }
  const length = directory.reduce((sum, part) => sum + part.length, 0);
  const end = record(0x06054b50, [0, 0, files.length, files.length], [length, offset], [0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** Little-endian: a signature and then groups, by turns of two bytes and of four bytes a number. */
function record(signature, ...groups) {
  const length = groups.reduce((sum, group, turn) => sum + group.length * (turn % 2 ? 4 : 2), 4);
  const view = new DataView(new ArrayBuffer(length));
  view.setUint32(0, signature, true);
  let at = 4;
  groups.forEach((group, turn) => {
    for (const value of group) {
      if (turn % 2) view.setUint32(at, value, true);
      else view.setUint16(at, value, true);
      at += turn % 2 ? 4 : 2;
    }
  });
  return new Uint8Array(view.buffer);
}
