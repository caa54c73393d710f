"use strict";
// The page is whole without this script: it makes the matrix's cells buttons, and sorts tiles.

const NUMBERS = { confidence: -1, wrong: -1, index: 1, who: 1, true: 1, predicted: 1 };

function clonesOf(tiles) {
  return tiles.map((tile) => tile.cloneNode(true));
}

// What is shown of a cell follows the pointer and the focus; a press keeps it.
function enliven(matrix) {
  const panel = document.getElementById("cell");
  const heading = panel.querySelector("p");
  const list = panel.querySelector("ul");
  const tiles = [...document.querySelectorAll("[data-cell-of]")];
  const buttons = [];
  let kept = null;

  function show(button) {
    const found = tiles.filter((tile) => tile.dataset.cellOf === button.dataset.cell);
    const [label, read] = button.dataset.cell.split(" ");
    const order = label === read ? "least" : "most";
    const shown = found.length < Number(button.dataset.count) ? `${found.length} of them, ` : "";
    heading.textContent = `${button.dataset.words}. Below: ${shown}the ${order} confident first.`;
    list.replaceChildren(...clonesOf(found));
  }

  function keep(button) {
    if (kept) {
      kept.setAttribute("aria-pressed", "false");
      kept.tabIndex = -1;
    }
    kept = button;
    kept.setAttribute("aria-pressed", "true");
    kept.tabIndex = 0;
    show(kept);
  }

  // The next button in a direction: rows and columns have gaps, where nothing was read so.
  function neighbour(button, key) {
    const [row, column] = button.dataset.cell.split(" ").map(Number);
    const ways = {
      ArrowRight: (r, c) => r === row && c > column && c - column,
      ArrowLeft: (r, c) => r === row && c < column && column - c,
      ArrowDown: (r, c) => r > row && (r - row) * 100 + Math.abs(c - column),
      ArrowUp: (r, c) => r < row && (row - r) * 100 + Math.abs(c - column),
    };
    if (!ways[key]) return null;
    const far = buttons
      .map((other) => [ways[key](...other.dataset.cell.split(" ").map(Number)), other])
      .filter(([distance]) => distance !== false);
    return far.sort((a, b) => a[0] - b[0])[0]?.[1] ?? button;
  }

  for (const cell of matrix.querySelectorAll("td[data-cell]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = cell.textContent.trim();
    Object.assign(button.dataset, cell.dataset);
    button.setAttribute("aria-label", cell.dataset.words);
    button.setAttribute("aria-pressed", "false");
    button.tabIndex = -1;
    button.addEventListener("click", () => keep(button));
    button.addEventListener("focus", () => show(button));
    button.addEventListener("pointerenter", (event) => event.pointerType === "mouse" && show(button));
    button.addEventListener("keydown", (event) => {
      const next = neighbour(button, event.key);
      if (!next) return;
      event.preventDefault();
      keep(next);
      next.focus();
    });
    cell.replaceChildren(button);
    buttons.push(button);
  }
  matrix.addEventListener("pointerleave", () => kept && show(kept));
  panel.hidden = false;
  for (const hint of document.querySelectorAll(".hint")) hint.hidden = false;
  const wrong = buttons.filter((button) => button.closest(".wrong"));
  const most = wrong.sort((a, b) => Number(b.dataset.count) - Number(a.dataset.count))[0];
  keep(most ?? buttons[0]);
  // On a phone the table is wider than the window: what is chosen is to be in sight.
  const table = matrix.parentElement;
  const hidden = kept.getBoundingClientRect().right - table.getBoundingClientRect().right;
  if (hidden > 0) table.scrollLeft = hidden;
}

function sortable(group) {
  const list = document.getElementById(group.dataset.sorts);
  group.hidden = false;
  group.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { by } = button.dataset;
    for (const other of group.querySelectorAll("button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    // Equal ones stay as they are in the page: the most confident first.
    const tiles = [...list.children].sort((a, b) => Number(a.dataset.index) - Number(b.dataset.index));
    tiles.sort((a, b) => Number(b.dataset.confidence ?? 0) - Number(a.dataset.confidence ?? 0));
    tiles.sort((a, b) => NUMBERS[by] * (Number(a.dataset[by]) - Number(b.dataset[by])));
    list.replaceChildren(...tiles);
  });
}

const matrix = document.querySelector(".matrix");
if (matrix && matrix.querySelector("td[data-cell]")) enliven(matrix);
for (const group of document.querySelectorAll("[data-sorts]")) sortable(group);
