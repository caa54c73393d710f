// What belongs to a value: the windows that it depends on, and what weighs most in it.

import { figure, percent } from "../figures.js";
import { MARK } from "./maps.js";

const MOST_LINKS = 8; // lines to a value at once
const FAINT = 0.1; // of the largest share: below it, a map gets no frame
const NAMES = {
  scores: (channel) => `the score of ${channel}`,
  probabilities: (channel) => `the probability of ${channel}`,
  units: (channel, channels) => `unit ${channel + 1} of ${channels}`,
  maps: (channel, channels) => `map ${channel + 1} of ${channels}`,
  picture: () => "the picture",
};

// Marks of each stage's maps, for a value {stage, channel, y, x} that is pointed at.
export function marksOf({ network, activations, stages, off }, { stage: index, channel, y, x }) {
  const stage = stages[index];
  const { height, width } = network.steps[stage.last];
  const isMap = height * width > 1;
  const marks = stages.map(({ steps }) => off.filter(([step]) => steps.includes(step)).map(([, each]) => ({ channel: each, colour: MARK, thickness: 1, isCrossed: true })));
  if (isDigits(stage)) {
    const { step, maps } = network.contributions(activations, channel);
    const most = Math.max(...maps.map(Math.abs));
    maps.forEach((share, map) => {
      const strength = Math.abs(share) / most;
      if (strength > FAINT) marks[stageOf(stages, step)].push({ channel: map, colour: share > 0 ? `rgb(238 120 30 / ${strength})` : `rgb(40 120 220 / ${strength})`, thickness: 3 });
    });
    return marks;
  }
  marks[index].push({ channel, colour: MARK });
  if (isMap) marks[index].push({ channel, left: x, top: y, width: 1, height: 1, colour: MARK, thickness: 1 });
  const pictures = stages.flatMap(({ role }, i) => (role === "picture" && i < index ? [i] : []));
  for (const source of new Set([...pictures, ...(isMap ? stage.inputs : [])])) {
    const { last } = stages[source];
    const field = network.receptiveField(stage.last, y, x, last);
    const { channels } = network.steps[last];
    const from = stage.kind === "convolution" || channels === 1 ? Array(channels).keys() : [channel];
    for (const each of from) marks[source].push({ channel: each, ...field, colour: MARK, thickness: channels > 1 ? 1 : 2 });
  }
  return marks;
}

// What weighs most in a value: {stage, channel, share}, with shares from -1 to 1.
export function linksOf({ network, activations, stages }, { stage: index, channel, y, x }) {
  const stage = stages[index];
  const [source] = stage.inputs;
  if (source === undefined) return [];
  const before = network.steps[stages[source].last].channels;
  let links = [];
  if (isDigits(stage)) {
    const { step, maps } = network.contributions(activations, channel);
    links = Array.from(maps, (share, map) => ({ stage: stageOf(stages, step), channel: map, share }));
  } else if (stage.kind === "convolution" || stage.kind === "fully connected") {
    const { sums, terms } = network.explain(activations, stage.steps[0], channel, y, x);
    const shares = sums.length === before ? sums : terms.map(({ product }) => product);
    links = shares.map((share, from) => ({ stage: source, channel: from, share }));
  } else if (stage.role !== "units") {
    links = [{ stage: source, channel: Math.min(channel, before - 1), share: 1 }];
  }
  const strongest = links.sort((a, b) => Math.abs(b.share) - Math.abs(a.share)).slice(0, MOST_LINKS);
  const most = Math.abs(strongest[0]?.share) || 1;
  return strongest.map((link) => ({ ...link, share: link.share / most }));
}

// What a value is called, where it is, and the value itself.
export function told({ network, activations, stages }, { stage: index, channel, y, x }) {
  const stage = stages[index];
  const { channels, height, width } = network.steps[stage.last];
  const size = height * width;
  const value = activations.values(stage.last)[channel * size + (size > 1 ? y * width + x : 0)];
  return {
    name: NAMES[stage.role](channel, channels),
    place: size > 1 ? `Row ${y + 1}, column ${x + 1}: ` : "",
    shown: stage.role === "probabilities" ? percent(value) : figure(value, { digits: stage.kind === "input" ? 0 : 2 }),
  };
}

export function stageOf(stages, step) {
  return stages.findIndex(({ steps }) => steps.includes(step));
}

const isDigits = ({ role }) => role === "scores" || role === "probabilities";
