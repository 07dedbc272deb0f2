using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

/// <summary>When an image stops, and what it keeps.</summary>
public sealed class ImageStateTests
{
    private static readonly SearchSpec Options = new() { Steps = 100, Patience = 2, Tolerance = 0.1 };

    [Test]
    public void AnImage_ConvergesWhenItsBestImprovesByNoMoreThanTheTolerance()
    {
        // Over two steps from 10 to 8.9: more than a tenth of 10.
        Assert.That(Run(Options, 10, 9.5, 8.9).Stop, Is.Null);
        var state = Run(Options, 16, 12, 10, 10.8);
        Assert.That(state.Stop, Is.Null, "2 of 12");
        state = Run(Options, 8, 4, 2, 3, 2);
        Assert.That((state.Stop, state.Steps, state.BestStep), Is.EqualTo(((StopReason?)StopReason.Converged, 4, 2)), "nothing over two");
        Assert.That(Run(Options with { Tolerance = 0.25 }, 8, 8, 6).Stop, Is.EqualTo(StopReason.Converged), "a quarter of 8 and no more");
        Assert.That(Run(Options with { Tolerance = 0.25 }, 8, 8, 5.99).Stop, Is.Null);
        Assert.That(Run(Options with { Tolerance = 0.25 }, -8, -8, -10).Stop, Is.EqualTo(StopReason.Converged), "relative to the size");
        Assert.That(Run(Options with { Tolerance = 0.25 }, -8, -8, -10.01).Stop, Is.Null);
    }

    [Test]
    public void Convergence_IsNotJudgedBeforePatience()
    {
        Assert.That(Run(Options with { Patience = 3 }, 1, 1, 1).Stop, Is.Null);
        Assert.That(Run(Options with { Patience = 3 }, 1, 1, 1, 1).Stop, Is.EqualTo(StopReason.Converged));
        Assert.That(Run(Options with { Patience = 0 }, 1, 1, 1, 1, 1, 1).Stop, Is.Null);
    }

    [Test]
    public void TheReasonsToStop_HaveAnOrder()
    {
        var last = Options with { Steps = 1, Patience = 1 };
        Assert.That(Add(last, [1, double.NaN], timeIsUp: true).Stop, Is.EqualTo(StopReason.NonFinite));
        Assert.That(Add(last, [1, 1], timeIsUp: true).Stop, Is.EqualTo(StopReason.Converged));
        Assert.That(Add(last, [2, 1], timeIsUp: true).Stop, Is.EqualTo(StopReason.StepBudget));
        Assert.That(Add(last with { Steps = 2 }, [2, 1], timeIsUp: true).Stop, Is.EqualTo(StopReason.TimeBudget));
        Assert.That(Add(last with { Steps = 2 }, [2, 1], timeIsUp: false).Stop, Is.Null);
    }

    [Test]
    public void TheBest_IsTheFirstOfEqualOnes()
    {
        var state = new ImageState(Options with { Patience = 0 });
        Assert.That(state.BestTotal, Is.NaN);
        Assert.That(state.Add(0, Energy(3), false), Is.True, "the start is the best at first");
        Assert.That(state.Add(1, Energy(3), false), Is.False);
        Assert.That(state.Add(2, Energy(2.5), false), Is.True);
        Assert.That(state.Add(3, Energy(2.75), false), Is.False);
        Assert.That((state.BestTotal, state.BestStep, state.Steps, state.Best.Total), Is.EqualTo((2.5, 2, 3, 2.5)));
        Assert.That(state.InputEnergy, Is.EqualTo(30), "the start's");
        state.SetInputEnergy(7);
        Assert.That(state.InputEnergy, Is.EqualTo(7));
    }

    [Test]
    public void AnImageLeftAlone_KeepsTheReasonItHas()
    {
        var state = new ImageState(Options);
        state.LeaveAlone();
        Assert.That(state.Stop, Is.EqualTo(StopReason.Canonical));
        state = Run(Options, double.NaN);
        state.LeaveAlone();
        Assert.That(state.Stop, Is.EqualTo(StopReason.NonFinite));
    }

    [Test]
    public void TheRecord_HoldsStartAndBest()
    {
        var state = new ImageState(Options with { Steps = 1 });
        state.Add(0, new IterateEnergy(5, [1, 2, 3], 50), false);
        state.Add(1, new IterateEnergy(4, [10, 20, 30], 40), false);
        state.SetInputEnergy(9);
        var map = new FieldDiagnostics(0.5, 2, 0, 0.1, 0.05, 0.4, 0);
        var used = state.ToResult(["a", "smoothness", "orientation"], 6, map, 0.8, null);
        var refused = state.ToResult(["a", "smoothness", "orientation"], 6, map, 0.8, new Refusal(RefusalReason.Folded, "folds"));
        Assert.Multiple(() =>
        {
            Assert.That(used.Terms, Is.EqualTo(new EnergyTerm[] { new("a", 1, 10), new("smoothness", 2, 20), new("orientation", 3, 30) }));
            Assert.That((used.Energy, used.Total), Is.EqualTo((new EnergyTerm("energy", 5, 4), new EnergyTerm("total", 50, 40))));
            Assert.That((used.Steps, used.Stop, used.BestStep, used.Squarings), Is.EqualTo((1, StopReason.StepBudget, 1, 6)));
            Assert.That((used.InputEnergy, used.CanonicalEnergy, used.VelocityScale, used.Start), Is.EqualTo((9.0, 4.0, 0.8, 0)));
            Assert.That((used.Accepted, used.Diagnostics, used.FoundDiagnostics), Is.EqualTo((true, map, map)));
            Assert.That((refused.Accepted, refused.Diagnostics, refused.FoundDiagnostics),
                Is.EqualTo((false, new FieldDiagnostics(1, 1, 0, 0, 0, 1, 0), map)));
            Assert.That((refused.CanonicalEnergy, refused.Refusal!.Text), Is.EqualTo((9.0, "folds")));
        });
    }

    [Test]
    public void Energies_AddTheWeightedRegularisers()
    {
        var options = Options with { Smoothness = 2, Orientation = 0.5 };
        var found = IterateEnergy.Of([3, 7, 8], 0.25, 6, options);
        Assert.That((found.Energy, found.Total), Is.EqualTo((3.0, 3 + (2 * 0.25) + (0.5 * 6))));
        Assert.That(found.Terms, Is.EqualTo(new[] { 7, 8, 0.25, 6 }));
    }

    private static ImageState Run(SearchSpec options, params double[] totals) => Add(options, totals, timeIsUp: false);

    private static ImageState Add(SearchSpec options, double[] totals, bool timeIsUp)
    {
        var state = new ImageState(options);
        for (var step = 0; step < totals.Length; step++) state.Add(step, Energy(totals[step]), timeIsUp && step == totals.Length - 1);
        return state;
    }

    private static IterateEnergy Energy(double total) => new(10 * total, [], total);
}
