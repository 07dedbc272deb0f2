using DiffeoNN.Onnx.Files;

namespace DiffeoNN.Onnx.Tests.Files;

[Platform("Linux")]
public sealed class RealPathTests
{
    [Test]
    public void Links_AreFollowed_InEveryPartOfAPath()
    {
        using var folder = new TemporaryFolder();
        Directory.CreateDirectory(folder["a/b"]);
        File.CreateSymbolicLink(folder["short"], "a");
        File.CreateSymbolicLink(folder["a/up"], "..");
        File.CreateSymbolicLink(folder["a/b/absolute"], folder["a"]);
        Assert.Multiple(() =>
        {
            Assert.That(RealPath.IsSame(folder["a/b"], folder["short/b/"]));
            Assert.That(RealPath.IsSame(folder["a/b"], folder["short/up/short/b/absolute/b"]));
            Assert.That(RealPath.IsSame(folder["a/b/new.onnx"], folder["short/b/./new.onnx"]), "what is not there yet");
            Assert.That(RealPath.IsSame(folder["a"], folder["a/b"]), Is.False);
        });
    }

    [Test]
    public void Links_ThatDoNotEnd_AreRefused()
    {
        using var folder = new TemporaryFolder();
        File.CreateSymbolicLink(folder["one"], "other");
        File.CreateSymbolicLink(folder["other"], "one");
        Assert.That(() => RealPath.Of(folder["one/x"]), Throws.InstanceOf<IOException>().With.Message.Contains("more than 40 links"));
    }
}
