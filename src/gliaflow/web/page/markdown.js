// A model card, which is Markdown, as elements: headings, paragraphs, lists, tables, bold, code. Nothing in it is HTML.

/** The elements of a Markdown text; headings start at `level`. */
export function elementsOf(text, level = 3) {
  return text
    .split(/\n{2,}/)
    .flatMap((block) => blocksOf(block.trim(), level))
    .filter(Boolean);
}

function blocksOf(block, level) {
  if (!block) return [];
  const lines = block.split("\n");
  const heading = /^(#{1,6})\s+(.*)$/.exec(lines[0]);
  if (heading) {
    const name = `h${Math.min(6, heading[1].length + level - 1)}`;
    return [element(name, heading[2]), ...blocksOf(lines.slice(1).join("\n").trim(), level)];
  }
  if (lines[0].startsWith("|")) return [table(lines)];
  if (/^[-*] /.test(lines[0])) return [list(lines)];
  return [element("p", lines.join(" "))];
}

function list(lines) {
  const items = [];
  for (const line of lines) {
    if (/^[-*] /.test(line)) items.push(line.slice(2));
    else items[items.length - 1] += ` ${line.trim()}`;
  }
  const found = document.createElement("ul");
  found.append(...items.map((item) => element("li", item)));
  return found;
}

function table(lines) {
  const rows = lines.map((line) => line.replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim()));
  const ruled = rows.length > 1 && rows[1].every((cell) => /^:?-+:?$/.test(cell));
  const found = document.createElement("table");
  rows.forEach((cells, number) => {
    if (ruled && number === 1) return;
    const row = found.insertRow();
    row.append(...cells.map((cell) => element(ruled && number === 0 ? "th" : "td", cell)));
  });
  const wide = document.createElement("div");
  wide.className = "wide";
  wide.append(found);
  return wide;
}

function element(name, text) {
  const found = document.createElement(name);
  for (const part of text.split(/(\*\*.+?\*\*|`[^`]+`)/)) {
    if (part.startsWith("**") && part.length > 4) found.append(element("b", part.slice(2, -2)));
    else if (part.startsWith("`") && part.length > 2) found.append(plain("code", part.slice(1, -1)));
    else found.append(part.replace(/\\([\\`*_|{}[\]()#+.!-])/g, "$1"));
  }
  return found;
}

function plain(name, text) {
  const found = document.createElement(name);
  found.textContent = text;
  return found;
}
