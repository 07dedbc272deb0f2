using System.Text.Json;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>What a framework computed for one set of inputs: <c>input_J.pb</c>, <c>output_J.pb</c>, and where they were written
/// <c>NAME_grad.pb</c> and <c>intermediates/K.pb</c>.</summary>
/// <param name="Folder">The set's folder.</param>
/// <param name="Inputs">By name.</param>
/// <param name="Outputs">By name; empty where the set gives inputs alone, for engines to be compared with each other.</param>
/// <param name="Upstream">Upstream gradients by the output's name; empty where none were written.</param>
/// <param name="Gradients">Derivatives of sum(upstream * output) by the input's name; empty where none were written.</param>
internal sealed record ReferenceSet(
    string Folder,
    IReadOnlyDictionary<string, OnnxTensor> Inputs,
    IReadOnlyDictionary<string, OnnxTensor> Outputs,
    IReadOnlyDictionary<string, OnnxTensor> Upstream,
    IReadOnlyDictionary<string, OnnxTensor> Gradients)
{
    private const string Prefix = "test_data_set_";
    private const string Suffix = "_grad";
    private const string Intermediates = "intermediates";

    /// <summary>Reads every set of a folder, in the order of their numbers.</summary>
    /// <exception cref="TensorDataException">There is no set, or one does not fit the model.</exception>
    public static IReadOnlyList<ReferenceSet> Load(string folder, OnnxGraph graph)
    {
        if (!Directory.Exists(folder))
            throw new TensorDataException($"Reference folder '{folder}' does not exist; expected a folder with {Prefix}0.");
        var sets = Directory.GetDirectories(folder, Prefix + "*")
            .Select(path => (Path: path, Number: int.TryParse(Path.GetFileName(path)[Prefix.Length..], out var number) ? number : -1))
            .Where(set => set.Number >= 0).OrderBy(set => set.Number).Select(set => Read(set.Path, graph)).ToList();
        return sets.Count > 0
            ? sets
            : throw new TensorDataException($"Reference folder '{folder}' holds no {Prefix}0, which input_0.pb, and output_0.pb where "
                + "PyTorch's outputs are known, are expected in.");
    }

    /// <summary>Outputs of modules inside the network, in the order in which they ran; empty where none were written.</summary>
    public IReadOnlyList<ReferenceModule> Modules()
    {
        var folder = Path.Combine(Folder, Intermediates);
        if (!Directory.Exists(folder)) return [];
        var described = Described();
        return [.. Directory.GetFiles(folder, "*.pb")
            .Select(path => (Path: path, Number: int.TryParse(Path.GetFileNameWithoutExtension(path), out var number) ? number : -1))
            .Where(file => file.Number >= 0).OrderBy(file => file.Number).Select(file => Module(file.Path, file.Number))];

        ReferenceModule Module(string path, int number)
        {
            var tensor = Tensor(path);
            var (type, value) = described.GetValueOrDefault(number);
            return new ReferenceModule(number, tensor.Name, type ?? "module", value, tensor);
        }
    }

    /// <summary>What <c>reference.json</c> says of each module: its type, and which value of the graph holds its output.</summary>
    private Dictionary<int, (string? Type, string? Value)> Described()
    {
        var path = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(Folder))!, "reference.json");
        if (!File.Exists(path)) return [];
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.GetProperty("modules").EnumerateArray().ToDictionary(
                module => module.GetProperty("index").GetInt32(), module => (Text(module, "type"), Text(module, "value")));
        }
        catch (Exception error)
            when (error is JsonException or KeyNotFoundException or InvalidOperationException or ArgumentException or FormatException)
        {
            throw new TensorDataException($"'{path}' is no description of reference tensors: {error.Message}", error);
        }

        static string? Text(JsonElement module, string name) => module.TryGetProperty(name, out var found) ? found.GetString() : null;
    }

    /// <summary>Files whose names end so, hidden ones left out.</summary>
    private static IEnumerable<string> Files(string folder, string ending) =>
        Directory.GetFiles(folder, "*" + ending).Where(path => !Path.GetFileName(path).StartsWith('.'));

    private static ReferenceSet Read(string folder, OnnxGraph graph)
    {
        var inputs = Numbered(folder, "input", [.. graph.RequiredInputs]);
        // Inputs alone are a way to give a model what it needs; a set with gradients or modules has lost its outputs.
        var isInputsAlone = !Directory.Exists(Path.Combine(folder, Intermediates))
            && Files(folder, ".pb").All(path =>
                Path.GetFileName(path).StartsWith("input_", StringComparison.Ordinal)
                    && !path.EndsWith(Suffix + ".pb", StringComparison.Ordinal));
        var outputs = isInputsAlone ? [] : Numbered(folder, "output", graph.Outputs);
        var gradients = Files(folder, $"{Suffix}.pb").Order(StringComparer.Ordinal).Select(path =>
        {
            var tensor = Tensor(path);
            return tensor.Name.EndsWith(Suffix, StringComparison.Ordinal)
                ? tensor
                : tensor.WithName(Path.GetFileNameWithoutExtension(path));
        }).ToDictionary(tensor => tensor.Name[..^Suffix.Length], tensor => tensor, StringComparer.Ordinal);
        return new ReferenceSet(folder, inputs, outputs, Of(graph.Outputs), Of(graph.RequiredInputs));

        Dictionary<string, OnnxTensor> Of(IEnumerable<OnnxValueInfo> values) => values.Where(value => gradients.ContainsKey(value.Name))
            .ToDictionary(value => value.Name, value => gradients[value.Name].WithName(value.Name), StringComparer.Ordinal);
    }

    /// <summary>Tensors by name where their names are the graph's, otherwise by position.</summary>
    private static Dictionary<string, OnnxTensor> Numbered(string folder, string kind, List<OnnxValueInfo> declared)
    {
        var tensors = new List<OnnxTensor>();
        for (var i = 0; File.Exists(Path.Combine(folder, $"{kind}_{i}.pb")); i++)
            tensors.Add(Tensor(Path.Combine(folder, $"{kind}_{i}.pb")));
        if (tensors.Count == 0) throw new TensorDataException($"Reference set '{folder}' has no {kind}_0.pb; files are numbered from 0.");
        var named = tensors.All(tensor => declared.Exists(value => value.Name == tensor.Name));
        if (!named && tensors.Count > declared.Count)
        {
            throw new TensorDataException(
                $"Reference set '{folder}' has {tensors.Count} files {kind}_*.pb, some of which have names the graph does not; its {kind}s "
                + $"are {string.Join(", ", declared)}.");
        }

        return tensors.Select((tensor, i) => named ? tensor : tensor.WithName(declared[i].Name)).ToDictionary(
            tensor => tensor.Name, StringComparer.Ordinal);
    }

    private static OnnxTensor Tensor(string path)
    {
        try
        {
            return OnnxTensor.LoadPb(path);
        }
        catch (Exception error) when (error is OnnxModelException or IOException)
        {
            throw new TensorDataException($"Tensor '{path}' cannot be read: {error.Message}", error);
        }
    }
}
