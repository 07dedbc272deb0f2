using System.Diagnostics;
using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Fuzz;

/// <summary>What became of one input.</summary>
/// <param name="Path">The way it took: what came out, or the error and the place that raised it.</param>
/// <param name="Fault">The error, where it is not one of those the library promises.</param>
/// <param name="Refused">Whether the library said no, as it may.</param>
internal sealed partial record Trial(string Path, Exception? Fault, bool Refused)
{
    public string Description => Fault is null ? Path : $"{Path}\n{Fault}";

    public static Trial Run(IFuzzTarget target, byte[] input)
    {
        try
        {
            return new Trial(target.Read(input), null, false);
        }
        catch (Exception e)
        {
            var promised = (e is DiffeoException or GradientException) && !HasDefect(e);
            return new Trial($"{e.GetType().Name} {Shape(e.Message)} {Place(e.GetBaseException())}", promised ? null : e, promised);
        }
    }

    /// <summary>Whether the gradient library itself says that it failed.</summary>
    private static bool HasDefect(Exception? e) => e is not null && (e is GradientDefectException || HasDefect(e.InnerException));

    /// <summary>The message without what differs between inputs: names, numbers, lists.</summary>
    private static string Shape(string message)
    {
        var shape = Variable().Replace(message.Length > 400 ? message[..400] : message, "#");
        return shape.Length > 60 ? shape[..60] : shape;
    }

    /// <summary>Method and offset that threw, and its caller: one check reached by two ways is two paths.</summary>
    private static string Place(Exception e)
    {
        var trace = new StackTrace(e);
        return string.Join('<', Enumerable.Range(0, Math.Min(2, trace.FrameCount)).Select(i => trace.GetFrame(i)!)
            .Select(frame => $"{frame.GetMethod()?.DeclaringType?.Name}.{frame.GetMethod()?.Name}+{frame.GetILOffset()}"));
    }

    [GeneratedRegex("'[^']*'|\\[[^\\]]*\\]|[-0-9.,]+")]
    private static partial Regex Variable();
}
