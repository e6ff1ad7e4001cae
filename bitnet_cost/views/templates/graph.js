// Evaluates a graph that the program packed (bitnet_cost/told/translate.py): the engine's own operations, one by one, in
// IEEE 754 doubles. Nothing here knows what a number means. An input is a number, or an array with one for each lane.
"use strict";
const TAKES = [0, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 3];
function unrolled(graph) { // operations with the places of what they take, once for each graph
  const first = Object.keys(graph.inputs).length + graph.constants.length, steps = [];
  for (let i = 0, here = first; i < graph.nodes.length; here++) {
    const operation = graph.nodes[i++], taken = [0, 0, 0];
    for (let k = 0; k < TAKES[operation]; k++, i++) taken[k] = graph.nodes[i] < 0 ? ~graph.nodes[i] : here - graph.nodes[i];
    steps.push(operation, ...taken);
  }
  return Int32Array.from(steps);
}
function evaluateGraph(graph, values, lanes = 1) {
  const steps = (graph.steps ||= unrolled(graph)), given = Object.entries(graph.inputs).map(([name, value]) => values[name] ?? value);
  for (const constant of graph.constants) given.push(+String(constant).replace("inf", "Infinity"));
  const places = given.length + steps.length / 4, wide = new Uint8Array(places), at = new Int32Array(places + 1);
  for (let i = 0; i < places; i++) { // what no lane changes is calculated once
    const k = (i - given.length) * 4;
    wide[i] = i < given.length ? typeof given[i] !== "number" : wide[steps[k + 1]] | wide[steps[k + 2]] * (TAKES[steps[k]] > 1) | wide[steps[k + 3]] * (TAKES[steps[k]] > 2);
    at[i + 1] = at[i] + (wide[i] ? lanes : 1);
  }
  const f = graph.room && graph.room.length >= at[places] ? graph.room : (graph.room = new Float64Array(at[places]));
  given.forEach((value, i) => (wide[i] ? f.set(value, at[i]) : (f[at[i]] = value)));
  for (let i = given.length, k = 0; i < places; i++, k += 4) {
    const operation = steps[k], dx = wide[steps[k + 1]], dy = wide[steps[k + 2]], dz = wide[steps[k + 3]], end = at[i + 1];
    let x = at[steps[k + 1]], y = at[steps[k + 2]], z = at[steps[k + 3]], o = at[i];
    switch (operation) {
      case 1: for (; o < end; o++, x += dx, y += dy) f[o] = f[x] + f[y]; break;
      case 2: for (; o < end; o++, x += dx, y += dy) f[o] = f[x] - f[y]; break;
      case 3: for (; o < end; o++, x += dx, y += dy) f[o] = f[x] * f[y]; break;
      case 4: for (; o < end; o++, x += dx, y += dy) f[o] = f[x] / f[y]; break;
      case 5: for (; o < end; o++, x += dx, y += dy) f[o] = f[x] >= f[y] || f[x] !== f[x] ? f[x] : f[y]; break; // NumPy's: a NaN is handed on
      case 6: for (; o < end; o++, x += dx, y += dy) f[o] = f[x] <= f[y] || f[x] !== f[x] ? f[x] : f[y]; break;
      case 7: for (; o < end; o++, x += dx) f[o] = Math.floor(f[x]); break;
      case 8: for (; o < end; o++, x += dx) f[o] = Math.ceil(f[x]); break;
      case 9: for (; o < end; o++, x += dx) f[o] = Math.sqrt(f[x]); break;
      case 10: for (; o < end; o++, x += dx, y += dy) f[o] = f[x] < f[y] ? 1 : 0; break;
      case 11: for (; o < end; o++, x += dx, y += dy) f[o] = f[x] <= f[y] ? 1 : 0; break;
      case 12: for (; o < end; o++, x += dx, y += dy) f[o] = f[x] > f[y] ? 1 : 0; break;
      case 13: for (; o < end; o++, x += dx, y += dy) f[o] = f[x] >= f[y] ? 1 : 0; break;
      case 14: for (; o < end; o++, x += dx, y += dy, z += dz) f[o] = f[x] ? f[y] : f[z]; break;
      default: throw new Error(`operation ${operation} is not known`);
    }
  }
  for (const [place, outcome] of graph.guards) { // beyond a guard the graph does not hold
    for (let o = at[place]; o < at[place + 1]; o++) if (Boolean(f[o]) !== outcome) return null;
  }
  return Object.fromEntries(Object.entries(graph.roots).map(([name, place]) => [name, wide[place] ? f.slice(at[place], at[place + 1]) : f[at[place]]]));
}
