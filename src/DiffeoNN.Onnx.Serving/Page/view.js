// Shows what became of an image: figures, scores, and the certificate. Needs outputs by their names, wherever they were computed.
import * as drawing from './drawing.js';

const STOPS = {
  Converged: 'the energy had stopped falling',
  StepBudget: 'all steps were taken',
  TimeBudget: 'the time was up',
  Canonical: 'the image was canonical already',
  NonFinite: 'the energy had stopped being finite',
};

// Boxes that are drawn at most, and the score that they need.
const MOST_BOXES = 100;
const LEAST_SCORE = 0.5;
const MOST_BARS = 10;

/** Outputs to ask a bundle for, of those that it has: all but what is large and not shown. */
export function wanted(names) {
  return names.filter(name => !/(^|[._])(probabilities|inverse)$/.test(name));
}

/** Shows an answer.
 * @param element where; what it held is replaced.
 * @param picture the image that was asked about: a bitmap or a canvas.
 * @param outputs a Map from names to { shape, data }, of one image.
 * @param labels names of classes, by outputs' names.
 * @param texts what the outputs of texts say, by names: refusal, stop; note is said beside the verdict.
 * @param milliseconds how long it took.
 * @param isBestAtDeadline whether the time was up before the search had ended.
 * @param hasGrid whether the map is also shown as a grid.
 * @param words what is said of the input, and after the time; determinant: what the smallest one is called. */
export function show(element, {
  picture, outputs, labels = {}, texts = {}, milliseconds, isBestAtDeadline = false, hasGrid = false,
  words = { input: 'The image as it was sent.', time: ', with sending and receiving' },
}) {
  const read = name => outputs.get(name);
  const parts = [verdict(read, texts, isBestAtDeadline)];
  const figures = make('div', 'figures');
  parts.push(figures);
  figure(figures, 'Input', words.input, canvas => drawing.picture(canvas, picture));
  if (read('canonical')) {
    const { shape: [, channels, height, width], data } = read('canonical');
    figure(figures, 'Canonical image', read('accepted')?.data[0] === false
      ? 'The image itself: the map that was found is not used.' : 'What the network is shown instead.',
    canvas => drawing.picture(canvas, drawing.ofPlanes({ data, channels, height, width })));
  }

  for (const prefix of prefixes(outputs)) parts.push(...answers(figures, prefix, read, labels, picture));
  if (read('displacement')) displacement(figures, read('displacement'));
  if (read('displacement') && hasGrid) grid(figures, read('displacement'), picture);
  parts.push(certificate(read, texts, milliseconds, isBestAtDeadline, words));
  element.replaceChildren(...parts);
}

// Of several outputs of a network, the first has no prefix, and the others have their names and a dot.
function prefixes(outputs) {
  const answers = /^(.*\.)?(mask|scores|numbers|planes|points|boxes)$/;
  const found = [...outputs.keys()].map(name => name.replace(/^naive_/, '').match(answers)).filter(Boolean);
  return [...new Set(found.map(([, prefix]) => prefix ?? ''))];
}

// Each answer twice: of the network alone, and carried back from the canonical image.
function answers(figures, prefix, read, labels, picture) {
  const name = prefix ? ` (${prefix.slice(0, -1)})` : '';
  const kinds = { boxes, points, mask, planes, numbers, scores };
  const kind = Object.keys(kinds).find(one => read(`${prefix}${one}`) ?? read(`naive_${prefix}${one}`));
  const own = kind === 'scores' || kind === 'numbers' ? 'The answer for the canonical image' : 'The answer, carried back';
  const both = [['The network alone', 'naive_'], [own, '']].map(([title, way]) => ({
    title: title + name, of: one => read(`${way}${prefix}${one}`),
  })).filter(({ of }) => of(kind));
  return kinds[kind]({ figures, both, labels: one => labels[`${prefix}${one}`] ?? [], picture, name }) ?? [];
}

function mask({ figures, both, labels, picture }) {
  const [first, second] = both.map(({ of }) => of('mask').data);
  both.forEach(({ title, of }, i) => {
    const { shape: [, height, width], data } = of('mask');
    const legend = make('ul', 'legend');
    const found = [...drawing.shares(data)].filter(([number]) => number > 0);
    for (const [number, share] of found) {
      const item = legend.appendChild(make('li'));
      item.appendChild(make('span', 'swatch')).style.background = drawing.cssColour(number);
      item.append(`${labels('mask')[number] ?? `class ${number}`}: ${percent(share)}`);
    }

    const notes = found.length === 0 ? ['Background throughout.'] : [];
    if (i === 1) {
      const differing = first.reduce((sum, one, j) => sum + (one !== second[j]), 0) / first.length;
      notes.push(differing === 0 ? 'The same as the network alone.'
        : `Differs from the network alone in ${percent(differing)} of the pixels.`);
    }

    figure(figures, title, notes.join(' '), canvas => drawing.mask(canvas, { labels: data, height, width }, picture), legend);
  });
}

