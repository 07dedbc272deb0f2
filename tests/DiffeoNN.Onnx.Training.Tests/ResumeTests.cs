using System.Diagnostics;
using DiffeoNN.Onnx.RandomNumbers;
using TorchSharp;

namespace DiffeoNN.Onnx.Training.Tests;

/// <summary>A training that is interrupted goes on to the same bits.</summary>
public sealed class ResumeTests
{
    private const int Steps = 60;

    [Test]
    public void CancelledAtRandomSteps_EndsWithTheSameBits()
    {
        using var folder = new TemporaryFolder();
        var expected = Interruptible.Unbroken(Steps);
        var random = new SplitMix64(11);
        var interruptions = 0;
        string? actual = null;
        while (actual is null)
        {
            // Each part starts from the network's file: nothing but the checkpoint is left of the part before.
            using var training = new Interruptible();
            if (File.Exists(folder["state"]))
                training.Trainer.Restore(folder["state"]);
            using var source = new CancellationTokenSource();
            var last = training.Trainer.Steps + 5 + (int)(random.Next() % 12);
            try
            {
                training.Run(Steps, folder["state"], every: 7, report =>
                {
                    if (report.Step == last && interruptions < 5)
                        source.Cancel();
                }, source.Token);
                actual = training.Hash();
            }
            catch (OperationCanceledException)
            {
                interruptions++;
            }
        }

        Assert.That(interruptions, Is.EqualTo(5).Or.EqualTo(4));
        Assert.That(actual, Is.EqualTo(expected));
    }

    [Test]
    public void KilledAtRandomMoments_EndsWithTheSameBits()
    {
        using var folder = new TemporaryFolder();
        var expected = Interruptible.Unbroken(Steps);
        var random = new SplitMix64(12);
        var kills = 0;
        for (; kills < 5; kills++)
        {
            using var process = Interruptible.Start(Steps, folder["state"]);
            var lines = 1 + (int)(random.Next() % 9);
            for (var i = 0; i < lines && process.StandardOutput.ReadLine() is not null; i++)
            {
            }

            Thread.Sleep((int)(random.Next() % 20));
            process.Kill();
            process.WaitForExit();
        }

        using var end = Interruptible.Start(Steps, folder["state"]);
        var output = end.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        end.WaitForExit();

        Assert.That(end.ExitCode, Is.Zero);
        Assert.That(output[0], Is.EqualTo("restored"), "Something was left of the parts before.");
        Assert.That(output, Has.Length.LessThan(Steps), "Not everything was done once more.");
        Assert.That(output[^1], Is.EqualTo(expected));
        Assert.That(folder.Files().Where(f => !f.EndsWith(".tmp", StringComparison.Ordinal)), Is.EqualTo(new[] { "state" }));
    }

    [Test]
    public void CheckpointOfSomethingElse_IsRefused()
    {
        using var folder = new TemporaryFolder();
        using var network = new TrainableNetwork(SmallNetworks.Linear(5));
        using var trainer = new Trainer(network, new TrainerOptions { Seed = 3 });
        trainer.Save(folder["state"]);
        void Refuse(string path, Trainer by, string message) =>
            Assert.That(() => by.Restore(path), Throws.TypeOf<TrainingException>().With.Message.Contains(message));

        using var other = new TrainableNetwork(SmallNetworks.Linear(6));
        using var wrong = new Trainer(other, new TrainerOptions { Seed = 3 });
        Refuse(folder["state"], wrong, "is of another training; expected seed 3 and networks 'linear' with 1 weights.");
        using var averaged = new Trainer(network, new TrainerOptions { Seed = 3, AverageDecay = 0.9 });
        Refuse(folder["state"], averaged, "'linear' with 1 weights and their averages");
        using var seeded = new Trainer(network, new TrainerOptions { Seed = 4 });
        Refuse(folder["state"], seeded, "expected seed 4");
        Refuse(folder["none"], trainer, "Cannot read checkpoint");
        File.WriteAllText(folder["text"], "DiffeoNN");
        Refuse(folder["text"], trainer, "is no checkpoint of a training.");
        var bytes = File.ReadAllBytes(folder["state"]);
        bytes[^40] ^= 1;
        File.WriteAllBytes(folder["damaged"], bytes);
        var before = network["w"].data<float>().ToArray();
        Refuse(folder["damaged"], trainer, "is damaged");
        File.WriteAllBytes(folder["short"], bytes[..50]);
        Refuse(folder["short"], trainer, "is cut short: it has 50 bytes, and the least one has 57.");
        Assert.That(network["w"].data<float>().ToArray(), Is.EqualTo(before));
    }


    /// <summary>Whatever the bytes are, the hash fitting or not: what is no checkpoint of this training is refused with what is wrong, and
    /// changes nothing.</summary>
    [Test]
    public void BytesOfAnyKind_AreRefusedAndChangeNothing()
    {
        using var folder = new TemporaryFolder();
        using var network = new TrainableNetwork(SmallNetworks.Linear(5));
        using var trainer = new Trainer(network, new TrainerOptions { Seed = 3 });
        trainer.Save(folder["state"]);
        var whole = File.ReadAllBytes(folder["state"])[..^32];
        var before = network["w"].data<float>().ToArray();
        var random = new SplitMix64(5);
        for (var length = 0; length < whole.Length; length++)
            Refuse(Hashed(whole[..length]), $"{length} bytes");
        for (var i = 0; i < 400; i++)
        {
            // Seed, names, numbers of networks and weights, and shapes; neither steps nor what weights are.
            var changed = whole.ToArray();
            var place = (int)(random.Next() % 55);
            if (place is >= 21 and < 25) continue;
            changed[place] ^= (byte)(1 + (random.Next() % 255));
            Refuse(Hashed(changed), $"byte {place}");
        }

        Refuse(Hashed([.. whole, 0]), "a byte more");
        var negative = whole.ToArray();
        BitConverter.TryWriteBytes(negative.AsSpan(21), -5);
        Assert.That(Refuse(Hashed(negative), "steps"), Does.Contain("tells of -5 steps; expected 0 or more."));
        var later = whole.ToArray();
        later[17] = 9;
        Assert.That(Refuse(Hashed(later), "version"), Does.Contain("is of version 9; expected 1."));
        Assert.That(Refuse(Hashed("DiffeoNN training"u8.ToArray()), "tiny"), Does.Contain("is cut short: it has 49 bytes"));
        Assert.That(network["w"].data<float>().ToArray(), Is.EqualTo(before));
        Assert.That(trainer.Steps, Is.Zero);

        static byte[] Hashed(byte[] content) => [.. content, .. System.Security.Cryptography.SHA256.HashData(content)];

        string Refuse(byte[] bytes, string what)
        {
            File.WriteAllBytes(folder["odd"], bytes);
            var error = Assert.Throws<TrainingException>(() => trainer.Restore(folder["odd"]), what);
            return error!.Message;
        }
    }
}
