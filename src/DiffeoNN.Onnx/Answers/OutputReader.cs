using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using TorchSharp;

namespace DiffeoNN.Onnx.Answers;

/// <summary>Reads a network's outputs as the manifest describes them.</summary>
/// <param name="network">What messages call the network.</param>
/// <param name="specs">The outputs, at least one.</param>
/// <param name="grids">Of the network and of the maps.</param>
internal sealed class OutputReader(string network, IReadOnlyList<OutputSpec> specs, OutputGrids grids)
{
    /// <summary>Names of the tensors that are needed.</summary>
    public IReadOnlyCollection<string> Tensors { get; } =
        [.. specs.SelectMany(spec => AnswerKinds.Of(spec).Tensors(spec)).Distinct(StringComparer.Ordinal)];

    /// <summary>The answers on a batch.</summary>
    /// <param name="tensors">By name, the batch first.</param>
    /// <param name="activated">Whether activations are applied.</param>
    /// <returns>For each output its parts, float32; in the caller's scope.</returns>
    /// <exception cref="GraphException">A tensor is not what the manifest says.</exception>
    public IReadOnlyList<torch.Tensor[]> Read(IReadOnlyDictionary<string, torch.Tensor> tensors, bool activated = true)
    {
        var answers = new List<torch.Tensor[]>(specs.Count);
        foreach (var spec in specs)
        {
            var kind = AnswerKinds.Of(spec);
            foreach (var name in kind.Tensors(spec))
            {
                var tensor = tensors[name];
                var type = ElementTypes.ToOrt(tensor.dtype) is { } known ? (OnnxElementType)known : OnnxElementType.Undefined;
                var form = new TensorForm(type, [.. tensor.shape.Select(size => (long?)size)]);
                if (kind.Problem(name, form, spec, grids.Network) is not { } problem) continue;
                var found = new OnnxValueInfo(name, form.Type, [.. tensor.shape.Select(size => (OnnxDimension)size)]);
                throw new GraphException($"Model '{network}': output {found} {problem}");
            }

            answers.Add(activated ? kind.Read(tensors, spec, grids) : kind.Arrange(tensors, spec, grids));
        }

        return answers;
    }
}
