// Show the graph, step through it, recompute it, and train its leaves.
//
// Two generated objects precede this. `program` has numbers, `initial` and `constants`, and functions: `steps` has one for
// each node, which computes it from the nodes before it (null for a leaf), and `derivatives` returns all gradients, then
// all local gradients, then what each edge adds to the gradient of its operand, from all nodes. `graph` has names, formulas and layouts. Users' text is only set as textContent.

const {initial, constants, steps, derivatives} = program;
const {nodes, sizes, layouts, train} = graph;
const count = nodes.length, output = count - 1;
const edges = nodes.flatMap((node, to) => node.args.map((from, k) => ({from, to, passes: from >= 0 && !node.blocked.includes(k)})));
let locals = 0;
for (const edge of edges) edge.local = edge.passes ? locals++ : null;
const reached = nodes.map((_, i) => i === output);  // by a gradient
for (const edge of edges.slice().reverse()) if (edge.passes && reached[edge.to]) reached[edge.from] = true;
const uses = nodes.map((_, i) => edges.filter(edge => edge.from === i));
const leaves = nodes.flatMap((node, i) => node.slider ? [i] : []);

// Numbers -------------------------------------------------------------------------------------------------------------

const data = initial.slice();
let gradients, localGradients, addedParts, fauxGradients;

function recompute() {
  for (let i = 0; i < count; i++) if (steps[i]) data[i] = steps[i](data);
  const all = derivatives(data);
  gradients = all.slice(0, count);
  localGradients = all.slice(count, count + locals);
  addedParts = all.slice(count + locals);
  fauxGradients = nodes.map((_, i) => faux(i));
}

function faux(i) {
  const perturbed = data.slice();
  perturbed[i] += graph.tiny;
  for (let j = i + 1; j < count; j++) if (steps[j] && !nodes[j].stops) perturbed[j] = steps[j](perturbed);
  return (perturbed[output] - data[output]) / graph.tiny;
}

const exact = x => Object.is(x, -0) ? "-0" : String(x).replace("Infinity", "inf").replace("NaN", "nan");

// The texts of numbers are those of text.py: `valueText` and `slopeText` have the digits that explore was asked for, or else the
// formats of values in pictures and of gradients.

// The first digits of |x|, as many as asked for, and the power of ten of the first one; a tie is rounded to even.
function rounded(x, digits) {
  const [mantissa, exponent] = Math.abs(x).toExponential(100).split("e"), all = mantissa.replace(".", "");
  const kept = BigInt(all.slice(0, digits)), rest = all.slice(digits);
  const up = rest[0] > "5" || (rest[0] === "5" && (/[1-9]/.test(rest.slice(1)) || kept % 2n === 1n));
  const text = String(kept + BigInt(up));
  return [text.slice(0, digits), Number(exponent) + text.length - digits];
}

// A number of these digits, without zeros at the end.
function positional(x, digits, power) {
  const text = power < 0 ? `0.${"0".repeat(-1 - power)}${digits}`
    : `${digits.slice(0, power + 1).padEnd(power + 1, "0")}.${digits.slice(power + 1)}`;
  return (x < 0 ? "-" : "") + text.replace(/\.?0*$/, "");
}

function significant(x, digits) {
  if (!Number.isFinite(x) || x === 0) return exact(x + 0);
  const [text, power] = rounded(x, digits);
  if (power >= -4 && power < digits) return positional(x, text, power);
  const size = String(Math.abs(power)).padStart(2, "0");
  return `${positional(x, text, 0)}e${power < 0 ? "-" : "+"}${size}`;
}

const powerOf = x => Number(x.toExponential(20).split("e")[1]);

function short(x, digits = 4) {
  const text = significant(x, digits);
  if (text.includes("e+") && Math.abs(x) < 1e6) return positional(x, ...rounded(x, powerOf(x) + 1));
  return text.replace("-", "").length < digits ? unlessInteger(x, text) : text;
}

const hasDecimals = x => Math.abs(x) >= 0.001 && Math.abs(x) < 1e6;

function decimals(x, most) {
  return hasDecimals(x) ? unlessInteger(x, positional(x, ...rounded(x, powerOf(x) + 1 + most))) : short(x);
}

// Only an integer is shown as one; but what is the same in seven digits is taken for one.
function unlessInteger(x, text) {
  if (text.includes(".") || !Number.isFinite(x) || Number.isInteger(x)) return text;
  for (let digits = text.replace("-", "").length + 1; digits <= 7; digits++) {
    const more = significant(x, digits);
    if (more.includes(".")) return more;
  }
  return text;
}

