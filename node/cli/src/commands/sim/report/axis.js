"use strict";

// The data, words, numbers, and the one time axis. Joined with timeline.js and lanes.js into one script by report.rs.

// --- Data -----------------------------------------------------------------------------------------------------------

const dataText = document.getElementById("trial-data").textContent;
let data = null;
try { data = JSON.parse(dataText); } catch { /* The page without a trial says so below. */ }

const OPEN = ["queued", "preparing", "committing", "aborting"];
const ENDS = ["committed", "aborted", "rejected"];
const DECIDED = new Set(["committing", "aborting", ...ENDS]);
/** Of a proposal whose relay went back to a backup from before it. */
const LOST = "lost";
const KNOWN = new Set([...OPEN, ...ENDS, LOST]);
const colour = state => `var(--${KNOWN.has(state) ? state : "other"})`;
/** How each state of a leg is drawn, around 0,0. */
const MARKS = {
  locked: ["M-4 3.5L0-4L4 3.5Z", "preparing"], applied: ["M-4 0a4 4 0 1 0 8 0a4 4 0 1 0-8 0Z", "committed"],
  refused: ["M-4-2.5L-2.5-4L0-1.5L2.5-4L4-2.5L1.5 0L4 2.5L2.5 4L0 1.5L-2.5 4L-4 2.5L-1.5 0Z", "aborted"],
  released: ["M-4-3.5L0 4L4-3.5Z", "aborting"], tombstone: ["M-3.5-3.5H3.5V3.5H-3.5Z", "queued"],
  disputed: ["M0-4.5L4.5 0L0 4.5L-4.5 0Z", "rejected"], noted: ["M-4-1.5H4V1.5H-4Z", "other"], waiting: ["M-1.5-4H1.5V4H-1.5Z", "queued"],
  lost: ["M-4-1H-1V-4H1V-1H4V1H1V4H-1V1H-4Z", LOST],
};
const mark = state => MARKS[state] ?? ["M-3-3H3V3H-3Z", "other"];

// --- Elements, numbers, words ---------------------------------------------------------------------------------------

