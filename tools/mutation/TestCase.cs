namespace DiffeoNN.Onnx.Mutation;

/// <summary>A test.</summary>
/// <param name="Number">Its place among all tests.</param>
/// <param name="Name">Full name.</param>
/// <param name="Seconds">Time without a mutant.</param>
internal sealed record TestCase(int Number, string Name, double Seconds)
{
    /// <summary>The class.</summary>
    public string Fixture => Name.Split('(')[0] is var method ? method[..method.LastIndexOf('.')] : "";

    /// <summary>Without namespaces.</summary>
    public string ShortName => Name[(Fixture.LastIndexOf('.') + 1)..];
}
