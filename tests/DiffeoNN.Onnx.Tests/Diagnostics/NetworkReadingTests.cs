using DiffeoNN.Onnx.Answers;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Diagnostics.Reading;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Shapes;

namespace DiffeoNN.Onnx.Tests.Diagnostics;

/// <summary>What is read of networks of the repository and of small ones, whose manifests are known.</summary>
[TestFixture]
internal sealed partial class NetworkReadingTests
{
    private static readonly ImageBuffer[] Shapes = [.. Enumerable.Range(0, 8).Select(i => ShapesGenerator.Generate(77, i, 64).Image)];

    private TemporaryFolder _folder = null!;

    [SetUp]
    public void MakeFolder() => _folder = new TemporaryFolder();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [TestCase("shapes", "shapes")]
    [TestCase("shapes", null)]
    [TestCase("lungs", "data/lungs")]
    [TestCase("lungs", null)]
    [TestCase("genus", "data/mnist")]
    [TestCase("genus", null)]
    public void Guesses_OfTheRepositorysNetworks_AreTheirManifests(string name, string? data)
    {
        var truth = BundleManifest.Load(Path.Combine(Repository.Bundle(name), BundleManifest.FileName));
        var images = data is null ? null : WiringImages.Read(data == "shapes" ? data : Repository.Shared(data), out _);

        var reading = NetworkReading.Of(Path.Combine(Repository.Bundle(name), "inner.onnx"), images);

        Assert.Multiple(() =>
        {
            Assert.That((reading.Image.Channels, reading.Image.Height, reading.Image.Width),
                Is.EqualTo((truth.Image.Channels, truth.Image.Height, truth.Image.Width)));
            Assert.That(reading.Image.IsIdentity());
            Assert.That(reading.Input, Is.EqualTo(truth.Models.Inner.Input));
            Assert.That(reading.Outputs, Is.EqualTo(new[] { truth.Models.Inner.Output with { Classes = null } }));
            Assert.That(reading.Findings, Is.Empty);
        });
    }

    [Test]
    public void ChannelsLastBytes_AtAQuarterOfTheResolution_AreRead()
    {
        var network = new SmallNetwork(OnnxElementType.UInt8, 1, 32, 48, 3);
        var value = network.Node("Transpose", network.Node("Cast", "pixels", OnnxAttribute.Of("to", 1L)),
            OnnxAttribute.Of("perm", [0L, 3, 1, 2]));
        var path = network.Output("out", network.Convolution(value, 3, 5, stride: 4), OnnxElementType.Float, 1, 5, 8, 12)
            .Save(_folder["network.onnx"]);

        var reading = NetworkReading.Of(path, Shapes);

        Assert.Multiple(() =>
        {
            Assert.That(reading.Input, Is.EqualTo(new InputSpec { Name = "pixels", Layout = ChannelLayout.ChannelsLast }));
            Assert.That((reading.Image.Channels, reading.Image.Height, reading.Image.Width), Is.EqualTo((3, 32, 48)));
            Assert.That(reading.Outputs.Single(), Is.EqualTo(new OutputSpec
                { Name = "out", Kind = OutputKind.Segmentation, Activation = OutputActivation.Softmax }));
            Assert.That(Of(reading, "normalisation").Origin, Is.EqualTo(GuessOrigin.File));
            Assert.That(Of(reading, "layout").ToString(),
                Is.EqualTo("layout: channelsLast (the graph brings channels to the front; else --layout)"));
        });
        using var inner = InnerModel.Load(reading.Write(_folder["bundle"]), BundleRole.Inner, Engine.Create());
        using var answer = inner.Run(ImageTensor.ToTensor([new ImageBuffer(3, 32, 48)]));
        Assert.That(answer.shape, Is.EqualTo(new long[] { 1, 5, 32, 48 }));
    }