const valueText = x => short(x, graph.digits ?? 4);
const slopeText = x => graph.digits ? short(x, graph.digits) : decimals(x, 4);

const localText = edge => edge.passes ? slopeText(localGradients[edge.local]) : graph.noGradient;

// Read "inf", "-1e-3", "−0.5" and "0,5" as numbers; undefined for other text.
function parsed(text) {
  const clean = text.trim().replace("−", "-").replace(",", ".").replace(/^([+-]?)inf(inity)?$/i, "$1Infinity");
  const x = clean === "" ? NaN : Number(clean);
  return Number.isNaN(x) && !/^nan$/i.test(clean) ? undefined : x;
}

// Arithmetic that is true as it is shown, as in true_arithmetic.py: a product only where the two numbers multiply to
// the part that backward adds. Elsewhere it is the part itself: with infinities, a rule may give something else than the product.

// Where explore was asked for digits, all numbers have these, and ≈ stands where a calculator would give something else.

const MOST_DIGITS = 17;  // tell all floats apart
const added = numbers => numbers.reduce((sum, x) => sum + x, 0);

// What a calculator gives for numbers as they are shown: it reckons in decimals, to which 0.1 + 0.2 - 0.3 is 0.
function calculated(factorsOfTerms) {
  const inDecimals = text => {
    const [, digits, after = "", power = 0] = text.match(/^(-?\d+)(?:\.(\d*))?(?:e([-+]?\d+))?$/);
    return [BigInt(digits + after), power - after.length];
  };
  const hasAllDigits = x => x === 0 || (Math.abs(x) > 2.3e-308 && Number.isFinite(x));  // of a float
  if (!factorsOfTerms.flat().every(text => hasAllDigits(parsed(text)))) return inFloats(factorsOfTerms);
  const products = factorsOfTerms.map(texts =>
    texts.map(inDecimals).reduce(([x, power], [y, more]) => [x * y, power + more]));
  const least = Math.min(...products.map(([, power]) => power));
  const found = Number(`${products.reduce((sum, [x, power]) => sum + x * 10n ** BigInt(power - least), 0n)}e${least}`);
  return hasAllDigits(found) ? found : inFloats(factorsOfTerms);
}

// A number with so many digits; with 0, as `text` shows it.
const withDigits = (x, digits, text) => !digits || !Number.isFinite(x) ? text(x) : exact(Number(x.toPrecision(digits)) + 0);

// Whether a number is x as `text` shows it, but for the rounding of the last digit.
function isShownAs(found, x, text) {
  if (x === 0 || !Number.isFinite(x) || !Number.isFinite(found)) return Object.is(found + 0, x + 0);
  const shown = text(x), digits = graph.digits ?? 4, [, decimalsShown = ""] = shown.match(/^[^e]*\.(\d*)$/) ?? [];
  const last = powerOf(parsed(shown)) + 1 - digits, isPlain = Math.abs(x) < 1e6;
  const place = text === slopeText && !graph.digits && hasDecimals(x) ? -4 : isPlain ? Math.min(last, 0) : last;
  return Math.abs(found - parsed(shown)) <= 0.500001 * 10 ** Math.min(place, -decimalsShown.length || place);
}

const EQUAL = " = ", NEARLY = " ≈ ";

// In floats, which are rounded at each step.
const inFloats = factorsOfTerms => added(factorsOfTerms.map(texts => texts.map(parsed).reduce((x, y) => x * y)));

// The fewest digits with which arithmetic holds as it is shown, 0 for the numbers' own formats: on a calculator, else in
// floats; null if it does not hold.
function digitsFor(holds) {
  for (const reckon of [calculated, inFloats]) {
    if (holds(0, reckon)) return 0;
    for (let digits = 5; digits <= MOST_DIGITS; digits++) if (holds(digits, reckon)) return digits;
  }
  return null;
}

// What digitsFor found; but no more than explore was asked for.
const asked = digits => graph.digits ? 0 : digits;

// A term of a gradient's sum: the texts of its factors with so many digits.
function factors(edge, digits, asProduct) {
  const numbers = asProduct ? [localGradients[edge.local], gradients[edge.to]] : [addedParts[edge.local]];
  return numbers.map(x => withDigits(x, digits, slopeText));
}

const term = texts => texts.join(" × ");
const productDigits = edge => digitsFor((digits, reckon) =>
  isShownAs(reckon([factors(edge, digits, true)]), addedParts[edge.local], slopeText));
const isProduct = edge => productDigits(edge) !== null;

