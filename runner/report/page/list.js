"use strict";
// The filters, their counts, and the list: rows are made some hundred at a time, as one scrolls.

const CHUNK = 150;
let current = [];
let made = 0;

function drawTiles() {
  const shown = selected("severity");
  const groups = Map.groupBy ? Map.groupBy(shown, (alert) => alert.severity) : null;
  const count = (severity) => groups ? (groups.get(severity) ?? []).length : shown.filter((alert) => alert.severity === severity).length;
  $("tiles").replaceChildren(...SEVERITIES.map((severity) => {
    const number = count(severity);
    return element("button", { type: "button", class: `tile ${severity}`, "data-severity": severity, "data-empty": !number,
      "aria-pressed": String(state.severity.includes(severity)), onclick: () => toggle("severity", severity) },
    element("b", {}, number.toLocaleString("en")), element("span", {}, severity[0].toUpperCase() + severity.slice(1)));
  }));
}

function drawTactics() {
  const counts = new Map();
  for (const alert of selected("tactic")) {
    for (const { tactic } of alert.rule.threat) counts.set(tactic.id, (counts.get(tactic.id) ?? 0) + 1);
  }
  const known = tactics.filter(({ id }) => counts.has(id) || state.tactic === id);
  $("tactics").hidden = !known.length;
  $("tactics").replaceChildren(element("span", { class: "muted" }, "ATT&CK"), ...known.map(({ id, name }) =>
    element("button", { type: "button", class: "chip", "aria-pressed": String(state.tactic === id),
      onclick: () => change({ tactic: state.tactic === id ? "" : id }) }, name, element("b", {}, (counts.get(id) ?? 0).toLocaleString("en")))));
}

function toggle(name, value) {
  const chosen = state[name].includes(value) ? state[name].filter((one) => one !== value) : [...state[name], value];
  change({ [name]: chosen });
}

const ALL = { rule: "All rules", host: "All hosts", user: "All users", status: "Any status" };
const CHOICES = {
  rule: (alert) => [[alert.rule.id, alert.rule.name]],
  host: (alert) => alert.host.map((name) => [name, name]),
  user: (alert) => alert.user.map((name) => [name, name]),
  status: (alert) => [[alert.status, alert.status]],
};

function drawChoices() {
  for (const [name, values] of Object.entries(CHOICES)) {
    const counts = new Map();
    for (const alert of selected(name)) {
      for (const [value, words] of values(alert)) counts.set(value, { words, count: (counts.get(value)?.count ?? 0) + 1 });
    }
    if (state[name] && !counts.has(state[name])) counts.set(state[name], { words: state[name], count: 0 });
    const options = [...counts].sort(([, a], [, b]) => b.count - a.count || (a.words < b.words ? -1 : 1));
    $(name).replaceChildren(element("option", { value: "" }, ALL[name]), ...options.map(([value, { words, count }]) =>
      element("option", { value, selected: state[name] === value }, `${words} (${count})`)));
    $(name).value = state[name];
    $(name).toggleAttribute("data-on", state[name] !== "");
  }
}

function drawInputs() {
  if ($("q").value !== state.q) $("q").value = state.q;
  for (const name of ["from", "to"]) $(name).value = state[name] === null ? "" : new Date(state[name]).toISOString().slice(0, 19);
  const summary = document.querySelector(".span > summary");
  summary.toggleAttribute("data-on", state.from !== null || state.to !== null);
  summary.textContent = state.from === null && state.to === null ? "Time" : `${clock(state.from).slice(5, 16)} – ${clock(state.to).slice(5, 16)}`;
  $("blocks").checked = state.blocks;
  $("reset").hidden = !narrowed();
  for (const head of document.querySelectorAll("th")) {
    const name = head.firstElementChild.dataset.sort;
    if (state.sort.replace(/^-/, "") === name) head.setAttribute("aria-sort", state.sort.startsWith("-") ? "descending" : "ascending");
    else head.removeAttribute("aria-sort");
  }
}

function narrowed() {
  return ["q", ...SINGLE].some((name) => state[name]) || LISTS.some((name) => state[name].length) || state.from !== null || state.to !== null;
}

function drawList() {
  current = sorted(selected());
  made = 0;
  $("rows").replaceChildren();
  $("list").hidden = !current.length;
  $("nothing").hidden = Boolean(current.length);
  $("nothing").textContent = alerts.length ? "No alert passes these filters." : "There are no alerts in this report.";
  const all = state.blocks ? alerts.length : alerts.filter((alert) => !alert.block).length;
  $("count").textContent = current.length === all ? many(all, "alert") : `${current.length.toLocaleString("en")} of ${many(all, "alert")}`;
  addRows();
}

function addRows() {
  $("rows").append(...current.slice(made, made + CHUNK).map(row));
  made = Math.min(made + CHUNK, current.length);
  $("more").hidden = made >= current.length;
  $("more").textContent = `Show more (${(current.length - made).toLocaleString("en")} left)`;
}

function row(alert) {
  const cell = (name, ...content) => element("td", { class: name }, ...content);
  const badges = [
    alert.steps.length ? `${joined(alert)} of ${alert.steps.length}` : "",
    alert.suppressed ? `+${alert.suppressed.toLocaleString("en")} suppressed` : "",
    alert.block ? "building block" : "",
  ].filter(Boolean).flatMap((words) => [" ", element("span", { class: "badge" }, words)]);
  return element("tr", { class: alert.severity, "data-id": alert.id, onclick: (event) => {
    if (!event.target.closest("a") && !String(getSelection())) open(alert.id);
  } },
  cell("severity", severityWord(alert.severity)),
  cell("time", clock(alert.time)),
  cell("what", element("button", { type: "button" }, ...marked(alert.rule.name), ...badges), element("code", { title: alert.summary }, ...marked(alert.summary))),
  cell("host", ...marked(alert.host.join(", "))),
  cell("user", ...marked(alert.user.join(", "))),
  cell("risk", alert.risk === null ? "" : String(alert.risk)),
  cell("status", alert.status));
}

function severityWord(severity) {
  return element("span", { class: `severity-word ${severity}` }, severity);
}

// The text, with what is searched for marked in it.
function marked(text) {
  const words = terms(state.q).filter(({ wanted }) => wanted).map(({ word }) => word);
  if (!words.length || !text) return [text];
  const pattern = new RegExp(`(${words.map((word) => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("|")})`, "gi");
  return text.split(pattern).map((part, position) => position % 2 ? element("mark", {}, part) : part);
}
