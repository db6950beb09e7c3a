// Charts: their choices, their size, and the table of numbers below each.

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
  node.finalize?.();
  node.finalize = null;
  if (!drawn.length) {
    plot.removeAttribute("aria-label");
    plot.replaceChildren(make("p", { class: "absent" }, "There is nothing to draw."));
    return;
  }
  const spec = structuredClone(page.charts[name]);
  spec.description = `${titleOfFigure(name)}. ${figure.reading(rows, chosen)}`;
  spec.datasets = { rows: drawn.map(({ source, ...row }) => row), ...figure.data?.() };
  const layered = spec.spec ?? spec;
  layered.layer &&= layered.layer.filter(hasRows(spec.datasets));
  if (plot.clientWidth < 560) stackLegends(spec.config.legend);
  figure.fit?.(spec, plot.clientWidth, chosen);
  const view = await window.vegaEmbed(plot, spec, {
    renderer: "svg",
    actions: false,
    ast: true, // expressions are interpreted: the page's policy allows no evaluation of text
    tooltip: { disableDefaultStyle: true },
  });
  node.finalize = view.finalize;
}

const titleOfFigure = (name) => document.getElementById(`${name}-title`).textContent;

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
    const made = table(`${titleOfFigure(name)}: numbers`, figure.columns, rows);
    details.querySelector(".scroll").replaceChildren(made);
  };
  details.ontoggle = fill;
  details.querySelector(".download").onclick = () =>
    save(name, figure.columns.map((col) => col.name), rows);
  fill();
}

/** Lay panels of a facet out so that they fill the width, in the order of the rows. */
function inPanels(spec, width, panel, labels = 60) {
  spec.facet.sort = unique(spec.datasets.rows.map((row) => row[spec.facet.field]));
  const room = width - labels;
  spec.columns = Math.min(spec.facet.sort.length, Math.max(1, Math.floor(room / panel)));
  spec.spacing = 24;
  spec.spec.width = Math.min(420, Math.max(120, Math.floor(room / spec.columns) - 24));
}