// The texts of the terms that add up to a gradient, if these are all; which of them are products; and the sign after them.
function terms(edges, gradient, areAll) {
  const products = edges.map(isProduct);
  const withAll = (digits, kinds) => edges.map((edge, k) => factors(edge, digits, kinds[k]));
  const holds = (digits, kinds, reckon) => isShownAs(reckon(withAll(digits, kinds)), gradient, slopeText);
  const adds = kinds => digitsFor((digits, reckon) => holds(digits, kinds, reckon));
  if (!areAll) {
    const texts = edges.map((edge, k) => 
      term(factors(edge, products[k] ? asked(productDigits(edge)) : 0, products[k])));
    return {texts, products, sign: EQUAL};
  }
  const kinds = adds(products) === null ? edges.map(() => false) : products;  // rounded otherwise, where they cancel
  const digits = asked(adds(kinds) ?? MOST_DIGITS);
  const texts = withAll(digits, kinds).map(term);
  return {texts, products: kinds, sign: holds(digits, kinds, calculated) ? EQUAL : NEARLY};
}

// Why a part is not a product.
function exception(edge) {
  const {rule} = nodes[edge.to], local = localGradients[edge.local], part = addedParts[edge.local];
  return local === 0 && part === 0 ? [` The rule of ${rule} passes 0 here, whatever comes from `, named(edge.to), "."]
    : [` The rule of ${rule} gives ${slopeText(part)}, not the product of ${slopeText(local)} and ${slopeText(gradients[edge.to])}.`];
}

// Elements ------------------------------------------------------------------------------------------------------------

const $ = id => document.getElementById(id);

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const html = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const named = i => html("bdi", {}, html("b", {}, nodes[i].name));
const rate = (y, x) => html("span", {}, "d ", html("bdi", {}, nodes[y].name), "/d ", html("bdi", {}, nodes[x].name));

function listed(parts) {
  return parts.flatMap((part, k) => k === 0 ? [part] : [k === parts.length - 1 ? " and " : ", ", part]);
}

function say(element, ...parts) {
  element.replaceChildren(...parts);
}

// Show a number in an element, with all its digits in the attribute `value` and on hover.
function show(element, x, asText) {
  const text = exact(x);
  if (element.value === text) return;
  element.value = text;
  element.title = exact(x);
  element.textContent = asText(x);
}

const number = () => html("data", {class: "number"});

// The formula of a node, with its operands as `shown` gives them.
function formula(node, shown) {
  const pieces = node.formula.values();
  return [...node.args.flatMap((arg, place) => [pieces.next().value, shown(arg, place)]), pieces.next().value];
}

const inPlace = (node, place, text) => text.startsWith("-") && !node.bare[place] ? `(${text})` : text;
const constant = arg => constants[-1 - arg];

const byName = (node, number) => formula(node, (arg, place) => arg < 0 ? inPlace(node, place, number(constant(arg)))
  : html("bdi", {}, nodes[arg].name));

const inText = node => formula(node, (arg, place) => arg < 0 ? inPlace(node, place, valueText(constant(arg)))
  : nodes[arg].name).join("");

// The operations that a calculator does in decimals, as sums of products.
const minus = text => text.startsWith("-") ? text.slice(1) : `-${text}`;
const sums = {
  add: xs => xs.map(x => [x]), sum: xs => xs.map(x => [x]), sub: ([x, y]) => [[x], [minus(y)]], mul: xs => [xs],
  dot: xs => xs.slice(xs.length / 2).map((y, k) => [xs[k], y]),
};

// The formula in numbers, with the fewest digits that give the result as it is shown; constants have all digits.
function byNumber(i) {
  const node = nodes[i], operands = node.args.filter(arg => arg >= 0), sum = sums[node.rule];
  const holds = (digits, reckon) => {
    const shown = data.slice();
    for (const arg of operands) shown[arg] = parsed(withDigits(data[arg], digits, valueText));
    const found = reckon === inFloats || !sum ? steps[i](shown)
      : reckon(sum(node.args.map(arg => exact(arg < 0 ? constant(arg) : shown[arg]))));
    return isShownAs(found, data[i], valueText);
  };
  const digits = digitsFor(holds), inNumbers = asked(digits);
  const isNearly = graph.digits ? digits !== 0 : sum && !holds(digits ?? MOST_DIGITS, calculated);
  return [...formula(node, (arg, place) => inPlace(node, place, arg < 0 ? exact(constant(arg))
    : inNumbers === null ? exact(data[arg]) : withDigits(data[arg], inNumbers, valueText))),  // exact tells -0 from 0
  isNearly ? NEARLY : EQUAL];
}