    [Test]
    public void PointsAndBoxes_AreToldByShapesAndValues()
    {
        var points = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        var numbers = points.Head("pixels", 1, 8, 1, 2, -1, 0.5f, -2, 1, 0.3f, -0.4f);
        var path = points.Output("spots", points.Node("Reshape", numbers, [OnnxTensor.Int64s("s", -1, 4, 2)]), OnnxElementType.Float,
            "N", 4, 2).Save(_folder["points.onnx"]);
        var reading = NetworkReading.Of(path, Shapes);
        Assert.That(reading.Outputs.Single(), Is.EqualTo(new OutputSpec
            { Name = "spots", Kind = OutputKind.Points, Coordinates = OutputCoordinates.Centred }));
        Assert.That(Of(reading, "normalisation").Origin, Is.EqualTo(GuessOrigin.Unknown));

        var boxes = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        var corners = boxes.Head("pixels", 1, 8, 4, 8, 60, 80, 10, 2, 100, 90);
        var scores = boxes.Node("Reshape", boxes.Head("pixels", 1, 6, 1, 2, 3, 3, 2, 1), [OnnxTensor.Int64s("s", -1, 2, 3)]);
        boxes.Output("scores", boxes.Node("Softmax", scores, OnnxAttribute.Of("axis", 2L)), OnnxElementType.Float, "N", 2, 3);
        boxes.Output("found", boxes.Node("Reshape", corners, [OnnxTensor.Int64s("s", -1, 2, 4)]), OnnxElementType.Float, "N", 2, 4);
        reading = NetworkReading.Of(boxes.Save(_folder["boxes.onnx"]), Shapes);
        Assert.That(reading.Outputs.Single(), Is.EqualTo(new OutputSpec
        {
            Name = "found", Kind = OutputKind.Boxes, Scores = "scores", Coordinates = OutputCoordinates.Pixels, Format = BoxFormat.Xyxy,
        }));
    }

    [Test]
    public void ClassNumbers_AreCountedInWhatTheyAreTheLargestOf()
    {
        var network = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        var best = network.Node("ArgMax", network.Convolution("pixels", 1, 7), OnnxAttribute.Of("axis", 1L), OnnxAttribute
            .Of("keepdims", 0L));
        var path = network.Output("out", best, OnnxElementType.Int64, "N", 32, 32).Save(_folder["network.onnx"]);

        var output = NetworkReading.Of(path, Shapes).Outputs.Single();

        Assert.That(output.Kind, Is.EqualTo(OutputKind.Segmentation));
        Assert.That(output.Activation, Is.EqualTo(OutputActivation.None));
        Assert.That(output.Classes, Has.Count.EqualTo(7));
    }

    [Test]
    public void Output_ThatRepeatsTheImage_IsAnImage()
    {
        var network = new SmallNetwork(OnnxElementType.Float, "N", 3, 32, 32);
        var path = network.Output("y", network.Node("Mul", network.Node("MaxPool", "pixels",
            OnnxAttribute.Of("kernel_shape", [3L, 3]), OnnxAttribute.Of("pads", [1L, 1, 1, 1])), [OnnxTensor.Scalar("half", 0.5f)]),
            OnnxElementType.Float, "N", 3, 32, 32).Save(_folder["network.onnx"]);

        Assert.That(NetworkReading.Of(path, Shapes).Outputs.Single().Kind, Is.EqualTo(OutputKind.Image));
        Assert.That(NetworkReading.Of(path, Shapes, new ReadingOptions { Kind = OutputKind.Segmentation }).Outputs.Single().Kind,
            Is.EqualTo(OutputKind.Segmentation));
        Assert.That(Of(NetworkReading.Of(path), "kind of 'y'").Origin, Is.EqualTo(GuessOrigin.Unknown));
    }

    [Test]
    public void NormalisationInTheGraph_TellsTheRange()
    {
        var network = new SmallNetwork(OnnxElementType.Float, "N", 3, 32, 32);
        var centred = network.Node("Sub", "pixels", [OnnxTensor.Create<float>("m", [1, 3, 1, 1], [123.7f, 116.3f, 103.5f])]);
        var scaled = network.Node("Div", centred, [OnnxTensor.Create<float>("d", [1, 3, 1, 1], [58.4f, 57.1f, 57.4f])]);
        var path = network.Output("logits", network.Convolution(scaled, 3, 2), OnnxElementType.Float, "N", 2, 32, 32)
            .Save(_folder["network.onnx"]);

        var reading = NetworkReading.Of(path);

        Assert.That(reading.Input, Is.EqualTo(new InputSpec { Name = "pixels", Range = 255 }));
        Assert.That(Of(reading, "normalisation").Reason,
            Is.EqualTo("the graph scales its input itself, with mean 123.7 116.3 103.5 and std 58.4 57.1 57.4"));
    }

