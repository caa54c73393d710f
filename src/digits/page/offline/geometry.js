// Geometry of points: OpenCV's `convexHull`, `contourArea` and `minAreaRect`. A point is [x, y].

export function convexHull(points) {
  const order = points.toSorted(([x, y], [u, v]) => x - u || y - v);
  const half = (from) => {
    const chain = [];
    for (const point of from) {
      while (chain.length > 1 && cross(chain.at(-2), chain.at(-1), point) <= 0) chain.pop();
      chain.push(point);
    }
    return chain.slice(0, -1);
  };
  return order.length > 1 ? [...half(order), ...half(order.toReversed())] : order;
}

function cross([x, y], [u, v], [s, t]) {
  return (u - x) * (t - y) - (v - y) * (s - x);
}

export function areaOf(polygon) {
  let twice = 0;
  polygon.forEach(([x, y], i) => {
    const [u, v] = polygon[(i + 1) % polygon.length];
    twice += x * v - u * y;
  });
  return Math.abs(twice) / 2;
}

// The smallest rectangle around points: {sides, angle}, the angle of one of its sides in degrees.
export function smallestRectangle(points) {
  const hull = convexHull(points);
  let best = { area: Infinity, sides: [0, 0], angle: 0 };
  hull.forEach(([x, y], i) => {
    const [u, v] = hull[(i + 1) % hull.length];
    const length = Math.hypot(u - x, v - y);
    if (!length) return;
    const [dx, dy] = [(u - x) / length, (v - y) / length];
    const sides = [
      [dx, dy],
      [-dy, dx],
    ].map(([a, b]) => {
      const along = hull.map(([s, t]) => s * a + t * b);
      return Math.max(...along) - Math.min(...along);
    });
    const area = sides[0] * sides[1];
    if (area < best.area) best = { area, sides, angle: (Math.atan2(dy, dx) * 180) / Math.PI };
  });
  return best;
}

// The pixels of a mask that may be corners of the polygon around it: the outermost of each row.
export function outermost({ width, height, data }) {
  const points = [];
  for (let y = 0; y < height; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    const first = row.indexOf(1);
    if (first >= 0) points.push([first, y], [row.lastIndexOf(1), y]);
  }
  return points;
}
