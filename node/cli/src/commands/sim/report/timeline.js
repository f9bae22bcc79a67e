// Timeline, the moment under the cursor, throughput and latency: all on the one time axis.

// --- Timeline -------------------------------------------------------------------------------------------------------

function drawTimeline() {
  const box = byId("timeline-box");
  const filter = byId("chain-filter").value.trim().toLowerCase();
  const places = data.chains.map((_, place) => place).filter(place => chainName(place).toLowerCase().includes(filter));
  box.classList.toggle("tall", data.chains.length > 12);
  const top = box.scrollTop;
  box.replaceChildren();
  measure(box);
  box.append(el("div", { class: "sticky" }, timeAxis(box)));
  drawFaults(box);
  drawStack(box, "Open proposals by state", study_.open, OPEN);
  drawStack(box, "Ended proposals, summed", study_.ended, ENDS);
  box.append(title("Chains"), legend([["block with inputs (taller: more inputs)", swatch("var(--tick)")],
    ["empty block", swatch("var(--tick-empty)")], ["heights stand over the ticks", null]]));
  drawChains(box, places);
  box.append(el("div", { class: "cursor" }), el("div", { class: "brush" }));
  box.scrollTop = top;
}
function drawFaults(box) {
  box.append(title("Faults and actors"));
  const words = fault => `${fault.kind}, ${time(fault.at_ms)} to ${time(fault.at_ms + fault.for_ms)}, ${whom(fault.processes)}`;
  if (data.faults.length === 0) { box.append(el("p", { class: "soft" }, "No fault struck, and nobody misbehaved.")); return; }
  const kinds = [...new Set(data.faults.map(fault => fault.kind))].sort();
  const probe = frame(box, 1, ""), rows = [];
  for (const kind of kinds) {
    const ends = []; // Where each row of this kind is free again, in pixels.
    const own = data.faults.filter(fault => fault.kind === kind).sort((a, b) => a.at_ms - b.at_ms).map(fault => {
      const [from, till] = [probe.x(fault.at_ms), Math.max(probe.x(fault.at_ms) + 5, probe.x(fault.at_ms + fault.for_ms))];
      let row = ends.findIndex(free => free < from);
      if (row < 0) row = ends.push(0) - 1;
      ends[row] = till + 2;
      return { fault, from, till, row };
    });
    rows.push({ kind, own, depth: Math.min(ends.length, 12) });
  }
  const gap = probe.narrow ? 14 : 0;
  const shape = frame(box, rows.reduce((sum, row) => sum + row.depth * 17 + gap + 3, 2),
    `Faults and actors: ${rows.map(row => `${count(row.own.length)} ${row.kind}`).join(", ")}`);
  ground(shape, false);
  let y = 2;
  for (const { kind, own, depth } of rows) {
    shape.root.append(svg("text", { class: "name", x: probe.narrow ? 2 : shape.left - 8, y: y + (probe.narrow ? 11 : 12),
      "text-anchor": probe.narrow ? "start" : "end" }, `${shorten(kind, 18)} × ${own.length}`));
    y += gap;
    for (const { fault, from, till, row } of own) {
      const ys = y + row % depth * 17, room = till - Math.max(from, 0), number = fault.processes.length;
      const short = [fault.processes.join(", "), `${number} processes`, `×${number}`].find(text => text.length * 6.4 + 6 < room);
      shape.plot.append(svg("g", {}, svg("title", {}, words(fault)), svg("rect", { class: "fault", x: from, y: ys, width: till - from, height: 14, rx: 2 }),
        short ? svg("text", { class: "in-bar", x: Math.max(from, 0) + 4, y: ys + 11 }, short) : null));
    }
    y += depth * 17 + 3;
  }
  box.append(shape.root);
}
function drawStack(box, name, rows, states) {
  const peak = largest(rows.map(([, counts]) => counts.reduce((a, b) => a + b, 0)), 1);
  const shape = frame(box, 96, `${name}; at most ${plural(peak, "proposal")}`);
  ground(shape);
  const y = valueAxis(shape, peak, value => Number.isInteger(value) ? count(value) : "");
  states.forEach((state, place) => {
    if (rows.every(([, counts]) => counts[place] === 0)) return;
    const upper = rows.map(([ms, counts]) => [ms, counts.slice(0, place + 1).reduce((a, b) => a + b, 0)]);
    const lower = rows.map(([ms, counts]) => [ms, counts.slice(0, place).reduce((a, b) => a + b, 0)]).reverse();
    let path = steps(upper, shape.x, y, study_.end);
    for (const [ms, value] of lower) path += `V${y(value).toFixed(1)}H${shape.x(ms).toFixed(1)}`;
    shape.plot.append(svg("path", { d: path + "Z", fill: colour(state) }, svg("title", {}, state)));
  });
  box.append(title(name), legend(states.map(state => [state, swatch(state)])), shape.root);
}
/** Rows of many chains that are drawn when they come near to the part in view: each row with what draws it. */
const waiting = new Map();
const drawWaiting = row => { const draw = waiting.get(row); waiting.delete(row); nearby.unobserve(row); if (draw) row.replaceChildren(draw()); };
const nearby = new IntersectionObserver(seen => { for (const entry of seen) if (entry.isIntersecting) drawWaiting(entry.target); }, { rootMargin: "300px" });
function drawChains(box, places) {
  const most = Math.max(1, ...data.blocks.map(blocks => blocks.reduce((top, block) => Math.max(top, block[2]), 0)));
  const gap = frame(box, 1, "").narrow ? 13 : 0, tall = 32 + gap;
  nearby.disconnect();
  waiting.clear();
  for (const place of places) {
    const draw = () => drawChain(box, place, most, gap, tall), row = el("div", { style: `height: ${tall}px` });
    box.append(row);
    if (places.length <= 48) { row.append(draw()); continue; }
    waiting.set(row, draw);
    nearby.observe(row);
  }
  if (places.length === 0) box.append(el("p", { class: "soft" }, "No chain has such a name."));
}
function drawChain(box, place, most, gap, tall) {
  const blocks = data.blocks[place] ?? [], last = blocks.at(-1), name = chainName(place);
  const words = `${name}: ${plural(blocks.length, "block")}, ${last ? `height ${last[1]}` : "no height"}, ${plural(study_.inputs[place] ?? 0, "input")}`;
  const shape = frame(box, tall, words);
  ground(shape);
  shape.root.append(svg("title", {}, words));
  if (shape.narrow) shape.root.append(svg("text", { class: "name", x: 2, y: 10 }, shorten(`${name} · height ${last ? last[1] : "none"}`, 44)));
  else shape.root.append(svg("text", { class: "name", x: shape.left - 8, y: 14, "text-anchor": "end" }, shorten(name, 20)),
    svg("text", { x: shape.left - 8, y: 27, "text-anchor": "end" }, last ? `height ${count(last[1])}` : "no block"));
  const foot = tall - 2, room = 16;
  let empty = "", filled = "", labelled = -Infinity, drawnAt = null, drawn = 0;
  for (const [ms, height, inputs] of blocks) {
    const x = shape.x(ms);
    if (x < -1 || x > shape.inner + 1) continue;
    const column = Math.round(x * 2) / 2, h = inputs === 0 ? 4 : 5 + (room - 5) * Math.sqrt(inputs / most);
    if (column !== drawnAt || h > drawn) { // Of blocks in one column the tallest is enough.
      const step = `M${column} ${foot}v${(-h).toFixed(1)}`;
      if (inputs === 0) empty += step; else filled += step;
      [drawnAt, drawn] = [column, h];
    }
    if (x - labelled >= 58 && x < shape.inner - 20) { shape.plot.append(svg("text", { x: Math.max(0, x - 3), y: gap + 11 }, height)); labelled = x; }
  }
  shape.plot.append(svg("path", { d: empty, stroke: "var(--tick-empty)", "stroke-width": 1 }),
    svg("path", { d: filled, stroke: "var(--tick)", "stroke-width": 1.2 }));
  shape.root.append(svg("line", { class: "base", x1: shape.narrow ? 0 : 8, x2: shape.width, y1: tall - .5, y2: tall - .5 }));
  return shape.root;
}
function drawTimelineTables() {
  byId("timeline-tables").replaceChildren(
    folded(`Chains as a table (${count(data.chains.length)})`, () => table("Blocks of each chain",
      ["Chain", "#Height", "#Blocks", "#Empty", "#Inputs", "#Longest gap"],
      data.chains.map((name, place) => {
        const blocks = data.blocks[place] ?? [];
        const longest = blocks.slice(1).reduce((top, block, before) => Math.max(top, block[0] - blocks[before][0]), 0);
        return [name, count(blocks.at(-1)?.[1] ?? 0), count(blocks.length), count(blocks.filter(block => block[2] === 0).length),
          count(study_.inputs[place] ?? 0), time(longest)];
      }))),
    ...(data.faults.length === 0 ? [] : [folded(`Faults and actors as a table (${count(data.faults.length)})`,
      () => table("Faults and actors in the order of time", ["Kind", "#From", "#For", "Hits"],
      [...data.faults].sort((a, b) => a.at_ms - b.at_ms).map(fault => [fault.kind, time(fault.at_ms), time(fault.for_ms), whom(fault.processes)])))]));
}

