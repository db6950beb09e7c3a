// What each chart shows: its choices, its rows, a sentence that says what is to be seen, its numbers.

const number = (name, title, write) => ({ name, title, right: true, show: (row) => write(row[name]) });
const points = (name, title) => number(name, title, (value) => signed(value, 2));
const text = (name, title) => ({ name, title });
const VERDICT = { name: "verdict", title: "verdict", show: (row) => verdictMark(row.verdict) };
const JUDGED = [
  points("delta", "change"),
  text("between", `${Math.round(100 * page.level)} % interval`),
  number("p_holm", "p (Holm)", pValue),
  VERDICT,
  { name: "items_of", title: "items", right: true },
];

const count = (number, one, many = `${one}s`) => `${whole(number)} ${number === 1 ? one : many}`;

/** Rows that are drawn; the others have no number, or one that is not to be compared. */
const shown = (rows) => rows.filter((row) => row.absent == null);

/** Name what is not drawn, and why. */
function left(rows) {
  const reasons = unique(rows.map((row) => row.absent).filter((reason) => reason != null));
  const of = (reason) => rows.filter((row) => row.absent === reason);
  return reasons.map((reason) => ` Not drawn, ${reason}: ${labels(of(reason))}.`).join("");
}

const labels = (rows) => unique(rows.map((row) => row.label)).join(", ");

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
        .map((row) => ({ ...row, label: partly(row), absent: row.delta == null ? row.absent : null })),
    reading: (rows, { run, checkpoint }) => {
      const judged = rows.filter((row) => row.kind === "benchmark");
      const below = judged.filter((row) => row.high != null && row.high < 0);
      const named = below.length ? ` (${below.map((row) => row.title).join(", ")})` : "";
      return (
        `${labelOf(run)}, ${checkpoint}: ${tally(judged)}. ` +
        `${count(below.length, "interval")} of ${shown(judged).length} lie wholly below zero${named}.`
      );
    },
    columns: [text("label", "benchmark"), ...JUDGED],
    fit: (spec) => {
      spec.height = 26 * spec.datasets.rows.length;
    },
  },

  trajectories: {
    choices: { exam: examChoices },
    rows: ({ exam }) => withBase(shown(results.filter((row) => isOf(exam, row) && isStep(row)))),
    reading: (rows, { exam }) => {
      const all = results.filter((row) => isOf(exam, row));
      const between = all.filter((row) => !isStep(row)).length;
      const other = between
        ? ` ${count(between, "model")} without a step of their own are in the table of results alone.`
        : "";
      const last = all.filter((row) => row.last);
      return `${count(runs.length, "run")}; at the last checkpoint ${tally(last)}.${left(all)}${other}`;
    },
    columns: [
      text("label", "run"),
      text("checkpoint", "checkpoint"),
      points("delta", "change"),
      text("band", "simultaneous band"),
      VERDICT,
    ],
    fit: (spec, width) => inPanels(spec, width, 215),
  },

  methods: {
    choices: {
      exam: examChoices,
      panels: () => [["dataset", "a panel for each data set"], ["variant", "a panel for each method"]],
    },
    rows: ({ exam, panels }) => {
      const rows = [...lastRows, ...pooled].filter((row) => isOf(exam, row));
      const models = unique(rows.map((row) => row.model)).length > 1;
      const other = panels === "dataset" ? "variant" : "dataset";
      const seen = {};
      return rows.map((row) => {
        const panel = [row[panels], models && row.model].filter(Boolean).join(" · ");
        const entry = row[other];
        const offset = (seen[[panel, entry]] = (seen[[panel, entry]] ?? -1) + 1);
        const hidden = row.absent == null ? {} : { delta: null, low: null, high: null };
        const title = titleOf.get(row.benchmark) ?? row.benchmark;
        return { ...row, ...hidden, title, panel, entry, offset };
      });
    },
    reading: (rows) => {
      const single = rows.filter((row) => row.seeds == null);
      const said = rows
        .filter((row) => row.seeds != null)
        .map((row) => `${row.label}, ${row.panel}: ${signed(row.delta)} ${interval(row.low, row.high, 1)}, ${row.verdict}`);
      const over = said.length ? ` Over seeds: ${said.join("; ")}.` : "";
      return `${count(single.length, "model")}: ${tally(single)}.${over}${left(single)}`;
    },
    columns: [text("panel", "panel"), text("entry", "entry"), text("label", "run"), ...JUDGED],
    fit: (spec, width) => {
      inPanels(spec, width, 260, 120);
      if (spec.datasets.rows.every((row) => row.offset === 0)) delete spec.spec.encoding.yOffset;
    },
  },

  frontier: {
    choices: {
      checkpoints: () => [["last", "the last of each run"], ["all", "all, joined in their order"]],
    },
    rows: ({ checkpoints }) => {
      const tasks = results.filter((row) => row.kind === "task");
      const task = new Map(tasks.map((row) => [keyOf(row), row]));
      const all = checkpoints === "all";
      return results
        .filter((row) => row.kind === "average" && (all || row.last))
        .map((row) => ({ ...row, ...learned(row, task.get(keyOf(row))), joined: (all && isStep(row)) || null }));
    },
    reading: (rows) => {
      const drawn = shown(rows);
      const gained = drawn.filter((row) => row.task_low > 0);
      const lost = gained.filter((row) => row.high < 0).length;
      return (
        `${count(drawn.length, "checkpoint")}; ${gained.length} learned more than chance explains, ` +
        `of which ${lost} lost on average.${left(rows)}`
      );
    },
    columns: [
      text("label", "run"),
      text("checkpoint", "checkpoint"),
      points("task_delta", "gained"),
      text("task_between", "its interval"),
      ...JUDGED.slice(0, 2),
    ],
    drawn: (row) => row.absent == null,
  },

  razor: {
    choices: {},
    rows: () =>
      results
        .filter((row) => row.kind === "average")
        .map((row) => ({ ...row, forgotten: -row.delta, absent: row.absent ?? (row.kl_to_base == null ? "without KL" : null) })),
    drawn: (row) => row.absent == null,
    reading: (rows) => {
      const said = page.razor?.words ?? "There is no fit: it takes four checkpoints and three different KLs.";
      return `${count(shown(rows).length, "checkpoint")}. ${said}${left(rows)}`;
    },
    columns: [
      text("label", "run"),
      text("checkpoint", "checkpoint"),
      number("kl_to_base", "KL", (value) => fixed(value, 3)),
      number("kl_to_base_stderr", "its error", (value) => fixed(value, 3)),
      points("forgotten", "forgotten"),
      text("title", "of"),
    ],
    data: () => ({ fit: page.razor?.curve ?? [] }),
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
    columns: [text("label", "run"), number("step", "step", whole), number("value", "value", brief)],
    fit: (spec, width, { metric }) => {
      spec.encoding.y.title = metric;
    },
  },
};

