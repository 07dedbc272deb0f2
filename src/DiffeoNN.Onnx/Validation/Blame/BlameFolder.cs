using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;

namespace DiffeoNN.Onnx.Validation.Blame;

/// <summary>Writes failing graphs with their inputs in ONNX test-data form.</summary>
/// <param name="root">Where; null for nowhere.</param>
internal sealed class BlameFolder(string? root)
{
    /// <summary>Writes <c>model.onnx</c> and <c>test_data_set_0</c> into a folder of their own,
    /// which is replaced where it exists.</summary>
    /// <param name="title">Becomes the folder's name.</param>
    /// <param name="graph">The graph.</param>
    /// <param name="outputs">What its outputs should be.</param>
    /// <param name="gradients">Tensors written as NAME_grad.pb: upstream gradients by output, derivatives by input.</param>
    /// <param name="backward">The compiled gradient, written as <c>gradient.onnx</c>; null for none.</param>
    /// <returns>The folder; null where nothing is written.</returns>
    /// <exception cref="OutputException">A file cannot be written.</exception>
    public string? Save(
        string title, Subgraph graph, IReadOnlyDictionary<string, OnnxTensor> outputs,
        IReadOnlyDictionary<string, OnnxTensor>? gradients = null, OnnxModel? backward = null)
    {
        if (root is null) return null;
        var folder = Path.Combine(
            root, string.Concat(title.Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.' ? letter : '_')));
        try
        {
            var set = Path.Combine(folder, "test_data_set_0");
            if (Directory.Exists(set)) Directory.Delete(set, recursive: true);
            Directory.CreateDirectory(set);
            graph.Model.Save(Path.Combine(folder, "model.onnx"));
            backward?.Save(Path.Combine(folder, "gradient.onnx"));
            foreach (var (input, i) in graph.Model.Graph.Inputs.Select((input, i) => (input, i)))
                graph.Inputs[input.Name].SavePb(Path.Combine(set, $"input_{i}.pb"));
            foreach (var (output, i) in graph.Outputs.Select((output, i) => (output, i)))
                outputs[output].WithName(output).SavePb(Path.Combine(set, $"output_{i}.pb"));
            var number = 0;
            foreach (var (name, tensor) in gradients ?? new Dictionary<string, OnnxTensor>())
            {
                // Names with separators cannot be a file's; the name inside counts.
                var file = name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.') ? name : $"{number++}";
                tensor.WithName($"{name}_grad").SavePb(Path.Combine(set, $"{file}_grad.pb"));
            }

            return folder;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new OutputException($"Cannot write the failing graph to '{folder}': {error.Message}", error);
        }
    }
}
