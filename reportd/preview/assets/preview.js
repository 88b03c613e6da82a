// Shows what `events` tells: the form, what is wrong, and the pictures and cells of the last making.
"use strict";

const $ = (id) => document.getElementById(id);
const PERCENT = { initializing: 4, "fetching-data": 15, "building-report": 45, "generating-file": 75, "storing-file": 92 };
const STEPS = { "fetching-data": "fetch", "building-report": "build", "generating-file": "render", "storing-file": "store" };
const view = { fields: "", made: 0, sheet: null, sheets: "", number: 0 };

const make = (tag, properties = {}, ...children) => {
  const { dataset, aria, ...rest } = properties;
  const element = Object.assign(document.createElement(tag), rest);
  Object.assign(element.dataset, dataset);
  for (const [name, value] of Object.entries(aria || {})) element.setAttribute(`aria-${name}`, value);
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
};
const seconds = (s) => (s < 0.0995 ? `${Math.round(s * 1000)} ms` : `${s.toFixed(2)} s`);
const size = (bytes) => (bytes < 1e6 ? `${Math.ceil(bytes / 1000)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);
const count = (number, noun) => `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;

// -- the news

const news = new EventSource("events");
news.onmessage = (event) => show(JSON.parse(event.data));
news.onerror = () => status("wrong", "reportd dev has ended");

function show(now) {
  document.title = `${now.trouble ? "✗ " : ""}${now.title}`;
  $("title").textContent = now.title;
  $("path").textContent = now.path;
  showForm(now);
  showTrouble(now.trouble);
  showBusy(now);
  if (now.made && now.made.number !== view.made) {
    view.made = now.made.number;
    showFiles(now.made);
    showFacts(now.made);
    showPages(now.made);
    showSheets(now.made);
  }
  for (const [format, pane] of [["pdf", "pages"], ["xlsx", "sheet"]]) {
    if (now.missing[format]) $(pane).replaceChildren(make("p", { className: "why" }, now.missing[format]));
  }
}

function status(state, words) {
  $("status").dataset.state = state;
  $("status").textContent = words;
}

function showBusy(now) {
  document.body.toggleAttribute("data-busy", now.busy !== null);
  $("busy").style.transform = `scaleX(${(PERCENT[now.busy] ?? 100) / 100})`;
  document.querySelector(".panes").classList.toggle("stale", now.trouble !== null);
  if (now.busy !== null) status("busy", `${STEPS[now.busy] || "start"} …`);
  else if (now.trouble) status("wrong", "not made");
  else if (now.made) status("made", `made in ${seconds(now.made.seconds)}`);
}

function showFiles(made) {
  $("files").replaceChildren(...Object.entries(made.files).map(([format, bytes]) => make(
    "a", { href: `made/${made.number}/file/${format}`, target: format === "pdf" ? "_blank" : "", rel: "noopener" },
    format.toUpperCase(), make("small", {}, size(bytes)),
  )));
}

function showFacts(made) {
  const facts = [["Data as of", new Date(made.as_of).toLocaleTimeString()], ["Rows", made.rows.toLocaleString("en")]];
  const most = Math.max(...Object.values(made.steps_s), 0.001);
  const list = make("dl");
  for (const [name, value] of facts) list.append(make("div", { className: "stage" }, make("dt", {}, name), make("dd", {}, value)));
  for (const [step, name] of Object.entries(STEPS)) {
    const taken = made.steps_s[step];
    if (taken === undefined) continue;
    const meter = make("meter", { min: 0, max: most, value: taken }, seconds(taken));
    list.append(make("div", { className: "stage" }, make("dt", {}, name), make("dd", {}, seconds(taken)), meter));
  }
  const empty = made.rows === 0 ? make("p", { className: "empty" }, "No rows for these parameters.") : null;
  $("facts").replaceChildren(...[empty, list].filter(Boolean));
}

// -- the form

function showForm(now) {
  const fields = JSON.stringify(now.fields);
  if (fields !== view.fields) {
    const typed = view.fields ? texts() : {};
    view.fields = fields;
    const made = now.fields.map((field) => fieldOf(field, typed[field.name] ?? now.texts[field.name] ?? ""));
    const reset = make("button", { type: "button", className: "quiet", onclick: clear }, "Back to the defaults");
    const focused = document.activeElement?.form === $("form") ? document.activeElement.id : "";
    $("form").replaceChildren(...(made.length ? [...made, reset] : [make("p", { className: "none" }, "This report has none.")]));
    if (focused) $(focused)?.focus();
  }
  for (const field of now.fields) {
    const input = $(`p-${field.name}`);
    const wrong = now.trouble !== null && now.trouble.param === field.name;
    input.setAttribute("aria-invalid", wrong);
    const note = $(`n-${field.name}`);
    const means = now.made && !now.trouble ? now.made.means[field.name] : undefined;
    const same = means === undefined || means === (input.value || field.default);
    note.className = wrong ? "fault" : "means";
    note.textContent = wrong ? now.trouble.message : same ? "" : means;
  }
}

function fieldOf(field, text) {
  const id = `p-${field.name}`;
  const common = { id, name: field.name, aria: { describedby: `n-${field.name}` } };
  const empty = field.default === "" ? "–" : `${field.default} (default)`;
  let input;
  if (field.control === "choice" || field.control === "truth") {
    const options = field.control === "truth" ? ["true", "false"] : field.choices;
    input = make("select", common, make("option", { value: "" }, empty), ...options.map((each) => make("option", { value: each }, each)));
  } else {
    const type = field.control === "secret" ? "password" : "text";
    input = make("input", { ...common, type, placeholder: field.default || placeholder(field), autocomplete: type === "password" ? "new-password" : "off", spellcheck: false });
    if (["int", "numeric"].includes(field.type) && !field.many) input.inputMode = "decimal";
  }
  input.value = text;
  const list = field.proposals.length
    ? make("datalist", { id: `l-${field.name}` }, ...field.proposals.map((each) => make("option", { value: each }))) : null;
  if (list) input.setAttribute("list", list.id);
  const must = field.required ? make("span", { className: "must", title: "A job must give it" }, " *") : null;
  return make("div", { className: "field" },
    make("label", { htmlFor: id }, field.title, must), input, list,
    make("small", { id: `n-${field.name}` }), field.help ? make("small", {}, field.help) : null);
}

const placeholder = (field) => ({ daterange: "last month", date: "2026-10-31", timestamp: "2026-10-31 14:30", uuid: "0a1b2c3d-…" })[field.type] || "";
const inputs = () => [...$("form").elements].filter((input) => input.name);
const texts = () => Object.fromEntries(inputs().map((input) => [input.name, input.value]));

function send() {
  // An empty secret stays what it was: the page is never told it.
  const given = Object.fromEntries(inputs().map((input) => [input.name, input.type === "password" && !input.value ? null : input.value]));
  fetch("params", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(given) });
}

