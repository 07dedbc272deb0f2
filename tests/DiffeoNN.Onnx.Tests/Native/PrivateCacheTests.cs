using System.Diagnostics;
using System.Runtime.Versioning;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Native;

namespace DiffeoNN.Onnx.Tests.Native;

[Platform("Linux")]
[SupportedOSPlatform("linux")]
public sealed class PrivateCacheTests
{
    private static readonly byte[] Content = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * 7))];

    [Test]
    public void Store_InNewFolder_WritesForTheUserAlone()
    {
        using var folder = new TemporaryFolder();
        var path = PrivateCache.Store([folder["a/b"]], "file.so", Content);

        Assert.That(path, Is.EqualTo(folder["a/b/file.so"]));
        Assert.That(File.ReadAllBytes(path), Is.EqualTo(Content));
        const UnixFileMode owner = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        Assert.That(File.GetUnixFileMode(folder["a/b"]), Is.EqualTo(owner));
        Assert.That(File.GetUnixFileMode(path), Is.EqualTo(owner));
    }

    [Test]
    public void Store_OfWhatIsThere_WritesNothing()
    {
        using var folder = new TemporaryFolder();
        var path = PrivateCache.Store([folder.Path], "file.so", Content);
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);
        PrivateCache.Store([folder.Path], "file.so", Content);

        Assert.That(File.GetLastWriteTimeUtc(path), Is.EqualTo(DateTime.UnixEpoch));
    }

    [Test]
    public void Store_OverAlteredFile_PutsTheContentBack()
    {
        using var folder = new TemporaryFolder();
        var altered = Content.ToArray();
        altered[50_000] ^= 1;
        File.WriteAllBytes(folder["file.so"], altered);

        Assert.That(File.ReadAllBytes(PrivateCache.Store([folder.Path], "file.so", Content)), Is.EqualTo(Content));
    }

    [Test]
    public void Store_WhereNoFolderCanBeMade_SaysWhyAndWhatToDo()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["file"], "");

        Assert.That(() => PrivateCache.Store([folder["file/cache"]], "x.so", Content),
            Throws.TypeOf<NativeLibraryException>().With.Message.Contains(folder["file/cache"])
                .And.Message.Contains("Set DIFFEONN_CACHE to a folder that you own"));
    }

    [Test]
    public void Store_WhereOthersCanWrite_Refuses()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["open"]);
        File.SetUnixFileMode(folder["open"], (UnixFileMode)Convert.ToInt32("777", 8));

        Assert.That(() => PrivateCache.Store([folder["open"]], "x.so", Content),
            Throws.TypeOf<NativeLibraryException>().With.Message.Contains($"others can write '{folder["open"]}' (mode 777, expected 700)"));
        Assert.That(Directory.GetFiles(folder["open"]), Is.Empty);
    }

    [Test]
    public void Store_InFolderOfAnotherUser_Refuses()
    {
        if (LibC.EffectiveUser() != 0) Assert.Ignore("only root can give a folder away");
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["theirs"]);
        using (var chown = Process.Start("chown", ["12345", folder["theirs"]])) chown.WaitForExit();

        Assert.That(() => PrivateCache.Store([folder["theirs"]], "x.so", Content),
            Throws.TypeOf<NativeLibraryException>().With.Message.Contains("belongs to user 12345, not to 0"));
    }

    [Test]
    public void Store_WhereFirstFolderFails_TakesTheNext()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder["file"], "");

        Assert.That(PrivateCache.Store([folder["file/cache"], folder["second"]], "x.so", Content), Is.EqualTo(folder["second/x.so"]));
    }

    [Test]
    public void Store_WhereALibraryDoesNotLoad_TakesTheNextFolder()
    {
        using var folder = new TemporaryFolder();
        var tried = new List<string>();
        void Load(string path)
        {
            tried.Add(path);
            if (path.StartsWith(folder["noexec"], StringComparison.Ordinal))
                throw new DllNotFoundException("failed to map segment from shared object: Operation not permitted");
        }

        Assert.That(PrivateCache.Store([folder["noexec"], folder["second"]], "x.so", Content, Load), Is.EqualTo(folder["second/x.so"]));
        Assert.That(tried, Is.EqualTo(new[] { folder["noexec/x.so"], folder["second/x.so"] }));
        Assert.That(() => PrivateCache.Store([folder["noexec"]], "x.so", Content, Load),
            Throws.TypeOf<NativeLibraryException>().With.Message.EqualTo(
                $"No folder to keep 'x.so' in: from '{folder["noexec"]}', which may be mounted noexec, it does not load (failed to map "
                + "segment from shared object: Operation not permitted). Set DIFFEONN_CACHE to a folder that you own, that nobody else can "
                + "write and that is not mounted noexec."));
    }

    [Test]
    public void Store_FromManyThreads_LeavesWholeFiles()
    {
        const int threads = 8, rounds = 20;
        using var folder = new TemporaryFolder();
        using var barrier = new Barrier(threads);
        var work = Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
            () =>
            {
                for (var round = 0; round < rounds; round++)
                {
                    barrier.SignalAndWait(TimeSpan.FromSeconds(20));
                    PrivateCache.Store([folder["cache"]], $"{round}.so", Content);
                }
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        Task.WaitAll(work);

        Assert.That(Directory.GetFiles(folder["cache"]), Has.Length.EqualTo(rounds), "drafts left behind");
        for (var round = 0; round < rounds; round++)
            Assert.That(File.ReadAllBytes(folder[$"cache/{round}.so"]).AsSpan().SequenceEqual(Content), Is.True);
    }

    [TestCase("/chosen", "/xdg", "/home/u", "/chosen")]
    [TestCase(null, "/xdg", "/home/u", "/xdg/diffeonn")]
    [TestCase(null, "relative", "/home/u", "/home/u/.cache/diffeonn")]
    [TestCase(null, null, "/home/u", "/home/u/.cache/diffeonn")]
    public void Candidates_StartWith(string? chosen, string? xdg, string? home, string expected)
    {
        var folders =
            PrivateCache.Candidates(name => name switch { "DIFFEONN_CACHE" => chosen, "XDG_CACHE_HOME" => xdg, "HOME" => home, _ => null });

        Assert.That(folders[0], Is.EqualTo(expected));
        Assert.That(folders, Has.Count.EqualTo(chosen is null ? 2 : 1), "a folder that was chosen is the only one");
    }

    [Test]
    public void Candidates_WithoutHome_AreTheUsersOwn() =>
        Assert.That(PrivateCache.Candidates(_ => null),
            Is.EqualTo(new[] { Path.Combine(Path.GetTempPath(), $"diffeonn-{LibC.EffectiveUser()}") }));
}
