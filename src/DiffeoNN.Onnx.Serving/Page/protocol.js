// The Open Inference Protocol v2 from a browser: tensors in binary, errors in words. Knows nothing of pages.

const text = new TextEncoder();
const words = new TextDecoder();

// Arrays of each type; binary tensors are little-endian, as are all machines that browsers run on.
const arrays = {
  BOOL: Uint8Array, UINT8: Uint8Array, INT8: Int8Array, UINT16: Uint16Array, INT16: Int16Array, UINT32: Uint32Array, INT32: Int32Array,
  UINT64: BigUint64Array, INT64: BigInt64Array, FP16: Uint16Array, FP32: Float32Array, FP64: Float64Array,
};

/** What the server says went wrong, or that it cannot be reached (status 0). */
export class ProtocolError extends Error {
  constructor(status, message, retryAfter = null) {
    super(message);
    this.name = 'ProtocolError';
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** A tensor of BYTES: its elements, each a Uint8Array or an ArrayBuffer. */
export function bytes(name, elements) {
  return { name, datatype: 'BYTES', shape: [elements.length], data: elements.map(one => new Uint8Array(one)) };
}

/**
 * A request's body: JSON, and the tensors in binary behind it.
 * @param request inputs: { name, datatype, shape, data }; outputs: names, all in binary; parameters; id.
 * @returns the body as a Blob, and how many bytes of it are JSON.
 */
export function encode({ id, inputs, outputs, parameters = {} }) {
  const raws = inputs.map(raw);
  const head = {
    id,
    parameters: outputs ? parameters : { ...parameters, binary_data_output: true },
    inputs: inputs.map(({ name, datatype, shape }, i) => ({ name, datatype, shape, parameters: { binary_data_size: raws[i].length } })),
    outputs: outputs?.map(name => ({ name, parameters: { binary_data: true } })),
  };
  const json = text.encode(JSON.stringify(head));
  return { body: new Blob([json, ...raws], { type: 'application/octet-stream' }), headerLength: json.length };
}

/**
 * An answer.
 * @param buffer the body, an ArrayBuffer.
 * @param headerLength how many bytes of it are JSON; null for all.
 * @returns model, version, id, parameters, and outputs: a Map from names to { name, datatype, shape, data }. Data are typed arrays; of
 * BOOL arrays of booleans, of FP16 a Float32Array, of BYTES an array of Uint8Array.
 */
export function decode(buffer, headerLength = null) {
  const head = JSON.parse(words.decode(new Uint8Array(buffer, 0, headerLength ?? buffer.byteLength)));
  let offset = headerLength ?? buffer.byteLength;
  const outputs = new Map();
  for (const { name, datatype, shape, data, parameters } of head.outputs) {
    const size = parameters?.binary_data_size;
    if (size === undefined) {
      outputs.set(name, { name, datatype, shape, data: ofJson(name, datatype, data) });
      continue;
    }

    if (offset + size > buffer.byteLength) {
      throw new ProtocolError(0, `The answer ends within output '${name}': ${size} bytes were told, ${buffer.byteLength - offset} came.`);
    }

    // A copy, since arrays have to begin at multiples of their elements' size.
    outputs.set(name, { name, datatype, shape, data: ofRaw(name, datatype, buffer.slice(offset, offset + size)) });
    offset += size;
  }

  return {
    model: head.model_name, version: head.model_version, id: head.id ?? '', parameters: head.parameters ?? {}, outputs,
  };
}

/** Elements of BYTES as texts. */
export function strings(tensor) {
  return tensor.data.map(one => words.decode(one));
}

/** A server of the protocol. */
export class Client {
  /** @param base address below which `v2` lies; ends with a slash. */
  constructor(base, key = '') {
    this.base = base;
    this.key = key;
  }

  /** Name, version and extensions of the server. */
  server() {
    return this.json('v2');
  }

  /** Whether it has loaded its models, and takes requests. */
  async ready() {
    try {
      await this.fetch('v2/health/ready', {});
      return true;
    } catch (error) {
      if (error.status >= 400 && error.status !== 401) return false;
      throw error;
    }
  }

  /** All versions of all models: [{ name, version, state, reason }]. */
  index() {
    return this.json('v2/repository/index', { method: 'POST' });
  }

  /** What versions have done since they were loaded, as the protocol's `model_stats`. */
  async statistics() {
    return (await this.json('v2/models/stats')).model_stats;
  }

  /** What waits and runs: [{ name, version, waiting, running }]; null where a server does not tell. */
  async load() {
    try {
      return (await this.json('v2/load')).models;
    } catch (error) {
      if (error.status === 404) return null;
      throw error;
    }
  }

  /** Inputs and outputs of a model. */
  metadata(model) {
    return this.json(`v2/models/${encodeURIComponent(model)}`);
  }

  /** Configuration of a model: the same, and labels of outputs where it has some. */
  config(model) {
    return this.json(`v2/models/${encodeURIComponent(model)}/config`);
  }

  /** Asks a model; see `encode` for the request and `decode` for the answer. */
  async infer(model, request, signal) {
    const { body, headerLength } = encode(request);
    const response = await this.fetch(`v2/models/${encodeURIComponent(model)}/infer`, {
      method: 'POST', body, signal, headers: { 'Inference-Header-Content-Length': `${headerLength}` },
    });
    const length = response.headers.get('Inference-Header-Content-Length');
    return decode(await response.arrayBuffer(), length === null ? null : Number(length));
  }

  async json(path, options = {}) {
    return (await this.fetch(path, options)).json();
  }

  async fetch(path, options) {
    const headers = { ...options.headers };
    if (this.key) headers.Authorization = `Bearer ${this.key}`;
    let response;
    try {
      response = await fetch(new URL(path, this.base), { cache: 'no-store', ...options, headers });
    } catch (error) {
      if (error.name === 'AbortError') throw error;
      throw new ProtocolError(0, 'The server cannot be reached.');
    }

    if (!response.ok) throw await problem(response);
    return response;
  }
}

async function problem(response) {
  let message = `The server answered ${response.status} ${response.statusText}`.trim() + '.';
  try {
    message = (await response.json()).error ?? message;
  } catch {
    // No JSON: something between the server and here.
  }

  return new ProtocolError(response.status, message, response.headers.get('Retry-After'));
}

function raw({ name, datatype, data }) {
  if (datatype === 'BYTES') {
    const all = new Uint8Array(data.reduce((sum, one) => sum + 4 + one.length, 0));
    const view = new DataView(all.buffer);
    let offset = 0;
    for (const one of data) {
      view.setUint32(offset, one.length, true);
      all.set(one, offset + 4);
      offset += 4 + one.length;
    }

    return all;
  }

  const kind = arrays[datatype];
  if (!kind || datatype === 'FP16') throw new TypeError(`Input '${name}' is ${datatype}, which is not sent from here.`);
  const typed = data instanceof kind ? data : kind.from(data);
  return new Uint8Array(typed.buffer, typed.byteOffset, typed.byteLength);
}

function ofRaw(name, datatype, buffer) {
  if (datatype === 'BYTES') {
    const view = new DataView(buffer);
    const elements = [];
    for (let offset = 0; offset < buffer.byteLength;) {
      const length = offset + 4 <= buffer.byteLength ? view.getUint32(offset, true) : Infinity;
      if (offset + 4 + length > buffer.byteLength) throw new ProtocolError(0, `Output '${name}' ends within an element.`);
      elements.push(new Uint8Array(buffer, offset + 4, length));
      offset += 4 + length;
    }

    return elements;
  }

  const kind = arrays[datatype];
  if (!kind) throw new ProtocolError(0, `Output '${name}' has the type ${datatype}, which this page does not know.`);
  if (buffer.byteLength % kind.BYTES_PER_ELEMENT !== 0) {
    throw new ProtocolError(0, `Output '${name}' has ${buffer.byteLength} bytes, which is no whole number of ${datatype}.`);
  }

  const typed = new kind(buffer);
  if (datatype === 'BOOL') return Array.from(typed, one => one !== 0);
  return datatype === 'FP16' ? Float32Array.from(typed, half) : typed;
}

function ofJson(name, datatype, data) {
  const flat = data.flat(Infinity);
  if (datatype === 'BYTES') return flat.map(one => text.encode(one));
  if (datatype === 'BOOL') return flat;
  // What is not finite is null in JSON.
  if (datatype.startsWith('FP')) return (datatype === 'FP64' ? Float64Array : Float32Array).from(flat, one => one ?? NaN);
  if (!datatype.endsWith('64')) return arrays[datatype].from(flat);
  if (!flat.every(Number.isSafeInteger)) {
    throw new ProtocolError(0, `Output '${name}' has numbers that are too large to be read from JSON; ask for it in binary.`);
  }

  return arrays[datatype].from(flat, BigInt);
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