function clear() {
  for (const input of inputs()) input.value = "";
  fetch("params", { method: "POST", headers: { "content-type": "application/json" }, body: "{}" });
}

$("again").addEventListener("click", send);
document.addEventListener("keydown", (event) => {
  if (event.key === "r" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input, select")) send();
});
$("form").addEventListener("change", send);
$("form").addEventListener("submit", (event) => { event.preventDefault(); send(); });

// -- what is wrong

function showTrouble(trouble) {
  $("trouble").hidden = trouble === null;
  if (trouble === null) return;
  const place = [trouble.file, trouble.line, trouble.column].filter((part) => part !== null).join(":");
  const parts = [make("p", { className: "message" }, trouble.message)];
  if (place) parts.unshift(make("p", { className: "place mono" }, place));
  if (trouble.hint) parts.push(make("p", { className: "hint" }, trouble.hint));
  if (trouble.lines.length) parts.push(make("pre", { className: "mono" }, ...trouble.lines.map((line) => lineOf(line, trouble))));
  $("trouble").replaceChildren(...parts);
}

function lineOf(line, trouble) {
  const number = make("i", {}, String(line.number));
  if (line.number !== trouble.line) return make("div", {}, number, line.text || " ");
  if (trouble.column === null) return make("div", { className: "at" }, number, line.text || " ");
  const characters = [...line.text];
  const before = characters.slice(0, trouble.column - 1).join("");
  const rest = characters.slice(trouble.column - 1).join("");
  const word = (rest.match(/^(?:[\w.$]+|"[^"]*"|'[^']*'|.)/u) || [""])[0];
  return make("div", { className: "at" }, number, before, make("mark", {}, word), rest.slice(word.length));
}

// -- the pages

const seen = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    entry.target.isSeen = entry.isIntersecting;
    if (entry.isIntersecting) draw(entry.target);
  }
}, { root: null, rootMargin: "300px" });

