// Elements, choices and files. Text is only ever set as text, so that no model can write markup.

function make(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") node.className = value;
    else if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.map((child) => child ?? ""));
  return node;
}

/** Fill a select with [value, text] pairs; what was chosen stays chosen where it still can be. */
function offer(select, choices) {
  const before = select.value;
  select.replaceChildren(...choices.map(([value, text]) => make("option", { value }, text)));
  if (choices.some(([value]) => value === before)) select.value = before;
}

const choicesOf = (names) => names.map((name) => [name, name]);
const runChoices = () => runs.map((run) => [run, labelOf(run)]);

function table(caption, columns, rows, options = {}) {
  const head = make("tr", {}, ...columns.map((col) => heading(col, options)));
  const body = rows.map((row) =>
    make("tr", {}, ...columns.map((col, place) => cell(col, row, place === 0))),
  );
  return make(
    "table",
    {},
    captioned(caption),
    make("thead", {}, head),
    make("tbody", {}, ...body),
  );
}

/** A caption stays in sight where its table is wider than the window. */
const captioned = (text) => make("caption", {}, make("span", {}, text));

function heading(col, { sorted, sort }) {
  const node = make("th", { scope: "col", class: col.right ? "right" : "" });
  if (!sort) {
    node.append(col.title);
    return node;
  }
  const direction = sorted.name === col.name ? (sorted.up ? "ascending" : "descending") : "none";
  node.setAttribute("aria-sort", direction);
  node.append(make("button", { type: "button", onclick: () => sort(col.name) }, col.title));
  node.dataset.column = col.name;
  return node;
}

function cell(col, row, first) {
  const content = col.show ? col.show(row) : (row[col.name] ?? "–");
  if (first) return make("th", { scope: "row" }, content);
  return make("td", { class: col.right ? "right" : "" }, content);
}

function verdictMark(name) {
  const symbol = make("span", { "aria-hidden": "true" }, page.symbols[name] ?? "");
  return make("span", { class: `verdict ${name}` }, symbol, ` ${name === "missing" ? "not evaluated" : name}`);
}

/** Have the browser save rows as CSV. */
function save(name, columns, rows) {
  const field = (value) => {
    const text = value == null ? "" : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = [columns, ...rows.map((row) => columns.map((col) => row[col]))];
  const text = lines.map((line) => line.map(field).join(",")).join("\r\n");
  const address = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  make("a", { href: address, download: `${name}.csv` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** Call a function once, when no further call has come for a while. */
function settled(wait, work) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(work, wait);
  };
}