// The steps -----------------------------------------------------------------------------------------------------------
// Position 0 is the overview; 1 ... count go forward, a node each; count + 1 ... 2 count go backward.

let position = 0;
const current = () => position === 0 ? null : position <= count ? position - 1 : 2 * count - position;
const hasValue = i => position === 0 || i < position;
const hasGradient = i => position === 0 || (position > count && i >= current());

function words() {
  const i = current();
  if (i === null) return overviewWords();
  return position <= count ? forwardWords(i) : backwardWords(i);
}

function overviewWords() {
  const shown = leaves.slice(0, 3).filter(i => i !== output);
  return [["All numbers are calculated. Next goes through them node by node: forward, from the leaves to ", named(output),
    ", then backward, from ", named(output), " to the gradients of the leaves."],
    [html("bdi", {}, nodes[output].name), ` = ${valueText(data[output])}`,
      ...shown.flatMap(i => ["; ", rate(output, i), ` = ${slopeText(gradients[i])}`]), shown.length < leaves.length ? "; …" : ""]];
}

function forwardWords(i) {
  const node = nodes[i];
  if (!steps[i]) return [["Forward. ", named(i), " is a leaf: its value is given, not calculated."],
    [html("bdi", {}, node.name), ` = ${valueText(data[i])}`]];
  const from = [...new Set(node.args.filter(arg => arg >= 0))].map(named);
  return [["Forward. ", named(i), " is calculated from ", ...listed(from), ", which are already known."],
    [html("bdi", {}, node.name), " = ", ...byName(node, exact), " = ", ...byNumber(i), valueText(data[i])]];
}

function backwardWords(i) {
  if (i === output) return [["Backward. It starts at ", named(i), ": the derivative of ", named(i), " with respect to itself is 1."],
    [rate(i, i), " = 1"]];
  const later = edges => listed([...new Set(edges.map(edge => edge.to))].map(named));
  if (!reached[i]) return [["Backward. No gradient passes to ", named(i), " from ", ...later(uses[i]), "."], [rate(output, i), " = 0"]];
  const to = uses[i].filter(edge => edge.passes && reached[edge.to]);
  const g = gradients[i], first = to[0];
  const exceptions = to.filter(edge => !isProduct(edge)).slice(0, 4).flatMap(exception);
  const why = to.length === 1
    ? [" is used once, in ", ...later(to), ", which changes ", slopeText(localGradients[first.local]), " times as fast; ",
      named(output), " changes ", slopeText(gradients[first.to]), " times as fast as ", named(first.to), ".",
      exceptions.length ? "" : " The chain rule multiplies the two.", ...exceptions]
    : [` is used ${to.length} times, in `, ...later(to), ". The chain rule multiplies along each path: the local "
      + "gradient times the gradient where it arrives. Where paths meet, the products are added.", ...exceptions];
  const effect = g === 0 ? [" does not change."] : g > 0 ? [" rises by ", slopeText(g), " times that."]
    : g < 0 ? [" falls by ", slopeText(-g), " times that."] : [" changes by an amount that is not a number."];
  const inOrder = to.slice().sort((edge, other) => other.to - edge.to);  // of backward, as sums of floats have one
  const shown = inOrder.slice(0, 4), rest = to.length > 4 ? [` + … (${to.length} products)`] : [];
  const {texts, products, sign} = terms(shown, g, !rest.length);
  const symbols = shown.map((edge, k) => products[k] ? [rate(edge.to, i), " × ", rate(output, edge.to)] : [texts[k]]);
  const equation = products.some(x => x) ? [...symbols.flatMap((part, k) => k ? [" + ", ...part] : part), ...rest, " = "] : [];
  const numbers = equation.length || to.length > 1 ? [texts.join(" + "), ...rest, sign] : [];
  return [["Backward. ", named(i), ...why],
    [rate(output, i), " = ", ...equation, ...numbers, slopeText(g)],
    ["In short: when ", named(i), " grows by a tiny bit, ", named(output), ...effect]];
}

function moveTo(next) {
  position = Math.min(Math.max(next, 0), 2 * count);
  selected = current() ?? output;
  hovered = null;
  if ($("graph").contains(document.activeElement)) parts[selected].g.focus({preventScroll: true});
  render();
  reveal(selected);
  // Announce a step to screen readers once, not again with every number that a slider or training changes.
  $("said").textContent = [$("position"), ...$("step").children].map(part => part.textContent).join(" ");
}