// --- The moment under the cursor, and the part of the time shown -----------------------------------------------------

let moment = null;
function showMoment(ms) {
  moment = Math.min(Math.max(ms, view.from), view.to);
  for (const box of [byId("timeline-box"), byId("speed-box")]) {
    const cursor = box.querySelector(".cursor");
    if (!cursor) continue;
    const { left, x } = frame(box, 1, "");
    cursor.style.display = "block";
    cursor.style.left = `${left + x(moment)}px`;
    cursor.style.height = `${box.scrollHeight}px`;
  }
  const open = at(study_.open, moment)?.[1] ?? [], ended = at(study_.ended, moment)?.[1] ?? [];
  const states = [...OPEN.map((state, place) => [open[place] ?? 0, state]), ...ENDS.map((state, place) => [ended[place] ?? 0, state])];
  const present = states.filter(([number]) => number > 0).map(([number, state]) => `${count(number)} ${state}`).join(", ") || "none yet";
  const named = data.chains.length > 8 ? 4 : 8;
  const heights = data.chains.slice(0, named).map((name, place) => `${name} ${at(data.blocks[place] ?? [], moment)?.[1] ?? 0}`).join(", ");
  const faults = faultsAt(moment), struck = faults.slice(0, 5).map(fault => `${fault.kind} of ${whom(fault.processes)}`).join("; ");
  byId("readout").replaceChildren(el("strong", {}, `At ${time(moment)}. `),
    `Heights: ${heights}${data.chains.length > named ? `, and ${plural(data.chains.length - named, "more chain")}` : ""}. Proposals: ${present}. `,
    `Faults and actors: ${struck || "none"}${faults.length > 5 ? `; and ${faults.length - 5} more` : ""}.`);
}
function look(from, to) {
  const span = Math.min(Math.max(to - from, 100), study_.end);
  view.from = Math.min(Math.max(0, from), study_.end - span);
  view.to = view.from + span;
  drawTimeline();
  drawSpeed();
  const whole = span >= study_.end;
  for (const button of document.querySelectorAll("[data-zoom]"))
    button.disabled = { in: span <= 100, left: view.from <= 0, right: view.to >= study_.end }[button.dataset.zoom] ?? whole;
  if (moment !== null && moment >= view.from && moment <= view.to) showMoment(moment);
}
function zoom(how) {
  const span = view.to - view.from, middle = (view.from + view.to) / 2;
  if (how === "in") look(middle - span / 4, middle + span / 4);
  if (how === "out") look(middle - span, middle + span);
  if (how === "left") look(view.from - span / 2, view.to - span / 2);
  if (how === "right") look(view.from + span / 2, view.to + span / 2);
  if (how === "all") look(0, study_.end);
}
function watch(box) {
  let began = null;
  const under = event => {
    const { left, inner, from, to } = frame(box, 1, "");
    const x = Math.min(Math.max(event.clientX - box.getBoundingClientRect().left - box.clientLeft - left, 0), inner);
    return from + x / inner * (to - from);
  };
  const brush = (a, b) => {
    const { left, x } = frame(box, 1, ""), strip = box.querySelector(".brush");
    Object.assign(strip.style, { display: "block", left: `${left + x(Math.min(a, b))}px`, width: `${Math.abs(x(b) - x(a))}px`,
      height: `${box.scrollHeight}px` });
  };
  box.addEventListener("pointerdown", event => {
    if (event.pointerType === "mouse" && event.button === 0 && event.offsetX < box.clientWidth) { began = under(event); box.setPointerCapture(event.pointerId); }
    showMoment(under(event));
  });
  box.addEventListener("pointermove", event => { const now = under(event); showMoment(now); if (began !== null) brush(began, now); });
  box.addEventListener("pointerup", event => {
    if (began === null) return;
    const [a, b] = [began, under(event)].sort((p, q) => p - q);
    began = null;
    box.querySelector(".brush").style.display = "none";
    if (b - a > (view.to - view.from) / 60) look(a, b);
  });
  box.addEventListener("pointercancel", () => { began = null; box.querySelector(".brush").style.display = "none"; });
  box.addEventListener("keydown", event => {
    const step = (view.to - view.from) / (event.shiftKey ? 10 : 100), from = moment ?? view.from;
    const to = { ArrowLeft: from - step, ArrowRight: from + step, Home: view.from, End: view.to }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    showMoment(to);
  });
}

