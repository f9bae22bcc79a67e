// A lane per proposal; verdict, figures, properties, steps; and what draws all of it when the page is opened.

// --- Swim lanes -----------------------------------------------------------------------------------------------------

const PAGE = 40;
/** A lane that was clicked or focused is pinned: pointing at others does not change the details. */
const lanes = { page: 0, chosen: null, isPinned: false, shown: [] };
/** How it ended, `lost`, or `open`. */
const endOf = ({ last, isEnded }) => isEnded || last === LOST ? last : "open";
function chooseLanes() {
  const end = byId("lane-end").value, words = byId("lane-text").value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const long = proposal => proposal.tookMs ?? study_.end - proposal.first;
  const orders = { start: (a, b) => a.first - b.first, slow: (a, b) => long(b) - long(a), fast: (a, b) => long(a) - long(b),
    id: (a, b) => (a.id < b.id ? -1 : 1) };
  lanes.shown = study_.proposals.filter(proposal => proposal.hasLane && (end === "all" || endOf(proposal) === end)
    && words.every(word => proposal.haystack.includes(word)))
    .sort(orders[byId("lane-order").value]);
}
function drawLanes() {
  const box = byId("lane-box"), own = byId("lane-time").value === "own";
  const pages = Math.max(1, Math.ceil(lanes.shown.length / PAGE));
  lanes.page = Math.min(Math.max(0, lanes.page), pages - 1);
  const page = lanes.shown.slice(lanes.page * PAGE, (lanes.page + 1) * PAGE);
  byId("lane-before").disabled = lanes.page === 0;
  byId("lane-after").disabled = lanes.page >= pages - 1;
  byId("lane-page").textContent = lanes.shown.length === 0 ? "none" : `${count(lanes.page * PAGE + 1)} to ${count(lanes.page * PAGE + page.length)} of ${count(lanes.shown.length)}`;
  box.replaceChildren();
  measure(box);
  if (page.length === 0) { box.append(el("p", { class: "soft" }, data.proposals.length === 0 ? "No proposal was ordered." : "No proposal fits.")); return; }
  const starts = page.map(proposal => own ? 0 : proposal.first), shows = page.map(proposal => proposal.quietMs - (own ? proposal.first : 0));
  // What is still open reaches to the edge, and would press the others together if it counted in full.
  const [low, high] = [Math.min(...starts), page.some(proposal => proposal.isEnded) || own ? Math.max(...shows) : study_.end],
    pad = Math.max(20, (high - low) * .015);
  const [from, to] = [low - pad, high + pad], tall = 27;
  const shape = frame(box, page.length * tall, "", from, to);
  if (own) for (const [ms] of ticks(from, to, shape.inner / TICK_PX)) shape.plot.append(svg("line",
    { class: "grid", x1: shape.x(ms), x2: shape.x(ms), y1: 0, y2: shape.height }));
  else ground(shape);
  shape.plot.remove(); // Lanes hold their names too: they are drawn over the ground, not in it.
  build(shape.root, { role: "listbox", "aria-label": "Proposals; up and down arrow keys go through them" }, [shape.plot]);
  const clip = (x, width) => [Math.max(0, x), Math.max(0, Math.min(shape.inner, x + width) - Math.max(0, x))];
  page.forEach((proposal, row) => {
    const y = row * tall, visible = shape.narrow ? proposal.id.slice(-5) : shortId(proposal.id), shift = own ? proposal.first : 0,
      X = ms => shape.x(ms - shift);
    const lane = svg("g", { class: "lane", role: "option", tabindex: row === 0 ? 0 : -1, "aria-selected": "false", "data-row": row, "data-id": proposal.id,
      "aria-label": `${visible}, ${summary(proposal)}` }, svg("rect", { class: "ground", x: 1, y: y + .5, width: shape.width - 2, height: tall - 1, rx: 3 }));
    lane.append(svg("text", { class: "name", x: shape.narrow ? 2 : 12, y: y + 17 }, visible));
    proposal.states.forEach(([ms, state], place) => {
      const next = proposal.states[place + 1]?.[0];
      if (next === undefined && proposal.isEnded) {
        lane.append(svg("rect", { x: shape.left + X(ms) - 1, y: y + 2, width: 4, height: 13, rx: 1, fill: colour(state) }));
        return;
      }
      const [x, width] = clip(X(ms), Math.max(1, X(next ?? study_.end) - X(ms)));
      lane.append(svg("rect", { x: shape.left + x, y: y + 4, width, height: 9, fill: colour(state) }));
    });
    for (const [ms, chain, state] of proposal.legs) {
      const [path, tint] = mark(state), line = proposal.chains.indexOf(chain) % 2;
      lane.append(svg("path", { class: "mark", d: path, fill: colour(tint),
        transform: `translate(${(shape.left + X(ms)).toFixed(1)} ${y + 17 + line * 4}) scale(.85)` }));
    }
    shape.root.append(lane);
  });
  box.append(timeAxis(box, from, to), shape.root);
  if (lanes.chosen) choose(page.find(proposal => proposal.id === lanes.chosen) ?? null);
}
const summary = proposal => proposal.isEnded ? `${proposal.last} after ${time(proposal.tookMs)}${proposal.reason ? `, ${proposal.reason}` : ""}`
  : `${proposal.last === LOST ? "" : "still "}${proposal.last}${proposal.reason ? `, ${proposal.reason}` : ""}`;
