using System.Runtime.InteropServices;
using DiffeoNN.Onnx.Gradients;

namespace DiffeoNN.Onnx.Diagnostics.Reading;

/// <summary>Whether a network's weights bear traces of training, or are as they were drawn.</summary>
/// <remarks>
/// What answers look like does not tell: however a network is drawn, larger inputs make it surer, and answers of smooth images are steady.
/// Weights that were drawn one by one, by whatever law, have nothing to do with one another; those that were trained have: neighbours in a
/// kernel go together, rows of a matrix overlap, some inputs count for more. Each of several such measures is put beside what it is by
/// chance, and one that is far beyond that in one tensor is a trace. The scale of a row counts for nothing, as statistics of the
/// training may be folded into it.
/// </remarks>
internal sealed class WeightTraces
{
    private const int Fewest = 16, MostRows = 64, MostColumns = 1024, Looked = 256, Few = 256;

    /// <summary>How likely weights that were drawn are taken for trained ones, over all measures together.</summary>
    private const double Chance = 1e-4;

    private WeightTraces(int drawn, long weights, double strongest, double needed) =>
        (Drawn, AreFew, Strongest, Needed) = (drawn, weights < Few, strongest, needed);

    /// <summary>Tensors of weights that may have been drawn; others, such as fixed filters, tell nothing.</summary>
    public int Drawn { get; }

    /// <summary>Whether there are so few weights that even training leaves none that chance would not.</summary>
    public bool AreFew { get; }

    /// <summary>The strongest trace, in standard deviations of chance.</summary>
    public double Strongest { get; }

    /// <summary>From where on it is one.</summary>
    public double Needed { get; }

    /// <summary>Whether all weights that tell anything are as they were drawn.</summary>
    public bool AreUntrained => Drawn > 0 && Strongest < Needed;

    /// <summary>Looks at a network.</summary>
    public static WeightTraces Of(OnnxModel model)
    {
        List<double> found = [];
        var (drawn, weights) = (0, 0L);
        foreach (var (tensor, outputsLast) in Weights(model.Graph))
        {
            if (Block(tensor, outputsLast) is not { } block) continue;
            drawn++;
            weights += tensor.Count;
            found.AddRange(Measures(block));
        }

        // The tail of a normal law, a little further out: measures of few weights have longer ones.
        return new WeightTraces(
            drawn, weights, found.DefaultIfEmpty(0).Max(), Math.Sqrt(2 * Math.Log(Math.Max(1, found.Count) / Chance)));
    }

    /// <summary>Constants that values are multiplied or convolved with, and whether their second dimension counts outputs.</summary>
    private static IEnumerable<(OnnxTensor Tensor, bool OutputsLast)> Weights(OnnxGraph graph)
    {
        var constants = new Dictionary<string, OnnxTensor>(graph.Initializers, StringComparer.Ordinal);
        foreach (var node in graph.Nodes.Where(node => node.OpType == "Constant"))
        {
            if (node.Attributes.TryGetValue("value", out var value) && value.Tensor is { } tensor)
                constants.TryAdd(node.Outputs[0], tensor);
        }

        // What only passes a tensor on; a transposed one has its outputs in the other place.
        foreach (var node in graph.Nodes.Where(node => node.OpType is "Identity" or "Transpose" or "Cast"))
        {
            if (constants.TryGetValue(node.Input(0), out var passed)) constants.TryAdd(node.Outputs[0], passed);
        }

        var seen = new HashSet<OnnxTensor>();
        foreach (var node in graph.Nodes.Where(node => node.OpType is "Conv" or "ConvTranspose" or "Gemm" or "MatMul"))
        {
            var outputsLast = node.OpType is "ConvTranspose" or "MatMul" || (node.OpType == "Gemm" && node.GetInt("transB", 0) == 0);
            for (var i = node.OpType is "Gemm" or "MatMul" ? 0 : 1; i < 2; i++)
            {
                if (constants.TryGetValue(node.Input(i), out var tensor) && tensor.Dimensions.Count >= 2 && seen.Add(tensor))
                    yield return (tensor, outputsLast);
            }
        }
    }

    /// <summary>Some of a tensor: for each kernel place a matrix of outputs by inputs, rows of mean square 1. Null where it tells nothing:
    /// few weights, or many that are equal, as nobody draws them.</summary>
    private static double[][,]? Block(OnnxTensor tensor, bool outputsLast)
    {
        if (tensor.Count < Fewest || Values(tensor) is not { } at) return null;
        var looked = (int)Math.Min(Looked, tensor.Count);
        if (Enumerable.Range(0, looked).Select(i => at(i)).Distinct().Count() < looked / 2) return null;
        var places = (int)tensor.Dimensions.Skip(2).Aggregate(1L, (product, size) => product * size);
        long first = tensor.Dimensions[0], second = tensor.Dimensions[1];
        var rows = (int)Math.Min(MostRows, outputsLast ? second : first);
        var columns = (int)Math.Clamp(MostColumns / Math.Max(1, places), 1, outputsLast ? first : second);
        if (places > MostColumns || rows * columns * places < Fewest) return null;
        var block = new double[places][,];
        double sum = 0;
        for (var place = 0; place < places; place++)
        {
            block[place] = new double[rows, columns];
            for (var row = 0; row < rows; row++)
            {
                for (var column = 0; column < columns; column++)
                {
                    var (outer, inner) = outputsLast ? (column, row) : (row, column);
                    var value = at((((outer * second) + inner) * places) + place);
                    if (!double.IsFinite(value)) return null;
                    block[place][row, column] = value;
                    sum += value;
                }
            }
        }

        var mean = sum / ((double)rows * columns * places);
        for (var row = 0; row < rows; row++)
        {
            var squares = block.Sum(matrix => Enumerable.Range(0, columns).Sum(column => Square(matrix[row, column] - mean)));
            var scale = squares > 0 ? Math.Sqrt(columns * (double)places / squares) : 0;
            foreach (var matrix in block)
                for (var column = 0; column < columns; column++) matrix[row, column] = (matrix[row, column] - mean) * scale;
        }

        return block;
    }

