using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>Inputs of a graph and the outputs they should give, in ONNX test-data form:
/// <c>test_data_set_K/input_J.pb</c>, <c>output_J.pb</c>.</summary>
/// <param name="Folder">The set's folder.</param>
/// <param name="Inputs">In the order of their files' numbers.</param>
/// <param name="Outputs">In the order of their files' numbers.</param>
public sealed record ReferenceData(string Folder, IReadOnlyList<OnnxTensor> Inputs, IReadOnlyList<OnnxTensor> Outputs)
{
    /// <summary>Reads every set of a folder, in the order of their numbers.</summary>
    /// <param name="folder">A folder that holds <c>test_data_set_0</c> and so on.</param>
    /// <exception cref="BundleException">There is no set, a set has no input or output, a number is left out,
    /// or a file holds no tensor.</exception>
    public static IReadOnlyList<ReferenceData> Load(string folder)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        const string prefix = "test_data_set_";
        if (!Directory.Exists(folder)) throw new BundleException($"Reference folder '{folder}' does not exist.");
        var sets = Directory.GetDirectories(folder, prefix + "*")
            .Select(path => (Path: path, Number: int.TryParse(Path.GetFileName(path)[prefix.Length..], out var number) ? number : -1))
            .Where(set => set.Number >= 0)
            .OrderBy(set => set.Number)
            .Select(set => new ReferenceData(set.Path, Tensors(set.Path, "input"), Tensors(set.Path, "output")))
            .ToList();
        return sets.Count > 0 ? sets : throw new BundleException($"Reference folder '{folder}' holds no {prefix}0.");
    }

    /// <summary>An input by name.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="BundleException">There is none; the message lists what there is.</exception>
    public OnnxTensor Input(string name) => Named(Inputs, name, "input");

    /// <summary>An output by name.</summary>
    /// <param name="name">The tensor's name.</param>
    /// <exception cref="BundleException">There is none; the message lists what there is.</exception>
    public OnnxTensor Output(string name) => Named(Outputs, name, "output");

    private OnnxTensor Named(IReadOnlyList<OnnxTensor> tensors, string name, string kind) =>
        tensors.FirstOrDefault(tensor => tensor.Name == name) ?? throw new BundleException(
            $"Reference set '{Folder}' has no {kind} '{name}'. There are: "
            + $"{string.Join(", ", tensors.Select(tensor => $"'{tensor.Name}'"))}.");

    private static List<OnnxTensor> Tensors(string folder, string kind)
    {
        // Gradients lie beside them: those of a tensor named "output" are in output_grad.pb.
        var files = Directory.GetFiles(folder, $"{kind}_*.pb").Count(
            file => Path.GetFileNameWithoutExtension(file)[(kind.Length + 1)..].All(char.IsAsciiDigit));
        var tensors = new List<OnnxTensor>();
        for (var i = 0; i < files; i++)
        {
            var path = Path.Combine(folder, $"{kind}_{i}.pb");
            if (!File.Exists(path))
                throw new BundleException($"Reference set '{folder}' has {files} files {kind}_*.pb but no {kind}_{i}.pb.");
            try
            {
                tensors.Add(OnnxTensor.LoadPb(path));
            }
            catch (Exception error) when (error is OnnxModelException or IOException)
            {
                throw new BundleException($"Reference tensor '{path}' cannot be read: {error.Message}", error);
            }
        }

        return tensors.Count > 0 ? tensors : throw new BundleException($"Reference set '{folder}' has no {kind}_0.pb.");
    }
}
