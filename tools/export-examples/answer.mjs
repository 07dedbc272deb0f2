// node answer.mjs MODEL.onnx IMAGE.png [ANSWER.bin]: an image in, its answer out (diffeonn export --input photo).
import { readFileSync, writeFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import { PNG } from 'pngjs';

const [model, image, file] = process.argv.slice(2);
const { width, height, data } = PNG.sync.read(readFileSync(image)); // red, green, blue, alpha
const session = await ort.InferenceSession.create(model);
const { answer, energy, accepted } = await session.run({ photo: new ort.Tensor('uint8', data, [height, width, 4]) });
console.log(JSON.stringify({ answer: answer.dims, energy: [...energy.data], accepted: [...accepted.data].map(Boolean) }));
if (file) writeFileSync(file, new Uint8Array(answer.data.buffer, answer.data.byteOffset, answer.data.byteLength)); // float32