function renderStep() {
  const i = current();
  $("position").textContent = i === null ? `${2 * count} steps`
    : `Step ${position} of ${2 * count}, ${position <= count ? "forward" : "backward"}`;
  const [sentence, arithmetic, conclusion = []] = words();
  say($("step"), html("p", {}, ...sentence), html("p", {class: "arithmetic"}, ...arithmetic),
    ...conclusion.length ? [html("p", {}, ...conclusion)] : []);
  for (const [id, off] of [["overview", position === 0], ["back", position === 0], ["next", position === 2 * count],
    ["last", position === 2 * count]]) $(id).setAttribute("aria-disabled", off);
}

// The graph -----------------------------------------------------------------------------------------------------------

const narrow = matchMedia("(max-width: 700px)");
let onPaper = false;
const scaleOnPaper = layout => Math.min(690 / layout.width, 870 / layout.height);  // of a page of A4 or Letter, in px
const LINE = 16, PAD = 10;
let parts, edgeParts, selected = output, hovered = null;

function box(i, [x, y]) {
  const node = nodes[i], [width, height] = sizes[i], left = x - width / 2, top = y - height / 2;
  const round = node.slider ? 0 : i === output ? 2 : 9;
  const rect = (grow, name) => svg("rect", {class: name, x: left - grow, y: top - grow, width: width + 2 * grow,
    height: height + 2 * grow, rx: round && Math.max(round + grow, 0)});
  let line = top + PAD / 2 + 12;
  const row = (name, text, right) => {
    const shown = svg("text", {class: name, x: right ? left + width - PAD : left + PAD, y: line}, text);
    if (right) shown.setAttribute("text-anchor", "end");
    return shown;
  };
  const drawn = svg("g", {"aria-hidden": "true"}, rect(5, "ring"), rect(0, "body"));  // its label has all the text
  const g = svg("g", {id: `node${i}`, role: "option", class: "node"}, drawn);
  if (i === output) drawn.append(rect(-3, "body second"));
  g.classList.add(node.slider ? "leaf" : i === output ? "output" : "result");
  drawn.append(row("title", node.title));
  if (!node.slider) line += LINE, drawn.append(row("muted", node.summary ?? inText(node)));
  line += LINE;
  const value = row("", "", true);
  drawn.append(row("muted", "value"), value);
  line += LINE;
  const gradient = row("", "", true);
  drawn.append(row("muted", "grad"), gradient);
  g.addEventListener("pointerenter", event => event.pointerType === "mouse" && hover(i));
  g.addEventListener("pointerleave", () => hover(null));
  g.addEventListener("focus", () => select(i));
  g.addEventListener("click", () => g.focus({preventScroll: true}));
  return {g, value, gradient};
}

function arrow(edge, [path, x, y]) {
  const ends = path.match(/-?[\d.]+/g).map(Number), [x0, y0, x1, y1] = ends.slice(-4);
  const length = Math.hypot(x1 - x0, y1 - y0) || 1, dx = (x1 - x0) / length * 7, dy = (y1 - y0) / length * 7;
  const tip = [[x1, y1], [x1 - dx - dy / 2, y1 - dy + dx / 2], [x1 - dx + dy / 2, y1 - dy - dx / 2]];
  const g = svg("g", {class: "edge", "aria-hidden": "true"}, svg("path", {d: path}),
    svg("polygon", {points: tip.map(point => point.map(z => z.toFixed(1)).join()).join(" ")}));
  if (!edge.passes) g.classList.add("constant");
  const label = svg("text", {x, y: y + 2, "text-anchor": "middle"});
  return {g, label: edge.from < 0 ? null : g.appendChild(label)};
}

function build() {
  const {LR, TB} = layouts, picture = $("graph"), held = picture.contains(document.activeElement);
  const layout = (onPaper ? scaleOnPaper(TB) > scaleOnPaper(LR) : narrow.matches) ? TB : LR;
  const width = layout.width + 16, height = layout.height + 16;
  picture.setAttribute("viewBox", `-8 -8 ${width} ${height}`);
  picture.style.width = `clamp(${Math.round(width * 0.72)}px, 100%, ${Math.round(width * 1.15)}px)`;
  edgeParts = edges.map((edge, k) => arrow(edge, layout.edges[k]));
  parts = nodes.map((_, i) => box(i, layout.boxes[i]));
  const numbers = constants.map((x, k) => {
    const [cx, cy] = layout.boxes[count + k];
    return svg("text", {x: cx, y: cy + 4, "text-anchor": "middle", class: "muted", "aria-hidden": "true"}, valueText(x));
  });
  picture.replaceChildren(...edgeParts.map(part => part.g), ...numbers, ...parts.map(part => part.g));
  if (held) parts[selected].g.focus({preventScroll: true});
}

