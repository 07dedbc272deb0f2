using System.Globalization;
using Microsoft.ML.OnnxRuntime;

namespace DiffeoNN.Onnx.GpuCheck.Operators;

/// <summary>A folder for the profiles of sessions, which are written when profiling ends or the session is disposed.</summary>
internal sealed class ProfileFolder : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("gpucheck-");
    private readonly List<string> _names = [];

    /// <summary>Switches profiling on for a session; its log id names it.</summary>
    public void Watch(SessionOptions options)
    {
        lock (_names)
        {
            // In this order: switching it on reads the prefix.
            options.ProfileOutputPathPrefix = Path.Combine(_folder.FullName, Prefix(_names.Count));
            options.EnableProfiling = true;
            _names.Add(options.LogId);
        }
    }

    /// <summary>The profiles that were written, with the names of their sessions, in the order of loading.</summary>
    public IEnumerable<(string Session, IReadOnlyList<ProfiledNode> Nodes)> Read() =>
        _names.SelectMany((name, i) => _folder.GetFiles($"{Prefix(i)}*").Select(file => (name, Profile.Read(file.FullName))));

    /// <summary>Milliseconds a run that each operator took, session by session.</summary>
    public IEnumerable<(string Session, OperatorTimes Times)> Times() =>
        _names.SelectMany((name, i) => _folder.GetFiles($"{Prefix(i)}*").Select(file => (name, OperatorTimes.Read(file.FullName))));

    public void Dispose() => _folder.Delete(recursive: true);

    private static string Prefix(int index) => string.Create(CultureInfo.InvariantCulture, $"session{index:00000}-");
}
