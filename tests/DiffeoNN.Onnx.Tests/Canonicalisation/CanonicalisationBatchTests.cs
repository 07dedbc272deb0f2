using System.Globalization;
using System.Text;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Energies;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Fields;
using DiffeoNN.Onnx.Tests.Support;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Canonicalisation;

/// <summary>Who is in a running batch, and what rows return.</summary>
public sealed partial class CanonicalisationBatchTests
{
    private static readonly SearchSpec Quick = new()
    {
        Field = FieldKind.Lattice, Lattice = 6, LearningRate = 0.01, Steps = 12, Smoothness = 1e-4, Squarings = 3, Patience = 0,
    };

    private static readonly SearchSpec Sines = Quick with { Field = FieldKind.Siren, Lattice = 10, LearningRate = 0.0038926 };

    [Test]
    public void WhereFewRowsStepTogether_TheNearestToItsEndIsFirst_AndNoneWaitsForEver()
    {
        using var template = torch.rand(1, 1, 16, 16);
        using var batch = new CanonicalisationBatch(new TemplateEnergy(template)) { RowsTogether = 1 };
        SearchSpec Steps(int steps) => Quick with { Steps = steps };
        var slow = batch.Join(template, Steps(12));
        var ended = new List<long>();
        var quick = new List<long>();
        for (var step = 0; step < 200 && batch.Count > 0; step++)
        {
            // Short ones without end, as long as the long one is there.
            if (!ended.Contains(slow) && step % 4 == 1) quick.Add(batch.Join(template, Steps(3)));
            Assert.That(batch.Step(), Is.EqualTo(1));
            foreach (var row in batch.TakeFinished())
            {
                using (row) ended.Add(row.Id);
            }
        }

        Assert.That(ended, Is.EquivalentTo(quick.Append(slow)), "all end, though short ones came all the time");
        Assert.That(ended[0], Is.EqualTo(quick[0]), "a short one overtakes");
    }

