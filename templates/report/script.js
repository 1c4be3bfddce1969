"use strict";
// Sorting, filtering, links into closed parts, networks larger and smaller. Without this script everything can still be read.
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

  // Numbers as they are shown, where a cell has no others: `÷ 1,234`, `18.1 KiB`, `3.2 ms`.
  const scales = { us: 1e-6, ms: 1e-3, k: 1e3, M: 1e6, G: 1e9, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
  const numberOf = (text) => {
    const [, digits, unit] = text.replaceAll(",", "").match(/(-?[\d.]+(?:e[+-]?\d+)?)\s*(\w*)/) ?? [];
    return Number(digits) * (scales[unit] ?? 1);
  };
  const keyOf = (row, column) => row.cells[column].dataset.key ?? row.cells[column].textContent.trim().replace(/^[–-]$/, "");
  const compare = (column, isNumber, sign) => (a, b) => {
    const [left, right] = [keyOf(a, column), keyOf(b, column)];
    if (left === "" || right === "") return (left === "") - (right === ""); // not measured comes last, either way
    return sign * (isNumber ? numberOf(left) - numberOf(right) : left.localeCompare(right, "en", { numeric: true }));
  };
  const looksLikeNumber = /^(÷ |≈|±)?-?[\d.,]+(e[+-]?\d+)?( ?([kMG]|[KMG]i?B|B|us|ms|s|%|calls?|bytes))?$/;
  const makeSortable = (table) => {
    const body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...body.rows];
    const sortBy = (column) => {
      const head = heads[column];
      const isDown = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      const isNumber = rows.map((row) => keyOf(row, column)).every((key) => key === "" || looksLikeNumber.test(key));
      rows.sort(compare(column, isNumber, isDown ? -1 : 1));
      body.append(...rows);
    };
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(head.firstChild);
      button.addEventListener("click", () => sortBy(column));
      head.prepend(button);
    });
  };
  // Of what is folded up when it is opened: a page of many benches answers sooner so.
  const makeAll = (part) => part.querySelectorAll("table.sortable:not(.made)").forEach((table) => {
    if (table.closest("details:not([open])")) return;
    table.classList.add("made");
    makeSortable(table);
  });
  document.addEventListener("toggle", (event) => makeAll(event.target), true);
  makeAll(document);

  // Networks: larger and smaller, moved by dragging, blocks folded together.
  const makeZoomable = (sheet) => {
    const plane = sheet.firstElementChild;
    const bar = document.createElement("div");
    const shown = document.createElement("output");
    let scale = 1;
    bar.className = "zoom";
    const zoom = (wanted, x = sheet.clientWidth / 2, y = sheet.clientHeight / 2) => {
      const before = scale;
      scale = Math.min(4, Math.max(0.1, wanted));
      plane.style.zoom = scale;
      sheet.scrollLeft = ((sheet.scrollLeft + x) * scale) / before - x;
      sheet.scrollTop = ((sheet.scrollTop + y) * scale) / before - y;
      shown.value = `${Math.round(100 * scale)} %`;
    };
    const fit = () => {
      zoom(1);
      zoom(Math.min(1, (sheet.clientWidth - 20) / plane.scrollWidth));
    };
    const fold = (isOpen) => sheet.querySelectorAll("details.block").forEach((block) => { block.open = isOpen; });
    const add = (text, label, act) => {
      const button = document.createElement("button");
      Object.assign(button, { type: "button", textContent: text, title: label });
      button.addEventListener("click", act);
      bar.append(button);
    };
    const show = () => {
      if (sheet.clientWidth) {
        sheet.parentElement.removeEventListener("toggle", show);
        if (plane.scrollWidth > sheet.clientWidth) zoom(Math.max(0.7, (sheet.clientWidth - 20) / plane.scrollWidth));
      }
    };
    sheet.parentElement.addEventListener("toggle", show); // comes at first for what is open, too
    add("−", "smaller (−)", () => zoom(scale / 1.25));
    add("+", "larger (+)", () => zoom(scale * 1.25));
    add("fit", "as wide as there is room (0)", fit);
    add("fold", "fold all blocks", () => fold(false));
    add("unfold", "unfold all blocks", () => fold(true));
    bar.append(shown);
    sheet.before(bar);
    sheet.addEventListener("keydown", (event) => {
      const act = { "+": () => zoom(scale * 1.25), "=": () => zoom(scale * 1.25), "-": () => zoom(scale / 1.25), 0: fit }[event.key];
      if (act && !event.ctrlKey && !event.metaKey) { event.preventDefault(); act(); }
    });
    sheet.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      const place = sheet.getBoundingClientRect();
      zoom(scale * Math.exp(-event.deltaY / 300), event.clientX - place.left, event.clientY - place.top);
    }, { passive: false });
    let held = null;
    sheet.addEventListener("pointerdown", (event) => {
      if (event.pointerType === "mouse" && event.button === 0 && !event.target.closest("a, summary")) {
        held = { x: event.clientX + sheet.scrollLeft, y: event.clientY + sheet.scrollTop };
        sheet.setPointerCapture(event.pointerId);
      }
    });
    sheet.addEventListener("pointermove", (event) => {
      if (held) sheet.scrollTo(held.x - event.clientX, held.y - event.clientY);
    });
    ["pointerup", "pointercancel"].forEach((name) => sheet.addEventListener(name, () => { held = null; }));
  };
  document.querySelectorAll(".sheet").forEach(makeZoomable);

  const table = document.getElementById("results");
  if (!table) return;
  const rows = [...table.tBodies[0].rows];
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
