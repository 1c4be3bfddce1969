"use strict";
// Sorting, filtering and links into closed parts. Without this script everything can still be read.
(() => {
  const open = () => {
    const chosen = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (chosen && chosen.tagName === "DETAILS") { chosen.open = true; chosen.scrollIntoView(); }
  };
  addEventListener("hashchange", open);
  open();
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    closed.forEach((part) => { part.open = true; });
  });
  addEventListener("afterprint", () => closed.forEach((part) => { part.open = false; }));

  const table = document.getElementById("results");
  if (!table) return;
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows];
  const keyOf = (row, column) => row.cells[column].dataset.key ?? row.cells[column].textContent.trim();

  const compare = (column, isNumber, sign) => (a, b) => {
    const [left, right] = [keyOf(a, column), keyOf(b, column)];
    if (left === "" || right === "") return (left === "") - (right === ""); // not measured comes last, either way
    return sign * (isNumber ? Number(left) - Number(right) : left.localeCompare(right, "en"));
  };
  const sortBy = (column) => {
    const head = heads[column];
    const isDown = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
    rows.sort(compare(column, head.classList.contains("number"), isDown ? -1 : 1));
    body.append(...rows);
  };
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    button.addEventListener("click", () => sortBy(column));
    head.append(button);
  });

  const shown = document.getElementById("shown");
  const filter = document.getElementById("filter");
  const apply = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    rows.forEach((row) => {
      row.hidden = !words.every((word) => row.dataset.words.includes(word));
      count += !row.hidden;
    });
    shown.value = words.length ? `${count} of ${rows.length}` : "";
  };
  filter.addEventListener("input", apply);
  document.getElementById("extra").addEventListener("change", (event) => table.classList.toggle("all", event.target.checked));
  const tools = document.getElementById("tools");
  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.hidden = false;
  apply();
})();
