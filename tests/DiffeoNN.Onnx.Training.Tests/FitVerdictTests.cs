using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Diagnostics.Wiring;
using DiffeoNN.Onnx.Training.Fit;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>What a fit says of its bundle.</summary>
public sealed class FitVerdictTests
{
    private const double Error = 0.02;

    /// <summary>What a fit keeps, the diagnosis of the bundle does not call useless.</summary>
    [Test]
    public void CriticThatIsKept_IsOneThatADiagnosisAccepts()
    {
        for (var rises = 0; rises <= 100; rises++)
        {
            var finding = EnergyWiring.OfPairs("critic", new Pairs(rises, 100, 0), 100, isFitted: true);
            Assert.That(new CriticCheck(rises, 100).Tells, Is.EqualTo(finding.Level <= FindingLevel.Note), $"{rises}");
        }
    }

    [Test]
    public void GainsOnDeformedImages_Help()
    {
        var verdict = Of(alone: 0.5, found: 0.875);
        Assert.That(verdict.Helps, Is.True);
        Assert.That(verdict.Lines, Is.EqualTo(new[]
        {
            "On 'tps-strong' IoU rises from 0.500 to 0.875; 1.000 is the most there is to reach: 75 % of the gap are closed.",
            "Undeformed images keep their answers: 1.000, alone 1.000.",
        }));
        Assert.That(verdict.IsError, Is.False);
    }

    [Test]
    public void AgreementWithTheNetwork_IsSaidToBeThat() => Assert.That(
        Of(alone: 0.5, found: 0.875, ofTruth: false).Lines[0],
        Does.StartWith("On 'tps-strong' IoU with its own answers on undeformed images rises from 0.500 to 0.875"));

    [TestCase(0.939, false)]
    [TestCase(0.941, true)]
    [TestCase(0.9, false)]
    public void Gain_CountsFromTwoStandardErrors(double found, bool helps)
    {
        var verdict = Of(alone: 0.9, found);
        Assert.That((verdict.Helps, verdict.IsUndecided), Is.EqualTo((helps, !helps)));
        if (!helps)
        {
            Assert.That(verdict.Lines[0], Is.EqualTo(FormattableString.Invariant(
                $"It is not shown to help on 'tps-strong': IoU is {found:F3}, of the network alone 0.900, which is within two standard ")
                + "errors of nothing (standard error of the difference 0.020, 40 images judged)."));
        }
    }

    // A gain that would close a fifth of the gap is ruled out, or there is a loss.
    [TestCase(0.5, 0.539)]
    [TestCase(0.9, 0.859)]
    public void WhatIsKnownNotToHelp_IsSaidNotTo(double alone, double found)
    {
        var verdict = Of(alone, found);
        Assert.That((verdict.Helps, verdict.IsUndecided), Is.EqualTo((false, false)));
        Assert.That(verdict.Lines[0], Is.EqualTo(FormattableString.Invariant(
            $"It does not help on 'tps-strong': IoU is {found:F3}, of the network alone {alone:F3} ")
            + "(standard error of the difference 0.020, 40 images judged)."));
    }

    [TestCase(FitVerdict.FewestToTell, false)]
    [TestCase(FitVerdict.FewestToTell - 1, true)]
    [TestCase(4, true)]
    public void FewImages_DecideNothing(int images, bool isOpen)
    {
        FitFigure[] Figures(double alone, double found, double error) =>
            [new("none", images, 1, 1, 1, 0, 0), new("tps-strong", images, 1, alone, found, error, 0)];

        // Nothing changed on any of them, so that the standard error is nothing, too.
        var same = FitVerdict.Of(Figures(0.5, 0.5, 0), "tps-strong", "accuracy", true, []);
        Assert.That((same.Helps, same.IsUndecided), Is.EqualTo((false, isOpen)));
        Assert.That(same.Lines[0], Does.StartWith(isOpen ? "It is not shown to help on" : "It does not help on"));

        var nothing = FitVerdict.Of(Figures(1, 1, 0), "tps-strong", "accuracy", true, []);
        Assert.That((nothing.Helps, nothing.IsUndecided, nothing.LeavesNothingToWin), Is.EqualTo((false, isOpen, !isOpen)));
        Assert.That(nothing.Lines[0], Is.EqualTo(
            (isOpen ? $"{images} images are too few to say if there is anything to win" : "There is next to nothing to win")
            + ": on 'tps-strong' the network alone reaches 1.000 accuracy, on undeformed images 1.000."));

        var help = FitVerdict.Of(Figures(0.5, 1, 0.1), "tps-strong", "accuracy", true, []);
        Assert.That(help.Helps, Is.True);
        Assert.That(help.Lines[0].EndsWith(
            $" Only {images} images were judged: more would make it surer.", StringComparison.Ordinal), Is.EqualTo(isOpen));
    }