function paint(element, gradient) {
  element.classList.toggle("positive", gradient > 0);
  element.classList.toggle("negative", gradient < 0);
}

function renderGraph() {
  const now = current();
  parts.forEach(({g, value, gradient}, i) => {
    value.textContent = hasValue(i) ? valueText(data[i]) : "·";
    gradient.textContent = hasGradient(i) ? slopeText(gradients[i]) : "·";
    g.classList.toggle("later", !hasValue(i));
    g.classList.toggle("current", i === now);
    paint(g, hasGradient(i) ? gradients[i] : 0);
    g.setAttribute("tabindex", i === selected ? 0 : -1);
    g.setAttribute("aria-selected", i === selected);
    g.setAttribute("aria-label", described(i));
  });
  edges.forEach((edge, k) => {
    const {g, label} = edgeParts[k], known = label && hasGradient(edge.from);
    if (label) label.textContent = known ? localText(edge) : "";
    paint(g, known && edge.passes ? localGradients[edge.local] : 0);
    g.classList.toggle("active", now !== null && (position <= count ? edge.to : edge.from) === now);
  });
}

function described(i) {
  const node = nodes[i], formed = node.slider ? "a leaf" : inText(node);
  const gradient = hasGradient(i)
    ? [...uses[i].map(edge => `local gradient on ${nodes[edge.to].name} ${localText(edge)}`),
      `global gradient ${slopeText(gradients[i])}`, `faux gradient ${slopeText(fauxGradients[i])}`]
    : ["gradient not calculated yet"];
  const value = hasValue(i) ? `value ${valueText(data[i])}` : "not calculated yet";
  return [`${node.name}, ${formed}`, value, ...gradient].join("; ");
}

// Scroll the graph, not the page, until the node is visible.
function reveal(i) {
  const frame = $("scroller"), outer = frame.getBoundingClientRect(), inner = parts[i].g.getBoundingClientRect();
  const missing = (low, high, from, to) => low < from ? low - from - 12 : high > to ? high - to + 12 : 0;
  frame.scrollBy({left: missing(inner.left, inner.right, outer.left, outer.right),
    top: missing(inner.top, inner.bottom, outer.top, outer.bottom)});
}

function select(i) {
  if (i === selected) return;
  selected = i;
  renderGraph();
  renderNode();
  reveal(i);
}

function hover(i) {
  hovered = i;
  renderNode();
}

// The node under the pointer, or the selected one ---------------------------------------------------------------------

function renderNode() {
  const i = hovered ?? selected, node = nodes[i];
  const lines = [];
  const line = (title, ...content) => lines.push(html("dt", {}, ...title), html("dd", {class: "number"}, ...content));
  line([node.slider ? "value (a leaf: given)" : "value"], hasValue(i) ? exact(data[i]) : "not calculated yet");
  if (!hasGradient(i)) line(["gradients"], "not calculated yet");
  else {
    for (const edge of uses[i]) {
      line(["local gradient ", rate(edge.to, i)], edge.passes ? exact(localGradients[edge.local]) : graph.noGradient);
    }
    line(["global gradient ", rate(output, i)], exact(gradients[i]));
    line(["faux gradient, with a perturbation of ", short(graph.tiny)], exact(fauxGradients[i]));
  }
  say($("node"), html("h3", {}, html("bdi", {}, node.name)),
    html("code", {}, ...node.slider ? ["leaf"] : byName(node, valueText)), html("dl", {}, ...lines));
  tableRows.forEach(({row}, k) => row.classList.toggle("selected", k === i));
}

// All numbers ---------------------------------------------------------------------------------------------------------

const tableRows = nodes.map((node, i) => {
  const value = number(), global = number(), fauxCell = number(), local = uses[i].map(edge => edge.passes ? number() : graph.noGradient);
  const row = html("tr", {}, html("th", {scope: "row"}, html("bdi", {}, node.name)),
    html("td", {}, html("code", {}, ...node.slider ? ["leaf"] : byName(node, valueText))), html("td", {}, value),
    html("td", {}, ...uses[i].map((edge, k) => html("div", {}, local[k], " on ", html("bdi", {}, nodes[edge.to].name)))),
    html("td", {}, global), html("td", {}, fauxCell));
  $("rows").append(row);
  return {row, value, local, global, fauxCell};
});

