using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Native;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests.Native;

[Platform("Linux")]
public sealed class RuntimeTests
{
    private readonly List<string> _loaded = [];
    private readonly List<string> _variables = [];

    [SetUp]
    public void Forget()
    {
        _loaded.Clear();
        _variables.Clear();
    }

    [Test]
    public void Initialise_ThenTorch_Works()
    {
        Runtime.Initialise();

        using var scope = torch.NewDisposeScope();
        Assert.That(torch.arange(5, torch.float32).sum().item<float>(), Is.EqualTo(10));
        Assert.That(Runtime.Report, Does.StartWith("Nothing to do").Or.StartWith("Loaded libtorch"));
    }

    [Test]
    public void Prepare_WithNewStandardLibrary_DoesNothing()
    {
        var report = TorchLibraries.Prepare(System(isNew: true, folders: []));

        Assert.That(report, Is.EqualTo("Nothing to do: libstdc++ has GLIBCXX_3.4.32."));
        Assert.That(_loaded, Is.Empty);
    }

    [Test]
    public void Prepare_MakesOpenMpSleep_UnlessTheUserChose()
    {
        var system = System(isNew: true, folders: []);
        TorchLibraries.Prepare(system);
        Assert.That(_variables, Is.EqualTo(new[] { "OMP_WAIT_POLICY=passive" }));

        foreach (var chosen in new[] { "OMP_WAIT_POLICY", "GOMP_SPINCOUNT" })
        {
            _variables.Clear();
            TorchLibraries.Prepare(system with { Variable = name => name == chosen ? "1" : null });
            Assert.That(_variables, Is.Empty, chosen);
        }
    }

    [Test]
    public void Prepare_LimitsTheAllocatorsPools_UnlessTheUserChose()
    {
        var limits = new List<int>();
        var system = System(isNew: true, folders: []) with { LimitArenas = limits.Add };
        TorchLibraries.Prepare(system with { Variable = name => name == "MALLOC_ARENA_MAX" ? "8" : null });
        Assert.That(limits, Is.Empty);
        TorchLibraries.Prepare(system);
        Assert.That(limits, Is.EqualTo(new[] { 2 }));
    }

    [Test]
    public void Prepare_OutsideLinux_DoesNothing()
    {
        TorchLibraries.Prepare(System(isNew: false, folders: []) with
        {
            IsLinux = false,
            HasNewStandardLibrary = () => throw new AssertionException("asked"),
        });

        Assert.That(_loaded.Concat(_variables), Is.Empty);
    }

    [Test]
    public void Prepare_WithOldStandardLibrary_LoadsLibtorchThenAPatchedCopy()
    {
        using var cache = new TemporaryFolder();
        var report = TorchLibraries.Prepare(System(isNew: false, folders: [AppContext.BaseDirectory], cache: cache["c"]));

        var names = _loaded.Select(path => Path.GetFileName(path)!).ToList();
        Assert.That(names[..^1].Where(name => !name.StartsWith("libgomp")),
            Is.EqualTo(new[] { "libc10.so", "libtorch_cpu.so", "libtorch.so" }));
        Assert.That(names[0], Does.StartWith("libgomp"), "what the others need comes first");
        Assert.That(_loaded[^1], Is.EqualTo(Directory.GetFiles(cache["c"]).Single()));
        Assert.That(names[^1], Does.Match("^libLibTorchSharp-[0-9a-f]{64}\\.so$"));
        var expected = ElfSymbolPatch.Apply(File.ReadAllBytes(Path.Combine(AppContext.BaseDirectory, "libLibTorchSharp.so")));
        Assert.That(File.ReadAllBytes(_loaded[^1]).AsSpan().SequenceEqual(expected), Is.True);
        Assert.That(report, Does.Contain(_loaded[^1]).And.Contain("libstdc++ lacks GLIBCXX_3.4.32"));
    }

    [Test]
    public void Prepare_SearchesFoldersInTurn()
    {
        using var root = new TemporaryFolder();
        var native = Libtorch(root["app/runtimes/linux-x64/native"]);
        Touch(Path.Combine(native, "libLibTorchSharp.so"));

        TorchLibraries.Prepare(System(isNew: true, folders: [root["empty"], native], libtorch: native));

        Assert.That(_loaded, Has.All.StartsWith(native));
    }

    [Test]
    public void Prepare_WithAnotherLibtorch_LoadsItWithItsCudaParts()
    {
        using var root = new TemporaryFolder();
        Touch(root["app/libLibTorchSharp.so"]);
        var other = Libtorch(root["other"]);
        File.CreateSymbolicLink(root["app/libtorch_cpu.so"], root["other/libtorch_cpu.so"]);
        Touch(root["other/libtorch_cuda.so"]);
        Touch(root["other/libc10_cuda.so"]);

        TorchLibraries.Prepare(System(isNew: true, folders: [root["app"]], libtorch: other));

        Assert.That(_loaded, Is.EqualTo(new[]
        {
            root["other/libc10.so"], root["other/libtorch_cpu.so"], root["other/libc10_cuda.so"], root["other/libtorch_cuda.so"],
            root["other/libtorch.so"], root["app/libLibTorchSharp.so"],
        }));
    }

