using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Export;
using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tests.Bundles;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.Tests.Export;

/// <summary>Model repositories say of their files what these say themselves.</summary>
public sealed partial class TritonRepositoryTests
{
    private static readonly Dictionary<Type, string> Types = new()
    {
        [typeof(float)] = "TYPE_FP32", [typeof(byte)] = "TYPE_UINT8", [typeof(bool)] = "TYPE_BOOL",
    };

    [TestCase("tiny", ExportInput.Tensor, false)]
    [TestCase("genus", ExportInput.Tensor, true)]
    [TestCase("genus", ExportInput.Photo, true)]
    public void Configuration_SaysWhatTheFileTakesAndGives(string name, ExportInput input, bool hasLabels)
    {
        using var folder = new TemporaryFolder();
        var bundle = Bundle.Load(name == "tiny" ? TinyBundle.Original : Repository.Bundle(name));
        var exported = ModelExporter.Export(bundle, new ExportOptions { Input = input, Outputs = Enum.GetValues<ExportOutput>() });
        TritonRepository.Write(folder["models"], "m", exported.Model, 5);

        string[] files = [.. folder.Files().Select(file => file.Replace('\\', '/'))];
        Assert.That(files, Is.EqualTo(
            hasLabels ? new[] { "models/m/1/model.onnx", "models/m/config.pbtxt", "models/m/labels.txt" }
                : ["models/m/1/model.onnx", "models/m/config.pbtxt"]));
        var configuration = Parse(File.ReadAllText(folder["models/m/config.pbtxt"]));
        using var session = new InferenceSession(folder["models/m/1/model.onnx"]);
        var isBatch = input == ExportInput.Tensor;
        Assert.That(configuration["name"], Is.EqualTo(new object[] { "m" }));
        Assert.That(configuration["platform"], Is.EqualTo(new object[] { "onnxruntime_onnx" }));
        Assert.That(configuration["backend"], Is.EqualTo(new object[] { "onnxruntime" }));
        Assert.That(configuration["default_model_filename"], Is.EqualTo(new object[] { "model.onnx" }));
        Assert.That(configuration["max_batch_size"], Is.EqualTo(new object[] { isBatch ? 5L : 0L }));
        Assert.That(configuration.ContainsKey("dynamic_batching"), Is.EqualTo(isBatch));
        Assert.That(Described(configuration["input"]), Is.EqualTo(Expected(session.InputMetadata)));
        Assert.That(Described(configuration["output"]), Is.EqualTo(Expected(session.OutputMetadata)));
        Assert.That(session.OutputMetadata, Has.Count.EqualTo(7));
        string[] labelled = [.. configuration["output"].Cast<Dictionary<string, List<object>>>()
            .Where(output => output.ContainsKey("label_filename")).Select(output => (string)output["name"][0])];
        Assert.That(labelled, Is.EqualTo(hasLabels ? new[] { "answer" } : []));
        if (hasLabels) Assert.That(File.ReadAllText(folder["models/m/labels.txt"]), Is.EqualTo("0\n1\n2\n"));

        IEnumerable<string> Expected(IReadOnlyDictionary<string, NodeMetadata> values) => values.Select(pair =>
            $"{pair.Key} {Types[pair.Value.ElementType]} {string.Join(',', pair.Value.Dimensions.Skip(isBatch ? 1 : 0))}");
    }

    [Test]
    public void AFurtherExport_BecomesTheNextVersion()
    {
        using var folder = new TemporaryFolder();
        var model = ModelExporter.Export(Bundle.Load(TinyBundle.Original)).Model;
        Directory.CreateDirectory(folder["models/m/latest"]);
        TritonRepository.Write(folder["models"], "m", model);
        File.WriteAllText(folder["models/m/1/model.onnx"], "served");
        Directory.CreateDirectory(folder["models/m/9"]);
        TritonRepository.Write(folder["models"], "m", model);
        Assert.That(File.ReadAllText(folder["models/m/1/model.onnx"]), Is.EqualTo("served"));
        Assert.That(folder.Files().Select(file => file.Replace('\\', '/')), Is.EqualTo(
            new[] { "models/m/1/model.onnx", "models/m/10/model.onnx", "models/m/config.pbtxt" }));
    }

