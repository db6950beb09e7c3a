// What each chart shows: its choices, its rows, a sentence that says what is to be seen, its numbers.

const points = (name, title) => ({ name, title, right: true, show: (row) => signed(row[name], 2) });
const text = (name, title) => ({ name, title });
const JUDGED = [
  points("delta", "change"),
  text("between", `${Math.round(100 * page.level)} % interval`),
  { name: "p_holm", title: "p (Holm)", right: true, show: (row) => pValue(row.p_holm) },
  { name: "verdict", title: "verdict", show: (row) => verdictMark(row.verdict) },
  { name: "items_of", title: "items", right: true },
];

const count = (number, one, many = `${one}s`) => `${whole(number)} ${number === 1 ? one : many}`;
const evaluated = (rows) => rows.filter((row) => row.delta != null);
const absent = (rows, where) =>
  rows.length > evaluated(rows).length
    ? ` Not evaluated ${where}: ${unique(rows.filter((row) => row.delta == null).map((row) => row.label)).join(", ")}.`
    : "";

/** Name averages that leave benchmarks out, which are not to be compared with the others. */
function partial(rows) {
  const some = rows.filter((row) => row.kind === "average" && row.delta != null && row.title !== "average");
  return some.length ? ` Of a part of the benchmarks alone: ${unique(some.map((row) => `${row.label} (${row.title})`)).join(", ")}.` : "";
}

/** Say how many rows got each verdict. */
function tally(rows) {
  const said = Object.keys(page.symbols)
    .map((name) => [name, rows.filter((row) => row.verdict === name).length])
    .filter(([, number]) => number > 0)
    .map(([name, number]) => `${number} ${name === "missing" ? "not evaluated" : name}`);
  return said.join(", ") || "nothing to judge";
}