function examChoices() {
  return [...average, ...exams.filter(([name]) => name !== "average")];
}

const keyOf = (row) => JSON.stringify([row.run, row.checkpoint]);

function partly(row) {
  const few = row.items != null && row.required_items != null && row.items < row.required_items;
  return few ? `${row.title} (${row.items_of} items)` : row.title;
}

/** What a checkpoint learned, or why that is not known. */
function learned(row, task) {
  if (task?.delta == null) return { absent: row.absent ?? "task not evaluated" };
  return { task_delta: task.delta, task_low: task.low, task_high: task.high, task_between: task.between };
}

const described = new Map(
  results.map(({ run, variant, dataset }) => [run, { label: labelOf(run), variant, dataset }]),
);

const describe = (run) => described.get(run) ?? { label: run, variant: "", dataset: "" };

/** Curves begin at the base, from which all is measured. */
function withBase(rows) {
  const base = unique(rows.map((row) => row.run)).map((run) => ({
    run,
    label: labelOf(run),
    checkpoint: "base",
    step: 0,
    delta: 0,
    band_low: 0,
    band_high: 0,
    band: "–",
    verdict: "base",
  }));
  return [...base, ...rows];
}

function loggedNames() {
  const names = Object.keys(curves[0] ?? {}).filter((name) => name !== "run" && name !== "step");
  const numbers = names.filter((name) => curves.some((row) => typeof row[name] === "number"));
  return numbers.sort((a, b) => (b === "loss") - (a === "loss"));
}
