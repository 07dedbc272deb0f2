using System.Text.Json.Nodes;
using DiffeoNN.Onnx.Bundles;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Tests.Support;

/// <summary>A bundle for images of 1 x 48 x 64 whose network finds the centre of what is bright, and whose proposer always proposes the
/// velocity of a turn and a growth about the centre, whose map is known exactly.</summary>
internal sealed class AnswerBundle : IDisposable
{
    public const int Height = 48, Width = 64;

    private const int Opset = 18;
    private readonly TemporaryFolder _folder = new();

    /// <summary>Writes the bundle.</summary>
    /// <param name="answer">Adds the network's nodes and outputs.</param>
    /// <param name="outputs">What the manifest says: an object, or an array of several.</param>
    /// <param name="turn">The map's angle in radians.</param>
    /// <param name="growth">Logarithm of the map's factor.</param>
    public AnswerBundle(Action<AnswerGraph> answer, JsonNode outputs, double turn = 0, double growth = 0)
    {
        (Turn, Growth) = (turn, growth);
        var graph = new AnswerGraph();
        answer(graph);
        Save(graph.Model, "inner.onnx");
        Save(Energy(), "energy.onnx");
        Save(Proposer(), "proposer.onnx");
        var manifest = new JsonObject
        {
            ["schema"] = 1,
            ["name"] = "answers",
            ["image"] = new JsonObject { ["channels"] = 1, ["height"] = Height, ["width"] = Width },
            ["models"] = new JsonObject
            {
                ["inner"] = Entry("inner.onnx", outputs is JsonArray ? "outputs" : "output", outputs),
                ["energy"] = Entry("energy.onnx", "output", "energy"),
                ["proposer"] = Entry("proposer.onnx", "output", "velocity"),
            },
            ["energy"] = new JsonObject { ["energy"] = 1 },
            ["optimiser"] = new JsonObject { ["refinement"] = new JsonObject { ["steps"] = 0 } },
        };
        File.WriteAllText(_folder[BundleManifest.FileName], manifest.ToJsonString());
    }

    public string Path => _folder.Path;

    private double Turn { get; }

    private double Growth { get; }

    /// <summary>Where the map takes a place of the canonical image, in pixels.</summary>
    public (double Column, double Row) Map(double column, double row) => Turned(column, row, Turn, Math.Exp(Growth));

    /// <summary>Which place of the canonical image comes there.</summary>
    public (double Column, double Row) Back(double column, double row) => Turned(column, row, -Turn, Math.Exp(-Growth));

    public void Dispose() => _folder.Dispose();

    private static (double Column, double Row) Turned(double column, double row, double turn, double factor)
    {
        double x = column - ((Width - 1) / 2.0), y = row - ((Height - 1) / 2.0);
        return ((factor * ((Math.Cos(turn) * x) - (Math.Sin(turn) * y))) + ((Width - 1) / 2.0),
            (factor * ((Math.Sin(turn) * x) + (Math.Cos(turn) * y))) + ((Height - 1) / 2.0));
    }

    private static OnnxModel Energy()
    {
        var graph = new AnswerGraph();
        var energy = graph.Op("ReduceMean", graph.Op("Mul", AnswerGraph.Image, AnswerGraph.Image), graph.Ints(1, 2, 3));
        graph.Output("energy", energy, OnnxElementType.Float, "N", 1, 1, 1);
        return graph.Model;
    }

    private OnnxModel Proposer()
    {
        // A linear velocity is the same on any lattice: v(p) = (growth, turn) times p.
        const int rows = 4, columns = 5;
        var halfHeight = (Height - 1) / (double)(Width - 1);
        var velocity = new float[2 * rows * columns];
        for (var i = 0; i < rows; i++)
            for (var j = 0; j < columns; j++)
            {
                double x = -1 + (2.0 * j / (columns - 1)), y = halfHeight * (-1 + (2.0 * i / (rows - 1)));
                velocity[(i * columns) + j] = (float)((Growth * x) - (Turn * y));
                velocity[((rows + i) * columns) + j] = (float)((Turn * x) + (Growth * y));
            }

        var graph = new AnswerGraph();
        graph.Output("velocity", graph.Constant([1, 2, rows, columns], velocity), OnnxElementType.Float, "N", 2, rows, columns);
        return graph.Model;
    }

    private void Save(OnnxModel model, string name)
    {
        model.OpsetImports[""] = Opset;
        model.Save(_folder[name]);
    }

    private JsonObject Entry(string file, string outputs, JsonNode value) => new()
    {
        ["file"] = file,
        ["sha256"] = Bundle.Hash(_folder[file]),
        ["input"] = AnswerGraph.Image,
        [outputs] = value.DeepClone(),
    };
}