function renderTable() {
  tableRows.forEach(({value, local, global, fauxCell}, i) => {
    show(value, data[i], valueText);
    show(global, gradients[i], slopeText);
    show(fauxCell, fauxGradients[i], slopeText);
    uses[i].forEach((edge, k) => edge.passes && show(local[k], localGradients[edge.local], slopeText));
  });
}

// Leaves --------------------------------------------------------------------------------------------------------------

const sliders = leaves.map(i => {
  const [min, max, step] = nodes[i].slider, trained = train?.includes(i);
  const range = html("input", {type: "range", id: `slider${i}`, min, max, step});
  const field = html("input", {type: "text", id: `field${i}`, inputmode: "decimal", autocomplete: "off", spellcheck: "false",
    "aria-label": `${nodes[i].name}, as a number`});
  const label = html("label", {for: range.id}, html("bdi", {}, nodes[i].name));
  if (trained) label.append(" ", html("small", {}, "(trained)"));
  const give = x => (data[i] = x, update());
  range.addEventListener("input", () => give(Number(range.value)));
  field.addEventListener("change", () => {
    const x = parsed(field.value);
    field.setAttribute("aria-invalid", x === undefined);
    if (x !== undefined) give(x);
  });
  $("leaves").append(html("div", {class: "slider"}, label, range, field));
  return {i, range, field};
});

function renderLeaves() {
  for (const {i, range, field} of sliders) {
    if (document.activeElement !== range || Number(range.value) !== data[i]) range.value = data[i];
    range.setAttribute("aria-valuetext", valueText(data[i]));
    if (field.getAttribute("aria-invalid") === "true" && document.activeElement === field) continue;
    field.value = exact(data[i]);
    field.setAttribute("aria-invalid", "false");
  }
}

function restore(which) {
  for (const i of which) data[i] = initial[i];
  pause();
  recompute();
  forget();
  render();
}

// Training ------------------------------------------------------------------------------------------------------------

let learningRate = graph.lr, attempts = 0, history = [], stride = 1, playing = null;
const quiet = matchMedia("(prefers-reduced-motion: reduce)");

function forget() {
  attempts = 0;
  stride = 1;
  history = [[0, data[output]]];
  $("announcement").textContent = "";
}

// Make one attempt of gradient descent: move all trained leaves at once, each against its gradient.
function descend() {
  const moved = train.map(i => data[i] - learningRate * gradients[i]);
  train.forEach((i, k) => data[i] = moved[k]);
  recompute();
  attempts++;
  if (attempts % stride === 0) history.push([attempts, data[output]]);
  if (history.length > 2000) {  // every second point is enough to keep the shape of the curve
    history = history.filter((_, k) => k % 2 === 0);
    stride *= 2;
  }
}

function announce(how) {
  $("announcement").textContent =
    `${how} after ${attempts} attempt${attempts === 1 ? "" : "s"}: ${nodes[output].name} is ${valueText(data[output])}.`;
}

function pause(how) {
  if (playing === null) return;
  cancelAnimationFrame(playing);
  playing = null;
  $("play").textContent = "Play";
  if (how) announce(how);
}

function play() {
  let before = performance.now(), shown = before, due = 1;
  const frame = now => {
    playing = requestAnimationFrame(frame);
    due = Math.min(due + (now - before) / 1000 * Number($("speed").value), 3000);
    before = now;
    const deadline = performance.now() + 12;
    for (; due >= 1 && performance.now() < deadline && Number.isFinite(data[output]); due--) descend();
    if (!Number.isFinite(data[output])) pause("Stopped, try a smaller learning rate:");
    else if (quiet.matches && now - shown < 500) return;  // two changes a second for users who prefer less motion
    shown = now;
    render();
  };
  $("play").textContent = "Pause";
  $("announcement").textContent = "";
  playing = requestAnimationFrame(frame);
}

// Three to five round numbers from low to high.
function ticks(low, high) {
  const raw = (high - low) / 4, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find(digit => digit * power >= raw) * power;
  const found = [];
  for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) found.push(Number((k * step).toPrecision(12)));
  return found;
}

function renderTraining() {
  const points = history.at(-1)[0] === attempts ? history.with(-1, [attempts, data[output]])
    : [...history, [attempts, data[output]]];
  $("progress").textContent = `Attempts: ${attempts}. ${nodes[output].name}: ${valueText(data[output])}`
    + (attempts ? `, at the start ${valueText(points[0][1])}` : "");
  renderChart(points);
}

