using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Serving.Server;
using DiffeoNN.Onnx.Training;
using DiffeoNN.Onnx.Validation.Sources;

namespace DiffeoNN.Onnx.Cli;

/// <summary>The one table from kinds of errors to exit codes; the first row that fits decides.</summary>
internal static class ErrorTable
{
    private static readonly (Type Type, ExitCode Code)[] Rows =
    [
        (typeof(OperationCanceledException), ExitCode.Cancelled),
        (typeof(UnsupportedOperatorException), ExitCode.Operator),
        (typeof(ImageException), ExitCode.Data),
        (typeof(DataException), ExitCode.Data),
        (typeof(DeformationException), ExitCode.Data),
        (typeof(TensorDataException), ExitCode.Data),
        (typeof(BundleException), ExitCode.Model),
        (typeof(SearchException), ExitCode.Model),
        (typeof(ExportException), ExitCode.Model),
        (typeof(TrainingException), ExitCode.Model),
        (typeof(GraphException), ExitCode.Model),
        (typeof(GradientException), ExitCode.Model),
        (typeof(DeviceUnavailableException), ExitCode.Device),
        (typeof(NativeLibraryException), ExitCode.Device),
        (typeof(EngineMissingException), ExitCode.Device),
        (typeof(ServerException), ExitCode.Usage),
        (typeof(UsageException), ExitCode.Usage),
        (typeof(OutputException), ExitCode.Output),
        (typeof(IOException), ExitCode.Output),
        (typeof(UnauthorizedAccessException), ExitCode.Output),
    ];

    /// <summary>What an error really is: TorchSharp's types fail to initialise where its libraries do not load,
    /// without saying why.</summary>
    public static Exception Cause(Exception exception)
    {
        if (exception is not (TypeInitializationException or DllNotFoundException)) return exception;
        try
        {
            Runtime.Initialise();
            return exception;
        }
        catch (NativeLibraryException cause)
        {
            return cause;
        }
    }

    /// <summary>Exit code of an error; <see cref="ExitCode.Internal"/> for what the table does not know. An operator without rule counts as
    /// that also where the error names the bundle it is in.</summary>
    public static ExitCode Map(Exception exception) => exception is BundleException { InnerException: UnsupportedOperatorException }
        ? ExitCode.Operator
        : Rows.FirstOrDefault(row => row.Type.IsInstanceOfType(exception), (Type: typeof(Exception), Code: ExitCode.Internal)).Code;

    /// <summary>The line printed for an error, without a stack trace.</summary>
    public static string Describe(Exception exception) => exception switch
    {
        OperationCanceledException => "cancelled.",
        _ when Map(exception) == ExitCode.Internal =>
            $"internal error, please report it: {exception.GetType().Name}: {OneLine(exception.Message)} (set DIFFEONN_TRACE=1 for the "
            + "stack trace)",
        _ => OneLine(exception.Message),
    };

    /// <summary>A message whose lines are joined to one.</summary>
    public static string OneLine(string message) =>
        string.Join(" ", message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
}