    [TestCase(0.02, true)]
    [TestCase(0.01, false)]
    public void LossOfUndeformedImages_WithinItsError_LeavesItOpen(double error, bool isOpen)
    {
        var verdict = FitVerdict.Of(
            [new("none", 40, 1, 1, 0.97, error, 0.1), new("tps-strong", 40, 1, 0.9, 1, 0.02, 1)], "tps-strong", "IoU", true, []);
        Assert.That((verdict.Helps, verdict.IsUndecided), Is.EqualTo((false, isOpen)));
    }

    [TestCase(0.601, true)]
    [TestCase(0.599, false)]
    public void Gain_HasToCloseAFifthOfTheGap(double found, bool helps)
    {
        var verdict = Of(alone: 0.5, found);
        Assert.That(verdict.Helps, Is.EqualTo(helps));
        Assert.That(verdict.Lines.Contains("That is less than 20 %, too little to call it help."), Is.Not.EqualTo(helps));
    }

    [TestCase(0.5, 0.951, true)]
    [TestCase(0.5, 0.949, false)]
    [TestCase(0.99, 0.999, true)]
    [TestCase(0.99, 0.997, false)]
    public void Undeformed_MayLoseATenthOfTheGain(double alone, double clean, bool helps)
    {
        var verdict = FitVerdict.Of(
            [new("none", 40, 1, 1, clean, 0, 0.1), new("tps-strong", 40, 1, alone, 1, 0.001, 1)], "tps-strong", "IoU", true, []);
        Assert.That(verdict.Helps, Is.EqualTo(helps));
        Assert.That(verdict.Lines[1], Does.StartWith($"Undeformed images {(helps ? "keep their answers" : "lose")}: "));
    }

    [TestCase(0.561, true)]
    [TestCase(0.559, false)]
    public void HarmOnAnyFamily_Forbids(double unseen, bool helps)
    {
        var verdict = FitVerdict.Of(
            [.. Figures(0.5, 0.9), new("twist", 40, 1, 0.6, unseen, Error, 0.5)], "tps-strong", "IoU", true, []);
        Assert.That(verdict.Helps, Is.EqualTo(helps));
        if (!helps) Assert.That(verdict.Lines[^1], Is.EqualTo("It harms on 'twist': 0.559, alone 0.600."));
    }

    [Test]
    public void DoubtfulNetwork_IsNotJudged()
    {
        var verdict = FitVerdict.Of(Figures(0.5, 0.9), "tps-strong", "IoU", true, ["one class throughout", "no contrast"]);
        Assert.That((verdict.Helps, verdict.IsUndecided), Is.EqualTo((false, false)));
        Assert.That(verdict.Lines[0], Is.EqualTo(
            "The network itself looks wrong, so nothing is claimed: one class throughout; no contrast."));
    }

    [Test]
    public void NetworkThatLosesNothing_LeavesNothingToWin()
    {
        var verdict = Of(alone: 0.996, found: 0.996);
        Assert.That(verdict.Helps, Is.False);
        Assert.That(verdict.Lines[0], Is.EqualTo(
            "There is next to nothing to win: on 'tps-strong' the network alone reaches 0.996 IoU, on undeformed images 1.000."));
    }

    [TestCase(40, false)]
    [TestCase(FitVerdict.FewestToTell - 1, true)]
    public void GainWhereThereIsNoGap_IsNoHelp(int images, bool isOpen)
    {
        // Answers on straightened images agree more often than those on undeformed ones do, far beyond the standard error.
        var verdict = FitVerdict.Of(
            [new("none", images, 0.9, 0.9, 0.9, 0, 0.1), new("tps-strong", images, 0.9, 0.897, 0.999, 0.001, 1)], "tps-strong", "accuracy",
            true, []);
        Assert.That((verdict.Helps, verdict.IsUndecided, verdict.LeavesNothingToWin), Is.EqualTo((false, isOpen, !isOpen)));
        Assert.That(verdict.Lines, Has.Count.EqualTo(2), "no share of a gap that is none");
    }

    [TestCase(-0.25, true)]
    [TestCase(-0.29, true)]
    [TestCase(-1.1, false)]
    public void Errors_FallAndCountInTheirUnit(double clean, bool helps)
    {
        var verdict = FitVerdict.Of(
            [new("none", 40, -0.2, -0.2, clean, 0, 0.1), new("tps-strong", 40, -0.2, -9, -0.6, 0.5, 1)], "tps-strong", "error", true, []);
        Assert.That(verdict.IsError, Is.True);
        Assert.That(verdict.Helps, Is.EqualTo(helps));
        Assert.That(verdict.Lines[0], Is.EqualTo(
            "On 'tps-strong' error falls from 9.000 to 0.600; 0.200 is the most there is to reach: 95 % of the gap are closed."));
        Assert.That(verdict.Shown(-0.6), Is.EqualTo(0.6));
    }

    private static FitVerdict Of(double alone, double found, bool ofTruth = true) =>
        FitVerdict.Of(Figures(alone, found), "tps-strong", "IoU", ofTruth, []);

    private static FitFigure[] Figures(double alone, double found) =>
        [new("none", 40, 1, 1, 1, 0, 0.1), new("tps-strong", 40, 1, alone, found, Error, 0.8)];
}