function planes({ figures, both }) {
  for (const { title, of } of both) {
    const { shape: [, channels, height, width], data } = of('planes');
    figure(figures, title, `${channels} ${channels === 1 ? 'plane' : 'planes'} of ${width} × ${height} pixels.`,
      canvas => drawing.picture(canvas, drawing.ofPlanes({ data, channels, height, width })));
  }
}

function points({ figures, both, picture }) {
  for (const { title, of } of both) {
    const { shape: [, count], data } = of('points');
    const places = Array.from({ length: count }, (_, i) => [data[2 * i], data[2 * i + 1]]);
    const list = places.slice(0, 5).map(([x, y]) => `(${number(x)}, ${number(y)})`).join(', ');
    figure(figures, title, `${count} ${count === 1 ? 'point' : 'points'}, column and row in pixels: ${list}${count > 5 ? ', …' : ''}.`,
      canvas => drawing.points(canvas, places, picture));
  }
}

function boxes({ figures, both, labels, picture }) {
  for (const { title, of } of both) {
    const { shape: [, count], data } = of('boxes');
    const [scores, classes] = [of('scores')?.data, of('classes')?.data];
    const places = Array.from({ length: count }, (_, i) => {
      const kind = classes ? (labels('classes')[classes[i]] ?? labels('boxes')[classes[i]] ?? `class ${classes[i]}`) : '';
      const [left, top, right, bottom] = data.subarray(4 * i, 4 * i + 4);
      return {
        left, top, right, bottom, score: scores?.[i] ?? 1, colour: 1 + (classes?.[i] ?? 0),
        label: `${kind} ${scores ? scores[i].toFixed(2) : ''}`.trim(),
      };
    }).filter(({ score }) => score >= LEAST_SCORE).sort((a, b) => b.score - a.score).slice(0, MOST_BOXES);
    const list = places.slice(0, 5).map(({ label }) => label).filter(Boolean).join(', ');
    figure(figures, title, `${places.length} of ${count} boxes${scores ? ` score ${LEAST_SCORE} or more` : ''}${list ? `: ${list}` : ''}.`,
      canvas => drawing.boxes(canvas, places, picture));
  }
}

function scores({ both, labels, name }) {
  const last = both.at(-1).of('scores').data;
  // The same order in both, so that they can be compared.
  const order = Array.from(last.keys()).sort((a, b) => last[b] - last[a]).slice(0, MOST_BARS);
  const pairs = make('div', 'pairs');
  for (const { title, of } of both) {
    const data = of('scores').data;
    const best = data.reduce((a, one, i) => (one > data[a] ? i : a), 0);
    const label = i => labels('scores')[i] ?? `class ${i}`;
    const group = pairs.appendChild(make('section'));
    group.append(make('h4', '', title), make('p', 'quiet', `The answer: ${label(best)}.`),
      drawing.bars(order.map(i => ({ name: label(i), score: data[i] })), order.indexOf(best)));
    if (data.length > order.length) group.append(make('p', 'quiet small', `${data.length - order.length} more classes score less.`));
  }

  return [make('h3', '', `Scores${name}`), pairs];
}

function numbers({ both, labels, name }) {
  const head = make('tr');
  head.append(cell('th', 'Number', 'col'), ...both.map(({ title }) => cell('th', title, 'col')));
  const body = make('tbody');
  for (let i = 0; i < both[0].of('numbers').data.length; i++) {
    const row = body.appendChild(make('tr'));
    row.append(cell('th', labels('numbers')[i] ?? `${i + 1}`, 'row'), ...both.map(({ of }) => cell('td', number(of('numbers').data[i]))));
  }

  const table = make('table');
  table.append(make('thead'), body);
  table.tHead.append(head);
  return [make('h3', '', `Numbers${name}`), table];
}

function displacement(figures, { shape: [, , height, width], data }) {
  const canvas = make('canvas');
  const { most, mean } = drawing.displacement(canvas, { data, height, width });
  const ramp = make('div', 'ramp');
  const scale = make('canvas');
  drawing.drawRamp(scale);
  scale.setAttribute('aria-hidden', 'true');
  ramp.append('0', scale, `${most.toPrecision(3)} px`);
  const note = most === 0 ? 'Nothing is moved.'
    : `From each place of the canonical image to where the input shows it: at most ${most.toPrecision(3)}, on average `
      + `${mean.toPrecision(3)} pixels of ${width} × ${height}.`;
  figure(figures, 'Displacement', note, canvas, most === 0 ? null : ramp);
}

