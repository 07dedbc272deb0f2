using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Validation;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>The whole job of a bundle, judged in the task's terms.</summary>
[TestFixture]
public sealed class JobValidationTests
{
    private static readonly string Folder = Repository.Bundle("shapes");

    [Test]
    public void Compare_OfMasks_CountsOverlapAndFlips()
    {
        var bundle = Bundle.Load(Folder);
        var images = JobValidation.ReferenceImages(bundle, ValidationCases.OfBundle(bundle, null).First())!;
        Assert.That(images, Has.Count.EqualTo(4));
        Assert.That((images[0].Height, images[0].Width), Is.EqualTo((128, 128)));
        Assert.That(images.SelectMany(image => image.Data.ToArray()), Has.All.InRange(0, 1));
        var options = new EquivariantOptions
        {
            Execution = new ExecutionOptions { Device = ExecutionDevice.Cpu },
            Steps = 0,
            Accept = AcceptanceRule.Always,
        };
        using var model = EquivariantModel.Load(Folder, options);
        using var first = model.Run([images[0], images[1]]);
        using var other = model.Run([images[0], images[2]]);

        var same = JobValidation.Compare(first, first);
        Assert.That((same.MeanIou, same.Flips, same.Passed, same.AnswerError), Is.EqualTo((1.0, 0.0, true, (double?)null)));

        // The second image is another one, so its mask is.
        var different = JobValidation.Compare(first, other);
        Assert.That(different.Passed, Is.False);
        Assert.That(different.WorstIou, Is.LessThan(0.9));
        Assert.That(different.MeanIou, Is.EqualTo((1 + different.WorstIou!.Value) / 2).Within(1e-9));
        Assert.That(different.Flips, Is.GreaterThan(0.01));
        Assert.That(different.Tensors.Select(tensor => tensor.Name),
            Is.EqualTo(new[] { "canonical image", "velocity", "displacement", "answer 0", "answer 1" }));
        Assert.That(different.Tensors.Select(tensor => tensor.Agrees), Is.EqualTo(new[] { false, false, false, true, false }));
    }
}