    [Test]
    public void ABundlesFolder_IsNoPlaceForItsExport()
    {
        using var folder = new TemporaryFolder();
        var model = ModelExporter.Export(Bundle.Load(TinyBundle.Original)).Model;
        Directory.CreateDirectory(folder["models/m"]);
        File.WriteAllText(folder["models/m/diffeonn.json"], "{}");
        Assert.That(() => TritonRepository.Write(folder["models"], "m", model), Throws.TypeOf<OutputException>()
            .With.Message.Contains("is a bundle, which servers would serve instead of the export"));
        Assert.That(folder.Files(), Has.Length.EqualTo(1));
    }

    [TestCase("a/b", "'a/b' cannot be a model's name in a repository")]
    [TestCase(".a", "'.a' cannot be a model's name")]
    [TestCase("größe", "Change the bundle's name in its manifest.")]
    public void NamesOfNoFolder_AreRefused(string name, string message)
    {
        using var folder = new TemporaryFolder();
        var model = ModelExporter.Export(Bundle.Load(TinyBundle.Original)).Model;
        Assert.That(() => TritonRepository.Write(folder["models"], name, model),
            Throws.TypeOf<ExportException>().With.Message.Contains(message));
        Assert.That(Directory.Exists(folder["models"]), Is.False);
    }

    [Test]
    public void WhatCannotBeTold_OrWritten_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var model = ModelExporter.Export(Bundle.Load(TinyBundle.Original)).Model;
        File.WriteAllText(folder["models"], "");
        Assert.That(() => TritonRepository.Write(folder["models"], "m", model), Throws.TypeOf<OutputException>()
            .With.Message.EqualTo($"'{folder["models"]}' is a file; expected a folder, or a place for one."));
        Assert.That(() => TritonRepository.Configuration("m", model, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        model.Graph.Outputs[0] = model.Graph.Outputs[0] with { ElementType = OnnxElementType.Complex64 };
        Assert.That(() => TritonRepository.Configuration("m", model), Throws.TypeOf<ExportException>()
            .With.Message.Contains("cannot tell of 'answer' complex64"));
    }

    private static IEnumerable<string> Described(List<object> values) => values.Cast<Dictionary<string, List<object>>>()
        .Select(value => $"{value["name"][0]} {value["data_type"][0]} {string.Join(',', value["dims"])}");

    /// <summary>Reads protobuf's text format as far as configurations use it: fields, messages, lists.</summary>
    private static Dictionary<string, List<object>> Parse(string text)
    {
        var words = new Queue<string>(Words().Matches(text).Select(match => match.Value));
        var read = Message(null);
        Assert.That(words, Is.Empty);
        return read;

        Dictionary<string, List<object>> Message(string? end)
        {
            var fields = new Dictionary<string, List<object>>();
            while (words.Count > 0 && words.Peek() != end)
            {
                var name = words.Dequeue();
                Assert.That(name, Does.Match("^[a-z_]+$"));
                if (words.Peek() == ":") words.Dequeue();
                if (!fields.TryGetValue(name, out var values)) fields[name] = values = [];
                if (words.Peek() != "[")
                {
                    values.Add(Value());
                    continue;
                }

                do
                {
                    words.Dequeue();
                    values.Add(Value());
                }
                while (words.Peek() == ",");
                Assert.That(words.Dequeue(), Is.EqualTo("]"));
            }

            if (end is not null) Assert.That(words.Dequeue(), Is.EqualTo(end));
            return fields;
        }

        object Value()
        {
            var word = words.Dequeue();
            return word == "{" ? Message("}") : word[0] == '"' ? word[1..^1] : long.TryParse(word, out var number) ? number : word;
        }
    }

    [GeneratedRegex("\"[^\"\n]*\"|[A-Za-z_][A-Za-z_0-9]*|-?[0-9]+|[^\\s]")]
    private static partial Regex Words();
}
