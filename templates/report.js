"use strict";
// Search and order of the samples, and a reading line on the curves. The page is complete without it.
for (const ledger of document.querySelectorAll(".ledger")) {
  const rows = ledger.querySelector(".rows");
  const tools = ledger.querySelector(".tools");
  if (!rows || !tools) continue;
  const samples = Array.from(rows.children);
  const texts = new Map();
  const find = tools.querySelector("input");
  const order = tools.querySelector("select");
  const shown = tools.querySelector("output");
  const text = (row) => {
    if (!texts.has(row)) texts.set(row, row.textContent.normalize("NFC").toLowerCase());
    return texts.get(row);
  };
  const search = () => {
    const wanted = find.value.normalize("NFC").trim().toLowerCase();
    let hits = 0;
    for (const row of samples) {
      const hit = wanted === "" || text(row).includes(wanted);
      row.classList.toggle("miss", !hit);
      if (hit) hits += 1;
    }
    shown.textContent = wanted === "" ? "" : String(hits) + " / " + String(samples.length);
  };
  const id = (row) => row.querySelector("summary code").textContent;
  const sorts = {
    news: () => samples.slice(),
    gain: () => samples.slice().sort((a, b) => Number(b.dataset.gain) - Number(a.dataset.gain)),
    id: () => samples.slice().sort((a, b) => (id(a) < id(b) ? -1 : id(a) > id(b) ? 1 : 0)),
  };
  let timer = 0;
  find.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 120);
  });
  order.addEventListener("change", () => rows.append(...sorts[order.value]()));
  tools.hidden = false;
}
for (const chart of document.querySelectorAll(".chart")) {
  const svg = chart.querySelector("svg[data-left]");
  const points = Array.from(chart.querySelectorAll("tr[data-x]"));
  if (!svg || points.length === 0) continue;
  const heads = Array.from(chart.querySelectorAll("thead th"), (th) => th.textContent);
  const box = svg.viewBox.baseVal;
  const [left, right, low, high] = ["left", "right", "low", "high"].map((name) => Number(svg.dataset[name]));
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  line.setAttribute("class", "cursor");
  line.setAttribute("y1", "10");
  line.setAttribute("y2", String(box.height - 34));
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  chart.append(tip);
  const leave = () => {
    tip.hidden = true;
    line.remove();
  };
  svg.addEventListener("pointermove", (event) => {
    const frame = svg.getBoundingClientRect();
    const x = ((event.clientX - frame.left) / frame.width) * box.width;
    const value = low + ((x - left) / (right - left)) * (high - low);
    let near = points[0];
    for (const row of points) {
      if (Math.abs(Number(row.dataset.x) - value) < Math.abs(Number(near.dataset.x) - value)) near = row;
    }
    const at = left + ((Number(near.dataset.x) - low) / (high - low || 1)) * (right - left);
    line.setAttribute("x1", String(at));
    line.setAttribute("x2", String(at));
    svg.append(line);
    const cells = Array.from(near.children, (cell, i) => heads[i] + " " + cell.textContent);
    tip.textContent = cells.filter((cell) => !cell.endsWith("–")).join("  ·  ");
    tip.hidden = false;
    const place = (at / box.width) * frame.width + frame.left - chart.getBoundingClientRect().left;
    tip.style.left = String(Math.max(0, Math.min(place + 8, chart.clientWidth - tip.offsetWidth))) + "px";
    tip.style.top = String(svg.offsetTop + 4) + "px";
  });
  svg.addEventListener("pointerleave", leave);
}
// On a narrow page each row of a table stands as a block of its own, its figures under their heads.
const roles = { TABLE: "table", THEAD: "rowgroup", TBODY: "rowgroup", TR: "row", TD: "cell" };
for (const table of document.querySelectorAll(".scroll > table:not(.grid-table)")) {
  if (table.closest(".figures-table")) continue;
  const heads = Array.from(table.querySelectorAll("thead th"), (th) => (th.querySelector(".hidden") ? "" : th.firstChild ? th.firstChild.textContent : ""));
  for (const row of table.tBodies.length ? table.querySelectorAll("tbody tr") : []) {
    Array.from(row.cells, (cell, i) => { if (cell.tagName === "TD") cell.dataset.label = heads[i] || ""; });
  }
  for (const part of [table, ...table.querySelectorAll("*")]) {
    const role = part.tagName === "TH" ? (part.scope === "col" ? "columnheader" : "rowheader") : roles[part.tagName];
    if (role) part.setAttribute("role", role);
  }
  table.classList.add("stacked");
}
// The contents show which part is being read.
const links = new Map(Array.from(document.querySelectorAll("nav a"), (a) => [a.hash.slice(1), a]));
const reading = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    for (const link of links.values()) link.removeAttribute("aria-current");
    const link = links.get(entry.target.id);
    if (link) link.setAttribute("aria-current", "location");
  }
}, { rootMargin: "-15% 0px -80% 0px" });
for (const section of document.querySelectorAll("main > section[id]")) reading.observe(section);
