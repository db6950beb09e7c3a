// Items that were right before and wrong after, or the reverse, to read.

const reading = { first: 0, size: 5 };

const DIRECTIONS = { lost: "▼ lost: right before, wrong after", gained: "▲ gained: wrong before, right after" };

const titleOf = new Map(exams);

function itemsWanted() {
  const among = (name, rows) => unique(rows.map((row) => row[name]));
  const of = (rows, name, value) => (value ? rows.filter((row) => row[name] === value) : rows);
  const chosen = choose("items", {
    run: () => [["", "all"], ...among("run", flips).map((run) => [run, labelOf(run)])],
    checkpoint: ({ run }) => [["", "all"], ...choicesOf(among("checkpoint", of(flips, "run", run)))],
    benchmark: () => [["", "all"], ...among("benchmark", flips).map((name) => [name, titleOf.get(name) ?? name])],
    direction: () => [["", "both"], ["lost", "lost"], ["gained", "gained"]],
  });
  return Object.entries(chosen).reduce((rows, [name, value]) => of(rows, name, value), flips);
}

function matching(rows) {
  const words = document.getElementById("items-search").value.trim().toLowerCase();
  if (!words) return rows;
  const texts = ["prompt", "target", "base_response", "response", "task"];
  return rows.filter((row) => texts.some((name) => String(row[name] ?? "").toLowerCase().includes(words)));
}

function listItems() {
  const wanted = itemsWanted();
  const rows = matching(wanted);
  reading.first = Math.max(0, Math.min(reading.first, rows.length - 1));
  const shown = rows.slice(reading.first, reading.first + reading.size);
  document.getElementById("items-list").replaceChildren(...shown.map(itemCard));
  const place = shown.length
    ? `${reading.first + 1} to ${reading.first + shown.length} of ${count(rows.length, "item")}`
    : "No item";
  document.getElementById("items-count").textContent = `${place}. ${sampled(wanted)}`;
  document.getElementById("items-previous").disabled = reading.first === 0;
  document.getElementById("items-next").disabled = reading.first + reading.size >= rows.length;
}

/** Say how many of the items that changed the page has. */
function sampled(rows) {
  if (!rows.length) return "None that changed is on the page.";
  const group = (row) => JSON.stringify([row.run, row.checkpoint, row.benchmark, row.direction]);
  const totals = new Map(rows.map((row) => [group(row), row.flips_total ?? 0]));
  const total = [...totals.values()].reduce((sum, number) => sum + number, 0);
  if (total <= rows.length) return "These are all.";
  return `The page carries ${whole(rows.length)} of the ${whole(total)} that changed, as a sample.`;
}

function itemCard(row) {
  const benchmark = titleOf.get(row.benchmark) ?? row.benchmark;
  const where = row.task && row.task !== row.benchmark ? ` (${row.task})` : "";
  const answer = (title, content) => make("div", {}, make("p", { class: "label" }, title), pre(content));
  return make(
    "article",
    { class: "item" },
    make("h3", {}, `${benchmark}${where}, item ${row.doc_id}`),
    make("p", { class: "about" }, [DIRECTIONS[row.direction], labelOf(row.run), row.checkpoint].join(" · ")),
    make("p", { class: "label" }, "Prompt"),
    pre(row.prompt),
    make(
      "div",
      { class: "answers" },
      answer(`Base, score ${plainly(row.base_score, "")}`, row.base_response),
      answer(`Checkpoint, score ${plainly(row.score, "")}`, row.response),
      answer("Expected", row.target),
    ),
  );
}

const pre = (content) => make("pre", { tabIndex: 0 }, content || "(empty)");

function setUpItems() {
  const again = () => {
    reading.first = 0;
    listItems();
  };
  const turn = (pages) => () => {
    reading.first += pages * reading.size;
    listItems();
    document.getElementById("items-title").scrollIntoView();
  };
  const form = document.getElementById("items-filter");
  form.onsubmit = (event) => event.preventDefault();
  form.onchange = again;
  document.getElementById("items-search").oninput = settled(150, again);
  document.getElementById("items-previous").onclick = turn(-1);
  document.getElementById("items-next").onclick = turn(1);
  listItems();
}