    [Test]
    public void Normalisation_OfSureAnswersThatDiffer_IsChosen()
    {
        // From 0 to 1 the bias wins whatever the image shows; from 0 to 255 the brightness does.
        var network = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        var scores = network.Node("Add", network.Head("pixels", 1, 2, -0.6f, 0.6f), [OnnxTensor.Create<float>("b", [2], [30, -30])]);
        var path = network.Output("logits", scores, OnnxElementType.Float, "N", 2).Save(_folder["network.onnx"]);
        ImageBuffer[] images = [.. Enumerable.Range(0, 8).Select(i => Grey(i % 2 == 0 ? 0.1f + (0.01f * i) : 0.3f + (0.01f * i)))];

        var reading = NetworkReading.Of(path, images);

        Assert.That(reading.Input, Is.EqualTo(new InputSpec { Name = "pixels", Range = 255 }));
        Assert.That(reading.Findings, Is.Empty);

        // Told otherwise, it is useless, and that is noticed.
        var wrong = NetworkReading.Of(path, images, new ReadingOptions { Range = 1 });
        Assert.That(wrong.Input, Is.EqualTo((InputSpec)"pixels"));
        Assert.That(wrong.Findings.Single().Text, Is.EqualTo("answers with class 0 throughout, for all 8 images"));
    }

    [Test]
    public void Statistics_OfTheTraining_TellTheNormalisation()
    {
        var random = new Random(3);
        ImageBuffer[] images = [.. Enumerable.Range(0, 8).Select(_ => Noise(random))];
        double mean = images.Average(image => image.Data.ToArray().Average()), square = images.Average(
            image => image.Data.ToArray().Average(value => value * value));
        // A convolution of one pixel, then the statistics of its values of -1 to 1.
        var network = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        var twice = network.Node("Conv", "pixels", [OnnxTensor.Create<float>("w", [1, 1, 1, 1], [2])]);
        float centre = (float)(2 * ((2 * mean) - 1)), spread = (float)(16 * (square - (mean * mean)));
        var normal = network.Node("BatchNormalization", twice,
            [Numbers(1), Numbers(0), Numbers(centre), Numbers(spread)]);
        var path = network.Output("logits", network.Convolution(normal, 1, 2), OnnxElementType.Float, "N", 2, 32, 32)
            .Save(_folder["network.onnx"]);

        var reading = NetworkReading.Of(path, images);

        Assert.That(reading.Input.Mean, Is.EqualTo(new[] { 0.5 }));
        Assert.That(reading.Input.Std, Is.EqualTo(new[] { 0.5 }));
        Assert.That(Of(reading, "normalisation").Reason, Does.StartWith("the statistics that it was trained with are off by 0, "));

        static OnnxTensor Numbers(float value) => OnnxTensor.Create<float>("n", [1], [value]);
    }

    [Test]
    public void BatchOfAnOutput_ThatTheFileStatesWrongly_IsPutRight()
    {
        var network = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        var path = network.Output("logits", network.Head("pixels", 1, 2, 3, -3), OnnxElementType.Float, 1, 2).Save(
            _folder["network.onnx"]);

        var reading = NetworkReading.Of(path, Shapes);
        var bundle = reading.Write(_folder["bundle"]);

        Assert.That(Of(reading, "batch of 'logits'").Value, Is.EqualTo("free"));
        using var inner = InnerModel.Load(bundle, BundleRole.Inner, Engine.Create());
        using var answer = inner.Run(ImageTensor.ToTensor([new ImageBuffer(1, 32, 32), new ImageBuffer(1, 32, 32)]));
        Assert.That(answer.shape, Is.EqualTo(new long[] { 2, 2 }));
        Assert.That(OnnxModel.Load(path).Graph.Outputs[0].Shape![0].Size, Is.EqualTo(1));
    }

