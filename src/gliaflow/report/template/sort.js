// Makes the headings of sortable tables buttons that order the rows; without it the tables stay as they were written.
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const number = (text) => parseFloat(text.replaceAll(",", ""));
  table.querySelectorAll("thead th").forEach((head, at) => {
    const button = document.createElement("button");
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      const numeric = head.classList.contains("number");
      const text = (row) => row.cells[at].textContent.trim();
      const order = (a, b) => {
        if (!numeric) return sign * text(a).localeCompare(text(b));
        const [x, y] = [number(text(a)), number(text(b))];
        return isNaN(x) || isNaN(y) ? isNaN(x) - isNaN(y) : sign * (x - y);
      };
      body.append(...[...body.rows].sort(order));
      for (const other of table.querySelectorAll("thead th")) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    });
  });
}
