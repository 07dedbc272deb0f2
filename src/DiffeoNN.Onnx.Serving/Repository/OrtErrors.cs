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
        return new ProtocolException(kind, $"ONNX Runtime: {told}", error);
    }
}
