// Small things that every part of the page does.

/** The element of this id. */
export const at = (id) => document.getElementById(id);

/** Show this one of the page's parts that take turns. */
export function turnTo(id) {
  for (const part of ["choose", "work", "failure", "answer"]) at(part).hidden = part !== id;
}

/** Say something to those who listen instead of look. */
export function say(text) {
  at("said").textContent = text;
}

/** A new element with these properties and children. */
export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

/** The files that the server could not use, each with its reason in words; folded where others were. */
export function showRefused(refused, used) {
  at("refused").hidden = !refused.length;
  at("refused").open = !used;
  at("refused-title").textContent = `${refused.length} ${refused.length === 1 ? "file was" : "files were"} not used`;
  at("refused-list").replaceChildren(
    ...refused.map(({ name, message }) => make("li", {}, make("b", { textContent: name }), ` ${message}`)),
  );
}
