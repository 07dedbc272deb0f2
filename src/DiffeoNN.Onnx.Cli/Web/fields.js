// Images and maps as arrays of numbers, rows first: what is done to an image before a network sees it, and what is said of a map.

// Brightness of red, green and blue.
const LUMA = [0.299, 0.587, 0.114];

/** First source pixel and weights of every target pixel along an axis: bilinear with aligned corners; where it shrinks a triangle as wide
 * as a target pixel, corrected so that constants and ramps stay what they are. */
export function taps(source, target) {
  const scale = target === 1 ? source - 1 : (source - 1) / (target - 1);
  return Array.from({ length: target }, (_, i) => {
    const centre = target === 1 ? (source - 1) / 2 : i * scale;
    const radius = Math.max(1, Math.min(scale, centre, source - 1 - centre));
    const first = Math.max(0, Math.floor(centre - radius) + 1);
    const last = Math.min(source - 1, Math.ceil(centre + radius) - 1);
    const weights = Array.from({ length: last - first + 1 }, (_, k) => 1 - Math.abs(first + k - centre) / radius);
    let [sum, moment, inertia] = [0, 0, 0];
    weights.forEach((one, k) => {
      const distance = first + k - centre;
      sum += one;
      moment += one * distance;
      inertia += one * distance * distance;
    });
    const determinant = sum * inertia - moment * moment;
    const [a, b] = determinant > 1e-12 ? [inertia / determinant, -moment / determinant] : [1 / sum, 0];
    return { first, weights: weights.map((one, k) => one * (a + b * (first + k - centre))) };
  });
}

/** Planes (channels, height, width) in [0, 1] of a picture's bytes.
 * @param picture RGBA, as canvases give it, on black.
 * @param channels 1 (grey) or 3. */
export function planesOf({ data, height, width }, channels) {
  const size = height * width;
  const planes = new Float32Array(channels * size);
  for (let i = 0; i < size; i++) {
    const [r, g, b] = [data[4 * i] / 255, data[4 * i + 1] / 255, data[4 * i + 2] / 255];
    // As differences, so that grey stays what it is.
    if (channels === 1) planes[i] = b + LUMA[0] * (r - b) + LUMA[1] * (g - b);
    else [planes[i], planes[size + i], planes[2 * size + i]] = [r, g, b];
  }

  return { data: planes, channels, height, width };
}

/** Planes at another size. */
export function resized({ data, channels, height, width }, rows, columns) {
  if (rows === height && columns === width) return { data: data.slice(), channels, height, width };
  const [across, down] = [taps(width, columns), taps(height, rows)];
  const result = new Float32Array(channels * rows * columns);
  const narrow = new Float64Array(height * columns);
  for (let c = 0; c < channels; c++) {
    for (let y = 0; y < height; y++) {
      across.forEach(({ first, weights }, x) => {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k] * data[(c * height + y) * width + first + k];
        narrow[y * columns + x] = sum;
      });
    }

    down.forEach(({ first, weights }, y) => {
      for (let x = 0; x < columns; x++) {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += weights[k] * narrow[(first + k) * columns + x];
        result[(c * rows + y) * columns + x] = sum;
      }
    });
  }

  return { data: result, channels, height: rows, width: columns };
}

/** A deformation that changes nothing: angles in degrees, size and bend in percent, pulls in half the longest side. */
export function still() {
  return { turn: 0, size: 100, twist: 0, bend: 0, pulls: [] };
}

/** The image after a deformation: each pixel looks where it comes from.
 * @param pulls [{ x, y, dx, dy }]: what is at (x, y) goes to (x + dx, y + dy), and its neighbours with it.
 * @param padding what is beyond the border: zeros, or the border. */
export function deformed({ data, channels, height, width }, { turn, size, twist, bend, pulls }, padding = 'zeros') {
  const half = (Math.max(height, width) - 1) / 2;
  const [centreX, centreY] = [(width - 1) / 2, (height - 1) / 2];
  const moved = pulls.filter(({ dx, dy }) => dx !== 0 || dy !== 0);
  const result = new Float32Array(data.length);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      let [x, y] = [(column - centreX) / half, (row - centreY) / half];
      let [dx, dy] = [0, 0];
      for (const pull of moved) {
        const share = Math.exp(-(((x - pull.x - pull.dx) ** 2) + ((y - pull.y - pull.dy) ** 2)) / 0.2);
        dx += share * pull.dx;
        dy += share * pull.dy;
      }

      [x, y] = [x - dx, y - dy];
      x += bend / 100 * (y * y - 0.5);
      const angle = -(turn + twist * Math.exp(-(x * x + y * y) / 0.5)) * Math.PI / 180;
      const [cos, sin] = [Math.cos(angle) * 100 / size, Math.sin(angle) * 100 / size];
      const [fromX, fromY] = [(cos * x - sin * y) * half + centreX, (sin * x + cos * y) * half + centreY];
      for (let c = 0; c < channels; c++) {
        result[(c * height + row) * width + column] = sample(data, c * height * width, height, width, fromX, fromY, padding === 'zeros');
      }
    }
  }

  return { data: result, channels, height, width };
}

/** What is known of a map and its inverse: the smallest determinant of both by all one-sided differences, and the largest distance, in
 * pixels, of map(inverse(p)) from p, over the p whose inverse stays inside.
 * @param forward displacements (2, height, width), x first, in half the longest side. */
export function certificate(forward, inverse, height, width) {
  const size = height * width;
  const half = (Math.max(height, width) - 1) / 2;
  let [residual, least] = [0, Math.min(determinant(forward, height, width), determinant(inverse, height, width))];
  if (!(Math.abs(least) < Infinity)) least = NaN;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const i = y * width + x;
      const [ux, uy] = [half * inverse[i], half * inverse[size + i]];
      const [fromX, fromY] = [x + ux, y + uy];
      if (fromX < -1e-4 || fromY < -1e-4 || fromX > width - 1 + 1e-4 || fromY > height - 1 + 1e-4) continue;
      const vx = half * sample(forward, 0, height, width, fromX, fromY, false);
      const vy = half * sample(forward, size, height, width, fromX, fromY, false);
      residual = Math.max(residual, Math.hypot(ux + vx, uy + vy));
    }
  }

  return { determinant: least, residual };
}

function determinant(field, height, width) {
  const size = height * width;
  const half = (Math.max(height, width) - 1) / 2;
  const across = (c, y, x) => half * (field[c * size + y * width + x + 1] - field[c * size + y * width + x]);
  const down = (c, y, x) => half * (field[c * size + (y + 1) * width + x] - field[c * size + y * width + x]);
  let least = Infinity;
  for (let y = 0; y + 1 < height; y++) {
    for (let x = 0; x + 1 < width; x++) {
      for (const row of [y, y + 1]) {
        for (const column of [x, x + 1]) {
          const [xx, yx] = [1 + across(0, row, x), across(1, row, x)];
          const [xy, yy] = [down(0, y, column), 1 + down(1, y, column)];
          least = Math.min(least, xx * yy - yx * xy);
        }
      }
    }
  }

  return least;
}

// Bilinear; beyond the border there are zeros, or the border.
function sample(data, first, height, width, x, y, isZero) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  const [right, below] = [x - left, y - top];
  const at = (row, column) => {
    if (isZero && (row < 0 || column < 0 || row >= height || column >= width)) return 0;
    return data[first + Math.min(height - 1, Math.max(0, row)) * width + Math.min(width - 1, Math.max(0, column))];
  };
  return (at(top, left) * (1 - right) + at(top, left + 1) * right) * (1 - below)
    + (at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right) * below;
}
