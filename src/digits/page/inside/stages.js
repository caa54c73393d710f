// The stages in which a network is shown: a layer together with the operations that only change its values.

const BEGINS = new Set(["input", "convolution", "fully connected", "max pooling", "mean pooling", "mean", "flatten", "sum", "temperature", "softmax"]);

const CAPTIONS = {
  input: () => "The digit as the network gets it: 28 × 28 grey levels, 0 for paper and 255 for ink.",
  prepared: ({ shape }) => `The margin is cut off, and grey levels are scaled to have a mean of 0 and a spread of 1 over the training digits: ${shape} values.`,
  convolution: ({ first: { kernel: [h, w], channels }, before, isFirst }) =>
    `${channels} filters. Each slides its kernel over ${before === 1 ? "the picture" : `all ${before} maps before`}, multiplies the ${h} × ${w} values below it by its weights, and adds them up. ` +
    (isFirst
      ? "Its map is strong where the picture has what the kernel asks for: ink where weights are orange, none where they are blue."
      : "So it answers to combinations of what the filters before found. What that is, only its windows show: point at where its map is strong."),
  "max pooling": ({ first: { kernel: [h, w] } }) => `Of each ${h} × ${w} values only the largest is kept: smaller maps, and a stroke that moves a little changes little.`,
  "mean pooling": ({ first: { kernel: [h, w] } }) => `Of each ${h} × ${w} values the mean is kept: smaller maps, and a stroke that moves a little changes little.`,
  mean: () => "Of each map, its mean is kept: how much of a pattern there is, and no longer where.",
  flatten: ({ last: { channels } }) => `Nothing is computed: the ${channels} values of all maps stand in one row.`,
  "fully connected": ({ last: { channels } }) => `${channels} units. Each is a weighted sum of all values before: what there is, and no longer where.`,
  scores: () => "Ten scores (logits), one for each digit. The highest wins.",
  sum: () => "Two paths meet: the values of both are added.",
  softmax: () => "Softmax makes probabilities of scores: e to the power of each, divided by the sum of all ten.",
};

// A stage has its `steps` and the last of them, and the stages that are its `inputs`, as indexes.
export function stagesOf({ steps, scores }) {
  const [stages, of] = [[], []];
  steps.forEach((step, index) => {
    const previous = stages.at(-1);
    const goesOn = previous && previous.last === step.inputs[0] && previous.kind !== "input" && (!BEGINS.has(step.kind) || (step.kind === "softmax" && previous.kind === "temperature"));
    if (goesOn) {
      previous.steps.push(index);
      previous.last = index;
      if (step.kind === "softmax") previous.kind = "softmax";
    } else {
      stages.push({ kind: step.kind, steps: [index], last: index, inputs: step.inputs.map((input) => of[input]) });
    }
    of[index] = stages.length - 1;
  });
  const convolution = stages.findIndex(({ kind }) => kind === "convolution");
  stages.forEach((stage, index) => {
    const [first, last] = [steps[stage.steps[0]], steps[stage.last]];
    const size = last.height * last.width;
    stage.shape = size > 1 ? (last.channels > 1 ? `${last.channels} × ${last.height} × ${last.width}` : `${last.height} × ${last.width}`) : `${last.channels}`;
    stage.role = { input: "picture", crop: "picture", normalisation: "picture", softmax: "probabilities" }[stage.kind] ?? (of[scores] === index ? "scores" : size > 1 ? "maps" : "units");
    stage.title = stage.role === "scores" ? "scores" : stage.role === "probabilities" ? "softmax" : stage.kind === "crop" || stage.kind === "normalisation" ? "prepared" : first.name;
    stage.also = stage.steps.slice(1).map((step) => steps[step].kind).filter((kind) => kind !== stage.title);
    const before = stage.inputs.length ? steps[stages[stage.inputs[0]].last].channels : 0;
    const caption = CAPTIONS[stage.title] ?? CAPTIONS[stage.kind];
    stage.caption = caption?.({ first, last, before, shape: stage.shape, isFirst: index === convolution }) ?? "Each value is changed by itself.";
  });
  return stages;
}
