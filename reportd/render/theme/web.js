// Sorts a table by a column, within its groups; the third click restores the order that the report gave.
for (const table of document.querySelectorAll(".rows table")) {
  const decimal = document.documentElement.dataset.decimal;
  const heads = [...table.tHead.rows[0].cells];
  const bodies = [...table.tBodies].map((body) => [body, [...body.rows].filter((row) => !row.className)]);
  const key = (row, at) => {
    const cell = row.cells[at];
    if (cell.dataset.s !== undefined) return cell.dataset.s || null;
    const text = cell.textContent.trim();
    if (!heads[at].hasAttribute("data-number")) return text === "–" ? null : text;
    const number = parseFloat(text.replaceAll("−", "-").replace(/[^0-9.,-]/g, "").split(decimal)
      .map((part) => part.replace(/[.,]/g, "")).join("."));
    return Number.isNaN(number) ? null : number;
  };
  const compare = (a, b) => typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true });
  heads.forEach((head, at) => {
    // No <button>: browsers leave those out of the headers that they repeat on paper.
    const button = document.createElement("span");
    button.setAttribute("role", "button");
    button.tabIndex = 0;
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      button.click();
    });
    button.addEventListener("click", () => {
      const next = { ascending: "descending", descending: "none" }[head.getAttribute("aria-sort")] || "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      if (next !== "none") head.setAttribute("aria-sort", next);
      table.classList.toggle("sorted", next !== "none"); // then every row says its own keys
      const sign = next === "descending" ? -1 : 1;
      for (const [body, rows] of bodies) {
        const keyed = rows.map((row) => [next === "none" ? 0 : key(row, at), row]);
        if (next !== "none") keyed.sort(([a], [b]) => a === null ? (b === null ? 0 : 1) : b === null ? -1 : sign * compare(a, b));
        const rest = [...body.rows].find((row) => row.classList.contains("subtotal") || row.classList.contains("cut"));
        for (const [, row] of keyed) body.insertBefore(row, rest || null);
      }
    });
  });
}
