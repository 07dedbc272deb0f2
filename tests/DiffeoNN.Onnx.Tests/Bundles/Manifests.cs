using System.Text;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;

namespace DiffeoNN.Onnx.Tests.Bundles;

/// <summary>A manifest that uses every field, and ways to spoil it.</summary>
internal static class Manifests
{
    public const string Complete =
        """
        {
          "schema": 1,
          "name": "lungs",
          "description": "one sentence",
          "licence": "CC BY 4.0",
          "image": { "channels": 1, "height": 128, "width": 96, "mean": [0.25], "std": [0.5], "padding": "border" },
          "models": {
            "inner": { "file": "inner.onnx", "sha256": "aa", "input": "image",
              "output": { "name": "logits", "kind": "segmentation", "activation": "softmax", "classes": ["background", "lung"] } },
            "vae": { "file": "vae.onnx", "sha256": "aa", "input": "image",
              "reconstruction": "reconstruction", "mean": "mu", "logVariance": "logvar" },
            "critic": { "file": "critic.onnx", "sha256": "aa", "input": "image", "output": "score" },
            "energy": { "file": "energy.onnx", "sha256": "aa", "input": "image", "output": "energy",
              "gradient": { "file": "gradient.onnx", "sha256": "aa", "input": "image", "output": "image_grad" } },
            "proposer": { "file": "proposer.onnx", "sha256": "aa", "input": "image", "output": "velocity" },
            "augmented": { "file": "augmented.onnx", "sha256": "aa", "input": "image",
              "output": { "name": "logits", "kind": "segmentation", "activation": "softmax" } }
          },
          "energy": { "vae": 0.01, "beta": 0.0001, "adversarial": 0.001, "energy": 1.0, "smoothness": 2.0, "orientation": 3.0 },
          "optimiser": { "field": "siren", "lattice": 32, "steps": 100, "learningRate": 0.0039, "squarings": 7, "passes": 2,
            "average": true, "tolerance": 1e-4, "patience": 20,
            "refinement": { "steps": 15, "learningRate": 0.01, "lattice": 6, "smoothness": 2000.0, "orientation": 50.0,
              "tolerance": 1e-3, "patience": 5 } },
          "references": ["reference/inner", "reference/vae"],
          "provenance": { "trainedOn": "images", "tool": "trainer", "seed": 1, "date": "2026-01-01", "notes": "none" }
        }
        """;

    /// <summary>The complete manifest with hashes of the right length, changed by <paramref name="change"/>.</summary>
    public static byte[] Changed(Action<JsonObject>? change = null)
    {
        var root = JsonNode.Parse(Complete.Replace("\"aa\"", $"\"{new string('a', 64)}\"", StringComparison.Ordinal))!.AsObject();
        change?.Invoke(root);
        return Encoding.UTF8.GetBytes(root.ToJsonString());
    }

    public static BundleManifest Read(Action<JsonObject>? change = null) => BundleManifest.Parse(Changed(change));
}
