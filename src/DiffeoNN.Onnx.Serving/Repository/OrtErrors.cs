using DiffeoNN.Onnx.Serving.Protocol;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Serving.Repository;

/// <summary>What the sender of a request is told where ONNX Runtime does not run a plain model on it.</summary>
internal static class OrtErrors
{
    // What no sender can put right; all else comes of the sizes and values that were sent, which a file's declarations may leave free.
    private static readonly string[] Ours = ["allocate memory", "bad_alloc", "out of memory", "CUDA", "CUDNN", "CUBLAS", "EPFail"];

    /// <summary>The error that the sender is told, without the paths of the runtime's sources.</summary>
    public static ProtocolException Translate(OnnxRuntimeException error)
    {
        var message = ErrorTexts.OneLine(error.Message);
        var kind = Ours.Any(word => message.Contains(word, StringComparison.OrdinalIgnoreCase)) ? ErrorKind.Internal : ErrorKind.Invalid;
        const string status = "Status Message: ";
        var at = message.LastIndexOf(status, StringComparison.Ordinal);
        var told = string.Join(" ", (at < 0 ? message : message[(at + status.Length)..]).Split(' ')
            .Where(word => !word.Contains("/onnxruntime", StringComparison.Ordinal)));
        // Names of nodes may say what was expected.
        var node = NodeOf(message);
        return new ProtocolException(kind, node.Length == 0 ? $"ONNX Runtime: {told}" : $"ONNX Runtime: node '{node}': {told}", error);
    }

    private static string NodeOf(string message)
    {
        const string name = "Name:'";
        var at = message.LastIndexOf(name, StringComparison.Ordinal);
        if (at < 0) return "";
        var end = message.IndexOf('\'', at + name.Length);
        return end < 0 ? "" : message[(at + name.Length)..end];
    }
}
