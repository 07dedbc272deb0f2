using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Data;
using DiffeoNN.Onnx.Training.Fit;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>What a fit does to the folder of its bundle, and does not do.</summary>
public sealed class FitFolderTests
{
    private const int Images = 40;

    [Test]
    public void StateOf_TellsWhatLiesThere()
    {
        using var folder = new TemporaryFolder();
        Assert.That(BundleFitter.StateOf(folder["none"]), Is.EqualTo(FitFolderState.Free));
        Directory.CreateDirectory(folder["mine/.fit"]);
        Assert.That(BundleFitter.StateOf(folder["mine"]), Is.EqualTo(FitFolderState.Free));
        File.WriteAllText(folder["mine/report.html"], "a page of mine");
        Assert.That(BundleFitter.StateOf(folder["mine"]), Is.EqualTo(FitFolderState.Foreign));
        File.WriteAllText(folder["mine/diffeonn.json"], "{}");
        Assert.That(BundleFitter.StateOf(folder["mine"]), Is.EqualTo(FitFolderState.Bundle));
        File.WriteAllText(folder["mine/.fit/record.json"], "{}");
        Assert.That(BundleFitter.StateOf(folder["mine"]), Is.EqualTo(FitFolderState.Interrupted));
        using (FitLock.Take(folder["mine/.fit"]))
            Assert.That(BundleFitter.StateOf(folder["mine"]), Is.EqualTo(FitFolderState.Taken));
        Assert.That(BundleFitter.StateOf(folder["mine"]), Is.EqualTo(FitFolderState.Interrupted));
    }

    [Test]
    public void Lock_IsHeldByOneAndLeavesNothing()
    {
        using var folder = new TemporaryFolder();
        using (var first = FitLock.Take(folder.Path))
        {
            Assert.That(first, Is.Not.Null);
            Assert.That(FitLock.Take(folder.Path), Is.Null);
        }

        Assert.That(Directory.GetFileSystemEntries(folder.Path), Is.Empty);
        // What a process that was killed leaves is a file that nobody holds.
        File.WriteAllText(folder["lock"], "");
        Assert.That(FitLock.IsHeld(folder.Path), Is.False);
        using var second = FitLock.Take(folder.Path);
        Assert.That(second, Is.Not.Null);
    }

    [Test]
    public void SecondFit_IntoTheSameFolder_IsRefusedAndTheFirstGoesOn()
    {
        using var folder = new TemporaryFolder();
        var fitter = new BundleFitter(FitMaterial.Network(folder.Path), FitMaterial.Small() with { UsesTask = false });
        var images = FitMaterial.Crosses(Images);
        List<string> refusals = [];
        var result = fitter.Run(folder["bundle"], images, progress: new OnProgress(value =>
        {
            if (value is not ({ Stage: FitStage.Reading, Step: 0 } or { Stage: FitStage.Critic, Step: 1 })) return;
            foreach (var resumes in new[] { false, value.Stage == FitStage.Critic })
            {
                var second = new BundleFitter(fitter.Reading, fitter.Options with { Overwrites = !resumes });
                refusals.Add(Assert.Throws<TrainingException>(() => second.Run(folder["bundle"], images, resume: resumes))!.Message);
            }
        }));

        Assert.That(refusals, Has.Count.GreaterThanOrEqualTo(2).And.All.EqualTo(
            $"Another fit is writing to '{folder["bundle"]}'; wait until it has ended, or give another folder."));
        Assert.That(result.Bundle.Has(BundleRole.Proposer), Is.True);
        Assert.That(Directory.Exists(folder["bundle/.fit"]), Is.False);
    }