    [Test]
    public void Prepare_WithASecondLibtorch_RefusesBeforeAnyIsLoaded()
    {
        using var root = new TemporaryFolder();
        Touch(root["app/libLibTorchSharp.so"]);
        Libtorch(root["app"]);
        var other = Libtorch(root["other"]);

        Assert.That(() => TorchLibraries.Prepare(System(isNew: true, folders: [root["app"]], libtorch: other)),
            Throws.TypeOf<NativeLibraryException>()
                .With.Message.Contains($"TorchSharp would load '{root["app/libtorch_cpu.so"]}' as well"));
        Assert.That(_loaded, Is.Empty);
    }

    [Test]
    public void Prepare_WithALibtorchThatIsNotThere_SaysSo_AndDoesNotAdviseToDeleteAnything([Values] bool isNew)
    {
        using var root = new TemporaryFolder();
        Touch(root["app/libLibTorchSharp.so"]);
        Libtorch(root["app"]);
        Assert.That(() => TorchLibraries.Prepare(System(isNew, folders: [root["app"]], libtorch: root["typo"])),
            Throws.TypeOf<NativeLibraryException>().With.Message.EqualTo(
                $"DIFFEONN_LIBTORCH names '{root["typo"]}', and there is no such folder; it must name a folder with all of libtorch, "
                + "or be unset."));
        Directory.CreateDirectory(root["empty"]);
        Assert.That(() => TorchLibraries.Prepare(System(isNew, folders: [root["app"]], libtorch: root["empty"])),
            Throws.TypeOf<NativeLibraryException>().With.Message.EqualTo(
                $"'libc10.so' is in none of the folders '{root["empty"]}'; "
                    + "DIFFEONN_LIBTORCH must name a folder with all of libtorch, "
                + "or be unset."));
        Assert.That(_loaded, Is.Empty);
    }

