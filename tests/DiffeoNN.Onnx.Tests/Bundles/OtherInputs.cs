using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Bundles;

/// <summary>The networks of the fixture bundle as they would be if they had been exported to take images otherwise: steps in front of them
/// undo what the manifest then asks for, so that answers and energies stay.</summary>
internal static class OtherInputs
{
    /// <summary>Roles whose networks are changed; the energy of the fixture has a gradient of its own, which wants plain images.</summary>
    public static readonly string[] Roles = ["inner", "vae", "critic", "proposer"];

    /// <summary>The fixture without its own energy.</summary>
    public static TinyBundle Plain() => new TinyBundle().Keep("vae", "critic", "proposer");

    /// <summary>Puts steps in front of a role's network.</summary>
    /// <param name="tiny">The bundle.</param>
    /// <param name="role">The role.</param>
    /// <param name="type">Type of the new input.</param>
    /// <param name="shape">Its shape.</param>
    /// <param name="steps">From its name to what the network took so far.</param>
    /// <param name="input">What the manifest says of it, but for the name.</param>
    public static TinyBundle Put(
        this TinyBundle tiny, string role, OnnxElementType type, OnnxDimension[] shape, Func<OnnxGraph, string, string> steps,
        JsonObject input)
    {
        tiny.Model(role, model => model.Graph.Put(type, shape, steps));
        input["name"] = "raw";
        return tiny.Manifest(root => root["models"]![role]!["input"] = input);
    }

    /// <summary>Puts steps between a new input 'raw' and what a graph took so far.</summary>
    public static void Put(this OnnxGraph graph, OnnxElementType type, OnnxDimension[] shape, Func<OnnxGraph, string, string> steps)
    {
        var old = graph.RequiredInputs.Single().Name;
        graph.Inputs.RemoveAll(value => value.Name == old);
        graph.Inputs.Add(new OnnxValueInfo("raw", type, shape));
        var written = new OnnxGraph();
        written.AddNode("Identity", [steps(written, "raw")], old);
        foreach (var tensor in written.Initializers.Values) graph.AddInitializer(tensor);
        graph.Nodes.InsertRange(0, written.Nodes);
    }

    /// <summary>Channels last: a transposition in front, and one behind the VAE's reconstruction.</summary>
    public static TinyBundle ChannelsLast(this TinyBundle tiny)
    {
        foreach (var role in Roles)
        {
            tiny.Put(role, OnnxElementType.Float, ["N", 12, 16, 2], (graph, raw) => Transposed(graph, raw, 0, 3, 1, 2),
                new JsonObject { ["layout"] = "channelsLast" });
        }

        return tiny.Model("vae", model => model.Graph.ChannelsLast("reconstruction", ["N", 12, 16, 2]));
    }

    /// <summary>An output with its channels last.</summary>
    public static void ChannelsLast(this OnnxGraph graph, string output, OnnxDimension[] shape)
    {
        var inner = graph.Nodes.Single(node => node.Outputs.Contains(output)).Outputs[0] = "first";
        Transposed(graph, inner, output, 0, 2, 3, 1);
        var place = graph.Outputs.FindIndex(declared => declared.Name == output);
        graph.Outputs[place] = new OnnxValueInfo(output, OnnxElementType.Float, shape);
    }

    /// <summary>Values of 0 to 255, normalised as such: the same numbers in the end. The VAE answers in its range.</summary>
    public static TinyBundle To255(this TinyBundle tiny)
    {
        foreach (var role in Roles)
        {
            tiny.Put(role, OnnxElementType.Float, ["N", 2, 12, 16], (_, raw) => raw, new JsonObject
            {
                ["range"] = 255, ["mean"] = new JsonArray(63.75, 127.5), ["std"] = new JsonArray(127.5, 63.75),
            });
        }

        return tiny.Model("vae", model =>
        {
            var inner = model.Graph.Nodes.Single(node => node.Outputs.Contains("reconstruction")).Outputs[0] = "first";
            var white = model.Graph.AddInitializer(OnnxTensor.Scalar("white", 255f));
            model.Graph.AddNode("Mul", [inner, white], "reconstruction");
        });
    }

    /// <summary>Pixel values as they are, which networks normalise by themselves.</summary>
    public static TinyBundle OwnNormalisation(this TinyBundle tiny)
    {
        foreach (var role in Roles)
        {
            tiny.Put(role, OnnxElementType.Float, ["N", 2, 12, 16], Normalised,
                new JsonObject { ["mean"] = new JsonArray(0, 0), ["std"] = new JsonArray(1, 1) });
        }

        return tiny;
    }

    /// <summary>Another type of floats, cast to float32 in the network.</summary>
    public static TinyBundle OfType(this TinyBundle tiny, OnnxElementType type)
    {
        foreach (var role in Roles)
        {
            tiny.Put(role, type, ["N", 2, 12, 16],
                (graph, raw) => graph.AddNode("Cast", [raw], "as_float", OnnxAttribute.Of("to", (long)OnnxElementType.Float)), []);
        }

        return tiny;
    }

    /// <summary>A fixed batch.</summary>
    /// <param name="tiny">The bundle.</param>
    /// <param name="batch">The size.</param>
    /// <param name="isBound">Whether images are turned to the back and front again, which keeps it from being freed.</param>
    public static TinyBundle OfBatch(this TinyBundle tiny, int batch, bool isBound)
    {
        foreach (var role in Roles)
        {
            tiny.Put(role, OnnxElementType.Float, [batch, 2, 12, 16],
                (graph, raw) => isBound ? Transposed(graph, Transposed(graph, raw, "turned", 1, 0, 2, 3), "back", 1, 0, 2, 3) : raw, []);
            tiny.Model(role, model =>
            {
                for (var i = 0; i < model.Graph.Outputs.Count; i++)
                {
                    var output = model.Graph.Outputs[i];
                    model.Graph.Outputs[i] = output with { Shape = [batch, .. output.Shape!.Skip(1)] };
                }
            });
        }

        return tiny;
    }

    /// <summary>Bytes for the network that answers.</summary>
    public static TinyBundle OfBytes(this TinyBundle tiny) => tiny.Put(
        "inner", OnnxElementType.UInt8, ["N", 2, 12, 16],
        (graph, raw) =>
        {
            var real = graph.AddNode("Cast", [raw], "as_float", OnnxAttribute.Of("to", (long)OnnxElementType.Float));
            var white = graph.AddInitializer(OnnxTensor.Scalar("white", 255f));
            return Normalised(graph, graph.AddNode("Div", [real, white], "of_one"));
        },
        []);

    private static string Normalised(OnnxGraph graph, string raw)
    {
        var mean = graph.AddInitializer(OnnxTensor.Create<float>("own_mean", [1, 2, 1, 1], [0.25f, 0.5f]));
        var std = graph.AddInitializer(OnnxTensor.Create<float>("own_std", [1, 2, 1, 1], [0.5f, 0.25f]));
        return graph.AddNode("Div", [graph.AddNode("Sub", [raw, mean], "own_centred"), std], "own_normalised");
    }

    private static string Transposed(OnnxGraph graph, string value, params long[] order) =>
        Transposed(graph, value, "transposed", order);

    private static string Transposed(OnnxGraph graph, string value, string name, params long[] order) =>
        graph.AddNode("Transpose", [value], name, OnnxAttribute.Of("perm", order));
}
