"use strict";
// One alert, whole: what happened, what to do about it, and all that is known.

const KEY_FIELDS = ["event.action", "event.dataset", "process.name", "process.executable", "process.pid", "process.working_directory",
  "process.hash.sha256", "process.parent.name", "process.parent.executable", "process.parent.command_line", "process.parent.pid",
  "user.name", "user.domain", "host.name", "host.ip", "host.os.name", "file.path", "file.hash.sha256", "registry.path", "dns.question.name",
  "source.ip", "source.port", "destination.ip", "destination.port", "destination.domain", "url.full", "container.id", "container.name",
  "container.image.name", "orchestrator.cluster.name", "orchestrator.namespace", "orchestrator.resource.name", "cloud.account.id", "cloud.instance.id"];

function open(id) {
  state.alert = id;
  writeAddress();
  drawDetails();
}

function drawDetails() {
  const dialog = $("details");
  const alert = alerts.find(({ id }) => id === state.alert);
  if (!alert) return dialog.open && dialog.close();
  const position = current.indexOf(alert);
  $("position").textContent = position < 0 ? "not in the list" : `${(position + 1).toLocaleString("en")} of ${current.length.toLocaleString("en")}`;
  $("previous").disabled = position <= 0;
  $("next").disabled = position < 0 || position >= current.length - 1;
  $("detail").replaceChildren(headline(alert), facts(alert), ...found(alert), ...guide(alert), ...attack(alert.rule), aboutRule(alert), everything(alert));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

function step(by) {
  const next = current[current.findIndex(({ id }) => id === state.alert) + by];
  if (next) open(next.id);
}

function headline(alert) {
  return element("header", {},
    element("div", { class: "headline" }, severityWord(alert.severity), alert.risk !== null && element("span", {}, `Risk ${alert.risk}`), element("span", { class: "badge" }, alert.status)),
    element("h2", { id: "details-title" }, alert.rule.name),
    element("p", { class: "reason" }, alert.reason));
}

function facts(alert) {
  return pairs("facts", [
    ["Event time", `${clock(alert.time, true)} UTC`],
    ["Detected", `${clock(alert.detected, true)} UTC${alert.time !== null && alert.detected - alert.time > 999 ? ` (${span(alert.detected - alert.time)} later)` : ""}`],
    ["Host", alert.host.join(", ")],
    ["User", alert.user.join(", ")],
    ["Suppressed", suppressed(alert)],
    ["Source event", alert.origin.length ? element("code", {}, alert.origin.map(({ index, id }) => `${index} / ${id}`).join("\n")) : ""],
    ["Alert id", element("code", {}, alert.id)],
  ]);
}

// How many matches the alert stands for beside its own, over which time, and what they share.
function suppressed(alert) {
  if (!alert.suppressed) return "";
  const time = (name) => clock(Date.parse(alert.fields[`kibana.alert.suppression.${name}`] ?? "") || null, true);
  const terms = alert.fields["kibana.alert.suppression.terms"] ?? [];
  const shared = terms.map(({ field, value }) => `${field}: ${[value ?? "none"].flat().join(", ")}`);
  return [`${alert.suppressed.toLocaleString("en")} further, ${time("start")} to ${time("end")} UTC`, ...shared].join("\n");
}

function pairs(name, list) {
  return element("dl", { class: name }, ...list.filter(([, value]) => value !== "" && value !== undefined && value !== null)
    .flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, value)]));
}

function attack(rule) {
  if (!rule.threat.length) return [];
  const rows = rule.threat.map(({ tactic, techniques }) => element("div", {}, attackChip(tactic, "chip tactic"), techniques.length ? "›" : "", ...techniques.map((technique) => attackChip(technique))));
  return [element("section", { class: "attack" }, element("h3", {}, "ATT&CK"), ...rows)];
}

function attackChip({ id, name, reference }, look = "chip") {
  return link(reference, [name, element("i", {}, id)], { class: look });
}

