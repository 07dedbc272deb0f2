// Draws images, masks, displacements, points, boxes and scores. Knows neither a server nor a page: what it is given are arrays, rows
// first, and canvases to draw on.

// Sides of canvases, in pixels: small images are enlarged, so that lines over them are fine, and large ones made smaller.
const LEAST = 384;
const MOST = 1024;

// Colours that people with any colour vision tell apart (Okabe and Ito); the first is that of class 1, as class 0 is the background.
const COLOURS = [[230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167]];

// From dark to bright, evenly to the eye (viridis).
const RAMP = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [109, 205, 89],
  [180, 222, 44], [253, 231, 37]];

/** The colour of a class, [red, green, blue] from 0 to 255; those beyond the table differ in hue by the golden angle. */
export function colourOf(number) {
  if (number < 1) return [128, 128, 128];
  return COLOURS[number - 1] ?? fromHue((number * 137.508) % 360);
}

/** The same as CSS has it. */
export function cssColour(number) {
  return `rgb(${colourOf(number).join(' ')})`;
}

/** Something to draw from planes of numbers. data: (channels, height, width); one channel is grey, three are red, green and blue, of
 * others the first counts. Values from 0 to 1; others are stretched to that. */
export function ofPlanes({ data, channels, height, width }) {
  const size = height * width;
  const [least, most] = range(data.subarray(0, channels === 3 ? 3 * size : size));
  const [low, span] = least >= 0 && most <= 1 ? [0, 1] : [least, most - least || 1];
  const image = new ImageData(width, height);
  for (let i = 0; i < size; i++) {
    for (let c = 0; c < 3; c++) image.data[4 * i + c] = 255 * (data[channels === 3 ? c * size + i : i] - low) / span;
    image.data[4 * i + 3] = 255;
  }

  return ofImage(image);
}

/** Draws an image: a bitmap, a canvas, or what `ofPlanes` gave. */
export function picture(canvas, source) {
  const { context, scale } = frame(canvas, source.width, source.height);
  context.imageSmoothingEnabled = scale < 1;
  context.drawImage(source, 0, 0, canvas.width, canvas.height);
}

/** Draws classes in colours over an image; class 0 stays clear. labels: (height, width), whole numbers. */
export function mask(canvas, { labels, height, width }, under) {
  const { context } = frame(canvas, width, height);
  context.drawImage(under, 0, 0, canvas.width, canvas.height);
  const image = new ImageData(canvas.width, canvas.height);
  const column = Int32Array.from({ length: canvas.width }, (_, x) => Math.floor((x + 0.5) * width / canvas.width));
  const row = y => Math.floor((y + 0.5) * height / canvas.height);
  const at = (x, y) => labels[row(y) * width + column[x]];
  const [right, bottom] = [canvas.width - 1, canvas.height - 1];
  for (let y = 0; y <= bottom; y++) {
    for (let x = 0; x <= right; x++) {
      const own = at(x, y);
      if (own === 0) continue;
      // Edges are two pixels wide, inside the region.
      const isEdge = at(Math.max(0, x - 2), y) !== own || at(Math.min(right, x + 2), y) !== own
        || at(x, Math.max(0, y - 2)) !== own || at(x, Math.min(bottom, y + 2)) !== own;
      image.data.set([...colourOf(own), isEdge ? 255 : 105], 4 * (y * canvas.width + x));
    }
  }

  context.drawImage(ofImage(image), 0, 0);
}

/** How many pixels each class has: a Map from class to share, from 0 to 1. */
export function shares(labels) {
  const counts = new Map();
  for (const one of labels) counts.set(one, (counts.get(one) ?? 0) + 1);
  return new Map([...counts].sort((a, b) => a[0] - b[0]).map(([one, count]) => [one, count / labels.length]));
}

/** Draws how far a map moves each place, from dark to bright, and where to, by arrows.
 * @param field (2, height, width): to the right and down, in half the longest side.
 * @returns the largest and the mean distance, in pixels of the field. */
export function displacement(canvas, { data, height, width }) {
  const size = height * width;
  const pixels = (Math.max(height, width) - 1) / 2;
  const length = Float32Array.from({ length: size }, (_, i) => pixels * Math.hypot(data[i], data[size + i]));
  const most = length.reduce((a, b) => Math.max(a, b), 0);
  const image = new ImageData(width, height);
  for (let i = 0; i < size; i++) image.data.set([...ramp(most > 0 ? length[i] / most : 0), 255], 4 * i);
  const { context, scale } = frame(canvas, width, height);
  context.drawImage(ofImage(image), 0, 0, canvas.width, canvas.height);
  const step = Math.max(height, width) / 14;
  for (let y = step / 2; y < height; y += step) {
    for (let x = step / 2; x < width; x += step) {
      const i = Math.floor(y) * width + Math.floor(x);
      arrow(context, scale * x, scale * y, scale * pixels * data[i], scale * pixels * data[size + i]);
    }
  }

  return { most, mean: length.reduce((a, b) => a + b, 0) / size };
}

/** Draws where the lines of a square grid lie after a map, over an image.
 * @param field (2, height, width): to the right and down, in half the longest side.
 * @param under an image of the field's proportions. */
