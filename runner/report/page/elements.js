"use strict";
// Elements are built node by node: what stands in an alert is only ever text, never markup.

const $ = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

function drawing(name, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function filled(node, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

// What the events of an alert are to one another: its rule's query says so.
function joined(alert) {
  return /^\s*sample\b/.test(alert.rule.query) ? "sample" : "sequence";
}

// A link, where the address is one that a browser may be sent to; else the words alone.
function link(address, words, attributes = {}) {
  if (!/^https?:\/\//i.test(address ?? "")) return element("span", attributes, words);
  return element("a", { ...attributes, href: address, target: "_blank", rel: "noopener noreferrer" }, words);
}

function fold(title, note, content, open = false) {
  const inside = element("div", { class: "inside" });
  const fill = () => inside.childNodes.length || inside.append(content());
  if (open) fill();
  return element("details", { class: "fold", open, ontoggle: fill },
    element("summary", {}, title, note && element("span", { class: "muted" }, ` ${note}`)), inside);
}

function copyButton(text) {
  const button = element("button", { type: "button", class: "copy" }, "Copy");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text());
      button.textContent = "Copied";
    } catch {
      button.textContent = "Not allowed here";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  return button;
}

// Times are UTC everywhere, so that two people who look at one report speak of the same minute.
function clock(milliseconds, precise = false) {
  if (milliseconds === null) return "–";
  const text = new Date(milliseconds).toISOString();
  return `${text.slice(0, 10)} ${text.slice(11, precise ? 23 : 19)}`;
}

function span(milliseconds) {
  const seconds = Math.round(milliseconds / 1000);
  for (const [unit, word] of [[86400, "d"], [3600, "h"], [60, "min"]]) {
    if (seconds >= 2 * unit || seconds === unit) return `${Math.round(seconds / unit)} ${word}`;
  }
  return `${seconds} s`;
}

const many = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
