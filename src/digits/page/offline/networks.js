// Networks: those of lines and of glyphs, computed by onnxruntime-web (line_network.py, network.py).

import { parameters } from "./parameters.js";

async function open(ort, content) {
  return ort.InferenceSession.create(content, { executionProviders: ["wasm"], graphOptimizationLevel: "all" });
}

async function run(ort, session, pixels, shape) {
  return session.run({ images: new ort.Tensor("float32", pixels, shape) });
}

export class LineNetwork {
  #ort;
  #session;

  static async open(ort, content) {
    const network = new LineNetwork();
    network.#ort = ort;
    network.#session = await open(ort, content);
    return network;
  }

  // Computes the columns of images, as ctc.js has them; those of about the same width go together.
  async columns(images) {
    const { max_pixels: maxPixels, wider } = parameters.line_network;
    const order = images.map((_, i) => i).sort((one, other) => images[one].width - images[other].width);
    const found = [];
    let batch = [];
    for (const index of order) {
      const { width, height } = images[index];
      const isFull = height * width * (batch.length + 1) > maxPixels;
      if (batch.length && (isFull || width > wider * images[batch[0]].width)) {
        await this.#run(images, batch, found);
        batch = [];
      }
      batch.push(index);
    }
    if (batch.length) await this.#run(images, batch, found);
    return found;
  }

  // Computes a batch of images, with paper behind the narrower ones.
  async #run(images, batch, found) {
    const { line_height: height, column_step: step } = parameters.line_images;
    const { width } = images[batch.at(-1)];
    const pixels = new Float32Array(batch.length * height * width);
    batch.forEach((index, n) => {
      const image = images[index];
      for (let y = 0; y < height; y++) {
        pixels.set(image.data.subarray(y * image.width, (y + 1) * image.width), (n * height + y) * width);
      }
    });
    const outputs = await run(this.#ort, this.#session, pixels, [batch.length, 1, height, width]);
    const [logs, edges] = ["log_probabilities", "boxes"].map((name) => outputs[name]);
    batch.forEach((index, n) => {
      const numColumns = Math.floor(images[index].width / step);
      const [own, box] = [logs, edges].map((output) => ofImage(output, n, numColumns));
      const numClasses = logs.dims[1];
      found[index] = { numClasses, numColumns, logs: own, probabilities: own.map(Math.exp), edges: box };
    });
  }
}

// The first columns of one image of a batch, channel by channel.
function ofImage({ dims: [, channels, length], data }, n, numColumns) {
  const own = new Float32Array(channels * numColumns);
  for (let channel = 0; channel < channels; channel++) {
    const start = (n * channels + channel) * length;
    own.set(data.subarray(start, start + numColumns), channel * numColumns);
  }
  return own;
}

export class GlyphNetwork {
  #ort;
  #session;

  static async open(ort, content) {
    const network = new GlyphNetwork();
    network.#ort = ort;
    network.#session = await open(ort, content);
    return network;
  }

  // Computes the probabilities of the ten digits for a glyph.
  async probabilities({ width, height, data }) {
    const outputs = await run(this.#ort, this.#session, Float32Array.from(data), [1, 1, height, width]);
    return Array.from(outputs[this.#session.outputNames[0]].data);
  }
}
