using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Inference;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;

namespace DiffeoNN.Onnx.Hosting.Tests;

/// <summary>Options are checked before a host starts, and come from code or configuration.</summary>
public sealed class OptionsTests
{
    private static readonly string Shapes = Repository.Bundle("shapes");

    private static IEnumerable<TestCaseData> Wrong()
    {
        Action<DiffeoModelOptions> Set(Action<DiffeoModelOptions> set) => options =>
        {
            options.Bundle = Shapes;
            set(options);
        };
        yield return new(Set(o => o.Bundle = ""), "Model 'a': Bundle is not set; give the folder that holds diffeonn.json.");
        yield return new(Set(o => o.Bundle = "no/such"), "Model 'a': Bundle 'no/such' does not exist (looked for '");
        yield return new(Set(o => o.Bundle = Repository.Root), $"Model 'a': Bundle '{Repository.Root}' holds no diffeonn.json; give");
        yield return new(Set(o => o.Steps = -1), "Model 'a': Steps is -1; give 0 or more");
        yield return new(Set(o => o.Threads = -2), "Model 'a': Threads is -2; give 0 for all cores");
        yield return new(Set(o => o.QueueCapacity = 0), "Model 'a': QueueCapacity is 0; give 1 or more.");
        yield return new(Set(o => o.TimeBudget = TimeSpan.Zero), "Model 'a': TimeBudget is 00:00:00; give more than 0");
        yield return new(Set(o => o.DeviceIndex = -1), "Model 'a': DeviceIndex is -1; GPUs are numbered from 0.");
        yield return new(Set(o => o.Engine = EngineKind.Torch),
            "Model 'a': Engine is Torch, which this program has not made known; "
                + "take the package DiffeoNN.Onnx.Torch and call its TorchEngine.");
        yield return new(Set(o => o.Device = (ExecutionDevice)7), "Model 'a': Device is 7, which is none; give one of Auto, Cpu, Cuda.");
        yield return new(Set(o => o.Configure = _ => null!),
            "Model 'a': Configure returned null; return the options that it received, changed by 'with'.");
        yield return new(Set(o => o.Configure = _ => throw new NotSupportedException("not today")),
            "Model 'a': Configure failed: NotSupportedException: not today");
        yield return new(Set(o => (o.Device, o.DeviceIndex) = (ExecutionDevice.Cuda, 99)),
                "Model 'a': Device 'cuda:99' is not available: ");
    }

    [TestCaseSource(nameof(Wrong))]
    public void Start_WithAWrongOption_FailsAndSaysWhatToDo(Action<DiffeoModelOptions> configure, string message)
    {
        using var host = Host(services => services.AddDiffeoNN("a", configure));
        Assert.That(async () => await host.StartAsync(), Throws.TypeOf<OptionsValidationException>().With.Message.StartsWith(message));
    }

    [Test]
    public async Task Start_WithSeveralWrongOptions_NamesThemAll()
    {
        using var host = Host(services => services.AddDiffeoNN("a", options => (options.Steps, options.Threads) = (-1, -1)));
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        Assert.That(error!.Failures.Count(), Is.EqualTo(3));
    }

    [Test]
    public async Task Configuration_NamesModels_OfWhichTheFirstIsTheDefault()
    {
        var settings = new Dictionary<string, string?>
        {
            ["Models:fast:Bundle"] = Shapes, ["Models:fast:Steps"] = "0", ["Models:fast:Device"] = "Cpu", ["Models:fast:WarmsUp"] = "false",
            ["Models:slow:Bundle"] = Shapes, ["Models:slow:Steps"] = "7", ["Models:slow:Device"] = "Cpu", ["Models:slow:WarmsUp"] = "false",
        };
        EquivariantModel fast, slow;
        using (var host = Host(services => services.AddDiffeoNN(Configuration(settings).GetSection("Models"))))
        {
            await host.StartAsync();
            fast = host.Services.GetRequiredKeyedService<EquivariantModel>("fast");
            slow = host.Services.GetRequiredKeyedService<EquivariantModel>("slow");
            Assert.That(slow.Plan.FromIdentity.Steps, Is.EqualTo(7));
            Assert.That(host.Services.GetRequiredService<EquivariantModel>(), Is.SameAs(fast).And.Not.SameAs(slow));
            await host.StopAsync();
        }

        Assert.That(() => fast.RunAsync([new(1, 8, 8)]), Throws.TypeOf<ObjectDisposedException>(), "disposed with the container");
        Assert.That(() => slow.RunAsync([new(1, 8, 8)]), Throws.TypeOf<ObjectDisposedException>(), "disposed with the container");
    }