const FIGURES = {
  forest: {
    choices: {
      run: runChoices,
      checkpoint: (chosen) => choicesOf(checkpointsOf(chosen.run).reverse()),
    },
    rows: ({ run, checkpoint }) =>
      results
        .filter((row) => row.run === run && row.checkpoint === checkpoint && row.kind !== "task")
        .sort((a, b) => (a.kind === "average") - (b.kind === "average"))
        .map((row) => ({ ...row, label: partly(row), absent: row.delta == null || null })),
    reading: (rows, { run, checkpoint }) => {
      const judged = rows.filter((row) => row.kind === "benchmark");
      const below = judged.filter((row) => row.high != null && row.high < 0);
      return (
        `${labelOf(run)}, ${checkpoint}: ${tally(judged)}. ` +
        `${count(below.length, "interval")} of ${evaluated(judged).length} lie wholly below zero` +
        `${below.length ? ` (${below.map((row) => row.title).join(", ")})` : ""}.`
      );
    },
    columns: [text("label", "benchmark"), ...JUDGED],
    fit: (spec) => {
      spec.height = 26 * spec.datasets.rows.length;
    },
  },

  trajectories: {
    choices: { exam: examChoices },
    rows: ({ exam }) => withBase(results.filter((row) => isOf(exam, row) && isStep(row))),
    reading: (rows, { exam }) => {
      const all = results.filter((row) => isOf(exam, row));
      const between = all.filter((row) => !isStep(row)).length;
      const left = between ? ` ${count(between, "model")} without a step of their own are in the table of results alone.` : "";
      return `${count(runs.length, "run")}; ${tally(all.filter((row) => row.last))} at the last checkpoint.${absent(all, "at some checkpoint")}${partial(all.filter((row) => row.last))}${left}`;
    },
    columns: [text("label", "run"), text("checkpoint", "checkpoint"), points("delta", "change"), text("band", "simultaneous band"), JUDGED[3]],
    fit: (spec, width) => inPanels(spec, width, 215),
  },

  methods: {
    choices: { exam: examChoices, panels: () => [["dataset", "a panel for each data set"], ["variant", "a panel for each method"]] },
    rows: ({ exam, panels }) => {
      const rows = lastRows.filter((row) => isOf(exam, row));
      const models = unique(rows.map((row) => row.model)).length > 1;
      const other = panels === "dataset" ? "variant" : "dataset";
      const seen = {};
      return rows.map((row) => {
        const panel = [row[panels], models && row.model].filter(Boolean).join(" · ");
        const entry = row[other];
        const offset = (seen[[panel, entry]] = (seen[[panel, entry]] ?? -1) + 1);
        return { ...row, panel, entry, offset, absent: row.delta == null || null };
      });
    },
    reading: (rows) => `${count(rows.length, "run")}: ${tally(rows)}.${absent(rows, "in")}${partial(rows)}`,
    columns: [text("panel", "panel"), text("entry", "entry"), text("label", "run"), ...JUDGED],
    fit: (spec, width) => {
      inPanels(spec, width, 260, 120);
      if (spec.datasets.rows.every((row) => row.offset === 0)) delete spec.spec.encoding.yOffset;
    },
  },

  frontier: {
    choices: { checkpoints: () => [["last", "the last of each run"], ["all", "all, joined in their order"]] },
    rows: ({ checkpoints }) => {
      const task = new Map(results.filter((row) => row.kind === "task").map((row) => [keyOf(row), row]));
      return results
        .filter((row) => row.kind === "average" && (checkpoints === "all" || row.last))
        .map((row) => ({ ...row, ...learned(task.get(keyOf(row))), joined: (checkpoints === "all" && isStep(row)) || null }));
    },
    reading: (rows) => {
      const shown = rows.filter((row) => row.delta != null && row.task_delta != null);
      const gained = shown.filter((row) => row.task_low > 0);
      const missing = rows.length - shown.length;
      return (
        `${count(shown.length, "checkpoint")}; ${gained.length} learned more than chance explains, of which ` +
        `${gained.filter((row) => row.high < 0).length} lost on average.` +
        (missing ? ` Not drawn, for want of task accuracy or average: ${count(missing, "checkpoint")}.` : "") +
        partial(shown)
      );
    },
    columns: [text("label", "run"), text("checkpoint", "checkpoint"), points("task_delta", "gained"), text("task_between", "its interval"), ...JUDGED.slice(0, 2)],
    drawn: (row) => row.delta != null && row.task_delta != null,
  },

  razor: {
    choices: {},
    rows: () =>
      results
        .filter((row) => row.kind === "average" && row.kl_to_base != null && row.delta != null)
        .map((row) => ({ ...row, forgotten: -row.delta })),
    reading: (rows) => {
      const all = results.filter((row) => row.kind === "average").length;
      const left = all > rows.length ? ` Not drawn, for want of KL or average: ${count(all - rows.length, "checkpoint")}.` : "";
      return `${count(rows.length, "checkpoint")}. ${page.razor ? page.razor.words : "There is no fit: it takes four checkpoints with three different KLs."}${left}`;
    },
    columns: [
      text("label", "run"),
      text("checkpoint", "checkpoint"),
      { name: "kl_to_base", title: "KL", right: true, show: (row) => fixed(row.kl_to_base, 3) },
      { name: "kl_to_base_stderr", title: "its error", right: true, show: (row) => fixed(row.kl_to_base_stderr, 3) },
      points("forgotten", "forgotten"),
    ],
    data: () => ({ fit: page.razor ? page.razor.curve : [] }),
  },

  training: {
    choices: { metric: () => choicesOf(loggedNames()), run: () => [["", "all"], ...runChoices()] },
    rows: ({ metric, run }) =>
      curves
        .filter((row) => row[metric] != null && (!run || row.run === run))
        .map((row) => ({ run: row.run, step: row.step, value: row[metric], ...describe(row.run) })),
    reading: (rows, { metric, run }) => {
      if (!rows.length) return "No training curve is known.";
      const ends = [...new Map(rows.map((row) => [row.run, row.value])).values()];
      const range = unique([Math.min(...ends), Math.max(...ends)].map((end) => brief(end)));
      const without = runs.filter((name) => (!run || name === run) && !rows.some((row) => row.run === name));
      const left = without.length ? ` Not logged by ${without.map(labelOf).join(", ")}.` : "";
      return `${metric}: ${count(ends.length, "run")}, at the end ${range.join(" to ")}.${left}`;
    },
    columns: [text("label", "run"), { name: "step", title: "step", right: true }, { name: "value", title: "value", right: true, show: (row) => brief(row.value) }],
    fit: (spec, width, { metric }) => {
      spec.encoding.y.title = metric;
    },
  },
};

function examChoices() {
  return [...average, ...exams.filter(([name]) => name !== "average")];
}

const keyOf = (row) => JSON.stringify([row.run, row.checkpoint]);

