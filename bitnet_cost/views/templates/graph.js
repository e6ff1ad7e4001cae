// Evaluates a graph that the program packed (bitnet_cost/told/translate.py): the engine's own operations, one by one, in
// IEEE 754 doubles. Nothing here knows what a number means.
"use strict";
function evaluateGraph(graph, values) {
  const names = Object.keys(graph.inputs);
  const found = names.map(name => (name in values ? values[name] : graph.inputs[name]));
  for (const constant of graph.constants) found.push(+String(constant).replace("inf", "Infinity"));
  for (const [operation, a, b, c] of graph.nodes) {
    const x = found[a], y = found[b];
    let z;
    switch (operation) {
      case 1: z = x + y; break;
      case 2: z = x - y; break;
      case 3: z = x * y; break;
      case 4: z = x / y; break;
      case 5: z = x >= y || x !== x ? x : y; break; // NumPy's maximum: a NaN is handed on
      case 6: z = x <= y || x !== x ? x : y; break;
      case 7: z = Math.floor(x); break;
      case 8: z = Math.ceil(x); break;
      case 9: z = Math.sqrt(x); break;
      case 10: z = +(x < y); break;
      case 11: z = +(x <= y); break;
      case 12: z = +(x > y); break;
      case 13: z = +(x >= y); break;
      case 14: z = x ? y : found[c]; break;
      default: throw new Error(`operation ${operation} is not known`);
    }
    found.push(z);
  }
  for (const [place, outcome] of graph.guards) {
    if (Boolean(found[place]) !== outcome) return null; // beyond a guard the graph does not hold
  }
  return Object.fromEntries(Object.entries(graph.roots).map(([name, place]) => [name, found[place]]));
}
