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
const progress = (done, total, name) => {
  const bar = document.createElement("progress");
  bar.max = total;
  bar.value = done || 0;
  bar.setAttribute("aria-label", name);
  return bar;
};
const whole = (steps) => {
  const place = panel.querySelector(".live-whole");
  const done = steps.filter((step) => step.state === "done" || step.state === "cached").length;
  place.hidden = steps.length === 0;
  place.querySelector("progress").max = steps.length || 1;
  place.querySelector("progress").value = done;
  place.querySelector("span").textContent = words.steps.replace("{done}", number(done, 0)).replace("{total}", number(steps.length, 0));
};
const show = (state) => {
  const list = panel.querySelector("ol");
  const head = panel.querySelector(".live-head");
  const old = head.dataset.state;
  head.dataset.state = state.state;
  head.textContent = state.campaign ? state.campaign + " · " + (words[state.state] || state.state) : words.idle;
  panel.querySelector(".live-hint").hidden = state.state !== "interrupted" && state.state !== "stopped";
  list.replaceChildren();
  whole(state.steps || []);
  for (const step of state.steps || []) {
    const item = document.createElement("li");
    item.className = "live-" + step.state;
    item.append(line("span", words[step.state] || step.state, "tag"), line("code", step.id));
    if (step.state === "running" && step.total) {
      item.append(progress(step.done, step.total, step.id), line("span", number(step.done, 0) + " / " + number(step.total, 0), "quiet"));
      const last = state.last || {};
      const parts = [];
      if (typeof last.loss === "number") parts.push(words.loss + " " + number(last.loss, 4));
      if (typeof last.tokens_per_second === "number") parts.push(number(last.tokens_per_second, 0) + " " + words.speed);
      const memory = last.memory_bytes || last.peak_memory_bytes;
      if (typeof memory === "number") parts.push(words.memory + " " + number(memory / 1e9, 2) + (typeof last.memory_limit_bytes === "number" ? " / " + number(last.memory_limit_bytes / 1e9, 2) : "") + " GB");
      item.append(line("span", parts.join(" · "), "quiet"));
      if (typeof memory === "number" && typeof last.memory_limit_bytes === "number") item.append(progress(memory, last.memory_limit_bytes, words.memory));
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
