"use strict";
const { rows, cutouts } = JSON.parse(document.getElementById("data").textContent);
const COLUMNS = ["file", "page", "line", "position", "left", "top", "width", "height", "text", "label"];
const TITLES = COLUMNS.map((column) => (column === "text" ? "read" : column));
const list = document.getElementById("rows");
const save = document.getElementById("save");
const inputs = [];

// What is typed is kept by what it is about, so that a page that is made anew still has it.
const keyOf = (row) =>
  JSON.stringify(["digits", location.pathname, row.file, row.page, row.line, row.position]);

function stored(row) {
  try {
    return localStorage.getItem(keyOf(row)) ?? "";
  } catch {
    return ""; // a browser that stores nothing
  }
}

function store(row, value) {
  try {
    if (value) localStorage.setItem(keyOf(row), value);
    else localStorage.removeItem(keyOf(row));
  } catch {
    document.getElementById("status").textContent = "This browser stores nothing: save before you leave.";
  }
}

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function placeOf(row) {
  const parts = [row.file];
  if (row.page > 1) parts.push(`page ${row.page}`);
  if (row.line !== null) parts.push(`line ${row.line}`);
  if (row.position !== null) parts.push(`digit ${row.position}`);
  return parts.join(", ");
}

function show(row) {
  const item = element("li");
  for (const key of row.cutouts) {
    const image = element("img");
    image.alt = `As it stands in the picture: ${placeOf(row)}`;
    image.src = `data:image/png;base64,${cutouts[key]}`;
    item.append(image);
  }
  const read = element("p");
  if (row.text) read.append("read as ", element("span", "read", row.text));
  else read.append("nothing was read");
  if (row.confidence !== null) read.append(element("span", "soft", `, ${(100 * row.confidence).toFixed(1)} % sure`));
  item.append(read);
  if (row.reason) item.append(element("p", "soft", row.reason));
  item.append(element("p", "soft", placeOf(row)));
  const label = element("label", "", "right:");
  const input = element("input");
  input.inputMode = "numeric";
  input.autocomplete = "off";
  input.placeholder = " ";
  input.setAttribute("aria-label", `The right digits of ${placeOf(row)}`);
  input.value = stored(row);
  input.addEventListener("input", () => {
    input.value = input.value.replace(/[^0-9 ]/g, "");
    store(row, input.value.trim());
    count();
  });
  input.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    (inputs[inputs.indexOf(input) + 1] ?? save).focus();
  });
  inputs.push(input);
  label.append(input);
  item.append(label);
  list.append(item);
}

function corrections() {
  return rows
    .map((row, index) => ({ ...row, label: inputs[index].value.trim() }))
    .filter((row) => row.label);
}

function count() {
  const number = corrections().length;
  document.getElementById("corrected").firstChild.data = `${number} `;
  save.disabled = number === 0;
}

const cell = (value) => {
  const text = String(value ?? "");
  return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

save.addEventListener("click", () => {
  const lines = corrections().map((row) => COLUMNS.map((column) => cell(row[column])).join(","));
  const text = [TITLES.join(","), ...lines, ""].join("\n");
  const link = element("a");
  link.href = URL.createObjectURL(new Blob([text], { type: "text/csv;charset=utf-8" }));
  link.download = "corrections.csv";
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  document.getElementById("status").textContent = `${lines.length} saved.`;
});

rows.forEach(show);
count();
