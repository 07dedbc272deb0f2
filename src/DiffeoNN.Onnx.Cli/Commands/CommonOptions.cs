using System.CommandLine;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Options of every command that canonicalises.</summary>
internal sealed class CommonOptions
{
    private readonly Option<int> _batch = new("--batch") { Description = "Images optimised together.", DefaultValueFactory = _ => 8 };
    private readonly SettingOption[] _settings = SettingOption.All();
    private readonly DeviceOption _device = new();
    private readonly Option<string> _engine = new("--engine")
    {
        Description = "What runs the networks: onnxruntime, or torch (libtorch, which needs no backward graphs).",
        DefaultValueFactory = _ => "onnxruntime",
    };
    private readonly Option<int> _threads = new("--threads") { Description = "Cores to use; 0 for all.", DefaultValueFactory = _ => 0 };
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
        _threads.Validators.Add(result => OptionChecks.AtLeast(result, _threads, 0));
        _preset.AcceptOnlyFromAmong("bundle", "published");
        _engine.AcceptOnlyFromAmong("onnxruntime", "torch");
    }

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _batch, _preset }.Concat(_settings).Concat([_engine, _device, _threads]))
            command.Options.Add(option);
        var fields = Of(nameof(SearchSpec.Fields));
        command.Validators.Add(result =>
        {
            if (result.GetValue(fields) == "onnx" && result.GetValue(_engine) == "torch")
                result.AddError("Fields 'onnx' are graphs of ONNX Runtime; with --engine torch take --fields torch.");
        });
    }

    /// <summary>Adds those to a command that say where it runs, not how it searches.</summary>
    public void AddExecutionTo(Command command)
    {
        foreach (var option in new Option[] { _batch, Of(nameof(SearchSpec.Seed)), _engine, _device, _threads })
            command.Options.Add(option);
    }

    /// <summary>Images optimised together.</summary>
    public int Batch(ParseResult parse) => parse.GetValue(_batch);

    /// <summary>The options as the library takes them; those a command does not have keep their defaults.</summary>
    public EquivariantOptions Read(ParseResult parse)
    {
        var options = new EquivariantOptions
        {
            Preset = parse.GetValue(_preset) == "published" ? SearchPreset.Published : SearchPreset.Bundle,
            Execution = _device.Apply(parse, new ExecutionOptions
            {
                Engine = Enum.Parse<EngineKind>(parse.GetValue(_engine)!, ignoreCase: true),
                Threads = parse.GetValue(_threads),
            }),
        };
        return _settings.Aggregate(options, (said, option) => option.Apply(parse, said));
    }

    private SettingOption Of(string property) =>
        _settings.Single(option => string.Equals(option.Setting.Name, property, StringComparison.OrdinalIgnoreCase));
}
