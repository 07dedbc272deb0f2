namespace DiffeoNN.Onnx.Tests.Torch;

/// <summary>A published case that is an exception.</summary>
/// <param name="Case">The case's name, without folder and release.</param>
/// <param name="Reason">Why.</param>
/// <param name="Message">What the failure says.</param>
internal sealed record TorchCaseException(string Case, string Reason, string Message)
{
    /// <summary>Whether a path is this case, of whatever release.</summary>
    public bool Covers(string path) => Path.GetFileName(path).Split("__")[0] == Case;
}
