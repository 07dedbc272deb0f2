"""python3 answer.py MODEL.onnx IMAGE [ANSWER.bin]: an image in, its answer out (diffeonn export --input photo)."""
import json
import sys

import numpy
import onnxruntime
from PIL import Image

if len(sys.argv) < 3:
    sys.exit("expected: python3 answer.py MODEL.onnx IMAGE [ANSWER.bin]")
photo = numpy.asarray(Image.open(sys.argv[2]).convert("RGB"))
session = onnxruntime.InferenceSession(sys.argv[1])
if session.get_inputs()[0].name != "photo":
    sys.exit(f"{sys.argv[1]} takes no photo; expected an export of --input photo")
answer, energy, accepted = session.run(["answer", "energy", "accepted"], {"photo": photo})
# Of whole images one number a class; else class by class, the mean of a plane.
means = answer.reshape(answer.shape[1], -1).mean(1)
print(json.dumps({"answer": answer.shape, "means": means.tolist(), "energy": energy.ravel().tolist(),
                  "accepted": accepted.ravel().tolist()}))
if len(sys.argv) > 3:
    answer.astype("<f4").tofile(sys.argv[3])