    [Test]
    public void Options_ComeBeforeGuesses()
    {
        var network = new SmallNetwork(OnnxElementType.Float, "N", 3, "h", "w");
        var path = network.Output("logits", network.Convolution("pixels", 3, 2), OnnxElementType.Float, "N", 2, "h", "w")
            .Save(_folder["network.onnx"]);
        var told = new ReadingOptions
        {
            Height = 20, Width = 30, Range = 255, Mean = [127.5], Std = [1, 2, 3], Kind = OutputKind.Image,
        };

        var reading = NetworkReading.Of(path, Shapes, told);

        Assert.That((reading.Image.Height, reading.Image.Width), Is.EqualTo((20, 30)));
        Assert.That(reading.Input.Range, Is.EqualTo(255));
        Assert.That(reading.Input.Mean, Is.EqualTo(new[] { 127.5, 127.5, 127.5 }));
        Assert.That(reading.Input.Std, Is.EqualTo(new[] { 1.0, 2, 3 }));
        Assert.That(reading.Outputs.Single().Kind, Is.EqualTo(OutputKind.Image));
        Assert.That(Of(NetworkReading.Of(path, Shapes), "size").ToString(), Is.EqualTo(
            "size: 64 x 64 (height x width) (the file leaves it free, and all images have it; else --height, --width)"));
    }

    [Test]
    public void ClassesInTheMetadata_AreTaken()
    {
        var network = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        network.Model.Metadata["names"] = "{0: 'cat', 1: 'dog'}";
        var path = network.Output("logits", network.Head("pixels", 1, 2, 3, -3), OnnxElementType.Float, "N", 2).Save(_folder["n.onnx"]);

        Assert.That(NetworkReading.Of(path).Outputs.Single().Classes, Is.EqualTo(new[] { "cat", "dog" }));
    }

    [Test]
    public void BundleOfTheNetworkAlone_LoadsButSearchesNothing()
    {
        var bundle = NetworkReading.Of(Path.Combine(Repository.Bundle("shapes"), "inner.onnx")).Write(_folder["mine"]);

        Assert.That(bundle.Manifest.Models.HasEnergy, Is.False);
        Assert.That(bundle.Name, Is.EqualTo("mine"));
        Assert.That(bundle.Roles, Is.EqualTo(new[] { BundleRole.Inner }));
        Assert.That(Bundle.Load(_folder["mine"]).Manifest.ToJson(), Is.EqualTo(bundle.Manifest.ToJson()).And.Not.Contain("energy"));
        Assert.That(() => EquivariantModel.Load(_folder["mine"]), Throws.TypeOf<BundleException>().With.Message.EqualTo(
            "Bundle 'mine' has no energy, which canonicalisation minimises: none of the roles vae, critic and energy. "
            + "Train one with 'diffeonn fit', or add one of the roles to its manifest."));
        Assert.That(ModelDiagnosis.Run(_folder["mine"]).Select(finding => finding.Text),
            Has.Some.EqualTo("has no energy, so that nothing can be canonicalised with it yet"));
        Assert.That(WiringDiagnosis.Run(_folder["mine"], Shapes), Has.None.Matches<Finding>(finding =>
            finding!.Level == FindingLevel.Problem));
    }

    [Test]
    public void NetworksOfOtherRoles_AreReadByTheirNames()
    {
        string of(string role) => Path.Combine(Repository.Bundle("shapes"), $"{role}.onnx");
        var truth = BundleManifest.Load(Path.Combine(Repository.Bundle("shapes"), BundleManifest.FileName));

        var bundle = NetworkReading.Of(of("inner")).With(BundleRole.Vae, of("vae")).With(BundleRole.Critic, of("critic"))
            .With(BundleRole.Proposer, of("proposer")).Write(_folder["mine"]);

        Assert.That(bundle.Manifest.Models.Vae, Is.EqualTo(truth.Models.Vae));
        Assert.That(bundle.Manifest.Models.Critic, Is.EqualTo(truth.Models.Critic));
        Assert.That(bundle.Manifest.Models.Proposer, Is.EqualTo(truth.Models.Proposer));
        Assert.That((bundle.Manifest.Search.Vae, bundle.Manifest.Search.Adversarial), Is.EqualTo((1.0, 1.0)));
        Assert.That(() => NetworkReading.Of(of("inner")).With(BundleRole.Vae, of("critic")), Throws.TypeOf<BundleException>()
            .With.Message.Contains("a VAE's are told by their names: reconstruction, mu and logvar."));
    }

