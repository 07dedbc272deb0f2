// The page of a server: its models and what they have to do, and an image for one of them.
import { Client, ProtocolError, bytes, strings } from './protocol.js';
import { make, say, show, time, wanted } from './view.js';
import * as drawing from './drawing.js';
import { readImage, takeImages } from './images.js';

const BUNDLE = 'diffeonn_bundle';
const STATES = {
  READY: ['ready', 'good'], LOADING: ['loading', 'unsure'], UNLOADING: ['unloading', 'unsure'], FAILED: ['failed', 'bad'],
  UNAVAILABLE: ['not loaded', 'still'],
};

// How often is asked, in milliseconds.
const LOAD_EVERY = 2000;
const INDEX_EVERY = 10000;

const part = id => document.getElementById(id);
const client = new Client(document.baseURI);
const configurations = new Map();
let [index, statistics, load] = [[], [], null];
let image = null;
// Images are read one after the other, so that the last one chosen counts; `run` waits for it.
let reading = Promise.resolve();
let running = null;
let listed = -Infinity;
let shown = '';

async function look() {
  try {
    if (performance.now() - listed >= INDEX_EVERY) {
      const server = await client.server();
      let isReady;
      [index, statistics, isReady] = await Promise.all([client.index(), client.statistics(), client.ready()]);
      listed = isReady ? performance.now() : -Infinity;
      await configure();
      say(part('server'), `${server.name} ${server.version}: ${isReady ? 'ready' : 'not ready; it loads models, has none, or will end'}`);
    }

    load = await client.load();
    part('lock').hidden = true;
    showModels();
  } catch (error) {
    listed = -Infinity;
    if (error.status === 401) lock();
    else say(part('server'), `${error.message} Trying again…`);
  }
}

// Looks again and again, but not while nobody sees it.
async function watch() {
  if (!document.hidden) await look();
  setTimeout(watch, LOAD_EVERY);
}

function lock() {
  say(part('server'), client.key ? 'The server does not know this key.' : 'The server wants a key before it says more.');
  if (!part('lock').hidden) return;
  part('lock').hidden = false;
  part('key').focus();
}

async function configure() {
  const ready = index.filter(({ state }) => state === 'READY');
  const known = new Set(ready.map(({ name, version }) => `${name}/${version}`));
  for (const one of configurations.keys()) if (!known.has(one)) configurations.delete(one);
  await Promise.all(ready.filter(({ name, version }) => !configurations.has(`${name}/${version}`)).map(async ({ name, version }) => {
    try {
      configurations.set(`${name}/${version}`, await client.config(name));
    } catch (error) {
      // It was unloaded in between; the next look shows it.
      if (!(error instanceof ProtocolError) || error.status === 401) throw error;
    }
  }));
  const choice = part('model');
  const bundles = ready.filter(({ name, version }) => configurations.get(`${name}/${version}`)?.platform === BUNDLE)
    .map(({ name }) => name);
  if (bundles.join('\n') !== [...choice.options].map(({ value }) => value).filter(Boolean).join('\n')) {
    const chosen = choice.value;
    choice.replaceChildren(...(bundles.length > 0 ? bundles : ['']).map(name => new Option(name || 'none is ready', name)));
    if (bundles.includes(chosen)) choice.value = chosen;
    choice.disabled = bundles.length === 0;
  }
}

function showModels() {
  const found = JSON.stringify([index, statistics, load, [...configurations.keys()]]);
  if (found === shown) return;
  shown = found;
  const cards = index.map(({ name, version, state, reason }) => {
    const same = one => one.name === name && one.version === version;
    const [counts, now] = [statistics.find(same), load?.find(same)];
    const card = make('li');
    // What does not load is unavailable, too, as the protocol has no word for it; the reason tells.
    const [word, style] = STATES[state === 'UNAVAILABLE' && reason && reason !== 'unloaded' ? 'FAILED' : state] ?? [state, 'still'];
    const head = make('h3', '', name);
    head.append(make('span', 'quiet small', `version ${version}`), make('span', `badge ${style}`, word));
    card.append(head);
    const configuration = configurations.get(`${name}/${version}`);
    if (reason) card.append(make('p', 'small', reason));
    if (configuration && configuration.platform !== BUNDLE) {
      card.append(make('p', 'quiet small', 'A plain ONNX model: programs ask it for tensors; this page does not.'));
    }

    if (counts || now) {
      const { success, fail, queue } = counts?.inference_stats ?? {};
      const mean = total => (success?.count ? time(total.ns / success.count / 1e6) : '–');
      card.append(facts([
        ['Waiting', now?.waiting ?? '–'], ['Running', now?.running ?? '–'], ['Answered', counts?.inference_count ?? '–'],
        ['Failed', fail?.count ?? '–'], ['Mean time', mean(success)], ['Mean wait', mean(queue)],
      ]));
    }

    return card;
  });
  part('models').replaceChildren(...cards);
  part('models-note').textContent = cards.length === 0 ? 'The folder of models is empty.' : '';
}

