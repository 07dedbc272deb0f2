using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Serving.Tests;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using TorchSharp;

namespace DiffeoNN.Onnx.Cli.Tests;

/// <summary>Pages that compute in a real browser; skipped where there is none, or no ONNX Runtime for browsers.</summary>
[TestFixture]
[NonParallelizable]
public sealed class WebPageTests
{
    private const string Answered = "document.documentElement?.dataset.answered";
    private const double Tolerance = 1e-4;

    private TemporaryFolder _folder = null!;
    private Browser _browser = null!;
    private StaticSite _site = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        var runtime = Path.Combine(NodePackages.With("onnxruntime-web"), "onnxruntime-web");
        _browser = await Browser.Start();
        _folder = new TemporaryFolder();
        foreach (var name in (string[])["lungs", "genus"])
        {
            var run = CommandRun.Of("export", "--model", Repository.Bundle(name), "--web", _folder[name], "--runtime", runtime);
            Assert.That(run.Code, Is.EqualTo(ExitCode.Success), run.Error);
        }

        _site = await StaticSite.Start(_folder.Path);
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        if (_site is not null) await _site.DisposeAsync();
        _folder?.Dispose();
    }

    [TearDown]
    public void NothingWasWrong() => Assert.That(_browser.Complaints, Is.Empty);

    [TestCase("lungs")]
    [TestCase("genus")]
    public async Task Answers_AreThoseOfOnnxRuntimeHere_AndShown(string name)
    {
        await Open(name);
        await After("document.querySelector('#examples li:last-child button').click()");
        var image = ImageFile.Read(_folder[$"{name}/examples/4.png"], 1);
        var expected = Here(name, image);
        Assert.That(expected["accepted"].Values, Has.Some.EqualTo(1), "a map is found");

        // The page's own worker, asked by this test.
        var times = new List<double>();
        for (var i = 0; i < 3; i++)
        {
            var (outputs, milliseconds) = await Worker(image);
            times.Add(milliseconds);
            Assert.That(outputs.Keys, Is.EquivalentTo(expected.Keys));
            foreach (var (output, (shape, values)) in expected)
            {
                Assert.That(outputs[output].Shape, Is.EqualTo(shape), output);
                var tolerance = output == "energy" ? Tolerance * Math.Abs(values[0]) : Tolerance;
                Assert.That(outputs[output].Values, Is.EqualTo(values).Within(tolerance), output);
            }
        }

        TestContext.Out.WriteLine($"{name}: {string.Join(", ", times.Select(time => $"{time:F0} ms"))}");
        Assert.That(times.Min(), Is.LessThan(2000), "milliseconds an image");

        var rows = await _browser.Text("#view .certificate");
        Assert.That(rows, Does.Contain($"Energy\t{Shown(expected["energy"].Values[0])} → {Shown(expected["energy"].Values[1])}"));
        var diagnostics = Diagnostics(expected);
        Assert.That(Number(rows, "Smallest determinant"), Is.EqualTo(
            Math.Min(diagnostics.MinimumDeterminant, diagnostics.InverseMinimumDeterminant)).Within(1e-3));
        Assert.That(Number(rows, "Largest error of the inverse"), Is.EqualTo(diagnostics.InverseResidualMaximum).Within(1e-3));
        string[] figures = name == "lungs"
            ? ["Input", "Canonical image", "The network alone", "The answer, carried back", "Displacement", "Grid of the map"]
            : ["Input", "Canonical image", "Displacement", "Grid of the map"];
        Assert.That(await Texts("#view figcaption strong"), Is.EqualTo(figures));
        Assert.That(await _browser.Text("#view .verdict"), Does.StartWith("The map that was found is used."));
        var elsewhere = await _browser.Ask(
            "performance.getEntriesByType('resource').map(one => one.name).filter(one => !one.startsWith(location.origin))");
        Assert.That(elsewhere!.AsArray(), Is.Empty);

        string Shown(double value) => value.ToString(Math.Abs(value) < 1000 ? "G4" : "F0", CultureInfo.InvariantCulture);
    }

    [Test]
    public async Task Image_IsDeformedByKeysPointersAndSliders_AndComesBack()
    {
        await Open("genus");
        await After("document.querySelector('#examples li:last-child button').click()");
        var first = await Picture();
        await After("document.querySelector('.handle').focus()", async () =>
        {
            foreach (var type in (string[])["keyDown", "keyUp"])
                await _browser.Send("Input.dispatchKeyEvent",
                    new { type, key = "ArrowRight", code = "ArrowRight", windowsVirtualKeyCode = 39, modifiers = 8 });
        });
        Assert.That(await _browser.Ask("document.activeElement.ariaLabel") is { } label ? (string?)label : null,
            Is.EqualTo("Handle top left: 4 across, 0 down"));
        var second = await Picture();
        Assert.That(second, Is.Not.EqualTo(first));

        var place = (await _browser.Ask("(box => [box.x + box.width / 2, box.y + box.height / 2])"
            + "(document.querySelectorAll('.handle')[4].getBoundingClientRect())"))!.AsArray().Select(value => (double)value!).ToArray();
        await After("null", async () =>
        {
            await Mouse("mousePressed", 0);
            await Mouse("mouseMoved", 30);
            await Mouse("mouseReleased", 30);
        });
        Assert.That(await Texts(".handle.moved", "ariaLabel"), Has.Length.EqualTo(2));
        var third = await Picture();
        Assert.That(third, Is.Not.EqualTo(second));

        await After("document.getElementById('turn').value = 30; document.getElementById('turn').dispatchEvent(new Event('input'))");
        Assert.That(await _browser.Text("label[for=turn]"), Does.Contain("30°"));
        Assert.That(await Picture(), Is.Not.EqualTo(third));
        await After("document.getElementById('random').click()");
        Assert.That(await Texts(".handle.moved", "ariaLabel"), Has.Length.GreaterThan(2));
        await After("document.getElementById('reset').click()");
        Assert.That(await Picture(), Is.EqualTo(first));

        Task Mouse(string type, int by) => _browser.Send(
            "Input.dispatchMouseEvent", new { type, x = place[0] + by, y = place[1], button = "left", buttons = 1, clickCount = 1 });
    }

    [Test]
    public async Task Page_StaysUsable_WhileItComputes()
    {
        await Open("lungs");
        // All changes at once: what came in between is not computed, and the page's own clock goes on.
        var found = await _browser.Ask($$"""
            (async () => {
              const turn = document.getElementById('turn');
              const before = {{Answered}};
              let ticks = 0;
              const clock = setInterval(() => ticks++, 5);
              for (let i = 1; i <= 20; i++) {
                turn.value = i;
                turn.dispatchEvent(new Event('input'));
              }
              const answers = new Set();
              while ({{Answered}} === before || {{Answered}} === '') {
                answers.add(document.querySelector('.certificate').innerText);
                await new Promise(done => setTimeout(done, 5));
              }
              clearInterval(clock);
              return [ticks, answers.size, Number({{Answered}}) - Number(before)];
            })()
            """);
        int[] counts = [.. found!.AsArray().Select(value => (int)value!)];
        Assert.That(counts[0], Is.GreaterThanOrEqualTo(5), "ticks");
        Assert.That(counts[1], Is.LessThanOrEqualTo(3), "answers");
        Assert.That(counts[2], Is.EqualTo(20), "questions");
    }

    [TestCase(37, 53, 56, 56)]
    [TestCase(300, 200, 128, 128)]
    [TestCase(2, 2, 5, 7)]
    public async Task Images_AreResizedAsTheLibraryDoes(int height, int width, int rows, int columns)
    {
        await Open("genus");
        var image = new ImageBuffer(1, height, width);
        for (var i = 0; i < height * width; i++) image.Data[i] = (float)(0.5 + (0.5 * Math.Sin(i * 0.37) * Math.Cos(i * 0.011)));
        var values = await _browser.Ask($$"""
            (async () => {
              const { resized } = await import(new URL('fields.js', document.baseURI));
              const data = new Float32Array(Uint8Array.from(atob('{{Base64(image)}}'), one => one.charCodeAt(0)).buffer);
              return Array.from(resized({ data, channels: 1, height: {{height}}, width: {{width}} }, {{rows}}, {{columns}}).data);
            })()
            """);
        Assert.That(values!.AsArray().Select(value => (float)(double)value!),
            Is.EqualTo(ImageResampler.Resize(image, rows, columns).Data.ToArray()).Within(1e-6));
    }

    [TestCase("lungs")]
    [TestCase("genus")]
    public async Task Axe_FindsNothing_AndThePageFitsNarrowWindows(string name)
    {
        var axe = await File.ReadAllTextAsync(Path.Combine(NodePackages.With("axe-core"), "axe-core", "axe.min.js"));
        await Open(name);
        await _browser.Ask($"{axe}; null");
        foreach (var (width, scheme) in ((int, string)[])[(1280, "light"), (1280, "dark"), (360, "light"), (360, "dark")])
        {
            await _browser.Send("Emulation.setDeviceMetricsOverride",
                new { width, height = 900, deviceScaleFactor = 1, mobile = width < 500 });
            await _browser.Send("Emulation.setEmulatedMedia",
                new { features = new[] { new { name = "prefers-color-scheme", value = scheme } } });
            Assert.That((int)(await _browser.Ask("document.documentElement.scrollWidth"))!, Is.LessThanOrEqualTo(width));
            var violations = await _browser.Ask(
                "axe.run().then(found => found.violations.map(one => `${one.id}: ${one.nodes.map(node => node.html).join(' ')}`))");
            Assert.That(violations!.AsArray().Select(one => (string)one!), Is.Empty);
        }
    }

    [Test]
    public async Task WhatIsNoImage_IsRefusedInWords_AndImagesOfAnySizeAreTaken()
    {
        await Open("genus");
        await File.WriteAllTextAsync(_folder["text.png"], "no image");
        await _browser.Choose("#file", _folder["text.png"]);
        await _browser.Until("!document.getElementById('error').hidden");
        Assert.That(await _browser.Text("#error"), Does.Contain("text.png is no image that this browser can read"));
        ImageFile.WritePng(_folder["wide.png"], new ImageBuffer(1, 30, 200));
        var before = (string)(await _browser.Ask(Answered))!;
        await _browser.Choose("#file", _folder["wide.png"]);
        await _browser.Until($"{Answered} && {Answered} !== {Browser.Quoted(before)}");
        Assert.That(await _browser.Text("#file-note"), Is.EqualTo("wide.png, 200 × 30 pixels; the network sees 56 × 56."));
        Assert.That((bool)(await _browser.Ask("document.getElementById('error').hidden"))!, Is.True);
    }

    private async Task Open(string name)
    {
        var wide = new { width = 1280, height = 900, deviceScaleFactor = 1, mobile = false };
        await _browser.Send("Emulation.setDeviceMetricsOverride", wide);
        await _browser.Go(new Uri(_site.Address, $"{name}/"));
        await _browser.Until($"location.pathname === '/{name}/' && ({Answered} || document.getElementById('error')?.hidden === false)");
        Assert.That(await _browser.Text("#error"), Is.Empty);
    }

    /// <summary>Does something, and waits for the answer to what it changed.</summary>
    private async Task After(string expression, Func<Task>? more = null)
    {
        var before = (string)(await _browser.Ask(Answered))!;
        await _browser.Ask(expression);
        if (more is not null) await more();
        await _browser.Until($"{Answered} && {Answered} !== {Browser.Quoted(before)}");
    }

    private async Task<string> Picture() => (string)(await _browser.Ask("document.getElementById('stage').toDataURL()"))!;

    private async Task<string[]> Texts(string selector, string property = "innerText") =>
        [.. (await _browser.Ask($"[...document.querySelectorAll('{selector}')].map(one => one.{property})"))!.AsArray()
            .Select(one => (string)one!)];

    private async Task<(Dictionary<string, (int[] Shape, double[] Values)> Outputs, double Milliseconds)> Worker(ImageBuffer image)
    {
        var found = (await _browser.Ask($$"""
            (async () => {
              const worker = window.asked ??= new Worker('worker.js', { type: 'module' });
              const ask = question => new Promise((done, fail) => {
                worker.onmessage = ({ data }) => (data.kind === 'error' ? fail(new Error(data.message)) : done(data));
                worker.postMessage(question);
              });
              if (!window.loaded) window.loaded = await ask({ kind: 'load', url: new URL('model.onnx', document.baseURI).href });
              const pixels = new Float32Array(Uint8Array.from(atob('{{Base64(image)}}'), one => one.charCodeAt(0)).buffer);
              const { outputs, milliseconds } = await ask({ kind: 'run', pixels, shape: [1, 1, {{image.Height}}, {{image.Width}}] });
              const lists = Object.entries(outputs).map(([name, { shape, data }]) => [name, Array.from(shape), Array.from(data, Number)]);
              return [lists, milliseconds];
            })()
            """))!.AsArray();
        return (found[0]!.AsArray().ToDictionary(
            one => (string)one![0]!, one => (Integers(one![1]!), one[2]!.AsArray().Select(value => (double)value!).ToArray())),
            (double)found[1]!);

        static int[] Integers(JsonNode node) => [.. node.AsArray().Select(value => (int)value!)];
    }

    private Dictionary<string, (int[] Shape, double[] Values)> Here(string name, ImageBuffer image)
    {
        using var session = new InferenceSession(_folder[$"{name}/model.onnx"]);
        using var found = session.Run([NamedOnnxValue.CreateFromTensor(
            "image", new DenseTensor<float>(image.Data.ToArray(), [1, 1, image.Height, image.Width]))]);
        return found.ToDictionary(value => value.Name, value => value.Value is Tensor<bool> flags
            ? (flags.Dimensions.ToArray(), flags.Select(flag => flag ? 1.0 : 0).ToArray())
            : (value.AsTensor<float>().Dimensions.ToArray(), value.AsTensor<float>().Select(number => (double)number).ToArray()));
    }

    private static FieldDiagnostics Diagnostics(Dictionary<string, (int[] Shape, double[] Values)> outputs)
    {
        using var scope = torch.NewDisposeScope();
        torch.Tensor Field(string name) => torch.tensor(
            outputs[name].Values, [.. outputs[name].Shape.Select(size => (long)size)], torch.ScalarType.Float64);
        return FieldDiagnostics.Measure(Field("displacement"), Field("inverse"))[0];
    }

    private static string Base64(ImageBuffer image) => Convert.ToBase64String(MemoryMarshal.AsBytes<float>(image.Data));

    private static double Number(string rows, string name) => double.Parse(
        rows.Split('\n').Single(row => row.StartsWith(name, StringComparison.Ordinal)).Split('\t')[1].Split(' ')[0],
        CultureInfo.InvariantCulture);
}