export function grid(canvas, { data, height, width }, under) {
  const { context, scale } = frame(canvas, width, height);
  context.drawImage(under, 0, 0, canvas.width, canvas.height);
  const size = height * width;
  const pixels = (Math.max(height, width) - 1) / 2;
  const place = (x, y) => {
    const i = y * width + x;
    return [(x + 0.5 + pixels * data[i]) * scale, (y + 0.5 + pixels * data[size + i]) * scale];
  };
  const step = Math.max(1, Math.round((Math.max(height, width) - 1) / 16));
  context.beginPath();
  for (let y = 0; y < height; y += step) {
    for (let x = 0; x < width; x++) context[x === 0 ? 'moveTo' : 'lineTo'](...place(x, y));
  }

  for (let x = 0; x < width; x += step) {
    for (let y = 0; y < height; y++) context[y === 0 ? 'moveTo' : 'lineTo'](...place(x, y));
  }

  outline(context, '#000', 3);
  outline(context, cssColour(2), 1.3);
}

/** Draws the colours of `displacement`, dark to bright. */
export function drawRamp(canvas) {
  [canvas.width, canvas.height] = [128, 1];
  const image = new ImageData(128, 1);
  for (let i = 0; i < 128; i++) image.data.set([...ramp(i / 127), 255], 4 * i);
  canvas.getContext('2d').putImageData(image, 0, 0);
}

/** Draws points over an image. points: [[column, row]], in its pixels. */
export function points(canvas, places, under) {
  picture(canvas, under);
  const context = canvas.getContext('2d');
  const scale = canvas.width / under.width;
  const radius = Math.max(canvas.width, canvas.height) / 90;
  for (const [column, row] of places) {
    context.beginPath();
    context.arc((column + 0.5) * scale, (row + 0.5) * scale, radius, 0, 2 * Math.PI);
    context.fillStyle = cssColour(1);
    context.fill();
    outline(context, '#fff', radius / 2.5);
  }
}

/** Draws boxes over an image. boxes: [{ left, top, right, bottom, colour (a class), label }], in its pixels. */
export function boxes(canvas, places, under) {
  picture(canvas, under);
  const context = canvas.getContext('2d');
  const scale = canvas.width / under.width;
  const line = Math.max(canvas.width, canvas.height) / 180;
  context.font = `600 ${6 * line}px system-ui, sans-serif`;
  context.textBaseline = 'bottom';
  for (const { left, top, right, bottom, colour = 1, label = '' } of places) {
    const [x, y] = [(left + 0.5) * scale, (top + 0.5) * scale];
    context.beginPath();
    context.rect(x, y, (right - left) * scale, (bottom - top) * scale);
    outline(context, '#000', 2 * line);
    outline(context, cssColour(colour), line);
    if (!label) continue;
    const above = Math.max(y, 7 * line);
    context.fillStyle = cssColour(colour);
    context.fillRect(x - line / 2, above - 7 * line, context.measureText(label).width + 2 * line, 7 * line);
    context.fillStyle = '#000';
    context.fillText(label, x + line / 2, above - line / 2);
  }
}

/** A list of scores as bars.
 * @param rows [{ name, score }], in the order in which they are shown; scores are drawn from 0 to 1, or to the largest.
 * @param best the number of the row that is the answer. */
export function bars(rows, best) {
  const most = rows.reduce((a, { score }) => Math.max(a, score), 1);
  const list = document.createElement('ul');
  list.className = 'bars';
  rows.forEach(({ name, score }, i) => {
    const item = list.appendChild(document.createElement('li'));
    if (i === best) item.className = 'best';
    item.appendChild(document.createElement('span')).textContent = name;
    const track = item.appendChild(document.createElement('div'));
    track.className = 'track';
    const fill = track.appendChild(document.createElement('div'));
    fill.className = 'fill';
    fill.style.width = `${100 * Math.max(0, score || 0) / most}%`;
    const number = item.appendChild(document.createElement('span'));
    number.className = 'number';
    number.textContent = Number.isFinite(score) ? score.toFixed(3) : 'none';
  });
  return list;
}

// A canvas of a size that suits an image, and how much larger it is.
function frame(canvas, width, height) {
  const longest = Math.max(width, height);
  const scale = longest < LEAST ? Math.ceil(LEAST / longest) : Math.min(1, MOST / longest);
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext('2d');
  context.imageSmoothingEnabled = scale < 1;
  return { context, scale };
}

function ofImage(image) {
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [image.width, image.height];
  canvas.getContext('2d').putImageData(image, 0, 0);
  return canvas;
}

function range(values) {
  let [least, most] = [Infinity, -Infinity];
  for (const one of values) {
    if (!Number.isFinite(one)) continue;
    if (one < least) least = one;
    if (one > most) most = one;
  }

  return least <= most ? [least, most] : [0, 1];
}

function ramp(share) {
  const place = Math.min(1, Math.max(0, share || 0)) * (RAMP.length - 1);
  const first = Math.min(RAMP.length - 2, Math.floor(place));
  return RAMP[first].map((one, c) => one + (RAMP[first + 1][c] - one) * (place - first));
}

function arrow(context, x, y, dx, dy) {
  const length = Math.hypot(dx, dy);
  if (!(length >= 3)) return;
  const head = Math.min(length / 2, 7);
  const [ux, uy] = [dx / length * head, dy / length * head];
  context.beginPath();
  context.moveTo(x, y);
  context.lineTo(x + dx, y + dy);
  context.moveTo(x + dx - ux - uy / 2, y + dy - uy + ux / 2);
  context.lineTo(x + dx, y + dy);
  context.lineTo(x + dx - ux + uy / 2, y + dy - uy - ux / 2);
  outline(context, '#000', 3);
  outline(context, '#fff', 1.4);
}

function outline(context, colour, width) {
  context.strokeStyle = colour;
  context.lineWidth = width;
  context.stroke();
}

function fromHue(hue) {
  const part = offset => {
    const k = (offset + hue / 30) % 12;
    return Math.round(255 * (0.55 - 0.35 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4)];
}