    [Test]
    public void Process_WhereTheLibraryDoesNotLoad_IsDiagnosed()
    {
        if (Runtime.Report.StartsWith("Nothing to do", StringComparison.Ordinal))
            Assert.Ignore("nothing needs a folder on this machine");
        using var root = new TemporaryFolder();
        Touch(root["file"]);
        var (exitCode, output) = HelperProcess.Finish(HelperProcess.Start(HelperProcess.Doctor, ("DIFFEONN_CACHE", root["file/cache"])));

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output,
            Does.Contain("Problem TorchSharp: No folder to keep").And.Contain("Set DIFFEONN_CACHE to a folder that you own"));
        Assert.That(output, Does.EndWith("Problem self-test: left out, as libtorch does not load"));
    }

    [Test]
    public void Process_WithLibtorchFromAnotherFolder_Works()
    {
        using var root = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(AppContext.BaseDirectory).Where(
            file => Path.GetFileName(file).StartsWith("lib", StringComparison.Ordinal)))
            File.CreateSymbolicLink(root[Path.GetFileName(file)], file);
        var (exitCode, output) =
            HelperProcess.Finish(HelperProcess.Start(4, ("DIFFEONN_LIBTORCH", root.Path), ("DIFFEONN_CACHE", root["c"])));

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Does.StartWith("sum 6, ").And.Contain($"Loaded libtorch from {root.Path}"));
    }

    [Test]
    public void Prepare_WithAnIncompleteLibtorch_NamesWhatIsMissing()
    {
        using var root = new TemporaryFolder();
        Touch(root["app/libLibTorchSharp.so"]);
        var other = Libtorch(root["other"]);
        File.Delete(root["other/libtorch.so"]);

        Assert.That(() => TorchLibraries.Prepare(System(isNew: true, folders: [root["app"]], libtorch: other)),
            Throws.TypeOf<NativeLibraryException>()
                .With.Message.EqualTo(
                    $"'libtorch.so' is in none of the folders '{other}'; "
                    + "DIFFEONN_LIBTORCH must name a folder with all of libtorch, or be unset."));
    }

    [Test]
    public void Prepare_WithoutLibraries_NamesFoldersAndPackage()
    {
        using var root = new TemporaryFolder();
        Assert.That(() => TorchLibraries.Prepare(System(isNew: false, folders: [root["a"], root["b"]])),
            Throws.TypeOf<NativeLibraryException>()
                .With.Message.Contains("libLibTorchSharp.so").And.Message.Contains($"'{root["a"]}', '{root["b"]}'")
                .And.Message.Contains("TorchSharp"));

        Touch(root["a/libLibTorchSharp.so"]);
        Assert.That(() => TorchLibraries.Prepare(System(isNew: false, folders: [root["a"]])), Throws.TypeOf<NativeLibraryException>()
            .With.Message.Contains("libtorch_cpu.so").And.Message.Contains("TorchSharp-cpu"));
    }

    [Test]
    public void Prepare_OfAnUnexpectedLibrary_RefusesItByName()
    {
        using var root = new TemporaryFolder();
        Libtorch(root["app"]);
        File.WriteAllText(root["app/libLibTorchSharp.so"], "not a library");

        Assert.That(() => TorchLibraries.Prepare(System(isNew: false, folders: [root["app"]], cache: root["c"])),
            Throws.TypeOf<NativeLibraryException>()
                .With.Message.Contains(root["app/libLibTorchSharp.so"]).And.Message.Contains("it is not an ELF file"));
        Assert.That(Directory.Exists(root["c"]), Is.False, "nothing was written");
    }

    [Test]
    public void Prepare_OfALibraryThatDoesNotLoad_GivesTheLinkersReason()
    {
        using var root = new TemporaryFolder();
        var system = System(isNew: false, folders: [AppContext.BaseDirectory], cache: root["c"]) with
        {
            Load = path => throw new DllNotFoundException("libz.so.9: cannot open\nshared object file"),
        };

        Assert.That(() => TorchLibraries.Prepare(system), Throws.TypeOf<NativeLibraryException>()
            .With.Message.Contains("libz.so.9: cannot open shared object file").And.Message.Not.Contains("\n"));
    }

    [Test]
    public void SeveralProcessesAtOnce_AllWork_AndShareOneFile()
    {
        using var cache = new TemporaryFolder();
        var processes = Enumerable.Range(0, 3)
            .Select(i => HelperProcess.Start(10 + i, ("DIFFEONN_CACHE", cache["c"]), ("DOTNET_PROCESSOR_COUNT", "1"))).ToList();
        var results = processes.Select(HelperProcess.Finish).ToList();

        Assert.That(results.Select(result => result.ExitCode), Has.All.Zero, string.Join("\n", results.Select(result => result.Output)));
        Assert.That(results.Select(result => result.Output.Split(", ")[0]), Is.EqualTo(new[] { "sum 45", "sum 55", "sum 66" }));
        Assert.That(results.Select(result => result.Output.Split(", ")[1]), Has.All.EqualTo("cores 1"),
            "the budget follows what the process may use");
        if (Runtime.Report.StartsWith("Nothing to do")) Assert.That(Directory.Exists(cache["c"]), Is.False);
        else Assert.That(Directory.GetFiles(cache["c"]), Has.Length.EqualTo(1));
    }

    [Test]
    public void ReadingABundle_LoadsNothingIntoTheProcess_InitialiseDoes()
    {
        var (exitCode, output) = HelperProcess.Finish(HelperProcess.Start(HelperProcess.Read));

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Is.EqualTo("read tiny: \ninitialised: torch_cpu, LibTorchSharp, onnxruntime, 1 thread"));
    }

    /// <summary>Where no engine was made yet, whatever makes a first tensor prepares libtorch.</summary>
    [Test]
    public void FirstTensors_NeedNoInitialise([Range(0, 5)] int way)
    {
        var (exitCode, output) = HelperProcess.Finish(HelperProcess.Start($"{HelperProcess.First}{way}"));

        Assert.That(exitCode, Is.Zero, output);
        Assert.That(output, Is.EqualTo("made"));
    }

    [Test]
    public void Process_WithoutAWritableFolder_EndsWithTheCause()
    {
        if (Runtime.Report.StartsWith("Nothing to do")) Assert.Ignore("this system's libstdc++ needs no patched copy");
        using var root = new TemporaryFolder();
        Touch(root["file"]);
        var (exitCode, output) = HelperProcess.Finish(HelperProcess.Start(3, ("DIFFEONN_CACHE", root["file/cache"])));

        Assert.That(exitCode, Is.EqualTo(3));
        Assert.That(output, Does.Contain(root["file/cache"]).And.Contain("Set DIFFEONN_CACHE"));
    }

    private NativeSystem System(bool isNew, string[] folders, string? cache = null, string? libtorch = null) => new()
    {
        IsLinux = true,
        HasNewStandardLibrary = () => isNew,
        Folders = folders,
        Variable = name => name switch { "DIFFEONN_CACHE" => cache, "DIFFEONN_LIBTORCH" => libtorch, _ => null },
        Load = _loaded.Add,
        SetVariable = (name, value) => _variables.Add($"{name}={value}"),
    };

    private static string Libtorch(string folder)
    {
        foreach (var name in new[] { "libc10.so", "libtorch_cpu.so", "libtorch.so" }) Touch(Path.Combine(folder, name));
        return folder;
    }

    private static void Touch(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, "");
    }
}