function showPages(made) {
  if (!made.files.pdf) return;
  $("pages-count").textContent = count(made.pages, "page");
  const pages = $("pages");
  for (const other of [...pages.children].filter((child) => !child.classList.contains("page"))) other.remove();
  made.sizes.forEach((paper, index) => {
    let page = pages.children[index];
    if (!page) {
      page = make("figure", { className: "page" });
      pages.append(page);
      seen.observe(page);
    }
    page.style.aspectRatio = `${paper.width} / ${paper.height}`;
    page.wanted = `made/${made.number}/page/${index}`;
    page.alt = `Page ${index + 1} of ${made.pages}`;
    if (page.isSeen) draw(page);
  });
  while (pages.children.length > made.sizes.length) {
    seen.unobserve(pages.lastChild);
    pages.lastChild.remove();
  }
  if (made.pages > made.sizes.length) {
    pages.append(make("p", { className: "none" }, `The PDF has ${made.pages - made.sizes.length} more pages.`));
  }
}

// The new picture takes the old one's place once it is whole, so that nothing flickers and nothing moves.
async function draw(page) {
  if (page.shown === page.wanted) return;
  const wanted = page.shown = page.wanted;
  const width = Math.ceil((page.clientWidth * devicePixelRatio) / 100) * 100;
  const picture = make("img", { src: `${wanted}?width=${width}`, alt: page.alt, dataset: { making: wanted } });
  try {
    await picture.decode();
  } catch {
    return; // replaced meanwhile: the news has come, or will
  }
  if (page.wanted === wanted) page.replaceChildren(picture);
}

// -- the sheet

const looks = new CSSStyleSheet();
document.adoptedStyleSheets = [looks];

function showSheets(made) {
  if (!made.sheets.length) return;
  const names = JSON.stringify(made.sheets);
  if (names !== view.sheets) {
    view.sheets = names;
    // The first sheet repeats what the pages say; the rows are on the second.
    if (!made.sheets.includes(view.sheet)) view.sheet = made.sheets[Math.min(1, made.sheets.length - 1)];
    $("tabs").replaceChildren(...made.sheets.map((name) => make("button", {
      type: "button", role: "tab", onclick: () => choose(name), dataset: { name },
    }, name)));
  }
  view.number = made.number;
  choose(view.sheet);
}

$("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!step) return;
  const tabs = [...$("tabs").children];
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  next.focus();
  choose(next.dataset.name);
});

async function choose(name) {
  const other = name !== view.sheet;
  view.sheet = name;
  const tabs = [...$("tabs").children];
  for (const tab of tabs) {
    tab.setAttribute("aria-selected", tab.dataset.name === name);
    tab.tabIndex = tab.dataset.name === name ? 0 : -1;
  }
  const number = view.number;
  const answer = await fetch(`made/${number}/sheet/${tabs.findIndex((tab) => tab.dataset.name === name)}`);
  if (!answer.ok || number !== view.number || name !== view.sheet) return;
  const sheet = await answer.json();
  const { scrollTop, scrollLeft } = $("sheet");
  const notes = [];
  const shown = sheet.rows.length ? sheet.rows[sheet.rows.length - 1].number : 0;
  if (sheet.rows_count > shown) notes.push(`The first ${shown.toLocaleString("en")} of ${count(sheet.rows_count, "row")}; the file has them all.`);
  const table = grid(sheet, number);
  $("sheet").replaceChildren(table, ...sheet.drawings.map(drawn), ...notes.map((note) => make("p", { className: "note" }, note)));
  const boxes = [...$("sheet").querySelectorAll(".drawing")];
  sheet.drawings.forEach(({ area }, index) => place(boxes[index], area, table));
  $("sheet").scrollTo(other ? 0 : scrollLeft, other ? 0 : scrollTop);
}

function drawn({ kind, title, source }) {
  if (!source) return make("div", { className: "drawing none" }, "A chart, drawn by the spreadsheet program");
  const image = make("img", { src: source, alt: title });
  return make("figure", { className: `drawing ${kind}` }, ...(title ? [make("figcaption", {}, title), image] : [image]));
}

// Lays a box over the cells of an area, rows from 1 and columns from 0.
function place(box, [top, left, bottom, right], table) {
  const line = (number) => table.tBodies[0].rows[number - 1];
  const head = table.tHead.rows[0].cells;
  const last = line(bottom) || table.tBodies[0].lastElementChild;
  if (!line(top) || !head[left + 1]) return box.remove();
  const end = head[Math.min(right + 1, head.length - 1)];
  Object.assign(box.style, {
    top: `${line(top).offsetTop}px`, height: `${last.offsetTop + last.offsetHeight - line(top).offsetTop}px`,
    left: `${head[left + 1].offsetLeft}px`, width: `${end.offsetLeft + end.offsetWidth - head[left + 1].offsetLeft}px`,
  });
}