    [Test]
    public void Configuration_WithAMisspeltSetting_IsRefusedAtStart()
    {
        var settings = new Dictionary<string, string?> { ["Bundle"] = Shapes, ["Stepps"] = "3" };
        using var host = Host(services => services.AddDiffeoNN("a", Configuration(settings)));
        Assert.That(async () => await host.StartAsync(), Throws.TypeOf<OptionsValidationException>().With.Message.EqualTo(
            "Model 'a': 'Stepps' is no setting; the settings are Bundle, Device, DeviceIndex, Engine, Threads, Steps, Seed, TimeBudget, "
            + "QueueCapacity, WarmsUp."));
    }

    [TestCase("Device", "Tpu", "'Models:a:Device' is 'Tpu'; expected one of Auto, Cpu, Cuda.")]
    [TestCase("Steps", "many", "'Models:a:Steps' is 'many'; expected a whole number.")]
    [TestCase("Seed", "-1", "'Models:a:Seed' is '-1'; expected a whole number, 0 or more.")]
    [TestCase("WarmsUp", "perhaps", "'Models:a:WarmsUp' is 'perhaps'; expected true or false.")]
    [TestCase("TimeBudget", "soon", "'Models:a:TimeBudget' is 'soon'; expected a time such as 00:00:30.")]
    [TestCase("Steps:Most", "3", "'Models:a:Steps' is a section; expected a value.")]
    [TestCase("Configure", "x", "'Models:a:Configure' is no setting; the settings are Bundle, ")]
    [TestCase("Device", "7", "Device is 7, which is none; give one of Auto, Cpu, Cuda.")]
    [TestCase("Engine", "7", "Engine is 7, which is none; give one of OnnxRuntime, Torch.")]
    public void Configuration_WithAWrongSetting_NamesTheModelAndThePlace(string setting, string value, string message)
    {
        var settings = new Dictionary<string, string?> { ["Models:a:Bundle"] = Shapes, [$"Models:a:{setting}"] = value };
        using var host = Host(services => services.AddDiffeoNN(Configuration(settings).GetSection("Models")));
        Assert.That(async () => await host.StartAsync(),
            Throws.TypeOf<OptionsValidationException>().With.Message.StartsWith($"Model 'a': {message}"));
    }

    [Test]
    public async Task Configuration_WithSeveralWrongSettings_NamesThemAllWhateverIsWrong()
    {
        var settings = new Dictionary<string, string?>
        {
            ["Models:a:Bundle"] = "no/such", ["Models:a:Theads"] = "2", ["Models:a:Device"] = "Gpu", ["Models:a:Steps"] = "-4",
        };
        using var host = Host(services => services.AddDiffeoNN(Configuration(settings).GetSection("Models")));
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync());
        string[] expected =
        [
            "Model 'a': 'Models:a:Device' is 'Gpu'; expected one of", "Model 'a': 'Models:a:Theads' is no setting;",
            "Model 'a': Bundle 'no/such' does not exist", "Model 'a': Steps is -4;",
        ];
        Assert.That(error!.Failures.Count(), Is.EqualTo(expected.Length));
        foreach (var (failure, start) in error.Failures.Zip(expected)) Assert.That(failure, Does.StartWith(start));
    }

    [Test]
    public async Task Start_WithSeveralWrongModels_HoldsAnErrorForEach()
    {
        using var host = Host(services => services.AddDiffeoNN("a", _ => { }).AddDiffeoNN("b", _ => { }));
        var error = await Assert.ThrowsAsync<AggregateException>(() => host.StartAsync());
        Assert.That(error!.InnerExceptions, Has.Count.EqualTo(2).And.All.TypeOf<OptionsValidationException>());
    }

    [Test]
    public void Adding_NothingOrTwice_IsRefused()
    {
        var services = new ServiceCollection();
        services.AddDiffeoNN("a", options => options.Bundle = Shapes);
        Assert.That(() => services.AddDiffeoNN("a", options => options.Bundle = Shapes),
            Throws.ArgumentException.With.Message.Contains("A model 'a' has been added already"));
        Assert.That(() => services.AddDiffeoNN(Configuration([]).GetSection("Models")),
            Throws.ArgumentException.With.Message.Contains("'Models' names no models"));
    }

    private static IConfigurationRoot Configuration(Dictionary<string, string?> settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings).Build();

    private static IHost Host(Action<IServiceCollection> add)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        add(builder.Services);
        return builder.Build();
    }
}
