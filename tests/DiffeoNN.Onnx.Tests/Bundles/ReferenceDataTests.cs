using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Bundles;

[TestFixture]
internal sealed class ReferenceDataTests
{
    [Test]
    public void Load_OfFixture_KeepsNamesShapesAndOrder()
    {
        var set = ReferenceData.Load(Path.Combine(TinyBundle.Original, "reference", "energy")).Single();

        Assert.That(set.Inputs.Select(tensor => tensor.Name), Is.EqualTo(new[] { "y" }));
        Assert.That(set.Outputs.Select(tensor => tensor.Name), Is.EqualTo(new[] { "energy", "terms", "y_grad" }));
        Assert.That(set.Output("y_grad").Dimensions, Is.EqualTo(new[] { 4L, 2, 12, 16 }));
        Assert.That(
            () => set.Input("z"), Throws.TypeOf<BundleException>().With.Message.EndsWith(" has no input 'z'. There are: 'y'."));
    }

    [Test]
    public void Load_OfTwelveSets_OrdersThemByNumber()
    {
        using var folder = new TemporaryFolder();
        for (var i = 0; i < 12; i++) Write(folder, i);

        var sets = ReferenceData.Load(folder.Path);

        Assert.That(sets.Select(set => set.Inputs[0].ToArray<float>()[0]), Is.EqualTo(Enumerable.Range(0, 12).Select(i => (float)i)));
    }

    [Test]
    public void Load_OfASetWithGradientsOfTensorsNamedInputAndOutput_DoesNotCountThose()
    {
        using var folder = new TemporaryFolder();
        Write(folder, 0);
        OnnxTensor.Scalar("input_grad", 2f).SavePb(folder["test_data_set_0/input_grad.pb"]);
        OnnxTensor.Scalar("output_0_grad", 3f).SavePb(folder["test_data_set_0/output_0_grad.pb"]);

        var set = ReferenceData.Load(folder.Path).Single();

        Assert.That(set.Inputs.Concat(set.Outputs).Select(tensor => tensor.Name), Is.EqualTo(new[] { "x", "y" }));
    }

    [Test]
    public void Load_OfIncompleteData_SaysWhatIsMissing()
    {
        using var folder = new TemporaryFolder();
        Write(folder, 0);
        var set = folder["test_data_set_0"];

        Assert.That(() => ReferenceData.Load(folder["none"]), Refused($"Reference folder '{folder["none"]}' does not exist."));
        Assert.That(() => ReferenceData.Load(set), Refused($"Reference folder '{set}' holds no test_data_set_0."));
        File.WriteAllBytes(Path.Combine(set, "input_0.pb"), [0xff]);
        Assert.That(
            () => ReferenceData.Load(folder.Path),
            Throws.TypeOf<BundleException>()
                .With.Message.StartsWith($"Reference tensor '{Path.Combine(set, "input_0.pb")}' cannot be read: "));
        File.Move(Path.Combine(set, "input_0.pb"), Path.Combine(set, "input_1.pb"));
        Assert.That(() => ReferenceData.Load(folder.Path), Refused($"Reference set '{set}' has 1 files input_*.pb but no input_0.pb."));
        File.Delete(Path.Combine(set, "input_1.pb"));
        Assert.That(() => ReferenceData.Load(folder.Path), Refused($"Reference set '{set}' has no input_0.pb."));

        static NUnit.Framework.Constraints.Constraint Refused(string message) =>
            Throws.TypeOf<BundleException>().With.Message.EqualTo(message);
    }

    private static void Write(TemporaryFolder folder, int number)
    {
        var set = folder[$"test_data_set_{number}"];
        Directory.CreateDirectory(set);
        OnnxTensor.Scalar("x", (float)number).SavePb(Path.Combine(set, "input_0.pb"));
        OnnxTensor.Scalar("y", (float)number).SavePb(Path.Combine(set, "output_0.pb"));
    }
}
