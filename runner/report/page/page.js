"use strict";
// The beginning: read the data, draw, and listen.

const data = JSON.parse($("data").textContent);
const tactics = data.tactics;
data.rules.forEach((rule, number) => { rule.number = number; });
const alerts = data.alerts.map((alert) => ({ ...alert, rule: data.rules[alert.rule] }));

function change(changes) {
  Object.assign(state, changes);
  writeAddress();
  draw();
}

function draw() {
  drawTiles();
  drawTimeline();
  drawTactics();
  drawChoices();
  drawInputs();
  drawList();
}

function theme(chosen) {
  document.documentElement.dataset.theme = chosen;
}

function remembered(chosen) {
  try {
    if (chosen) localStorage.setItem("eql-runner-theme", chosen);
    return localStorage.getItem("eql-runner-theme");
  } catch {
    return null; // Storage is closed to some local files.
  }
}

function listen() {
  let typing = 0;
  $("q").addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(() => change({ q: $("q").value.trim() }), 120);
  });
  for (const name of Object.keys(CHOICES)) $(name).addEventListener("change", () => change({ [name]: $(name).value }));
  for (const name of ["from", "to"]) {
    $(name).addEventListener("change", () => change({ [name]: $(name).value ? Date.parse(`${$(name).value}Z`) : null }));
  }
  $("blocks").addEventListener("change", () => change({ blocks: $("blocks").checked }));
  $("reset").addEventListener("click", () => {
    change({ ...structuredClone(BLANK), sort: state.sort, blocks: state.blocks });
    $("q").focus();
  });
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  $("skip").addEventListener("click", (event) => { event.preventDefault(); $("list").focus(); });
  for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => sortBy(button.dataset.sort));
  $("more").addEventListener("click", addRows);
  $("theme").addEventListener("click", () => theme(remembered(other()) ?? other()));
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("close").addEventListener("click", () => $("details").close());
  $("details").addEventListener("click", (event) => { if (event.target === $("details")) $("details").close(); });
  $("details").addEventListener("close", closed);
  addEventListener("keydown", keys);
  addEventListener("hashchange", () => { readAddress(); draw(); drawDetails(); });
  new IntersectionObserver(([entry]) => { if (entry.isIntersecting && !$("more").hidden) addRows(); }, { rootMargin: "600px" }).observe($("more"));
  new ResizeObserver(drawTimeline).observe($("timeline"));
}

const other = () => (document.documentElement.dataset.theme === "dark" ? "light" : "dark");

// A click on another column begins with what one looks for first: the newest, the worst, or A to Z.
function sortBy(name) {
  if (state.sort.replace(/^-/, "") === name) return change({ sort: state.sort.startsWith("-") ? name : `-${name}` });
  return change({ sort: ["time", "severity", "risk"].includes(name) ? `-${name}` : name });
}

function closed() {
  const id = state.alert;
  state.alert = "";
  writeAddress();
  $("rows").querySelector(`tr[data-id="${CSS.escape(id)}"] button`)?.focus();
}

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const inField = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if ($("details").open) {
    if (event.key === "j") step(1);
    if (event.key === "k") step(-1);
  } else if (event.key === "/" && !inField) {
    event.preventDefault();
    $("q").focus();
  }
}

const preferred = matchMedia("(prefers-color-scheme: dark)");
theme(remembered() ?? (preferred.matches ? "dark" : "light"));
preferred.addEventListener("change", () => remembered() ?? theme(preferred.matches ? "dark" : "light"));
$("blocks-label").hidden = !alerts.some((alert) => alert.block);
readAddress();
draw();
drawDetails();
listen();
document.documentElement.dataset.ready = "";