function facts(pairs) {
  const list = make('dl', 'facts');
  for (const [name, value] of pairs) {
    const group = list.appendChild(make('div'));
    group.append(make('dt', '', name), make('dd', '', `${value}`));
  }

  return list;
}

function choose(file) {
  reading = reading.then(() => take(file));
}

async function take(file) {
  fail(null);
  try {
    const chosen = await readImage(file);
    image?.bitmap.close();
    image = chosen;
    drawing.picture(part('preview'), image.bitmap);
    part('preview').hidden = false;
    part('preview').setAttribute('role', 'img');
    part('preview').setAttribute('aria-label', `Chosen image: ${image.name}`);
    say(part('file-note'), `${image.name}, ${image.bitmap.width} × ${image.bitmap.height} pixels. ${image.note}`.trim());
  } catch (error) {
    image?.bitmap.close();
    image = null;
    part('preview').hidden = true;
    say(part('file-note'), 'PNG or JPEG: choose a file, drop it here, or paste it.');
    fail(error.message);
  }
}

function parameters() {
  const said = {};
  if (part('steps').value !== '') said.steps = Number(part('steps').value);
  if (part('start').value !== '') said.start = part('start').value;
  const limit = Number(part('limit').value);
  if (limit > 0) Object.assign(said, { timeout: Math.ceil(limit * 1e6), on_timeout: 'best' });
  return said;
}

async function run() {
  part('run').disabled = true;
  fail(null);
  await reading;
  part('run').disabled = false;
  // An image that could not be read has been told of.
  if (!image) return part('error').hidden && fail('Choose an image first.');
  const model = part('model').value;
  if (!model) return fail('No bundle is ready to be asked.');
  running = new AbortController();
  busy(true);
  const { bitmap, name } = image;
  // What is shown is this image, also where another is chosen meanwhile.
  const picture = document.createElement('canvas');
  [picture.width, picture.height] = [bitmap.width, bitmap.height];
  picture.getContext('2d').drawImage(bitmap, 0, 0);
  const begun = performance.now();
  const seconds = () => ((performance.now() - begun) / 1000).toFixed(0);
  const clock = setInterval(() => say(part('progress'), `Searching… ${seconds()} s`), 5000);
  say(part('progress'), 'Searching…');
  try {
    const configuration = await client.config(model);
    const answer = await client.infer(model, {
      inputs: [bytes('image', [await image.blob.arrayBuffer()])],
      outputs: wanted(configuration.output.map(output => output.name)),
      parameters: parameters(),
    }, running.signal);
    const milliseconds = performance.now() - begun;
    const text = one => (answer.outputs.has(one) ? strings(answer.outputs.get(one))[0] : '');
    part('result').hidden = false;
    part('result-title').textContent = `Answer of ${answer.model}, version ${answer.version}, to ${name}`;
    show(part('view'), {
      picture, outputs: answer.outputs, milliseconds,
      labels: Object.fromEntries(configuration.output.filter(({ labels }) => labels).map(output => [output.name, output.labels])),
      texts: { refusal: text('refusal'), stop: text('stop') },
      isBestAtDeadline: answer.parameters.best_at_deadline === true,
    });
    say(part('progress'), `Answered in ${time(milliseconds)}.`);
    part('result-title').focus({ preventScroll: true });
    part('result').scrollIntoView({ block: 'start' });
  } catch (error) {
    say(part('progress'), '');
    if (error.name === 'AbortError') {
      say(part('progress'), 'Cancelled.');
    } else {
      fail(error.retryAfter ? `${error.message} Try again in ${error.retryAfter} s.` : error.message);
      if (error.status === 401) lock();
    }
  } finally {
    clearInterval(clock);
    running = null;
    busy(false);
    listed = -Infinity;
  }
}

function busy(isBusy) {
  part('run').disabled = isBusy;
  part('cancel').hidden = !isBusy;
}

function fail(message) {
  part('error').hidden = message === null;
  part('error').textContent = message ?? '';
}

part('lock-form').addEventListener('submit', event => {
  event.preventDefault();
  client.key = part('key').value.trim();
  look();
});
part('ask').addEventListener('submit', event => {
  event.preventDefault();
  run();
});
part('cancel').addEventListener('click', () => running?.abort());
takeImages(part('file'), part('drop'), choose);
document.addEventListener('visibilitychange', () => document.hidden || look());
watch();
