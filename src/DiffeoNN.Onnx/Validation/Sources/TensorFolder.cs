using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Validation.Sources;

/// <summary>Values of a model's inputs from a folder of serialised tensors.</summary>
public static class TensorFolder
{
    /// <summary>Reads <c>NAME.pb</c> or, by position, <c>input_K.pb</c> for each input that must be given,
    /// and <c>OUTPUT_grad.pb</c>.</summary>
    /// <param name="folder">The folder, or one that holds <c>test_data_set_0</c>.</param>
    /// <param name="model">The model.</param>
    /// <param name="suffix">What upstream gradients have behind the output's name.</param>
    /// <returns>What was found, by name.</returns>
    /// <exception cref="TensorDataException">The folder is missing or holds nothing for this model, or a file holds no tensor.</exception>
    public static IReadOnlyDictionary<string, OnnxTensor> Read(string folder, OnnxModel model, string suffix = "_grad")
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(model);
        if (!Directory.Exists(folder))
            throw new TensorDataException($"Folder '{folder}' does not exist; expected input_0.pb or NAME.pb in it.");
        var set = Path.Combine(folder, "test_data_set_0");
        if (Directory.Exists(set)) folder = set;
        var found = new Dictionary<string, OnnxTensor>();
        var inputs = model.Graph.RequiredInputs.ToList();
        for (var i = 0; i < inputs.Count; i++)
        {
            if ((TryLoad(folder, inputs[i].Name) ?? TryLoad(folder, $"input_{i}")) is { } tensor)
                found[inputs[i].Name] = tensor.WithName(inputs[i].Name);
        }

        if (found.Count == 0)
            throw new TensorDataException($"Folder '{folder}' holds neither input_0.pb nor '{inputs.FirstOrDefault()?.Name}.pb'; expected "
                + $"a tensor for each of the inputs {string.Join(", ", inputs)}.");
        foreach (var name in model.Graph.Outputs.Select(output => output.Name + suffix))
            if (TryLoad(folder, name) is { } upstream) found[name] = upstream.WithName(name);
        return found;
    }

    private static OnnxTensor? TryLoad(string folder, string name)
    {
        // A name with separators is no file of this folder.
        if (name.AsSpan().IndexOfAny('/', '\\') >= 0) return null;
        var path = Path.Combine(folder, name + ".pb");
        if (!File.Exists(path)) return null;
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
