// A 4 to look at before anything is drawn: its top is so nearly closed that it has something of a 9.

const SIZE = 28; // pixels of a glyph
const STROKES = [[[14, 6], [10.5, 9], [9.5, 12], [11, 14.5], [18, 13]], [[18.2, 5.5], [16.5, 23]]];
const WIDTH = 2.6; // of a stroke, in pixels

export const EXAMPLE = draw();

function draw() {
  const canvas = Object.assign(document.createElement("canvas"), { width: SIZE, height: SIZE });
  const context = canvas.getContext("2d");
  Object.assign(context, { strokeStyle: "#fff", lineWidth: WIDTH, lineCap: "round", lineJoin: "round" });
  for (const stroke of STROKES) {
    context.beginPath();
    for (const [x, y] of stroke) context.lineTo(x, y);
    context.stroke();
  }
  const { data } = context.getImageData(0, 0, SIZE, SIZE);
  return Float32Array.from({ length: SIZE * SIZE }, (_, i) => data[4 * i + 3]);
}
