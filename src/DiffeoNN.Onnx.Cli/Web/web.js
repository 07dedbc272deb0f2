// The page of a model that runs in the browser: an image, what deforms it, and what the model makes of it.
import * as drawing from './drawing.js';
import { certificate, deformed, planesOf, resized, still } from './fields.js';
import { readImage, takeImages } from './images.js';
import { make, say, show, time } from './view.js';

const SLIDERS = [
  { name: 'turn', label: 'Turn', least: -60, most: 60, unit: '°' }, { name: 'size', label: 'Size', least: 70, most: 140, unit: ' %' },
  { name: 'twist', label: 'Twist', least: -60, most: 60, unit: '°' }, { name: 'bend', label: 'Bend', least: -50, most: 50, unit: ' %' },
];

// Handles lie at these places, from -1 to 1 across and down.
const PLACES = [-0.5, 0, 0.5];
const WORDS = [['top left', 'top', 'top right'], ['left', 'middle', 'right'], ['bottom left', 'bottom', 'bottom right']];

// Larger pictures are made smaller by the browser before they become numbers.
const MOST = 2048;

const part = id => document.getElementById(id);
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });
let model = null;
let image = null;
let deformation = still();
let handles = [];
// One question at a time; while it is answered, only the newest waits.
let [asked, waiting, number] = [null, null, 0];
let isReady = false;

async function start() {
  const response = await fetch('model.json');
  if (!response.ok) throw new Error(`model.json did not come: the server says ${response.status}.`);
  model = await response.json();
  document.title = `${model.name} – DiffeoNN in the browser`;
  part('name').textContent = model.name;
  if (model.description) part('description').textContent = model.description;
  part('licence').textContent = model.licence ? `Model: ${model.licence}.` : '';
  makeSliders();
  makeHandles();
  makeExamples();
  say(part('state'), 'Loading the model…');
  worker.postMessage({ kind: 'load', url: new URL('model.onnx', document.baseURI).href });
  if (model.examples.length > 0) await take(model.examples[0]);
}

worker.onmessage = ({ data }) => {
  if (data.kind === 'load') {
    isReady = true;
    say(part('state'), `Ready: ${data.megabytes.toFixed(1)} MB of model, ${data.threads === 1 ? 'one core' : `${data.threads} cores`}.`);
    if (!image) say(part('progress'), 'Choose an image.');
    next();
  } else if (data.kind === 'run') {
    const { input } = asked;
    asked = null;
    answer(input, data);
    next();
  } else {
    asked = null;
    fail(`The model could not be ${isReady ? 'run' : 'loaded'}: ${data.message}`);
    say(part('progress'), '');
    if (!isReady) say(part('state'), 'The model was not loaded.');
    next();
  }
};
worker.onerror = event => fail(`The model's part of this page did not start: ${event.message || 'a file is missing'}.`);

// What is on the stage now is what is asked about.
function ask() {
  if (!image) return;
  const input = deformed(image.planes, deformation, model.image.padding);
  stage(input);
  waiting = { input, number: ++number };
  next();
}

function next() {
  if (!isReady || asked || !waiting) return;
  [asked, waiting] = [waiting, null];
  say(part('progress'), 'Computing…');
  const { data, channels, height, width } = asked.input;
  worker.postMessage({ kind: 'run', number: asked.number, pixels: data.slice(), shape: [1, channels, height, width] });
}

