using DiffeoNN.Onnx.Files;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Tests.Imaging;

namespace DiffeoNN.Onnx.Tests.Files;

/// <summary>What is no regular file is written to and stays what it is.</summary>
public sealed class AtomicFileTests
{
    private TemporaryFolder _folder = null!;

    [SetUp]
    public void CreateFolder()
    {
        if (!OperatingSystem.IsLinux()) Assert.Ignore("Links and pipes are made as on Linux.");
        _folder = new TemporaryFolder();
    }

    [TearDown]
    public void RemoveFolder() => _folder?.Dispose();

    [Test]
    public async Task Write_IntoAPipe_GivesTheReaderAllBytes()
    {
        Fifo.Make(_folder["pipe"]);
        Assert.That(AtomicFile.IsWrittenInPlace(_folder["pipe"]));
        byte[] content = [.. Enumerable.Range(0, 300_000).Select(i => (byte)i)];
        var read = Fifo.Read(_folder["pipe"]);
        AtomicFile.Write(_folder["pipe"], content);
        Assert.That(await read.WaitAsync(TimeSpan.FromSeconds(30)), Is.EqualTo(content));
        Assert.That(AtomicFile.IsWrittenInPlace(_folder["pipe"]), "it is a pipe still");
        Assert.That(_folder.Files(), Has.Length.EqualTo(1));
    }

    [Test]
    public async Task Write_ThroughALinkToAPipe_ReachesThePipe()
    {
        Fifo.Make(_folder["pipe"]);
        File.CreateSymbolicLink(_folder["link"], "pipe");
        var read = Fifo.Read(_folder["pipe"]);
        AtomicFile.WriteText(_folder["link"], "through");
        Assert.That(System.Text.Encoding.UTF8.GetString(await read.WaitAsync(TimeSpan.FromSeconds(30))), Is.EqualTo("through"));
        Assert.That(new FileInfo(_folder["link"]).LinkTarget, Is.EqualTo("pipe"));
    }

    [Test]
    public void Write_ThroughLinks_ChangesTheirTarget([Values] bool exists)
    {
        Directory.CreateDirectory(_folder["far"]);
        if (exists) File.WriteAllText(_folder["far/target"], "old and longer than the new one");
        File.CreateSymbolicLink(_folder["second"], "far/target");
        File.CreateSymbolicLink(_folder["first"], _folder["second"]);
        AtomicFile.WriteText(_folder["first"], "new");
        Assert.That(new FileInfo(_folder["first"]).LinkTarget, Is.EqualTo(_folder["second"]));
        Assert.That(new FileInfo(_folder["second"]).LinkTarget, Is.EqualTo("far/target"));
        Assert.That(File.ReadAllText(_folder["far/target"]), Is.EqualTo("new"));
        Assert.That(Directory.GetFiles(_folder["far"]), Has.Length.EqualTo(1), "nothing temporary is left");
    }

    [Test]
    public void Write_ThroughALinkThatFails_LeavesItsTarget()
    {
        File.WriteAllText(_folder["target"], "old");
        File.CreateSymbolicLink(_folder["link"], "target");
        Assert.That(() => AtomicFile.Write(_folder["link"], _ => throw new InvalidOperationException("stop")),
            Throws.InvalidOperationException);
        Assert.That(File.ReadAllText(_folder["link"]), Is.EqualTo("old"));
        Assert.That(_folder.Files(), Has.Length.EqualTo(2));
    }

    [Test]
    public void Write_ThroughLinksWithoutEnd_IsAnOutputError()
    {
        File.CreateSymbolicLink(_folder["a"], "b");
        File.CreateSymbolicLink(_folder["b"], "a");
        Assert.That(() => AtomicFile.WriteText(_folder["a"], "x"),
            Throws.TypeOf<OutputException>().With.Message.Contains("'" + _folder["a"] + "'"));
    }

    [Test]
    public void IsWrittenInPlace_OfDevicesAndStandardStreams_Only()
    {
        File.WriteAllText(_folder["empty"], "");
        foreach (var path in new[] { "/dev/null", "/dev/full", "/dev/stdout", "/dev/stderr", "/proc/self/fd/1" })
            Assert.That(AtomicFile.IsWrittenInPlace(path), path);
        foreach (var path in new[] { _folder["empty"], _folder["none"], _folder.Path })
            Assert.That(AtomicFile.IsWrittenInPlace(path), Is.False, path);
    }
}