function renderChart(points) {
  const logarithmic = $("logarithmic").checked, chart = $("chart"), name = nodes[output].name;
  const drawn = points.filter(([, y]) => Number.isFinite(logarithmic ? Math.log10(y) : y)), ys = drawn.map(([, y]) => y);
  chart.setAttribute("aria-label", `Chart of ${name} over ${attempts} attempts` + (ys.length
    ? `: from ${short(ys[0])} to ${short(ys.at(-1))}, lowest ${short(Math.min(...ys))}` : ": nothing to draw"));
  if (!ys.length) return chart.replaceChildren();
  const left = 66, right = 350, top = 22, bottom = 172, end = Math.max(10, attempts);
  const scale = logarithmic ? Math.log10 : y => y, back = logarithmic ? y => 10 ** y : y => y;
  const heights = ys.map(scale);
  const low = logarithmic ? Math.floor(Math.min(...heights)) : Math.min(0, ...heights);
  const highest = logarithmic ? Math.max(...heights) : Math.max(0, ...heights), high = highest > low ? highest : low + 1;
  const x = attempt => left + attempt / end * (right - left), y = height => bottom - (height - low) / (high - low) * (bottom - top);
  const text = (x, y, anchor, content) => svg("text", {x, y, "text-anchor": anchor}, content);
  const at = ([attempt, value]) => [x(attempt).toFixed(1), y(scale(value)).toFixed(1)], [cx, cy] = at(drawn.at(-1));
  chart.replaceChildren(
    ...ticks(low, high).filter(height => !logarithmic || Number.isInteger(height)).flatMap(height => [
      svg("path", {class: "axis", d: `M${left} ${y(height)}H${right}`}),
      text(left - 6, y(height) + 4, "end", short(back(height)))]),
    ...ticks(0, end).filter(Number.isInteger).map(attempt => text(x(attempt), bottom + 16, "middle", short(attempt))),
    text(left - 6, 11, "start", nodes[output].title), text(right, bottom + 30, "end", "attempts"),
    svg("path", {class: "curve", d: "M" + drawn.map(point => at(point).join(" ")).join("L")}),
    svg("circle", {class: "now", cx, cy, r: 4}));
}

// All together --------------------------------------------------------------------------------------------------------

function render() {
  renderStep();
  renderGraph();
  renderNode();
  renderTable();
  renderLeaves();
  if (train) renderTraining();
}

function update() {
  recompute();
  render();
}

const press = (id, action) => $(id).addEventListener("click", action);
press("overview", () => moveTo(0));
press("back", () => moveTo(position - 1));
press("next", () => moveTo(position + 1));
press("last", () => moveTo(2 * count));
press("reset", () => restore(leaves));
press("play", () => playing === null ? play() : (pause("Paused"), render()));
press("once", () => (pause(), descend(), announce("Now"), render()));
press("restart", () => restore(train));
$("logarithmic").addEventListener("change", renderTraining);
$("rate").addEventListener("change", () => {
  const x = parsed($("rate").value), fine = x > 0 && x < Infinity;
  $("rate").setAttribute("aria-invalid", !fine);
  if (fine) learningRate = x;
});

document.addEventListener("keydown", event => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  if (event.target.closest("input, select, .wide")) return;
  const inGraph = event.target.closest("#graph") !== null;
  const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
  const node = inGraph ? {ArrowDown: selected + 1, ArrowUp: selected - 1, Home: 0, End: output}[event.key] : undefined;
  if (step) moveTo(position + step);
  else if (nodes[node]) parts[node].g.focus({preventScroll: true});
  else if (node === undefined) return;
  event.preventDefault();
});
narrow.addEventListener("change", () => (build(), renderGraph()));
// Before the browser counts the pages: media queries change after it has, and what does not fit any more is not printed.
for (const event of ["beforeprint", "afterprint"]) {
  addEventListener(event, () => {
    onPaper = event === "beforeprint";
    build();
    renderGraph();
  });
}

document.title = `${nodes[output].name} – computation graph`;
say($("title"), "How ", named(output), " is calculated, and how fast it changes");
say($("lead"), `${count} node${count === 1 ? "" : "s"}, ${leaves.length} of them leaves. `
  + "Step through the calculation, or move the sliders of the leaves and watch the numbers follow.");
document.querySelectorAll(".output-name").forEach(element => element.textContent = nodes[output].name);
$("tiny").textContent = short(graph.tiny);
$("rate").value = exact(graph.lr);
if (train) {
  $("training").hidden = false;
  say($("rule"), "Gradient descent: after each attempt, each of ",
    ...train.length > 5 ? [`the ${train.length} trained leaves`] : listed(train.map(named)), ` -= learning rate × its global gradient.`);
}
build();
recompute();
forget();
render();
