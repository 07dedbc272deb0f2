using System.CommandLine;
using System.Globalization;
using DiffeoNN.Onnx.Execution;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary><c>--device auto|cpu|cuda|cuda:N</c>.</summary>
internal sealed class DeviceOption : Option<string>
{
    private const string Gpu = "cuda:";

    /// <summary>The option.</summary>
    /// <param name="byDefault">What counts where it is not given.</param>
    /// <param name="description">What it is for.</param>
    public DeviceOption(
        string byDefault = "auto", string description = "Where to run: auto, cpu, cuda, or cuda:N for the GPU of that number, from 0.")
        : base("--device")
    {
        Description = description;
        DefaultValueFactory = _ => byDefault;
        CompletionSources.Add("auto", "cpu", "cuda");
        Validators.Add(result =>
        {
            var text = result.GetValue(this) ?? "";
            if (text is not ("auto" or "cpu" or "cuda") && IndexOf(text) is null)
                result.AddError($"Device '{text}' is unknown; expected auto, cpu, cuda, or cuda:N with the number of a GPU, from 0.");
        });
    }

    /// <summary>Puts what was given into execution options.</summary>
    public ExecutionOptions Apply(ParseResult parse, ExecutionOptions options)
    {
        var text = parse.GetValue(this)!;
        return options with
        {
            Device = text switch { "auto" => ExecutionDevice.Auto, "cpu" => ExecutionDevice.Cpu, _ => ExecutionDevice.Cuda },
            DeviceIndex = IndexOf(text) ?? 0,
        };
    }

    private static int? IndexOf(string text) => text.StartsWith(Gpu, StringComparison.Ordinal)
        && int.TryParse(text.AsSpan(Gpu.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var index) ? index : null;
}
