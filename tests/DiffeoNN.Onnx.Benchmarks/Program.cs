using System.Text.Json;
using DiffeoNN.Onnx.Benchmarks;
using DiffeoNN.Onnx.Benchmarks.Formulas;
using DiffeoNN.Onnx.Canonicalisation;
using DiffeoNN.Onnx.Execution;
using DiffeoNN.Onnx.Fields;
using DiffeoNN.Onnx.Gradients;
using DiffeoNN.Onnx.Inference;
using DiffeoNN.Onnx.Search;
using DiffeoNN.Onnx.Torch;
using TorchSharp;

if (BenchmarkOptions.Parse(args) is not { } options)
    return 2;
var engine = new OnnxRuntimeEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = options.Threads });
var networks = new ReferenceNetworks(options.Size);
if (options.Gradients)
    return GradientCosts();
if (options.Training)
    return DiffeoNN.Onnx.Benchmarks.TrainingSteps.TrainingCosts.Run(engine, options);
if (options.Formulas)
    return FormulaCosts();
IEngine torchEngine = new TorchEngine(new ExecutionOptions { Device = ExecutionDevice.Cpu, Threads = options.Threads });
using var energy = OnnxSide.Load(networks, PublishedSettings.Search, options is { Memory: true, Torch: true } ? torchEngine : engine);
using var images = TestImages.Create(options.Batch, options.Size);
var defaults = new SearchSpec();
if (options.Lattice is { } lattice)
    defaults = defaults with { Lattice = lattice };
Console.WriteLine($"{options.Size}x{options.Size}, {engine.Budget.Cores} cores, {options.Steps} steps an image\n");

if (options.Memory)
    return Math.Max(MemoryCheck.Run(energy, defaults, images), Directory.Exists("models/shapes") ? ImageMemory.Run("models/shapes") : 0);

List<StepTimes> rows = [];
void Library(string name, DiffeoNN.Onnx.Energies.IEnergy of, SearchSpec with, torch.Tensor batch) =>
    rows.Add(Measure.Library(name, of, with, batch, options.Repeats * 5, options.Steps));

if (options.Fields)
    return FieldCosts();
if (options.Lattices)
{
    foreach (var size in (int[])[8, 12, 16, 24, 32, 48, 64, 0])
        Library($"siren {(size == 0 ? "at every pixel" : $"{size}x{size}")}", energy, defaults with { Lattice = size }, images);
    foreach (var basis in Enum.GetValues<LatticeBasis>())
        Library($"lattice 8x8 {basis}", energy, defaults with { Field = FieldKind.Lattice, Lattice = 8, Basis = basis }, images);
    StepTimes.PrintHeader();
    rows.ForEach(row => row.Print());
    return Json(rows);
}

using var torchEnergy = OnnxSide.Load(networks, PublishedSettings.Search, torchEngine);
using var doubles = new TorchNetworks(networks, torch.ScalarType.Float64);
using var floats = new TorchNetworks(networks, torch.ScalarType.Float32);
var agreement = Agreement.Of(new TorchEnergy(doubles, PublishedSettings.Search), energy, images, torch.ScalarType.Float64);
Library("this library", energy, defaults, images.narrow(0, 0, 1));
Library("  the engine torch instead", torchEnergy, defaults, images.narrow(0, 0, 1));
Library("  energies by modules of TorchSharp instead", new TorchEnergy(floats, PublishedSettings.Search), defaults,
    images.narrow(0, 0, 1));
if (options.Batch > 1)
    Library($"  batch of {options.Batch}", energy, defaults, images);
using var recipe = new PublishedRecipe(doubles, images.narrow(0, 0, 1), PublishedSettings.Search);
rows.Add(Measure.Recipe("published recipe", recipe, options.Repeats, options.Steps));

var (own, perImage, published) = (rows[0], options.Batch > 1 ? rows[^2] : rows[0], rows[^1]);
void Ratio(string name, double value, string format = "f1") => Console.WriteLine($"{name,-50}{value.ToString(format),8}");
Ratio("recipe / library, time of a step", published.Step / own.Step);
Ratio($"recipe / library, time of an image{(options.Batch > 1 ? " in the batch" : "")}", published.Image / perImage.Image);
Ratio("engine torch / onnxruntime, energy gradient", rows[1].EnergyGradient / own.EnergyGradient, "f2");
Ratio("recipe / library, energy gradient alone", published.EnergyGradient / own.EnergyGradient);
Ratio("recipe / library, the rest", published.Others / own.Others);
Ratio("library, the rest / energy gradient", own.OthersToEnergy, "f3");
Console.WriteLine();
StepTimes.PrintHeader();
rows.ForEach(row => row.Print());
Console.WriteLine(
    $"\nboth energies agree to {agreement.Energy:e1}, gradients to {agreement.Gradient:e1} of the largest entry, "
    + $"cosine 1 - {1 - agreement.Cosine:e1}");
if (!agreement.Holds)
    Console.Error.WriteLine("The two sides do not compute the same energy; the times mean nothing.");
return agreement.Holds ? Json(rows) : 1;

int FieldCosts()
{
    using var graphs = OnnxSide.Fields(networks, PublishedSettings.Search, engine, energy);
    foreach (var kind in Enum.GetValues<FieldKind>())
    {
        var with = defaults with { Field = kind };
        foreach (var batch in (int[])[1, 4, 8])
        {
            using var some = TestImages.Create(batch, options.Size);
            var name = $"{kind.ToString().ToLowerInvariant()}, batch {batch}";
            Library($"{name}, torch", energy, with, some);
            rows.Add(Measure.Library($"{name}, onnx", energy, with, some, options.Repeats * 5, options.Steps, graphs));
            Console.WriteLine($"{name}: onnx / torch {rows[^1].Step / rows[^2].Step:f2}, torch, an image in the batch / alone "
                + $"{rows[^2].Step / batch / rows.First(row => row.Name.StartsWith(name[..4], StringComparison.Ordinal)).Step:f2}");
        }
    }

    StepTimes.PrintHeader();
    rows.ForEach(row => row.Print());
    return Json(rows);
}

int GradientCosts()
{
    IEnumerable<(string, OnnxModel)> models =
    [
        ("reference VAE", OnnxNetworks.Vae(networks)),
        ("reference critic", OnnxNetworks.Critic(networks)),
        .. Directory.Exists("models")
            ? Directory.GetFiles("models", "*.onnx", SearchOption.AllDirectories).Order()
                .Select(f => ($"{Path.GetFileName(Path.GetDirectoryName(f))}/{Path.GetFileNameWithoutExtension(f)}", OnnxModel.Load(f)))
            : [],
        .. options.Models.Select(f => (f.Length > 30 ? "..." + f[^27..] : f, OnnxModel.Load(f))),
    ];
    GradientCost.PrintHeader();
    List<GradientCost> costs = [];
    foreach (var (name, model) in models)
    {
        costs.Add(GradientCost.Of(engine, name, model, options.Size, options.Repeats * 5));
        costs[^1].Print();
    }

    return Json(costs);
}

int FormulaCosts()
{
    FormulaTimes.PrintHeader();
    List<FormulaTimes> times = [];
    foreach (var formula in FormulaList.All())
    {
        var ways = FormulaTimes.Of(engine, formula, options.Repeats * 5);
        times.AddRange(ways);
        ways.ToList().ForEach(way => way.Print());
    }

    return Json(times);
}

int Json<T>(IReadOnlyList<T> figures)
{
    if (options.Json is not null)
        File.WriteAllText(options.Json, JsonSerializer.Serialize(figures, JsonSerializerOptions.Web) + "\n");
    return 0;
}
