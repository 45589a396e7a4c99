"use strict";
// What is shown is written in the address after the #, so that a view can be linked and found again.

const LISTS = ["severity"];
const SINGLE = ["rule", "host", "user", "status", "tactic"];
const state = { q: "", severity: [], rule: "", host: "", user: "", status: "", tactic: "", from: null, to: null, sort: "-time", blocks: false, alert: "" };
const BLANK = structuredClone(state);

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  Object.assign(state, structuredClone(BLANK));
  state.q = given.get("q") ?? "";
  for (const name of SINGLE) state[name] = given.get(name) ?? "";
  for (const name of LISTS) state[name] = (given.get(name) ?? "").split(",").filter(Boolean);
  for (const name of ["from", "to"]) {
    const instant = Date.parse(given.get(name) ?? "");
    state[name] = Number.isNaN(instant) ? null : instant;
  }
  const sort = given.get("sort") ?? "";
  if (sort.replace(/^-/, "") in ORDERS) state.sort = sort;
  state.blocks = given.get("blocks") === "1";
  state.alert = given.get("alert") ?? "";
}

function writeAddress() {
  const told = new URLSearchParams();
  if (state.q) told.set("q", state.q);
  for (const name of SINGLE) if (state[name]) told.set(name, state[name]);
  for (const name of LISTS) if (state[name].length) told.set(name, state[name].join(","));
  for (const name of ["from", "to"]) if (state[name] !== null) told.set(name, new Date(state[name]).toISOString());
  if (state.sort !== BLANK.sort) told.set("sort", state.sort);
  if (state.blocks) told.set("blocks", "1");
  if (state.alert) told.set("alert", state.alert);
  try {
    history.replaceState(null, "", `#${told}`);
  } catch {
    // Some viewers forbid it for local files; the page works all the same.
  }
}

// `one "two words" -three`: each must occur (or, with the minus, must not), in any case of letters.
function terms(query) {
  const found = [];
  for (const [, minus, quoted, plain] of query.matchAll(/(-?)(?:"([^"]*)"|(\S+))/g)) {
    const word = (quoted ?? plain).toLowerCase();
    if (word) found.push({ word, wanted: !minus });
  }
  return found;
}

function searchText(alert) {
  alert.text ??= [alert.id, alert.rule.name, alert.rule.id, alert.reason, alert.severity, alert.status, ...alert.rule.tags,
    ...[alert, ...alert.steps].flatMap(({ event }) => flattened(event).map(([, value]) => written(value)))].join("\n").toLowerCase();
  return alert.text;
}

const TESTS = {
  q: (alert) => state.terms.every(({ word, wanted }) => searchText(alert).includes(word) === wanted),
  severity: (alert) => !state.severity.length || state.severity.includes(alert.severity),
  rule: (alert) => !state.rule || alert.rule.id === state.rule,
  host: (alert) => !state.host || alert.host.includes(state.host),
  user: (alert) => !state.user || alert.user.includes(state.user),
  status: (alert) => !state.status || alert.status === state.status,
  tactic: (alert) => !state.tactic || alert.rule.threat.some((entry) => entry.tactic.id === state.tactic),
  time: (alert) => (state.from === null || (alert.time !== null && alert.time >= state.from)) && (state.to === null || (alert.time !== null && alert.time < state.to)),
  blocks: (alert) => state.blocks || !alert.block,
};

// Alerts that pass every filter but the ones named: a filter's own counts must not depend on itself.
function selected(...but) {
  state.terms = terms(state.q);
  const tests = Object.keys(TESTS).filter((name) => !but.includes(name)).map((name) => TESTS[name]);
  return alerts.filter((alert) => tests.every((test) => test(alert)));
}

const RANK = { low: 1, medium: 2, high: 3, critical: 4 };
const SEVERITIES = ["critical", "high", "medium", "low"];
const ORDERS = {
  time: (alert) => alert.time ?? 0,
  severity: (alert) => RANK[alert.severity] ?? 0,
  risk: (alert) => alert.risk ?? -1,
  rule: (alert) => alert.rule.name.toLowerCase(),
  host: (alert) => alert.host.join().toLowerCase(),
  user: (alert) => alert.user.join().toLowerCase(),
  status: (alert) => alert.status,
};

// Equal ones stand newest first, whichever way the column goes.
function sorted(list) {
  const down = state.sort.startsWith("-");
  const order = ORDERS[state.sort.replace(/^-/, "")];
  const keyed = list.map((alert) => [order(alert), alert]);
  keyed.sort(([a, one], [b, other]) => {
    if (a === b) return (other.time ?? 0) - (one.time ?? 0);
    return (a < b ? -1 : 1) * (down ? -1 : 1);
  });
  return keyed.map(([, alert]) => alert);
}
