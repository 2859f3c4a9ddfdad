"use strict";
// Follows a running campaign: asks the server that gave this page, twice in three seconds at most.
const panel = document.querySelector("[data-live]");
const words = panel ? panel.dataset : {};
const line = (tag, text, kind) => {
  const element = document.createElement(tag);
  element.textContent = text;
  if (kind) element.className = kind;
  return element;
};
const number = (value, digits) => (typeof value === "number" ? value.toLocaleString(document.documentElement.lang, { maximumFractionDigits: digits }) : "–");
const show = (state) => {
  const list = panel.querySelector("ol");
  const head = panel.querySelector(".live-head");
  const old = head.dataset.state;
  head.dataset.state = state.state;
  head.textContent = state.campaign ? state.campaign + " · " + (words[state.state] || state.state) : words.idle;
  list.replaceChildren();
  for (const step of state.steps || []) {
    const item = document.createElement("li");
    item.className = "live-" + step.state;
    item.append(line("span", words[step.state] || step.state, "tag"), line("code", step.id));
    if (step.state === "running" && step.total) {
      const bar = document.createElement("progress");
      bar.max = step.total;
      bar.value = step.done || 0;
      bar.setAttribute("aria-label", step.id);
      item.append(bar, line("span", number(step.done, 0) + " / " + number(step.total, 0), "quiet"));
      const last = state.last || {};
      const parts = [];
      if (typeof last.loss === "number") parts.push(words.loss + " " + number(last.loss, 4));
      if (typeof last.tokens_per_second === "number") parts.push(number(last.tokens_per_second, 0) + " " + words.speed);
      const memory = last.memory_bytes || last.peak_memory_bytes;
      if (typeof memory === "number") parts.push(words.memory + " " + number(memory / 1e9, 2) + (typeof last.memory_limit_bytes === "number" ? " / " + number(last.memory_limit_bytes / 1e9, 2) : "") + " GB");
      item.append(line("span", parts.join(" · "), "quiet"));
    } else if (typeof step.seconds === "number") {
      item.append(line("span", number(step.seconds, 1) + " s", "quiet"));
    }
    list.append(item);
  }
  if (old === "running" && state.state === "finished") location.reload();
};
const follow = async () => {
  try {
    const answer = await fetch(words.live, { cache: "no-store" });
    show(await answer.json());
    panel.classList.remove("stale");
  } catch {
    panel.classList.add("stale");
  }
  setTimeout(follow, 1500);
};
if (panel) follow();
