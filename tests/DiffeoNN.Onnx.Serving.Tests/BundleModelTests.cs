using System.Text;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Serving.Options;
using DiffeoNN.Onnx.Serving.Protocol;
using DiffeoNN.Onnx.Serving.Repository;
using DiffeoNN.Onnx.Shapes;

namespace DiffeoNN.Onnx.Serving.Tests;

/// <summary>A bundle behind the protocol: its answers are those of the library, bit for bit.</summary>
[NonParallelizable]
public sealed class BundleModelTests
{
    private static readonly ExecutionOptions Cpu = new() { Device = ExecutionDevice.Cpu };
    private static readonly string Shapes = Checkout.Bundle("shapes");

    private BundleModel _model = null!;

    [OneTimeSetUp]
    public async Task Load()
    {
        _model = BundleModel.Load(Shapes, new ServingOptions
        {
            Execution = Cpu, MaximumBatch = 3, MaximumSteps = 500, QueueCapacity = 2, Limits = new ProtocolLimits { Pixels = 10_000 },
        });
        await _model.WarmUpAsync();
    }

    [OneTimeTearDown]
    public async Task Dispose() => await _model.DisposeAsync();

    [Test]
    public async Task Infer_OfPixels_GivesEverythingAsTheLibraryDoes()
    {
        ImageBuffer[] images = [Image(1), Image(2)];
        using var library = EquivariantModel.Load(
            Shapes, new EquivariantOptions { Execution = Cpu, Steps = 3, Seed = 5, Accept = AcceptanceRule.Always });
        using var first = library.Run([images[0]]);
        using var second = library.Run([images[1]]);
        EquivariantResult[] expected = [first, second];
        var request = Pixels(images, ("steps", 3L), ("seed", 5L), ("accept", "always")) with
        {
            Outputs = [.. _model.Metadata.Outputs.Select(output => new RequestedOutput(output.Name))],
        };

        var response = await _model.InferAsync(request);

        Assert.That(response.Images, Is.EqualTo(2));
        var outputs = response.Outputs.ToDictionary(output => output.Name);
        var (size, found) = (library.Bundle.Image, expected.SelectMany(one => one.Images).ToList());
        Assert.That(outputs.Keys, Is.EqualTo(new[]
        {
            "mask", "probabilities", "canonical", "displacement", "inverse", "energy_before", "energy_after", "accepted", "refusal",
            "steps", "stop", "determinant", "residual", "naive_mask", "naive_probabilities",
        }));
        var alone = library.RunNaive(images);
        Assert.That(outputs["naive_mask"].As<byte>().ToArray(), Is.EqualTo(alone.SelectMany(one => one.Labels!.Labels.ToArray())));
        Assert.That(outputs["naive_probabilities"].As<float>().ToArray(), Is.EqualTo(alone.SelectMany(one => one.Planes!.Data.ToArray())));
        Assert.That(outputs["naive_mask"].Data.Span.SequenceEqual(outputs["mask"].Data.Span), Is.False, "maps were used");
        foreach (var output in response.Outputs)
        {
            var declared = _model.Metadata.Outputs.Single(one => one.Name == output.Name);
            Assert.That(output.Type, Is.EqualTo(declared.Type));
            Assert.That(output.Shape.Zip(declared.Shape).All(pair => pair.Second is -1 || pair.First == pair.Second), output.ToString());
        }

        Assert.That(outputs["mask"].ToString(), Is.EqualTo($"'mask' UINT8 [2,{images[0].Height},{images[0].Width}]"));
        Assert.That(outputs["mask"].As<byte>().ToArray(), Is.EqualTo(found.SelectMany(one => one.Output.Labels!.Labels.ToArray())));
        Assert.That(outputs["probabilities"].As<float>().ToArray(), Is.EqualTo(found.SelectMany(one => one.Output.Planes!.Data.ToArray())));
        Assert.That(outputs["canonical"].Shape, Is.EqualTo(new long[] { 2, size.Channels, size.Height, size.Width }));
        Assert.That(outputs["canonical"].As<float>().ToArray(), Is.EqualTo(found.SelectMany(one => one.Canonical.Data.ToArray())));
        Assert.That(outputs["displacement"].As<float>().ToArray(),
            Is.EqualTo(expected.SelectMany(one => one.Fields.Displacement.data<float>().ToArray())));
        Assert.That(outputs["inverse"].As<float>().ToArray(),
            Is.EqualTo(expected.SelectMany(one => one.Fields.InverseDisplacement.data<float>().ToArray())));
        Assert.That(outputs["inverse"].Data.Span.SequenceEqual(outputs["displacement"].Data.Span), Is.False, "maps were found");
        var searches = found.Select(one => one.Canonicalisation).ToList();
        Assert.That(outputs["energy_before"].As<double>().ToArray(), Is.EqualTo(searches.Select(one => one.InputEnergy)));
        Assert.That(outputs["energy_after"].As<double>().ToArray(), Is.EqualTo(searches.Select(one => one.CanonicalEnergy)));
        Assert.That(outputs["accepted"].As<bool>().ToArray(), Is.EqualTo(searches.Select(one => one.Accepted)));
        Assert.That(outputs["steps"].As<int>().ToArray(), Is.EqualTo(searches.Select(one => one.Steps)));
        Assert.That(Texts(outputs["refusal"]), Is.EqualTo(searches.Select(one => one.Refusal?.Text ?? "")));
        Assert.That(Texts(outputs["stop"]), Is.EqualTo(searches.Select(one => $"{one.Stop}")));
        Assert.That(outputs["determinant"].As<double>().ToArray(), Is.EqualTo(searches.Select(one => one.Diagnostics.MinimumDeterminant)));
        Assert.That(outputs["residual"].As<double>().ToArray(), Is.EqualTo(searches.Select(one => one.Diagnostics.InverseResidualMaximum)));
    }