function answer(input, { outputs: found, milliseconds }) {
  const { height, width } = input;
  const outputs = new Map(['canonical', 'displacement'].map(name => [name, found[name]]));
  const used = Array.from(found.accepted.data).filter(Boolean).length;
  const numbers = { energy_before: found.energy.data[0], energy_after: found.energy.data[1] };
  Object.assign(numbers, certificate(found.displacement.data, found.inverse.data, height, width));
  for (const [name, value] of Object.entries(numbers)) outputs.set(name, { shape: [1], data: [value] });
  outputs.set('accepted', { shape: [1], data: [used > 0] });
  for (const [prefix, { shape, data }] of [['naive_', found.naive], ['', found.answer]]) {
    const [name, form] = answered(shape, data);
    outputs.set(prefix + name, form);
  }

  show(part('view'), {
    picture: drawing.ofPlanes(input), outputs, milliseconds, hasGrid: true,
    labels: { mask: model.output.classes ?? [], scores: model.output.classes ?? [], numbers: model.output.names ?? [] },
    texts: used > 0 ? { note: counted(used, found.accepted.data.length) } : { refusal: refusal(numbers) },
    words: { input: 'The image as the network sees it.', time: ' in this browser', determinant: 'Smallest determinant of map and inverse' },
  });
  // For programs that wait for it: the number of the question that was answered last, empty while others wait.
  document.documentElement.dataset.answered = waiting === null ? `${number}` : '';
  say(part('progress'), `Answered in ${time(milliseconds)}.`);
}

function counted(used, all) {
  if (all === 1) return '';
  return used === 1 ? `One of ${all} maps counts.`
    : `${used} of ${all} maps count; the answer is the mean of theirs, the figures show the last.`;
}

function refusal({ energy_before: energy }) {
  if (!Number.isFinite(energy)) return 'The image has no finite energy.';
  if (model.canonicalBelow !== null && energy <= model.canonicalBelow) {
    return `The image is canonical already: its energy is not above ${model.canonicalBelow}.`;
  }

  return 'No map lowers the energy as much as is asked for, or none keeps the certificate.';
}

// An answer as it is shown: a class for each pixel, planes, scores, or numbers.
function answered(shape, data) {
  if (model.output.kind === 'classification') return ['scores', { shape, data }];
  if (model.output.kind === 'regression') return ['numbers', { shape, data }];
  if (model.output.kind === 'image') return ['planes', { shape, data }];
  const [, classes, height, width] = shape;
  const size = height * width;
  const labels = Uint8Array.from({ length: size }, (_, i) => {
    if (classes === 1) return data[i] >= 0.5 ? 1 : 0;
    let best = 0;
    for (let k = 1; k < classes; k++) if (data[k * size + i] > data[best * size + i]) best = k;
    return best;
  });
  return ['mask', { shape: [1, height, width], data: labels }];
}

function stage(input) {
  drawing.picture(part('stage'), drawing.ofPlanes(input));
}

async function take({ file, name }) {
  const response = await fetch(file);
  await choose(new File([await response.blob()], name, { type: 'image/png' }));
}

async function choose(file) {
  fail(null);
  try {
    const { name, bitmap } = await readImage(file);
    const scale = Math.min(1, MOST / Math.max(bitmap.width, bitmap.height));
    const canvas = document.createElement('canvas');
    [canvas.width, canvas.height] = [Math.max(1, Math.round(scale * bitmap.width)), Math.max(1, Math.round(scale * bitmap.height))];
    const context = canvas.getContext('2d', { willReadFrequently: true });
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const { channels, height, width } = model.image;
    image = { name, planes: resized(planesOf(context.getImageData(0, 0, canvas.width, canvas.height), channels), height, width) };
    say(part('file-note'), `${name}, ${bitmap.width} × ${bitmap.height} pixels; the network sees ${width} × ${height}.`);
    bitmap.close();
    // Another image begins as it is.
    deform(still());
  } catch (error) {
    fail(error.message);
  }
}

function makeExamples() {
  part('examples-box').hidden = model.examples.length === 0;
  part('examples').replaceChildren(...model.examples.map(example => {
    const button = make('button');
    button.type = 'button';
    const picture = button.appendChild(make('img'));
    [picture.src, picture.alt] = [example.file, example.name];
    button.addEventListener('click', () => take(example).catch(error => fail(error.message)));
    const item = make('li');
    item.append(button);
    return item;
  }));
}

