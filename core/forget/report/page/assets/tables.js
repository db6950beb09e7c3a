// The table of all results, and the table of evidence.

const COLUMNS = [
  { name: "label", title: "run" },
  { name: "checkpoint", title: "checkpoint" },
  { name: "title", title: "benchmark" },
  { name: "base_score", title: "base", right: true, show: (row) => fixed(row.base_score) },
  { name: "score", title: "score", right: true, show: (row) => fixed(row.score) },
  { name: "delta", title: "change", right: true, show: (row) => signed(row.delta, 2) },
  { name: "low", title: `${Math.round(100 * page.level)} % interval`, right: true, show: (row) => row.between },
  { name: "p", title: "p", right: true, show: (row) => pValue(row.p) },
  { name: "p_holm", title: "p (Holm)", right: true, show: (row) => pValue(row.p_holm) },
  { name: "verdict", title: "verdict", show: (row) => verdictMark(row.verdict) },
  { name: "items", title: "items", right: true, show: (row) => row.items_of },
  { name: "lost", title: "lost", right: true, show: (row) => whole(row.lost) },
  { name: "gained", title: "gained", right: true, show: (row) => whole(row.gained) },
  { name: "detectable", title: "detectable", right: true, show: (row) => fixed(row.detectable) },
];

const FRAME = Object.keys(page.results);

const OTHER = FRAME.filter((name) => !COLUMNS.some((col) => col.name === name)).map((name) => ({
  name,
  title: name,
  right: results.some((row) => typeof row[name] === "number"),
  show: (row) => plainly(row[name], name),
}));

function plainly(value, name) {
  if (value == null || value === "") return "–";
  if (typeof value !== "number") return String(value);
  return SHARES.has(name) ? value.toFixed(2) : brief(value);
}

const listing = { sorted: { name: "", up: true }, shown: 100, step: 200 };

function resultsWanted() {
  const chosen = choose("results", {
    run: () => [["", "all"], ...runChoices()],
    checkpoints: () => [["last", "the last of each run"], ["all", "all"]],
    benchmark: () => [["", "all"], ...exams],
    verdict: () => [["", "all"], ...choicesOf(Object.keys(page.symbols))],
  });
  const words = document.getElementById("results-search").value.trim().toLowerCase();
  const rows = results.filter(
    (row) =>
      (!chosen.run || row.run === chosen.run) &&
      (chosen.checkpoints === "all" || row.last) &&
      (!chosen.benchmark || isOf(chosen.benchmark, row)) &&
      (!chosen.verdict || row.verdict === chosen.verdict) &&
      (!words || told(row).includes(words)),
  );
  const { name, up } = listing.sorted;
  return name ? rows.sort((a, b) => compare(a[name], b[name], up)) : rows;
}

const told = (row) =>
  [row.run, row.checkpoint, row.title, row.verdict, row.reason].join(" ").toLowerCase();

/** Order two values; what is not known comes last either way. */
function compare(a, b, up) {
  if (a == null || b == null) return (a == null) - (b == null);
  const order = typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
  return up ? order : -order;
}

function listResults() {
  const rows = resultsWanted();
  const shown = rows.slice(0, listing.shown);
  const columns = document.getElementById("results-all").checked ? [...COLUMNS, ...OTHER] : COLUMNS;
  const sort = (name) => {
    listing.sorted = { name, up: listing.sorted.name === name ? !listing.sorted.up : true };
    listResults();
    document.querySelector(`#results-table th[data-column="${name}"] button`).focus();
  };
  const caption = "Scores and changes in points of 100. Activate a column's name to sort by it.";
  const node = table(caption, columns, shown, { sorted: listing.sorted, sort });
  document.getElementById("results-table").replaceChildren(node);
  const { name, up } = listing.sorted;
  const order = name ? `, sorted by ${name}, ${up ? "ascending" : "descending"}` : "";
  document.getElementById("results-count").textContent =
    `${whole(shown.length)} of ${count(rows.length, "row")} shown${order}.`;
  document.getElementById("results-more").hidden = rows.length <= listing.shown;
}

function setUpResults() {
  const again = () => {
    listing.shown = 100;
    listResults();
  };
  const form = document.getElementById("results-filter");
  form.onsubmit = (event) => event.preventDefault();
  form.onchange = again;
  document.getElementById("results-search").oninput = settled(150, again);
  document.getElementById("results-more").onclick = () => {
    listing.shown += listing.step;
    listResults();
  };
  document.getElementById("results-save").onclick = () =>
    save("results", FRAME, resultsWanted().map((row) => row.source));
  listResults();
}

// --- evidence

/** Grade the evidence as 0 to 3, by Holm's p where there are several benchmarks. */
function grade(row) {
  const p = row.kind === "benchmark" ? row.p_holm : row.p;
  if (p == null || row.delta === 0) return 0;
  return (p < 0.05) + (p < 0.01) + (p < 0.001);
}

function evidenceCell(row) {
  if (!row || row.delta == null) return make("td", { class: "empty" }, row ? "not eval." : "none");
  const level = grade(row);
  const stars = make("sup", { "aria-hidden": "true" }, "*".repeat(level));
  const side = row.delta < 0 ? "lost" : "won";
  const p = row.kind === "benchmark" ? `p (Holm) ${pValue(row.p_holm)}` : `p ${pValue(row.p)}`;
  return make(
    "td",
    {
      class: level ? `${side}-${level}` : "",
      title: [
        `${row.title}, ${row.checkpoint}: ${signed(row.delta, 2)} ${row.between}`,
        p,
        row.verdict,
        `${row.items_of} items`,
      ].join(", "),
    },
    signed(row.delta),
    stars,
  );
}

const shortStep = (checkpoint) => checkpoint.replace(/^step-0*(?=\d)/, "");

function drawEvidence() {
  const several = unique(lastRows.map((row) => row.label)).length > 1 ? [["", "all that are judged"]] : [];
  const { run } = choose("evidence", { run: () => [...several, ...runChoices()] });
  const rows = run ? results.filter((row) => row.run === run) : lastRows;
  const benchmarks = exams
    .filter(([exam]) => rows.some((row) => isOf(exam, row)))
    .map(([exam, title]) => ({ title, apart: exam === "average", holds: (row) => isOf(exam, row) }));
  const others = run
    ? checkpointsOf(run).map((name) => ({ title: shortStep(name), holds: (row) => row.checkpoint === name }))
    : unique(rows.map((row) => row.label)).map((title) => ({ title, holds: (row) => row.label === title }));
  const [columns, lines] = run ? [others, benchmarks] : [benchmarks, others];
  const body = lines.map((line) =>
    make(
      "tr",
      { class: line.apart ? "apart" : "" },
      make("th", { scope: "row" }, line.title),
      ...columns.map((col) => evidenceCell(rows.find((row) => line.holds(row) && col.holds(row)))),
    ),
  );
  const corner = make("th", { scope: "col" }, run ? "step" : "run");
  const head = make("tr", {}, corner, ...columns.map((col) => make("th", { scope: "col" }, col.title)));
  const caption = run ? `${labelOf(run)}: change at each checkpoint` : "Change at each run's last checkpoint, or of each model compared";
  const parts = [captioned(caption), make("thead", {}, head), make("tbody", {}, ...body)];
  document
    .querySelector("[data-heatmap] .scroll")
    .replaceChildren(make("table", { class: "heat" }, ...parts));
}