function choose(proposal) {
  const panel = byId("lane-detail");
  lanes.chosen = proposal?.id ?? null;
  for (const lane of document.querySelectorAll("#lane-box .lane")) {
    const isIt = proposal !== null && lane.dataset.id === proposal.id;
    lane.classList.toggle("chosen", isIt);
    lane.setAttribute("aria-selected", String(isIt));
  }
  panel.hidden = proposal === null;
  if (proposal === null) { lanes.isPinned = false; return; }
  const rows = [...proposal.states.map(([ms, state]) => [ms, "relay", state]),
    ...proposal.legs.map(([ms, chain, state]) => [ms, `leg on ${chainName(chain)}`, state])].sort((a, b) => a[0] - b[0]);
  const close = el("button", { type: "button", style: "float: right", "aria-label": "Close the details" }, "×");
  close.addEventListener("click", () => choose(null));
  panel.replaceChildren(close, el("p", {}, el("strong", {}, summary(proposal))), el("p", { class: "mono" }, proposal.id),
    el("table", {}, el("thead", {}, el("tr", {}, ["At", "Since start", "Where", "State"].map((head, place) => el("th", { scope: "col", class: place < 2 ? "n" : null },
      head)))),
      el("tbody", {}, rows.map(([ms, where, state]) => el("tr", {}, el("td", { class: "n" }, time(ms)),
        el("td", { class: "n" }, `+${time(ms - proposal.first)}`), el("td", {}, where), el("td", {}, state))))));
}
function prepareLanes() {
  const box = byId("lane-box"), counts = new Map();
  const laned = study_.proposals.filter(proposal => proposal.hasLane);
  for (const proposal of laned) counts.set(endOf(proposal), (counts.get(endOf(proposal)) ?? 0) + 1);
  byId("lane-end").append(el("option", { value: "all" }, `all (${count(laned.length)})`),
    ...[...ENDS, LOST, "open"].filter(end => counts.has(end)).map(end => el("option", { value: end }, `${end} (${count(counts.get(end))})`)));
  byId("lanes-note").textContent = "A lane for each proposal: the bar is its state on the relay, marks under it are states of its legs. Point at a lane, tap it or focus it for times and the reason."
    + (data.lanes < data.proposals.length ? ` Only the first ${count(data.lanes)} by id have a lane; ${plural(data.proposals.length - data.lanes, "more proposal")} are in the plots and figures above alone.` : "");
  const isLost = laned.some(proposal => proposal.states.some(([, state]) => state === LOST));
  const used = new Set(laned.flatMap(proposal => proposal.legs.map(leg => leg[2])));
  byId("lane-legend").append(legend([...[...OPEN, ...ENDS, ...(isLost ? [LOST] : [])].map(state => [state, swatch(state)]),
    ...[...used].sort().map(state => [`leg ${state}`, svg("svg", { width: 12, height: 12, viewBox: "-6 -6 12 12", "aria-hidden": "true" },
      svg("path", { d: mark(state)[0], fill: colour(mark(state)[1]) }))])]));
  const again = () => { lanes.page = 0; chooseLanes(); drawLanes(); };
  for (const id of ["lane-end", "lane-order", "lane-time"]) byId(id).addEventListener("change", again);
  byId("lane-text").addEventListener("input", again);
  byId("lane-before").addEventListener("click", () => { lanes.page -= 1; drawLanes(); });
  byId("lane-after").addEventListener("click", () => { lanes.page += 1; drawLanes(); });
  const of = event => { const lane = event.target.closest?.(".lane"); return lane ? lanes.shown[lanes.page * PAGE + Number(lane.dataset.row)] : undefined; };
  box.addEventListener("pointerover", event => {
    const proposal = of(event);
    if (proposal && !lanes.isPinned && event.pointerType === "mouse" && proposal.id !== lanes.chosen) choose(proposal);
  });
  box.addEventListener("click", event => {
    const proposal = of(event);
    if (!proposal) return;
    lanes.isPinned = !(lanes.isPinned && proposal.id === lanes.chosen);
    choose(proposal);
  });
  box.addEventListener("focusin", event => {
    const proposal = of(event);
    if (!proposal || !event.target.matches(":focus-visible")) return;
    lanes.isPinned = true;
    choose(proposal);
  });
  box.addEventListener("keydown", event => {
    const lane = event.target.closest?.(".lane");
    if (!lane) return;
    if (event.key === "Escape") { choose(null); return; }
    const all = [...box.querySelectorAll(".lane")], here = all.indexOf(lane);
    const next = { ArrowDown: here + 1, ArrowUp: here - 1, Home: 0, End: all.length - 1 }[event.key];
    if (next === undefined || !all[next]) return;
    event.preventDefault();
    lane.setAttribute("tabindex", "-1");
    all[next].setAttribute("tabindex", "0");
    all[next].focus();
  });
}

