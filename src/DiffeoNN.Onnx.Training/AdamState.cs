using System.Numerics;

namespace DiffeoNN.Onnx.Training;

/// <summary>Adam's memory for one network, and its pass over the weights.</summary>
/// <remarks>Kingma, Ba, ICLR 2015. One thread in a fixed order: the same bits whatever the cores. Blocks of memory begin and end at
/// multiples of 16 numbers, so that vectors of up to 512 bits leave no rest.</remarks>
internal sealed class AdamState : IDisposable
{
    private readonly TrainableNetwork _network;

    public AdamState(TrainableNetwork network, bool isAveraged)
    {
        _network = network;
        (Gradient, Mean, Square) = (new FlatMemory(network.Shapes), new FlatMemory(network.Shapes), new FlatMemory(network.Shapes));
        if (!isAveraged)
            return;
        Average = new FlatMemory(network.Shapes);
        Average.CopyFrom(network.Memory);
    }

    public FlatMemory Gradient { get; }

    public FlatMemory Mean { get; }

    public FlatMemory Square { get; }

    /// <summary>The weights' moving average; null where none is kept.</summary>
    public FlatMemory? Average { get; }

    /// <summary>Sum of the gradient's squares.</summary>
    public unsafe double SquaredNorm()
    {
        var gradient = Gradient.Address;
        var sum = 0.0;
        // In short runs, whose sums in single precision are exact enough.
        const int Run = 1024;
        for (var start = 0L; start < Gradient.Length; start += Run)
        {
            var (end, lanes) = (Math.Min(start + Run, Gradient.Length), Vector<float>.Zero);
            for (var i = start; i < end; i += Vector<float>.Count)
            {
                var g = Vector.Load(gradient + i);
                lanes += g * g;
            }

            sum += Vector.Sum(lanes);
        }

        return sum;
    }

    /// <summary>Adds a multiple of another gradient.</summary>
    public unsafe void Accumulate(FlatMemory other, float factor)
    {
        float* sum = Gradient.Address, more = other.Address;
        for (var i = 0L; i < Gradient.Length; i += Vector<float>.Count)
            (Vector.Load(sum + i) + (Vector.Load(more + i) * factor)).Store(sum + i);
    }

    /// <summary>Multiplies the gradient.</summary>
    public unsafe void Scale(float factor)
    {
        var gradient = Gradient.Address;
        for (var i = 0L; i < Gradient.Length; i++)
            gradient[i] *= factor;
    }

    /// <summary>Changes the weights.</summary>
    /// <param name="options">Betas and decay.</param>
    /// <param name="rate">The step's learning rate.</param>
    /// <param name="step">Of this step, from 1.</param>
    /// <param name="scale">Of the gradient, to limit its norm.</param>
    public unsafe void Step(TrainerOptions options, double rate, int step, float scale)
    {
        float beta1 = (float)options.Beta1, beta2 = (float)options.Beta2;
        float rest1 = (float)(1 - options.Beta1), rest2 = (float)(1 - options.Beta2);
        var size = (float)(rate / (1 - Math.Pow(options.Beta1, step)));
        var root = (float)(1 / Math.Sqrt(1 - Math.Pow(options.Beta2, step)));
        var epsilon = (float)options.Epsilon;
        var decay = (float)options.WeightDecay;
        var isDecoupled = options.DecayKind == WeightDecayKind.Decoupled;
        var (kept, added) = isDecoupled ? ((float)(1 - (rate * options.WeightDecay)), 0f) : (1f, decay);
        var moved = (float)(1 - options.AverageDecay);
        float* weights = _network.Memory.Address, gradient = Gradient.Address, mean = Mean.Address, square = Square.Address;
        var average = Average is null ? null : Average.Address;
        var smallest = new Vector<float>(epsilon);
        for (var i = 0L; i < Gradient.Length; i += Vector<float>.Count)
        {
            var w = Vector.Load(weights + i);
            var g = (Vector.Load(gradient + i) * scale) + (w * added);
            var m = (Vector.Load(mean + i) * beta1) + (g * rest1);
            var v = (Vector.Load(square + i) * beta2) + (g * g * rest2);
            w = (w * kept) - (m * size / ((Vector.SquareRoot(v) * root) + smallest));
            m.Store(mean + i);
            v.Store(square + i);
            w.Store(weights + i);
            if (average is null)
                continue;
            var a = Vector.Load(average + i);
            (a + ((w - a) * moved)).Store(average + i);
        }
    }

    public void Dispose()
    {
        Gradient.Dispose();
        Mean.Dispose();
        Square.Dispose();
        Average?.Dispose();
    }
}
