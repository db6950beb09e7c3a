// The data of the page: columns become rows once, and numbers become text in one way.

const page = JSON.parse(document.getElementById("data").textContent);

const column = (found) =>
  Array.isArray(found) ? found : found.codes.map((code) => (code < 0 ? null : found.levels[code]));

function rowsOf(table) {
  const columns = Object.entries(table).map(([name, found]) => [name, column(found)]);
  const count = columns.length ? columns[0][1].length : 0;
  return Array.from({ length: count }, (_, index) =>
    Object.fromEntries(columns.map(([name, values]) => [name, values[index]])),
  );
}

const SHARES = new Set([
  "base_score", "score", "delta", "stderr", "low", "high", "boot_low", "boot_high", "margin",
  "detectable", "detectable_holm", "forgetting", "backward_transfer", "band_low", "band_high",
  "worst_low", "worst_high",
]);

/** A comparison has several models to judge, each under its own name, and no method or data set. */
function naming(row) {
  const prefix = page.prefixes[row.run];
  return {
    label: prefix == null ? page.labels[row.run] : prefix + row.checkpoint,
    variant: row.variant || row.checkpoint,
    dataset: row.dataset || "comparison",
    // An average of a part of the benchmarks is not to be compared with one of all, or of others.
    absent: row.delta == null ? "not evaluated" : row.kind === "average" && row.title !== "average" ? row.title : null,
  };
}

/** Rows of the frame; shares are in points of 100, as people say them, and `source` is as it was. */
const results = rowsOf(page.results).map((row) => {
  const found = { ...row, ...naming(row), source: row };
  for (const name of SHARES) if (found[name] != null) found[name] *= 100;
  found.between = interval(found.low, found.high);
  found.band = interval(found.band_low, found.band_high);
  found.items_of = itemsOf(found);
  return found;
});
const curves = rowsOf(page.curves);
const flips = rowsOf(page.flips);

const unique = (values) => [...new Set(values)];
const runs = unique(results.map((row) => row.run));
const labelOf = (run) => page.labels[run] ?? run;
const lastRows = results.filter((row) => row.last);

const OWN_TASK = "task";
const named = (kind) => [
  ...new Map(results.filter((row) => row.kind === kind).map((row) => [row.benchmark, row.title])),
];
const average = results.some((row) => row.kind === "average") ? [["average", "average"]] : [];
const tasks = named("task");

/** Exams as [name, title]: benchmarks, the average, the task; runs may have different tasks. */
const exams = [
  ...named("benchmark"),
  ...average,
  ...(tasks.length > 1 ? [[OWN_TASK, "own task"]] : tasks),
];

const isOf = (exam, row) => (exam === OWN_TASK ? row.kind === "task" : row.benchmark === exam);

const checkpointsOf = (run) =>
  unique(results.filter((row) => row.run === run).map((row) => row.checkpoint));

/** Models between base and checkpoint have a step and are none: a curve leaves them out. */
const isStep = (row) => row.step != null && !row.checkpoint.startsWith("wise-");

function fixed(value, digits = 2) {
  return value == null ? "–" : value.toFixed(digits);
}

function signed(value, digits = 1) {
  if (value == null) return "–";
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return (value < 0 ? "−" : "+") + text;
}

function interval(low, high, digits = 2) {
  return low == null || high == null ? "–" : `[${signed(low, digits)}, ${signed(high, digits)}]`;
}

function pValue(p) {
  if (p == null) return "–";
  return p < 0.001 ? "< 0.001" : p < 0.1 ? String(Number(p.toPrecision(2))) : p.toFixed(2);
}

function whole(value) {
  return value == null ? "–" : value.toLocaleString("en");
}

const brief = (value) => String(Number(value.toPrecision(4)));

function itemsOf(row) {
  if (row.items == null) return "–";
  const few = row.required_items != null && row.items < row.required_items;
  return whole(row.items) + (few ? ` of ${whole(row.required_items)}` : "");
}
