namespace DiffeoNN.Onnx.Tests.Execution;

/// <summary>A folder that a test has to itself.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string FullName { get; } = Directory.CreateTempSubdirectory("diffeonn-test-").FullName;

    public string this[string name] => Path.Combine(FullName, name);

    public void Dispose() => Directory.Delete(FullName, recursive: true);
}