function found(alert) {
  if (!alert.steps.length) return [element("section", {}, element("h3", {}, "Matched event"), ...eventView(alert.event))];
  return [element("section", {}, element("h3", {}, `Matched ${joined(alert)} of ${alert.steps.length} event${alert.steps.length === 1 ? "" : "s"}`),
    ...alert.steps.map((one, position) => fold([`${position + 1}. `, element("code", {}, one.summary)], clock(one.time, true).slice(11), () => element("div", {}, ...eventView(one.event)), position === 0)),
    fold("Fields that the events share", "", () => fieldTable(alert.event)))];
}

function eventView(event) {
  const flat = new Map(flattened(event));
  const command = flat.get("process.command_line");
  const key = KEY_FIELDS.filter((name) => flat.has(name)).map((name) => [name, written(flat.get(name))]);
  return [
    command !== undefined ? element("p", { class: "command" }, ...marked(written(command))) : null,
    key.length ? pairs("fields", key) : null,
    fold("All fields", `${flat.size}`, () => fieldTable(event), !key.length),
    fold("JSON", "", () => jsonView(event)),
  ].filter(Boolean);
}

function fieldTable(event) {
  return pairs("fields", flattened(event).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, written(value) || '""']));
}

// Objects become dotted names; arrays stay values, unless they hold objects.
function flattened(value, prefix = "") {
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = prefix ? `${prefix}.${key}` : key;
    if (inner !== null && typeof inner === "object" && !Array.isArray(inner)) return flattened(inner, path);
    return [[path, inner]];
  });
}

function written(value) {
  if (Array.isArray(value)) return value.map(written).join(", ");
  return value !== null && typeof value === "object" ? JSON.stringify(value) : String(value);
}

function jsonView(value) {
  const text = JSON.stringify(value, null, 2);
  const view = element("pre", {});
  const token = /("(?:[^"\\]|\\.)*")(\s*:)?|-?\d[\d.eE+-]*|\b(?:true|false|null)\b/g;
  let end = 0;
  for (const match of text.matchAll(token)) {
    const kind = match[1] === undefined ? (/^[tfn]/.test(match[0]) ? "literal" : "number") : match[2] ? "key" : "string";
    view.append(text.slice(end, match.index), element("span", { class: kind }, match[1] ?? match[0]), match[2] ?? "");
    end = match.index + match[0].length;
  }
  view.append(text.slice(end));
  return element("div", {}, copyButton(() => text), view);
}

function guide(alert) {
  return ["guide", "setup"].flatMap((kind) => {
    const template = $(`${kind}-${alert.rule.number}`);
    if (!template) return [];
    const prose = element("div", { class: "prose" }, template.content.cloneNode(true));
    const section = element("section", {});
    if (kind === "guide") section.append(element("h3", {}, "Investigation guide"), prose);
    else section.append(fold("Setup", "what the rule needs to see such events", () => prose));
    return [section];
  });
}

function aboutRule(alert) {
  const { rule } = alert;
  const list = (items) => element("ul", { class: "prose" }, ...items.map((item) => element("li", {}, item)));
  const section = element("section", {}, element("h3", {}, "Rule"),
    element("p", { class: "prose" }, rule.description),
    pairs("facts", [["Version", rule.version], ["Author", rule.author.join(", ")], ["Licence", rule.license], ["Rule id", rule.id], ["Searches", rule.indices.join(", ")], ["Every", rule.interval && `${rule.interval}, from ${rule.from}`]]));
  if (rule.tags.length) section.append(element("p", { class: "chips" }, ...rule.tags.map((tag) => element("span", { class: "badge" }, tag))));
  if (rule.query) section.append(fold("Query", rule.language, () => element("div", {}, copyButton(() => rule.query), element("pre", {}, rule.query)), false));
  if (rule.false_positives.length) section.append(fold("False positives", "", () => list(rule.false_positives)));
  if (rule.references.length) section.append(fold("References", `${rule.references.length}`, () => list(rule.references.map((address) => link(address, address)))));
  section.classList.add("rule");
  return section;
}

function everything(alert) {
  return element("section", {}, fold("Alert fields", "kibana.alert.*", () => jsonView(alert.fields)));
}