    [Test]
    public async Task Infer_OfAFile_GivesTheUsualOutputs_AtTheFilesSize()
    {
        var image = Image(3, 70);
        var file = ImageFile.EncodePng(image);
        using var library = EquivariantModel.Load(Shapes, new EquivariantOptions { Execution = Cpu });
        using var stream = new MemoryStream(file);
        using var expected = library.Run([ImageFile.Read(stream)]);

        var response = await _model.InferAsync(Files(file));

        Assert.That(response.Outputs.Select(output => output.Name), Is.EqualTo(new[]
        {
            "mask", "energy_before", "energy_after", "accepted", "refusal", "steps", "stop", "determinant", "residual",
        }));
        Assert.That(response.Outputs[0].ToString(), Is.EqualTo("'mask' UINT8 [1,70,70]"));
        Assert.That(response.Outputs[0].As<byte>().ToArray(), Is.EqualTo(expected.Images[0].Output.Labels!.Labels.ToArray()));
        var refusal = expected.Images[0].Canonicalisation.Refusal;
        Assert.That(refusal, Is.Not.Null, "the image is as the bundle knows it");
        Assert.That(Texts(response.Outputs[4]), Is.EqualTo(new[] { refusal!.Text }));
        Assert.That(response.Outputs[3].As<bool>().ToArray(), Is.EqualTo(new[] { false }));
    }