function grid(sheet, number) {
  looks.replaceSync(sheet.styles.map((style, index) => `.grid td.s${index} { ${rules(style)} }`).join("\n"));
  const table = make("table", { className: sheet.has_grid ? "grid lines" : "grid", dataset: { making: number } });
  const widths = [44, ...sheet.widths];
  table.append(make("colgroup", {}, ...widths.map((width) => {
    const column = make("col");
    column.style.width = `${width}px`;
    return column;
  })));
  const letters = sheet.widths.map((_, index) => make("th", { scope: "col" }, letter(index)));
  table.append(make("thead", {}, make("tr", {}, make("th"), ...letters)));
  const body = make("tbody");
  const spans = new Map(sheet.merged.map(([top, left, bottom, right]) => [`${top}:${left}`, [bottom - top + 1, right - left + 1]]));
  const covered = new Set();
  let next = 1;
  for (const row of sheet.rows) {
    for (; next < row.number; next += 1) body.append(rowOf({ number: next, height: null, cells: [] }, sheet, spans, covered));
    body.append(rowOf(row, sheet, spans, covered));
    next = row.number + 1;
  }
  table.append(body);
  return table;
}

function rowOf(row, sheet, spans, covered) {
  const line = make("tr", {}, make("th", { scope: "row" }, String(row.number)));
  if (row.height !== null) line.style.height = `${(row.height * 4) / 3}px`;
  if (row.number <= sheet.frozen) {
    line.className = "frozen";
  }
  const cells = new Map(row.cells.map((cell) => [cell.column, cell]));
  for (let column = 0; column < sheet.widths.length; column += 1) {
    if (covered.has(`${row.number}:${column}`)) continue;
    const cell = cells.get(column);
    const box = make("td", cell ? { className: `s${cell.style}` } : {}, cell ? cell.text : "");
    const span = spans.get(`${row.number}:${column}`);
    if (span) {
      [box.rowSpan, box.colSpan] = span;
      for (let down = 0; down < span[0]; down += 1) for (let right = 0; right < span[1]; right += 1) covered.add(`${row.number + down}:${column + right}`);
    } else if (cell && !cells.get(column + 1)?.text) box.classList.add("o");
    if (row.number <= sheet.frozen) box.style.top = "22px";
    line.append(box);
  }
  return line;
}

function rules(style) {
  const out = [`font-size: ${style.size}pt`, `vertical-align: ${{ center: "middle", vcenter: "middle", top: "top" }[style.valign] || "bottom"}`];
  if (style.bold) out.push("font-weight: 700");
  if (style.italic) out.push("font-style: italic");
  if (style.underline) out.push("text-decoration: underline");
  if (style.color) out.push(`color: ${style.color}`);
  if (style.fill) out.push(`background: ${style.fill}`);
  if (["left", "right", "center"].includes(style.align)) out.push(`text-align: ${style.align}`);
  if (style.wrap) out.push("white-space: pre-wrap", "overflow-wrap: break-word");
  if (style.indent) out.push(`padding-left: ${4 + style.indent * 9}px`);
  if (style.top) out.push(`border-top: ${style.top}px solid ${style.rule || "currentcolor"}`);
  if (style.bottom) out.push(`border-bottom: ${style.bottom}px solid ${style.rule || "currentcolor"}`);
  return out.join("; ");
}

function letter(index) {
  return (index >= 26 ? letter(Math.floor(index / 26) - 1) : "") + String.fromCharCode(65 + (index % 26));
}

// -- what is shown

for (const choice of document.querySelectorAll(".switch input")) {
  choice.addEventListener("change", () => { document.body.dataset.view = choice.value; });
}
const narrow = matchMedia("(max-width: 860px)");
function fit() {
  $("params").open = !narrow.matches;
  const { view: shown } = document.body.dataset;
  const wanted = narrow.matches && shown === "both" ? "pages" : !narrow.matches ? "both" : shown;
  document.querySelector(`.switch input[value="${wanted}"]`).checked = true;
  document.body.dataset.view = wanted;
}
narrow.addEventListener("change", fit);
fit();