    private static Func<long, double>? Values(OnnxTensor tensor)
    {
        const int most = 1 << 22;
        if (tensor.ElementType == OnnxElementType.Float && BitConverter.IsLittleEndian)
        {
            var data = tensor.Data;
            return i => MemoryMarshal.Cast<byte, float>(data.Span)[(int)i];
        }

        if (!tensor.ElementType.IsFloat() || tensor.Count > most) return null;
        var values = tensor.ToDoubleArray();
        return i => values[i];
    }

    /// <summary>Each as a number that is about normal by chance, large where weights have to do with one another.</summary>
    private static IEnumerable<double> Measures(double[][,] block)
    {
        int places = block.Length, rows = block[0].GetLength(0), columns = block[0].GetLength(1), width = columns * places;
        // Rows of a matrix of all: inputs one after the other, each with its kernel.
        var matrix = new double[rows][];
        for (var row = 0; row < rows; row++)
        {
            matrix[row] = new double[width];
            for (var j = 0; j < width; j++) matrix[row][j] = block[j % places][row, j / places];
        }

        if (rows > 1) yield return Normal(SpreadOf([.. matrix.Select(row => row.Sum())], width), rows - 1);
        double[] sums = new double[width], energies = new double[width];
        double fourth = 0;
        foreach (var row in matrix)
        {
            for (var j = 0; j < width; j++)
            {
                sums[j] += row[j];
                energies[j] += Square(row[j]);
                fourth += Square(Square(row[j]));
            }
        }

        yield return Normal(SpreadOf(sums, rows), width - 1);
        fourth /= rows * (double)width;
        if (rows >= 8 && fourth > 1.1) yield return Normal(SpreadOf(energies, rows * (fourth - 1)), width - 1);
        if (Math.Min(rows, width) > 1 && Math.Max(rows, width) >= 8) yield return Overlap(matrix, rows, width);
        // Neighbours: along the inputs of a matrix or along both sides of a kernel.
        var side = places == 1 ? width : (int)Math.Round(Math.Sqrt(places));
        yield return Neighbours(matrix, j => (j + 1) % side != 0 ? j + 1 : -1);
        if (side > 1 && side < width && side * side == places)
            yield return Neighbours(matrix, j => (j % places) + side < places ? j + side : -1);
    }

    /// <summary>Variance of numbers over that by chance.</summary>
    private static double SpreadOf(double[] values, double expected)
    {
        var mean = values.Average();
        return values.Sum(value => Square(value - mean)) / Math.Max(1, values.Length - 1) / expected;
    }

    /// <summary>How much rows overlap, or columns where there are fewer of those.</summary>
    private static double Overlap(double[][] matrix, int rows, int width)
    {
        if (rows > width)
            matrix = [.. Enumerable.Range(0, width).Select(j => matrix.Select(row => row[j]).ToArray())];
        var count = Math.Min(MostRows, matrix.Length);
        double sum = 0;
        for (var a = 0; a < count; a++)
        {
            for (var b = 0; b < a; b++)
                sum += Square(System.Numerics.Tensors.TensorPrimitives.Dot<double>(matrix[a], matrix[b])) / matrix[a].Length;
        }

        var pairs = count * (count - 1) / 2;
        return Normal(sum / pairs, pairs);
    }

    private static double Neighbours(double[][] matrix, Func<int, int> next)
    {
        var (sum, count) = (0.0, 0);
        foreach (var row in matrix)
        {
            for (var j = 0; j < row.Length; j++)
            {
                if (next(j) is not (var other and >= 0) || other >= row.Length) continue;
                sum += row[j] * row[other];
                count++;
            }
        }

        return count > 0 ? Math.Abs(sum) / Math.Sqrt(count) : 0;
    }

    /// <summary>A variance over the expected one as a number that is about normal (Wilson and Hilferty).</summary>
    private static double Normal(double ratio, double freedom)
    {
        var spread = 2 / (9 * freedom);
        return freedom < 1 ? 0 : (Math.Cbrt(ratio) - (1 - spread)) / Math.Sqrt(spread);
    }

    private static double Square(double value) => value * value;
}