    [Test]
    public async Task TheNetworkAlone_TakesNoSteps_AndItsImagesCount()
    {
        ImageBuffer[] images = [Image(1), Image(2), Image(3)];
        using var library = EquivariantModel.Load(Shapes, new EquivariantOptions { Execution = Cpu });
        var expected = library.RunNaive(images).SelectMany(one => one.Labels!.Labels.ToArray()).ToArray();
        var request = Pixels(images) with { Outputs = [new RequestedOutput("naive_mask")] };
        var steps = _model.Steps;

        var response = await _model.InferAsync(request);

        Assert.That(response.Outputs.Single().As<byte>().ToArray(), Is.EqualTo(expected));
        Assert.That((_model.Steps, _model.PendingImages, response.Images), Is.EqualTo((steps, 0, 3)));
        Assert.That(_model.Metadata.Outputs.Where(output => output.Name.EndsWith("mask")).Select(output => string.Join(' ', output.Labels)),
            Is.EqualTo(new[] { "background target", "background target" }));

        using var gone = new CancellationTokenSource();
        // Two images are all that there is room for.
        var slow = Pixels([Image(1), Image(2)], ("steps", 500L), ("start", "identity"), ("accept", "always"));
        var searching = _model.InferAsync(slow, gone.Token).AsTask();
        Assert.That(() => _model.RunningImages, Is.EqualTo(2).After(5000, 1));
        Assert.That(async () => await _model.InferAsync(request), Throws.TypeOf<ProtocolException>().With.Property("Kind")
            .EqualTo(ErrorKind.Busy).And.Message.EqualTo("2 images wait for this model or run, of 2 that may; try again later."));
        await gone.CancelAsync();
        Assert.That(async () => await searching, Throws.InstanceOf<OperationCanceledException>());
        Assert.That(async () => await _model.InferAsync(request, gone.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That(_model.PendingImages, Is.Zero);
    }

    [Test]
    public async Task Parameters_DecideTheSearch()
    {
        var image = Image(4);
        async Task<int> Steps(params (string, object)[] parameters) => (await _model.InferAsync(Pixels([image], parameters) with
        {
            Outputs = [new RequestedOutput("steps")],
        })).Outputs.Single().As<int>()[0];

        Assert.That(await Steps(("steps", 0L), ("accept", "always"), ("start", "proposer"), ("passes", 2L)), Is.Zero);
        Assert.That(await Steps(("steps", 2L), ("accept", "always"), ("start", "identity"), ("priority", 1L)), Is.EqualTo(2));
        Assert.That(await Steps(("steps", "1"), ("accept", "always"), ("start", "identity")), Is.EqualTo(1));
    }

    [TestCase("steps", -1L, ErrorKind.Invalid, "Parameter 'steps' is -1; expected a whole number")]
    [TestCase("steps", 501L, ErrorKind.TooLarge, "Parameter 'steps' is 501; this server allows 500.")]
    [TestCase("steps", 1.5, ErrorKind.Invalid, "Parameter 'steps' is 1.5; expected a whole number")]
    [TestCase("start", "elsewhere", ErrorKind.Invalid, "Parameter 'start' is 'elsewhere'; expected")]
    [TestCase("accept", true, ErrorKind.Invalid, "Parameter 'accept' is true; expected")]
    [TestCase("passes", 0L, ErrorKind.Invalid, "Parameter 'passes' is 0; expected")]
    [TestCase("step", 1L, ErrorKind.Invalid,
        "There is no parameter 'step'. Parameters: steps, seed, start, passes, accept, timeout, on_timeout, priority.")]
    public void Parameters_OutOfRange_AreRefused(string name, object value, ErrorKind kind, string message) => Assert.That(
        async () => await _model.InferAsync(Pixels([Image(1)], (name, value))), Throws.TypeOf<ProtocolException>()
            .With.Property("Kind").EqualTo(kind).And.Message.StartsWith(message));

    [Test]
    public void Inputs_ThatAreNoImages_AreRefused()
    {
        (InferenceRequest Request, ErrorKind Kind, string Message)[] wrong =
        [
            (Files("no image"u8.ToArray()), ErrorKind.Invalid,
                "Input 'image', image 0: The file cannot be read: it is no complete PNG, JPEG, BMP, WebP or GIF image, nor a TIFF."),
            (Files(Encoding.ASCII.GetBytes(Convert.ToBase64String(ImageFile.EncodePng(Image(1))))), ErrorKind.Invalid,
                "nor a TIFF. It is text in base64; files are sent as binary data, as they are."),
            (Files(Array.Empty<byte>()), ErrorKind.Invalid, "Input 'image', image 0: The file is empty; expected an image."),
            (Files(ImageFile.EncodePng(Image(1)), ImageFile.EncodePng(new ImageBuffer(1, 101, 100))), ErrorKind.TooLarge,
                "Input 'image', image 1: the file is of 100x101 pixels; this server takes 10000 an image."),
            (Files(ImageFile.EncodePng(new ImageBuffer(1, 1, 9))), ErrorKind.Invalid,
                "The file is 9x1 pixels; an image needs at least 2x2."),
            (Pixels([new ImageBuffer(1, 1, 9)]), ErrorKind.Invalid, "Input 'pixels', image 0: An image is 9x1 pixels; at least 2x2"),
            (Pixels([new ImageBuffer(2, 8, 8)]), ErrorKind.Invalid, "An image has 2 channels"),
            (Pixels([new ImageBuffer(1, 2, 2, [0, 1, 2, 3])]), ErrorKind.Invalid, "An image holds the value 2"),
            (Pixels([Image(1), Image(1), Image(1), Image(1)]), ErrorKind.TooLarge, "has 4 images; expected 1 to 3"),
            (new InferenceRequest { Inputs = [InferenceTensor.OfStrings("image", [0], [])] }, ErrorKind.Invalid, "has 0 images"),
            (new InferenceRequest { Inputs = [InferenceTensor.Of<float>("pixels", [1, 1, 0, 5], [])] }, ErrorKind.Invalid, "has no pixels"),
            (new InferenceRequest { Inputs = [.. Pixels([Image(1)]).Inputs, .. Files([1]).Inputs] }, ErrorKind.Invalid, "has both inputs"),
            (new InferenceRequest { Inputs = [InferenceTensor.Of<byte>("pixels", [1, 1, 2, 2], [1, 1, 1, 1])] }, ErrorKind.Invalid,
                "was sent 'pixels' UINT8 [1,1,2,2]; it takes 'pixels' FP32 [-1,-1,-1,-1]"),
        ];
        foreach (var (request, kind, message) in wrong)
        {
            Assert.That(async () => await _model.InferAsync(request), Throws.TypeOf<ProtocolException>()
                .With.Property("Kind").EqualTo(kind).And.Message.Contains(message), message);
        }
    }

    [Test]
    public async Task ImagesOfDifferentSizes_ShareARequest_WhoseOutputsHaveOneSize()
    {
        var request = Files(ImageFile.EncodePng(Image(1, 64)), ImageFile.EncodePng(Image(2, 48)));
        var response = await _model.InferAsync(request with { Outputs = [new RequestedOutput("accepted")] });
        Assert.That(response.Outputs[0].Shape, Is.EqualTo(new long[] { 2 }));
        Assert.That(async () => await _model.InferAsync(request), Throws.TypeOf<ProtocolException>().With.Message.EqualTo(
            "Output 'mask' has shape [64,64] for the first image and [48,48] for another; send images of different sizes in requests of "
            + "their own."));
    }

    [Test]
    public async Task Timeout_EndsASearch_AndWhoWaitsForIt()
    {
        var slow = Pixels([Image(5)], ("steps", 500L), ("start", "identity"), ("accept", "always"));
        var running = _model.InferAsync(slow with { Parameters = With(slow, ("timeout", 300_000L)) }).AsTask();
        var waiting = _model.InferAsync(slow with { Parameters = With(slow, ("timeout", 100_000L)) }).AsTask();
        Assert.That(async () => await waiting, Throws.TypeOf<ProtocolException>().With.Property("Kind").EqualTo(ErrorKind.DeadlineExceeded)
            .And.Message.EqualTo("The request's timeout of 100 ms was up before its answer."));
        Assert.That(
            async () => await running, Throws.TypeOf<ProtocolException>().With.Property("Kind").EqualTo(ErrorKind.DeadlineExceeded));
        Assert.That((await _model.InferAsync(Pixels([Image(5)]))).Outputs, Is.Not.Empty, "the next request is right");
    }

    [Test]
    public async Task Cancellation_EndsASearch_AndAFullQueueRefuses()
    {
        using var gone = new CancellationTokenSource();
        var slow = Pixels([Image(6)], ("steps", 500L), ("start", "identity"), ("accept", "always"));
        var requests = Enumerable.Range(0, 4).Select(_ => _model.InferAsync(slow, gone.Token).AsTask()).ToList();
        // There is room for two images.
        var refused = await Task.WhenAny(requests);
        Assert.That(async () => await refused, Throws.TypeOf<ProtocolException>().With.Property("Kind").EqualTo(ErrorKind.Busy)
            .And.Message.EqualTo("2 images wait for this model or run, of 2 that may; try again later.")
            .And.Property("RetryAfter").InRange(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60)));
        await gone.CancelAsync();
        var ends = await Task.WhenAll(requests.Select(async request =>
        {
            try
            {
                await request;
                return "answered";
            }
            catch (Exception error)
            {
                return error is OperationCanceledException ? "cancelled" : $"{(error as ProtocolException)?.Kind}";
            }
        }));
        Assert.That(ends, Is.EquivalentTo(new[] { "Busy", "Busy", "cancelled", "cancelled" }));
        Assert.That((await _model.InferAsync(Pixels([Image(6)]))).Outputs, Is.Not.Empty, "the next request is right");
    }

    /// <summary>A request of images as a tensor.</summary>
    internal static InferenceRequest Pixels(IReadOnlyList<ImageBuffer> images, params (string Name, object Value)[] parameters)
    {
        var first = images[0];
        return new InferenceRequest
        {
            Parameters = new RequestParameters(parameters.Select(pair => KeyValuePair.Create(pair.Name, pair.Value))),
            Inputs =
            [
                InferenceTensor.Of<float>("pixels", [images.Count, first.Channels, first.Height, first.Width],
                    images.SelectMany(image => image.Data.ToArray()).ToArray()),
            ],
        };
    }

    /// <summary>An image that the bundle knows, deformed by nothing but its size.</summary>
    internal static ImageBuffer Image(long index, int size = 64) => ShapesGenerator.Generate(7, index, size).Image;

    private static RequestParameters With(InferenceRequest request, params (string Name, object Value)[] more) =>
        new(request.Parameters.All.Concat(more.Select(pair => KeyValuePair.Create(pair.Name, pair.Value))));

    private static InferenceRequest Files(params byte[][] files) => new()
    {
        Inputs = [InferenceTensor.OfStrings("image", [files.Length], [.. files.Select(file => (ReadOnlyMemory<byte>)file)])],
    };

    private static IEnumerable<string> Texts(InferenceTensor tensor) =>
        tensor.Strings.Select(text => Encoding.UTF8.GetString(text.Span));
}