// --- Throughput and latency -----------------------------------------------------------------------------------------

/** Of more proposals the dots are one path per end, and have no words of their own. */
const MAX_DOTS = 2000;
/** Counts per bin over the part shown: inputs, decisions, and how long what ended there took. */
function bins() {
  const wide = Math.max(200, nice((view.to - view.from) / 60)), first = Math.floor(view.from / wide), last = Math.floor(view.to / wide);
  const rows = Array.from({ length: last - first + 1 }, (_, place) => ({ from: (first + place) * wide, inputs: 0, decided: 0, took: [] }));
  const put = (ms, what) => { const row = ms === null ? null : rows[Math.floor(ms / wide) - first]; if (row) what(row); };
  for (const blocks of data.blocks) for (const [ms, , inputs] of blocks) put(ms, row => { row.inputs += inputs; });
  for (const { decidedMs, lastMs, tookMs } of study_.proposals) {
    put(decidedMs, row => { row.decided += 1; });
    if (tookMs !== null) put(lastMs, row => { row.took.push(tookMs); });
  }
  for (const row of rows) row.took.sort((a, b) => a - b);
  return { wide, rows };
}
function drawSpeed() {
  const box = byId("speed-box"), { wide, rows } = bins(), second = 1000 / wide;
  byId("speed-note").textContent = `Rates over ${time(wide)} each. Latency is from the first state on the relay to the last; orange bands are faults.`;
  measure(box);
  box.replaceChildren(timeAxis(box));
  const bars = (name, values, fill) => {
    const most = Math.max(1, ...values) * 1.05, shape = frame(box, 110, `${name}; at most ${per(Math.max(0, ...values))} per second`);
    ground(shape);
    const y = valueAxis(shape, most, value => Number.isInteger(value) ? count(value) : value.toFixed(1));
    const path = rows.map((row, place) => values[place] === 0 ? "" : `M${(shape.x(row.from) + .5).toFixed(1)} ${y(0)}V${y(values[place]).toFixed(1)}H${(shape.x(row.from + wide) - .5).toFixed(1)}V${y(0)}Z`).join("");
    shape.plot.append(svg("path", { d: path, fill }));
    box.append(title(name), shape.root);
  };
  bars("Inputs final per second, all chains", rows.map(row => row.inputs * second), "var(--tick)");
  bars("Proposals decided per second", rows.map(row => row.decided * second), "var(--committed)");

  const shown = study_.proposals.filter(({ tookMs, lastMs }) => tookMs !== null && lastMs >= view.from && lastMs <= view.to);
  const most = largest(shown.map(proposal => proposal.tookMs), 100) * 1.05;
  const shape = frame(box, 190, `Latency of ${plural(shown.length, "proposal")} by the time of the end`);
  ground(shape);
  const y = valueAxis(shape, most, value => value === 0 ? "0" : value < 1000 ? `${value} ms` : `${+(value / 1000).toFixed(1)} s`);
  if (shown.length > MAX_DOTS) for (const state of ENDS) {
    const path = shown.filter(proposal => proposal.last === state).map(proposal => `M${shape.x(proposal.lastMs).toFixed(1)} ${y(proposal.tookMs).toFixed(1)}h0`);
    shape.plot.append(svg("path", { d: path.join(""), stroke: colour(state), "stroke-width": 4, "stroke-linecap": "round", "stroke-opacity": .5 }));
  }
  else for (const proposal of shown) shape.plot.append(svg("circle", { cx: shape.x(proposal.lastMs).toFixed(1), cy: y(proposal.tookMs).toFixed(1),
    r: 2.6, fill: colour(proposal.last), "fill-opacity": .65 },
    svg("title", {}, `${shortId(proposal.id)} ${proposal.last} at ${time(proposal.lastMs)} after ${time(proposal.tookMs)}`)));
  const line = share => steps(rows.map(row => [row.from, row.took.length === 0 ? null : rank(row.took, share)]), shape.x, y, view.to);
  shape.plot.append(svg("path", { d: line(.99), fill: "none", stroke: "var(--bad)", "stroke-width": 1.4, "stroke-dasharray": "5 3" }),
    svg("path", { d: line(.5), fill: "none", stroke: "var(--text)", "stroke-width": 1.6 }));
  box.append(title("Latency of proposals"), legend([["median of what ended then", swatch("var(--text)")], ["99th percentile (dashed)", swatch("var(--bad)")],
    ...ENDS.map(state => [`one ${state} proposal`, swatch(state)])]), shape.root, timeAxis(box), el("div", { class: "cursor" }), el("div", { class: "brush" }));
  byId("speed-tables").replaceChildren(folded("Rates and latencies as a table",
    () => table(`Per ${time(wide)} of virtual time`, ["#From", "#Inputs/s", "#Decided/s", "#Ended", "#Median", "#99th", "#Longest"],
    rows.map(row => [time(row.from), per(row.inputs * second), per(row.decided * second), count(row.took.length),
      ...(row.took.length === 0 ? ["", "", ""] : [time(rank(row.took, .5)), time(rank(row.took, .99)), time(row.took.at(-1))])]))));
}
