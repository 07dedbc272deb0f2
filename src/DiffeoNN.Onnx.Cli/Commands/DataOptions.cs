using System.CommandLine;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Evaluation;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using Spectre.Console;

namespace DiffeoNN.Onnx.Cli.Commands;

/// <summary>Options of every command that scores a bundle on data with truth.</summary>
internal sealed class DataOptions
{
    private readonly Option<string> _model = new("--model") { Description = "Bundle: a folder with diffeonn.json.", Required = true };
    private readonly Option<string> _data = new("--data")
    {
        Description = "Folder with images/ and masks/ (or labels in split.csv), folder with MNIST's IDX files, or shapes.",
        Required = true,
    };
    private readonly Option<string?> _source = new("--source") { Description = "Only images of this source." };
    private readonly Option<int?> _count = new("--count") { Description = "At most so many images; all (500 generated ones) if left out." };
    private readonly Option<bool> _skipBad = new("--skip-bad") { Description = "Leave out images that cannot be used, and say how many." };

    private readonly Option<bool> _agreement = new("--agreement")
    {
        Description = "Compare with the network's own answers on undeformed images: data are images alone, without masks or labels.",
    };
    private readonly Option<bool> _autoOrient = OrientationNote.Option();

    /// <summary>Creates the options and their range checks.</summary>
    public DataOptions() => _count.Validators.Add(result => OptionChecks.AtLeast(result, _count, 1));

    /// <summary>Adds the options to a command.</summary>
    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _model, _data, _source, _count, _skipBad, _agreement, _autoOrient })
            command.Options.Add(option);
    }

    /// <summary>The bundle's folder.</summary>
    public string Model(ParseResult parse) => parse.GetValue(_model)!;

    /// <summary>What is scored.</summary>
    public EvaluationTask Task(ParseResult parse, EquivariantModel model) =>
        parse.GetValue(_agreement) ? EvaluationTask.OfAgreement(model) : EvaluationTask.Of(model);

    /// <summary>The split where none is named: for agreement the usual one if the data have splits, else all images.</summary>
    public string? Unnamed(ParseResult parse, string usual, string? forTruth) =>
        !parse.GetValue(_agreement) ? forTruth : EvaluationData.HasSplits(parse.GetValue(_data)!) ? usual : null;

    /// <summary>Opens data with truth; where they have none, the message says what to do without.</summary>
    public static T WithTruth<T>(Func<T> open, string otherwise)
    {
        try
        {
            return open();
        }
        catch (DataException e) when (e.LacksTruth)
        {
            throw new DataException($"{e.Message} {otherwise}", e) { LacksTruth = true };
        }
    }

    /// <summary>Opens the data and reads all of it once: a bad file is told before anything is written, not after an hour.</summary>
    public (IEvaluationData Images, DataCheck Check) Open(
        IAnsiConsole console, ParseResult parse, EquivariantModel model, EvaluationTask task, string? split, ulong seed,
        CancellationToken cancellationToken)
    {
        var selection = new EvaluationSelection
        {
            Split = split,
            Source = parse.GetValue(_source),
            Count = parse.GetValue(_count),
            Seed = seed,
            Orients = parse.GetValue(_autoOrient),
        };
        var data = parse.GetValue(_data)!;
        var images = task.IsAgreement
            ? new AgreementData(model, EvaluationData.OpenImages(data, task, selection))
            : WithTruth(() => EvaluationData.Open(data, task, selection),
                "Give --agreement to compare with the network's own answers on undeformed images.");
        var skips = parse.GetValue(_skipBad);
        try
        {
            var check = DataCheck.Of(images, skips, cancellationToken);
            OrientationNote.Print(console, check.Turned, parse.GetValue(_autoOrient));
            return (images, check);
        }
        catch (Exception e) when (e is DataException or ImageException && !skips && images.Count + images.Problems.Count > 1)
        {
            throw new DataException($"{e.Message} {InputCheck.Advice}", e);
        }
    }
}
