using System.Diagnostics;
using System.Text.RegularExpressions;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Tests.Support;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>A bundle as one file by one command, and its check by another.</summary>
[TestFixture]
public sealed class ExportCommandTests
{
    [TestCase("tensor")]
    [TestCase("photo")]
    public void Exports_AnswerAsTheirBundles(string input)
    {
        using var folder = new TemporaryFolder();
        var bundle = Repository.Bundle("genus");
        var run = CommandRun.Of("export", "--model", bundle, "-o", folder["genus.onnx"], "--input", input);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("bundle genus, opset 17").And.Contain("output 'accepted' bool ["));

        var check = CommandRun.Of("validate", folder["genus.onnx"], "--model", bundle, "--threads", "1");
        Assert.That(check.Code, Is.EqualTo(ExitCode.Success), check.Error + check.Output);
        Assert.That(check.Output, Does.Contain("images of another class").And.Contain("0.000 %")
            .And.Contain("genus.onnx answers as its bundle does"));
    }

    [Test]
    public void Validate_OfAnExportThatAnswersOtherwise_Fails()
    {
        using var folder = new TemporaryFolder();
        var bundle = Repository.Bundle("genus");
        CommandRun.Of("export", "--model", bundle, "-o", folder["genus.onnx"], "--outputs", "answer,energy");
        var model = OnnxModel.Load(folder["genus.onnx"]);
        var last = model.Graph.Nodes.Single(node => node.Outputs.Contains("answer"));
        last.OpType = "Neg";
        model.Save(folder["wrong.onnx"]);
        var check = CommandRun.Of("validate", folder["wrong.onnx"], "--model", bundle, "--threads", "1");
        Assert.That(check.Code, Is.EqualTo(ExitCode.Disagreement), check.Error);
        Assert.That(check.Output, Does.Contain("wrong.onnx answers otherwise than its bundle"));
    }

    [Test]
    public void Validate_OfAnExportWithoutItsBundle_AsksForIt()
    {
        using var folder = new TemporaryFolder();
        CommandRun.Of("export", "--model", Repository.Bundle("genus"), "-o", folder["genus.onnx"]);
        CommandRun.Of("validate", folder["genus.onnx"]).AssertError(
            ExitCode.Usage, "is an export of bundle 'genus'; expected --model BUNDLE");
    }

    [Test]
    public void Info_OfAnExport_TellsWhatTheFileSays()
    {
        using var folder = new TemporaryFolder();
        CommandRun.Of("export", "--model", Repository.Bundle("genus"), "-o", folder["genus.onnx"]);
        var run = CommandRun.Of("info", folder["genus.onnx"]);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("Bundle 'genus' made equivariant to deformations").And.Contain("diffeonn.bundle: genus")
            .And.Contain("diffeonn.classes: 0, 1, 2")
            .And.Contain("accepted: Which maps count, those of the proposer's passes in their order"));
    }

    [Test]
    public void Export_ReplacesNoFileOfItsBundle()
    {
        using var folder = new TemporaryFolder();
        var (bundle, original) = (folder["bundle"], Repository.Bundle("genus"));
        foreach (var file in Directory.EnumerateFiles(original, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(bundle, Path.GetRelativePath(original, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }

        File.CreateSymbolicLink(folder["link.onnx"], Path.Combine(bundle, "inner.onnx"));
        foreach (var file in (string[])[Path.Combine(bundle, "inner.onnx"), Path.Combine(bundle, "diffeonn.json"), folder["link.onnx"]])
        {
            var before = File.ReadAllBytes(file);
            CommandRun.Of("export", "--model", bundle, "-o", file).AssertError(ExitCode.Usage, $"'{file}' is a file of the bundle itself");
            Assert.That(File.ReadAllBytes(file), Is.EqualTo(before));
        }
    }

    [TestCase("--batch is of a model repository", "--batch", "4")]
    [TestCase("--runtime is of a page", "--runtime", "x")]
    [TestCase("--outputs names none", "--outputs", "")]
    [TestCase("--opset must be from 16 to 22", "--opset", "15")]
    public void OptionsOfNoEffect_AreRefused(string message, params string[] options)
    {
        using var folder = new TemporaryFolder();
        CommandRun.Of(["export", "--model", Repository.Bundle("genus"), "-o", folder["g.onnx"], .. options])
            .AssertError(ExitCode.Usage, message);
        Assert.That(folder.Files(), Is.Empty);
    }

    [Test]
    public void Triton_GetsARepository_BesideTheFile()
    {
        using var folder = new TemporaryFolder();
        var run = CommandRun.Of(
            "export", "--model", Repository.Bundle("genus"), "-o", folder["g.onnx"], "--triton", folder["models"], "--batch", "7");
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(folder.Files().Select(file => file.Replace('\\', '/')), Is.EqualTo(
            new[] { "g.onnx", "models/genus/1/model.onnx", "models/genus/config.pbtxt", "models/genus/labels.txt" }));
        Assert.That(File.ReadAllBytes(folder["models/genus/1/model.onnx"]), Is.EqualTo(File.ReadAllBytes(folder["g.onnx"])));
        Assert.That(File.ReadAllText(folder["models/genus/config.pbtxt"]), Does.Contain("max_batch_size: 7\n"));
        Assert.That(run.Output, Does.Contain($"{folder["models/genus"]} written: bundle genus"));
    }

    [Test]
    public void Web_NeedsOnnxRuntimeForBrowsers_AndChoosesOutputsItself()
    {
        using var folder = new TemporaryFolder();
        var genus = Repository.Bundle("genus");
        Directory.CreateDirectory(folder["ort/dist"]);
        CommandRun Web(params string[] more) =>
            CommandRun.Of(["export", "--model", genus, "--web", folder["page"], "--runtime", folder["ort"], .. more]);
        Web().AssertError(ExitCode.Usage, "is not package onnxruntime-web", "package.json is missing");
        File.WriteAllText(folder["ort/package.json"], """{ "name": "onnxruntime-node", "version": "1.30.0" }""");
        Web().AssertError(ExitCode.Usage, "is of 'onnxruntime-node'");
        File.WriteAllText(folder["ort/package.json"], """{ "name": "onnxruntime-web", "version": "0.9" }""");
        Web().AssertError(ExitCode.Usage, "lacks ort.wasm.min.mjs; package onnxruntime-web 0.9");
        Web("--outputs", "answer").AssertError(ExitCode.Usage, "a page (--web) takes what it needs");
        Web("--input", "photo").AssertError(ExitCode.Usage, "a page (--web) takes what it needs");
        Assert.That(Directory.Exists(folder["page"]), Is.False);
        Directory.CreateDirectory(folder["site"]);
        File.WriteAllText(folder["site/index.html"], "another");
        foreach (var file in (string[])["ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm"])
            File.WriteAllText(folder[$"ort/dist/{file}"], file);

        CommandRun.Of("export", "--model", genus, "--web", folder["site"], "--runtime", folder["ort"])
            .AssertError(ExitCode.Output, "has a page that is none of these");
        Assert.That(File.ReadAllText(folder["site/index.html"]), Is.EqualTo("another"));

        var run = Web();

        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        Assert.That(run.Output, Does.Contain("output 'naive' float32 [N,3]"));
        Assert.That(File.ReadAllText(folder["page/ort/ort-wasm-simd-threaded.wasm"]), Is.EqualTo("ort-wasm-simd-threaded.wasm"));
        Assert.That(File.ReadAllText(folder["page/ort/LICENSE.txt"]), Does.StartWith("onnxruntime-web 0.9\n\nMIT License"));
        // What the page's files name is there.
        var links = new Regex("""(?:src|href)="([^"#]+)"|from '(\./[^']+)'|new URL\('(\./[^']+)'""");
        foreach (var file in Directory.EnumerateFiles(folder["page"]).Where(file => Path.GetExtension(file) is ".html" or ".js"))
        {
            var named = links.Matches(File.ReadAllText(file))
                .Select(match => match.Groups.Cast<Group>().Skip(1).First(group => group.Success).Value);
            foreach (var name in named) Assert.That(Path.Exists(Path.Combine(folder["page"], name)), $"{file} names {name}");
        }
    }

    [Test]
    public void WhatMakesNoSense_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var genus = Repository.Bundle("genus");
        CommandRun.Of("export", "--model", genus, "-o", folder["g.onnx"], "--outputs", "answer,mask")
            .AssertError(ExitCode.Usage, "--outputs names 'mask'; expected some of answer, canonical,");
        CommandRun.Of("export", "--model", genus).AssertError(ExitCode.Usage, "expected -o FILE, --triton FOLDER or --web FOLDER");
        CommandRun.Of("export", "--model", genus, "--triton", folder["m"], "--batch", "0")
            .AssertError(ExitCode.Usage, "--batch is 0; expected at least 1");
        CommandRun.Of("export", "--model", genus, "-o", folder["g.onnx"], "--start", "multi").AssertError(ExitCode.Model, "start multi");
        CommandRun.Of("export", "--model", folder["none"], "-o", folder["g.onnx"]).AssertError(ExitCode.Model, "does not exist");
        CommandRun.Of("export", "--model", genus, "-o", folder["none/g.onnx"]).AssertError(ExitCode.Output, "Cannot write");
        Assert.That(File.Exists(folder["g.onnx"]), Is.False);

        CommandRun.Of("export", "--model", genus, "-o", folder["g.onnx"], "--outputs", "accepted");
        CommandRun.Of("validate", folder["g.onnx"], "--model", genus)
            .AssertError(ExitCode.Model, "Model 'g.onnx' has no output 'answer', which is what would be compared.");
        CommandRun.Of("validate", folder["g.onnx"], "--model", Repository.Bundle("shapes"))
            .AssertError(ExitCode.Model, "Model 'g.onnx' was made of bundle 'genus'", "that of bundle 'shapes' is", "Export it anew.");
        CommandRun.Of("validate", Path.Combine(genus, "inner.onnx"), "--model", genus)
            .AssertError(ExitCode.Model, "Model 'inner.onnx' does not say which bundle it was made of");
        CommandRun.Of("validate", folder["none.onnx"], "--model", genus).AssertError(ExitCode.Model, "does not exist");
        CommandRun.Of("validate", folder["g.onnx"], "--model", genus, "--json", folder["r.json"])
            .AssertError(ExitCode.Usage, "are of bundles and models");
    }

    /// <summary>ONNX's own checker, where Python has it.</summary>
    [TestCase("--steps", "2")]
    [TestCase("--input", "photo")]
    public void OnnxsChecker_AcceptsExports(params string[] options)
    {
        using var folder = new TemporaryFolder();
        var run = CommandRun.Of(["export", "--model", Repository.Bundle("genus"), "-o", folder["genus.onnx"], .. options]);
        Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        var python = Environment.GetEnvironmentVariable("DIFFEONN_PYTHON") ?? "/usr/bin/python3";
        var start = new ProcessStartInfo(
            python, ["-c", "import sys, onnx; onnx.checker.check_model(onnx.load(sys.argv[1]), full_check=True)", folder["genus.onnx"]])
        {
            RedirectStandardError = true,
        };
        try
        {
            using var process = Process.Start(start)!;
            var error = process.StandardError.ReadToEnd();
            process.WaitForExit();
            if (error.Contains("ModuleNotFoundError", StringComparison.Ordinal)) Assert.Ignore($"'{python}' has no onnx.");
            Assert.That(process.ExitCode, Is.Zero, error);
        }
        catch (System.ComponentModel.Win32Exception e)
        {
            Assert.Ignore($"'{python}' does not start: {e.Message}");
        }
    }
}
