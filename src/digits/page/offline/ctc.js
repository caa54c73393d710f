// Connectionist temporal classification (CTC): from the columns of a line to its symbols (ctc.py).
// Columns are {numClasses, numColumns, logs, edges}: `logs` has the logarithm of the probability of each
// class in each column, class by class. A reading is an array of classes.

const BLANK = 0;
const NEVER = -1e9; // the logarithm of a probability of nothing
const RESCALED = 8; // columns after which sums over alignments are brought back to 1

// Columns beside each other whose likeliest class is the same symbol (greedy decoding).
function spikesOf({ numClasses, numColumns, logs }) {
  const best = new Int32Array(numColumns);
  for (let t = 0; t < numColumns; t++) {
    for (let k = 1; k < numClasses; k++) {
      if (logs[k * numColumns + t] > logs[best[t] * numColumns + t]) best[t] = k;
    }
  }
  const spikes = [];
  for (let t = 0; t < numColumns; t++) {
    if (best[t] === BLANK) continue;
    if (t && best[t] === best[t - 1]) spikes.at(-1).end = t + 1;
    else spikes.push({ symbol: best[t], first: t, end: t + 1 });
  }
  return { best, spikes };
}

// Proposes readings of a line: the greedy one, and it with one or two likely edits.
export function propose(columns, numEdits) {
  const { best, spikes } = spikesOf(columns);
  const greedy = spikes.map((spike) => spike.symbol);
  const edits = editsOf(columns, best, spikes)
    .sort((one, other) => other.gain - one.gain || other.place - one.place)
    .slice(0, numEdits);
  const readings = [greedy, ...edits.map((edit) => edited(greedy, edit))];
  edits.forEach((one, i) => {
    for (const other of edits.slice(i + 1)) {
      const [first, second] = other.place < one.place ? [other, one] : [one, other];
      if (first.place + Math.max(first.removes, 1 - second.inserts.length) > second.place) continue;
      readings.push(edited(edited(greedy, second), first));
    }
  });
  return readings;
}

function edited(classes, { place, removes, inserts }) {
  return classes.toSpliced(place, removes, ...inserts);
}

// Lists replacements and removals of symbols, and insertions between them, with the difference that
// each makes to the logarithm of the probability, about.
function editsOf({ numClasses, numColumns, logs }, best, spikes) {
  const overBlank = (k, t) => logs[k * numColumns + t] - logs[t];
  const edits = [];
  spikes.forEach(({ symbol, first, end }, place) => {
    let own = 0;
    for (let t = first; t < end; t++) own += overBlank(symbol, t);
    for (let k = 0; k < numClasses; k++) {
      if (k === symbol) continue;
      // In each column the other symbol or a blank, whichever is likelier, with one at its best. The
      // symbol is removed if the other one is a blank.
      let [total, most] = [0, -Infinity];
      for (let t = first; t < end; t++) {
        const over = overBlank(k, t);
        total += Math.max(over, 0);
        most = Math.max(most, over);
      }
      const gain = total + Math.min(most, 0) - own;
      if (gain >= NEVER / 2) edits.push({ gain, place, removes: 1, inserts: k === BLANK ? [] : [k] });
    }
  });
  const second = new Int32Array(numColumns);
  for (let t = 0; t < numColumns; t++) {
    second[t] = 1;
    for (let k = 2; k < numClasses; k++) if (logs[k * numColumns + t] > logs[second[t] * numColumns + t]) second[t] = k;
  }
  const value = (t) => logs[second[t] * numColumns + t];
  for (let t = 0; t < numColumns; t++) {
    if (best[t] !== BLANK || (t && value(t) < value(t - 1)) || (t < numColumns - 1 && value(t) < value(t + 1))) continue;
    const place = spikes.filter((spike) => spike.end <= t).length;
    edits.push({ gain: overBlank(second[t], t), place, removes: 0, inserts: [second[t]] });
  }
  return edits;
}

// The classes of a reading with blanks between, and whether the path may skip the blank before each.
function statesOf(reading) {
  const states = [BLANK, ...reading.flatMap((symbol) => [symbol, BLANK])];
  return { states, maySkip: states.map((state, i) => i > 1 && state !== BLANK && state !== states[i - 2]) };
}

// The logarithm of the probability of a reading, summed over all alignments.
export function logLikelihood({ numColumns, probabilities }, reading) {
  const { states, maySkip } = statesOf(reading);
  // Two states that are never reached stand before the path, so that steps may begin there.
  let before = new Float32Array(states.length + 2);
  let after = new Float32Array(states.length + 2);
  for (let s = 0; s < Math.min(2, states.length); s++) before[s + 2] = probabilities[states[s] * numColumns];
  let log = 0;
  for (let t = 1; t < numColumns; t++) {
    let most = 0;
    for (let s = 0; s < states.length; s++) {
      const sum = (maySkip[s] ? before[s] : 0) + before[s + 1] + before[s + 2];
      after[s + 2] = sum * probabilities[states[s] * numColumns + t];
      if (after[s + 2] > most) most = after[s + 2];
    }
    if (t % RESCALED === 0) {
      if (most > 0) for (let s = 2; s < after.length; s++) after[s] /= most;
      log += most > 0 ? Math.log(most) : NEVER;
    }
    [before, after] = [after, before];
  }
  const last = before.at(-1) + before.at(-2);
  return Math.fround(log + (last > 0 ? Math.log(last) : NEVER));
}

// Aligns a reading with the columns of a line (Viterbi): the column where each symbol peaks.
export function align({ numColumns, logs }, reading) {
  const { states, maySkip } = statesOf(reading);
  const size = states.length;
  const emitted = (t, s) => logs[states[s] * numColumns + t];
  const scores = Array.from({ length: numColumns }, () => new Float32Array(size + 2).fill(NEVER));
  for (let s = 0; s < Math.min(2, size); s++) scores[0][s + 2] = emitted(0, s);
  const options = (before, s) => [before[s + 2], before[s + 1], before[s] + (maySkip[s] ? 0 : NEVER)];
  for (let t = 1; t < numColumns; t++) {
    for (let s = 0; s < size; s++) scores[t][s + 2] = Math.max(...options(scores[t - 1], s)) + emitted(t, s);
  }
  let state = size - 1;
  if (size > 1 && scores.at(-1)[size] > scores.at(-1)[size + 1]) state--;
  const peaks = reading.map(() => 0);
  const best = reading.map(() => -Infinity);
  for (let t = numColumns - 1; t >= 0; t--) {
    const symbol = (state - 1) / 2;
    if (state % 2 && emitted(t, state) > best[symbol]) {
      best[symbol] = emitted(t, state);
      peaks[symbol] = t;
    }
    if (!t) break;
    const from = options(scores[t - 1], state);
    state -= from.indexOf(Math.max(...from));
  }
  return peaks;
}
