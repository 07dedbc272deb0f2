using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Composition;

/// <summary>What a search turns, as inputs of a graph, and the lattice they give: (N, 2, h, w), in the library's unit.</summary>
/// <param name="kind">How the velocity is parameterised.</param>
/// <param name="height">Rows of the lattice.</param>
/// <param name="width">Columns of the lattice.</param>
/// <param name="grid">The image's grid.</param>
/// <param name="seed">Of a sine network's initial weights.</param>
internal sealed class FieldParameters(FieldKind kind, int height, int width, SamplingGrid grid, ulong seed)
{
    /// <summary>Rows of the lattice.</summary>
    public int Height => height;

    /// <summary>Columns of the lattice.</summary>
    public int Width => width;

    /// <summary>Names of the inputs.</summary>
    public IReadOnlyList<string> Names { get; } = kind == FieldKind.Siren
        ? [.. Enumerable.Range(0, 8).Select(i => $"siren_{i}")]
        : ["lattice"];

    /// <summary>Values at the start of a search, all images alike; the caller disposes them.</summary>
    /// <param name="images">Size of the batch.</param>
    public torch.Tensor[] Initial(int images)
    {
        if (kind != FieldKind.Siren)
            return [torch.zeros(images, 2, height, width)];
        using var network = new Siren(images, height, width, grid, seed, torch.CPU);
        return [.. network.Parameters.Select(parameter => parameter.detach().clone())];
    }

    /// <summary>Declares the inputs.</summary>
    public void Declare(GraphWriter writer)
    {
        if (kind != FieldKind.Siren)
        {
            writer.Input(Names[0], "N", 2, height, width);
            return;
        }

        var initial = Initial(1);
        for (var i = 0; i < initial.Length; i++)
        {
            writer.Input(Names[i], "N", initial[i].size(1), initial[i].size(2));
            initial[i].Dispose();
        }
    }

    /// <summary>Writes the lattice, which is zero for the initial values.</summary>
    /// <param name="writer">The graph.</param>
    /// <param name="parameters">Values in place of the inputs.</param>
    public string Lattice(GraphWriter writer, params IReadOnlyList<string> parameters)
    {
        if (kind != FieldKind.Siren)
            return parameters[0];
        using var network = new Siren(1, height, width, grid, seed, torch.CPU);
        var coordinates = writer.Floats([2, height * width], network.Coordinates.data<float>().ToArray());
        var start = writer.Floats([1, 2, height, width], network.Start.data<float>().ToArray());
        string Layer(string input, int weights) => writer.Add(writer.Op("MatMul", [parameters[weights], input]), parameters[weights + 1]);
        string Block(string input, int weights) => writer.Add(input, writer.Op("Sin", [Layer(input, weights)]));
        var hidden = writer.Op("Sin", [writer.Mul(Layer(coordinates, 0), Siren.FirstFrequency)]);
        var output = writer.Mul(Layer(Block(Block(hidden, 2), 4), 6), Siren.OutputScale);
        return writer.Sub(writer.Reshape(output, 0, 2, height, width), start);
    }
}