    [Test]
    public void ARow_IsSearchedForAsTheCanonicaliserDoes([Values] bool fromAProposal, [Values] FieldKind field)
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, v) = CanonicaliserTests.Deformed(32, 40, 3);
        var (options, start) = (field == FieldKind.Siren ? Sines : Quick, fromAProposal ? v * 0.5 : null);
        using var expected = new Canonicaliser(new TemplateEnergy(template), options).Run(deformed, start);
        using var batch = new CanonicalisationBatch(new TemplateEnergy(template));
        var id = batch.Join(deformed, options, start);
        for (var step = 0; step <= options.Steps; step++)
        {
            Assert.That(batch.TakeFinished(), Is.Empty);
            Assert.That((batch.Count, batch.Step()), Is.EqualTo((1, 1)));
        }

        using var row = batch.TakeFinished().Single();
        Assert.That(
            (row.Id, row.Outcome, row.Steps, row.Error, batch.Count), Is.EqualTo((id, RowOutcome.Complete, 12, (Exception?)null, 0)));
        Assert.That(Bits(row.Result!), Is.EqualTo(Bits(expected)));
        Assert.That((batch.Step(), batch.TakeFinished().Count), Is.EqualTo((0, 0)));
    }

    [Test]
    public void RowsShareTheEnergy_AsFarAsTheyWantTheSameOfIt()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        var energy = new TemplateEnergy(template);
        using var batch = new CanonicalisationBatch(energy);
        batch.Join(deformed, Quick with { Steps = 2 });
        batch.Join(deformed, Sines with { Steps = 3 });
        batch.Step();
        batch.Join(deformed, Quick with { Steps = 3 });
        batch.Step();
        batch.Step();
        Assert.That(energy.Batches, Is.EqualTo(new[] { 2, 3, 1, 2 }), "the first is at its end and wants no gradient");
        Assert.That(energy.GradientsAsked, Is.EqualTo(new[] { true, true, false, true }));
        Dispose(batch.TakeFinished());
    }

    [Test]
    public void ACancelledRow_LeavesWithinOneStepAndOthersGoOn([Values] bool beforeItsFirstStep)
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        var alone = Alone(new TemplateEnergy(template), new Row(0, deformed, Quick));
        var energy = new TemplateEnergy(template);
        using var batch = new CanonicalisationBatch(energy);
        using var source = new CancellationTokenSource();
        var other = batch.Join(deformed, Quick);
        batch.Step();
        var id = batch.Join(deformed.flip(3), Quick, cancellationToken: source.Token);
        if (!beforeItsFirstStep)
            batch.Step();
        source.Cancel();
        batch.Step();
        using var cancelled = batch.TakeFinished().Single();
        Assert.That((cancelled.Id, cancelled.Outcome, cancelled.Steps, cancelled.Result), Is.EqualTo((id, RowOutcome.Cancelled, 0,
            (CanonicalisationResult?)null)));
        Assert.That(cancelled.Error, Is.TypeOf<OperationCanceledException>());
        Assert.That(energy.Batches, Is.EqualTo(beforeItsFirstStep ? new[] { 1, 1 } : [1, 2, 1]), "nothing is computed for it any more");
        Assert.That(batch.Count, Is.EqualTo(1));
        using var rest = Finish(batch).Single();
        Assert.That((rest.Id, Bits(rest.Result!)), Is.EqualTo((other, alone)));
    }

    [Test]
    public void ATokenCancelledDuringAStep_MakesTheRowLeaveWithIt()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        using var source = new CancellationTokenSource();
        var energy = new TemplateEnergy(template) { Before = number => { if (number == 2) source.Cancel(); } };
        using var batch = new CanonicalisationBatch(energy);
        batch.Join(deformed, Quick, cancellationToken: source.Token);
        for (var step = 0; step < 3; step++)
            batch.Step();
        using var row = batch.TakeFinished().Single();
        Assert.That((row.Outcome, batch.Count, energy.Batches.Count), Is.EqualTo((RowOutcome.Cancelled, 0, 3)));
    }

    [Test]
    public void AtItsDeadline_ARowReturnsItsBestIterateOrFailsAsAsked([Values] bool fails)
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        var (energy, time) = (new TemplateEnergy(template), new Clock());
        using var batch = new CanonicalisationBatch(energy, null, time);
        batch.Join(deformed, Quick, deadline: new SearchDeadline(TimeSpan.FromSeconds(3), fails));
        batch.Join(deformed, Quick, deadline: new SearchDeadline(TimeSpan.FromSeconds(60), fails));
        for (var step = 0; step < 5; step++)
        {
            batch.Step();
            time.Now += TimeSpan.FromSeconds(0.7);
        }

        batch.Step();
        using var late = batch.TakeFinished().Single();
        Assert.That(energy.Batches, Is.EqualTo(new[] { 2, 2, 2, 2, 2, 1 }), "3.5 s are seen before the sixth step");
        if (fails)
        {
            Assert.That(
                (late.Outcome, late.Steps, late.Result), Is.EqualTo((RowOutcome.DeadlineExceeded, 4, (CanonicalisationResult?)null)));
            Assert.That(late.Error, Is.TypeOf<TimeoutException>()
                .With.Message.EqualTo("The search was not at its end after 3000 ms and 4 of 12 steps."));
        }
        else
        {
            // The best of as many steps.
            var expected = Alone(new TemplateEnergy(template), new Row(0, deformed, Quick with { Steps = 4 }));
            var image = late.Result!.Images[0];
            Assert.That((late.Outcome, late.Steps, late.Error, image.Stop), Is.EqualTo((RowOutcome.BestAtDeadline, 4, (Exception?)null,
                StopReason.TimeBudget)));
            Assert.That(image.Total.After, Is.LessThan(image.Total.Before));
            Assert.That(Bits(late.Result!).Replace("TimeBudget", "StepBudget"), Is.EqualTo(expected));
        }

        using var rest = Finish(batch).Single();
        Assert.That((rest.Outcome, rest.Steps), Is.EqualTo((RowOutcome.Complete, 12)));
    }

    [Test]
    public void ADeadlineThatPassesDuringAStep_EndsTheRowWithIt_AndOneOfZeroGivesTheStart()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        var time = new Clock();
        var energy = new TemplateEnergy(template) { Before = _ => time.Now += TimeSpan.FromSeconds(1) };
        using var batch = new CanonicalisationBatch(energy, null, time);
        batch.Join(deformed, Quick, deadline: new SearchDeadline(TimeSpan.FromSeconds(2)));
        batch.Join(deformed, Quick, deadline: new SearchDeadline(TimeSpan.Zero));
        batch.Join(deformed, Quick, deadline: new SearchDeadline(TimeSpan.Zero, IsFailure: true));
        batch.Step();
        var rows = batch.TakeFinished();
        Assert.That(rows.Select(row => (row.Id, row.Outcome, row.Steps)), Is.EqualTo(new[]
        {
            (2L, RowOutcome.DeadlineExceeded, 0), (1L, RowOutcome.BestAtDeadline, 0),
        }));
        Assert.That(rows[1].Result!.Velocity.abs().max().item<float>(), Is.Zero);
        Assert.That(energy.Batches, Is.EqualTo(new[] { 2 }), "a row that has failed already is not evaluated");
        Dispose(rows);
        batch.Step();
        using var last = batch.TakeFinished().Single();
        Assert.That((last.Outcome, last.Steps), Is.EqualTo((RowOutcome.BestAtDeadline, 1)));
    }

    [Test]
    public void ARowThatCannotBeEvaluated_FailsAndOthersGoOn()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, _) = CanonicaliserTests.Deformed(32, 32, 3);
        var alone = Alone(new TemplateEnergy(template), new Row(0, deformed, Quick));
        using var batch = new CanonicalisationBatch(new Picky(new TemplateEnergy(template)));
        var good = batch.Join(deformed, Quick);
        batch.Join(deformed * 0 + 7, Quick);
        // Of another size than the template: it is evaluated by itself, and cannot be.
        batch.Join(torch.zeros(1, 1, 20, 24), Quick);
        batch.Step();
        var failed = batch.TakeFinished();
        Assert.That(failed.Select(row => (row.Id, row.Outcome)), Is.EqualTo(new[] { (1L, RowOutcome.Failed), (2L, RowOutcome.Failed) }));
        Assert.That(failed[0].Error!.Message, Is.EqualTo("sevens"));
        using var rest = Finish(batch).Single();
        Assert.That((rest.Id, Bits(rest.Result!)), Is.EqualTo((good, alone)));
    }

    [Test]
    public void AStepThatIsCancelled_IsTakenUpAgain()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, v) = CanonicaliserTests.Deformed(32, 32, 3);
        var alone = Alone(new TemplateEnergy(template), new Row(0, deformed, Sines, v));
        using var source = new CancellationTokenSource();
        var energy = new TemplateEnergy(template)
        {
            Before = number =>
            {
                // 0 measures the image as it is, 1 to 4 are iterates.
                if (number is not (0 or 5) || source.IsCancellationRequested) return;
                if (number == 5) source.Cancel();
                source.Token.ThrowIfCancellationRequested();
            },
        };
        using var batch = new CanonicalisationBatch(energy);
        batch.Join(deformed, Sines, v);
        for (var step = 0; step < 4; step++)
            batch.Step(source.Token);
        Assert.That(() => batch.Step(source.Token), Throws.InstanceOf<OperationCanceledException>());
        Assert.That((batch.Count, batch.TakeFinished().Count), Is.EqualTo((1, 0)));
        Assert.That(() => batch.Step(source.Token), Throws.InstanceOf<OperationCanceledException>(), "still cancelled");
        using var row = Finish(batch).Single();
        Assert.That(Bits(row.Result!), Is.EqualTo(alone));
    }

    [Test]
    public void WhatCannotJoin_IsRefusedAndTheBatchGoesOn()
    {
        using var scope = torch.NewDisposeScope();
        using var batch = new CanonicalisationBatch(new TemplateEnergy(torch.zeros(1, 1, 8, 8)));
        Assert.That(() => batch.Join(torch.zeros(2, 1, 8, 8)),
            Throws.ArgumentException.With.Message.StartsWith("image has shape (2, 1, 8, 8); a row is one, (1, C, height, width)."));
        Assert.That(() => batch.Join(torch.zeros(8, 8)), Throws.ArgumentException);
        Assert.That(() => batch.Join(torch.zeros(1, 1, 8, 8), start: torch.zeros(2, 2, 4, 4)), Throws.ArgumentException);
        Assert.That(() => batch.Join(torch.zeros(1, 1, 8, 8), new SearchSpec { Steps = -1 }), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => batch.Join(torch.zeros(1, 1, 8, 8), deadline: new SearchDeadline(TimeSpan.FromSeconds(-1))),
            Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(batch.Count, Is.Zero);
        batch.Dispose();
        Assert.That(() => batch.Join(torch.zeros(1, 1, 8, 8)), Throws.TypeOf<ObjectDisposedException>());
        Assert.That(() => batch.Step(), Throws.TypeOf<ObjectDisposedException>());
    }

    [Test]
    public void NoTensorIsLeft_OfRowsThatFinishLeaveOrAreDropped()
    {
        using var scope = torch.NewDisposeScope();
        var (template, deformed, v) = CanonicaliserTests.Deformed(32, 32, 3);
        void Work()
        {
            using var own = torch.NewDisposeScope();
            using var source = new CancellationTokenSource();
            using var batch = new CanonicalisationBatch(new TemplateEnergy(template));
            batch.Join(deformed, Quick with { Steps = 2 });
            batch.Join(deformed, Sines, v);
            batch.Join(deformed, Sines, v, cancellationToken: source.Token);
            batch.Join(deformed, Quick with { Steps = 2 });
            for (var step = 0; step < 3; step++)
                batch.Step();
            Dispose(batch.TakeFinished());
            batch.Join(deformed, Quick with { Steps = 0 });
            source.Cancel();
            batch.Step();
            Assert.That(batch.Count, Is.EqualTo(1), "one goes on, one was cancelled, one that has finished is not taken");
        }

        Work();
        var before = LiveTensors.Settled();
        for (var i = 0; i < 3; i++)
            Work();
        Assert.That(torch.Tensor.TotalCount, Is.EqualTo(before));
    }

    private static string Alone(IEnergy energy, Row row)
    {
        using var batch = new CanonicalisationBatch(energy);
        batch.Join(row.Image, row.Options, row.Start);
        using var finished = Finish(batch).Single();
        return Bits(finished.Result!);
    }

    private static List<FinishedRow> Finish(CanonicalisationBatch batch)
    {
        while (batch.Count > 0)
            batch.Step();
        return [.. batch.TakeFinished()];
    }

    /// <summary>All that a row says but how long it took, bit for bit.</summary>
    private static string Bits(CanonicalisationResult result)
    {
        var text = new StringBuilder();
        foreach (var tensor in new[] { result.Canonical, result.Velocity, result.Displacement, result.InverseDisplacement })
            text.AppendLine(Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(tensor.contiguous().bytes)));
        foreach (var image in result.Images)
        {
            text.AppendLine(string.Join(", ", image.Terms));
            text.AppendLine(CultureInfo.InvariantCulture, $"{image.Energy.Before:R} {image.Energy.After:R} {image.Total.After:R}");
            text.AppendLine((image with { Terms = [] }).ToString());
        }

        return text.ToString();
    }

    private static void Dispose(IEnumerable<FinishedRow> rows)
    {
        foreach (var row in rows)
            row.Dispose();
    }

    /// <summary>A row of a test.</summary>
    /// <param name="JoinsAt">After so many steps of the batch.</param>
    private sealed record Row(int JoinsAt, torch.Tensor Image, SearchSpec Options, torch.Tensor? Start = null);

    private sealed class Clock : TimeProvider
    {
        public TimeSpan Now { get; set; }

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => Now.Ticks;
    }

    private sealed class Picky(IEnergy energy) : IEnergy
    {
        public IReadOnlyList<string> TermNames => energy.TermNames;

        public EnergyEvaluation Evaluate(torch.Tensor images, bool withGradient, CancellationToken cancellationToken) =>
            images.max().item<float>() >= 7 ? throw new InvalidOperationException("sevens")
            : energy.Evaluate(images, withGradient, cancellationToken);
    }
}