const partly = (row) =>
  row.items != null && row.required_items != null && row.items < row.required_items ? `${row.title} (${row.items_of} items)` : row.title;

const learned = (task) =>
  task ? { task_delta: task.delta, task_low: task.low, task_high: task.high, task_between: task.between } : {};

const described = new Map(
  results.map(({ run, variant, dataset }) => [run, { label: labelOf(run), variant, dataset }]),
);

const describe = (run) => described.get(run) ?? { label: run, variant: "", dataset: "" };

/** Curves begin at the base, from which all is measured. */
function withBase(rows) {
  const base = unique(rows.map((row) => row.run)).map((run) => ({
    run, label: labelOf(run), checkpoint: "base", step: 0, delta: 0, band_low: 0, band_high: 0, band: "–", verdict: "base",
  }));
  return [...base, ...rows];
}

function loggedNames() {
  const names = Object.keys(curves[0] ?? {}).filter((name) => name !== "run" && name !== "step");
  const numbers = names.filter((name) => curves.some((row) => typeof row[name] === "number"));
  return numbers.sort((a, b) => (b === "loss") - (a === "loss"));
}

/** Lay panels of a facet out so that they fill the width, in the order of the rows. */
function inPanels(spec, width, panel, labels = 60) {
  spec.facet.sort = unique(spec.datasets.rows.map((row) => row[spec.facet.field]));
  const room = width - labels;
  spec.columns = Math.min(spec.facet.sort.length, Math.max(1, Math.floor(room / panel)));
  spec.spacing = 24;
  spec.spec.width = Math.min(420, Math.max(120, Math.floor(room / spec.columns) - 24));
}

// --- drawing

/** Draw one figure as its controls stand. */
async function draw(name) {
  const figure = FIGURES[name];
  const node = document.querySelector(`[data-figure="${name}"]`);
  const chosen = choose(name, figure.choices);
  const rows = figure.rows(chosen);
  node.querySelector(".reading").textContent = figure.reading(rows, chosen);
  fillNumbers(node, name, figure, rows);
  const drawn = rows.filter(figure.drawn ?? (() => true));
  const plot = node.querySelector(".plot");
  if (!drawn.length) {
    plot.replaceChildren(make("p", { class: "absent" }, "There is nothing to draw."));
    return;
  }
  const spec = structuredClone(page.charts[name]);
  spec.description = `${document.getElementById(`${name}-title`).textContent}. ${figure.reading(rows, chosen)}`;
  spec.datasets = { rows: drawn.map(({ source, ...row }) => row), ...(figure.data ? figure.data() : {}) };
  spec.layer &&= spec.layer.filter(hasRows(spec.datasets));
  if (plot.clientWidth < 560) stackLegends(spec.config.legend);
  figure.fit?.(spec, plot.clientWidth, chosen);
  const shown = await window.vegaEmbed(plot, spec, {
    renderer: "svg",
    actions: false,
    ast: true, // expressions are interpreted: the page's policy allows no evaluation of text
    tooltip: { disableDefaultStyle: true },
  });
  node.finalize?.();
  node.finalize = shown.finalize;
}

function stackLegends(legend) {
  legend.columns = 3;
  legend.layout = { bottom: { direction: "vertical" } };
}

/** Tell which layers of a chart have something to show; see `charts.py`. */
const hasRows = (datasets) => (layer) => {
  const rows = datasets[layer.data?.name ?? "rows"] ?? [{}];
  const field = layer.name?.startsWith("if_") && layer.name.slice(3);
  return field ? rows.some((row) => row[field] != null) : rows.length > 0;
};

/** Offer each choice, given the ones before it, and return what is chosen. */
function choose(name, choices) {
  const chosen = {};
  for (const [choice, offered] of Object.entries(choices)) {
    const select = document.getElementById(`${name}-${choice}`);
    offer(select, offered(chosen));
    chosen[choice] = select.value;
  }
  return chosen;
}

/** Make the table of a figure's numbers when it is opened, and not before. */
function fillNumbers(node, name, figure, rows) {
  const details = node.querySelector(".behind");
  const fill = () => {
    if (!details.open) return;
    const title = document.getElementById(`${name}-title`).textContent;
    details.querySelector(".scroll").replaceChildren(table(`${title}: numbers`, figure.columns, rows));
  };
  details.ontoggle = fill;
  details.querySelector(".download").onclick = () =>
    save(name, figure.columns.map((col) => col.name), rows);
  fill();
}
