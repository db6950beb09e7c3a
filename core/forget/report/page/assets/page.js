// What happens when the page opens: the theme, the tables, then one chart after the other.

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function setUpTheme() {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : dark.matches);
  const show = () => button.setAttribute("aria-pressed", String(isDark()));
  button.onclick = () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    show();
  };
  dark.addEventListener("change", show);
  show();
}

const painted = () => new Promise((done) => setTimeout(done, 0));

async function drawAll() {
  for (const name of Object.keys(FIGURES)) {
    await draw(name);
    await painted(); // the page answers between two charts
  }
}

function redrawOnResize() {
  let width = window.innerWidth;
  window.addEventListener(
    "resize",
    settled(200, () => {
      if (window.innerWidth === width) return;
      width = window.innerWidth;
      drawAll();
    }),
  );
}

setUpTheme();
for (const name of Object.keys(FIGURES)) {
  document.querySelector(`[data-figure="${name}"] .controls`).onchange = () => draw(name);
}
document.querySelector("[data-heatmap] .controls").onchange = drawEvidence;
drawEvidence();
setUpResults();
setUpItems();
redrawOnResize();
drawAll().then(() => {
  document.documentElement.dataset.drawn = "true";
});
