using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Serving.Protocol;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>The one place that says what the sender of a request is told of an error.</summary>
internal static class ErrorTexts
{
    private static readonly (Type Type, ErrorKind Kind)[] Rows =
    [
        (typeof(ImageException), ErrorKind.Invalid),
        (typeof(SearchException), ErrorKind.Invalid),
        (typeof(BundleException), ErrorKind.Internal),
        (typeof(ObjectDisposedException), ErrorKind.Unavailable),
    ];

    /// <summary>The error that a sender is told.</summary>
    /// <param name="error">What happened.</param>
    /// <param name="model">The model's name.</param>
    public static ProtocolException Translate(Exception error, string model)
    {
        if (error is ProtocolException told) return told;
        var row = Rows.FirstOrDefault(row => row.Type.IsInstanceOfType(error), (Type: typeof(Exception), Kind: ErrorKind.Internal));
        return new ProtocolException(row.Kind, $"Model '{model}': {OneLine(error.Message)}", error);
    }

    /// <summary>A message whose lines are joined to one.</summary>
    public static string OneLine(string message) =>
        string.Join(" ", message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
