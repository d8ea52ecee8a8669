"use strict";

// The page works without this script, which adds the copy button and the view of a confusion matrix's cells.

const run = JSON.parse(document.getElementById("run").textContent);

// --- The command ----------------------------------------------------------------------------------------------------

const copyButton = document.getElementById("copy");
copyButton.hidden = !navigator.clipboard;
copyButton.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(document.getElementById("command").textContent);
    copyButton.textContent = "Copied";
  } catch {
    copyButton.textContent = "Refused";
  }
  setTimeout(() => { copyButton.textContent = "Copy"; }, 1500);
});

// --- Cells of a confusion matrix ------------------------------------------------------------------------------------

const places = new Map(run.places ?? []);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function figureOf(index, truth, predicted) {
  const item = element("li");
  const place = places.get(index);
  if (place !== undefined) {
    const tile = element("span", "tile");
    tile.setAttribute("role", "img");
    tile.setAttribute("aria-label", `test example ${index}: true ${truth}, predicted ${predicted}`);
    tile.style.setProperty("--x", place % run.columns);
    tile.style.setProperty("--y", Math.floor(place / run.columns));
    item.append(tile);
  }
  // Without pictures, only the numbers of the examples distinguish them.
  if (!run.places) {
    item.append(element("p", "", `#${index}`));
    return item;
  }
  const labels = element("p", "labels", truth === predicted ? truth : `${truth} read as `);
  if (truth !== predicted) labels.append(element("b", "wrong", predicted));
  item.append(labels, element("p", "index", `#${index}`));
  return item;
}

function openCell(confusion, button) {
  const t = Number(button.dataset.t);
  const p = Number(button.dataset.p);
  const [truth, predicted] = [run.classes[t], run.classes[p]];
  const model = run.models[Number(confusion.dataset.model)];
  const total = Number(button.textContent.replace(/\D/g, ""));
  const indices = t === p
    ? model.right[t]
    : model.wrong.filter((wrong) => wrong[1] === t && wrong[2] === p).map((wrong) => wrong[0]);

  for (const other of confusion.querySelectorAll("button[aria-pressed=true]")) other.setAttribute("aria-pressed", "false");
  button.setAttribute("aria-pressed", "true");

  const examples = total === 1 ? "example" : "examples";
  const title = t === p ? `${truth}, rightly read as ${truth}` : `${truth}, read as ${predicted}`;
  let note = `${total.toLocaleString("en")} test ${examples}`;
  if (indices.length < total) note += `; the first ${indices.length} are shown`;
  else if (t !== p && model.ordered && total > 1) note += ", the worst mistake first";
  const bare = run.places ? indices.filter((index) => !places.has(index)).length : 0;
  if (bare > 0) note += `; ${bare} of them without their picture, to keep the page small`;

  const list = element("ol", "gallery");
  list.tabIndex = 0;
  list.setAttribute("aria-label", title);
  list.append(...indices.map((index) => figureOf(index, truth, predicted)));
  confusion.querySelector(".title").replaceChildren(element("h4", "", title), element("p", "note", `${note}.`));
  confusion.querySelector(".examples").replaceChildren(list);
}

// The nearest button from a cell in one direction: cells with a count of 0 have no button.
function neighbour(button, down, right) {
  const cell = button.closest("td");
  const rows = cell.closest("tbody").rows;
  let row = cell.parentElement.sectionRowIndex + down;
  let column = cell.cellIndex + right;
  while (rows[row]?.cells[column]) {
    const found = rows[row].cells[column].querySelector("button");
    if (found) return found;
    row += down;
    column += right;
  }
  return null;
}

const arrows = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

for (const confusion of document.querySelectorAll(".confusion")) {
  const buttons = [...confusion.querySelectorAll("button[data-t]")];
  if (buttons.length === 0) continue;
  const wrong = buttons.filter((button) => button.dataset.t !== button.dataset.p);
  const count = (button) => Number(button.textContent.replace(/\D/g, ""));
  const first = wrong.reduce((best, button) => (count(button) > count(best) ? button : best), wrong[0] ?? buttons[0]);

  // The whole matrix is one tab stop; the arrow keys move within it.
  const stop = (button) => buttons.forEach((other) => { other.tabIndex = other === button ? 0 : -1; });
  stop(first);
  openCell(confusion, first);
  confusion.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-t]");
    if (!button) return;
    stop(button);
    openCell(confusion, button);
  });
  confusion.addEventListener("keydown", (event) => {
    const button = event.target.closest("button[data-t]");
    if (!button || !(event.key in arrows)) return;
    event.preventDefault();
    const next = neighbour(button, ...arrows[event.key]);
    if (!next) return;
    stop(next);
    next.focus();
  });
}
