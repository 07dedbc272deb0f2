using System.Diagnostics;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Deformations;
using DiffeoNN.Onnx.Diagnostics;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Imaging;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Tests.Bundles;
using DiffeoNN.Onnx.Validation;
using TorchSharp;

namespace DiffeoNN.Onnx.Tests;

/// <summary>This assembly's entry point: what tests run in processes of their own.</summary>
internal static class HelperProcess
{
    /// <summary>In the place of a count: what is found about the machine and in the self-test is printed.</summary>
    public const string Doctor = "doctor";

    /// <summary>In the place of a count: the library without the torch engine.</summary>
    public const string Core = "core";

    /// <summary>In the place of a count: what reading a bundle, and then <see cref="Runtime.Initialise"/>, does to the process.</summary>
    public const string Read = "read";

    /// <summary>In the place of a count, before a number: a way to a first tensor that needs none.</summary>
    public const string First = "first";

    /// <summary>Uses TorchSharp and prints a sum, the core budget and the loader's report.</summary>
    public static int Main(string[] arguments)
    {
        if (arguments[0] == Core)
            return RunCore();
        if (arguments[0] == Read)
            return RunRead();
        if (arguments[0].StartsWith(First, StringComparison.Ordinal))
            return RunFirst(int.Parse(arguments[0][First.Length..]));
        if (arguments[0] == Doctor)
        {
            foreach (var finding in MachineDiagnosis.Run().Concat(SelfTest.Run(new ExecutionOptions(), TimeSpan.Zero)))
                Console.WriteLine($"{finding.Level} {finding.Subject}: {finding.Text}");
            return 0;
        }

        try
        {
            Runtime.Initialise();
            using var numbers = torch.arange(int.Parse(arguments[0]), torch.float32);
            using var sum = numbers.sum();
            Console.WriteLine($"sum {sum.item<float>()}, cores {new CoreBudget().Cores}, {Runtime.Report}");
            return 0;
        }
        catch (NativeLibraryException e)
        {
            Console.WriteLine(e.Message);
            return 3;
        }
    }

    /// <summary>Runs a bundle, and all that would take the torch engine; prints what comes of it.</summary>
    private static int RunCore()
    {
        var execution = new ExecutionOptions { Device = ExecutionDevice.Cpu };
        var options = new EquivariantOptions { Execution = execution, Start = StartPoint.Identity, Steps = 2 };
        using (var model = EquivariantModel.Load(TinyBundle.Original, options))
        using (var result = model.Run([new ImageBuffer(2, 12, 16)]))
            Console.WriteLine($"{result.Images.Count} image, {result.Images[0].Canonicalisation.Steps} steps");
        Try("engine", () => Engine.Create(execution with { Engine = EngineKind.Torch }));
        Try("validation", () => Validator.Run(TinyBundle.Original, new ValidationOptions { Execution = execution }));
        foreach (var finding in SelfTest.Run(execution, TimeSpan.Zero).Concat(ModelDiagnosis.Run(TinyBundle.Original, execution)))
        {
            if (finding.Subject.Split(' ')[0] is "self-test" or "inner" && finding.Text.Contains("registered", StringComparison.Ordinal))
                Console.WriteLine($"{finding.Level} {finding.Subject}: {finding.Text}");
        }

        var loaded = AppDomain.CurrentDomain.GetAssemblies().Any(assembly => assembly.GetName().Name == "DiffeoNN.Onnx.Torch");
        Console.WriteLine($"loaded: {loaded}");
        return 0;

        static void Try(string what, Action action)
        {
            try
            {
                action();
            }
            catch (EngineMissingException error)
            {
                Console.WriteLine($"{what}: {error.Message}");
            }
        }
    }

    private static int RunRead()
    {
        var bundle = Bundle.Load(TinyBundle.Original);
        Console.WriteLine($"read {bundle.Name}: {Libraries()}");
        Runtime.Initialise(1);
        Runtime.Initialise(1);
        Console.WriteLine($"initialised: {Libraries()}, {torch.get_num_threads()} thread");
        return 0;

        static string Libraries()
        {
            using var process = Process.GetCurrentProcess();
            string[] names = ["torch_cpu", "LibTorchSharp", "onnxruntime"];
            return string.Join(", ", names.Where(name => process.Modules.Cast<ProcessModule>().Any(
                module => module.ModuleName.Contains(name) && !module.ModuleName.EndsWith(".dll", StringComparison.Ordinal))));
        }
    }

    private static int RunFirst(int way)
    {
        var grid = new SamplingGrid(8, 8);
        switch (way)
        {
            case 0: ImageTensor.ToTensor(new ImageBuffer(1, 2, 2)).Dispose(); break;
            case 1: grid.Positions().Dispose(); break;
            case 2: new LatticeUpsampling(2, 2, grid).Dispose(); break;
            case 3: RigidStarts.Velocity(grid, 10, 1).Dispose(); break;
            case 4: new DeformationMap(grid, new double[128]).ToTensor().Dispose(); break;
            default: _ = DeviceSelection.Choose(new ExecutionOptions { Device = ExecutionDevice.Cpu }).Torch.ToString(); break;
        }

        Console.WriteLine("made");
        return 0;
    }

    /// <summary>Starts this assembly's <see cref="Main"/>.</summary>
    public static Process Start(int count, params (string Name, string Value)[] environment) => Start($"{count}", environment);

    /// <summary>Starts this assembly's <see cref="Main"/> with any argument.</summary>
    public static Process Start(string argument, params (string Name, string Value)[] environment)
    {
        // runtime folder/shared/Microsoft.NETCore.App/version, three levels below the host.
        var runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        var host = Path.GetFullPath(Path.Combine(runtime, "..", "..", "..", OperatingSystem.IsWindows() ? "dotnet.exe" : "dotnet"));
        var start = new ProcessStartInfo(host) { RedirectStandardOutput = true };
        start.ArgumentList.Add(typeof(HelperProcess).Assembly.Location);
        start.ArgumentList.Add(argument);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Waits for a process; a stuck one is ended.</summary>
    public static (int ExitCode, string Output) Finish(Process process)
    {
        using var _ = process;
        var output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(TimeSpan.FromSeconds(60)))
        {
            process.Kill();
            Assert.Fail("the helper process did not end within 60 s");
        }

        return (process.ExitCode, output.Result.Trim());
    }
}