function makeSliders() {
  part('sliders').replaceChildren(...SLIDERS.map(({ name, label, least, most, unit }) => {
    const box = make('div');
    const text = box.appendChild(make('label', '', label));
    const output = text.appendChild(make('output'));
    const input = box.appendChild(make('input'));
    [text.htmlFor, input.id, input.type, input.min, input.max, input.step] = [name, name, 'range', least, most, 1];
    output.setAttribute('aria-hidden', 'true');
    input.addEventListener('input', () => {
      deformation[name] = Number(input.value);
      tell();
      ask();
    });
    const tell = () => {
      output.textContent = `${input.value}${unit}`;
      input.setAttribute('aria-valuetext', `${input.value}${unit}`);
    };
    input.addEventListener('told', () => {
      input.value = deformation[name];
      tell();
    });
    return box;
  }));
}

function makeHandles() {
  const { height, width } = model.image;
  const half = (Math.max(height, width) - 1) / 2;
  const [farX, farY] = [(width - 1) / 2 / half, (height - 1) / 2 / half];
  handles = PLACES.flatMap((y, row) => PLACES.map((x, column) => {
    const handle = { x: x * farX, y: y * farY, word: WORDS[row][column], button: make('button', 'handle') };
    handle.button.type = 'button';
    handle.place = () => {
      const pull = handle.pull;
      const [left, top] = [(handle.x + pull.dx) * half + (width - 1) / 2, (handle.y + pull.dy) * half + (height - 1) / 2];
      handle.button.style.left = `${100 * (left + 0.5) / width}%`;
      handle.button.style.top = `${100 * (top + 0.5) / height}%`;
      handle.button.classList.toggle('moved', pull.dx !== 0 || pull.dy !== 0);
      const [across, down] = [Math.round(pull.dx * half), Math.round(pull.dy * half)];
      handle.button.setAttribute('aria-label', `Handle ${handle.word}: ${across} across, ${down} down`);
    };
    handle.move = (dx, dy) => {
      const within = (value, from, far) => Math.min(far - from, Math.max(-far - from, value));
      Object.assign(handle.pull, { dx: within(dx, handle.x, farX), dy: within(dy, handle.y, farY) });
      handle.place();
      ask();
    };
    handle.button.addEventListener('keydown', event => {
      const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [0, 0];
      if (dx === 0 && dy === 0) return;
      event.preventDefault();
      const step = (event.shiftKey ? 4 : 1) / half;
      handle.move(handle.pull.dx + step * dx, handle.pull.dy + step * dy);
    });
    handle.button.addEventListener('pointerdown', event => {
      handle.button.setPointerCapture(event.pointerId);
      const box = part('stage').getBoundingClientRect();
      const { dx, dy } = handle.pull;
      const drag = ({ clientX, clientY }) => handle.move(
        dx + (clientX - event.clientX) / box.width * width / half, dy + (clientY - event.clientY) / box.height * height / half);
      const drop = () => handle.button.removeEventListener('pointermove', drag);
      handle.button.addEventListener('pointermove', drag);
      handle.button.addEventListener('lostpointercapture', drop, { once: true });
    });
    return handle;
  }));
  part('handles').replaceChildren(...handles.map(({ button }) => button));
  deform(still());
}

function deform(wanted) {
  deformation = wanted;
  deformation.pulls = handles.map((handle, i) => {
    const { dx, dy } = wanted.pulls[i] ?? { dx: 0, dy: 0 };
    handle.pull = { x: handle.x, y: handle.y, dx, dy };
    handle.place();
    return handle.pull;
  });
  for (const { name } of SLIDERS) part(name).dispatchEvent(new Event('told'));
  ask();
}

function atRandom() {
  const some = most => Math.round(most * (2 * Math.random() - 1));
  const pulls = handles.map(() => ({ dx: some(100) / 700, dy: some(100) / 700 }));
  deform({ turn: some(20), size: 100 + some(12), twist: some(25), bend: some(20), pulls });
}

function fail(message) {
  part('error').hidden = message === null;
  part('error').textContent = message ?? '';
}

part('random').addEventListener('click', atRandom);
part('reset').addEventListener('click', () => deform(still()));
takeImages(part('file'), part('drop'), choose);
start().catch(error => fail(error.message));
