using System.Text;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Fuzz.Seeds;

/// <summary>A bundle of networks so small that all of it is read in a moment. Images are 1 x 4 x 4.</summary>
internal static class BundleSeeds
{
    public static IReadOnlyList<string> Roles { get; } = ["inner", "vae", "critic", "proposer"];

    /// <summary>Writes the models and returns manifests that fit them.</summary>
    public static IReadOnlyList<byte[]> Manifests(string folder)
    {
        Directory.CreateDirectory(folder);
        Directory.CreateDirectory(Path.Combine(folder, "reference"));
        Save("inner", ["N", 2, 4, 4], graph =>
            graph.Nodes.Add(new OnnxNode("Concat", ["image", "image"], ["out"], OnnxAttribute.Of("axis", 1L))));
        Save("critic", ["N", 1], graph =>
        {
            graph.Nodes.Add(new OnnxNode("Flatten", ["image"], ["flat"]));
            graph.Nodes.Add(new OnnxNode("ReduceMean", ["flat"], ["out"], OnnxAttribute.Of("axes", [1L])));
        });
        Save("proposer", ["N", 2, 4, 4], graph =>
        {
            graph.AddInitializer(OnnxTensor.Create<float>("w", [2, 1, 3, 3], new float[18]));
            graph.Nodes.Add(new OnnxNode("Conv", ["image", "w"], ["out"], OnnxAttribute.Of("pads", [1L, 1, 1, 1])));
        });
        Save("vae", ["N", 1, 4, 4], graph =>
        {
            graph.Outputs.Add(new OnnxValueInfo("mean", OnnxElementType.Float, ["N", 16]));
            graph.Outputs.Add(new OnnxValueInfo("logvar", OnnxElementType.Float, ["N", 16]));
            graph.Nodes.Add(new OnnxNode("Flatten", ["image"], ["mean"]));
            graph.Nodes.Add(new OnnxNode("Neg", ["mean"], ["logvar"]));
            graph.Nodes.Add(new OnnxNode("RandomNormalLike", ["image"], ["noise"], OnnxAttribute.Of("seed", 1f)));
            graph.Nodes.Add(new OnnxNode("Add", ["image", "noise"], ["out"]));
        });
        var full = JsonNode.Parse($$"""
            {
              "schema": 1, "name": "tiny", "description": "d", "licence": "MIT",
              "image": { "channels": 1, "height": 4, "width": 4, "mean": [0.5], "std": [0.25], "padding": "border" },
              "models": {
                "inner": { "file": "inner.onnx", "sha256": "{{Hash("inner")}}", "input": "image",
                  "output": { "name": "out", "kind": "segmentation", "activation": "softmax", "classes": ["a", "b"] } },
                "vae": { "file": "vae.onnx", "sha256": "{{Hash("vae")}}", "input": "image",
                  "reconstruction": "out", "mean": "mean", "logVariance": "logvar" },
                "critic": { "file": "critic.onnx", "sha256": "{{Hash("critic")}}", "input": "image", "output": "out" },
                "proposer": { "file": "proposer.onnx", "sha256": "{{Hash("proposer")}}", "input": "image", "output": "out" }
              },
              "energy": { "vae": 1, "beta": 0.1, "adversarial": 0.5, "smoothness": 0.01, "orientation": 1 },
              "optimiser": { "field": "lattice", "lattice": 8, "start": "proposer", "passes": 2, "average": true,
                "steps": 10, "learningRate": 0.01, "squarings": 6, "tolerance": 0.001, "patience": 3,
                "refinement": { "steps": 5, "learningRate": 0.01, "lattice": 8, "smoothness": 0.1, "orientation": 1,
                  "tolerance": 0, "patience": 2 } },
              "acceptance": { "canonicalBelow": 1.5, "minimumDecrease": 0.1, "inverseResidual": 0.5 },
              "references": ["reference"],
              "provenance": { "trainedOn": "nothing", "tool": "fuzz", "seed": 3, "date": "today", "notes": "none" }
            }
            """)!;
        var small = full.DeepClone().AsObject();
        foreach (var name in (string[])["optimiser", "acceptance", "references", "provenance", "description"]) small.Remove(name);
        foreach (var role in (string[])["vae", "proposer"]) small["models"]!.AsObject().Remove(role);
        return [Encoding.UTF8.GetBytes(full.ToJsonString()), Encoding.UTF8.GetBytes(small.ToJsonString())];

        string Hash(string role) => Bundle.Hash(Path.Combine(folder, role + ".onnx"));

        void Save(string role, OnnxDimension[] output, Action<OnnxGraph> build)
        {
            var model = new OnnxModel { OpsetImports = { [""] = 17 } };
            model.Graph.Inputs.Add(new OnnxValueInfo("image", OnnxElementType.Float, ["N", 1, 4, 4]));
            model.Graph.Outputs.Add(new OnnxValueInfo("out", OnnxElementType.Float, output));
            build(model.Graph);
            model.Save(Path.Combine(folder, role + ".onnx"));
        }
    }
}
