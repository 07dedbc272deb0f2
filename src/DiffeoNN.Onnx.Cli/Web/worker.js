// Runs the model beside the page, which stays usable meanwhile.
import * as ort from './ort/ort.wasm.min.mjs';

ort.env.wasm.wasmPaths = new URL('./ort/', import.meta.url).href;
// Several cores need memory that threads share, which browsers give to pages alone whose server isolates them.
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency || 1) : 1;

let session = null;

async function load(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} did not come: the server says ${response.status}.`);
  const model = new Uint8Array(await response.arrayBuffer());
  session = await ort.InferenceSession.create(model, { executionProviders: ['wasm'], graphOptimizationLevel: 'all' });
  return { megabytes: model.byteLength / 1e6, threads: ort.env.wasm.numThreads };
}

async function run({ pixels, shape }) {
  const begun = performance.now();
  const found = await session.run({ [session.inputNames[0]]: new ort.Tensor('float32', pixels, shape) });
  const milliseconds = performance.now() - begun;
  const outputs = Object.fromEntries(session.outputNames.map(name => [name, { shape: found[name].dims, data: found[name].data.slice() }]));
  return { outputs, milliseconds };
}

self.onmessage = async ({ data: { kind, number, ...rest } }) => {
  try {
    const answer = kind === 'load' ? await load(rest.url) : await run(rest);
    self.postMessage({ kind, number, ...answer }, Object.values(answer.outputs ?? {}).map(({ data }) => data.buffer));
  } catch (error) {
    self.postMessage({ kind: 'error', number, message: error?.message ?? `${error}` });
  }
};
