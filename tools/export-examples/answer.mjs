// node answer.mjs MODEL.onnx IMAGE.png [ANSWER.bin]: an image in, its answer out (diffeonn export --input photo).
import { readFileSync, writeFileSync } from 'node:fs';
import ort from 'onnxruntime-node';
import { PNG } from 'pngjs';

const [model, image, file] = process.argv.slice(2);
if (!image) throw new Error('expected: node answer.mjs MODEL.onnx IMAGE.png [ANSWER.bin]');
const { width, height, data } = PNG.sync.read(readFileSync(image)); // red, green, blue, alpha
const session = await ort.InferenceSession.create(model);
if (session.inputNames[0] !== 'photo') throw new Error(`${model} takes no photo; expected an export of --input photo`);
const { answer, energy, accepted } = await session.run({ photo: new ort.Tensor('uint8', data, [height, width, 4]) });
// Of whole images one number a class; else class by class, a plane each.
const [, classes, ...plane] = answer.dims;
const size = plane.reduce((product, side) => product * side, 1);
const means = Array.from({ length: classes }, (_, k) => answer.data.subarray(k * size, (k + 1) * size).reduce((a, b) => a + b, 0) / size);
console.log(JSON.stringify({ answer: answer.dims, means, energy: [...energy.data], accepted: [...accepted.data].map(Boolean) }));
if (file) writeFileSync(file, new Uint8Array(answer.data.buffer, answer.data.byteOffset, answer.data.byteLength)); // float32
