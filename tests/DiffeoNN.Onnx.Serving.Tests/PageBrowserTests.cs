using System.Buffers;
using System.Globalization;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Server;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>The page in a real browser, against a server with a bundle; skipped where no browser is.</summary>
[NonParallelizable]
public sealed class PageBrowserTests
{
    private const string Shown = "document.querySelectorAll('#view figure').length > 0";
    private const string Failed = "!document.getElementById('error').hidden";

    private TemporaryFolder _folder = null!;
    private Browser _browser = null!;
    private InferenceServer _server = null!;

    [OneTimeSetUp]
    public async Task Start()
    {
        _browser = await Browser.Start();
        _folder = new TemporaryFolder();
        var bundle = Directory.CreateDirectory(Path.Combine(_folder.Path, "models", "shapes")).FullName;
        var from = Checkout.Bundle("shapes");
        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            var target = Path.Combine(bundle, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(file, target);
        }

        PlainModelTests.SumAndDifference().Save(Path.Combine(_folder.Path, "models", "plain.onnx"));
        await File.WriteAllTextAsync(_folder["keys"], "secret\n");
        await File.WriteAllTextAsync(_folder["text.png"], "no image");
        await File.WriteAllBytesAsync(_folder["bent.png"], ImageFile.EncodePng(Bent()));
        _server = new InferenceServer(new ServerOptions
        {
            Models = _folder["models"], KeyFile = _folder["keys"], Address = "127.0.0.1", Http = 0, Grpc = -1, Metrics = -1,
            Serving = new ServingOptions { Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu } }, Drain = TimeSpan.Zero,
        });
        await _server.StartAsync();
    }

    [OneTimeTearDown]
    public async Task Stop()
    {
        if (_browser is not null) await _browser.DisposeAsync();
        if (_server is not null) await _server.DisposeAsync();
        _folder?.Dispose();
    }

    [SetUp]
    public async Task Open()
    {
        await Resize(1280);
        await _browser.Go(_server.Addresses.Http!);
        await _browser.Until("document.getElementById('lock')?.hidden === false");
        await Key("secret");
        await _browser.Until("document.getElementById('model').value === 'shapes'");
    }

    [TearDown]
    public void NothingWasWrong() => Assert.That(_browser.Complaints, Is.Empty);

    [Test]
    public async Task Page_AsksForTheKey_AndSaysWhereItIsWrong()
    {
        await _browser.Go(_server.Addresses.Http!);
        await _browser.Until("document.getElementById('lock')?.hidden === false");
        Assert.That(await _browser.Text("#server"), Is.EqualTo("The server wants a key before it says more."));
        await Key("guess");
        await _browser.Until("document.getElementById('server').innerText === 'The server does not know this key.'");
        await Key("secret");
        await _browser.Until("document.getElementById('lock').hidden");
        await _browser.Until("document.querySelectorAll('#models li').length === 2");
        Assert.That(await _browser.Text("#models li:last-child"), Does.StartWith("shapes").And.Contain("version 1").And.Contain("ready"));
        Assert.That(await _browser.Text("#models li:first-child"), Does.StartWith("plain").And.Contain("A plain ONNX model"));
        Assert.That(await _browser.Text("#server"), Does.StartWith("diffeonn ").And.EndWith(": ready"));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Answer_IsShownAsTheServerGivesIt(bool isBent)
    {
        var file = isBent ? _folder["bent.png"] : _folder["straight.png"];
        if (!isBent) await File.WriteAllBytesAsync(file, ImageFile.EncodePng(BundleModelTests.Image(3, 128)));
        var expected = await Expected(file);
        Assert.That(expected["accepted"].As<bool>()[0], Is.EqualTo(isBent), "one is used, and the other one refused");
        await _browser.Choose("#file", file);
        await _browser.Until("!document.getElementById('preview').hidden");
        Assert.That(await _browser.Text("#file-note"), Is.EqualTo($"{Path.GetFileName(file)}, 128 × 128 pixels."));

        await _browser.Ask("document.getElementById('run').click()");
        await _browser.Until(Shown);

        Assert.That(await _browser.Text("#result-title"), Is.EqualTo($"Answer of shapes, version 1, to {Path.GetFileName(file)}"));
        var verdict = await _browser.Text("#view .verdict");
        var refusal = System.Text.Encoding.UTF8.GetString(expected["refusal"].Strings[0].Span);
        Assert.That(verdict, Does.StartWith($"The map that was found is {(isBent ? "used." : "not used.")}").And.Contain(refusal));
        var figures = await _browser.Ask("[...document.querySelectorAll('#view figure')].map(one => one.innerText)");
        string[] texts = [.. figures!.AsArray().Select(text => (string)text!)];
        Assert.That(texts.Select(text => text.Split('\n')[0]), Is.EqualTo(
            new[] { "Input", "Canonical image", "The network alone", "The answer, carried back", "Displacement" }));
        Assert.That(texts[2], Does.Contain(Share("naive_mask")));
        Assert.That(texts[3], Does.Contain(Share("mask")));
        Assert.That(texts[4], Does.Contain(isBent ? "at most" : "Nothing is moved."));
        var rows = await _browser.Text("#view .certificate");
        Assert.That(rows, Does.Contain($"Steps\t{expected["steps"].As<int>()[0]}"));
        var energy = expected["energy_before"].As<double>()[0];
        Assert.That(rows, Does.Contain($"Energy\t{energy.ToString(energy < 1000 ? "G4" : "F0", CultureInfo.InvariantCulture)} "));
        // Drawn, and said to those who do not see it.
        var canvases = await _browser.Ask("""
            [...document.querySelectorAll('#view figure > canvas')].filter(one => one.getAttribute('role') === 'img' && one.ariaLabel
              && new Set(new Uint32Array(one.getContext('2d').getImageData(0, 0, one.width, one.height).data.buffer)).size > 1).length
            """);
        Assert.That((int)canvases!, Is.EqualTo(isBent ? 5 : 4), "all but the displacement of what is not moved");

        string Share(string mask)
        {
            var labels = expected[mask].As<byte>().ToArray();
            return string.Create(CultureInfo.InvariantCulture, $"target: {100.0 * labels.Count(label => label == 1) / labels.Length:F1} %");
        }
    }

    [Test]
    public async Task Errors_AreShownInWords()
    {
        await _browser.Ask("document.getElementById('run').click()");
        await _browser.Until(Failed);
        Assert.That(await _browser.Text("#error"), Is.EqualTo("Choose an image first."));
        await _browser.Choose("#file", _folder["text.png"]);
        await _browser.Until("document.getElementById('error').innerText.startsWith('text.png')");
        Assert.That(await _browser.Text("#error"), Does.Contain("is no image that this browser can read"));
        // Asked before the image is read, which takes a while here.
        await _browser.Ask("const read = createImageBitmap; window.createImageBitmap = async (...parts) => {"
            + " await new Promise(goOn => setTimeout(goOn, 300)); return read(...parts); }; null");
        await _browser.Choose("#file", _folder["bent.png"]);
        await _browser.Until("document.getElementById('error').hidden");
        await _browser.Ask("document.getElementById('steps').value = '5000'; document.getElementById('run').click()");
        await _browser.Until(Failed);
        Assert.That(await _browser.Text("#error"), Is.EqualTo("Parameter 'steps' is 5000; this server allows 1000."));
    }

    [Test]
    public async Task Cancel_EndsTheSearch_AndTheTimeLimitGivesTheBest()
    {
        await _browser.Choose("#file", _folder["bent.png"]);
        await _browser.Until("!document.getElementById('preview').hidden");
        await _browser.Ask("document.getElementById('steps').value = '1000'; document.getElementById('start').value = 'identity'; "
            + "document.getElementById('limit').value = '0.2'; document.getElementById('run').click()");
        await _browser.Until(Shown);
        Assert.That(await _browser.Text("#view"), Does.Contain("The time was up before the search had ended")
            .And.Contain("Best at the time limit").And.Contain("the time was up"));
        await _browser.Ask("document.getElementById('limit').value = ''; document.getElementById('run').click()");
        Assert.That(() => _server.Repository.Pending().Sum(load => load.Running), Is.EqualTo(1).After(5000, 5));
        await _browser.Ask("document.getElementById('cancel').click()");
        await _browser.Until("document.getElementById('progress').innerText === 'Cancelled.'");
        Assert.That(() => _server.Repository.Pending().Sum(load => load.Waiting + load.Running), Is.Zero.After(5000, 20));
    }

    [TestCase("0", "no steps were to be taken")]
    [TestCase("1", "all steps were taken")]
    public async Task Certificate_TellsASearchWithoutSteps_FromOneThatTookAll(string steps, string reason)
    {
        await _browser.Choose("#file", _folder["bent.png"]);
        await _browser.Until("!document.getElementById('preview').hidden");
        await _browser.Ask($"document.getElementById('steps').value = '{steps}'");
        await _browser.Ask("document.getElementById('run').click()");
        await _browser.Until(Shown);
        Assert.That(await _browser.Text("#view .certificate"), Does.Contain($"Steps\t{steps}\n")
            .And.Contain($"The search ended because\t{reason}"));
    }

    [Test]
    public async Task Page_FitsNarrowWindows_TurnsDark_AndNamesWhatCanBeUsed()
    {
        await _browser.Choose("#file", _folder["bent.png"]);
        await _browser.Until("!document.getElementById('preview').hidden");
        await _browser.Ask("document.getElementById('run').click()");
        await _browser.Until(Shown);
        foreach (var width in (int[])[1280, 360])
        {
            await Resize(width);
            Assert.That((int)(await _browser.Ask("document.documentElement.scrollWidth"))!, Is.LessThanOrEqualTo(width));
        }

        foreach (var (scheme, colour) in ((string, string)[])[("dark", "rgb(20, 24, 28)"), ("light", "rgb(255, 255, 255)")])
        {
            var feature = new { name = "prefers-color-scheme", value = scheme };
            await _browser.Send("Emulation.setEmulatedMedia", new { features = new[] { feature } });
            Assert.That((string)(await _browser.Ask("getComputedStyle(document.body).backgroundColor"))!, Is.EqualTo(colour));
        }

        var unnamed = await _browser.Ask(
            "[...document.querySelectorAll('input, select')].filter(one => one.labels.length !== 1).map(one => one.id)");
        Assert.That(unnamed!.AsArray(), Is.Empty);
        await _browser.Ask("document.querySelector('.skip').focus()");
        var reached = new List<string>();
        for (var i = 0; i < 6; i++)
        {
            foreach (var type in (string[])["keyDown", "keyUp"])
                await _browser.Send("Input.dispatchKeyEvent", new { type, key = "Tab", code = "Tab", windowsVirtualKeyCode = 9 });
            reached.Add((string)(await _browser.Ask("document.activeElement.id"))!);
        }

        Assert.That(reached, Is.EqualTo(new[] { "file", "model", "steps", "start", "limit", "run" }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Protocol_ReadsEveryType(bool isBinary)
    {
        // A browser reads numbers of JSON as doubles.
        var (most, least) = isBinary ? (ulong.MaxValue, long.MinValue) : (1UL << 52, -(1L << 52));
        var found = await Decoded(isBinary,
        [
            InferenceTensor.Of<bool>("bool", [2], [true, false]), InferenceTensor.OfTexts("bytes", [2], ["größer", ""]),
            InferenceTensor.Of<byte>("uint8", [3], [0, 7, 255]), InferenceTensor.Of<sbyte>("int8", [1], [-128]),
            InferenceTensor.Of<ushort>("uint16", [1], [65535]), InferenceTensor.Of<short>("int16", [1], [-32768]),
            InferenceTensor.Of<uint>("uint32", [1], [uint.MaxValue]), InferenceTensor.Of<int>("int32", [2], [int.MinValue, 3]),
            InferenceTensor.Of<ulong>("uint64", [1], [most]), InferenceTensor.Of<long>("int64", [1], [least]),
            InferenceTensor.Of<Half>("fp16", [3], [(Half)0.5f, (Half)(-65504f), Half.Epsilon]),
            InferenceTensor.Of<float>("fp32", [2, 1], [0.1f, float.NaN]), InferenceTensor.Of<double>("fp64", [2], [1e300, -0.25]),
        ]);
        Assert.That(found, Is.EqualTo(new[]
        {
            "m", "3", "7", "bool 2 true,false", "bytes 2 größer,", "uint8 3 0,7,255", "int8 1 -128", "uint16 1 65535", "int16 1 -32768",
            "uint32 1 4294967295", "int32 2 -2147483648,3", $"uint64 1 {most}", $"int64 1 {least}",
            "fp16 3 0.5,-65504,5.960464477539063e-8", "fp32 2,1 0.10000000149011612,NaN", "fp64 2 1e+300,-0.25",
        }));
    }

    [Test]
    public async Task Protocol_RefusesNumbers_ThatJsonDoesNotBringExactly() => Assert.That(
        await Decoded(false, [InferenceTensor.Of<ulong>("big", [1], [ulong.MaxValue])]),
        Is.EqualTo(new[] { "Output 'big' has numbers that are too large to be read from JSON; ask for it in binary." }));

    private async Task<IEnumerable<string>> Decoded(bool isBinary, InferenceTensor[] tensors)
    {
        var body = new ArrayBufferWriter<byte>();
        var asked = Requests.Read($"{{'parameters':{{'binary_data_output':{(isBinary ? "true" : "false")}}},"
            + "'inputs':[{'name':'x','shape':[1],'datatype':'FP32','data':[1]}]}");
        var length = InferenceResponseWriter.Write(
            new InferenceResponse { Model = "m", Version = "3", Id = "7", Outputs = tensors }, asked, body);
        var found = await _browser.Ask($$"""
            (async () => {
              const { decode, strings } = await import(new URL('page/protocol.js', document.baseURI));
              const body = Uint8Array.from(atob('{{Convert.ToBase64String(body.WrittenSpan)}}'), one => one.charCodeAt(0)).buffer;
              const { model, version, id, outputs } = decode(body, {{(length is { } told ? $"{told}" : "null")}});
              const texts = [...outputs.values()].map(one =>
                [one.name, one.shape, (one.datatype === 'BYTES' ? strings(one) : Array.from(one.data, String)).join()].join(' '));
              return [model, version, id, ...texts];
            })().catch(error => [error.message])
            """);
        return found!.AsArray().Select(text => (string)text!);
    }

    private Task Resize(int width) => _browser.Send(
        "Emulation.setDeviceMetricsOverride", new { width, height = 900, deviceScaleFactor = 1, mobile = width < 500 });

    private async Task Key(string key)
    {
        await _browser.Ask($"document.getElementById('key').value = {Browser.Quoted(key)}");
        await _browser.Ask("document.getElementById('lock-form').requestSubmit()");
    }

    private async Task<Dictionary<string, InferenceTensor>> Expected(string file)
    {
        var answer = await _server.Repository.InferAsync(new InferenceRequest
        {
            Model = "shapes",
            Inputs = [InferenceTensor.OfStrings("image", [1], [await File.ReadAllBytesAsync(file)])],
            Outputs = [.. new[] { "mask", "naive_mask", "energy_before", "accepted", "refusal", "steps" }
                .Select(name => new RequestedOutput(name))],
        });
        return answer.Outputs.ToDictionary(output => output.Name);
    }

    /// <summary>An image that the bundle knows, each pixel taken from up to 16 pixels away.</summary>
    private static ImageBuffer Bent()
    {
        var image = BundleModelTests.Image(3, 128);
        var bent = new ImageBuffer(1, 128, 128);
        for (var y = 0; y < 128; y++)
        {
            for (var x = 0; x < 128; x++)
            {
                var (column, row) = (x + (12 * Math.Sin(y / 24.0)), y + (12 * Math.Cos(x / 28.0)));
                bent.Plane(0)[(y * 128) + x] =
                    image.Plane(0)[(Math.Clamp((int)Math.Round(row), 0, 127) * 128) + Math.Clamp((int)Math.Round(column), 0, 127)];
            }
        }

        return bent;
    }
}