function grid(figures, { shape: [, , height, width], data }, picture) {
  figure(figures, 'Grid of the map', 'Where the lines of a square grid on the canonical image lie in the input.',
    canvas => drawing.grid(canvas, { data, height, width }, picture));
}

function verdict(read, texts, isBestAtDeadline) {
  const accepted = read('accepted')?.data[0];
  const box = make('div', `verdict ${accepted === false ? 'unsure' : 'good'}`);
  box.append(make('strong', '', accepted === false ? 'The map that was found is not used.' : 'The map that was found is used.'));
  if (texts.note) box.append(make('p', '', texts.note));
  if (texts.refusal) box.append(make('p', '', texts.refusal), make('p', '', 'The answer is that of the network alone.'));
  if (isBestAtDeadline) box.append(make('p', '', 'The time was up before the search had ended: this is the best it had found.'));
  return box;
}

function certificate(read, texts, milliseconds, isBestAtDeadline, words) {
  const one = name => read(name)?.data[0];
  const rows = [];
  const [before, after] = [one('energy_before'), one('energy_after')];
  rows.push(['Map', one('accepted') === undefined ? null : one('accepted') ? 'used' : 'not used']);
  rows.push(['Energy', before === undefined ? null : one('accepted') === false ? `${number(before)} (of the image as it is)`
    : `${number(before)} → ${number(after)}${before > 0 ? ` (${signed(100 * (after - before) / before)} %)` : ''}`]);
  const determinant = one('determinant');
  const meaning = one('accepted') === false ? 'that of no map at all'
    : determinant > 0 ? 'above 0: the map folds nowhere' : 'not above 0: the map folds';
  rows.push([words.determinant ?? 'Smallest determinant', determinant === undefined ? null : `${number(determinant)} (${meaning})`]);
  rows.push(['Largest error of the inverse', one('residual') === undefined ? null : `${number(one('residual'))} pixels`]);
  rows.push(['Steps', one('steps') === undefined ? null : `${one('steps')}`]);
  const stop = texts.stop === 'StepBudget' && one('steps') === 0 ? 'no steps were to be taken' : STOPS[texts.stop] ?? texts.stop;
  rows.push(['The search ended because', stop || null]);
  rows.push(['Best at the time limit', isBestAtDeadline ? 'yes, the search was not at its end' : null]);
  rows.push(['Time', milliseconds === undefined ? null : `${time(milliseconds)}${words.time}`]);
  const table = make('table');
  table.setAttribute('aria-label', 'Certificate');
  table.append(make('tbody'));
  for (const [name, value] of rows.filter(([, value]) => value !== null)) {
    const row = table.tBodies[0].appendChild(make('tr'));
    row.append(cell('th', name, 'row'), cell('td', value));
  }

  const section = make('section', 'certificate');
  section.append(make('h3', '', 'Certificate'), table);
  return section;
}

function figure(figures, title, note, draw, more = null) {
  const box = figures.appendChild(make('figure'));
  const canvas = typeof draw === 'function' ? make('canvas') : draw;
  if (typeof draw === 'function') draw(canvas);
  canvas.setAttribute('role', 'img');
  canvas.setAttribute('aria-label', title);
  const caption = make('figcaption');
  caption.append(make('strong', '', title), note);
  if (more) caption.append(more);
  box.append(canvas, caption);
}

/** A number as people read it: four digits that count. */
export function number(value) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : `${value}`;
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 1e-4 || size >= 1e7) return value.toExponential(2);
  return `${size >= 1000 ? Math.round(value) : Number(value.toPrecision(4))}`;
}

/** A time as people read it. */
export function time(milliseconds) {
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(milliseconds < 10000 ? 2 : 1)} s`;
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`;
}

/** An element with a class and a text. */
export function make(tag, style = '', text = '') {
  const element = document.createElement(tag);
  if (style) element.className = style;
  if (text) element.textContent = text;
  return element;
}

/** Says something in an element, only where it changed, since changes are read aloud. */
export function say(element, message) {
  if (element.textContent !== message) element.textContent = message;
}

function cell(tag, text, scope) {
  const element = make(tag, '', text);
  if (scope) element.scope = scope;
  return element;
}

function signed(value) {
  return `${value < 0 ? '−' : '+'}${number(Number(Math.abs(value).toFixed(1)))}`;
}

function percent(share) {
  return `${(100 * share).toFixed(share > 0 && share < 0.001 ? 3 : 1)} %`;
}