const byId = id => document.getElementById(id);
function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value);
  for (const child of children.flat()) if (child !== null && child !== undefined) node.append(child);
  return node;
}
const el = (tag, attributes = {}, ...children) => build(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const count = n => n.toLocaleString("en-GB");
const plural = (n, word, words = word + "s") => `${count(n)} ${n === 1 ? word : words}`;
/** The largest, however many there are; `least` if none is larger. */
const largest = (values, least) => values.reduce((top, value) => Math.max(top, value), least);
const per = x => x >= 100 ? count(Math.round(x)) : x >= 10 ? x.toFixed(1) : x.toFixed(2);
/** A time in words: 850 ms, 12.35 s, 4 min 5 s. */
function time(ms) {
  if (ms < 1000) return `${Math.round(ms)}\u00a0ms`;
  if (ms < 600000) return `${(ms / 1000).toFixed(2).replace(/\.?0+$/, "")}\u00a0s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.floor(seconds / 60)}\u00a0min ${seconds % 60}\u00a0s`;
}
const tickText = (ms, step) => `${(ms / 1000).toFixed(step >= 1000 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3)} s`;
/** The smallest of 1, 2, 5 times a power of ten that is at least `least`. */
function nice(least) {
  const power = 10 ** Math.floor(Math.log10(Math.max(least, 1e-9)));
  return [1, 2, 5, 10].map(factor => factor * power).find(step => step >= least * 0.999);
}
function* ticks(from, to, most) {
  const step = nice((to - from) / Math.max(1, most));
  for (let number = Math.ceil(from / step), end = Math.floor(to / step + 1e-9); number <= end; number += 1) yield [number * step, step];
}
/** Names often differ at their end only, so what is too long loses its middle. */
const shorten = (text, length) => text.length > length ? `${text.slice(0, Math.ceil(length / 2) - 1)}…${text.slice(-Math.floor(length / 2))}` : text;
const shortId = id => "…" + id.slice(-8);
/** The value below which the share lies, by nearest rank; `sorted` is not empty. */
const rank = (sorted, share) => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)];
function whom(processes) {
  const runs = [];
  for (const number of [...processes].sort((a, b) => a - b)) {
    const last = runs[runs.length - 1];
    if (last && last[1] === number - 1) last[1] = number; else runs.push([number, number]);
  }
  const words = runs.map(([from, to]) => from === to ? `${from}` : to === from + 1 ? `${from}, ${to}` : `${from}–${to}`).join(", ");
  return processes.length === 0 ? "no process" : `${processes.length === 1 ? "process" : "processes"} ${words}`;
}
function table(caption, heads, rows) {
  const cell = (tag, text, numeric, more = {}) => el(tag, { ...(numeric ? { class: "n" } : {}), ...more }, text);
  const numeric = heads.map(head => head.startsWith("#"));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, el("table", {}, el("caption", {}, caption),
    el("thead", {}, el("tr", {}, heads.map((head, at) => cell("th", head.replace(/^#/, ""), numeric[at], { scope: "col" })))),
    el("tbody", {}, rows.map(row => el("tr", {}, row.map((text, at) => text instanceof Node ? el("td", {}, text) : cell("td", text, numeric[at])))))));
}
/** A table that is built when it is opened first. */
function folded(title, make) {
  const details = el("details", {}, el("summary", {}, title));
  details.addEventListener("toggle", () => { if (details.open && details.childElementCount === 1) details.append(make()); });
  return details;
}
const legend = entries => el("ul", { class: "legend" }, entries.map(([text, sign]) => el("li", {}, sign, text)));
const swatch = state => el("span", { class: "swatch", style: `--c: ${state.startsWith("var(") ? state : colour(state)}`, "aria-hidden": "true" });

// --- What the data says, counted once -------------------------------------------------------------------------------

function study() {
  const end = Math.max(data.virtual_ms, 1), laned = new Set(data.proposals.slice(0, data.lanes));
  const proposals = data.proposals.filter(proposal => proposal.states.length > 0 || proposal.legs.length > 0).map(proposal => {
    const hasLane = laned.has(proposal);
    const first = Math.min(...proposal.states.slice(0, 1).map(([ms]) => ms), ...proposal.legs.map(([ms]) => ms));
    const [lastMs, last] = proposal.states.at(-1) ?? [first, "unknown to the relay"];
    const isEnded = ENDS.includes(last);
    const quietMs = Math.max(lastMs, ...proposal.legs.map(([ms]) => ms));
    const chains = [...new Set(proposal.legs.map(([, chain]) => chain))].sort((a, b) => a - b);
    const haystack = [proposal.id, proposal.reason ?? "", last, ...chains.map(chainName)].join(" ").toLowerCase();
    return { ...proposal, hasLane, first, last, isEnded, lastMs, quietMs, tookMs: isEnded ? lastMs - first : null, chains, haystack,
      decidedMs: proposal.states.find(([, state]) => DECIDED.has(state))?.[0] ?? null };
  });
  const moves = [];
  for (const { states } of proposals) states.forEach(([ms, state], at) => moves.push([ms, state, at > 0 ? states[at - 1][1] : null]));
  moves.sort((a, b) => a[0] - b[0]);
  const took = proposals.filter(proposal => proposal.isEnded).map(proposal => proposal.tookMs).sort((a, b) => a - b);
  const inputs = data.blocks.map(blocks => blocks.reduce((sum, block) => sum + block[2], 0));
  return { end, proposals, took, inputs, totalInputs: inputs.reduce((a, b) => a + b, 0), allBlocks: data.blocks.reduce((sum, blocks) => sum + blocks.length, 0),
    open: stack(moves, OPEN), ended: stack(moves, ENDS) };
}
/** How many proposals are in each of the states after each moment: [ms, [count per state]]. */
function stack(moves, states) {
  const now = states.map(() => 0), rows = [[0, [...now]]];
  for (const [ms, to, from] of moves) {
    const [into, outOf] = [states.indexOf(to), states.indexOf(from)];
    if (into < 0 && outOf < 0) continue;
    if (into >= 0) now[into] += 1;
    if (outOf >= 0) now[outOf] -= 1;
    if (rows.at(-1)[0] === ms) rows.at(-1)[1] = [...now]; else rows.push([ms, [...now]]);
  }
  return rows;
}
const chainName = place => data.chains[place] ?? `chain ${place}`;
/** The last row at or before a time, by halving; rows begin with their time. */
function at(rows, ms) {
  let [low, high] = [0, rows.length];
  while (low < high) { const middle = (low + high) >> 1; if (rows[middle][0] <= ms) low = middle + 1; else high = middle; }
  return low > 0 ? rows[low - 1] : null;
}
const faultsAt = ms => data.faults.filter(fault => fault.at_ms <= ms && ms <= fault.at_ms + fault.for_ms);

// --- One time axis for all rows -------------------------------------------------------------------------------------

const view = { from: 0, to: 1 };
/** Least pixels between two labels of the axis. */
const TICK_PX = 58;
const widths = new WeakMap();
/** Reads a box's width once per drawing: each reading makes the browser lay the page out. */
const measure = box => widths.set(box, Math.max(240, Math.floor(box.clientWidth)));
function frame(box, height, label, from = view.from, to = view.to) {
  const width = widths.get(box);
  const narrow = width < 620;
  const left = narrow ? 38 : 142, inner = width - left - 8;
  const x = ms => (ms - from) / (to - from) * inner;
  const plot = svg("svg", { x: left, y: 0, width: inner, height, overflow: "hidden" });
  const root = svg("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, plot);
  return { root, plot, width, narrow, left, inner, height, x, from, to };
}
function timeAxis(box, from, to) {
  const shape = frame(box, 22, "Time axis", from, to);
  const all = [...ticks(shape.from, shape.to, shape.inner / TICK_PX)];
  for (const [ms, step] of all) {
    const x = shape.left + shape.x(ms);
    const anchor = x > shape.width - 24 ? "end" : "middle";
    shape.root.append(svg("line", { class: "base", x1: x, x2: x, y1: 16, y2: 22 }),
      svg("text", { x: Math.min(x, shape.width - 2), y: 12, "text-anchor": anchor }, tickText(ms, step)));
  }
  return shape.root;
}
/** Lines and bands that every row shares: time marks, faults, begin of the work, the broken moment. */
function ground(shape, bands = true) {
  const { plot, x, height, inner } = shape;
  for (const [ms] of ticks(shape.from, shape.to, inner / TICK_PX)) plot.append(svg("line", { class: "grid", x1: x(ms), x2: x(ms), y1: 0, y2: height }));
  if (bands) {
    const path = data.faults.filter(fault => fault.at_ms + fault.for_ms >= shape.from && fault.at_ms <= shape.to)
      .map(fault => `M${x(fault.at_ms).toFixed(1)} 0h${Math.max(1, x(fault.at_ms + fault.for_ms) - x(fault.at_ms)).toFixed(1)}v${height}H${x(fault.at_ms).toFixed(1)}Z`).join("");
    plot.append(svg("path", { class: "band", d: path }));
  }
  if (data.work_began_ms > 0) plot.append(svg("line", { class: "work", x1: x(data.work_began_ms), x2: x(data.work_began_ms), y1: 0, y2: height }));
  if (data.broken) plot.append(svg("line", { class: "broken", x1: x(data.broken.at_ms), x2: x(data.broken.at_ms), y1: 0, y2: height }));
}
function valueAxis(shape, most, words, top = 8) {
  const y = value => shape.height - 2 - value / most * (shape.height - 2 - top);
  for (const [value] of ticks(0, most, Math.max(2, Math.floor(shape.height / 34)))) {
    shape.plot.append(svg("line", { class: "grid", x1: 0, x2: shape.inner, y1: y(value), y2: y(value) }));
    shape.root.append(svg("text", { x: shape.left - 6, y: Math.min(Math.max(y(value) + 4, 10), shape.height - 2), "text-anchor": "end" }, words(value)));
  }
  return y;
}
/** A step line through rows [ms, value]; the value holds until the next row. */
function steps(rows, x, y, till) {
  let path = "", last = null;
  for (const [ms, value] of rows) {
    if (value === null) { if (last !== null) path += `H${x(ms).toFixed(1)}`; last = null; continue; }
    path += last === null ? `M${x(ms).toFixed(1)} ${y(value).toFixed(1)}` : `H${x(ms).toFixed(1)}V${y(value).toFixed(1)}`;
    last = value;
  }
  return last === null ? path : path + `H${x(till).toFixed(1)}`;
}
const title = text => el("h3", {}, text);
