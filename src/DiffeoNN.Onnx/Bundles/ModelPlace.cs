using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Bundles;

/// <summary>One model file of a bundle, and how messages speak of it.</summary>
/// <param name="Bundle">The bundle.</param>
/// <param name="File">What the manifest says of the file.</param>
/// <param name="Title">The role, as the manifest names it.</param>
internal sealed record ModelPlace(Bundle Bundle, ModelFile File, string Title)
{
    public string Path => Bundle.FullPath(File.File);

    /// <summary>An error about this file.</summary>
    public BundleException Refuse(string reason, Exception? cause = null) =>
        new($"Bundle '{Bundle.Name}', {Title} model '{File.File}': {reason}", cause);

    /// <summary>Names this file in every error the gradient library raises about it.</summary>
    public T Guard<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (GradientException error)
        {
            throw Refuse(error.Message, error);
        }
    }
}
