using DiffeoNN.Onnx.Validation.Reports;

namespace DiffeoNN.Onnx.Tests.Validation;

/// <summary>What passes where an export is compared with its bundle.</summary>
[TestFixture]
public sealed class ExportReportTests
{
    private static readonly ExportReport Good = new()
    {
        Images = 4, MeanIou = 1, WorstIou = 1, Flips = 0, AnswerError = 1e-5, EnergyError = 1e-5, FoundEnergyError = 1e-5,
        LibrarySeconds = 1, ExportSeconds = 1,
    };

    [Test]
    public void Numbers_ThatDifferByMoreThanAPercent_FailAlsoWhereMasksAgree()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Good.Passed);
            Assert.That((Good with { EnergyError = 0.02 }).Passed, Is.False);
            Assert.That((Good with { EnergyError = double.PositiveInfinity }).Passed, Is.False);
            Assert.That((Good with { FoundEnergyError = 0.02 }).Passed, Is.False);
            Assert.That((Good with { AnswerError = 0.02 }).Passed, Is.False);
            Assert.That((Good with { EnergyError = null, FoundEnergyError = null }).Passed);
        });
    }

    [Test]
    public void Searches_AmplifyRounding_ButNotTheEnergyOfImages()
    {
        var search = Good with { TakesSteps = true, FoundEnergyError = 0.02, AnswerError = 0.02, MeanIou = 0.995 };
        Assert.That(search.Passed);
        Assert.That((search with { EnergyError = 0.02 }).Passed, Is.False);
        Assert.That((search with { MeanIou = 0.98 }).Passed, Is.False);
    }
}