// --- Verdict, figures, properties, steps ----------------------------------------------------------------------------

/** The property and what it saw, of a line "name: what it saw". */
function property(line) {
  const cut = line.indexOf(": ");
  return cut < 0 ? [line, ""] : [line.slice(0, cut), line.slice(cut + 2)];
}
function drawVerdict(seed) {
  const part = byId("verdict"), { broken } = data;
  const replay = el("code", { class: "replay", tabindex: "0" }, data.replay);
  part.classList.toggle("broken", broken !== null);
  if (broken === null) {
    part.replaceChildren(el("h2", {}, "Every property held"), el("p", {},
      `${plural(data.properties.length, "property", "properties")} watched ${plural(data.events, "event")} in ${time(data.virtual_ms)} of virtual time.`), replay);
    return;
  }
  part.replaceChildren(el("h2", {}, `Broken: ${broken.property}`), el("p", {},
    `It does not hold at ${time(broken.at_ms)} (${count(broken.at_ms)} ms). Two facts contradict each other:`),
    el("dl", {}, el("dt", {}, "One fact"), el("dd", {}, broken.one_fact), el("dt", {}, "The other"), el("dd", {}, broken.other_fact)),
      el("p", { class: "soft" }, "To see it again:"), replay);
}
function drawFigures() {
  const { took } = study_, seconds = Math.max(1, data.virtual_ms - data.work_began_ms) / 1000;
  const decided = study_.proposals.filter(proposal => proposal.decidedMs !== null).length;
  const ends = Object.entries(data.ends).map(([end, number]) => `${count(number)} ${end}`).join(", ") || "none";
  const faults = Object.entries(data.fault_counts), struck = faults.reduce((sum, [, number]) => sum + number, 0);
  const rows = [
    ["Proposals submitted", count(data.submitted), ends], ["Chains", count(data.chains.length), "the relay and its subchains"],
    ["Blocks", count(study_.allBlocks), `${plural(study_.totalInputs, "input")} final`],
    ["Virtual time", time(data.virtual_ms), `work began at ${time(data.work_began_ms)}`],
    ["Decided per second", per(decided / seconds), "mean since the work began"],
    ["Inputs per second", per(study_.totalInputs / seconds), "all chains, the same mean"],
    ["Median latency", took.length ? time(rank(took, .5)) : "none", "first state to end"],
    ["99th percentile", took.length ? time(rank(took, .99)) : "none", took.length ? `longest ${time(took.at(-1))}` : ""],
    ["Faults", count(struck), plural(faults.length, "kind")], ["Events", count(data.events), "of the simulator"],
    ["Steps covered", count(data.steps.length), "of the state tables"],
    ["Signatures", data.signatures, ""],
  ].map(([name, value, more]) => el("div", {}, el("dt", {}, name), el("dd", {}, value, el("small", {}, more))));
  if (faults.length > 0) rows.push(el("div", { class: "wide" }, el("dt", {}, "Faults by kind"),
    el("dd", {}, faults.map(([kind, number]) => `${count(number)} ${kind}`).join(", "))));
  const misdeeds = Object.entries(data.misdeeds);
  if (misdeeds.length > 0) rows.push(el("div", { class: "wide" }, el("dt", {}, "Misdeeds of actors"),
    el("dd", {}, misdeeds.map(([deed, number]) => `${count(number)} ${deed}`).join(", "))));
  rows.push(el("div", { class: "wide" }, el("dt", {}, "Hash of the trace"), el("dd", { class: "mono" }, data.trace_hash)));
  byId("figure-list").replaceChildren(...rows);
}
function drawProperties() {
  const counted = text => text.split(/(\d[\d,.]*)/).map((piece, place) => place % 2 ? el("strong", {}, piece) : piece);
  const rows = data.properties.map(line => {
    const [name, saw] = property(line), fails = data.broken !== null && data.broken.property === name;
    const verdict = fails ? el("span", { class: "fails" }, "✗ broken") : el("span", { class: "holds" }, "✓ holds");
    return [name, verdict, el("span", {}, ...counted(saw))];
  });
  if (data.broken && !data.properties.some(line => property(line)[0] === data.broken.property)) rows.unshift([data.broken.property,
    el("span", { class: "fails" }, "✗ broken"), data.broken.one_fact]);
  for (const name of data.left_out) rows.push([name, el("span", { class: "soft" }, "not checked"), "The scenario leaves it out."]);
  byId("property-table").replaceChildren(table("What each property looked at, with counts", ["Property", "Verdict", "What it evaluated"], rows));
}
function drawSteps() {
  const places = new Map(), split = line => { const [place, step] = property(line), [from, to] = step.split(" → "); return [place, from, to ?? ""]; };
  for (const [place, from, to] of data.steps.map(split)) places.set(place, [...(places.get(place) ?? []), [from, to]]);
  byId("step-tables").replaceChildren(...[...places].map(([place, rows]) => el("div", {},
    el("h3", {}, `${place[0]?.toUpperCase() ?? ""}${place.slice(1)}`), table(`${plural(rows.length, "step")}`, ["From", "To"], rows))));
  if (places.size === 0) byId("step-tables").append(el("p", {}, "None."));
  byId("steps-missed").append(folded(`Steps that it did not take (${count(data.steps_missed.length)})`,
    () => table("A step of another trial, or of none", ["Where", "From", "To"], data.steps_missed.map(split))));
}

