"""python3 answer.py MODEL.onnx IMAGE [ANSWER.bin]: an image in, its answer out (diffeonn export --input photo)."""
import json
import sys

import numpy
import onnxruntime
from PIL import Image

photo = numpy.asarray(Image.open(sys.argv[2]).convert("RGB"))
session = onnxruntime.InferenceSession(sys.argv[1])
answer, energy, accepted = session.run(["answer", "energy", "accepted"], {"photo": photo})
print(json.dumps({"answer": answer.shape, "energy": energy.ravel().tolist(), "accepted": accepted.ravel().tolist()}))
if len(sys.argv) > 3:
    answer.astype("<f4").tofile(sys.argv[3])