    [Test]
    public void WhatCannotBeWrapped_IsRefusedInOneLine()
    {
        string missing = _folder["none.onnx"], path = _folder["n.onnx"];
        Refused(missing, $"Model '{missing}' does not exist; expected an ONNX file.");

        var two = new SmallNetwork(OnnxElementType.Float, "N", 1, 32, 32);
        two.Model.Graph.Inputs.Add(new OnnxValueInfo("more", OnnxElementType.Float, ["N", 2]));
        two.Output("out", "pixels", OnnxElementType.Float, "N", 1, 32, 32).Save(path);
        Refused(path, "Model 'n.onnx' needs 2 inputs: 'pixels' float32 [N,1,32,32], 'more' float32 [N,2]; a network of a bundle takes "
            + "the image alone.");

        var table = new SmallNetwork(OnnxElementType.Float, "N", 103);
        table.Output("out", "pixels", OnnxElementType.Float, "N", 103).Save(path);
        Refused(path, "Model 'n.onnx': input 'pixels' float32 [N,103] is no batch of images, which has four dimensions: (N,C,H,W) or "
            + "(N,H,W,C).");

        var raw = new SmallNetwork(OnnxElementType.Float, "N", 3, 32, 32);
        raw.Output("out", raw.Node("Reshape", "pixels", [OnnxTensor.Int64s("s", -1, 12, 256)]), OnnxElementType.Float, "N", 12, 256).Save(
            path);
        Refused(path, "Model 'n.onnx' has no output that can be carried back to an image: 'out' [N,12,256].", isWhole: false);

        var free = new SmallNetwork(OnnxElementType.Float, "N", 1, "h", "w");
        free.Output("out", free.Convolution("pixels", 1, 2), OnnxElementType.Float, "N", 2, "h", "w").Save(path);
        Refused(path, "Model 'n.onnx' leaves the size of its images free ('pixels' float32 [N,1,h,w]); give --height and --width, those it "
            + "was trained with.");

        File.WriteAllText(path, "no model");
        Assert.That(() => NetworkReading.Of(path), Throws.InstanceOf<GradientException>().With.Message.Contains("n.onnx"));

        void Refused(string file, string message, bool isWhole = true) => Assert.That(
            () => NetworkReading.Of(file), Throws.TypeOf<BundleException>().With.Message.Matches<string>(
                text => isWhole ? text == message : text!.StartsWith(message, StringComparison.Ordinal)));
    }

    [TestCase("deeplab_v3_mnv2_257", ChannelLayout.ChannelsLast, OutputKind.Segmentation, OutputActivation.Softmax)]
    [TestCase("road_segmentation_adas", ChannelLayout.ChannelsLast, OutputKind.Segmentation, OutputActivation.None)]
    [TestCase("cyclegan_cat_256", ChannelLayout.ChannelsFirst, OutputKind.Image, OutputActivation.None)]
    [TestCase("mnist_cnn_torch2.9", ChannelLayout.ChannelsFirst, OutputKind.Classification, OutputActivation.Softmax)]
    [TestCase("mnist_conv_bn_torch2.0", ChannelLayout.ChannelsFirst, OutputKind.Classification, OutputActivation.Softmax)]
    [TestCase("ultraface_rfb320", ChannelLayout.ChannelsFirst, OutputKind.Boxes, OutputActivation.None)]
    [TestCase("light_squeezenet", ChannelLayout.ChannelsFirst, OutputKind.Classification, OutputActivation.None)]
    public void PublishedNetworks_AreRead(string name, ChannelLayout layout, OutputKind kind, OutputActivation activation)
    {
        var reading = NetworkReading.Of(Repository.Shared($"onnx-models/{name}/model.onnx"));

        Assert.That((reading.Input.Layout, reading.Outputs[0].Kind, reading.Outputs[0].Activation), Is.EqualTo((layout, kind, activation)));
        Assert.That(() => reading.Write(_folder["bundle"]), Throws.Nothing);
    }

    private static Guess Of(NetworkReading reading, string subject) => reading.Guesses.Single(guess => guess.Subject == subject);

    private static ImageBuffer Grey(float value)
    {
        var image = new ImageBuffer(1, 32, 32);
        image.Data.Fill(value);
        return image;
    }

    private static ImageBuffer Noise(Random random)
    {
        var image = new ImageBuffer(1, 32, 32);
        for (var i = 0; i < image.Data.Length; i++) image.Data[i] = 0.3f + (0.3f * random.NextSingle());
        return image;
    }
}
