// Evaluates a graph that the program packed (bitnet_cost/told/translate.py): the engine's own operations, one by one, in
// IEEE 754 doubles. Nothing here knows what a number means. A value is a number, or a Float64Array with one for each lane.
"use strict";
const OPERATIONS = [
  null, (x, y) => x + y, (x, y) => x - y, (x, y) => x * y, (x, y) => x / y,
  (x, y) => (x >= y || x !== x ? x : y), (x, y) => (x <= y || x !== x ? x : y), // NumPy's: a NaN is handed on
  Math.floor, Math.ceil, Math.sqrt,
  (x, y) => +(x < y), (x, y) => +(x <= y), (x, y) => +(x > y), (x, y) => +(x >= y), (x, y, z) => (x ? y : z),
];
const lane = (value, i) => (typeof value === "number" ? value : value[i]);
function evaluateGraph(graph, values, lanes = 1) {
  const found = Object.entries(graph.inputs).map(([name, value]) => values[name] ?? value);
  for (const constant of graph.constants) found.push(+String(constant).replace("inf", "Infinity"));
  for (let i = 0; i < graph.nodes.length;) {
    const operation = OPERATIONS[graph.nodes[i++]], taken = [], here = found.length;
    for (let k = 0; k < operation.length; k++) {
      const away = graph.nodes[i++]; // how far back, or of an input or a constant its place
      taken.push(found[away < 0 ? ~away : here - away]);
    }
    const [x, y, z] = taken;
    if (taken.every((value) => typeof value === "number")) {
      found.push(operation(x, y, z));
    } else {
      const made = new Float64Array(lanes);
      for (let k = 0; k < lanes; k++) made[k] = operation(lane(x, k), y === undefined ? 0 : lane(y, k), z === undefined ? 0 : lane(z, k));
      found.push(made);
    }
  }
  for (const [place, outcome] of graph.guards) {
    for (let k = 0; k < lanes; k++) if (Boolean(lane(found[place], k)) !== outcome) return null; // beyond it nothing holds
  }
  return Object.fromEntries(Object.entries(graph.roots).map(([name, place]) => [name, found[place]]));
}
