using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>A repository whose models' labels are what their files say; a file that says 'broken' does not load.</summary>
internal sealed class FakeRepository : IAsyncDisposable
{
    private readonly TemporaryFolder _folder = new();

    public FakeRepository() => Models = new ModelRepository(_folder.Path, source =>
    {
        var label = File.ReadAllText(source.Path);
        if (label == "broken") throw new InvalidDataException("The file is broken,\n as it says.");
        var model = new FakeModel(label) { WarmUp = WarmUp };
        Opened.Add(model);
        return model;
    });

    public ModelRepository Models { get; }

    /// <summary>All models that were loaded, in order.</summary>
    public List<FakeModel> Opened { get; } = [];

    /// <summary>What the next models do to become warm.</summary>
    public Func<Task> WarmUp { get; set; } = () => Task.CompletedTask;

    /// <summary>Writes a version of a model.</summary>
    public void Write(string name, int version, string label)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_folder.Path, name, $"{version}")).FullName;
        File.WriteAllText(Path.Combine(folder, "model.onnx"), label);
    }

    /// <summary>Deletes a model, or a version of one.</summary>
    public void Delete(params string[] path) => Directory.Delete(Path.Combine([_folder.Path, .. path]), recursive: true);

    /// <summary>Looks at the folder.</summary>
    public Task<bool> Look() => Models.LookAsync(isAnew: false, default);

    /// <summary>Asks a model.</summary>
    public Task<InferenceResponse> Ask(string name, string version = "", CancellationToken cancellationToken = default) =>
        Models.InferAsync(new InferenceRequest { Model = name, Version = version, Id = "i" }, cancellationToken).AsTask();

    /// <summary>The index, an entry a line.</summary>
    public string[] Index(bool readyOnly = false) =>
        [.. Models.Index(readyOnly).Select(status => $"{status.Name} {status.Version} {status.State} {status.Reason}".TrimEnd())];

    public async ValueTask DisposeAsync()
    {
        await Models.DisposeAsync();
        _folder.Dispose();
    }
}
