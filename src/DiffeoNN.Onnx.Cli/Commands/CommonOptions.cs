using System.CommandLine;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Options of every command that canonicalises.</summary>
internal sealed class CommonOptions
{
    private readonly Option<int> _batch = new("--batch") { Description = "Images optimised together.", DefaultValueFactory = _ => 8 };
    private readonly Option<int?> _steps = new("--steps") { Description = "Largest number of steps; the bundle's if left out." };
    private readonly Option<string> _start = new("--start")
    {
        Description = "Where the search starts: zero, proposer, multi (several rotations and scales of both), or auto: as the bundle says, "
            + "else at the proposal where there is a proposer.",
        DefaultValueFactory = _ => "auto",
    };
    private readonly Option<int?> _passes = new("--passes")
        { Description = "How often the proposer is asked, each further time for what is left; the bundle's if left out." };
    private readonly Option<bool?> _average = new("--average")
    {
        Description = "Whether answers are the mean over the maps of all passes of the proposer and of the search: true or false; the "
            + "bundle's if left out.",
    };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of the search.", DefaultValueFactory = _ => 1 };
    private readonly DeviceOption _device = new();
    private readonly Option<string> _fields = new("--fields")
    {
        Description =
            "What computes maps and their gradients: torch (libtorch), onnx (graphs in ONNX Runtime, on the device of the networks), "
                + "or auto: onnx where the networks run on a GPU and libtorch has none, else torch.",
        DefaultValueFactory = _ => "auto",
    };
    private readonly Option<string> _engine = new("--engine")
    {
        Description = "What runs the networks: onnxruntime, or torch (libtorch, which needs no backward graphs).",
        DefaultValueFactory = _ => "onnxruntime",
    };
    private readonly Option<int> _threads = new("--threads") { Description = "Cores to use; 0 for all.", DefaultValueFactory = _ => 0 };
    private readonly Option<string?> _accept = new("--accept")
        { Description = "When the map found is used: checked (the energy fell enough; the default) or always; never if it folds." };
    private readonly Option<string> _preset = new("--preset")
    {
        Description = "Settings to take where none are given: bundle (its own), or published (arXiv 2602.06695: sine network at every "
            + "pixel, 100 steps from no deformation, every map used; some 10 times slower, for comparison).",
        DefaultValueFactory = _ => "bundle",
    };

    /// <summary>Creates the options and their range checks.</summary>
    public CommonOptions()
    {
        _batch.Validators.Add(result => OptionChecks.AtLeast(result, _batch, 1));
        _steps.Validators.Add(result => OptionChecks.AtLeast(result, _steps, 0));
        _passes.Validators.Add(result => OptionChecks.AtLeast(result, _passes, 1));
        _threads.Validators.Add(result => OptionChecks.AtLeast(result, _threads, 0));
        _start.AcceptOnlyFromAmong("auto", "zero", "proposer", "multi");
        _accept.AcceptOnlyFromAmong("checked", "always");
        _preset.AcceptOnlyFromAmong("bundle", "published");
        _fields.AcceptOnlyFromAmong("auto", "torch", "onnx");
        _engine.AcceptOnlyFromAmong("onnxruntime", "torch");
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _batch, _preset, _start, _passes, _average, _steps, _accept, _seed, _engine, _device,
            _fields, _threads })
            command.Options.Add(option);
        command.Validators.Add(result =>
        {
            if (result.GetValue(_fields) == "onnx" && result.GetValue(_engine) == "torch")
                result.AddError("Fields 'onnx' are graphs of ONNX Runtime; with --engine torch take --fields torch.");
        });
    }

    /// <summary>Adds those to a command that say where it runs, not how it searches.</summary>
    public void AddExecutionTo(Command command)
    {
        foreach (var option in new Option[] { _batch, _seed, _engine, _device, _threads }) command.Options.Add(option);
    }

    /// <summary>Images optimised together.</summary>
    public int Batch(ParseResult parse) => parse.GetValue(_batch);

    /// <summary>The options as the library takes them; those a command does not have keep their defaults.</summary>
    public EquivariantOptions Read(ParseResult parse) => new()
    {
        Start = parse.GetValue(_start) switch
        {
            "zero" => StartPoint.Identity,
            "proposer" => StartPoint.Proposer,
            "multi" => StartPoint.Multi,
            _ => StartPoint.Auto,
        },
        Preset = parse.GetValue(_preset) == "published" ? SearchPreset.Published : SearchPreset.Bundle,
        Accept = parse.GetValue(_accept) is { } accept ? Enum.Parse<AcceptanceRule>(accept, ignoreCase: true) : null,
        Passes = parse.GetValue(_passes),
        Average = parse.GetValue(_average),
        Steps = parse.GetValue(_steps),
        Seed = parse.GetValue(_seed),
        Fields = Enum.Parse<FieldEngine>(parse.GetValue(_fields) ?? "auto", ignoreCase: true),
        Execution = _device.Apply(parse, new ExecutionOptions
        {
            Engine = Enum.Parse<EngineKind>(parse.GetValue(_engine)!, ignoreCase: true),
            Threads = parse.GetValue(_threads),
        }),
    };
}