    [Test]
    public void WhatLiesThere_IsNotTouchedUnlessTold()
    {
        using var folder = new TemporaryFolder();
        var network = FitMaterial.Network(folder.Path);
        var options = FitMaterial.Small() with { UsesTask = false };
        var images = FitMaterial.Crosses(Images);
        Directory.CreateDirectory(folder["mine"]);
        File.WriteAllText(folder["mine/vae.onnx"], "another one's");
        Refuses("holds files that are no fit's (vae.onnx); overwrite them explicitly, or give another folder.");
        Assert.That(Directory.GetFileSystemEntries(folder["mine"]), Is.EqualTo(new[] { folder["mine/vae.onnx"] }));
        Assert.That(File.ReadAllText(folder["mine/vae.onnx"]), Is.EqualTo("another one's"));

        Interrupt(options with { Overwrites = true });
        File.Delete(folder["mine/vae.onnx"]);
        var record = File.ReadAllBytes(folder["mine/.fit/record.json"]);
        Refuses("holds a fit that was interrupted; resume it, overwrite it explicitly, or give another folder.");
        Assert.That(File.ReadAllBytes(folder["mine/.fit/record.json"]), Is.EqualTo(record));

        // Images that do not do leave it, too, even where it might have been overwritten.
        Assert.That(
            () => new BundleFitter(network, options with { Overwrites = true }).Run(folder["mine"], FitMaterial.Crosses(3)),
            Throws.TypeOf<DataException>());
        Assert.That(File.ReadAllBytes(folder["mine/.fit/record.json"]), Is.EqualTo(record));
        Interrupt(options with { Overwrites = true, Seed = 9 });
        Assert.That(File.ReadAllBytes(folder["mine/.fit/record.json"]), Is.Not.EqualTo(record));

        File.Delete(folder["mine/.fit/record.json"]);
        File.WriteAllText(folder["mine/diffeonn.json"], "{}");
        Refuses("holds a bundle already; overwrite it explicitly, or give another folder.");

        void Refuses(string message) => Assert.That(
            () => new BundleFitter(network, options).Run(folder["mine"], images),
            Throws.TypeOf<TrainingException>().With.Message.EqualTo($"'{folder["mine"]}' {message}"));

        void Interrupt(FitOptions told)
        {
            using var source = new CancellationTokenSource();
            Assert.That(
                () => new BundleFitter(network, told).Run(folder["mine"], images, progress: new OnProgress(value =>
                {
                    if (value is { Stage: FitStage.Autoencoder, Step: > 0 }) source.Cancel();
                }), cancellationToken: source.Token),
                Throws.InstanceOf<OperationCanceledException>());
        }
    }

    [TestCase(true)]
    [TestCase(false)]
    public void RefusedImages_LeaveNothing(bool exists)
    {
        using var folder = new TemporaryFolder();
        var network = FitMaterial.Network(folder.Path);
        if (exists) Directory.CreateDirectory(folder["a"]);
        Assert.That(
            () => new BundleFitter(network, FitMaterial.Small()).Run(folder["a/b/bundle/"], FitMaterial.Crosses(3)),
            Throws.TypeOf<DataException>());
        Assert.That(Directory.Exists(folder["a"]), Is.EqualTo(exists));
        Assert.That(exists ? Directory.GetFileSystemEntries(folder["a"]) : [], Is.Empty);
    }

    [Test]
    public void BundleThatTakesAnothersPlace_IsWholeAtEveryMoment()
    {
        using var folder = new TemporaryFolder();
        var network = FitMaterial.Network(folder.Path);
        var old = network.Write(folder["old"], "old");
        Shapes.Inner(1, FitMaterial.Height, FitMaterial.Width, sharpness: 9).Save(folder["other.onnx"]);
        File.Copy(folder["other.onnx"], folder["ink.onnx"], overwrite: true);
        var next = Diagnostics.Reading.NetworkReading.Of(folder["ink.onnx"]).Write(folder["next"], "next");
        Directory.CreateDirectory(folder["mine"]);
        var names = new List<string>();
        // As a fit that was ended in the middle of it leaves a folder.
        foreach (var (from, to) in new[] { (next, old), (old, next), (next, old) })
        {
            names.Clear();
            var left = new List<(string Name, byte[] Content)[]>();
            BundleReplacement.Write(from.Folder, folder["mine"], from.Manifest, () =>
            {
                if (!File.Exists(folder["mine/diffeonn.json"])) return;
                names.Add(Bundle.Load(folder["mine"]).Name);
                left.Add([.. Directory.GetFiles(folder["mine"]).Select(file => (Path.GetFileName(file), File.ReadAllBytes(file)))]);
            });
            Assert.That(names[^1], Is.EqualTo(from.Name));
            Assert.That(names.SkipWhile(name => name != from.Name), Is.All.EqualTo(from.Name), "none but the old one, then the new one");
            AssertNothingIsLeftOver("mine");
            foreach (var state in left)
            {
                Directory.CreateDirectory(folder["killed"]);
                foreach (var (name, content) in state) File.WriteAllBytes(Path.Combine(folder["killed"], name), content);
                BundleReplacement.Write(
                    to.Folder, folder["killed"], to.Manifest, () => Assert.That(() => Bundle.Load(folder["killed"]), Throws.Nothing));
                Assert.That(Bundle.Load(folder["killed"]).Name, Is.EqualTo(to.Name));
                AssertNothingIsLeftOver("killed");
                Directory.Delete(folder["killed"], recursive: true);
            }
        }

        void AssertNothingIsLeftOver(string name) => Assert.That(
            Directory.GetFiles(folder[name]).Select(Path.GetFileName), Is.EquivalentTo(new[] { "diffeonn.json", "inner.onnx" }));
    }
}