// --- All of it ------------------------------------------------------------------------------------------------------

let study_ = null;
function start() {
  if (data === null) {
    byId("verdict").append(el("p", {}, "This page holds no trial: `crosstie sim run FILE --seed S --report out.html` writes one that does."));
    for (const part of document.querySelectorAll("main > section:not(#verdict), nav")) part.hidden = true;
    return;
  }
  // A seed may be larger than a number of this language can hold exactly, so its digits are read from the text.
  const seed = dataText.match(/"seed":\s*(\d+)/)?.[1] ?? String(data.seed);
  document.title = `${data.scenario}, seed ${seed}: ${data.broken ? "broken" : "every property held"}`;
  byId("title").textContent = `${data.scenario}, seed ${seed}`;
  byId("about").textContent = data.about;
  byId("foot").textContent = `Written by crosstie sim run; the same scenario and seed give the same trace, ${data.trace_hash.slice(0, 16)}…`;
  study_ = study();
  byId("chain-label").hidden = data.chains.length <= 12;
  drawVerdict(seed);
  drawFigures();
  drawProperties();
  drawSteps();
  prepareLanes();
  drawTimelineTables();
  for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => zoom(button.dataset.zoom));
  byId("chain-filter").addEventListener("input", drawTimeline);
  for (const box of [byId("timeline-box"), byId("speed-box")]) watch(box);
  look(0, study_.end);
  showMoment(data.broken?.at_ms ?? study_.end);
  chooseLanes();
  drawLanes();
  let width = byId("main").clientWidth, asked = false;
  new ResizeObserver(() => {
    if (byId("main").clientWidth === width || asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; width = byId("main").clientWidth; look(view.from, view.to); drawLanes(); });
  }).observe(byId("main"));
  addEventListener("beforeprint", () => { [...waiting.keys()].forEach(drawWaiting); for (const details of document.querySelectorAll("details")) details.open = true; });
}
start();
