"use strict";
// Alerts over the time of their events, stacked by severity. Dragging over the plot chooses a range.

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000].map((seconds) => seconds * 1000);
const EDGE = { left: 34, right: 8, top: 8, bottom: 20 };

function drawTimeline() {
  const place = $("timeline");
  const shown = selected("time").filter((alert) => alert.time !== null);
  const width = Math.max(place.clientWidth, 240);
  const height = place.clientHeight || 148;
  $("binning").textContent = "";
  if (!shown.length) return place.replaceChildren();
  const plot = scaled(shown, width, height);
  $("binning").textContent = `${span(plot.step)} a bar, UTC`;
  const svg = drawing("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": spoken(shown, plot) },
    ...grid(plot), ...bars(plot), chosen(plot), ...dates(plot), ...targets(plot));
  place.replaceChildren(svg);
  draggable(svg, plot);
}

// The plot spans all alerts, whatever the filters, so that it stands still while one searches; a chosen range fills it.
function bounds() {
  if (state.from !== null && state.to !== null && state.to > state.from) return [state.from, state.to - 1];
  const times = alerts.map((alert) => alert.time).filter((time) => time !== null);
  return [times.reduce((a, b) => Math.min(a, b)), times.reduce((a, b) => Math.max(a, b))];
}

function scaled(shown, width, height) {
  const [first, last] = bounds();
  const wanted = Math.max(12, Math.min(72, Math.floor((width - EDGE.left - EDGE.right) / 11)));
  const step = STEPS.find((candidate) => (last - first) / candidate < wanted) ?? Math.ceil((last - first) / wanted);
  const start = Math.floor(first / step) * step;
  const count = Math.max(Math.floor((last - start) / step) + 1, 8);
  const bins = Array.from({ length: count }, () => ({ all: 0 }));
  for (const alert of shown) {
    const bin = bins[Math.floor((alert.time - start) / step)];
    if (!bin) continue;
    bin.all += 1;
    bin[alert.severity] = (bin[alert.severity] ?? 0) + 1;
  }
  const most = rounded(bins.reduce((most, bin) => Math.max(most, bin.all), 1));
  const across = (width - EDGE.left - EDGE.right) / count;
  const tall = height - EDGE.top - EDGE.bottom;
  return { bins, start, step, count, most, across, tall, width, height,
    x: (time) => EDGE.left + ((time - start) / step) * across,
    y: (number) => EDGE.top + tall - (number / most) * tall };
}

function rounded(number) {
  const unit = 10 ** Math.floor(Math.log10(number));
  return [1, 2, 4, 5, 10].map((factor) => factor * unit).find((nice) => nice >= number);
}

function grid(plot) {
  const lines = plot.most > 1 ? [0, plot.most / 2, plot.most].filter(Number.isInteger) : [0, 1];
  return lines.flatMap((number) => [
    drawing("line", { class: "grid", x1: EDGE.left, x2: plot.width - EDGE.right, y1: plot.y(number), y2: plot.y(number) }),
    drawing("text", { x: EDGE.left - 7, y: plot.y(number) + 4, "text-anchor": "end" }, number.toLocaleString("en")),
  ]);
}

function bars(plot) {
  const gap = plot.across > 4 ? 1.5 : 0.5;
  return plot.bins.flatMap((bin, position) => {
    let below = 0;
    return [...SEVERITIES].reverse().filter((severity) => bin[severity]).map((severity) => {
      const from = below;
      below += bin[severity];
      return drawing("rect", { class: `bar ${severity}`, x: EDGE.left + position * plot.across + gap / 2,
        y: plot.y(below), width: Math.max(plot.across - gap, 0.5), height: Math.max(plot.y(from) - plot.y(below), 1) });
    });
  });
}

function chosen(plot) {
  if (state.from === null && state.to === null) return null;
  const inside = (x) => Math.min(Math.max(x, EDGE.left), plot.width - EDGE.right);
  const left = inside(state.from === null ? 0 : plot.x(state.from));
  const right = inside(state.to === null ? plot.width : plot.x(state.to));
  return drawing("rect", { class: "range", x: left, y: EDGE.top, width: Math.max(right - left, 0), height: plot.tall });
}

function dates(plot) {
  const least = Math.ceil(96 / plot.across) * plot.step;
  const every = STEPS.find((nice) => nice >= least && nice % plot.step === 0) ?? least;
  const long = plot.step >= 86400000;
  const manyDays = plot.step * plot.count > 86400000;
  return plot.bins.map((_, position) => {
    const x = EDGE.left + position * plot.across;
    const at = plot.start + position * plot.step;
    if (at % every || x > plot.width - 60) return null;
    const [date, time] = clock(at).split(" ");
    const words = long ? date : `${manyDays ? `${date.slice(5)} ` : ""}${time.slice(0, plot.step < 60000 ? 8 : 5)}`;
    return drawing("text", { x, y: plot.height - 5 }, words);
  });
}

function targets(plot) {
  return plot.bins.map((bin, position) => bin.all ? drawing("rect", { class: "hit", x: EDGE.left + position * plot.across,
    y: EDGE.top, width: plot.across, height: plot.tall },
  drawing("title", {}, `${clock(plot.start + position * plot.step)}: ${many(bin.all, "alert")} (${SEVERITIES.filter((severity) => bin[severity]).map((severity) => `${bin[severity]} ${severity}`).join(", ")})`)) : null);
}

function spoken(shown, plot) {
  const counts = SEVERITIES.map((severity) => [severity, shown.filter((alert) => alert.severity === severity).length]);
  return `${many(shown.length, "alert")} from ${clock(plot.start)} to ${clock(plot.start + plot.step * plot.count)} UTC: ${counts.filter(([, count]) => count).map(([severity, count]) => `${count} ${severity}`).join(", ")}`;
}

function draggable(svg, plot) {
  const bin = (event) => {
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * (plot.width / box.width);
    return Math.min(Math.max(Math.floor((x - EDGE.left) / plot.across), 0), plot.count - 1);
  };
  let begun = null;
  const range = drawing("rect", { class: "range", y: EDGE.top, height: plot.tall, width: 0 });
  const ends = (event) => [Math.min(begun, bin(event)), Math.max(begun, bin(event)) + 1];
  svg.addEventListener("pointerdown", (event) => {
    begun = bin(event);
    svg.append(range);
    svg.setPointerCapture(event.pointerId);
  });
  svg.addEventListener("pointermove", (event) => {
    if (begun === null) return;
    const [left, right] = ends(event);
    range.setAttribute("x", EDGE.left + left * plot.across);
    range.setAttribute("width", (right - left) * plot.across);
  });
  svg.addEventListener("pointerup", (event) => {
    if (begun === null) return;
    const [left, right] = ends(event);
    begun = null;
    change({ from: plot.start + left * plot.step, to: plot.start + right * plot.step });
  });
  svg.addEventListener("pointercancel", () => { begun = null; range.remove(); });
}
